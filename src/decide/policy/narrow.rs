//! What two policies both allow: an account's own and that of a profile.
//!
//! Under the login shell xfersh a forced command with a profile can only take
//! rights away (xfersh(8), PROFILES): a client can send that command itself, so
//! nothing in it may give more than the account has without it.
//!
//! Each key with a value of its own is settled here. The rights in a directory
//! depend on the disk (`~/*`, links, which one is inside which), so the account's
//! policy stays beside the profile's ([`Policy::within`]), and
//! `decide::roots` takes both into account.

use super::{Policy, Requirement, Sourced, Symlinks};

/// The set-gid bit: no limit can name it, so it is allowed where there is none.
const SET_GID: u32 = 0o2000;

impl Policy {
    /// What this policy and that of a profile both allow. `inherited` is the
    /// mask that a session has whose policy sets none.
    #[must_use]
    pub fn narrow(self, profile: Self, inherited: u32) -> Self {
        let own = self;
        let masks = |own: Option<u32>, profile: Option<u32>| {
            let mask = |set: Option<u32>| set.unwrap_or(inherited);
            let is_set = own.is_some() || profile.is_some();
            is_set.then(|| mask(own) | mask(profile))
        };
        Self {
            protocols: protocols(&own, &profile),
            symlinks: stricter_links(&own.symlinks, &profile.symlinks),
            file_mode_max: bits_of_both(&own.file_mode_max, &profile.file_mode_max),
            directory_mode_max: bits_of_both(&own.directory_mode_max, &profile.directory_mode_max),
            file_mode_min: bits_of_either(&own.file_mode_min, &profile.file_mode_min),
            directory_mode_min: directory_mode_min(&own, &profile),
            max_sessions: smaller(&own.max_sessions, &profile.max_sessions),
            idle_timeout: smaller(&own.idle_timeout, &profile.idle_timeout),
            max_session_time: smaller(&own.max_session_time, &profile.max_session_time),
            max_bytes: smaller(&own.max_bytes, &profile.max_bytes),
            max_file_size: smaller(&own.max_file_size, &profile.max_file_size),
            umask: settled(&own.umask, &profile.umask, masks),
            confinement: required(&own.confinement, &profile.confinement),
            audit: required(&own.audit, &profile.audit),
            log_reads: settled(&own.log_reads, &profile.log_reads, |own, other| {
                own || other
            }),
            // Whoever asks for a profile does not choose who hears of it.
            log: own.log.clone(),
            log_format: own.log_format.clone(),
            // A program is a right as well.
            sftp_server: own.sftp_server.clone(),
            scp: own.scp.clone(),
            rsync: own.rsync.clone(),
            directory: profile.directory,
            access: profile.access,
            writable: profile.writable,
            readable: profile.readable,
            dotfiles: profile.dotfiles,
            dotfile_names: profile.dotfile_names,
            start: profile.start,
            message: profile.message,
            within: Some(Box::new(own)),
        }
    }

    /// The policies that must all allow what is done in a directory: this one,
    /// and the account's own if this one narrows it.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        self.within.as_deref().into_iter().chain([self])
    }
}

/// The value that follows from both, with the origin of the one that has it.
fn settled<T: Clone + PartialEq>(
    own: &Sourced<T>,
    profile: &Sourced<T>,
    both: impl FnOnce(T, T) -> T,
) -> Sourced<T> {
    let value = both(own.value.clone(), profile.value.clone());
    let origin = if value == profile.value {
        profile.origin
    } else {
        own.origin
    };
    Sourced { value, origin }
}

/// The smaller of two limits, where `None` is no limit.
fn smaller<T: Copy + Ord>(
    own: &Sourced<Option<T>>,
    profile: &Sourced<Option<T>>,
) -> Sourced<Option<T>> {
    settled(own, profile, |own, profile| {
        own.into_iter().chain(profile).min()
    })
}

fn bits_of_both(
    own: &Sourced<Option<u32>>,
    profile: &Sourced<Option<u32>>,
) -> Sourced<Option<u32>> {
    settled(own, profile, |own, profile| match (own, profile) {
        (Some(own), Some(profile)) => Some(own & profile),
        (own, profile) => own.or(profile),
    })
}

fn bits_of_either(
    own: &Sourced<Option<u32>>,
    profile: &Sourced<Option<u32>>,
) -> Sourced<Option<u32>> {
    settled(own, profile, |own, profile| match (own, profile) {
        (Some(own), Some(profile)) => Some(own | profile),
        (own, profile) => own.or(profile),
    })
}

/// The bits of either; set-gid only where each of the two lets a directory have
/// it: by the same key, or because it has no limit.
fn directory_mode_min(own: &Policy, profile: &Policy) -> Sourced<Option<u32>> {
    let lets_have_it = |policy: &Policy| {
        let least = policy.directory_mode_min.value.unwrap_or(0);
        policy.directory_mode_max.value.is_none() || least & SET_GID != 0
    };
    let mut bits = bits_of_either(&own.directory_mode_min, &profile.directory_mode_min);
    if !lets_have_it(own) || !lets_have_it(profile) {
        bits.value = bits.value.map(|bits| bits & !SET_GID);
    }
    bits
}

fn protocols(own: &Policy, profile: &Policy) -> Sourced<Vec<super::Protocol>> {
    settled(&own.protocols, &profile.protocols, |own, mut profile| {
        profile.retain(|protocol| own.contains(protocol));
        profile
    })
}

fn stricter_links(own: &Sourced<Symlinks>, profile: &Sourced<Symlinks>) -> Sourced<Symlinks> {
    settled(own, profile, |own, profile| match (own, profile) {
        (Symlinks::None, _) | (_, Symlinks::None) => Symlinks::None,
        (Symlinks::Any, Symlinks::Any) => Symlinks::Any,
        _ => Symlinks::Inside,
    })
}

fn required(own: &Sourced<Requirement>, profile: &Sourced<Requirement>) -> Sourced<Requirement> {
    settled(own, profile, |own, profile| match (own, profile) {
        (Requirement::BestEffort, Requirement::BestEffort) => Requirement::BestEffort,
        _ => Requirement::Required,
    })
}
