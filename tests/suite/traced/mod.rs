//! What is vetted is what is opened: lines that are accepted run unconfined under strace(1), and touch nothing that the
//! policy does not name. The kernel's confinement is the second line of defence and is not used here.

mod arity;
mod judge;
mod lines;
mod rsync;
mod scp;
mod stage;
mod trace;
