//! What tests stand on: fresh databases, services in this process, a whole server, and real devices.

pub mod database;
pub mod site;
