//! The text of a policy.

use std::path::Path;

use xfersh::decide::account::{Account, AccountSource};
use xfersh::decide::policy::parse;
use xfersh::decide::roots::directories::directories;

/// A text is a policy or a list of errors, each within it. What holds, written as a policy, is the same policy.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let source = Path::new("policy");
    let account = Account {
        name: "alice".into(),
        aliases: Vec::new(),
        uid: 1000,
        gid: 1000,
        home: "/home/alice".into(),
        groups: vec!["sftp".into()],
        source: AccountSource::Passwd,
    };
    match parse(text, source) {
        Err(errors) => {
            assert!(!errors.errors.is_empty());
            let lines = u32::try_from(text.split('\n').count()).expect("a short text");
            assert!(
                errors
                    .errors
                    .iter()
                    .all(|error| (1..=lines).contains(&error.line))
            );
            let report = errors.report();
            let is_odd = |c: char| c.is_control() && c != '\n';
            assert!(!report.contains(is_odd), "{report:?}");
            assert!(!errors.to_string().contains(char::is_control));
        }
        Ok(file) => {
            let policy = file.effective(&account, Some([192, 0, 2, 7].into()));
            let _ = policy.check_directories(&account);
            let _ = directories(&policy, &account);
            let lines = policy.lines();
            assert!(
                !lines.iter().any(|line| line.contains(char::is_control)),
                "{lines:?}"
            );
            let json = policy.to_json().to_string();
            assert!(!json.contains(char::is_control), "{json:?}");
        }
    }
}
