//! How values are printed, once: escaped, in colours, as tables, as JSON. Pure:
//! `console` writes.

#![forbid(unsafe_code)]

pub mod calendar;
pub mod escape;
pub mod json;
pub mod style;
pub mod table;
