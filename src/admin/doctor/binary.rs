//! The binary itself: whose it is, who can change it, how it is linked.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::files::{self, FileFacts};
use super::finding::{Finding, quoted};
use crate::print::escape::Escaped;

/// Looks at one installed binary. `own` is the one that runs.
#[must_use]
pub fn check(binary: &Path, own: &Path) -> Vec<Finding> {
    let way = match files::way_to(binary) {
        Ok(way) => way,
        Err(error) => {
            let shown = Escaped::path(binary);
            let say =
                format!("{shown} is the shell of an account and cannot be looked at: {error}.");
            let mend = format!("install -D -m 0755 {} {}", quoted(own), quoted(binary));
            return vec![Finding::serious("shell-missing", say, mend)];
        }
    };
    let mut start = Vec::new();
    // The program headers of any real binary lie at its beginning.
    let read = File::open(binary).and_then(|file| file.take(4096).read_to_end(&mut start));
    judge(&way, read.is_ok().then_some(&start))
}

fn judge(way: &[FileFacts], start: Option<&Vec<u8>>) -> Vec<Finding> {
    let mut findings = files::judge_way("xfersh", way, "binary-owner", "binary-writable");
    for file in way.iter().filter(|part| part.kind == files::Kind::File) {
        let path = quoted(&file.path);
        if file.is_set_id() {
            let say = format!(
                "{} is set-user-ID or set-group-ID (mode {:04o}); xfersh refuses to run with borrowed rights.",
                file.shown(),
                file.mode
            );
            findings.push(Finding::serious(
                "binary-setuid",
                say,
                format!("chmod ug-s {path}"),
            ));
        }
        if file.mode & 0o005 != 0o005 {
            let say = format!(
                "{} (mode {:04o}) cannot be run by accounts.",
                file.shown(),
                file.mode
            );
            findings.push(Finding::serious(
                "binary-mode",
                say,
                format!("chmod 0755 {path}"),
            ));
        }
        if start.is_some_and(|bytes| has_interpreter(bytes)) {
            let say = format!(
                "{} is dynamically linked: where a client can set LD_PRELOAD, its library runs before xfersh does.",
                file.shown()
            );
            findings.push(Finding::serious(
                "binary-dynamic",
                say,
                "install/install # builds a static binary",
            ));
        }
    }
    findings
}

/// Whether an ELF file asks for a dynamic loader (PT_INTERP, elf(5)).
fn has_interpreter(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    // ELFCLASS64, and the byte order that both supported machines have.
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return false;
    }
    let u16_at = |at: usize| Some(u16::from_le_bytes(elf.get(at..at + 2)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(elf.get(at..at + 8)?.try_into().ok()?));
    let headers = || {
        let offset = usize::try_from(u64_at(32)?).ok()?;
        let (size, count) = (usize::from(u16_at(54)?), usize::from(u16_at(56)?));
        let kinds = (0..count).filter_map(move |i| {
            let at = offset.checked_add(i * size)?;
            Some(u32::from_le_bytes(
                elf.get(at..at.checked_add(4)?)?.try_into().ok()?,
            ))
        });
        Some(kinds.collect::<Vec<_>>())
    };
    headers().is_some_and(|kinds| kinds.contains(&PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::files::Kind;
    use super::*;

    fn ids(uid: u32, mode: u32) -> Vec<&'static str> {
        let way = [FileFacts {
            path: "/usr/bin/xfersh".into(),
            kind: Kind::File,
            uid,
            gid: 0,
            mode,
        }];
        judge(&way, None).iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn table() {
        let rows: [(u32, u32, &[&str]); 7] = [
            (0, 0o755, &[]),
            (0, 0o555, &[]),
            (1000, 0o755, &["binary-owner"]),
            (0, 0o757, &["binary-writable"]),
            (0, 0o4755, &["binary-setuid"]),
            (0, 0o2755, &["binary-setuid"]),
            (0, 0o750, &["binary-mode"]),
        ];
        for (uid, mode, expected) in rows {
            assert_eq!(ids(uid, mode), expected, "{uid} {mode:o}");
        }
    }

    /// An ELF header with program headers of these kinds.
    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            bytes.extend(kind.to_le_bytes());
            bytes.resize(bytes.len() + 52, 0);
        }
        bytes
    }

    #[test]
    fn a_loader_is_found() {
        assert!(has_interpreter(&elf(&[6, 3, 1])));
        assert!(!has_interpreter(&elf(&[6, 1])));
        assert!(!has_interpreter(&elf(&[6, 3])[..100]));
        assert!(!has_interpreter(b"#!/bin/sh\n"));
        assert!(!has_interpreter(b""));
    }
}
