//! Rejects methods that a resource does not support, and answers `OPTIONS` and `HEAD` for it: the
//! guard [`with_methods`], and [`endpoint()`](crate::endpoint()), which also selects the handler.
//!
//! 1. A listed method passes. If `GET` is listed, so do `HEAD` and the extended `CONNECT` that opens a
//!    WebSocket over HTTP/2 or HTTP/3, where HTTP/1.1 has a `GET` (RFC 8441). A plain `CONNECT` does not.
//! 2. `OPTIONS` is answered here, unless it is listed itself.
//! 3. Any other method is rejected: with 405 if it is a method of HTTP, with 501 if it is not.
//! 4. The response to a `HEAD` keeps its fields and loses its body. If it has no
//!    `Content-Length` and the size of its body is known, it gets one.
//!
//! Methods are case-sensitive (RFC 9110, section 9.1): `get` is not `GET`, and is answered with 501.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Method, Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::with_methods;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = with_methods([Method::GET, Method::POST]);
//! let service = layer.layer(service_fn(async |_: Request<Full<Bytes>>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//!
//! let get = Request::get("/users").body(Full::default())?;
//! assert_eq!(service.clone().oneshot(get).await?.status(), 200);
//!
//! let delete = Request::delete("/users").body(Full::default())?;
//! let response = service.oneshot(delete).await?;
//! assert_eq!(response.status(), 405);
//! assert_eq!(response.headers()["allow"], "GET, HEAD, POST");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | fields |
//! |---|---|---|
//! | 204 | `OPTIONS`, unless it is listed | `Allow` |
//! | 405 | a method of HTTP that is not listed | `Allow`; `application/problem+json` |
//! | 501 | a method that is neither listed nor a method of HTTP | `application/problem+json` |
//!
//! The methods of HTTP are those of RFC 9110, `PATCH` (RFC 5789) and `QUERY` (RFC 10008). `Allow`
//! lists the methods in the order in which they are configured, with `HEAD` after `GET`.
//!
//! # Order
//!
//! Stage [`Method`](crate::stage::Method): before any work is done for a request that will be
//! rejected, and inside CORS, which answers preflights first. A guard is for one resource: around a
//! whole router it would answer 405 where the router has no route, which is a 404.
//!
//! # Security
//!
//! A server accepts an extended `CONNECT` only if it is configured to. Its `:protocol` is not compared here,
//! because each server keeps it in a type of its own. A handler that opens a WebSocket, such as axum's,
//! rejects other protocols.
//!
//! Method override fields such as `X-HTTP-Method-Override` are ignored: the handler gets the method
//! that the layers outside this one have seen.
//!
//! # Compared with
//!
//! axum's `MethodRouter` also answers 405 with `Allow`, and `HEAD` with the handler of `GET`. Its
//! 405 has no body, and it is also the answer to `OPTIONS` without a handler and to unknown methods.

pub(crate) mod endpoint;
pub(crate) mod guard;
mod handler;

#[cfg(doc)]
use self::guard::with_methods;
pub use self::{
    endpoint::{EndpointFuture, registered},
    handler::{Function, IntoEndpoint, Tower},
};
