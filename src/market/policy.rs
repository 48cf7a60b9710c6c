//! What the config says of content, which `compliance` judges by, and of who may ask the control plane.

pub mod content;
pub mod landing;
pub mod operators;
pub mod words;
