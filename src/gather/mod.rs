//! What is found out before the verdict, in safe Rust. Nothing here changes
//! anything.

#![forbid(unsafe_code)]

pub mod account;
pub mod disk;
pub mod identity;
pub mod invocation;
pub mod kernel;
pub mod log_file;
pub mod needs;
pub mod policy_file;
mod start;
pub mod trust;
pub mod walk;
pub mod whole;
