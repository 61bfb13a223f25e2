//! The order of the guard's work, as types.
//!
//! ```text
//! Resolved ─> Judged ─> Allowed ─> Done ─> Logged ─> the answer
//!     │          │          │        │
//!   Held      Permit      Waits   what the disk showed
//! ```
//!
//! Each step takes the one before it by value, and a token that only one place
//! creates: [`Held`](super::lock::Held) comes from the lock over look and act,
//! the [`Permit`] from the rules, [`Waits`] from the listener's confirmation
//! that the caller still waits. A change whose answer skips one of them does
//! not compile.

use super::Answer;
use super::call_error::CallError;
use super::lock::Held;
use crate::decide::rules::Permit;

/// The caller still waits in its call, so what was read from the process with
/// its id is its own.
#[derive(Debug)]
pub struct Waits(());

impl Waits {
    /// Created on the word of the listener, or on the kernel's promise not to
    /// reuse the id of an uncollected child.
    pub(super) const fn confirmed() -> Self {
        Self(())
    }
}

/// What a call is about, found under the lock.
#[derive(Debug)]
pub struct Resolved<T>(T);

impl<T> Resolved<T> {
    /// Takes what was found while the lock is held.
    pub const fn under(_held: &Held, found: T) -> Self {
        Self(found)
    }

    /// The rules allow the change.
    pub fn judged(self, permit: Permit) -> Judged<T> {
        let Permit { .. } = permit;
        Judged(self.0)
    }
}

/// What the rules let the session change.
#[derive(Debug)]
pub struct Judged<T>(T);

impl<T> Judged<T> {
    /// The caller is still there to be answered.
    pub fn allowed(self, waits: Waits) -> Allowed<T> {
        let Waits(()) = waits;
        Allowed(self.0)
    }
}

/// What may be done now.
#[derive(Debug)]
pub struct Allowed<T>(T);

impl<T> Allowed<T> {
    /// Carries it out. The lock is still held; it is returned with what was
    /// done.
    pub fn act<R>(
        self,
        _held: &Held,
        act: impl FnOnce(&T) -> Result<R, CallError>,
    ) -> Result<Done<T, R>, CallError> {
        let result = act(&self.0)?;
        Ok(Done {
            what: self.0,
            result,
        })
    }
}

/// What was done, to be remembered and logged.
#[derive(Debug)]
#[must_use = "what is not logged was not promised to be done"]
pub struct Done<T, R> {
    /// What it was done on.
    pub what: T,
    /// The result.
    pub result: R,
}

/// The answer to a change that has its line in the log, or belongs to the line
/// of an upload.
#[derive(Debug)]
pub struct Logged(Answer);

impl Logged {
    /// Only the transfer log creates one.
    pub(super) const fn with(answer: Answer) -> Self {
        Self(answer)
    }

    /// The answer for the caller.
    pub fn answer(self) -> Answer {
        self.0
    }
}
