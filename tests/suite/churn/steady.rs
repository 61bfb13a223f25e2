//! A few sessions that live as long as the run, beside those that come and go: their guards must not grow.

use std::fmt;
use std::fs;
use std::time::Duration;

use super::Field;
use crate::harness::{Host, Sftp};

pub const SESSIONS: usize = 4;
/// After so many rounds a guard has all that it needs.
const WARM: usize = 20;

pub struct Steady {
    sessions: Vec<Sftp>,
    warm: Vec<Size>,
    rounds: usize,
}

/// What a guard holds.
#[derive(Clone, Copy, Default)]
struct Size {
    kibibytes: u64,
    files: usize,
}

impl Size {
    fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Self {
            kibibytes: number
                .and_then(|number| number.parse().ok())
                .expect("a size"),
            files: open_files(process),
        }
    }
}

/// How many files a process has open.
pub fn open_files(process: u32) -> usize {
    let list = fs::read_dir(format!("/proc/{process}/fd")).expect("its descriptors");
    list.count()
}

/// The largest of the guards, and the most open files, warm and at the end.
pub struct Memory {
    warm: Size,
    end: Size,
    rounds: usize,
}

impl Memory {
    /// What has grown, if anything has: by more than a few pages, or by a descriptor.
    pub fn growth(&self) -> Option<String> {
        let grown =
            self.end.kibibytes > self.warm.kibibytes + 256 || self.end.files > self.warm.files;
        grown.then(|| self.to_string())
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { warm, end, rounds } = self;
        write!(
            f,
            "{} kB and {} files, {} kB and {} after {rounds} rounds",
            warm.kibibytes, warm.files, end.kibibytes, end.files
        )
    }
}

impl Steady {
    pub fn new(host: &Host) -> Self {
        let sessions = (0..SESSIONS).map(|_| host.raw_sftp_direct(host.alice()));
        Self {
            sessions: sessions.collect(),
            warm: Vec::new(),
            rounds: 0,
        }
    }

    fn sizes(&self) -> Vec<Size> {
        self.sessions
            .iter()
            .map(|sftp| Size::of(sftp.guard()))
            .collect()
    }

    pub fn work(&mut self, field: &Field) {
        while !field.is_over() || self.rounds <= WARM {
            for (number, sftp) in self.sessions.iter_mut().enumerate() {
                let name = format!("uploads/steady{number}");
                let other = format!("{name}-other");
                // Another session may hold the lock for too long: then this round leaves out what failed.
                let made = sftp.put(&name, b"steady").ok();
                if made && sftp.posix_rename(&name, &other).ok() {
                    sftp.remove(&other);
                }
                assert!(
                    sftp.stat("uploads").code() != u32::MAX,
                    "a steady session has ended"
                );
            }
            self.rounds += 1;
            if self.rounds == WARM {
                self.warm = self.sizes();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends the sessions.
    pub fn end(self, _: &Host) -> Memory {
        let largest = |sizes: &[Size]| Size {
            kibibytes: sizes.iter().map(|size| size.kibibytes).max().unwrap_or(0),
            files: sizes.iter().map(|size| size.files).max().unwrap_or(0),
        };
        let memory = Memory {
            warm: largest(&self.warm),
            end: largest(&self.sizes()),
            rounds: self.rounds,
        };
        for mut sftp in self.sessions {
            let names = sftp.list("uploads").expect("a steady session goes on");
            for name in names.iter().filter(|name| name.starts_with(b"steady")) {
                sftp.remove(&format!("uploads/{}", String::from_utf8_lossy(name)));
            }
            assert_eq!(sftp.end(), 0, "a steady session");
        }
        memory
    }
}
