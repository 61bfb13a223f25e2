//! Whose file mode creation mask? The guard creates with the mask of the
//! process that asks; the kernel then treats it, default access control lists
//! and set-gid directories as it would there.

use nix::sys::stat::{Mode, umask};

/// Processes with a mask of their own that are remembered; rsync has three.
const PROCESSES: usize = 64;

/// The masks of the session's processes.
#[derive(Debug, Default)]
pub struct Umasks {
    /// By process id; the server itself is the first.
    known: Vec<(i32, Mode)>,
    /// What the guard's own mask is now, where it was set.
    own: Option<Mode>,
}

impl Umasks {
    /// Sets the guard's mask to that of `pid`. A process that has never set
    /// one has that of the server, which it was forked from.
    pub fn take(&mut self, pid: i32) {
        let Some(mask) = self.of(pid) else {
            // Nobody has set one: the guard's is the inherited one.
            return;
        };
        self.set_own(mask);
    }

    /// Sets the mask of `pid` and returns the one before.
    pub fn set(&mut self, pid: i32, mask: u32) -> u32 {
        let mask = Mode::from_bits_truncate(mask & 0o777);
        let before = self.of(pid);
        match self.known.iter_mut().find(|(known, _)| *known == pid) {
            Some(row) => row.1 = mask,
            None => {
                if self.known.len() == PROCESSES {
                    self.known.remove(1);
                }
                self.known.push((pid, mask));
            }
        }
        let own = self.set_own(mask);
        before.unwrap_or(own).bits()
    }

    fn of(&self, pid: i32) -> Option<Mode> {
        let own = self.known.iter().find(|(known, _)| *known == pid);
        own.or_else(|| self.known.first()).map(|(_, mask)| *mask)
    }

    /// Sets the guard's mask and returns the one before.
    fn set_own(&mut self, mask: Mode) -> Mode {
        match self.own {
            Some(own) if own == mask => own,
            _ => {
                self.own = Some(mask);
                umask(mask)
            }
        }
    }
}
