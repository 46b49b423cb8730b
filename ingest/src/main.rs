//! `madang-ingest`: takes messages from an external broker into the database.

fn main() {}
