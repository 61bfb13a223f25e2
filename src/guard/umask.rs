//! Whose file mode creation mask? The guard creates files with the mask of the
//! process that asks; the kernel then handles the mask, default access control
//! lists and set-gid directories as it would for that process.

use nix::sys::stat::{Mode, umask};

/// The most processes with their own mask that are remembered; rsync has three.
const PROCESSES: usize = 64;

/// The masks of the session's processes.
#[derive(Debug, Default)]
pub struct Umasks {
    /// By process id; the server itself is the first.
    known: Vec<(i32, Mode)>,
    /// The mask that the server was started with, once it was needed.
    inherited: Option<Mode>,
    /// The guard's own mask now, if it was set.
    own: Option<Mode>,
}

impl Umasks {
    /// Sets the guard's mask to that of `pid`. A process that has never set one
    /// has the mask of the server, from which it was forked. The bits in
    /// `kept` are masked by nobody.
    pub fn take(&mut self, pid: i32, kept: u32) {
        let mask = match self.of(pid) {
            Some(mask) => mask,
            // Nobody has set one: the guard has the inherited one.
            None if kept == 0 => return,
            None => self.inherited(),
        };
        self.set_own(mask & !Mode::from_bits_truncate(kept));
    }

    /// The mask that the guard has had from the start.
    fn inherited(&mut self) -> Mode {
        *self.inherited.get_or_insert_with(|| {
            let mask = umask(Mode::empty());
            self.own = Some(Mode::empty());
            mask
        })
    }

    /// Sets the mask of `pid` and returns the previous one.
    pub fn set(&mut self, pid: i32, mask: u32) -> u32 {
        let mask = Mode::from_bits_truncate(mask & 0o777);
        let before = self.of(pid).or(self.inherited);
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

    /// Sets the guard's mask and returns the previous one.
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
