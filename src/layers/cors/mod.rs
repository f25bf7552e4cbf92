//! Lets scripts of other origins call this server: cross-origin resource sharing, as the [Fetch
//! standard] defines it.
//!
//! 1. A *preflight* (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) is answered here,
//!    and the inner service never sees it. The answer is a 204, which allows the request if the
//!    policy allows the origin, the method and each header, and allows nothing otherwise.
//! 2. Every other request passes, including any other `OPTIONS`, whatever its origin.
//! 3. Every response of the inner service, including refusals, gets the fields that let the origin
//!    read it if the policy allows the origin. Otherwise, it loses those that a handler has set.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{Cors, with_cors};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = with_cors(Cors::origins(["https://app.example.com"])?.credentials());
//! let service = layer.layer(service_fn(async |_: Request<Full<Bytes>>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//! let preflight = |origin: &str| {
//!     Request::options("/users")
//!         .header("origin", origin)
//!         .header("access-control-request-method", "POST")
//!         .header("access-control-request-headers", "content-type")
//!         .body(Full::default())
//! };
//!
//! let response = service.clone().oneshot(preflight("https://app.example.com")?).await?;
//! assert_eq!(response.status(), 204);
//! assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.com");
//! assert_eq!(response.headers()["access-control-allow-credentials"], "true");
//!
//! let response = service.oneshot(preflight("https://evil.example")?).await?;
//! assert_eq!(response.status(), 204);
//! assert!(!response.headers().contains_key("access-control-allow-origin"));
//! # Ok(())
//! # }
//! ```
//!
//! # Which origins
//!
//! | call | allows | credentials |
//! |---|---|---|
//! | [`Cors::origins`] | origins and patterns that are listed; plain `http` only on this machine | if [`credentials`](CorsBuilder::credentials) is called |
//! | [`Cors::origins_where`] | origins that a closure allows; plain `http` only on this machine | the same |
//! | [`Cors::anonymous`] | origins and patterns that are listed, including plain `http` | never |
//! | [`Cors::any`] | every origin | never |
//!
//! A pattern is `https://*.example.com` (every subdomain, at any depth, but not `example.com`
//! itself), `https://app-*.example.com` (a part of one label, without dots), `http://localhost:*`
//! (every port), or a host and a port at once.
//!
//! Plain `http` origins that are not on this machine get credentials only through
//! [`dangerously_allow_http_origins`](CorsBuilder::dangerously_allow_http_origins), which takes exact
//! origins. A host may end in a dot: to browsers, `https://example.com.` is another origin than
//! `https://example.com`, and it needs an entry of its own.
//!
//! # Responses
//!
//! | status | when | fields |
//! |---|---|---|
//! | 204 | a preflight that the policy allows | `Access-Control-Allow-Origin`, `-Methods`, `-Headers`, and as configured `-Credentials`, `-Private-Network`, `Access-Control-Max-Age`; `Vary` |
//! | 204 | a preflight that it does not allow; the log says which part | `Vary` |
//! | unchanged | every other request | `Access-Control-Allow-Origin`, and as configured `-Credentials` and `Access-Control-Expose-Headers`; `Vary: Origin` |
//!
//! The `Vary` of the answer to a preflight is `Origin, Access-Control-Request-Method,
//! Access-Control-Request-Headers`, and `Access-Control-Request-Private-Network` if the policy can
//! grant that. A closure that reads other fields names them with [`vary`](CorsBuilder::vary), and they
//! are part of every `Vary`. If the policy allows exactly one origin, or any origin, all other
//! responses are the same for every origin: each has `Access-Control-Allow-Origin`, whatever the origin
//! of the request, and no `Vary: Origin`, so that one cached copy serves all. In every other case each
//! has `Vary: Origin`, including those to origins that are not allowed.
//!
//! A layer further in that adds a field can add its name to `Access-Control-Expose-Headers`: it is
//! kept, in addition to the names of this policy, if the origin is allowed.
//!
//! # Order
//!
//! Stage [`Cors`](crate::stage::Cors): outside every layer that can reject a request, because
//! otherwise scripts can't read the refusal. A preflight carries no credentials, so it must be
//! answered outside authentication. A router that selects by method (axum's, for example) must let
//! `OPTIONS` reach this layer: put the layer around the router, or route `OPTIONS` as well.
//!
//! Layers further in do not see preflights. `with_hosts` and `with_https_only` can be listed before this
//! layer, and then reject preflights to other hosts and over plain `http`.
//!
//! # Security
//!
//! CORS decides who may *read* a response. It does not stop anyone from sending a request: requests
//! that change something need protection against forgery (CSRF).
//!
//! An unsafe policy does not compile, or is a [`ConfigError`]: credentials for any origin, for
//! `null`, or for plain `http` origins that are not on this machine; `*` together with credentials;
//! patterns that span a public suffix, under which anyone can register a name.
//!
//! **If you use patterns, turn on the feature `public-suffix`**: it has the whole [Public Suffix List],
//! in the version of the crate `psl` in your `Cargo.lock`. Without it, an excerpt is used that does not
//! age well: top-level domains, second-level domains of registries such as `co.uk` and `com.au`, and
//! about forty hosts that are shared by their customers, such as `github.io` and everything under
//! `amazonaws.com`. Then `https://*.wpenginepowered.com` or `https://*.kawasaki.jp` is accepted, and
//! you need to know yourself who can register names there.
//!
//! Origins and header names are processed in time proportional to their length; a preflight that
//! asks for more than 4,096 bytes of header names is rejected without reading them. A second `Origin`
//! line allows nothing.
//!
//! # Compared with
//!
//! The `CorsLayer` of tower-http 0.7 answers every `OPTIONS` request, including those meant for the
//! handler, and sends `Access-Control-Allow-Methods` to origins that are not allowed. It panics on
//! `*` with credentials when the service is created, and it has no patterns. It builds its fields for
//! each request, with about eight allocations; this layer builds them once and allocates nothing per
//! request. It supports asynchronous closures for origins, which this layer does not; write a
//! middleware of your own for that, see [`Later::pending`](crate::Later::pending).
//!
//! [Public Suffix List]: https://publicsuffix.org
//! [Fetch standard]: https://fetch.spec.whatwg.org/#http-cors-protocol

mod builder;
mod origins;
pub(crate) mod policy;
mod preflight;

pub use self::builder::{Anonymous, CorsBuilder, Trusted};
#[cfg(doc)]
use self::policy::Cors;
#[cfg(doc)]
use crate::wire::ConfigError;
pub use crate::wire::field::Origin;
