//! What every test is based on: its own [`Host`], with accounts, a policy, homes, a log and a real sshd.
//!
//! ```ignore
//! let host = Host::with_sshd();
//! host.policy("protocols = [\"sftp\"]\n");
//! let before = host.disk();
//! host.ssh(host.alice(), &[], "id").failed("a command");
//! before.assert_same(&host.disk(), "a refused command");
//! assert_eq!(host.log().len(), 1);
//! ```
//!
//! A host is a set of private namespaces (see `namespace`): tests run in parallel, see no other test, and leave
//! nothing on the machine, however they end.

// Not every test program uses every part of the harness.
#![allow(dead_code, unused_imports)]

pub mod account;
pub mod client;
pub mod folding;
pub mod host;
pub mod log;
pub mod mutant;
pub mod namespace;
pub mod programs;
pub mod run;
pub mod sftp;
pub mod skip;
pub mod snapshot;
pub mod sshd;

pub use account::{Account, Shell};
pub use host::{Host, XFERSH};
pub use log::Line;
pub use mutant::Mutant;
pub use programs::Kind;
pub use run::{Output, children, guard_of, until};
pub use sftp::Sftp;
pub use skip::skipped;
pub use snapshot::Snapshot;
pub use sshd::SshdConfig;
