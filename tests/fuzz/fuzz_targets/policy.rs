//! The policy.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xfersh_fuzz::policy(bytes));
