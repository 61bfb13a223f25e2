//! What the guard shows of its session while it runs: its process's title,
//! which ps(1) and `xfersh --who` read. No server can write to it.

use std::fmt::Write as _;

use super::Guard;
use super::counts::Counts;
use crate::decide::plan::ServerKind;
use crate::log::Audit;
use crate::system::title::Title;

/// How each title begins.
const BEGIN: &str = "xfersh: ";

/// The title of a guard. There is room for as much as the arguments and the
/// environment took; a field that does not fit is left out.
#[derive(Debug)]
pub struct SessionTitle {
    title: Title,
    text: String,
    /// How much of the text stays the same.
    fixed: usize,
    shown: (u64, u64),
}

impl SessionTitle {
    /// Shows the session in the title; `None` if this process cannot have one.
    pub fn show(audit: &Audit, kind: ServerKind) -> Option<Self> {
        let title = Title::take()?;
        let text = format!("{BEGIN}{} server={}", audit.names(), kind.name());
        let fields = [" account=", " server="].into_iter();
        let ends = fields.filter_map(|field| text.find(field));
        let fits = |end: &usize| *end <= title.room();
        let ends = ends.chain([BEGIN.len(), text.len()]);
        let fixed = ends.filter(fits).max().unwrap_or(0);
        let mut shown = Self {
            title,
            text,
            fixed,
            shown: (0, 0),
        };
        shown.write();
        Some(shown)
    }

    /// Shows this instead: in a process that has been forked from the guard.
    pub fn become_other(&mut self, text: &str) {
        self.title.set(text);
    }

    fn write(&mut self) {
        let (files, bytes) = self.shown;
        self.text.truncate(self.fixed);
        // Writing to a string does not fail.
        let _ = write!(self.text, " files={files} bytes={bytes}");
        if self.text.len() > self.title.room() {
            self.text.truncate(self.fixed);
        }
        self.title.set(&self.text);
    }

    fn update(&mut self, counts: &Counts) {
        let now = (counts.files, counts.bytes);
        if self.shown != now {
            self.shown = now;
            self.write();
        }
    }
}

impl Guard<'_> {
    /// Shows what has arrived so far.
    pub(super) fn show_counts(&mut self) {
        if let Some(title) = &mut self.title {
            title.update(self.log.counts());
        }
    }
}

/// What a title says: what is not in it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFields {
    /// The session, as in the log.
    pub session: Option<String>,
    /// The account's name, escaped as in the log.
    pub account: Option<String>,
    /// The address of the client; `-` if it is not known.
    pub client: Option<String>,
    /// The kind of server.
    pub server: Option<String>,
    /// Files that were received.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
}

impl SessionFields {
    /// Reads /proc/PID/cmdline; `None` if it is not the title of a guard.
    pub fn read(title: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(title).ok()?.trim_end_matches('\0');
        let text = text.strip_prefix(BEGIN)?;
        // There was no room for more, not even for the counts, or for these.
        if text.is_empty() || text.starts_with(" files=") {
            return Some(Self::default());
        }
        let (head, rest) = text.split_once(" uid=").unwrap_or((text, ""));
        let (session, account) = head.split_once(" account=").unzip();
        let session = session.unwrap_or(head).strip_prefix("session=")?;
        // Without an account, the counts are next.
        let (session, rest) = match session.split_once(' ') {
            Some((session, counts)) => (session, counts),
            None => (session, rest),
        };
        let field = |name: &str| {
            let mut fields = rest.split(' ').filter_map(|field| field.split_once('='));
            let value = fields.find(|(key, _)| *key == name)?.1;
            Some(value.to_owned()).filter(|value| !value.is_empty())
        };
        let number = |name| field(name)?.parse().ok();
        Some(Self {
            session: Some(session.to_owned()).filter(|id| id.len() == 16),
            account: account.filter(|_| !rest.is_empty()).map(str::to_owned),
            client: field("client"),
            server: field("server"),
            files: number("files"),
            bytes: number("bytes"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "xfersh: session=0123456789abcdef account=a\\x20b uid=1000 client=2001:db8::1 \
                         server=rsync-receiver files=12 bytes=3456";

    #[test]
    fn a_title_says_what_was_written() {
        let shown = SessionFields::read(WHOLE.as_bytes()).expect("a title");
        assert_eq!(shown.session.as_deref(), Some("0123456789abcdef"));
        assert_eq!(shown.account.as_deref(), Some("a\\x20b"));
        assert_eq!(shown.client.as_deref(), Some("2001:db8::1"));
        assert_eq!(shown.server.as_deref(), Some("rsync-receiver"));
        assert_eq!((shown.files, shown.bytes), (Some(12), Some(3456)));
    }

    #[test]
    fn what_is_not_there_is_not_known() {
        for (field, known) in [(" account=", 1), (" server=", 3), (" files=", 4)] {
            let end = WHOLE.find(field).expect("a field");
            let shown = SessionFields::read(&[&WHOLE.as_bytes()[..end], &[0; 3]].concat());
            let shown = shown.expect("a title");
            let (session, account) = (shown.session, shown.account);
            let texts = [session, account, shown.client, shown.server];
            assert_eq!(texts.iter().flatten().count(), known, "{field}");
            assert_eq!((shown.files, shown.bytes), (None, None));
        }
        let title = &b"xfersh: session=0123456789abcdef files=1 bytes=2\0"[..];
        let shown = SessionFields::read(title).expect("a title");
        assert_eq!(shown.session.as_deref(), Some("0123456789abcdef"));
        assert_eq!(
            (shown.account, shown.files, shown.bytes),
            (None, Some(1), Some(2))
        );
        for least in [&b"xfersh: \0\0"[..], b"xfersh:  files=1 bytes=2\0"] {
            assert_eq!(SessionFields::read(least), Some(SessionFields::default()));
        }
        assert_eq!(SessionFields::read(b"xfersh\0-c\0scp -t x\0"), None);
        assert_eq!(SessionFields::read(b"xfersh: \xff"), None);
        assert_eq!(SessionFields::read(b""), None);
    }
}
