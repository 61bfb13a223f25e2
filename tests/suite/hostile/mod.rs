//! A server that a client has taken over: `tests/programs/hostile.c` takes its place and tries everything.
//!
//! `table` says what can be done with each row of the system-call table, `places` where; `case` multiplies them.
//! Each case works in an ordinary account, fails here, and leaves the disk as it was; the guard then still serves.

mod attempts;
mod case;
mod descriptors;
mod found;
mod hidden;
mod kept;
mod left_behind;
mod matrix;
mod modes;
mod named;
mod places;
mod processes;
pub mod session;
mod sockets;
mod table;
mod titles;
mod two;
