//! The policy as a session finds it.

use std::io;
use std::path::Path;

use crate::decide::account::Account;
use crate::decide::policy::PolicyFile;
use crate::gather::account::temporarily_become;
use crate::gather::policy_file::{POLICY, PolicyFileError, host_policy};
use crate::gather::trust::{PathEntry, way_to};

/// What exists of a policy.
#[derive(Debug)]
pub struct PolicyFacts {
    /// What a session gets.
    pub loaded: Result<PolicyFile, PolicyFileError>,
    /// Everything on the way to the file, and finally what has its name.
    pub way: Vec<PathEntry>,
}

impl PolicyFacts {
    /// Loads the policy as a session of this account does.
    ///
    /// # Errors
    ///
    /// Those of taking on the ids of the account.
    pub fn gather(account: &Account) -> io::Result<Self> {
        let path = Path::new(POLICY);
        let way = way_to(path).unwrap_or_else(|_| {
            let mut way = way_to(path.parent().unwrap_or(path)).unwrap_or_default();
            way.extend(PathEntry::of(path));
            way
        });
        let loaded = temporarily_become(account, host_policy)?;
        Ok(Self { loaded, way })
    }

    /// The policy under which the rest is judged: the defaults, if none can be
    /// used.
    pub fn file(self) -> PolicyFile {
        self.loaded.unwrap_or_else(|_| PolicyFile::absent())
    }
}
