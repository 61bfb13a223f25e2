//! The administrator's side of the command line.

use crate::harness::{Host, Output, XFERSH};

fn check(host: &Host, arguments: &[&str]) -> Output {
    host.root(XFERSH, &[&["--check"], arguments].concat())
}

#[test]
fn help_and_version() {
    let host = Host::new();
    let help = host.root(XFERSH, &["--help"]).succeeded("--help");
    for flag in [
        "-c",
        "--check",
        "--user",
        "--address",
        "--config",
        "--json",
        "--verbose",
        "--live",
        "--doctor",
        "--forced",
        "--version",
    ] {
        assert!(help.out().contains(flag), "{flag} is not in --help");
    }
    assert!(
        help.stderr.is_empty() && help.out().lines().all(|line| line.len() <= 80),
        "{help}"
    );
    let version = host.root(XFERSH, &["--version"]).succeeded("--version");
    assert_eq!(
        version.out(),
        format!("xfersh {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_is_status_2() {
    let host = Host::new();
    for arguments in [
        &["--nonsense"][..],
        &["--check", "--nonsense"],
        &["--check", "--user"],
        &["--check", "--address", "x"],
        &["--json"],
    ] {
        let output = host.root(XFERSH, arguments);
        assert_eq!(
            (output.code(), output.stdout.len()),
            (2, 0),
            "{arguments:?}: {output}"
        );
        assert!(
            output.err().starts_with("xfersh: "),
            "{arguments:?}: {output}"
        );
    }
    let output = check(
        &host,
        &["--user", "nobody-of-that-name", "-c", "sftp-server"],
    );
    assert_eq!(output.code(), 2, "{output}");
    assert!(output.err().contains("nobody-of-that-name"), "{output}");
    let output = check(
        &host,
        &[
            "--config",
            "/no/such/file",
            "--user",
            "alice",
            "-c",
            "sftp-server",
        ],
    );
    assert_eq!(output.code(), 2, "{output}");
    assert!(output.err().contains("/no/such/file"), "{output}");
}

#[test]
fn the_dry_run_says_what_would_happen_and_does_nothing() {
    let host = Host::new();
    let before = host.disk();
    let allowed = check(&host, &["--user", "alice", "-c", "scp -t uploads"]);
    assert_eq!(allowed.code(), 0, "{allowed}");
    for word in ["/usr/bin/scp", "/home/alice/uploads"] {
        assert!(allowed.out().contains(word), "{word}: {allowed}");
    }
    let refused = check(&host, &["--user", "alice", "-c", "id"]);
    assert_eq!(refused.code(), 126, "{refused}");
    before.assert_same(&host.disk(), "a dry run");
    assert!(host.log().is_empty(), "a dry run is no session");
}

#[test]
fn json_has_the_promised_keys() {
    let host = Host::new();
    for (command, verdict) in [
        ("scp -f note.txt", "allowed"),
        ("sftp-server", "allowed"),
        ("id", "refused"),
        ("scp -t .ssh", "refused"),
    ] {
        let output = check(&host, &["--user", "alice", "--json", "-c", command]);
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("one JSON object");
        for key in [
            "verdict", "reason", "stage", "protocol", "program", "argv", "writable", "readable",
            "weaker", "policy",
        ] {
            assert!(json.get(key).is_some(), "{command}: no {key}: {json}");
        }
        assert_eq!(json["verdict"], verdict, "{command}: {json}");
        if verdict == "allowed" {
            assert!(
                json["argv"].is_array()
                    && json["program"]
                        .as_str()
                        .is_some_and(|path| path.starts_with('/')),
                "{json}"
            );
        }
    }
    let json = |command: &str| -> serde_json::Value {
        let output = check(&host, &["--user", "alice", "--json", "-c", command]);
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    };
    // Each request gets the least privilege.
    assert_eq!(json("scp -f note.txt")["writable"], serde_json::json!([]));
    let writable = json("sftp-server")["writable"].clone();
    let writable: Vec<&str> = writable
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|path| path.as_str())
        .collect();
    assert!(writable.contains(&"/home/alice/uploads"), "{writable:?}");
    assert!(
        !writable
            .iter()
            .any(|path| *path == "/home/alice" || path.contains("/.")),
        "{writable:?}"
    );
}

/// Facts are gathered as the account: root sees no more than the session would (P9).
#[test]
fn the_dry_run_of_root_and_of_the_account_agree() {
    let host = Host::new();
    host.inside(|| {
        std::fs::create_dir_all("/srv/closed/in").expect("a directory");
        crate::harness::account::set_mode("/srv/closed".as_ref(), 0o700);
    });
    for command in [
        "sftp-server",
        "scp -t /srv/closed/in",
        "scp -f /srv/closed/in",
        "scp -t uploads/to-outside",
        "scp -t uploads",
        "id",
    ] {
        let by_root = check(&host, &["--user", "alice", "--json", "-c", command]);
        let mut own = host.shell(host.alice());
        let own = host.run(own.args(["--check", "--json", "-c", command]), b"");
        assert_eq!(
            (by_root.code(), by_root.out()),
            (own.code(), own.out()),
            "{command}"
        );
    }
}

/// What the answer begins with, in text and in JSON.
#[test]
fn the_answer_begins_with_what_the_account_can_do() {
    let host = Host::new();
    host.shell_line("install -d -o alice -g alice /home/alice/in /home/alice/out /srv/new");
    host.policy(
        "protocols = [\"sftp\", \"scp\"]\nmax_file_size = \"2K\"\numask = \"027\"\n\
         writable = [\"/srv/new\"]\nreadable = [\"~/out\"]\n\
         [[directory]]\npath = \"~/in\"\naccess = \"upload-only\"\ndotfiles = \"hidden\"\n\
         [[directory]]\npath = \"/srv/later\"\naccess = [\"list\", \"create\"]\n",
    );
    let output = check(&host, &["--user", "alice"]);
    assert_eq!(output.code(), 1, "{output}");
    let text = output.out();
    let mut lines = text.lines();
    let headline = "alice can copy files with sftp and scp, and do nothing else.";
    assert_eq!(lines.next(), Some(headline), "{text}");
    let table: Vec<Vec<&str>> = lines
        .by_ref()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    let expected: [&[&str]; 5] = [
        &["DIRECTORY", "READ", "WRITE", "ACCESS", "DOTFILES"],
        &["/srv/new", "yes", "yes", "read-write", "protected"],
        &["/home/alice/out", "yes", "no", "read-only", "protected"],
        &["/home/alice/in", "no", "new files", "upload-only", "hidden"],
        &[
            "/srv/later",
            "names",
            "new files",
            "[list, create]",
            "protected",
            "(absent)",
        ],
    ];
    assert_eq!(table, expected, "{text}");
    let rest: Vec<&str> = lines.map(str::trim).collect();
    for line in [
        "start        /home/alice",
        "limits       umask = \"027\", max_file_size = 2048",
        "note         sessions start in /home/alice and cannot list it, but /srv/new: see 'start'",
        "fault        /srv/later is not a directory yet; nothing else may take its name",
    ] {
        assert!(rest.contains(&line), "{line}: {text}");
    }
    // Only what the file sets, unless asked.
    let of_default = "# default";
    assert!(!text.contains(of_default), "{text}");
    let all = check(&host, &["--user", "alice", "--verbose"]).out();
    assert!(
        all.contains(of_default) && all.contains("symlinks = \"inside\""),
        "{all}"
    );
    let json = check(&host, &["--user", "alice", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(json["protocols"], serde_json::json!(["sftp", "scp"]));
    let inner = serde_json::json!({
        "path": "/home/alice/in", "exists": true, "read": false, "list": false, "write": true,
        "access": ["create", "mkdir"], "dotfiles": "hidden",
    });
    assert_eq!(json["directories"][2], inner, "{json}");
    assert_eq!(json["directories"][3]["exists"], false, "{json}");
    assert_eq!(json["limits"]["max_file_size"], 2048, "{json}");
    assert_eq!(json["limits"]["umask"], "027", "{json}");
    assert!(json["limits"]["max_bytes"].is_null(), "{json}");
    assert_eq!(
        json["writable"],
        serde_json::json!(["/srv/new", "/home/alice/in", "/srv/later"])
    );
    assert_eq!(
        json["readable"],
        serde_json::json!(["/srv/new", "/home/alice/out", "/srv/later"])
    );
    assert_eq!(json["start"], "/home/alice");
}

/// What it says is what a session can do.
#[test]
fn the_table_says_what_happens() {
    let host = Host::new();
    host.shell_line("install -d -o alice -g alice /srv/in; cd /home/alice; echo x >site/file; chown alice site/file");
    let policies = [
        "",
        "access = \"read-only\"\n",
        "access = \"upload-only\"\nwritable = [\"~/site\"]\n",
        "access = \"append-only\"\nwritable = [\"~/site\", \"/srv/in\"]\n",
        "access = [\"list\", \"create\"]\nwritable = [\"~/site\"]\nreadable = [\"~/uploads\"]\n",
    ];
    for policy in policies {
        host.policy(policy);
        let json = check(&host, &["--user", "alice", "--json"]);
        let json: serde_json::Value =
            serde_json::from_slice(&json.stdout).expect("one JSON object");
        let list = json["directories"].as_array().expect("a list");
        let row = list
            .iter()
            .find(|row| row["path"] == "/home/alice/site")
            .expect("a row");
        let says = |key: &str| row[key].as_bool().expect("true or false");
        let mut sftp = host.raw_sftp_direct(host.alice());
        assert_eq!(
            sftp.list("/home/alice/site").is_ok(),
            says("list"),
            "{policy}: {row}"
        );
        assert_eq!(
            sftp.get("/home/alice/site/file").is_ok(),
            says("read"),
            "{policy}: {row}"
        );
        assert_eq!(
            sftp.put("/home/alice/site/new", b"x").ok(),
            says("write"),
            "{policy}: {row}"
        );
        sftp.end();
        host.shell_line("rm -f /home/alice/site/new");
    }
}

/// A script asks whether a policy is free of errors, and what it would mean.
#[test]
fn a_file_alone_is_checked_for_nobody() {
    let host = Host::new();
    let new = ["--config", "/etc/new.toml"];
    let of_alice = [&new[..], &["--user", "alice"]].concat();
    let sound = "writable = [\"~/uploads\"]\n[[match]]\nuser = \"alice\"\nprotocols = [\"scp\"]\n";
    for (text, file, alice) in [
        (sound, 0, 0),
        ("", 0, 0),
        ("writable = [\"~/nowhere\"]\n", 0, 1),
        ("writable = [\"~\"]\n", 2, 2),
        ("unknown = 1\n", 2, 2),
        ("[[match]]\nuser = \"bob\"\nwritable = [\"/\"]\n", 2, 2),
    ] {
        host.write("/etc/new.toml", text.as_bytes());
        assert_eq!(check(&host, &new).code(), file, "{text}");
        assert_eq!(check(&host, &of_alice).code(), alice, "{text}");
        // The same as the policy in force: root asks for nobody.
        host.policy(text);
        let own = check(&host, &[]);
        assert_eq!(own.code(), file, "{text}: {own}");
        if file == 0 {
            assert!(own.out().starts_with("The policy has no errors"), "{own}");
        }
    }
    host.no_policy();
    host.write("/etc/new.toml", sound.as_bytes());
    let said = check(&host, &of_alice).out();
    assert!(
        said.starts_with("alice can copy files with scp, and"),
        "{said}"
    );
    assert!(said.contains("/etc/new.toml"), "{said}");
    assert!(
        check(&host, &["--user", "alice"])
            .out()
            .starts_with("alice can copy files with sftp and scp")
    );
    // It is read before the account's ids are taken on, so it may lie where only root looks.
    host.shell_line(
        "mkdir -m 700 /srv/root; mv /etc/new.toml /srv/root; chmod 600 /srv/root/new.toml",
    );
    let closed = [
        "--config",
        "/srv/root/new.toml",
        "--user",
        "alice",
        "-c",
        "scp -t uploads/x",
    ];
    assert_eq!(check(&host, &closed).code(), 0);
    let json = check(&host, &["--config", "/srv/root/new.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(
        (&json["errors"], &json["account"]),
        (&serde_json::json!([]), &serde_json::Value::Null)
    );
    // The account itself asks about itself.
    let own = host.run(host.shell(host.alice()).arg("--check"), b"");
    assert!(own.out().starts_with("alice can copy files"), "{own}");
    // Nobody may be root.
    let root = check(&host, &["--user", "root"]);
    assert_eq!(root.code(), 1, "{root}");
    assert!(root.out().contains("the superuser is not served"), "{root}");
}

/// A refusal because of a place says which place was meant, and which could be used.
#[test]
fn a_refused_place_is_named_as_it_is() {
    let host = Host::new();
    host.policy("writable = [\"~/uploads\", \"/srv/in\"]\nreadable = [\"~/site\"]\n");
    host.shell_line("install -d -o alice -g alice /srv/in");
    for (command, target) in [
        ("scp -t uploads/to-secret", "/srv/outside/secret.txt"),
        ("scp -t uploads/../../../etc/passwd", "/etc/passwd"),
        ("scp -f /srv/outside", "/srv/outside"),
        ("scp -t .", "/home/alice"),
    ] {
        let output = check(&host, &["--user", "alice", "-c", command]);
        assert_eq!(output.code(), 126, "{output}");
        let rows: Vec<String> = output
            .out()
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        for row in [
            format!("target       {target}"),
            "writable     /home/alice/uploads  read-write".to_owned(),
            "writable     /srv/in  read-write".to_owned(),
            "readable     /home/alice/site  read-only".to_owned(),
        ] {
            assert!(rows.contains(&row), "{row}: {output}");
        }
        let json = check(&host, &["--user", "alice", "--json", "-c", command]);
        let json: serde_json::Value =
            serde_json::from_slice(&json.stdout).expect("one JSON object");
        assert_eq!(json["target"], target, "{json}");
        assert_eq!(
            json["writable"],
            serde_json::json!(["/home/alice/uploads", "/srv/in"]),
            "{json}"
        );
        let session = host.direct(host.alice(), command.as_bytes(), b"");
        assert_eq!(session.code(), 126, "{session}");
        let fixed = "xfersh: This account is for file transfer only.";
        let more = " It can write in /home/alice/uploads.";
        let more = if command.contains("-t") { more } else { "" };
        assert_eq!(session.err(), format!("{fixed}{more}\n"), "{command}");
    }
}

/// A thousand directories are counted, not listed.
#[test]
fn a_long_table_is_cut_and_says_so() {
    let host = Host::new();
    host.shell_line("cd /home/alice && seq -f d%04g 1000 | xargs install -d -o alice -g alice");
    let text = check(&host, &["--user", "alice"]).out();
    assert!(
        text.lines().count() < 80 && text.contains("and 954 more: --json lists all"),
        "{text}"
    );
    let json = check(&host, &["--user", "alice", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(json["directories"].as_array().map(Vec::len), Some(1004));
}
