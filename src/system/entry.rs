//! The C entry point.
//!
//! The start of Rust's standard runtime (19 system calls: alternate signal
//! stack, guard page, /proc/self/maps, …) costs a sixth of the time that the
//! whole shell may take, and is of no use here. So `main` is the function that
//! the C library calls.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt as _;

use super::title;

/// Defines `main` for the binary: it calls this function with the arguments.
#[macro_export]
macro_rules! entry_point {
    ($run:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: ::std::ffi::c_int,
            vector: *const *const ::std::ffi::c_char,
        ) -> ::std::ffi::c_int {
            $crate::system::entry::start(count, vector, $run)
        }
    };
}

/// Runs a program with the arguments of `main`.
pub fn start(count: c_int, vector: *const *const c_char, run: fn(Vec<OsString>) -> u8) -> c_int {
    title::remember(vector);
    c_int::from(run(arguments(count, vector)))
}

/// The arguments, however many there are: a caller of execve(2) can omit even
/// `argv[0]`.
fn arguments(count: c_int, vector: *const *const c_char) -> Vec<OsString> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: C guarantees `count` pointers in the vector of main
    // (C17 5.1.2.2.1); with none, the slice is empty and the pointer, which
    // then points to a null pointer, is still valid.
    let vector = unsafe { std::slice::from_raw_parts(vector, count) };
    let argument = |text: &*const c_char| {
        // SAFETY: each of them points to a string that ends with NUL and
        // lives as long as the process (C17 5.1.2.2.1).
        let text = unsafe { CStr::from_ptr(*text) };
        OsStr::from_bytes(text.to_bytes()).to_owned()
    };
    vector.iter().map(argument).collect()
}
