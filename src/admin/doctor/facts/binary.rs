//! An installed binary: the way to it, and how it is linked.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::gather::trust::{PathEntry, WayError, way_to};

/// What is known about one installed binary.
#[derive(Debug)]
pub struct Binary {
    /// Where accounts have it as their shell.
    pub path: PathBuf,
    /// Everything on the way to it, and finally the binary itself.
    pub way: Result<Vec<PathEntry>, WayError>,
    /// Whether it asks for a dynamic loader.
    pub is_dynamic: bool,
}

impl Binary {
    /// Looks at a binary.
    pub fn gather(path: &Path) -> Self {
        let mut start = Vec::new();
        // The program headers of any real binary are at its beginning.
        let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start));
        Self {
            path: path.to_owned(),
            way: way_to(path),
            is_dynamic: read.is_ok() && has_interpreter(&start),
        }
    }
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
    use super::*;

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
