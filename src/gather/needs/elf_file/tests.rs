//! Programs of this host as they are, and damaged in every way.

use super::*;

/// As pread(2) on these bytes.
fn read_bytes(bytes: &[u8]) -> Result<ElfFacts, ElfError> {
    read(|buffer, offset| {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = bytes.get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    })
}

/// A small program, put together by hand: an ELF header, segments for the
/// loader, the whole file and the dynamic section, and these entries.
struct Built {
    texts: Vec<u8>,
    entries: Vec<(i64, u64)>,
}

const BASE: u64 = 0x10000;
const TEXTS: usize = 512;
const ENTRIES: usize = 2048;

impl Built {
    fn new(names: &[(i64, &str)]) -> Self {
        let mut built = Self {
            texts: vec![0],
            entries: Vec::new(),
        };
        for (tag, name) in names {
            built.entries.push((*tag, built.texts.len() as u64));
            built.texts.extend(name.as_bytes());
            built.texts.push(0);
        }
        let size = built.texts.len() as u64;
        built.entries.push((abi::DT_STRTAB, BASE + TEXTS as u64));
        built.entries.push((abi::DT_STRSZ, size));
        built
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        bytes.resize(16, 0);
        let mut put = |text: &[u8]| bytes.extend(text);
        put(&abi::ET_DYN.to_le_bytes());
        put(&crate::decide::needs::MACHINE.to_le_bytes());
        put(&1_u32.to_le_bytes());
        for number in [0_u64, 64, 0] {
            put(&number.to_le_bytes());
        }
        put(&0_u32.to_le_bytes());
        for number in [64_u16, 56, 3, 64, 0, 0] {
            put(&number.to_le_bytes());
        }
        let size = 16 * (self.entries.len() as u64 + 1);
        let interpreter = b"/lib/ld.so\0";
        for (kind, offset, length) in [
            (abi::PT_INTERP, 400, interpreter.len() as u64),
            (abi::PT_LOAD, 0, 1 << 20),
            (abi::PT_DYNAMIC, ENTRIES as u64, size),
        ] {
            put(&kind.to_le_bytes());
            put(&4_u32.to_le_bytes());
            for number in [offset, BASE + offset, 0, length, length, 8] {
                put(&number.to_le_bytes());
            }
        }
        bytes.resize(400, 0);
        bytes.extend(interpreter);
        bytes.resize(TEXTS, 0);
        bytes.extend(&self.texts);
        bytes.resize(ENTRIES.max(bytes.len()), 0);
        for (tag, value) in &self.entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.resize(bytes.len() + 16, 0);
        bytes
    }
}

#[test]
fn what_a_loader_reads() {
    let names = [
        (abi::DT_NEEDED, "liba.so.1"),
        (abi::DT_NEEDED, "libb.so.1"),
        (abi::DT_SONAME, "me.so"),
        (abi::DT_RPATH, "/a"),
        (abi::DT_RUNPATH, "$ORIGIN/lib:/b"),
    ];
    let facts = read_bytes(&Built::new(&names).bytes()).unwrap();
    assert!(facts.is_for_this_host());
    assert_eq!(facts.interpreter, Some("/lib/ld.so".into()));
    assert_eq!(facts.needed, [b"liba.so.1".to_vec(), b"libb.so.1".to_vec()]);
    assert_eq!(facts.soname, Some(b"me.so".to_vec()));
    assert_eq!(facts.rpath, Some(b"/a".to_vec()));
    assert_eq!(facts.runpath, Some(b"$ORIGIN/lib:/b".to_vec()));
}

#[test]
fn what_would_watch_or_replace_a_library_is_refused() {
    let with =
        |tag| read_bytes(&Built::new(&[(abi::DT_NEEDED, "liba.so.1"), (tag, "libz.so.1")]).bytes());
    assert!(with(abi::DT_RUNPATH).is_ok());
    for tag in [0x6fff_fefb, 0x6fff_fefc, 0x7fff_fffd, 0x7fff_ffff] {
        assert!(
            matches!(with(tag), Err(ElfError::Malformed(what)) if what.contains("DT_AUDIT")),
            "{tag:x}"
        );
    }
}

/// This test is a program of this host, and shows what its linker wrote.
#[test]
fn a_real_program() {
    let program = std::env::current_exe().unwrap();
    let facts = read_bytes(&std::fs::read(program).unwrap()).unwrap();
    assert!(facts.is_for_this_host());
}

fn malformed(bytes: &[u8]) -> &'static str {
    match read_bytes(bytes) {
        Err(ElfError::Malformed(what)) => what,
        Err(ElfError::Script) => "script",
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_program() {
    for bytes in [
        &b""[..],
        b"\x7fELF",
        b"MZ\0\0",
        &[0; 5000],
        b"\x7fELF\x02\x01\x01",
    ] {
        assert!(malformed(bytes).contains("ELF"), "{bytes:?}");
    }
    assert_eq!(malformed(b"#!/bin/sh\nexec sftp-server\n"), "script");
    let whole = Built::new(&[(abi::DT_NEEDED, "liba.so.1")]).bytes();
    // A core dump, and the objects of a compiler.
    for kind in [1_u8, 4] {
        let mut other = whole.clone();
        other[16] = kind;
        assert_eq!(malformed(&other), "is not an ELF program");
    }
    // Another processor, another class, another order of bytes.
    for (at, value) in [(18, 40), (4, 1), (5, 2)] {
        let mut other = whole.clone();
        other[at] = value;
        match read_bytes(&other) {
            Ok(facts) => assert!(!facts.is_for_this_host()),
            Err(error) => assert!(matches!(error, ElfError::Malformed(_))),
        }
    }
}

#[test]
fn a_damaged_program_is_bounded_work() {
    let names = [(abi::DT_NEEDED, "liba.so.1"), (abi::DT_RUNPATH, "/b")];
    let built = Built::new(&names);
    let whole = built.bytes();
    // Cut short anywhere.
    for length in 0..whole.len() - 16 {
        assert!(read_bytes(&whole[..length]).is_err(), "{length}");
    }
    // One byte wrong anywhere, in two ways.
    for at in 0..whole.len() {
        for value in [0xff, whole[at] ^ 1] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let _ = read_bytes(&bytes);
        }
    }
    let with = |change: &dyn Fn(&mut Built)| {
        let mut built = Built::new(&names);
        change(&mut built);
        malformed(&built.bytes())
    };
    let outside = "is a damaged ELF file: something lies outside";
    assert_eq!(with(&|built| built.entries[0].1 = u64::MAX), outside);
    assert_eq!(with(&|built| built.entries[2].1 = 7), outside);
    assert_eq!(
        with(&|built| built.entries[3].1 = 12),
        "is a damaged ELF file: a name has no end"
    );
    assert_eq!(with(&|built| built.entries[0].1 = 1 << 40), outside);
    let many = |built: &mut Built| {
        let one = built.entries[0];
        built.entries.extend(std::iter::repeat_n(one, NAMES_MAX));
    };
    assert_eq!(with(&many), "names too many libraries");
    let huge = |built: &mut Built| {
        let one = built.entries[0];
        built.entries.extend(std::iter::repeat_n(one, 5000));
    };
    assert_eq!(with(&huge), "has too large a dynamic section");
}
