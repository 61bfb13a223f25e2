//! SSH_CONNECTION.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xfersh_fuzz::client(bytes));
