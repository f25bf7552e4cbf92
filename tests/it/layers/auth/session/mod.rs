//! Sessions, encrypted in a cookie or in a store.

mod answers;
mod checks;
mod config;
mod expiry;
mod keys;
mod properties;
mod round_trip;
mod store;
mod stores;
mod world;
