//! A policy with a profile, a disk, a command, and questions about places: no profile widens.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    xfersh_fuzz::narrow(bytes);
    xfersh_fuzz::narrow_nothing(bytes);
});
