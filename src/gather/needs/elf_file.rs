//! Reads of an ELF file what its loader would read of it: the loader's name,
//! and the names of libraries and their directories (elf(5)).
//!
//! Whatever the file says, at most [`READ_MAX`] bytes of it are read at once,
//! and not more than [`NAMES_MAX`] names.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use elf::abi;
use elf::dynamic::DynamicTable;
use elf::endian::{AnyEndian, EndianParse as _};
use elf::file::{Class, FileHeader, parse_ident};
use elf::segment::{ProgramHeader, SegmentTable};

use crate::decide::needs::ElfFacts;

/// The head of the file, which mostly has all but the dynamic section.
const HEAD: usize = 4096;
/// The most that is read at once.
const READ_MAX: u64 = 1 << 16;
/// The most names in one file.
const NAMES_MAX: usize = 256;
/// The length of a path (limits.h), and of a list of some.
const TEXT_MAX: u64 = 4096;

/// Why it could not be read.
#[derive(Debug)]
pub enum ElfError {
    /// It begins with `#!`.
    Script,
    /// What of it is wrong.
    Malformed(&'static str),
    /// The system's error.
    Io(io::Error),
}

impl From<io::Error> for ElfError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

const NOT_ELF: ElfError = ElfError::Malformed("is not an ELF program");
/// glibc runs the first two beside the program, from names that it looks up like
/// any other, and puts what the last two name in the place of a library's own
/// symbols. No server of a distribution has one. Which of them is loaded depends
/// on the loader, so such a file is refused instead of followed.
const INTRUDERS: [i64; 4] = [abi::DT_AUDIT, abi::DT_DEPAUDIT, DT_AUXILIARY, DT_FILTER];
/// elf.h.
const DT_AUXILIARY: i64 = 0x7fff_fffd;
const DT_FILTER: i64 = 0x7fff_ffff;
const INTRUDED: ElfError = ElfError::Malformed(
    "names libraries that watch or replace others (DT_AUDIT, DT_DEPAUDIT, DT_AUXILIARY or DT_FILTER), which no session loads",
);
const TRUNCATED: ElfError = ElfError::Malformed("is a damaged ELF file: something lies outside");

/// Reads a file. `read_at` fills the buffer from this offset as far as the file
/// goes, like pread(2).
///
/// # Errors
///
/// That it is no ELF file, damaged, or cannot be read.
pub fn read(read_at: impl Fn(&mut [u8], u64) -> io::Result<usize>) -> Result<ElfFacts, ElfError> {
    let mut head = vec![0; HEAD];
    let length = fill(&read_at, &mut head, 0)?;
    head.truncate(length);
    if head.starts_with(b"#!") {
        return Err(ElfError::Script);
    }
    let ident = head.get(..abi::EI_NIDENT).ok_or(NOT_ELF)?;
    let ident = parse_ident::<AnyEndian>(ident).map_err(|_| NOT_ELF)?;
    let tail = head.get(abi::EI_NIDENT..).unwrap_or_default();
    let header = FileHeader::parse_tail(ident, tail).map_err(|_| TRUNCATED)?;
    let file = ElfFile {
        read_at,
        head,
        header,
    };
    file.facts()
}

fn fill(
    read_at: &impl Fn(&mut [u8], u64) -> io::Result<usize>,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_at(rest, offset.saturating_add(filled as u64))? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

struct ElfFile<R> {
    read_at: R,
    head: Vec<u8>,
    header: FileHeader<AnyEndian>,
}

/// Where the texts of the dynamic section are.
#[derive(Clone, Copy)]
struct Texts {
    offset: u64,
    size: u64,
}

impl<R: Fn(&mut [u8], u64) -> io::Result<usize>> ElfFile<R> {
    fn facts(&self) -> Result<ElfFacts, ElfError> {
        if !matches!(self.header.e_type, abi::ET_EXEC | abi::ET_DYN) {
            return Err(NOT_ELF);
        }
        let mut facts = ElfFacts {
            machine: self.header.e_machine,
            is_native: self.header.class == Class::ELF64
                && self.header.endianness.is_little() == cfg!(target_endian = "little"),
            ..ElfFacts::default()
        };
        // Of another processor nothing else matters.
        if !facts.is_for_this_host() {
            return Ok(facts);
        }
        let segments = self.segments()?;
        let of_kind = |kind| segments.iter().find(move |segment| segment.p_type == kind);
        if let Some(segment) = of_kind(abi::PT_INTERP) {
            let text = self.bytes(segment.p_offset, segment.p_filesz.min(TEXT_MAX))?;
            let path = PathBuf::from(OsStr::from_bytes(until_nul(&text)));
            if !path.is_absolute() {
                return Err(ElfError::Malformed("names no absolute path of a loader"));
            }
            facts.interpreter = Some(path);
        }
        if let Some(segment) = of_kind(abi::PT_DYNAMIC) {
            self.dynamic(segment, &segments, &mut facts)?;
        }
        Ok(facts)
    }

    fn segments(&self) -> Result<Vec<ProgramHeader>, ElfError> {
        let header = &self.header;
        let size = u64::from(header.e_phentsize) * u64::from(header.e_phnum);
        if size > READ_MAX {
            return Err(ElfError::Malformed("has too many segments"));
        }
        let bytes = self.bytes(header.e_phoff, size)?;
        let table = SegmentTable::new(header.endianness, header.class, &bytes);
        Ok(table.iter().collect())
    }

    fn dynamic(
        &self,
        segment: &ProgramHeader,
        segments: &[ProgramHeader],
        facts: &mut ElfFacts,
    ) -> Result<(), ElfError> {
        if segment.p_filesz > READ_MAX {
            return Err(ElfError::Malformed("has too large a dynamic section"));
        }
        let bytes = self.bytes(segment.p_offset, segment.p_filesz)?;
        let table = DynamicTable::new(self.header.endianness, self.header.class, &bytes);
        let entries: Vec<_> = table
            .iter()
            .take_while(|entry| entry.d_tag != abi::DT_NULL)
            .collect();
        if entries.iter().any(|entry| INTRUDERS.contains(&entry.d_tag)) {
            return Err(INTRUDED);
        }
        let value = |tag| {
            let mut entries = entries.iter();
            // Of several the last one counts, as for the loaders.
            entries
                .rfind(|entry| entry.d_tag == tag)
                .map(|entry| entry.d_val())
        };
        let of_interest = [
            abi::DT_NEEDED,
            abi::DT_SONAME,
            abi::DT_RPATH,
            abi::DT_RUNPATH,
        ];
        if !entries
            .iter()
            .any(|entry| of_interest.contains(&entry.d_tag))
        {
            return Ok(());
        }
        let address = value(abi::DT_STRTAB).ok_or(TRUNCATED)?;
        let texts = Texts {
            offset: offset_of(address, segments).ok_or(TRUNCATED)?,
            size: value(abi::DT_STRSZ).ok_or(TRUNCATED)?,
        };
        let text = |tag| value(tag).map(|at| self.text(texts, at)).transpose();
        facts.soname = text(abi::DT_SONAME)?;
        facts.rpath = text(abi::DT_RPATH)?;
        facts.runpath = text(abi::DT_RUNPATH)?;
        let needed = entries.iter().filter(|entry| entry.d_tag == abi::DT_NEEDED);
        for (count, entry) in needed.enumerate() {
            if count == NAMES_MAX {
                return Err(ElfError::Malformed("names too many libraries"));
            }
            facts.needed.push(self.text(texts, entry.d_val())?);
        }
        Ok(())
    }

    /// A text of the dynamic section.
    fn text(&self, texts: Texts, at: u64) -> Result<Vec<u8>, ElfError> {
        let most = texts.size.checked_sub(at).ok_or(TRUNCATED)?;
        let offset = texts.offset.checked_add(at).ok_or(TRUNCATED)?;
        let mut bytes = self.bytes(offset, most.min(TEXT_MAX))?;
        let length = until_nul(&bytes).len();
        if length == bytes.len() {
            return Err(ElfError::Malformed(
                "is a damaged ELF file: a name has no end",
            ));
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// A part of the file, all of which must be there.
    fn bytes(&self, offset: u64, size: u64) -> Result<Vec<u8>, ElfError> {
        let size = usize::try_from(size.min(READ_MAX)).map_err(|_| TRUNCATED)?;
        let from = usize::try_from(offset).map_err(|_| TRUNCATED)?;
        let end = from.checked_add(size).ok_or(TRUNCATED)?;
        if let Some(known) = self.head.get(from..end) {
            return Ok(known.to_vec());
        }
        let mut bytes = vec![0; size];
        match fill(&self.read_at, &mut bytes, offset)? {
            read if read == size => Ok(bytes),
            _ => Err(TRUNCATED),
        }
    }
}

/// Where in the file this address is.
fn offset_of(address: u64, segments: &[ProgramHeader]) -> Option<u64> {
    let mut loaded = segments
        .iter()
        .filter(|segment| segment.p_type == abi::PT_LOAD);
    loaded.find_map(|segment| {
        let within = address.checked_sub(segment.p_vaddr)?;
        let there = (within < segment.p_filesz).then_some(segment.p_offset)?;
        there.checked_add(within)
    })
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|c| *c == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
