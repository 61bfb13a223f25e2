//! What a worker's files must be, by what its sessions were told.

use std::collections::BTreeMap;

/// A content that says whose it is, so that a piece of another file is not taken for it.
pub fn content(worker: usize, number: usize, length: usize) -> Vec<u8> {
    let line = format!("worker {worker} file {number}\n");
    line.bytes().cycle().take(length).collect()
}

/// What is known of one name.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// It has this content, no byte more or less.
    Whole(Vec<u8>),
    /// It begins with this: the session ended before the file was closed.
    AtLeast(Vec<u8>),
    Absent,
    /// The session ended while it was removed or replaced.
    Unsure,
}

impl Known {
    /// Without the bytes.
    pub fn describe(&self) -> String {
        match self {
            Self::Whole(content) => format!("whole, {} bytes", content.len()),
            Self::AtLeast(start) => format!("at least {} bytes", start.len()),
            Self::Absent => "absent".into(),
            Self::Unsure => "unsure".into(),
        }
    }
}

/// All names that a worker has used.
#[derive(Default)]
pub struct Files {
    pub known: BTreeMap<String, Known>,
    /// A rename without an answer: one of the two names has it.
    pub either: Vec<(String, String, Vec<u8>)>,
}

impl Files {
    /// The names that are there, whole.
    pub fn whole(&self) -> Vec<(String, Vec<u8>)> {
        let whole = |(name, known): (&String, &Known)| match known {
            Known::Whole(content) => Some((name.clone(), content.clone())),
            _ => None,
        };
        self.known.iter().filter_map(whole).collect()
    }

    pub fn set(&mut self, name: &str, known: Known) {
        self.known.insert(name.to_owned(), known);
    }
}
