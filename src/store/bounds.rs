//! How much of what operators did is kept.

/// Generations at most.
pub(super) const MOST_GENERATIONS: usize = 100;
/// Bytes of packed sources at most; the newest generation's are kept whatever their size.
pub(super) const MOST_SOURCES: u64 = 256 << 20;
/// Remembered answers at most.
pub(super) const MOST_ANSWERS: usize = 10_000;

/// What stays of generations, given as digest and size with the newest first: how many of them, and how many of those with their
/// sources. Sources that several generations share count once.
pub(super) fn kept(generations: &[([u8; 32], u64)]) -> (usize, usize) {
    let mut seen = std::collections::HashSet::new();
    let mut bytes = 0;
    let mut with_sources = 0;
    for (digest, size) in generations.iter().take(MOST_GENERATIONS) {
        if seen.insert(digest) {
            bytes += size;
        }
        if with_sources > 0 && bytes > MOST_SOURCES {
            break;
        }
        with_sources += 1;
    }
    (generations.len().min(MOST_GENERATIONS), with_sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_generations_stay_within_a_count_and_their_sources_within_bytes() {
        let many: Vec<_> = (0..150_u8).map(|number| ([number; 32], 1)).collect();
        assert_eq!(kept(&many), (100, 100));
        let large: Vec<_> = (0..5_u8).map(|number| ([number; 32], 100 << 20)).collect();
        assert_eq!(kept(&large), (5, 2), "the third would pass 256 MiB");
        let same: Vec<_> = (0..50).map(|_| ([1; 32], 100 << 20)).collect();
        assert_eq!(kept(&same), (50, 50), "kept once");
        assert_eq!(kept(&[([1; 32], 300 << 20), ([2; 32], 1)]), (2, 1), "the newest always");
    }
}
