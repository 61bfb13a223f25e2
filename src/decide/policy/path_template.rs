//! Directories as the policy names them: `~`, `%u` and `%h` stand for facts
//! about the account.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use crate::decide::account::Account;

/// A directory of the policy, not yet expanded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathTemplate(Cow<'static, str>);

/// What a [`PathTemplate`] means for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathTarget {
    /// One directory.
    Directory(PathBuf),
    /// Every directory directly in the home that is neither a symbolic link
    /// nor a dotfile.
    HomeChildren,
}

impl PathTemplate {
    /// The home directory.
    pub const HOME: Self = Self(Cow::Borrowed("~"));
    /// Every directory directly in the home.
    pub const HOME_CHILDREN: Self = Self(Cow::Borrowed("~/*"));

    /// Checks the form of a directory.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a sentence. The disk is not consulted.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let template = Self(Cow::Owned(text.to_owned()));
        if template == Self::HOME_CHILDREN {
            return Ok(template);
        }
        let rooted = text == "~"
            || ["/", "~/", "%h/"]
                .iter()
                .any(|start| text.starts_with(start))
            || text == "%h";
        if !rooted {
            return Err("a directory must begin with '/' or '~/' (or be '~')");
        }
        if text.contains('\0') {
            return Err("a path cannot contain a NUL character");
        }
        if text.contains('*') {
            return Err("the only wildcard is '~/*': every directory directly in the home");
        }
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('%') {
            if !after.starts_with(['u', 'h', '%']) {
                return Err("only 'u', 'h' or '%' can follow '%'");
            }
            rest = &after[1..];
        }
        if text.split('/').any(|part| part == "." || part == "..") {
            return Err("'.' and '..' are not allowed in a path");
        }
        Ok(template)
    }

    /// Whether it is `~/*`.
    pub fn is_home_children(&self) -> bool {
        *self == Self::HOME_CHILDREN
    }

    /// What the directory is for this account. Repeated slashes are removed.
    pub fn target(&self, account: &Account) -> PathTarget {
        if *self == Self::HOME_CHILDREN {
            return PathTarget::HomeChildren;
        }
        let home = account.home.as_os_str();
        let mut out = OsString::new();
        let mut rest = &*self.0;
        if let Some(after) = rest.strip_prefix('~') {
            out.push(home);
            rest = after;
        }
        while let Some((before, after)) = rest.split_once('%') {
            out.push(before);
            match after.as_bytes().first() {
                Some(b'u') => out.push(&account.name),
                Some(b'h') => out.push(home),
                _ => out.push("%"),
            }
            rest = after.get(1..).unwrap_or_default();
        }
        out.push(rest);
        PathTarget::Directory(tidy(out))
    }

    /// The text in a canonical form: all texts that mean the same directory,
    /// for any account, have the same form.
    pub fn plain(&self) -> String {
        self.parts().collect::<Vec<_>>().join("/")
    }

    /// The names in the text; `%h` at the start is `~`.
    fn parts(&self) -> impl Iterator<Item = &str> {
        let parts = self.0.split('/').enumerate();
        parts
            .filter(|(i, part)| *i == 0 || !part.is_empty())
            .map(|(i, part)| if i == 0 && part == "%h" { "~" } else { part })
    }

    /// Whether the login name is part of the directory (`%u`).
    pub fn names_user(&self) -> bool {
        let mut rest = self.as_str();
        while let Some((_, after)) = rest.split_once('%') {
            if after.starts_with('u') {
                return true;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        false
    }

    /// The text in the policy.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path without repeated or trailing slashes and without `.` components.
/// Most are already like this, and every session has a few.
fn tidy(path: OsString) -> PathBuf {
    let bytes = path.as_bytes();
    let is_tidy =
        !bytes.ends_with(b"/") && !bytes.windows(2).any(|two| two == b"//" || two == b"/.");
    if is_tidy {
        return path.into();
    }
    let parts = Path::new(&path).components();
    parts.filter(|part| *part != Component::CurDir).collect()
}
