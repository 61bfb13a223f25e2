//! The title of the process: what ps(1) shows and /proc/PID/cmdline holds.
//!
//! The kernel reads it from the memory in which it put the arguments at the
//! start. If their last byte is overwritten, it reads on into the environment,
//! which lies behind them, up to a NUL (`get_mm_cmdline` in fs/proc/base.c).

use std::ffi::{CStr, c_char};
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The vector of `main`, until the title is taken.
static VECTOR: AtomicPtr<*mut c_char> = AtomicPtr::new(ptr::null_mut());

/// Remembers where the arguments are. Call it with what `main` got.
pub(super) fn remember(vector: *const *const c_char) {
    VECTOR.store(vector.cast::<*mut c_char>().cast_mut(), Ordering::Relaxed);
}

/// The memory of the title.
#[derive(Debug)]
pub struct Title {
    memory: &'static mut [u8],
    written: usize,
}

impl Title {
    /// Takes the memory of the arguments and of the environment, and clears it:
    /// call it when neither is read any more. `None` if it was taken before, or
    /// if there is none.
    pub fn take() -> Option<Self> {
        let vector = VECTOR.swap(ptr::null_mut(), Ordering::Relaxed);
        if vector.is_null() {
            return None;
        }
        let mut next = vector;
        let mut start: Option<*mut u8> = None;
        let mut end: *mut u8 = ptr::null_mut();
        let mut is_environment = false;
        loop {
            // SAFETY: the vector of arguments ends with a null pointer
            // (C17 5.1.2.2.1), and the kernel puts the vector of the
            // environment behind it, which ends with another (execve(2)).
            let text = unsafe { *next };
            if text.is_null() {
                if is_environment {
                    break;
                }
                is_environment = true;
            }
            next = next.wrapping_add(1);
            if text.is_null() {
                continue;
            }
            let text = text.cast::<u8>();
            if start.is_some() && text != end {
                // Not the kernel's own order: what is known is enough.
                break;
            }
            start = start.or(Some(text));
            // SAFETY: each pointer of both vectors is to a string that ends
            // with NUL.
            let length = unsafe { CStr::from_ptr(text.cast()) }.count_bytes();
            end = text.wrapping_add(length + 1);
        }
        let start = start?;
        // SAFETY: these bytes are strings of both vectors, one right behind the
        // other, on the stack of the process below which nothing ends before
        // the process does; a program may write to them. No reference to them
        // exists: xfersh copies its arguments and the values of variables, has
        // no thread, and the vector can be taken once only.
        let memory = unsafe { slice::from_raw_parts_mut(start, end.addr() - start.addr()) };
        memory.fill(0);
        Some(Self { memory, written: 0 })
    }

    /// Takes the memory and sets the title, for the rest of the process.
    pub fn be(text: &str) {
        if let Some(mut title) = Self::take() {
            title.set(text);
        }
    }

    /// How many bytes there is room for. The last byte of the memory stays a
    /// NUL.
    pub const fn room(&self) -> usize {
        self.memory.len() - 1
    }

    /// Sets the title, or as much of it as there is room for.
    pub fn set(&mut self, text: &str) {
        let length = text.len().min(self.room());
        self.memory[..length].copy_from_slice(&text.as_bytes()[..length]);
        if length < self.written {
            self.memory[length..self.written].fill(0);
        }
        self.written = length;
    }
}
