//! What the config says of content: raw terms, which `compliance` judges by.

pub mod content;
pub mod landing;
pub mod words;
