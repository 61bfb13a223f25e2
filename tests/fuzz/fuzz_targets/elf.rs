//! A server program and its libraries.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xfersh_fuzz::elf(bytes));
