//! The border of WebAssembly: three exports, and memory that JavaScript fills and reads.
//!
//! JavaScript asks for room, writes a question into it, and asks; it reads the answer and gives the room back. The numbers are
//! places in this module's memory; whoever runs it can do it no more harm than its own page.
#![expect(unsafe_code, reason = "exports without mangled names, and bytes that were lent to JavaScript")]

use crate::{Desk, answer};
use std::cell::RefCell;

thread_local! {
    /// What is known between two questions. A module in a browser has one thread.
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Room for so many bytes, all zero; JavaScript writes a question into it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn akao_room(length: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; length].into_boxed_slice()).cast()
}

/// Gives room back.
///
/// # Safety
/// `place` and `length` are of one piece of room, or of one answer, that was not given back.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn akao_done(place: *mut u8, length: usize) {
    // SAFETY: the caller names a boxed slice of this length that `akao_room` or `akao_ask` leaked, and names it once.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(place, length)) });
}

/// Answers the question in a piece of room, which is used up; the answer's place is in the upper half, its length in the lower.
///
/// # Safety
/// As [`akao_done`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn akao_ask(place: *mut u8, length: usize) -> u64 {
    // SAFETY: the caller names a boxed slice of this length that `akao_room` leaked, and does not use it afterwards.
    let question = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(place, length)) };
    let answer = DESK.with_borrow_mut(|desk| answer(desk, &question)).into_boxed_slice();
    let length = answer.len() as u64;
    let place = Box::into_raw(answer).cast::<u8>() as usize as u64;
    place << 32 | length
}
