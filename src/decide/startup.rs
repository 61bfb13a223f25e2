//! What a server needs from the system to start: one table, with a reason for
//! each row.
//!
//! None of these rows allows a directory to be listed, but for one with the
//! sockets of systemd's name service, for accounts that may need it. Rows whose
//! path does not exist on a host are skipped, so one table serves every
//! distribution.

use std::path::{Path, PathBuf};

use landlock::{AccessFs, BitFlags, make_bitflags};

use super::plan::Lookup::{self, DirectoryItself, Follow, FollowLast};
use super::plan::{Grant, ServerKind};

/// One row: path, rights, which servers need it, how it is looked up, and why.
struct StartupFile(&'static str, BitFlags<AccessFs>, Who, Lookup, &'static str);

/// Which servers need a row.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    All,
    Rsync,
}

/// To read files.
pub(super) const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile});
/// To list a directory.
const LIST: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadDir});
/// To run a program.
pub(super) const RUN: BitFlags<AccessFs> = make_bitflags!(AccessFs::{Execute | ReadFile});
const READ_WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile});

const TABLE: &[StartupFile] = &[
    StartupFile(
        INTERPRETER_GNU,
        RUN,
        Who::All,
        Follow,
        "the kernel runs a dynamically linked program through its interpreter",
    ),
    StartupFile(
        INTERPRETER_MUSL,
        RUN,
        Who::All,
        Follow,
        "the interpreter of a host with musl",
    ),
    StartupFile(
        MUSL_DIRECTORIES,
        READ,
        Who::All,
        FollowLast,
        "where musl's interpreter looks for libraries: it finds none if the file is there and closed",
    ),
    StartupFile(
        "/usr/lib",
        READ,
        Who::All,
        Follow,
        "shared libraries and NSS modules",
    ),
    StartupFile(
        "/usr/lib64",
        READ,
        Who::All,
        Follow,
        "shared libraries, 64-bit directory",
    ),
    StartupFile(
        "/lib",
        READ,
        Who::All,
        DirectoryItself,
        "shared libraries of a host without merged /usr",
    ),
    StartupFile(
        "/lib64",
        READ,
        Who::All,
        DirectoryItself,
        "shared libraries of a host without merged /usr",
    ),
    StartupFile(
        "/etc/ld.so.cache",
        READ,
        Who::All,
        Follow,
        "where the libraries are (ld.so(8))",
    ),
    StartupFile(
        "/etc/passwd",
        READ,
        Who::All,
        Follow,
        "sftp-server and scp exit without a passwd entry; names in listings",
    ),
    StartupFile(
        "/etc/group",
        READ,
        Who::All,
        Follow,
        "group names in listings",
    ),
    StartupFile(
        "/etc/nsswitch.conf",
        READ,
        Who::All,
        Follow,
        "where accounts are looked up (nsswitch.conf(5))",
    ),
    StartupFile(
        "/etc/localtime",
        READ,
        Who::All,
        Follow,
        "times in listings",
    ),
    StartupFile(
        "/dev/null",
        READ_WRITE,
        Who::All,
        Follow,
        "OpenSSH reopens closed standard descriptors on it",
    ),
    StartupFile(
        LIBCRYPTO,
        READ,
        Who::Rsync,
        Follow,
        "libcrypto reads it at start (config(5ssl))",
    ),
    StartupFile(
        "/dev/urandom",
        READ,
        Who::Rsync,
        Follow,
        "names of temporary files that nobody can guess (3.5 on; rand(3) without it)",
    ),
];

#[cfg(target_arch = "x86_64")]
const INTERPRETER_GNU: &str = "/lib64/ld-linux-x86-64.so.2";
#[cfg(target_arch = "x86_64")]
const INTERPRETER_MUSL: &str = "/lib/ld-musl-x86_64.so.1";
#[cfg(target_arch = "x86_64")]
const MUSL_DIRECTORIES: &str = "/etc/ld-musl-x86_64.path";
#[cfg(target_arch = "aarch64")]
const INTERPRETER_GNU: &str = "/lib/ld-linux-aarch64.so.1";
#[cfg(target_arch = "aarch64")]
const INTERPRETER_MUSL: &str = "/lib/ld-musl-aarch64.so.1";
#[cfg(target_arch = "aarch64")]
const MUSL_DIRECTORIES: &str = "/etc/ld-musl-aarch64.path";

/// Files of libnss-extrausers and of Debian's libnss-db, for accounts that are
/// not in /etc/passwd. Both open them without O_CLOEXEC.
const OPENED_LIKE_NAMED: [&str; 4] = [
    "/var/lib/extrausers/passwd",
    "/var/lib/extrausers/group",
    "/var/lib/misc/passwd.db",
    "/var/lib/misc/group.db",
];

/// Files of other sources: the C library's own db; the memory of sssd, which it
/// shares with everybody; and the number of the host, to which parts of a record
/// of systemd's can be bound.
const NAME_SERVICE_FILES: [&str; 5] = [
    "/var/db/passwd.db",
    "/var/db/group.db",
    "/var/lib/sss/mc/passwd",
    "/var/lib/sss/mc/group",
    "/etc/machine-id",
];

/// Directories with one file for each account and group (nss-systemd(8)): the
/// library reads what no service knows. What only root may read there has a
/// file of its own.
const NAME_SERVICE_RECORDS: [&str; 5] = [
    "/etc/userdb",
    "/run/userdb",
    "/run/host/userdb",
    "/usr/local/lib/userdb",
    "/usr/lib/userdb",
];

/// The directory with the sockets of systemd's services, which nss-systemd(8)
/// lists to find them.
const NAME_SERVICE_DIRECTORY: &str = "/run/systemd/userdb";

/// Sockets of the name service, to which the guard connects for the server: of
/// nscd, sssd, nslcd, winbind and systemd (nss-systemd(8), userdbctl(1)). A
/// library may also know them below /var/run, which is a link to /run.
/// winbind's other pipe, winbindd_privileged, is not for accounts.
const NAME_SERVICE_SOCKETS: [&str; 13] = [
    "/run/nscd/socket",
    "/var/run/nscd/socket",
    "/var/lib/sss/pipes/nss",
    "/run/nslcd/socket",
    "/var/run/nslcd/socket",
    "/run/samba/winbindd/pipe",
    "/var/run/samba/winbindd/pipe",
    "/run/systemd/userdb/io.systemd.Multiplexer",
    "/run/systemd/userdb/io.systemd.NameServiceSwitch",
    "/run/systemd/userdb/io.systemd.DropIn",
    "/run/systemd/userdb/io.systemd.DynamicUser",
    "/run/systemd/userdb/io.systemd.Home",
    "/run/systemd/userdb/io.systemd.Machine",
];

/// The sockets that a server of this account may need.
pub(super) fn name_service_sockets(name_service: bool) -> Vec<PathBuf> {
    let sockets = NAME_SERVICE_SOCKETS.iter().filter(|_| name_service);
    sockets.map(PathBuf::from).collect()
}

/// The configuration of libcrypto, which it opens without O_CLOEXEC.
const LIBCRYPTO: &str = "/etc/ssl/openssl.cnf";

/// The files that a library may open in the same way as the server opens what a
/// client names.
pub(super) fn library_files(kind: ServerKind, name_service: bool) -> Vec<PathBuf> {
    let files = OPENED_LIKE_NAMED.iter().filter(|_| name_service);
    let rsync = matches!(kind, ServerKind::RsyncReceiver | ServerKind::RsyncSender);
    let libcrypto = rsync.then_some(&LIBCRYPTO);
    files.chain(libcrypto).map(PathBuf::from).collect()
}

/// The start-up rows for a server.
pub(super) fn grants(kind: ServerKind, name_service: bool) -> Vec<Grant> {
    let rsync = matches!(kind, ServerKind::RsyncReceiver | ServerKind::RsyncSender);
    let rows = TABLE.iter().filter(|row| row.2 == Who::All || rsync);
    let mut grants: Vec<_> = rows.map(grant).collect();
    if name_service {
        let reason = "accounts that are not in /etc/passwd";
        let row = |path, access| grant(&StartupFile(path, access, Who::All, Follow, reason));
        let files = OPENED_LIKE_NAMED.iter().chain(&NAME_SERVICE_FILES);
        let files = files.chain(&NAME_SERVICE_RECORDS);
        grants.extend(files.map(|path| row(path, READ)));
        grants.push(row(NAME_SERVICE_DIRECTORY, LIST));
    }
    grants
}

fn grant(row: &StartupFile) -> Grant {
    let StartupFile(path, access, _, lookup, reason) = *row;
    Grant {
        path: PathBuf::from(path),
        access,
        reason,
        lookup,
    }
}

/// Whether a row has the loader that a program names so.
pub(super) fn has_interpreter(named: &Path) -> bool {
    [INTERPRETER_GNU, INTERPRETER_MUSL]
        .map(Path::new)
        .contains(&named)
}

/// Whether each server may read this file or directory, a path without links:
/// libraries of the distribution lie in the directories of the table.
pub fn is_readable(path: &Path) -> bool {
    let mut rows = TABLE.iter().filter(|row| row.2 == Who::All);
    rows.any(|row| row.1.contains(AccessFs::ReadFile) && path.starts_with(row.0))
}

/// The row of the server program itself.
pub(super) fn program(path: PathBuf) -> Grant {
    Grant {
        path,
        access: RUN,
        reason: "the server program",
        lookup: Lookup::Exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_lists_a_directory_or_makes_anything() {
        for row in TABLE {
            let most = make_bitflags!(AccessFs::{Execute | ReadFile | WriteFile});
            assert!(most.contains(row.1), "{}", row.0);
            let writes = row.1.contains(AccessFs::WriteFile);
            assert_eq!(writes, row.0 == "/dev/null", "{}", row.0);
            assert!(!row.4.is_empty(), "{}", row.0);
        }
    }
}
