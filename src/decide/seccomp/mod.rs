//! Which system calls a process may make: the table, and the programs that
//! the kernel runs for each call (seccomp(2)).

pub mod assemble;
pub mod guard;
pub mod server;
pub mod table;
