//! Upload-only and append-only for real clients: new files arrive, with every client; existing files stay.

use std::path::Path;

use crate::harness::client::LOCAL;
use crate::harness::{Host, Output, Snapshot};

/// How a client uploads: what it is called, and the run of it, which puts `up` or `tree` below `uploads`.
type Upload = (&'static str, fn(&Host) -> Output);

#[rustfmt::skip]
const UPLOADS: &[Upload] = &[
    ("sftp put", |host| host.sftp(host.alice(), "put up uploads/by-put\n")),
    ("sftp put -p", |host| host.sftp(host.alice(), "put -p up uploads/by-put-p\n")),
    ("sftp put -r", |host| host.sftp(host.alice(), "mkdir uploads/by-put-r\nput -r tree uploads/by-put-r/tree\n")),
    ("sftp put -pr", |host| host.sftp(host.alice(), "put -pr tree uploads/by-put-pr\n")),
    ("scp", |host| host.scp_to(host.alice(), &[], &["up"], "uploads/by-scp")),
    ("scp -p", |host| host.scp_to(host.alice(), &["-p"], &["up"], "uploads/by-scp-p")),
    ("scp -r", |host| host.scp_to(host.alice(), &["-r"], &["tree"], "uploads/by-scp-r")),
    ("scp -O", |host| host.scp_to(host.alice(), &["-O"], &["up"], "uploads/by-old-scp")),
    ("scp -O -p", |host| host.scp_to(host.alice(), &["-O", "-p"], &["up"], "uploads/by-old-scp-p")),
    ("scp -O -r", |host| host.scp_to(host.alice(), &["-O", "-r"], &["tree"], "uploads/by-old-scp-r")),
    ("scp -O -rp", |host| host.scp_to(host.alice(), &["-O", "-r", "-p"], &["tree"], "uploads/by-old-scp-rp")),
];

fn local_files(host: &Host) {
    host.inside(|| {
        let local = Path::new(LOCAL);
        std::fs::create_dir_all(local.join("tree/sub")).expect("a local directory");
        for (name, content) in [
            ("up", "first"),
            ("tree/file", "first"),
            ("tree/sub/file", "first"),
        ] {
            std::fs::write(local.join(name), content).expect("a local file");
        }
    });
}

/// Everything in the uploads, without the times of the directories themselves.
fn files(host: &Host) -> Vec<(String, String, u32)> {
    use std::os::unix::fs::PermissionsExt;
    host.inside(|| {
        let all = Snapshot::of(&[host.alice().at("uploads")]);
        let files = all.paths().filter(|path| path.is_file());
        let facts = |path: &Path| {
            let mode = path.metadata().expect("a file").permissions().mode();
            let content = std::fs::read_to_string(path).expect("a text");
            (path.display().to_string(), content, mode)
        };
        files.map(facts).collect()
    })
}

fn uploads_arrive_and_stay(access: &str) {
    let host = Host::with_sshd();
    host.policy(&format!("access = \"{access}\"\n"));
    local_files(&host);
    for (name, upload) in UPLOADS {
        let before = files(&host);
        upload(&host).succeeded(&format!("{access}: {name}"));
        let after = files(&host);
        assert!(after.len() > before.len(), "{access}: {name} made nothing");
        assert!(
            before.iter().all(|old| after.contains(old)),
            "{access}: {name} changed what was there"
        );
    }
    // All of it once more, with other content: none replaces what arrived.
    host.shell_line(&format!(
        "cd {LOCAL} && for f in up tree/file tree/sub/file; do echo second >$f; chmod 600 $f; done"
    ));
    let before = files(&host);
    for (name, upload) in UPLOADS {
        upload(&host);
        let after = files(&host);
        assert!(
            before.iter().all(|old| after.contains(old)),
            "{access}: {name} replaced what was there:\n{before:?}\n{after:?}"
        );
    }
    for lines in [
        "rm uploads/by-put\n",
        "rename uploads/by-put uploads/x\n",
        "chmod 777 uploads/by-put\n",
        "put -a up uploads/by-put\n",
        "reput up uploads/by-put\n",
        "rm uploads/old.txt\n",
        "ln -s /etc uploads/by-put\n",
    ] {
        host.sftp(host.alice(), lines).failed(lines);
        let after = files(&host);
        assert!(
            before.iter().all(|old| after.contains(old)),
            "{access}: {lines}"
        );
    }
}

#[test]
fn upload_only() {
    uploads_arrive_and_stay("upload-only");
}

#[test]
fn append_only() {
    uploads_arrive_and_stay("append-only");
}

/// The same under read-write does replace: the test can see it.
#[test]
fn read_write_replaces() {
    let host = Host::with_sshd();
    local_files(&host);
    for (name, upload) in UPLOADS {
        upload(&host).succeeded(name);
    }
    host.shell_line(&format!("echo second >{LOCAL}/up"));
    let before = files(&host);
    for (name, upload) in UPLOADS.iter().filter(|(name, _)| !name.contains('r')) {
        upload(&host).succeeded(name);
    }
    assert_ne!(before, files(&host));
}
