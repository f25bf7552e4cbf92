//! Sessions, encrypted in a cookie or in a store.

mod answers;
mod changes;
mod checks;
mod config;
mod expiry;
mod fixture;
mod keys;
mod properties;
mod round_trip;
mod several;
mod store;
mod stores;
