//! The account's command up to the plan, under five policies.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xfersh_fuzz::command(bytes));
