//! `--who`: which sessions are open, and what they are doing.

use nix::unistd::geteuid;

use super::{OpenFile, OpenSession};
use crate::cli;
use crate::console;
use crate::exit::Exit;
use crate::print::calendar;
use crate::print::escape::{Escaped, Sentence};
use crate::print::json::Json;
use crate::print::style::{Colour, Style};
use crate::print::table::{self, Row};

/// What stands where nothing is known.
const UNKNOWN: &str = "-";

/// Runs `--who`.
pub fn run(call: &cli::WhoCall) -> Exit {
    if !geteuid().is_root() {
        let why = "only root can see the sessions of all accounts: run 'xfersh --who' as root";
        return super::super::unable(why, call.json);
    }
    match super::all() {
        Ok(sessions) => {
            let sessions: Vec<_> = sessions.into_iter().map(Listed::look).collect();
            if call.json {
                console::print(&format!("{}\n", json(&sessions)))
            } else {
                console::print(&text(&sessions))
            }
        }
        Err(error) => super::super::unable(&format!("cannot read /proc: {error}"), call.json),
    }
}

/// A session, and what its server has open.
struct Listed {
    session: OpenSession,
    open: Vec<OpenFile>,
}

impl Listed {
    fn look(session: OpenSession) -> Self {
        let open = super::open_files(&session.group);
        Self { session, open }
    }

    /// Bytes that were received, those of files under way included.
    fn bytes(&self) -> Option<u64> {
        let open = self.open.iter().filter(|file| file.writing);
        let open = open.map(|file| file.size);
        Some(open.fold(self.session.title.bytes?, u64::saturating_add))
    }
}

fn text(sessions: &[Listed]) -> String {
    if sessions.is_empty() {
        return "No session is open.\n".to_owned();
    }
    let header = [
        "SESSION", "ACCOUNT", "CLIENT", "SINCE", "SERVER", "PID", "FILES", "BYTES", "OPEN",
    ];
    let rows: Vec<_> = sessions.iter().map(row).collect();
    table::text(header, &rows, Style::Plain)
}

fn row(listed: &Listed) -> Row<9> {
    let Listed { session, open } = listed;
    let title = &session.title;
    let word = |text: &Option<String>| match text {
        Some(text) => Sentence(text).to_string(),
        None => UNKNOWN.to_owned(),
    };
    let number = |number: Option<u64>| match number {
        Some(number) => number.to_string(),
        None => UNKNOWN.to_owned(),
    };
    Row {
        cells: [
            word(&title.session),
            account(session),
            word(&title.client),
            calendar::time(session.since),
            word(&title.server),
            session.pid.to_string(),
            number(title.files),
            number(listed.bytes()),
            open_cell(open),
        ],
        colour: Colour::Note,
    }
}

/// The name of its account, escaped already as in the log; its uid
/// where there was no room for it, or that uid has no such name.
fn account(session: &OpenSession) -> String {
    match &session.account {
        Some(name) => Sentence(name).to_string(),
        None => format!("uid={}", session.uid),
    }
}

/// The first open file, and how many more there are.
fn open_cell(files: &[OpenFile]) -> String {
    let Some(first) = files.iter().find(|file| file.writing).or(files.first()) else {
        return UNKNOWN.to_owned();
    };
    let access = if first.writing { "writes" } else { "reads" };
    let path = Escaped::path(&first.path).cut();
    let more = match files.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    format!(
        "{access} {path} ({} of {}){more}",
        first.position, first.size
    )
}

fn json(sessions: &[Listed]) -> Json {
    let sessions = sessions.iter().map(session_json).collect();
    Json::Object(vec![
        ("error", Json::Null),
        ("sessions", Json::List(sessions)),
    ])
}

fn session_json(listed: &Listed) -> Json {
    let Listed { session, open } = listed;
    let title = &session.title;
    let number = |number: Option<u64>| number.map_or(Json::Null, Json::Number);
    let pid = |pid: i32| Json::Number(u64::try_from(pid).unwrap_or(0));
    let client = title.client.as_deref().filter(|client| *client != UNKNOWN);
    let files = open.iter().map(|file| {
        Json::Object(vec![
            ("path", Json::path(&file.path)),
            ("writing", Json::Bool(file.writing)),
            ("size", Json::Number(file.size)),
            ("position", Json::Number(file.position)),
        ])
    });
    Json::Object(vec![
        ("session", Json::maybe(title.session.as_deref())),
        ("account", Json::maybe(session.account.as_deref())),
        ("uid", Json::Number(session.uid.into())),
        ("client", Json::maybe(client)),
        ("since", Json::Text(calendar::time(session.since))),
        ("server", Json::maybe(title.server.as_deref())),
        ("pid", pid(session.pid)),
        ("server_pid", session.server.map_or(Json::Null, pid)),
        ("files", number(title.files)),
        ("bytes", number(listed.bytes())),
        ("open", Json::List(files.collect())),
    ])
}
