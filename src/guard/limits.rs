//! How long, how much: the limits of one session.
//!
//! Time is checked at most once a second, and only if the policy limits it.
//! Bytes are the sizes of the files that the server has open for writing and of
//! those it has closed. They are also checked once a second, so a session can
//! exceed `max_bytes` by what it writes in one second.

use std::time::{Duration, Instant};

use super::Guard;
use super::channel::Channel;
use crate::system::{code_pages, process};

/// How often open uploads and limits are checked, in milliseconds.
const TICK: i32 = 1000;

/// The times of one session.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    last_tick: Instant,
    last_traffic: Instant,
    calls: u64,
    /// Nothing has happened for a while, and the pages of the code were
    /// released.
    resting: bool,
    traffic: (Duration, u64, u64),
    ended: bool,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last_tick: now,
            last_traffic: now,
            calls: 0,
            resting: false,
            traffic: (Duration::ZERO, 0, 0),
            ended: false,
        }
    }

    /// Whole seconds since the start.
    pub fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// Notes that a call was served; `transfers`: one that is about files. A
    /// process that forks all the time transfers nothing.
    pub const fn served(&mut self, transfers: bool) {
        self.resting = false;
        if transfers {
            self.calls = self.calls.wrapping_add(1);
        }
    }

    /// Notes that nothing happened for a tick: an idle session keeps only the
    /// memory that it needs.
    pub fn rest(&mut self) {
        if !self.resting {
            self.resting = true;
            // If it fails, the guard only uses more memory.
            let _ = code_pages::release_code();
            let _ = code_pages::release_unused_stack();
        }
    }
}

impl Guard<'_> {
    /// Milliseconds until there is something to check; -1 for never.
    pub(super) fn next_wake_up(&self) -> i32 {
        if let Some(left) = self.connection.time_left() {
            // One millisecond more, so that the time has passed by then.
            return i32::try_from(left.as_millis()).map_or(TICK, |left| TICK.min(left + 1));
        }
        if let Some(due) = self.log.audit.flush_due() {
            // Round up to a whole millisecond: with less than one, poll would
            // return at once again and again.
            let due = i32::try_from(due.as_millis()).unwrap_or(TICK);
            return due.saturating_add(1).min(TICK);
        }
        let limits = &self.plan.limits;
        let bounded = limits.idle_timeout.is_some()
            || limits.max_session_time.is_some()
            || limits.max_bytes.is_some();
        if bounded || !self.clock.resting || self.log.has_uploads() {
            TICK
        } else {
            -1
        }
    }

    /// Does what is due once a tick.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        let tick = Duration::from_millis(TICK.unsigned_abs().into());
        if now.duration_since(self.clock.last_tick) < tick {
            return;
        }
        self.clock.last_tick = now;
        self.settle_closed();
        if self.clock.ended {
            return;
        }
        if let Some(bound) = self.bound_reached(now) {
            self.clock.ended = true;
            self.log.ending(&format!("{bound} reached"));
            self.end_session(bound);
        }
    }

    fn bound_reached(&mut self, now: Instant) -> Option<&'static str> {
        let limits = &self.plan.limits;
        let over = |bound: Option<Duration>, since: Instant| {
            bound.is_some_and(|bound| now.duration_since(since) >= bound)
        };
        if over(limits.max_session_time, self.clock.started) {
            return Some("max_session_time");
        }
        if limits
            .max_bytes
            .is_some_and(|most| self.log.bytes_so_far() > most)
        {
            return Some("max_bytes");
        }
        if limits.idle_timeout.is_some() {
            self.look_for_traffic(now);
            if over(limits.idle_timeout, self.clock.last_traffic) {
                return Some("idle_timeout");
            }
        }
        None
    }

    /// A server that is serving runs, so its processor time grows with every
    /// packet. rsync receives in another process: there the calls and the
    /// uploads show traffic.
    fn look_for_traffic(&mut self, now: Instant) {
        let spent = process::processor_time(self.channel.server).unwrap_or_default();
        let bytes = self.log.bytes_so_far();
        let seen = (spent, bytes, self.clock.calls);
        if seen != self.clock.traffic {
            self.clock.traffic = seen;
            self.clock.last_traffic = now;
        }
    }

    /// Writes the lines of the uploads that the server has closed, and closes
    /// what need not be held.
    fn settle_closed(&mut self) {
        self.log.settle_closed(Channel::is_open);
        self.files.rest();
        self.resolver.rest();
    }
}
