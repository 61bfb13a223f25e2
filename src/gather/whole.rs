//! Reads a file whole, in one call where the file does not change meanwhile.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};

/// Reads a file of which fstat(2) said that it has `size` bytes, but no more
/// than `most` and one more, by which a larger one is known.
///
/// The end is where a read says so: one that returns as much as the file has
/// and less than was asked for, or nothing at all.
///
/// # Errors
///
/// Those of read(2).
pub fn read(mut file: &File, size: u64, most: u64) -> io::Result<Vec<u8>> {
    let length = |bytes: u64| usize::try_from(bytes).map_err(|_| ErrorKind::FileTooLarge);
    let most = length(most.saturating_add(1))?;
    let expected = length(size)?.min(most);
    let mut bytes = vec![0; expected.saturating_add(1).min(most)];
    let mut got = 0;
    loop {
        if got == bytes.len() {
            if got == most {
                break;
            }
            // It has grown since.
            bytes.resize(got.saturating_mul(2).min(most), 0);
        }
        let room = bytes.len() - got;
        match file.read(&mut bytes[got..]) {
            Ok(0) => break,
            Ok(count) => {
                let is_end = count < room && got == 0 && count == expected;
                got += count;
                if is_end {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(got);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    fn file(content: &[u8]) -> File {
        let name = format!("xfersh-whole-{}-{}", std::process::id(), content.len());
        let path = std::env::temp_dir().join(name);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let mut file = options.open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn whatever_size_was_told_all_of_it_is_read() {
        let content: Vec<u8> = (0..100_u8).collect();
        for told in [0, 1, 50, 99, 100, 101, 1000] {
            assert_eq!(
                read(&file(&content), told, 1000).unwrap(),
                content,
                "{told}"
            );
        }
    }

    #[test]
    fn a_file_that_is_too_large_shows_by_one_byte() {
        let content = [7; 100];
        for told in [0, 50, 100] {
            assert_eq!(read(&file(&content), told, 100).unwrap().len(), 100);
            assert_eq!(read(&file(&content), told, 99).unwrap().len(), 100);
            assert_eq!(read(&file(&content), told, 10).unwrap().len(), 11);
        }
        assert!(read(&file(&[]), 0, 10).unwrap().is_empty());
    }
}
