//! What sshd would do for one account: the output of `sshd -T -C …`.

use std::path::PathBuf;

/// Effective settings, keyword and value, as `sshd -T` prints them: the
/// keyword in lower case; one with several values may come several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshdSettings(Vec<(String, String)>);

impl SshdSettings {
    /// Reads the output.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| {
            let (key, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            (!key.is_empty()).then(|| (key.to_lowercase(), value.trim().to_owned()))
        });
        Self(lines.collect())
    }

    /// Every value of a keyword.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self.0.iter().filter(move |(name, _)| name == key);
        own.map(|(_, value)| value.as_str())
    }

    /// The value of a keyword; `None` if this sshd does not know it.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the keyword has this value.
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.value(key)
            .is_some_and(|own| own.eq_ignore_ascii_case(value))
    }

    /// The value of a keyword that can be switched off with `none`.
    pub fn set(&self, key: &str) -> Option<&str> {
        self.value(key)
            .filter(|value| !value.eq_ignore_ascii_case("none") && !value.is_empty())
    }

    /// The command of the subsystem `sftp`.
    pub fn sftp_subsystem(&self) -> Option<&str> {
        let rows = self.all("subsystem").filter_map(|row| row.split_once(' '));
        let mut sftp = rows.filter(|(name, _)| *name == "sftp");
        sftp.next().map(|(_, command)| command.trim())
    }

    /// Where sessions of the account are in a chroot, with the tokens of
    /// sshd_config(5) expanded.
    pub fn chroot(&self, name: &str, uid: u32, home: &str) -> Option<PathBuf> {
        let root = self.set("chrootdirectory")?;
        Some(expand(root, name, uid, home).into())
    }

    /// Where keys are looked for, with the tokens of sshd_config(5) expanded
    /// and relative paths resolved from the home.
    pub fn key_files<'a>(
        &'a self,
        key: &'a str,
        name: &'a str,
        uid: u32,
        home: &'a str,
    ) -> impl Iterator<Item = String> + 'a {
        let files = self.all(key).flat_map(str::split_whitespace);
        let files = files.filter(|file| !file.eq_ignore_ascii_case("none"));
        files.map(move |file| {
            let path = expand(file, name, uid, home);
            if path.starts_with('/') {
                path
            } else {
                format!("{home}/{path}")
            }
        })
    }
}

/// `%%`, `%h`, `%u` and `%U` (sshd_config(5), TOKENS).
fn expand(text: &str, name: &str, uid: u32, home: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next() {
                Some('h') => out.push_str(home),
                Some('u') => out.push_str(name),
                Some('U') => out.push_str(&uid.to_string()),
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_keywords_and_values() {
        let text = "port 22\nAcceptEnv LANG\nacceptenv LC_*\nforcecommand none\n\
                    subsystem x /x\nsubsystem sftp /usr/lib/openssh/sftp-server -R\nempty\n";
        let settings = SshdSettings::parse(text);
        assert_eq!(settings.value("port"), Some("22"));
        assert_eq!(
            settings.all("acceptenv").collect::<Vec<_>>(),
            ["LANG", "LC_*"]
        );
        assert_eq!(settings.set("forcecommand"), None);
        assert_eq!(settings.set("port"), Some("22"));
        assert_eq!(settings.value("missing"), None);
        assert_eq!(
            settings.sftp_subsystem(),
            Some("/usr/lib/openssh/sftp-server -R")
        );
        assert!(settings.is("forcecommand", "NONE"));
    }

    #[test]
    fn a_chroot_is_expanded() {
        let rows = [
            ("/srv/sftp/%u", Some("/srv/sftp/alice")),
            ("%h", Some("/h")),
            ("/srv/%U%%", Some("/srv/7%")),
            ("none", None),
        ];
        for (value, expected) in rows {
            let settings = SshdSettings::parse(&format!("chrootdirectory {value}\n"));
            let seen = settings.chroot("alice", 7, "/h");
            assert_eq!(seen, expected.map(PathBuf::from), "{value}");
        }
    }

    #[test]
    fn key_files_are_expanded() {
        let rows: [(&str, &[&str]); 4] = [
            (
                ".ssh/authorized_keys .ssh/authorized_keys2",
                &["/h/.ssh/authorized_keys", "/h/.ssh/authorized_keys2"],
            ),
            ("/etc/ssh/xfersh_keys/%u", &["/etc/ssh/xfersh_keys/alice"]),
            ("%h/in/%U%%", &["/h/in/7%"]),
            ("none", &[]),
        ];
        for (value, expected) in rows {
            let settings = SshdSettings::parse(&format!("authorizedkeysfile {value}\n"));
            let seen: Vec<_> = settings
                .key_files("authorizedkeysfile", "alice", 7, "/h")
                .collect();
            assert_eq!(seen, expected, "{value}");
        }
    }
}
