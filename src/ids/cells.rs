//! Live state by dense id, outside any snapshot: counters and budgets that outlive reloads (architecture, invariant 15).

use std::marker::PhantomData;
use std::sync::OnceLock;

use super::DenseId;

const ROWS: usize = 256;
const CHUNKS: usize = 16_384;

/// Cells that come into being when first asked for and are never moved, so that many threads share them without a lock.
///
/// Room for 4,194,304 ids of a kind; 64-bit machines pay 256 KiB for the directory.
#[derive(Debug)]
pub struct Cells<I, T> {
    chunks: Box<[OnceLock<Box<[T]>>]>,
    kind: PhantomData<fn(I)>,
}

impl<I: DenseId, T: Default> Cells<I, T> {
    /// No cells yet.
    #[must_use]
    pub fn new() -> Self {
        Self { chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(), kind: PhantomData }
    }

    /// The cell of an id; `None` beyond the room.
    pub fn get(&self, id: I) -> Option<&T> {
        let chunk = self.chunks.get(id.index() / ROWS)?;
        chunk.get_or_init(|| (0..ROWS).map(|_| T::default()).collect()).get(id.index() % ROWS)
    }

    /// Every cell of the chunks that were ever touched, with its id.
    pub fn touched(&self) -> impl Iterator<Item = (I, &T)> {
        let chunks = self.chunks.iter().enumerate();
        chunks.filter_map(|(index, chunk)| chunk.get().map(|rows| (index, rows))).flat_map(|(index, rows)| {
            let id = move |row| I::from_number((index * ROWS + row) as u32);
            rows.iter().enumerate().map(move |(row, cell)| (id(row), cell))
        })
    }
}

impl<I: DenseId, T: Default> Default for Cells<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DealId;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_cell_stays_where_it_is_and_is_listed_with_its_id() {
        let cells: Cells<DealId, AtomicU64> = Cells::new();
        for id in [0, 255, 256, 1_000_000] {
            cells.get(DealId(id)).unwrap().fetch_add(u64::from(id) + 1, Ordering::Relaxed);
        }
        let set: Vec<_> =
            cells.touched().filter(|(_, cell)| cell.load(Ordering::Relaxed) > 0).map(|(id, _)| id.0).collect();
        assert_eq!(set, [0, 255, 256, 1_000_000]);
        assert!(cells.get(DealId(u32::MAX)).is_none());
    }
}
