//! Where decoded lists and nested objects live: memory that is used again, body after body.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};

use bumpalo::Bump;

/// An arena that has grown beyond this is not kept for the next body, bytes.
const KEEP_BELOW: usize = 128 << 10;
/// Spare arenas that [`Arenas`] keeps.
const SPARES: usize = 256;

/// Memory for one decoded body. Nothing in it is dropped; [`Arena::reset`] makes room for the next body.
#[derive(Default)]
pub struct Arena(Bump);

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("bytes", &self.0.allocated_bytes()).finish()
    }
}

impl Arena {
    /// An empty arena; allocates nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of a body, to be decoded in place.
    #[must_use]
    #[allow(clippy::mut_from_ref, reason = "each call gives memory of its own")]
    pub fn copy(&self, body: &[u8]) -> &mut [u8] {
        self.0.alloc_slice_copy(body)
    }

    /// Forgets what it holds, and keeps the memory unless that is unusually much.
    pub fn reset(&mut self) {
        if self.0.allocated_bytes() > KEEP_BELOW {
            self.0 = Bump::new();
        } else {
            self.0.reset();
        }
    }

    pub(crate) fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    #[allow(clippy::mut_from_ref, reason = "each call gives memory of its own")]
    pub(crate) fn object<T: Copy + Default>(&self) -> &mut T {
        self.0.alloc_with(T::default)
    }

    #[allow(clippy::mut_from_ref, reason = "each call gives memory of its own")]
    pub(crate) fn list<T: Copy + Default>(&self, len: usize) -> &mut [T] {
        self.0.alloc_slice_fill_with(len, |_| T::default())
    }
}

/// Arenas for the requests that are in flight on one thread: each takes one and gives it back.
#[derive(Debug, Default)]
pub struct Arenas(RefCell<Vec<Arena>>);

impl Arenas {
    /// An arena, empty, until the guard is dropped.
    #[must_use]
    pub fn lend(&self) -> LentArena<'_> {
        LentArena { arena: self.0.borrow_mut().pop().unwrap_or_default(), home: self }
    }
}

/// An arena on loan from [`Arenas`].
#[derive(Debug)]
pub struct LentArena<'h> {
    arena: Arena,
    home: &'h Arenas,
}

impl Deref for LentArena<'_> {
    type Target = Arena;
    fn deref(&self) -> &Arena {
        &self.arena
    }
}

impl DerefMut for LentArena<'_> {
    fn deref_mut(&mut self) -> &mut Arena {
        &mut self.arena
    }
}

impl Drop for LentArena<'_> {
    fn drop(&mut self) {
        let mut arena = std::mem::take(&mut self.arena);
        arena.reset();
        let mut spares = self.home.0.borrow_mut();
        if spares.len() < SPARES {
            spares.push(arena);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_arena_is_used_again_and_a_large_one_is_not() {
        let arenas = Arenas::default();
        for (bytes, kept) in [(10_000, true), (KEEP_BELOW + 1, false)] {
            assert_eq!(arenas.lend().copy(&vec![0; bytes]).len(), bytes);
            let next = arenas.lend();
            assert_eq!(next.0.allocated_bytes() >= 10_000, kept);
        }
    }

    #[test]
    fn arenas_out_at_once_are_two() {
        let arenas = Arenas::default();
        let (one, other) = (arenas.lend(), arenas.lend());
        one.copy(b"one").copy_from_slice(b"two");
        assert_eq!(other.copy(b"three"), b"three");
        drop((one, other));
        assert_eq!(arenas.0.borrow().len(), 2);
    }
}
