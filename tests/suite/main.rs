//! The integration tests: the real binary, a real sshd, real clients. They run as root and need no other set-up
//! than what `tests/run` installs.

// A test that cannot go on says why and fails: that is what these are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

mod clients;
mod confine;
mod corpus;
mod filter;
mod leftovers;
mod self_test;
