//! The policy as a session reads it, and as a whole.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    xfersh_fuzz::policy_for(bytes);
});
