//! What a run found and what it reached.

use std::collections::BTreeMap;
use std::fmt;

/// The promise that was broken, with the first case of each.
#[derive(Default)]
pub struct Report {
    pub seeds: u64,
    pub sessions: u64,
    /// Sessions that xfersh did not start: a policy or a tree that it refuses.
    pub refused_sessions: u64,
    /// Log lines that the test did not read in time: their session's log is not judged.
    pub lost_logs: u64,
    calls: BTreeMap<String, Counts>,
    found: BTreeMap<&'static str, Found>,
    /// Policy and calls of each seed with which something was found, by mode and seed.
    scripts: BTreeMap<(String, u64), (String, Vec<String>)>,
}

#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub ok: u64,
    pub denied: u64,
    pub failed: u64,
}

struct Found {
    times: u64,
    mode: String,
    seed: u64,
    /// The number of the call.
    call: usize,
    first: String,
}

/// A broken promise: its name and what was seen.
pub type Violation = (&'static str, String);

impl Report {
    pub fn of_one_seed() -> Self {
        Self {
            seeds: 1,
            ..Self::default()
        }
    }

    pub fn count(&mut self, call: &str, counts: Counts) {
        let all = self.calls.entry(call.to_owned()).or_default();
        all.ok += counts.ok;
        all.denied += counts.denied;
        all.failed += counts.failed;
    }

    pub fn operations(&self) -> u64 {
        let all = self.calls.values();
        all.map(|call| call.ok + call.denied + call.failed).sum()
    }

    /// Notes a violation that was seen after the last call of the script.
    pub fn violation(&mut self, seed: u64, found: Violation, policy: &str, script: &[String]) {
        let (kind, first) = found;
        let known = self.found.entry(kind).or_insert_with(|| Found {
            times: 0,
            mode: String::new(),
            seed,
            call: script.len(),
            first,
        });
        known.times += 1;
        let script = (policy.to_owned(), script.to_vec());
        self.scripts.insert((String::new(), seed), script);
    }

    /// Adds the mode in which it was found.
    pub fn told_by(mut self, mode: &str) -> Self {
        for found in self.found.values_mut() {
            mode.clone_into(&mut found.mode);
        }
        let scripts = std::mem::take(&mut self.scripts).into_iter();
        self.scripts = scripts
            .map(|((_, seed), script)| ((mode.to_owned(), seed), script))
            .collect();
        self
    }

    pub fn counts(&self, call: &str) -> Counts {
        self.calls.get(call).copied().unwrap_or_default()
    }

    /// What was violated.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.found.keys().copied().collect()
    }

    /// Every call was both done and refused at some point: the calls are neither all allowed nor all in vain.
    #[track_caller]
    pub fn assert_reached(&self) {
        // Those by descriptor were judged when it was opened.
        let by_descriptor = ["alloc", "close", "fsize", "read", "write", "sleep"];
        // No file may be duplicated.
        let calls = self.calls.iter().filter(|(call, _)| *call != "dup");
        for (call, Counts { ok, denied, .. }) in calls {
            let never = *ok == 0 || (*denied == 0 && !by_descriptor.contains(&call.as_str()));
            assert!(!never, "{call}: {ok} done, {denied} refused\n{self}");
        }
    }

    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.sessions += other.sessions;
        self.refused_sessions += other.refused_sessions;
        self.lost_logs += other.lost_logs;
        for (call, counts) in other.calls {
            self.count(&call, counts);
        }
        for (kind, found) in other.found {
            let times = found.times;
            let known = self
                .found
                .entry(kind)
                .or_insert(Found { times: 0, ..found });
            known.times += times;
        }
        // Only those of the first cases.
        let first = |mode: &str, seed| {
            let mut all = self.found.values();
            all.any(|found| found.mode == mode && found.seed == seed)
        };
        let scripts = other.scripts.into_iter();
        let wanted = scripts.filter(|((mode, seed), _)| first(mode, *seed));
        self.scripts.extend(wanted);
    }

    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.found.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} seeds, {} sessions ({} refused), {} operations, {} logs not judged",
            self.seeds,
            self.sessions,
            self.refused_sessions,
            self.operations(),
            self.lost_logs
        )?;
        writeln!(
            f,
            "{:<10} {:>9} {:>9} {:>9}",
            "call", "done", "refused", "failed"
        )?;
        for (call, Counts { ok, denied, failed }) in &self.calls {
            writeln!(f, "{call:<10} {ok:>9} {denied:>9} {failed:>9}")?;
        }
        for (kind, found) in &self.found {
            let Found {
                times,
                mode,
                seed,
                call,
                first,
            } = found;
            writeln!(
                f,
                "\nBROKEN: {kind}, {times} times, first in XFERSH_MODEL_MODE={mode} XFERSH_MODEL_SEED={seed} \
                 after line {call}:\n{first}"
            )?;
        }
        for ((mode, seed), (policy, script)) in &self.scripts {
            writeln!(f, "\nMODE {mode} SEED {seed}\n{policy}")?;
            for (number, line) in script.iter().enumerate() {
                writeln!(f, "{:>4} {line}", number + 1)?;
            }
        }
        Ok(())
    }
}
