//! Wildcards, and fnmatch(3).
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xfersh_fuzz::pattern(bytes));
