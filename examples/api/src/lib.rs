//! An API in front of SQLite or PostgreSQL, every route behind a stack of its own.
//!
//! `cargo run -p example-api` starts it, and prints its routes, their stacks, and a curl line for
//! each. Read on in `app.rs`, which puts the routes together; `auth/mod.rs`, `users/mod.rs` and
//! `admin/mod.rs` list those of their folders with their stacks, and each handler has a file.
//! `auth/logins.rs` explains how logins work.

mod admin;
mod app;
mod auth;
mod backend;
mod clock;
mod config;
mod contact;
mod curl;
mod database;
mod document;
mod error;
mod feedback;
mod operation;
mod payments;
mod public;
mod rate_limits;
mod retention;
mod serve;
mod startup;
mod state;
mod stripe;
mod upload;
mod users;
mod weather;
mod web;

pub use admin::Admin;
pub use app::{App, Routes, app};
pub use auth::Claims;
pub use clock::Clock;
pub use config::{Config, Secret, WebhookSecret, hosts};
pub use database::DatabaseUrl;
pub use operation::{ask_readiness, operation, record_metrics};
pub use rate_limits::RateLimits;
pub use serve::{Stopped, TimeLimits, serve};
pub use startup::Startup;
pub use state::AppState;

/// Why the program can't start.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
