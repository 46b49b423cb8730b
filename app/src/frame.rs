//! The frame around every page: the rail, the top bar, and what they do.

pub mod household;
pub mod porch;
