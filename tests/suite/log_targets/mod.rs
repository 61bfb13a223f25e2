//! Where the log goes: syslog, journald, a file or a FIFO; as text or as JSON. The same session says the same in each,
//! nothing that takes lines can hang it, and its server reaches none of them.

mod hostile;
mod journal;
mod lost;
mod same;
mod together;
mod unsafe_files;

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, until};

/// A log file as an administrator makes it.
pub const FILE: &str = "/var/log/xfersh/log";
/// A FIFO.
pub const FIFO: &str = "/run/xfersh/lines";

/// An event: its fields by name.
pub type Fields = BTreeMap<String, String>;

/// Makes the file, or what is to have its name.
pub fn make(host: &Host, path: &str, how: &str) {
    host.shell_line(&format!(
        "mkdir -p $(dirname {path}); rm -f {path}; {how} {path}; chmod 0622 {path}"
    ));
}

/// A policy that serves everything.
pub fn policy(log: &str, format: &str) -> String {
    format!(
        "protocols = [\"sftp\", \"scp\", \"rsync\"]\nlog = \"{log}\"\nlog_format = \"{format}\"\n"
    )
}

/// A process of the host that is ended when the test is.
pub struct Reader(pub Child);

impl Reader {
    pub fn start(host: &Host, line: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(host.namespace().spawn(&mut command).expect("a reader"))
    }

    /// Something that reads the FIFO into a file, for as long as it lives.
    pub fn of_fifo(host: &Host, to: &str) -> Self {
        let reader = Self::start(host, &format!("exec cat <>{FIFO} >>{to}"));
        until("the reader", || host.exists(to));
        reader
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What happens to files in a few sessions with real clients.
pub fn sessions(host: &Host, account: &Account) {
    host.shell_line(
        "cd /tmp/local; echo one >a; printf 'two\\n' >'b \"q\"'; mkdir -p tree; echo three >tree/c",
    );
    host.sftp(
        account,
        "put a uploads/a\nput \"b \\\"q\\\"\" \"uploads/b \\\"q\\\"\"\nmkdir uploads/new\nrename uploads/a uploads/new/a\n\
         chmod 600 uploads/new/a\nrm uploads/old.txt\n-put a .profile\n-rm nothing\n",
    )
    .succeeded("sftp");
    host.scp_to(account, &["-O", "-p"], &["a"], "uploads/by-scp")
        .succeeded("scp");
    let mut rsync = Command::new("rsync");
    rsync.args(["-e", &format!("ssh -F {CLIENT_CONFIG}"), "-a"]);
    rsync.args(["tree/", &format!("{}@host:uploads/tree", account.name)]);
    host.run(rsync.current_dir("/tmp/local"), b"")
        .succeeded("rsync");
    host.ssh(account, &[], "id").failed("a command");
}

/// The text of a record after `xfersh[PID]: `, as fields. Words without a name are `words`.
pub fn of_text(line: &str) -> Fields {
    let (_, mut rest) = line.split_once("]: ").expect("a tag");
    let mut fields = Fields::new();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            words.push(name);
            rest = after.trim_start();
            continue;
        };
        let length = match value.strip_prefix('"') {
            Some(quoted) => 2 + closing_quote(quoted),
            None => value.find(' ').unwrap_or(value.len()),
        };
        let (value, after) = value.split_at(length);
        let value = value
            .strip_prefix('"')
            .map_or(value, |value| &value[..value.len() - 1]);
        fields.insert(name.to_owned(), value.to_owned());
        rest = after.trim_start();
    }
    if !words.is_empty() {
        fields.insert("words".to_owned(), words.join(" "));
    }
    fields
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    end.expect("a closing quote")
}

/// The same of JSON or of journald's fields, as the text has them. `names` turns the name of a field into that of JSON.
pub fn of_object(object: &Value, names: impl Fn(&str) -> Option<String>) -> Fields {
    let object = object.as_object().expect("an object");
    let mut fields = Fields::new();
    for (name, value) in object {
        let Some(name) = names(name) else { continue };
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        fields.insert(name, value);
    }
    let operation = fields.remove("operation").expect("an operation");
    let kind = fields.remove("kind");
    let state = fields.remove("state");
    let words: Vec<String> = match operation.as_str() {
        "verdict" => Vec::new(),
        "ending" => panic!("no session is ended here"),
        _ => [Some(operation), kind, state]
            .into_iter()
            .flatten()
            .collect(),
    };
    if !words.is_empty() {
        fields.insert("words".to_owned(), words.join(" "));
    }
    if let Some(sequence) = fields.remove("sequence") {
        fields.insert("seq".to_owned(), sequence);
    }
    fields
}

/// What differs from one run to the next.
pub fn comparable(records: Vec<Fields>) -> Vec<Fields> {
    let mut sessions = Vec::new();
    let number = |mut fields: Fields| {
        let session = fields.remove("session").expect("a session");
        let known = sessions.iter().position(|known| *known == session);
        let number = known.unwrap_or_else(|| {
            sessions.push(session);
            sessions.len() - 1
        });
        for varying in ["seconds", "time", "host", "identifier", "pid", "severity"] {
            fields.remove(varying);
        }
        fields.insert("session".to_owned(), number.to_string());
        fields
    };
    records.into_iter().map(number).collect()
}
