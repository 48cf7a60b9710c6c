//! Short lists that mostly hold one to three small items, without an allocation then.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

const INLINE: usize = 3;

/// A list that never changes. Up to three items stand in it, more on the heap. Reads as a slice.
#[derive(Clone)]
pub struct Few<T>(Form<T>);

#[derive(Clone)]
enum Form<T> {
    Inline(u8, [T; INLINE]),
    Heap(Box<[T]>),
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Form::Inline(count, items) => items.get(..usize::from(*count)).unwrap_or_default(),
            Form::Heap(items) => items,
        }
    }
}

impl<T: Copy> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Vec::from_iter(items).into()
    }
}

impl<T: Copy> From<Vec<T>> for Few<T> {
    fn from(items: Vec<T>) -> Self {
        Self(match items.as_slice() {
            [a] => Form::Inline(1, [*a; INLINE]),
            [a, b] => Form::Inline(2, [*a, *b, *b]),
            [a, b, c] => Form::Inline(3, [*a, *b, *c]),
            _ => Form::Heap(items.into()),
        })
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Form::Heap(Box::default()))
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: Hash> Hash for Few<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_what_they_were_made_of() {
        for count in 0..6_u32 {
            let items: Vec<_> = (0..count).collect();
            let few: Few<u32> = items.iter().copied().collect();
            assert_eq!(*few, *items);
            assert_eq!(matches!(few.0, Form::Inline(..)), (1..=3).contains(&count));
        }
        assert_eq!(size_of::<Few<u32>>(), 24);
    }
}
