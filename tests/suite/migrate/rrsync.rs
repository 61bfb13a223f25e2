//! rrsync: a key that may only run rsync below one directory.

use super::*;

/// `/new/` was below the directory; with xfersh it is the host's own.
const LINES: &[Line] = &[
    same("RSYNC -a tree/ HOST:old/"),
    same("RSYNC -a --delete tree/ HOST:old/"),
    instead("RSYNC -a --link-dest=../old tree/ HOST:new/"),
    instead("RSYNC -a --link-dest=../none tree/ HOST:other/"),
    same("RSYNC -a HOST:old/ back/"),
    no_more("RSYNC -a tree/ HOST:/absolute/"),
    instead("RSYNC -a tree/ HOST:/srv/backup/web1/absolute/"),
    no_more("RSYNC -a --link-dest=/old tree/ HOST:third/"),
    instead("RSYNC -a --link-dest=/srv/backup/web1/old tree/ HOST:/srv/backup/web1/fourth/"),
    same("RSYNC -a .dot HOST:dotted"),
    never("RSYNC -a up HOST:../../beside"),
    never("RSYNC -aL tree/ HOST:old/ --copy-unsafe-links -s"),
    never("RSYNC -aL HOST:old/ back/"),
    never("SSH HOST id"),
    never("SCP up HOST:x"),
    never("sftp ls"),
];

fn old() -> (Host, Account) {
    let mut host = host();
    let web1 = add(&host, "web1", "/bin/sh");
    let options = block("old: rrsync");
    sh(
        &host,
        &format!(
            "mkdir /srv/backup && install -d -o web1 -g web1 /srv/backup/web1; \
             sed -i 's|^|{} |' /home/web1/.ssh/authorized_keys",
            options.trim()
        ),
    );
    host.start_system_sshd();
    (host, web1)
}

/// Whether the snapshot shares its file with the one before.
fn is_linked(host: &Host, snapshot: &str) -> bool {
    let line = format!(
        "stat -c %i /srv/backup/web1/old/sub/two /srv/backup/web1/{snapshot}/sub/two | uniq | wc -l"
    );
    host.shell_line(&line) == "1\n"
}

#[test]
fn an_account_comes_from_rrsync() {
    let (host, web1) = old();
    try_lines(&host, &web1, LINES, false);
    assert!(is_linked(&host, "third"));
    sh(&host, "rm -r /srv/backup/web1/*");
    put_policy(&host, "from-rrsync");
    let said = run(&host, "from-rrsync");
    assert!(said.out().contains("0 serious"), "{said}");
    try_lines(&host, &web1, LINES, true);
    assert!(is_linked(&host, "new") && is_linked(&host, "fourth"));
}

/// An account that keeps its shell: only what is forced changes.
#[test]
fn a_key_comes_from_rrsync() {
    let (host, web1) = old();
    try_lines(&host, &web1, LINES, false);
    sh(&host, "rm -r /srv/backup/web1/*");
    put_policy(&host, "from-rrsync");
    sh(
        &host,
        "sed -i 's|command=\"[^\"]*\"|command=\"/usr/bin/xfersh --forced\"|' /home/web1/.ssh/authorized_keys",
    );
    assert!(block("old: rrsync").contains("restrict"));
    try_lines(&host, &web1, LINES, true);
    assert!(is_linked(&host, "new") && is_linked(&host, "fourth"));
}

/// An option of rrsync, the `access` that the guide names for it, a client's line, whether it works with rrsync and with
/// xfersh, and what the disk shows after it.
type Restriction = (
    &'static str,
    &'static str,
    &'static str,
    (bool, bool),
    &'static str,
);

const WRITE_ONLY: &str =
    r#"["create", "overwrite", "remove", "rename", "mkdir", "attributes", "link"]"#;
const NO_REMOVAL: &str =
    r#"["list", "read", "create", "overwrite", "rename", "mkdir", "attributes", "link"]"#;

const RESTRICTIONS: &[Restriction] = &[
    (
        "-ro",
        "\"read-only\"",
        "RSYNC -a HOST:old/ back/",
        (true, true),
        "test -e back/two",
    ),
    (
        "-ro",
        "\"read-only\"",
        "RSYNC -a up HOST:new",
        (false, false),
        "test ! -e $dir/new",
    ),
    (
        "-wo",
        WRITE_ONLY,
        "RSYNC -rt up HOST:new",
        (true, true),
        "cmp up $dir/new",
    ),
    (
        "-wo",
        WRITE_ONLY,
        "RSYNC -rtW tree/sub/ HOST:old/",
        (true, true),
        "cmp tree/sub/two $dir/old/two",
    ),
    (
        "-wo",
        WRITE_ONLY,
        "RSYNC -a HOST:old/ back/",
        (false, false),
        "test ! -e back",
    ),
    (
        "-no-del",
        NO_REMOVAL,
        "RSYNC -a tree/sub/ HOST:old/",
        (true, true),
        "cmp tree/sub/two $dir/old/two",
    ),
    (
        "-no-del",
        NO_REMOVAL,
        "RSYNC -a --delete tree/ HOST:old/",
        (false, false),
        "test -e $dir/old/two",
    ),
    (
        "-no-overwrite",
        "\"append-only\"",
        "RSYNC -a up HOST:new",
        (true, true),
        "cmp up $dir/new",
    ),
    // Skipped without a word; refused with an error.
    (
        "-no-overwrite",
        "\"append-only\"",
        "RSYNC -a tree/sub/ HOST:old/",
        (true, false),
        "grep -q old $dir/old/two",
    ),
];

#[test]
fn the_options_of_rrsync_have_their_rights() {
    let (host, web1) = old();
    let keys = "/home/web1/.ssh/authorized_keys";
    sh(&host, &format!("cp {keys} /etc/key"));
    for (option, access, act, works, shows) in RESTRICTIONS {
        for is_after in [false, true] {
            sh(
                &host,
                &format!(
                    "rm -rf /srv/backup/web1/* {LOCAL}/back; cd /srv/backup/web1; mkdir old; echo old >old/two; \
                     touch -d 2001-01-01 old/two; chown -R web1: old"
                ),
            );
            let command = if is_after {
                "/usr/bin/xfersh --forced".to_owned()
            } else {
                format!("/usr/bin/rrsync {option} /srv/backup/web1")
            };
            sh(
                &host,
                &format!("sed 's|command=\"[^\"]*\"|command=\"{command}\"|' /etc/key >{keys}"),
            );
            let mut policy = block("recipe: from-rrsync");
            if *option == "-wo" {
                policy = policy.replace("readable = [\"/srv/backup/%u\"]\n", "");
            }
            host.policy(&format!("{policy}access = {access}\n"));
            let line = Line {
                act,
                before: works.0,
                after: works.1,
            };
            try_lines(&host, &web1, &[line], is_after);
            sh(
                &host,
                &format!(
                    "cd {LOCAL}; dir=/srv/backup/web1; {shows} || {{ echo '{option}: {act}' >&2; false; }}"
                ),
            );
        }
    }
}
