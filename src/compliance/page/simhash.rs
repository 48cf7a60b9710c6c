//! A hash that is near for texts that are near (Charikar 2002): over shingles of four letters.

use sha2::{Digest, Sha256};

/// 64 bits; two texts are the nearer the fewer bits differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimHash(pub u64);

/// Letters of a shingle.
const SHINGLE: usize = 4;

impl SimHash {
    /// The hash of lines of text. Spaces do not count.
    pub(super) fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let letters: Vec<char> = lines.flat_map(str::chars).filter(|it| !it.is_whitespace()).collect();
        let mut sums = [0_i64; 64];
        let mut add = |shingle: &[char]| {
            let text: String = shingle.iter().collect();
            let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
            let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum += if bits >> at & 1 == 1 { 1 } else { -1 };
            }
        };
        if letters.len() < SHINGLE {
            add(&letters);
        } else {
            letters.windows(SHINGLE).for_each(&mut add);
        }
        Self(sums.iter().enumerate().fold(0, |bits, (at, sum)| if *sum > 0 { bits | 1 << at } else { bits }))
    }

    /// In how many of the 64 bits they differ: 0 for the same text, about 32 for texts that have nothing in common.
    #[must_use]
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}
