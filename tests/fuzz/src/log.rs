//! Lines of the log, by the way that a session writes them.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use xfersh::decide::policy::{LogFormat, LogTarget};
use xfersh::log::{Audit, Event, Importance};
use xfersh::system::log_file::LogFile;
use xfersh::system::statx;

/// A log in a file without a name, and the file.
struct Log {
    audit: Audit,
    file: File,
    format: LogFormat,
}

static LOGS: LazyLock<Mutex<Vec<Log>>> = LazyLock::new(|| {
    let logs = [LogFormat::Text, LogFormat::Json].map(Log::new);
    Mutex::new(logs.into())
});

impl Log {
    fn new(format: LogFormat) -> Self {
        let path = std::env::temp_dir().join(format!("xfersh-log-{}", std::process::id()));
        let mut options = File::options();
        options.append(true).read(true).create_new(true);
        let file = options.open(&path).expect("a file");
        std::fs::remove_file(&path).expect("removing its name");
        let status = statx::of_fd(file.as_fd()).expect("its attributes");
        let taken = LogFile::new(file.try_clone().expect("a descriptor").into(), &status);
        let mut audit = Audit::open(1000);
        audit.direct(&LogTarget::File("/log".into()), format, |_: &Path| {
            Ok(taken)
        });
        let mut log = Self {
            audit,
            file,
            format,
        };
        log.take();
        log
    }

    /// What was written.
    fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.file.rewind().expect("the beginning");
        self.file.read_to_end(&mut bytes).expect("reading");
        self.file.set_len(0).expect("emptying");
        bytes
    }

    fn check(&mut self) {
        let written = self.take();
        let text = std::str::from_utf8(&written).expect("UTF-8");
        let line = text.strip_suffix('\n').expect("a line break");
        assert!(!line.chars().any(changes_what_is_shown), "{line:?}");
        let is_ours = "session=";
        match self.format {
            LogFormat::Text => {
                assert!(line.contains(is_ours), "{line:?}");
                // An even number of quotes that are not escaped: no value ends before its end.
                let mut bytes = line.bytes();
                let mut quotes = 0;
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => assert!(bytes.next().is_some(), "{line:?}"),
                        b'"' => quotes += 1,
                        _ => {}
                    }
                }
                assert!(quotes % 2 == 0, "{line:?}");
            }
            LogFormat::Json => {
                let read: serde_json::Value = serde_json::from_str(line).expect("one object");
                assert_eq!(read["account"], "alice", "{line:?}");
            }
        }
    }
}

/// Controls, line ends of Unicode, and marks of direction (UAX #9): a list of its own, not the one of `print::escape`.
pub fn changes_what_is_shown(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The first byte chooses the policy; the rest is the command, and a name on the disk. Whatever they are, the session's
/// line is one line without control and direction characters, and so is that of a change.
pub fn log_line(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let (account, invocation, verdict) = super::command::logged(*choice, rest);
    let mut logs = LOGS.lock().expect("no panic before");
    for log in logs.iter_mut() {
        log.audit.identify(Some(account), 1000, &invocation);
        log.audit.verdict(&invocation, &verdict);
        log.check();
        let event = Event::of("renamed")
            .bytes("from", rest)
            .bytes("path", bytes);
        log.audit.event(Importance::Info, &event);
        log.check();
    }
}
