//! `with_validation`.

mod body;
mod form;
mod json;
mod query;
mod sockets;
