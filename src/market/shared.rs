//! Lists that many items have in common, behind one thin pointer: there may be a million creatives.

use std::borrow::Borrow;
use std::ops::Deref;
use std::sync::Arc;

/// A list that never changes, shared by its clones. Reads as a slice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shared<T>(Arc<Box<[T]>>);

impl<T> Shared<T> {
    /// Whether two are one list in memory.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Borrow<[T]> for Shared<T> {
    fn borrow(&self) -> &[T] {
        self
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<T>> for Shared<T> {
    fn from(items: Vec<T>) -> Self {
        Self(Arc::new(items.into()))
    }
}

impl<T, const N: usize> From<[T; N]> for Shared<T> {
    fn from(items: [T; N]) -> Self {
        Self(Arc::new(Box::new(items)))
    }
}

impl<T: Clone> From<&[T]> for Shared<T> {
    fn from(items: &[T]) -> Self {
        items.to_vec().into()
    }
}
