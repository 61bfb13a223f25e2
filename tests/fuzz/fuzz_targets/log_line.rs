//! The lines of the log, about any command and any name.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xfersh_fuzz::log_line(bytes));
