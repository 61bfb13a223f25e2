//! A server program, as it lies on the disk.

use xfersh::decide::needs::search::{LoadedObject, Loader};
use xfersh::gather::needs::elf_file::read;

/// Whatever a file holds, reading it ends, and what it names is within it and absolute where it must be.
pub fn elf(bytes: &[u8]) {
    let read_at = |buffer: &mut [u8], offset: u64| {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = bytes.get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    };
    let Ok(facts) = read(read_at) else {
        return;
    };
    let is_within =
        |name: &[u8]| name.is_empty() || bytes.windows(name.len()).any(|part| part == name);
    assert!(facts.needed.len() <= 256);
    assert!(facts.needed.iter().all(|name| is_within(name)));
    let interpreter = facts.interpreter.clone();
    assert!(interpreter.as_ref().is_none_or(|path| path.is_absolute()));
    let loader = Loader::of(interpreter.as_deref().unwrap_or("/lib/ld.so".as_ref()));
    let objects = [LoadedObject {
        path: "/opt/server".into(),
        facts,
        parent: None,
    }];
    if let Ok(places) = loader.named_directories(&objects, 0) {
        assert!(places.iter().all(|place| place.is_absolute()));
    }
}
