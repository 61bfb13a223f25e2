//! What chance alone would not produce often enough: a few scenarios, with names and rights from the seed.

use super::ground::{ALL, Dotfiles};
use super::racing::Part;
use super::random::Random;
use super::run::Run;
use super::session::{Kind, Op};
use super::world::Fixed;

const NO_REMOVING: &[&str] = &["list", "read", "create", "mkdir", "rename"];
const APPEND_ONLY: &[&str] = &["list", "read", "create", "mkdir", "link"];
const UPLOAD_ONLY: &[&str] = &["create", "mkdir"];

/// One renames a file from where dotfiles are allowed (or hidden) to where they are not, another replaces the file with
/// a directory that contains a dotfile.
pub fn exchanged(random: &mut Random) -> Vec<Fixed> {
    let from = *random.pick(&[Dotfiles::Allowed, Dotfiles::Hidden]);
    vec![("dev", ALL, from), ("uploads", ALL, Dotfiles::Protected)]
}

pub fn exchange(run: &mut Run, repeat: usize) {
    run.put_there(&["dev/f", "dev/g/.htaccess", "dev/g/a"]);
    let call = *run.random.pick(&["rename", "move"]);
    let out = format!("{call} dev/f uploads/out");
    let back = format!("{call} uploads/out dev/f");
    let kind = *run.random.pick(&[Kind::Sftp, Kind::Rsync, Kind::Plain]);
    run.race(&[
        Part::new(kind, &[&out, &back], repeat),
        Part::new(
            Kind::Sftp,
            &[
                "rename dev/f dev/h",
                "rename dev/g dev/f",
                "rename dev/f dev/g",
                "rename dev/h dev/f",
            ],
            repeat,
        ),
    ]);
}

/// One creates and removes its own file, another renames an older one to that name, where only own files may be
/// removed.
pub fn borrowed() -> Vec<Fixed> {
    vec![("uploads", NO_REMOVING, Dotfiles::Protected)]
}

pub fn borrow(run: &mut Run, repeat: usize) {
    run.put_there(&["uploads/old"]);
    let own: &[&str] = if run.random.percent(50) {
        &[
            "new uploads/own",
            "unlink uploads/own",
            "unlink uploads/aside",
        ]
    } else {
        &[
            "symlink a uploads/own",
            "truncate 3 uploads/old",
            "unlink uploads/own",
            "unlink uploads/aside",
        ]
    };
    run.race(&[
        Part::new(Kind::Sftp, own, repeat),
        Part::new(
            Kind::Sftp,
            &[
                "rename uploads/own uploads/aside",
                "rename uploads/aside uploads/own",
            ],
            repeat,
        ),
        Part::new(
            Kind::Sftp,
            &[
                "rename uploads/old uploads/own",
                "rename uploads/own uploads/old",
            ],
            repeat,
        ),
    ]);
}

/// Two rename back and forth between two names and create the file again, so that a look before the act is often out of
/// date.
pub fn crossed() -> Vec<Fixed> {
    vec![("uploads", ALL, Dotfiles::Protected)]
}

pub fn cross(run: &mut Run, repeat: usize) {
    run.put_there(&["uploads/cross/x"]);
    let there = "rename uploads/cross/x uploads/cross/y";
    let back = "rename uploads/cross/y uploads/cross/x";
    run.race(&[
        Part::new(Kind::Sftp, &[there, "put uploads/cross/x", back], repeat),
        Part::new(Kind::Rsync, &[back, there, "put uploads/cross/x"], repeat),
    ]);
}

/// A directory above others of the policy loses its mode; the next sessions restore it and continue.
pub fn blinded(random: &mut Random) -> Vec<Fixed> {
    let inner = *random.pick(&[APPEND_ONLY, UPLOAD_ONLY, &["list", "read"]]);
    vec![
        ("uploads", ALL, Dotfiles::Allowed),
        ("uploads/in", inner, Dotfiles::Protected),
    ]
}

pub fn blind(run: &mut Run, calls: usize) {
    let kind = *run.random.pick(&[Kind::Plain, Kind::Sftp, Kind::Rsync]);
    let mode = *run.random.pick(&["0000", "0600", "0200"]);
    let first = [(0, Op::new(&format!("mode {mode} uploads")))];
    run.sequential(&[kind], &first, 0);
    let steps = [
        "mode 0755 uploads",
        "slurp uploads/in/.keep",
        "slurp uploads/in/two",
        "put uploads/in/two",
        "unlink uploads/in/two2",
        "unlink uploads/in/.keep",
        "rename uploads/in uploads/x",
    ];
    let steps: Vec<_> = steps.iter().map(|step| (0, Op::new(step))).collect();
    run.sequential(&[kind, Kind::Sftp], &steps, calls);
}

/// One creates a directory, another puts a file in it, the first moves the directory to where it may do more.
pub fn carried(random: &mut Random) -> Vec<Fixed> {
    let from = *random.pick(&[APPEND_ONLY, NO_REMOVING]);
    vec![
        ("dev", from, Dotfiles::Allowed),
        ("uploads", ALL, Dotfiles::Allowed),
    ]
}

pub fn carry(run: &mut Run, calls: usize) {
    let kinds = [Kind::Plain, Kind::Sftp, Kind::Rsync];
    let kinds = [*run.random.pick(&kinds), *run.random.pick(&kinds)];
    // To a looser root, or out of sight.
    let to = *run.random.pick(&["uploads/2026", "dev/.2026"]);
    let steps = [
        (0, "mkdir dev/2026"),
        (0, "mkdir dev/2026/n"),
        (1, "new dev/2026/backup"),
        (0, "symlink ../../.. dev/2026/n/link"),
        (0, "rename dev/2026/n dev/n"),
        (0, "rename dev/2026 TO"),
        (0, "slurp TO/backup"),
        (0, "truncate 0 TO/backup"),
        (0, "unlink TO/backup"),
    ];
    let steps: Vec<_> = steps
        .iter()
        .map(|(who, step)| (*who, Op::new(&step.replace("TO", to))))
        .collect();
    run.sequential(&kinds, &steps, calls);
}

/// What is written to a file after its name has changed, or through another descriptor, is in the log too.
pub fn opened() -> Vec<Fixed> {
    vec![("uploads", ALL, Dotfiles::Protected)]
}

const OPENED: &[&[&str]] = &[
    &[
        "open wc 0 uploads/n",
        "write 0 10",
        "rename uploads/n uploads/m",
        "write 0 20000",
        "close 0",
    ],
    &[
        "open wc 0 uploads/n",
        "link uploads/n uploads/m",
        "unlink uploads/n",
        "write 0 20000",
        "close 0",
    ],
    &[
        "open wc 0 uploads/n",
        "dup 0 1",
        "close 0",
        "sleep 2200",
        "write 1 20000",
        "close 1",
    ],
];

pub fn open(run: &mut Run, calls: usize) {
    let which = run.random.below(OPENED.len());
    // An SFTP client cannot ask for a second descriptor.
    let kinds = [Kind::Sftp, Kind::Rsync, Kind::Plain];
    let kind = kinds[run.random.below(if which == 2 { 2 } else { 3 })];
    let steps: Vec<_> = OPENED[which]
        .iter()
        .map(|step| (0, Op::new(step)))
        .collect();
    run.sequential(&[kind], &steps, 0);
    run.sequential(&[kind, Kind::Sftp], &[], calls);
}

/// An rsync that has been taken over and its temporary names: the directory renamed or made inaccessible, a link
/// renamed over its own file.
pub fn temporaries() -> Vec<Fixed> {
    vec![
        ("uploads", ALL, Dotfiles::Protected),
        ("site", ALL, Dotfiles::Protected),
    ]
}

const TEMPORARY: &[&[&str]] = &[
    &[
        "mkdir uploads/t",
        "new uploads/t/.env.docker",
        "rename uploads/t uploads/u",
    ],
    &[
        "mkdir uploads/t",
        "new uploads/t/.env.docker",
        "mode 0555 uploads/t",
    ],
    &[
        "new uploads/f",
        "link uploads/f uploads/.htaccess.1",
        "rename uploads/f uploads/g",
    ],
    &[
        "mkdir uploads/t",
        "symlink a uploads/t/.sym.1",
        "mode 0555 uploads/t",
    ],
    &[
        "mkdir uploads/t",
        "link uploads/t2/plain uploads/t/.f.1",
        "rename uploads/t uploads/u",
        "rename uploads/t2 uploads/t",
        "unlink uploads/t/.f.1",
    ],
];

pub fn temporary(run: &mut Run, calls: usize) {
    run.put_there(&["uploads/t2/.f.1"]);
    let home = run.account.home();
    run.host.inside(|| {
        let at = |name: &str| home.join("uploads/t2").join(name);
        std::fs::hard_link(at(".f.1"), at("plain")).expect("a hard link");
    });
    let steps = *run.random.pick(TEMPORARY);
    let steps: Vec<_> = steps.iter().map(|step| (0, Op::new(step))).collect();
    run.sequential(&[Kind::Rsync], &steps, calls);
}
