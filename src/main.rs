//! The binary; everything is in the library.
#![no_main]
xfersh::entry_point!(xfersh::run);
