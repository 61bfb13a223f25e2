//! A file system that finds a file by more names than the stored one, or that cannot rename only to a free name:
//! `tests/programs/folding.c` through FUSE.

use super::account::Account;
use super::host::Host;
use super::programs::Kind;

impl Host {
    /// Puts such a file system in place of the account's uploads, empty at first; returns where its files are stored.
    /// `words` say what is odd about it.
    pub fn mount_folding(&self, account: &Account, words: &str) -> String {
        if !self.exists("/opt/folding") {
            self.install_program("folding", Kind::ProgramWith("-lfuse3"));
        }
        let stored = format!("/mnt/{}", account.name);
        self.shell_line(&format!(
            "set -e; [ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229
             mkdir -p {stored}; chown {id}:{id} {stored}; /opt/folding {stored} {uploads} {words}",
            uploads = account.at("uploads").display(),
            id = account.id
        ));
        stored
    }
}
