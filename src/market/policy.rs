//! What was decided about content, as config says it; the rooms of `compliance` decide by it.

pub mod landing;
