//! `with_methods` and `endpoint`.

mod endpoint;
mod methods;
mod websocket;
