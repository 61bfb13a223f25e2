//! The disk below a session is full, fails, becomes read-only or goes away, after a file has been uploaded: the client
//! is told so, the log too, nothing hangs, and what had arrived stays.

use crate::harness::sftp::{CREATE, Reply, WRITE};
use crate::harness::{Account, Host, Sftp};

const CONTENT: &[u8] = b"arrived before";
/// More than the small disks have room for.
const MUCH: usize = 4 << 20;

/// What the log has of it.
#[derive(PartialEq)]
enum Says {
    /// A line for what failed.
    Failed,
    /// The line of the file has the bytes that are there: of writing to an open file the guard knows nothing else.
    Bytes,
    /// Nothing: no name is there any more, which is no failure but an answer.
    Nothing,
}

/// A disk at the account's `uploads`, and what is done to it while a session is open; `$HOME` is the account's home, `$ID`
/// its uid.
struct Trouble {
    name: &'static str,
    mount: &'static str,
    /// Afterwards `uploads` is looked at again as it was.
    harm: &'static str,
    mend: &'static str,
    /// Whether the bytes that had arrived can be looked at afterwards.
    stays: bool,
    log: Says,
}

const OWN: &str = "chown $ID:$ID $HOME/uploads; chmod 755 $HOME/uploads";
/// A disk that can still be looked at where it is no longer mounted at `uploads`.
const DISK: &str = "mkdir -p /opt/disk/$ID; mount -t tmpfs tmpfs /opt/disk/$ID; \
    mount --bind /opt/disk/$ID $HOME/uploads";
/// A file system of its own process, into whose calls an error is put while the session is open.
const BINDFS: &str = "[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229; mkdir -p /opt/below/$ID; chown $ID:$ID /opt/below/$ID; rm -rf $HOME/uploads; \
    mkdir $HOME/uploads; bindfs -o allow_other,attr_timeout=0,entry_timeout=0 /opt/below/$ID $HOME/uploads";

const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "ENOSPC",
        mount: "mount -t tmpfs -o size=64k tmpfs $HOME/uploads",
        harm: "true",
        mend: "true",
        stays: true,
        log: Says::Bytes,
    },
    Trouble {
        name: "no inode is left",
        mount: "mount -t tmpfs -o nr_inodes=3 tmpfs $HOME/uploads",
        harm: "true",
        mend: "true",
        stays: true,
        log: Says::Failed,
    },
    Trouble {
        name: "EDQUOT",
        mount: BINDFS,
        harm: "inject EDQUOT pwrite64,write,pwritev",
        mend: "stop_injecting",
        stays: true,
        log: Says::Bytes,
    },
    Trouble {
        name: "read-only",
        mount: "mount -t tmpfs tmpfs $HOME/uploads",
        harm: "mount -o remount,ro $HOME/uploads",
        mend: "mount -o remount,rw $HOME/uploads",
        stays: true,
        log: Says::Failed,
    },
    Trouble {
        name: "unmounted",
        mount: DISK,
        harm: "umount -l $HOME/uploads",
        mend: "mount --bind /opt/disk/$ID $HOME/uploads",
        stays: true,
        log: Says::Bytes,
    },
    Trouble {
        name: "removed",
        mount: "true",
        harm: "rm -rf $HOME/*",
        mend: "true",
        stays: false,
        log: Says::Nothing,
    },
    Trouble {
        name: "EIO",
        mount: BINDFS,
        harm: "inject EIO",
        mend: "stop_injecting",
        stays: true,
        log: Says::Failed,
    },
    Trouble {
        name: "ESTALE",
        mount: BINDFS,
        harm: "inject ESTALE",
        mend: "stop_injecting",
        stays: true,
        log: Says::Failed,
    },
    Trouble {
        name: "its process is gone",
        mount: BINDFS,
        harm: "kill -9 $(bindfs_of)",
        mend: "umount -l $HOME/uploads; eval \"$MOUNT\"",
        stays: true,
        log: Says::Failed,
    },
];

/// The host's processes have a namespace of their own, so that a name finds only those of this host.
const FUNCTIONS: &str = r#"
bindfs_of() { for at in /proc/[0-9]*; do
    tr '\0' ' ' <$at/cmdline 2>/dev/null | grep -q "^bindfs .*$HOME/uploads" && echo ${at#/proc/}; done || true; }
inject() {
    calls=${2-pwrite64,write,pwritev,openat,mknodat,mknod,open,mkdir,mkdirat}
    strace -f -qq -o /dev/null -e trace=$calls -e inject=$calls:error=$1 -p $(bindfs_of | head -n 1) </dev/null >/dev/null 2>/opt/strace &
    echo $! >/opt/injecting
    until grep -q "TracerPid:.*[1-9]" /proc/$(bindfs_of | head -n 1)/status; do sleep 0.05; done
}
stop_injecting() { kill $(cat /opt/injecting); while [ -e /proc/$(cat /opt/injecting) ]; do sleep 0.05; done; }
"#;

fn run(host: &Host, account: &Account, trouble: &Trouble, line: &str) {
    let home = account.home();
    let id = account.id;
    let mount = trouble.mount;
    host.shell_line(&format!(
        "HOME={}; ID={id}; MOUNT='{mount}'\n{FUNCTIONS}\nset -e\n{line}",
        home.display()
    ));
}

/// What the client is told of an upload in 32 KiB pieces, then of another new file and a directory.
fn more(sftp: &mut Sftp) -> Vec<Reply> {
    let mut told = Vec::new();
    match sftp.handle(|sftp| sftp.open("uploads/large", WRITE | CREATE)) {
        Err(reply) => told.push(reply),
        Ok(handle) => {
            let piece = vec![b'x'; 32 << 10];
            for at in (0..MUCH).step_by(piece.len()) {
                let reply = sftp.write(&handle, at as u64, &piece);
                let failed = !reply.ok();
                told.push(reply);
                if failed {
                    break;
                }
            }
            told.push(sftp.close(&handle));
        }
    }
    for number in 0..3 {
        told.push(sftp.mkdir(&format!("uploads/directory-{number}")));
    }
    told
}

fn survives(host: &Host, account: &Account, trouble: &Trouble) {
    let Trouble {
        name, harm, mend, ..
    } = trouble;
    let is_ours = account.name == "alice";
    run(host, account, trouble, &format!("{}\n{OWN}", trouble.mount));
    let _ = host.log();
    let mut sftp = host.raw_sftp_direct(account);
    assert!(sftp.put("uploads/before", CONTENT).ok(), "{name}");
    run(host, account, trouble, harm);
    let told = more(&mut sftp);
    // Some request fails, and the connection goes on. Where a disk is unmounted lazily, which umount(8) must be told, an
    // ordinary account goes on in the directory below it. A session goes on on the disk: the guard acts on the directory
    // that it has judged.
    let failed = told.iter().filter(|reply| !reply.ok()).count();
    let goes_on = *name == "unmounted";
    assert_eq!(failed == 0, goes_on, "{name}: {}: {told:?}", account.name);
    assert!(
        !told.contains(&Reply::End),
        "{name}: {}: {told:?}",
        account.name
    );
    if is_ours {
        let dotfile = sftp.put(".new", CONTENT);
        assert!(!dotfile.ok(), "{name}: {dotfile:?}");
        assert_eq!(sftp.end(), 0, "{name}");
        assert!(!host.exists(account.at(".new")), "{name}");
        let log: Vec<String> = host.log().into_iter().map(|line| line.text).collect();
        if trouble.log == Says::Failed {
            let says = |line: &String| line.contains(" failed call=") && line.contains(" errno=");
            assert!(log.iter().any(says), "{name}: {log:#?}");
        } else if trouble.log == Says::Bytes {
            let at = match goes_on {
                true => format!("/opt/disk/{}/large", account.id).into(),
                false => account.at("uploads/large"),
            };
            let size = host.read(at).len();
            assert_eq!(size == MUCH, goes_on, "{name}: {size}");
            let says = format!(
                "created file bytes={size} path=\"{}/uploads/large\"",
                account.home().display()
            );
            assert!(
                log.iter().any(|line| line.contains(&says)),
                "{name}: {says} {log:#?}"
            );
        }
        let last = log.last().expect("a line");
        assert!(last.contains(" end server=exited:0"), "{name}: {log:#?}");
        assert!(!last.contains(" lost="), "{name}: {log:#?}");
    } else {
        sftp.end();
    }
    assert_eq!(host.processes_of(account), [""; 0], "{name}");
    run(host, account, trouble, mend);
    if trouble.stays {
        assert_eq!(host.read(account.at("uploads/before")), CONTENT, "{name}");
    }
    run(
        host,
        account,
        trouble,
        "for pid in $(bindfs_of); do kill $pid; done; umount -l $HOME/uploads 2>/dev/null || true",
    );
}

#[test]
fn the_disk_fails_while_a_session_is_open() {
    let host = Host::new();
    for trouble in TROUBLES {
        for account in [host.plain(), host.alice()] {
            host.refurnish();
            survives(&host, account, trouble);
        }
    }
}
