//! The example of the repository, and what becomes of it when it is edited.
