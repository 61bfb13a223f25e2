//! What goes wrong below a session: a system call fails, or a process is killed or stopped, at each step of the start.

mod judge;
mod session;
mod sweep;
