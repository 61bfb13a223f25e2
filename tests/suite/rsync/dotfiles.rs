//! P3 and P4: dotfiles at any depth and the home itself stay as they are, while the rest is transferred.

use crate::harness::Host;

use super::{assert_no_temporaries, content, host, local, prepare, rsync};

/// An upload that carries dotfiles beside other files.
fn mixed(host: &Host) {
    local(
        host,
        &[
            ("site/index.html", "new page\n"),
            ("site/.htaccess", "Allow from all\n"),
            ("site/.env.docker", "SECRET=1\n"),
            ("site/.git/hooks/post-commit", "#!/bin/sh\nid\n"),
            ("site/deep/.profile", "id\n"),
            ("site/deep/fine", "fine\n"),
        ],
    );
}

#[test]
fn dotfiles_are_left_out_and_the_rest_arrives() {
    let host = host("");
    mixed(&host);
    for options in [
        &["-a"][..],
        &["-a", "--inplace"],
        &["-r"],
        &["-aHAX", "--delete"],
    ] {
        host.refurnish();
        let what = format!("{options:?}");
        let mut arguments = options.to_vec();
        arguments.extend(["site/", "@:site/"]);
        rsync(&host, host.plain(), &arguments).succeeded(&what);
        let changed = content(&host, host.plain(), "site/.htaccess").unwrap();
        assert!(changed.contains("from all"), "{what}: {changed}");
        assert!(host.exists(host.plain().at("site/deep/.profile")), "{what}");

        let dotfiles = || {
            let names = ["-path", "*/.*", "-printf", "%p %y %m %s %T@ %l\\n"];
            let listed = host
                .root("find", &[&["/home/alice"][..], &names].concat())
                .out();
            let mut lines: Vec<_> = listed.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let before = dotfiles();
        assert!(before.len() > 8, "{before:?}");
        let output = rsync(&host, host.alice(), &arguments).failed(&what);
        assert_eq!(output.code(), 23, "{what}: {output}");
        assert!(output.err().contains(".htaccess"), "{what}: {output}");
        assert_eq!(before, dotfiles(), "{what}");
        let page = content(&host, host.alice(), "site/index.html");
        assert_eq!(
            page,
            content(&host, host.plain(), "site/index.html"),
            "{what}"
        );
        assert_eq!(
            content(&host, host.alice(), "site/deep/fine").as_deref(),
            Some("fine\n"),
            "{what}"
        );
        assert_no_temporaries(&host, host.alice());
    }
}

#[test]
fn deleting_spares_dotfiles() {
    let host = host("");
    prepare(&host, "mkdir -p bare");
    for option in ["--delete", "--delete-after", "--delete-excluded"] {
        host.refurnish();
        rsync(&host, host.plain(), &["-r", option, "bare/", "@:site/"]).succeeded(option);
        assert!(!host.exists(host.plain().at("site/.htaccess")), "{option}");
        assert!(!host.exists(host.plain().at("site/index.html")), "{option}");
        rsync(&host, host.alice(), &["-r", option, "bare/", "@:site/"]).failed(option);
        assert!(host.exists(host.alice().at("site/.htaccess")), "{option}");
        assert!(
            host.exists(host.alice().at("site/.git/hooks/post-commit")),
            "{option}"
        );
        assert!(!host.exists(host.alice().at("site/index.html")), "{option}");
    }
}

#[test]
fn a_dotfile_as_the_target_is_refused() {
    let host = host("");
    local(&host, &[("keys", "ssh-ed25519 AAAA\n")]);
    for (options, target) in [
        (&[][..], "@:.ssh/authorized_keys"),
        (&["--inplace"], "@:.ssh/authorized_keys"),
        (&[], "@:.bashrc"),
        (&[], "@:uploads/.hidden"),
        (&["--mkpath"], "@:uploads/.new/file"),
        (&[], "@:uploads/to-keys"),
        (&[], "@:uploads/to-ssh/"),
    ] {
        host.refurnish();
        let mut arguments = options.to_vec();
        arguments.extend(["keys", target]);
        let plain = host.disk();
        rsync(&host, host.plain(), &arguments).succeeded(target);
        let diff = plain.diff(&host.disk());
        assert!(diff.contains("ssh-ed25519"), "{target}: {diff}");
        let before = host.disk();
        rsync(&host, host.alice(), &arguments).failed(target);
        before.assert_same(&host.disk(), target);
        assert_eq!(
            content(&host, host.alice(), ".ssh/authorized_keys").as_deref(),
            Some("# nobody\n")
        );
    }
}

#[test]
fn the_home_itself_stays() {
    let host = host("");
    local(
        &host,
        &[
            ("flat/new.txt", "new\n"),
            ("flat/note.txt", "changed\n"),
            ("flat/uploads/in.txt", "in\n"),
        ],
    );
    for options in [
        &["-a"][..],
        &["-a", "--inplace"],
        &["-a", "--delete"],
        &["-r"],
    ] {
        host.refurnish();
        let mut arguments = options.to_vec();
        arguments.extend(["flat/", "@:"]);
        let what = format!("{options:?}");
        rsync(&host, host.plain(), &arguments).succeeded(&what);
        assert_eq!(
            content(&host, host.plain(), "new.txt").as_deref(),
            Some("new\n"),
            "{what}"
        );
        let look = || {
            let names = host.root("ls", &["-A", "/home/alice"]).out();
            let facts = host
                .root(
                    "stat",
                    &["-c", "%a %u %g %Y", "/home/alice", "/home/alice/note.txt"],
                )
                .out();
            (names, facts)
        };
        let before = look();
        rsync(&host, host.alice(), &arguments).failed(&what);
        assert_eq!(before, look(), "{what}");
        assert_eq!(
            content(&host, host.alice(), "note.txt").as_deref(),
            Some("a note in the home\n"),
            "{what}"
        );
        // What belongs in a writable directory gets there.
        assert_eq!(
            content(&host, host.alice(), "uploads/in.txt").as_deref(),
            Some("in\n"),
            "{what}"
        );
    }
}
