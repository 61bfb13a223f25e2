//! The effects of the shell, in safe Rust: reading facts before the
//! decision, carrying it out after.

#![forbid(unsafe_code)]

pub mod account;
pub mod audit;
pub mod confine;
pub mod exec;
pub mod expand;
pub mod facts;
pub mod identity;
pub mod kernel;
mod landlock;
mod lines;
pub mod load;
pub mod peer;
pub mod sanitise;
pub mod sessions;
pub mod walk;
