//! Where the lines of the log go, and in which form.

use std::path::{Component, Path, PathBuf};

use super::forbidden::KERNEL_TREES;
use crate::print::escape::Escaped;

/// How the name of a file begins in the policy.
const FILE: &str = "file:";

/// What takes the lines of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// The daemon behind `/dev/log` (syslog(3)).
    #[default]
    Syslog,
    /// journald, by its own protocol, with fields.
    Journal,
    /// A regular file or a FIFO of root's, to which lines are appended.
    File(PathBuf),
}

impl LogTarget {
    /// Reads what the policy says.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a sentence. The disk is not consulted.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        match text {
            "syslog" => return Ok(Self::Syslog),
            "journal" => return Ok(Self::Journal),
            _ => {}
        }
        let Some(name) = text.strip_prefix(FILE) else {
            return Err("the log goes to \"syslog\", \"journal\" or \"file:/PATH\"");
        };
        let path = Path::new(name);
        let mut parts = path.components().skip(1);
        if !path.is_absolute() || name.contains("//") || name.ends_with('/') {
            return Err("after 'file:' there must be the absolute path of a file");
        }
        if name.contains('\0') {
            return Err("a path cannot contain a NUL character");
        }
        if name.split('/').any(|part| matches!(part, "." | "..")) {
            return Err("'.' and '..' are not allowed in a path");
        }
        let is_kernels = parts.next().is_some_and(|first| match first {
            Component::Normal(name) => KERNEL_TREES.iter().any(|tree| name == *tree),
            _ => false,
        });
        if is_kernels {
            return Err("a log file cannot be in /proc, /sys or /dev");
        }
        Ok(Self::File(path.to_path_buf()))
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Syslog | Self::Journal => None,
        }
    }

    /// What the policy says.
    pub fn written(&self) -> String {
        match self {
            Self::Syslog => "syslog".to_owned(),
            Self::Journal => "journal".to_owned(),
            Self::File(path) => match path.to_str() {
                Some(path) => format!("{FILE}{path}"),
                // A policy is UTF-8, and so are its paths.
                None => format!("{FILE}{}", Escaped::path(path)),
            },
        }
    }
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `session=ID seq=N account=NAME ... EVENT`.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl LogFormat {
    /// Both with their names in the policy.
    pub const NAMED: [(&'static str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];

    /// The name in the policy.
    pub const fn name(self) -> &'static str {
        Self::NAMED[self as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let file = |path: &str| Ok(LogTarget::File(path.into()));
        assert_eq!(LogTarget::new("syslog"), Ok(LogTarget::Syslog));
        assert_eq!(LogTarget::new("journal"), Ok(LogTarget::Journal));
        assert_eq!(LogTarget::new("file:/var/log/x"), file("/var/log/x"));
        assert_eq!(LogTarget::new("file:/run/a b"), file("/run/a b"));
        for wrong in [
            "",
            "Syslog",
            "/var/log/x",
            "file:",
            "file:x",
            "file:/",
            "file:/a/",
            "file:/a//b",
            "file:/a/../b",
            "file:/a/./b",
            "file:/dev/stdout",
            "file:/proc/1/fd/1",
            "file:/a\0",
        ] {
            assert!(LogTarget::new(wrong).is_err(), "{wrong}");
        }
        for right in ["syslog", "journal", "file:/var/log/x"] {
            let target = LogTarget::new(right).unwrap();
            assert_eq!(target.written(), right);
        }
    }
}
