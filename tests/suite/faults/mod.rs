//! What goes wrong below a session: a system call fails, or a process is killed or stopped, at each step; the disk is full,
//! fails or goes away; a limit leaves no room.

mod judge;
mod limits;
mod place;
mod session;
mod sweep;
