//! A read-only hash table over the rows of another table: keys stay where they are, so that a name costs eight to sixteen bytes.
//!
//! The hash is not keyed. It need not be: what is stored comes from config, and what is looked up cannot make its chains longer.

/// Rows by the hash of their key.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// The hash's upper half and row + 1; 0 is empty. A power of two, at most half full.
    slots: Box<[u64]>,
}

impl Lookup {
    /// Over the rows whose keys have these hashes, in order. Of two equal keys the first is found.
    pub(super) fn new(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut slots = vec![0; (2 * hashes.len()).next_power_of_two()].into_boxed_slice();
        let mask = slots.len() - 1;
        for (row, hash) in (1_u64..).zip(hashes) {
            let mut at = hash as usize & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = hash >> 32 << 32 | row;
        }
        Self { slots }
    }

    /// The row with that hash of which `is` says that it has the key.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            let row = (slot & 0xffff_ffff) as usize - 1;
            if slot >> 32 == hash >> 32 && is(row) {
                return Some(row);
            }
            at = (at + 1) & mask;
        }
    }
}

/// A hash that is built up from parts.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    const PRIME: u64 = 0x0100_0000_01b3;

    /// Of nothing yet.
    pub(super) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// With a number.
    #[inline]
    pub(super) const fn number(self, number: u32) -> Self {
        Self((self.0 ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    /// With a text as it is.
    #[inline]
    pub(super) fn text(self, text: &str) -> Self {
        let hash = text.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(Self::PRIME));
        Self(hash).number(text.len() as u32)
    }

    /// With a text in which ASCII case does not matter.
    #[inline]
    pub(super) fn caseless(self, text: &str) -> Self {
        let lower = text.bytes().map(|byte| byte.to_ascii_lowercase());
        let hash = lower.fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(Self::PRIME));
        Self(hash).number(text.len() as u32)
    }

    /// The whole, with its bits mixed.
    #[inline]
    pub(super) const fn finish(self) -> u64 {
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ mixed >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_no_other() {
        for count in [0, 1, 2, 7, 8, 1_000] {
            let names: Vec<_> = (0..count).map(|number| format!("Deal-{number}")).collect();
            let hash = |name: &str| Hash::new().caseless(name).finish();
            let lookup = Lookup::new(names.iter().map(|name| hash(name)));
            for (row, name) in names.iter().enumerate() {
                let upper = name.to_uppercase();
                assert_eq!(lookup.find(hash(&upper), |it| names[it].eq_ignore_ascii_case(&upper)), Some(row));
            }
            assert_eq!(lookup.find(hash("deal-x"), |it| names[it] == "deal-x"), None);
        }
    }

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let lookup = Lookup::new([5, 5, 5].into_iter());
        assert_eq!((0..3).map(|row| lookup.find(5, |it| it == row)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
        assert_eq!(lookup.find(5, |_| false), None);
    }
}
