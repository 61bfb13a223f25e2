//! The binary; everything is in the library.
#![no_main]
xfersh::entry_point!(xfersh::run);

#[global_allocator]
static HEAP: xfersh::system::heap::Heap = xfersh::system::heap::Heap::new();
