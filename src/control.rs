//! The control plane: what operators write and ask, turned into the next market (architecture §1).

pub mod config;
