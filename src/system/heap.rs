//! The program's memory: small pieces out of a few large ones.
//!
//! A session makes some six hundred small allocations before its server runs,
//! and the guard makes a few for each call. The C libraries' allocators are made
//! for programs with threads, and musl's gives each freed page back at once, by
//! a system call. Here the size of a piece is a multiple of [`STEP`]. Freed
//! pieces of one size are a list; new ones are cut off in order. What is larger
//! than [`LARGEST`] is the C library's.
//!
//! Memory that is freed is used again for pieces of its size, and never given
//! back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

/// What sizes are multiples of, and what all pieces are aligned to.
const STEP: usize = 16;
/// The largest piece.
const LARGEST: usize = 4096;
/// How many sizes there are.
const SIZES: usize = LARGEST / STEP;
/// Enough for a usual session: it is part of the program's own memory.
const FIRST: usize = 64 * 1024;
/// What is asked of the C library at once when that is used up.
const CHUNK: usize = 64 * 1024;

/// The allocator of the binary.
#[derive(Debug)]
pub struct Heap(UnsafeCell<Pieces>);

// SAFETY: xfersh starts no thread (a test of `layering` keeps it so), so there
// are no two calls at the same time.
unsafe impl Sync for Heap {}

#[derive(Debug)]
struct Pieces {
    /// Freed pieces of each size, each of which points to the next.
    free: [Option<NonNull<Free>>; SIZES],
    /// Memory that was never used.
    next: *mut u8,
    left: usize,
    is_started: bool,
}

#[derive(Debug)]
struct Free {
    next: Option<NonNull<Free>>,
}

#[repr(align(16))]
struct First(UnsafeCell<[u8; FIRST]>);

// SAFETY: as for `Heap`, which alone uses it.
unsafe impl Sync for First {}

static MEMORY: First = First(UnsafeCell::new([0; FIRST]));

impl Heap {
    /// The program's; there must be no second one.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "there is one")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Pieces {
            free: [None; SIZES],
            next: ptr::null_mut(),
            left: 0,
            is_started: false,
        }))
    }
}

/// Which of the sizes a piece for this many bytes has; `None` for those of the
/// C library.
const fn size_index(size: usize, align: usize) -> Option<usize> {
    if size > LARGEST || align > STEP {
        return None;
    }
    Some(size.saturating_sub(1) / STEP)
}

impl Pieces {
    fn take(&mut self, index: usize) -> *mut u8 {
        if let Some(piece) = self.free[index] {
            // SAFETY: `give` has written it, and it was nobody's since.
            self.free[index] = unsafe { piece.read() }.next;
            return piece.as_ptr().cast();
        }
        let size = (index + 1) * STEP;
        if self.left < size && !self.get_more() {
            return ptr::null_mut();
        }
        let piece = self.next;
        self.left -= size;
        // SAFETY: as many bytes were left at `next`.
        self.next = unsafe { piece.add(size) };
        piece
    }

    fn give(&mut self, piece: NonNull<u8>, index: usize) {
        let piece = piece.cast::<Free>();
        let next = self.free[index];
        // SAFETY: it came from `take`, so it has at least STEP bytes and is
        // aligned to as many, and nobody uses it any more.
        unsafe { piece.write(Free { next }) };
        self.free[index] = Some(piece);
    }

    /// What is left of the memory before is not used any more: a piece did not
    /// fit.
    #[cold]
    fn get_more(&mut self) -> bool {
        if !self.is_started {
            self.is_started = true;
            self.next = MEMORY.0.get().cast();
            self.left = FIRST;
            return true;
        }
        let Ok(layout) = Layout::from_size_align(CHUNK, STEP) else {
            return false;
        };
        // SAFETY: the layout has a size.
        let chunk = unsafe { System.alloc(layout) };
        if !chunk.is_null() {
            self.next = chunk;
            self.left = CHUNK;
        }
        !chunk.is_null()
    }
}

// SAFETY: a piece is as large as was asked for and aligned to STEP, which is
// enough by `size_index`; it is handed out once until it is given back; and
// the layout says in the same way where it came from.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match size_index(layout.size(), layout.align()) {
            // SAFETY: there is one thread, and nothing in `take` allocates
            // from here, so this is the only reference.
            Some(index) => unsafe { &mut *self.0.get() }.take(index),
            // SAFETY: the caller keeps the contract of `alloc`.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match size_index(layout.size(), layout.align()) {
            Some(index) => {
                if let Some(piece) = NonNull::new(piece) {
                    // SAFETY: as in `alloc`.
                    unsafe { &mut *self.0.get() }.give(piece, index);
                }
            }
            // SAFETY: by its layout it came from `System`, and the caller keeps
            // the contract of `dealloc`.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let old = size_index(layout.size(), layout.align());
        let new = size_index(size, layout.align());
        match (old, new) {
            (Some(old), Some(new)) if old == new => return piece,
            // SAFETY: both are the C library's, and the caller keeps the
            // contract of `realloc`.
            (None, None) => return unsafe { System.realloc(piece, layout, size) },
            _ => {}
        }
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: the caller promises that `size` is not 0.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            let kept = size.min(layout.size());
            // SAFETY: both have that many bytes, and they are two pieces.
            unsafe { ptr::copy_nonoverlapping(piece, moved, kept) };
            // SAFETY: the caller gives it up, with its layout.
            unsafe { self.dealloc(piece, layout) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_overlap_and_keep_what_is_in_them() {
        // The only one in this process: tests use the C library's allocator.
        let heap = Heap::new();
        let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut state = 7_usize;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state >> 33
        };
        for round in 0..20_000_usize {
            let mark = u8::try_from(round % 251).unwrap();
            let intact = |at: *mut u8, length: usize, mark: u8| {
                // SAFETY: a piece of this test, as long as its layout says.
                let bytes = unsafe { std::slice::from_raw_parts(at, length) };
                assert!(bytes.iter().all(|byte| *byte == mark), "round {round}");
            };
            if held.len() > 200 || (next() % 3 == 0 && !held.is_empty()) {
                let at = next() % held.len();
                let (piece, layout, mark) = held.swap_remove(at);
                intact(piece, layout.size(), mark);
                if next() % 2 == 0 {
                    // SAFETY: it is given up once.
                    unsafe { heap.dealloc(piece, layout) };
                    continue;
                }
                let size = next() % 8000 + 1;
                // SAFETY: a piece of this heap with its layout.
                let moved = unsafe { heap.realloc(piece, layout, size) };
                intact(moved, size.min(layout.size()), mark);
                // SAFETY: it has that many bytes.
                unsafe { moved.write_bytes(mark, size) };
                let layout = Layout::from_size_align(size, layout.align()).unwrap();
                held.push((moved, layout, mark));
            } else {
                let align = 1 << (next() % 7);
                let layout = Layout::from_size_align(next() % 5000 + 1, align).unwrap();
                // SAFETY: the layout has a size.
                let piece = unsafe { heap.alloc(layout) };
                assert!(piece.addr().is_multiple_of(align));
                // SAFETY: it has that many bytes.
                unsafe { piece.write_bytes(mark, layout.size()) };
                held.push((piece, layout, mark));
            }
        }
    }
}
