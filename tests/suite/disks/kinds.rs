//! The file systems, and how each is mounted.

use crate::harness::Host;

/// What of a test host is on the file system.
#[derive(Clone, Copy, PartialEq)]
pub enum On {
    /// The homes, all of them.
    Homes,
    /// Each account's uploads: the file system has no owners, so that each account has a mount with its own.
    Uploads,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Need {
    /// The kernel always has it, or its program is installed by `tests/run`.
    Always,
    /// Only where the kernel or the program has it.
    IfThere,
}

pub struct Disk {
    pub name: &'static str,
    /// How it is mounted, as the table says it.
    pub how: &'static str,
    pub on: On,
    pub need: Need,
    /// Mounts it at `$M`. `$HERE` is an empty directory of this mount alone, `$FRESH` has the homes as they shall be
    /// found there (for file systems that show another directory), `$ID` is the account's with [`On::Uploads`].
    script: &'static str,
}

const fn always(name: &'static str, how: &'static str, script: &'static str) -> Disk {
    Disk {
        name,
        how,
        on: On::Homes,
        need: Need::Always,
        script,
    }
}

const fn if_there(name: &'static str, how: &'static str, on: On, script: &'static str) -> Disk {
    Disk {
        name,
        how,
        on,
        need: Need::IfThere,
        script,
    }
}

pub const TMPFS: Disk = always("tmpfs", "", "mount -t tmpfs -o mode=755 tmpfs $M");

pub const EXT4: Disk = always("ext4", "loop", "image 64M mkfs.ext4 -q");

pub const OVERLAY: Disk = always(
    "overlay",
    "homes below, in another file system (ext4) than the upper directory (tmpfs), as in a container",
    "image 64M mkfs.ext4 -q && cp -a $FRESH/. $M && mkdir $HERE/upper $HERE/work $HERE/all &&
     mount -t overlay -o lowerdir=$M,upperdir=$HERE/upper,workdir=$HERE/work overlay $HERE/all &&
     mount --move $HERE/all $M",
);

pub const OVERLAY_ONE: Disk = always(
    "overlay",
    "homes below, in the same file system (tmpfs) as the upper directory",
    "mkdir $HERE/upper $HERE/work &&
     mount -t overlay -o lowerdir=$FRESH,upperdir=$HERE/upper,workdir=$HERE/work overlay $M",
);

pub const BINDFS: Disk = always(
    "bindfs (FUSE)",
    "of ext4",
    "image 64M mkfs.ext4 -q && mkdir $HERE/seen && bindfs $M $HERE/seen && mount --move $HERE/seen $M",
);

pub const MERGERFS: Disk = always(
    "mergerfs (FUSE)",
    "two branches",
    "mkdir $HERE/a $HERE/b && mergerfs -o allow_other,use_ino,category.create=mfs $HERE/a:$HERE/b $M",
);

pub const XFS: Disk = if_there("xfs", "loop", On::Homes, "image 320M mkfs.xfs -q");

pub const BTRFS: Disk = if_there("btrfs", "loop", On::Homes, "image 128M mkfs.btrfs -q");

pub const BTRFS_SUBVOLUMES: Disk = if_there(
    "btrfs",
    "loop; each home, a directory in it and one below are subvolumes",
    On::Homes,
    "image 128M mkfs.btrfs -q && for name in $(ls $FRESH); do
         btrfs -q subvolume create $M/$name; btrfs -q subvolume create $M/$name/site
         mkdir $M/$name/uploads; btrfs -q subvolume create $M/$name/uploads/sub
     done",
);

pub const EXFAT_FUSE: Disk = if_there(
    "exfat-fuse (FUSE)",
    "uid=, gid=",
    On::Uploads,
    "truncate -s 64M $HERE/image && mkfs.exfat $HERE/image >$HERE/said &&
     device=$(losetup -f --show $HERE/image) &&
     mount.exfat-fuse -o uid=$ID,gid=$ID,umask=022,allow_other $device $M >$HERE/said && losetup -d $device",
);

pub const EXFAT: Disk = if_there(
    "exfat",
    "loop,uid=,gid=",
    On::Uploads,
    "truncate -s 64M $HERE/image && mkfs.exfat $HERE/image >$HERE/said &&
     mount -t exfat -o loop,uid=$ID,gid=$ID $HERE/image $M",
);

/// FAT32: the first directory of the smaller ones has room for 512 entries only.
pub const VFAT: Disk = if_there(
    "vfat",
    "FAT32; loop,uid=,gid=",
    On::Uploads,
    "truncate -s 64M $HERE/image && mkfs.vfat -F 32 -s 1 $HERE/image >$HERE/said &&
     mount -t vfat -o loop,uid=$ID,gid=$ID $HERE/image $M",
);

pub const CASEFOLD: Disk = if_there(
    "ext4 with casefold",
    "loop; all directories fold case",
    On::Homes,
    "image 64M mkfs.ext4 -q -O casefold && chattr +F $M",
);

/// Mounted before the test, with `no_root_squash`: the kernel's server is another network namespace's.
pub const NFS_4: Disk = if_there(
    "NFS 4.2",
    "the kernel's client and server, of ext4",
    On::Homes,
    "at=$(mktemp -d ${XFERSH_TEST_NFS:?is not set}/4/XXXXXX) && chmod 755 $at && mount --bind $at $M",
);

pub const NFS_3: Disk = if_there(
    "NFS 3",
    "the kernel's client and server, of ext4",
    On::Homes,
    "at=$(mktemp -d ${XFERSH_TEST_NFS:?is not set}/3/XXXXXX) && chmod 755 $at && mount --bind $at $M",
);

/// What the scripts use: an ext4 or the like in a file. The loop devices are the machine's own; each frees itself with
/// the last mount of it.
const FUNCTIONS: &str = r#"
    [ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229
    [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
    for n in $(seq 0 63); do [ -e /dev/loop$n ] || mknod /dev/loop$n b 7 $n; done
    image() {
        truncate -s $1 $HERE/image && shift && "$@" $HERE/image && mount -o loop $HERE/image $M && rm -rf $M/lost+found
    }
"#;

impl Disk {
    /// Mounts it in place of what it shall hold, with the same files; the error is what a command said.
    pub fn mount(&self, host: &Host) -> Result<(), String> {
        // What is older than the test is so in both accounts.
        host.shell_line(
            "rm -rf /mnt/fresh; find /home -exec touch -h -d 2020-02-02 {} +; cp -a /home /mnt/fresh",
        );
        match self.on {
            On::Homes => self.mount_at(host, "/mnt/homes", 0)?,
            On::Uploads => {
                for account in [host.plain(), host.alice()] {
                    self.mount_at(host, &format!("/mnt/{}", account.name), account.id)?;
                }
            }
        }
        Ok(())
    }

    fn mount_at(&self, host: &Host, at: &str, id: u32) -> Result<(), String> {
        let name = at.trim_start_matches("/mnt/");
        let (fresh, to) = match self.on {
            On::Homes => ("/mnt/fresh".to_owned(), "/home".to_owned()),
            On::Uploads => (
                format!("/mnt/fresh/{name}/uploads"),
                format!("/home/{name}/uploads"),
            ),
        };
        let fill = match self.on {
            _ if self.name == OVERLAY.name => "true",
            On::Homes => "cp -a $FRESH/. $M",
            // It has neither links nor owners.
            On::Uploads => "rsync -rt --no-links $FRESH/ $M/",
        };
        let script = self.script;
        let line = format!(
            "export HERE={at}.here M={at} FRESH={fresh} ID={id}; mkdir -p $HERE $M || exit 1
             {FUNCTIONS}
             {{ {script}; }} && {fill} && mount --move $M {to}"
        );
        let output = host.root("sh", &["-c", &line]);
        if output.code() == 0 {
            return Ok(());
        }
        let said = output.err();
        let said = said.lines().next().unwrap_or("no reason").trim().to_owned();
        Err(format!("`{}` failed: {said}", first_command(script)))
    }
}

/// The command by which a reader knows what was tried.
fn first_command(script: &str) -> String {
    let parts: Vec<&str> = script.split("&&").map(str::trim).collect();
    let mounts = parts.iter().rfind(|part| part.contains("mount"));
    let words = mounts.or_else(|| parts.iter().find(|part| part.contains("mkfs")));
    words
        .unwrap_or(&script)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
