//! The only exception to P4, the temporary names of rsync's receiver, with a server that has been taken over: whatever
//! it does with them, no dotfile is left when the session is over, and no older one is harmed.

use xfersh::decide::plan::ServerKind;

use super::session::{Session, command, host, policy};
use crate::harness::{Account, Host};

/// What is in the uploads before each attempt.
const TREE: &str = "
    rm -rf uploads site; mkdir -p uploads/d uploads/site
    echo older >uploads/site/.f.1; echo older >uploads/.f.1
    ln uploads/site/.f.1 uploads/site/plain; echo plain >uploads/plain";

/// Each step, and where it leaves a dotfile in an ordinary account.
type Way = (&'static str, &'static [&'static str], &'static str);

/// O_WRONLY, O_CREAT and O_EXCL, as mkstemp(3) asks for them.
const WAYS: &[Way] = &[
    (
        "its directory is renamed",
        &[
            "openat -100 p:uploads/d/.env.docker 0xc1 0600",
            "rename p:uploads/d p:uploads/e",
        ],
        "uploads/e/.env.docker",
    ),
    (
        "its directory is closed for writing",
        &[
            "openat -100 p:uploads/d/.env.docker 0xc1 0600",
            "chmod p:uploads/d 0555",
        ],
        "uploads/d/.env.docker",
    ),
    (
        "its directory is renamed and closed altogether",
        &[
            "openat -100 p:uploads/d/.env.docker 0xc1 0600",
            "rename p:uploads/d p:uploads/e",
            "chmod p:uploads/e 0",
        ],
        "uploads/e/.env.docker",
    ),
    (
        "a link whose first name becomes another's",
        &[
            "openat -100 p:uploads/f 0xc1 0600",
            "openat -100 p:uploads/g 0xc1 0600",
            "link p:uploads/f p:uploads/.htaccess.1",
            "rename p:uploads/f p:uploads/g",
        ],
        "uploads/.htaccess.1",
    ),
    (
        "a link whose first name is removed",
        &[
            "openat -100 p:uploads/f 0xc1 0600",
            "link p:uploads/f p:uploads/.htaccess.1",
            "unlink p:uploads/f",
        ],
        "uploads/.htaccess.1",
    ),
    (
        "a symbolic link in a directory that is closed for writing",
        &[
            "symlink p:plain p:uploads/d/.sym.1",
            "chmod p:uploads/d 0555",
        ],
        "uploads/d/.sym.1",
    ),
    (
        "a symbolic link in a directory that is renamed",
        &[
            "symlink p:../plain p:uploads/d/.sym.1",
            "rename p:uploads/d p:uploads/e",
        ],
        "uploads/e/.sym.1",
    ),
];

fn furnish(host: &Host, account: &Account) {
    let line = format!(
        "set -e; cd {home}; {TREE}; chown -R {id}:{id} uploads",
        home = account.home().display(),
        id = account.id
    );
    host.shell_line(&line);
}

fn dotfiles(host: &Host, account: &Account) -> Vec<String> {
    let line = format!(
        "cd {} && find uploads -name '.*' -printf '%p %i %s %n\\n' | sort",
        account.home().display()
    );
    host.shell_line(&line).lines().map(str::to_owned).collect()
}

fn session(host: &Host, account: &Account) -> Session {
    if account.name == "plain" {
        return Session::start(host, account, "exec /opt/hostile");
    }
    Session::start(host, account, command(ServerKind::RsyncReceiver))
}

/// rsync starts in the directory that it serves; the paths here are those of the home.
fn at_home(account: &Account, step: &str) -> String {
    step.replace(
        "p:uploads",
        &format!("p:{}/uploads", account.home().display()),
    )
}

#[test]
fn no_temporary_name_outlives_its_session() {
    let host = host();
    host.policy(&policy(""));
    for (name, steps, left) in WAYS {
        for account in [host.plain(), host.alice()] {
            furnish(&host, account);
            let before = dotfiles(&host, account);
            let mut session = session(&host, account);
            for step in *steps {
                let result = session.ask(&at_home(account, step));
                assert!(
                    result.is_some_and(|result| result >= 0),
                    "{}: {name}: {step}: {result:?}",
                    account.name
                );
            }
            assert!(host.exists(account.at(left)), "{name}: not there");
            let _ = host.log();
            assert_eq!(session.end(), 0, "{name}");
            let is_bound = account.name == "alice";
            assert_eq!(host.exists(account.at(left)), !is_bound, "{name}");
            if is_bound {
                assert_eq!(before, dotfiles(&host, account), "{name}");
                let lines = host.log();
                let cleaned = |text: &str| text.contains(" cleaned file path=");
                assert!(lines.iter().any(|line| cleaned(&line.text)), "{lines:#?}");
            }
        }
    }
    // The mode of the directory is restored.
    let mode = host.shell_line("stat -c %a /home/alice/uploads/e /home/alice/uploads/d || :");
    assert!(mode.contains("755"), "{mode}");
}

/// An older dotfile that is made to look like a temporary name of the session.
#[test]
fn an_older_dotfile_is_no_temporary_name() {
    let steps = [
        "link p:uploads/site/plain p:uploads/d/.f.1",
        "rename p:uploads/d p:uploads/e",
        "rename p:uploads/site p:uploads/d",
        "unlink p:uploads/d/.f.1",
    ];
    let host = host();
    host.policy(&policy(""));
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
        let before = host.read(account.at("uploads/site/.f.1"));
        let mut session = session(&host, account);
        let results: Vec<Option<i64>> = steps
            .iter()
            .map(|step| session.ask(&at_home(account, step)))
            .collect();
        session.end();
        let is_bound = account.name == "alice";
        let places = ["uploads/site/.f.1", "uploads/d/.f.1"];
        let left = places.iter().any(|place| {
            let path = account.at(place);
            host.exists(&path) && host.read(&path) == before
        });
        assert_eq!(left, is_bound, "{}: {results:?}", account.name);
        assert!(!host.exists(account.at("uploads/e/.f.1")) || !is_bound);
        if is_bound {
            assert_eq!(results[0], Some(0), "{results:?}");
            assert!(results[3].is_some_and(|result| result < 0), "{results:?}");
        } else {
            assert_eq!(results, [Some(0); 4]);
        }
    }
}

/// If somebody else makes the clean-up impossible, that is in the log, with the path and the cause.
#[test]
fn a_clean_up_that_fails_is_in_the_log() {
    let host = host();
    host.policy(&policy(""));
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
        let mut session = session(&host, account);
        let path = format!("{}/uploads/d", account.home().display());
        let step = format!("openat -100 p:{path}/.env.docker 0xc1 0600");
        assert!(session.ask(&step).is_some_and(|result| result >= 0));
        host.shell_line(&format!(
            "chown root: {path} && chmod 755 {path} && : {}",
            account.name
        ));
        let _ = host.log();
        session.end();
        assert!(host.exists(account.at("uploads/d/.env.docker")));
        let lines = host.log();
        let said = lines.iter().filter(|line| {
            let wanted = format!("path=\"{path}/.env.docker\"");
            line.text.contains(" not-cleaned file cause=\"") && line.text.contains(&wanted)
        });
        let errors = usize::from(account.name == "alice");
        assert_eq!(said.count(), errors, "{lines:#?}");
    }
}
