//! The sources of the name service that know an account.

use std::path::Path;

use super::tool;
use crate::gather::account::nsswitch::Nsswitch;

/// A source that knows an account and that no session can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnservedSource {
    /// The database: `passwd` or `group`.
    pub database: &'static str,
    /// Its name in nsswitch.conf(5).
    pub name: String,
}

const GETENT: &str = "/usr/bin/getent";
/// nscd asks every source for whoever asks it.
const NSCD: &str = "/run/nscd/socket";

/// What a session can ask: a source, and the file or socket by which it answers
/// (the start-up table has each of them).
const SERVED: [(&str, &str); 8] = [
    ("files", "/etc/passwd"),
    ("compat", "/etc/passwd"),
    ("extrausers", "/var/lib/extrausers/passwd"),
    ("db", "/var/lib/misc/passwd.db"),
    ("sss", "/var/lib/sss/pipes/nss"),
    ("ldap", "/run/nslcd/socket"),
    ("winbind", "/run/samba/winbindd/pipe"),
    // Its library reads the records where no service runs.
    ("systemd", "/etc/nsswitch.conf"),
];

/// The sources that know this entry and that a session cannot ask. Where one
/// that a session can ask knows it too, there are none.
pub fn not_served(database: &'static str, key: &str) -> Vec<UnservedSource> {
    if Path::new(NSCD).exists() {
        return Vec::new();
    }
    let Ok(nsswitch) = Nsswitch::read() else {
        return Vec::new();
    };
    let knows = |name: &str| {
        let answer = tool::ask(Path::new(GETENT), &["-s", name, database, "--", key]);
        answer.is_ok_and(|answer| answer.success && !answer.text.trim().is_empty())
    };
    let (served, others): (Vec<_>, Vec<_>) = nsswitch
        .sources(database)
        .iter()
        .map(String::as_str)
        .filter(|name| knows(name))
        .partition(|name| is_served(name));
    if !served.is_empty() {
        return Vec::new();
    }
    let source = |name: &str| UnservedSource {
        database,
        name: name.to_owned(),
    };
    others.into_iter().map(source).collect()
}

/// Whether any source knows this entry: one that does not list its entries is
/// asked for it.
pub fn knows(database: &'static str, key: &str) -> bool {
    let answer = tool::ask(Path::new(GETENT), &[database, "--", key]);
    answer.is_ok_and(|answer| answer.success)
}

fn is_served(name: &str) -> bool {
    let mut served = SERVED.iter();
    served.any(|(source, at)| *source == name && Path::new(at).exists())
}
