//! The visual components that every feature shares; their looks are in `style/`.

pub mod button;
pub mod clock;
pub mod copy_button;
pub mod dialog;
pub mod empty;
pub mod error_notice;
pub mod error_text;
pub mod field;
pub mod icon;
pub mod number;
pub mod pagination;
pub mod problem;
pub mod skeleton;
pub mod sort_head;
pub mod sparkline;
pub mod status_mark;
pub mod tabs;
pub mod tile;
pub mod toast;

pub use button::SubmitButton;
pub use clock::Time;
pub use copy_button::CopyButton;
pub use dialog::{ConfirmDialog, Dialog};
pub use empty::Empty;
pub use error_notice::ErrorNotice;
pub use field::{Checkbox, Field, Select};
pub use icon::{Draw, Icon};
pub use pagination::Pagination;
pub use problem::{ForbiddenPage, NotFoundPage, ProblemPage};
pub use skeleton::Skeleton;
pub use sort_head::SortHead;
pub use sparkline::Sparkline;
pub use status_mark::{Mark, StatusMark};
pub use tabs::{Tab, Tabs};
pub use tile::Tile;
pub use toast::{Toasts, use_toasts};
