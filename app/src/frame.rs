//! The frame around every page: the rail, the top bar, and what they do.

pub mod household;
pub mod keys;
pub mod live_mark;
pub mod mark;
#[cfg(feature = "hydrate")]
pub(crate) mod menus;
pub mod palette;
pub mod porch;
pub mod rail;
pub mod switches;
pub mod top_bar;
