//! Heap allocations of the hot path: none, once the decoder and its arena have grown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "an allocator that counts cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use openrtb::{Arenas, Decoder, validate_request};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of one run after ten.
fn when_warm(mut run: impl FnMut()) -> u64 {
    for _ in 0..10 {
        run();
    }
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(when_warm(|| drop(black_box(vec![1_u8; 100]))), 1);
}

#[test]
fn decoding_and_validating_allocate_nothing_when_warm() {
    const FULL: &[u8] = include_bytes!("cases/full_request.json");
    const RESPONSE: &[u8] = include_bytes!("cases/full_response.json");
    const ORDINARY: &[u8] = include_bytes!("cases/ordinary_request.json");
    let mut decoder = Decoder::default();
    let mut body = FULL.to_vec();
    let full = when_warm(|| {
        body.copy_from_slice(FULL);
        black_box(decoder.decode_request(&mut body).unwrap());
    });
    let mut body = RESPONSE.to_vec();
    let response = when_warm(|| {
        body.copy_from_slice(RESPONSE);
        black_box(decoder.decode_response(&mut body).unwrap());
    });
    let arenas = Arenas::default();
    let ordinary = when_warm(|| {
        let (arena, other) = (arenas.lend(), arenas.lend());
        let request = decoder.decode_request_in(arena.copy(ORDINARY), &arena).unwrap();
        validate_request(&request).unwrap();
        black_box(decoder.decode_request_in(other.copy(FULL), &other).unwrap());
    });
    let whole = when_warm(|| {
        black_box(decoder.decode_whole_request(FULL).unwrap());
        black_box(decoder.decode_whole_response(RESPONSE).unwrap());
    });
    assert_eq!((full, response, ordinary, whole), (0, 0, 0, 0));
}
