//! Everything unsafe: one file per facility of the kernel, wrappers of a few
//! lines that return `io::Result`. Nothing here knows what it is used for.

pub mod capabilities;
pub mod code_pages;
pub mod descriptors;
pub mod entry;
pub mod landlock;
pub mod lock;
pub mod log_file;
pub mod memory;
pub mod opened;
pub mod process;
pub mod rename;
pub mod seccomp;
pub mod send;
pub mod signals;
pub mod stat;
pub mod statx;
pub mod title;
pub mod xattr;
