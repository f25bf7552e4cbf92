//! Counts the heap allocations of the current thread, and the bytes that it holds.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator with a counter: each allocation counts as one, and so does each
/// reallocation.
///
/// A benchmark installs it: `#[global_allocator] static ALLOCATOR: Counting = Counting;`.
#[derive(Clone, Copy, Debug)]
pub struct Counting;

/// How many allocations this thread has made since it started.
///
/// It stays at zero in a program that has not installed [`Counting`].
#[must_use]
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The bytes that this thread has allocated and not freed, without what the allocator itself adds.
///
/// Memory that another thread frees still counts here.
#[must_use]
pub fn held() -> usize {
    HELD.get()
}

/// The most bytes that this thread held at once since the last call.
#[must_use]
pub fn peak_held() -> usize {
    PEAK.replace(HELD.get())
}

fn count(layout: Layout) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    HELD.set(HELD.get().wrapping_add(layout.size()));
    PEAK.set(PEAK.get().max(HELD.get()));
}

fn freed(layout: Layout) {
    HELD.set(HELD.get().wrapping_sub(layout.size()));
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract. The
// counter is a constant-initialised `Cell` without a destructor, so that touching it neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        freed(layout);
        count(Layout::array::<u8>(new_size).unwrap_or(layout));
        unsafe { System.realloc(old, layout, new_size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        freed(layout);
        unsafe { System.dealloc(old, layout) }
    }
}
