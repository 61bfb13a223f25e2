//! fallocate(2): the modes with which a file grows past its size limit, or takes more disk space than its size shows,
//! and those that rsync needs.

use super::{ATTACK, RSYNC, attack, attacked, number};
use crate::harness::{Account, Host, Output};

/// `<linux/falloc.h>`.
const KEEP_SIZE: u32 = 0x01;
const PUNCH_HOLE: u32 = 0x02;
const COLLAPSE_RANGE: u32 = 0x08;
const ZERO_RANGE: u32 = 0x10;
const INSERT_RANGE: u32 = 0x20;
const UNSHARE_RANGE: u32 = 0x40;
const WRITE_ZEROES: u32 = 0x80;

const UNSUPPORTED: u64 = 95;
const MIB: u64 = 1 << 20;
/// The limit on the size of a file.
const BOUND: u64 = 2 * MIB;

/// A host where the uploads of both accounts are on a separate ext4, which supports every mode but the newest.
fn host() -> Host {
    let host = attacked("max_file_size = \"2M\"\n");
    let script = r#"
        # The machine's own loop devices: this one frees itself with the last mount of it.
        mknod /dev/loop-control c 10 237
        for n in $(seq 0 63); do mknod /dev/loop$n b 7 $n; done
        truncate -s 512M /mnt/disk
        mkfs.ext4 -q -F /mnt/disk
        mkdir /mnt/ext4
        mount -o loop /mnt/disk /mnt/ext4
        for name in plain alice; do
            mkdir /mnt/ext4/$name
            chown $name: /mnt/ext4/$name
            mount --bind /mnt/ext4/$name /home/$name/uploads
        done
    "#;
    host.shell_line(&format!("set -e; {script}"));
    host
}

/// fallocate(2) with `mode` on a new file of one MiB, with the same limit in both accounts.
fn allocate(host: &Host, account: &Account, mode: u32, offset: u64, length: u64) -> Output {
    let words =
        format!("allocate uploads/m{mode}-{offset}-{length} {MIB} {mode} {offset} {length}");
    if account.name == "plain" {
        // What the policy sets for the server, as bash counts it.
        let line = format!("ulimit -f {} && exec {ATTACK}", BOUND / 1024);
        let command = ["-c", "exec bash -c \"$1\"", "sh", &line];
        let mut shell = host.shell(account);
        return host.run(shell.args(command), format!("{words}\n").as_bytes());
    }
    attack(host, account, RSYNC, &words)
}

#[test]
fn modes_that_pass_the_bounds_are_refused() {
    let host = host();
    // A file of 1 MiB becomes one of 65; or it keeps its size and holds 64 MiB of the disk.
    let rows = [
        ("INSERT_RANGE", INSERT_RANGE, 0, 65 * MIB, MIB),
        ("KEEP_SIZE", KEEP_SIZE, MIB, MIB, 65 * MIB),
        (
            "ZERO_RANGE, KEEP_SIZE",
            ZERO_RANGE | KEEP_SIZE,
            MIB,
            MIB,
            65 * MIB,
        ),
    ];
    for (name, mode, offset, size, held) in rows {
        let plain = allocate(&host, host.plain(), mode, offset, 64 * MIB);
        assert_eq!(number(&plain, "errno"), 0, "{name}: {plain}");
        assert_eq!(number(&plain, "size"), size, "{name}: {plain}");
        assert!(number(&plain, "blocks") * 512 >= held, "{name}: {plain}");
        assert!(size.max(held) > BOUND, "{name} passes the bound");
        let alice = allocate(&host, host.alice(), mode, offset, 64 * MIB);
        assert_eq!(number(&alice, "errno"), UNSUPPORTED, "{name}: {alice}");
        assert_eq!(number(&alice, "size"), MIB, "{name}: {alice}");
        assert!(number(&alice, "blocks") * 512 < BOUND, "{name}: {alice}");
    }
}

#[test]
fn modes_that_no_server_needs_are_refused() {
    let host = host();
    // What ext4 itself does not support fails in an ordinary account too.
    for (name, mode, known) in [
        ("COLLAPSE_RANGE", COLLAPSE_RANGE, true),
        ("ZERO_RANGE", ZERO_RANGE, true),
        ("UNSHARE_RANGE", UNSHARE_RANGE, false),
        ("WRITE_ZEROES", WRITE_ZEROES, false),
        ("a flag of the future", 0x4000_0000, false),
        (
            "a mode and a flag of the future",
            PUNCH_HOLE | KEEP_SIZE | 0x100,
            false,
        ),
    ] {
        let plain = allocate(&host, host.plain(), mode, 0, MIB / 2);
        assert_eq!(number(&plain, "errno") == 0, known, "{name}: {plain}");
        let alice = allocate(&host, host.alice(), mode, 0, MIB / 2);
        assert_eq!(number(&alice, "errno"), UNSUPPORTED, "{name}: {alice}");
        assert_eq!(number(&alice, "size"), MIB, "{name}: {alice}");
    }
}

#[test]
fn what_rsync_needs_works_within_the_bound() {
    let host = host();
    for account in [host.plain(), host.alice()] {
        let within = allocate(&host, account, 0, MIB, MIB / 2);
        assert_eq!(number(&within, "errno"), 0, "{within}");
        assert_eq!(number(&within, "size"), MIB + MIB / 2, "{within}");
        // EFBIG: the limit applies to the mode that is allowed.
        let beyond = allocate(&host, account, 0, MIB, 64 * MIB);
        assert_ne!(number(&beyond, "errno"), 0, "{beyond}");
        assert_eq!(number(&beyond, "size"), MIB, "{beyond}");
        let hole = allocate(&host, account, PUNCH_HOLE | KEEP_SIZE, 0, MIB / 2);
        assert_eq!(number(&hole, "errno"), 0, "{hole}");
        assert_eq!(number(&hole, "size"), MIB, "{hole}");
        assert!(number(&hole, "blocks") * 512 < MIB, "{hole}");
    }
}
