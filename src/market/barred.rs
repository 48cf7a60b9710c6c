//! Creatives that a media's words keep away (R-CATEGORY): decided beforehand, looked up per bid.

use crate::ids::{CreativeId, DenseId};

/// One bit for each creative whose text was looked at. What was not is barred: a word may be in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Barred {
    bits: Vec<u64>,
}

impl Barred {
    /// Whether a creative may not be shown.
    #[must_use]
    pub fn has(&self, id: CreativeId) -> bool {
        self.bits.get(id.index() / 64).is_none_or(|word| word >> (id.index() % 64) & 1 == 1)
    }

    /// Says of a creative whether it may not be shown.
    pub fn set(&mut self, id: CreativeId, is_barred: bool) {
        let place = id.index() / 64;
        if self.bits.len() <= place {
            self.bits.resize(place + 1, u64::MAX);
        }
        if let Some(word) = self.bits.get_mut(place) {
            let bit = 1_u64 << (id.index() % 64);
            *word = if is_barred { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_category_what_was_not_looked_at_is_barred() {
        let mut barred = Barred::default();
        let id = CreativeId::from_number;
        assert!(barred.has(id(0)) && barred.has(id(1_000_000)));
        barred.set(id(70), false);
        barred.set(id(69), false);
        barred.set(id(69), true);
        let free: Vec<_> = (0..200).filter(|number| !barred.has(id(*number))).collect();
        assert_eq!(free, [70]);
    }
}
