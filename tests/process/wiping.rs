//! An allocator that wipes what is freed, in an app that is started with [`WIPES`]: what is then found in its memory is
//! still held by somebody, and not left over in a place that nobody uses.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU8, Ordering},
};

/// Set in the environment of an app whose memory is wiped.
pub const WIPES: &str = "MAINSTAY_TEST_WIPES";

#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

struct Wiping;

/// Whether it wipes: nobody knows yet, no, or yes.
static DECIDED: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Asks the environment without allocating.
#[expect(unsafe_code, reason = "an allocator may not allocate")]
fn wipes() -> bool {
    match DECIDED.load(Ordering::Relaxed) {
        UNKNOWN => {
            // SAFETY: the name ends with a zero, and nothing in these tests changes its own environment.
            let is_set = !unsafe { libc::getenv(c"MAINSTAY_TEST_WIPES".as_ptr()) }.is_null();
            DECIDED.store(if is_set { YES } else { NO }, Ordering::Relaxed);
            is_set
        }
        decided => decided == YES,
    }
}

// SAFETY: the system's allocator does everything; what it is given back is still owned while it is written to.
#[expect(unsafe_code, reason = "an allocator")]
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if wipes() {
            for byte in 0..layout.size() {
                // SAFETY: within the allocation, whose owner gives it up. Volatile: nobody reads it, so it would be left out.
                unsafe { place.add(byte).write_volatile(0) };
            }
        }
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }
}
