//! What content must keep to, as the config says it; the checks themselves are in `compliance`.

pub mod words;
