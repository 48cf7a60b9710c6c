//! Parts of the monthly statement: its amounts as they are printed, in figures and in capital numerals (R-STATEMENT).

pub mod amounts;
pub mod numerals;
