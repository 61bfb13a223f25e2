//! /etc/ld.so.cache: where glibc's loader finds a library by its name. The
//! loader never reads /etc/ld.so.conf; ldconfig(8) does, and writes this file.
//! The format is that of glibc's own header sysdeps/generic/dl-cache.h.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Where it is.
pub const CACHE: &str = "/etc/ld.so.cache";
/// The most that is read of it. A large host has 300 KiB.
pub const CACHE_MAX: u64 = 16 << 20;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// The older format, behind which the other one may follow.
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const OLD_ENTRY: usize = 12;
const HEADER: usize = 48;
const ENTRY: usize = 24;

/// A library of glibc for this processor (`FLAG_ELF_LIBC6` and its
/// architecture).
#[cfg(target_arch = "x86_64")]
const WANTED: u32 = 0x0303;
#[cfg(target_arch = "aarch64")]
const WANTED: u32 = 0x0a03;

/// The paths under which a library of this name is known, the best first.
pub fn find(cache: &[u8], name: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Some(cache) = current(cache) else {
        return found;
    };
    let count = number(cache, MAGIC.len()).unwrap_or(0);
    let table = cache.get(HEADER..).unwrap_or_default();
    let entries = table.chunks_exact(ENTRY).take(count as usize);
    for entry in entries {
        let flags = number(entry, 0);
        let text = |at| text(cache, number(entry, at)? as usize);
        if flags == Some(WANTED)
            && text(4) == Some(name)
            && let Some(path) = text(8)
        {
            found.push(PathBuf::from(OsStr::from_bytes(path)));
        }
    }
    found
}

/// The part in the current format: offsets count from its beginning.
fn current(cache: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    if cache.starts_with(OLD_MAGIC) {
        let count = number(cache, OLD_MAGIC.len())? as usize;
        let end = count
            .checked_mul(OLD_ENTRY)?
            .checked_add(OLD_MAGIC.len() + 4)?;
        at = end.checked_next_multiple_of(8)?;
    }
    let part = cache.get(at..)?;
    part.starts_with(MAGIC).then_some(part)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    four.try_into().ok().map(u32::from_ne_bytes)
}

fn text(cache: &[u8], at: usize) -> Option<&[u8]> {
    cache.get(at..)?.split(|c| *c == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with these entries, written by the rules of dl-cache.h.
    fn cache(entries: &[(u32, &str, &str)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut table = Vec::new();
        let base = HEADER + entries.len() * ENTRY;
        let mut place = |text: &str| {
            let at = u32::try_from(base + strings.len()).unwrap();
            strings.extend(text.as_bytes());
            strings.push(0);
            at
        };
        for (flags, name, path) in entries {
            for number in [*flags, place(name), place(path), 0, 0, 0] {
                table.extend(number.to_ne_bytes());
            }
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(u32::try_from(entries.len()).unwrap().to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(table);
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn by_name_and_kind() {
        let entries = [
            (WANTED, "libz.so.1", "/opt/v3/libz.so.1"),
            (0x0003, "libz.so.1", "/opt/32/libz.so.1"),
            (WANTED, "libz.so.1", "/opt/libz.so.1"),
            (WANTED, "libz.so", "/opt/libz.so"),
        ];
        let new = cache(&entries);
        // With one entry of the older format before it.
        let mut both = OLD_MAGIC.to_vec();
        both.extend(1_u32.to_ne_bytes());
        both.resize(both.len() + OLD_ENTRY, 7);
        both.resize(both.len().next_multiple_of(8), 0);
        both.extend(&new);
        for cache in [&new, &both] {
            let expected = ["/opt/v3/libz.so.1", "/opt/libz.so.1"].map(PathBuf::from);
            assert_eq!(find(cache, b"libz.so.1"), expected);
            assert_eq!(find(cache, b"liby.so.1"), [] as [PathBuf; 0]);
        }
        // Cut anywhere, it finds less and never fails.
        for length in 0..both.len() {
            assert!(find(&both[..length], b"libz.so.1").len() <= 2);
        }
        let mut many = new;
        many[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(find(&many, b"libz.so.1").len(), 2);
    }

    /// What ldconfig(8) wrote on this host, and says itself.
    #[test]
    fn the_hosts_own() {
        let Ok(cache) = std::fs::read(CACHE) else {
            return;
        };
        let found = find(&cache, b"libc.so.6");
        assert!(!found.is_empty());
        assert!(found.iter().all(|path| path.is_absolute()), "{found:?}");
    }
}
