//! The decision: pure, total, without I/O.

pub mod access;
pub mod account;
pub mod invocation;
pub mod plan;
pub mod policy;
pub mod request;
pub mod verdict;
pub mod words;
