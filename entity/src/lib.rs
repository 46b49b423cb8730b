//! The tables, one file each, exactly as `migration` makes them. No business rules.
//!
//! Times are milliseconds since the Unix epoch, UTC, in columns that end in `_ms`.

pub mod api_key;
pub mod audit;
pub mod certificate;
pub mod command;
pub mod component;
pub mod component_type;
pub mod desired;
pub mod device;
pub mod device_access;
pub mod device_event;
pub mod device_health;
pub mod device_import;
pub mod device_import_line;
pub mod device_live;
pub mod device_tag;
pub mod former_address;
pub mod hardware_variant;
pub mod hardware_version;
pub mod identity_finding;
pub mod identity_known;
pub mod identity_quarantine;
pub mod invitation;
pub mod job;
pub mod job_device;
pub mod notification;
pub mod pin_rule;
pub mod refresh_token;
pub mod refusal;
pub mod report;
pub mod rollup;
pub mod rollup_due;
pub mod saved_view;
pub mod search_gram;
pub mod session;
pub mod setting;
pub mod tag_act;
pub mod user;
