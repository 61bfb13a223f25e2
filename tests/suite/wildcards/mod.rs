//! Wildcards of sources: what they match, what they cost, and that they lead nowhere.

mod quoting;
mod session;
mod shells;
pub mod words;
