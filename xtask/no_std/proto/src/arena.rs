//! The simplest allocator there is: it hands out a fixed arena from front to back, and takes
//! nothing back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

struct Arena {
    bytes: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: the bytes are reached only through `alloc`, which gives each of them to one caller.
unsafe impl Sync for Arena {}

// SAFETY: every block is aligned, within the arena and, as `used` only grows, apart from all
// others.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start: *mut u8 = self.bytes.get().cast();
        let place = |used: usize| {
            let padding = start.wrapping_add(used).align_offset(layout.align());
            let at = used.checked_add(padding)?;
            let end = at.checked_add(layout.size())?;
            (end <= SIZE).then_some((at, end))
        };
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            place(used).map(|(_, end)| end)
        });
        match taken.ok().and_then(place) {
            Some((at, _)) => start.wrapping_add(at),
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ARENA: Arena = Arena {
    bytes: UnsafeCell::new([0; SIZE]),
    used: AtomicUsize::new(0),
};

/// Far more than the program takes.
const SIZE: usize = 1 << 20;
