//! Sessions, encrypted in a cookie or in a store.
#![cfg(feature = "session")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod checks;
mod config;
mod expiry;
mod keys;
mod properties;
mod round_trip;
mod store;
mod world;
