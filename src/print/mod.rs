//! How values are printed, once: escaped, as tables, as JSON. Pure.

#![forbid(unsafe_code)]

pub mod escape;
pub mod json;
pub mod table;
