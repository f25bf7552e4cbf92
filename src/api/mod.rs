//! Takes routes with their stacks and handlers, and answers for all of them: [`Api`].
//!
//! 1. A route whose stack does not provide what the `Api` demands does not compile, unless it is added
//!    through [`Api::public`], with a reason.
//! 2. Mistakes in the routes are found [when the `Api` is built](Finding), all at once.
//! 3. The `Api` answers preflights, `OPTIONS`, `HEAD`, 404, 405 and 501 itself, inside the layers
//!    [around](Api::around) it.
//! 4. [`Api::audit`] lists who may call what, within which limits.
//!
//! # Example
//!
//! ```
//! use axum::body::Body;
//! use http::Request;
//! use serde::Deserialize;
//! use tower::ServiceExt;
//! use wythe::{
//!     Api, Auth, CacheControl, Cors, Jwt, Path, compose, with_auth, with_cache_control, with_cors,
//! };
//!
//! #[derive(Clone, Deserialize)]
//! struct Claims {
//!     sub: String,
//! }
//!
//! async fn order(Auth(claims): Auth<Claims>, Path(id): Path<u64>) -> String {
//!     format!("order {id} of {}", claims.sub)
//! }
//!
//! async fn health() -> &'static str {
//!     "ok"
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
//! let jwt = jwt.issuer("https://id.example.com").audience("api");
//! let no_store = with_cache_control(CacheControl::no_store());
//! let private = compose((with_auth(jwt), no_store.clone()));
//!
//! let api = Api::<Auth<Claims>>::new("Orders", "1.0.0")
//!     .around(compose(with_cors(Cors::origins(["https://app.example.com"])?)))
//!     .get("/orders/{id}", private.handler(order))
//!     .public("probes have no credentials", |open| {
//!         open.get("/health", compose(no_store).handler(health))
//!     });
//! println!("{}", api.audit());
//! let service = api.service(())?;
//!
//! let ask = |path: &str| service.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
//! assert_eq!(ask("/health").await?.status(), 200);
//! assert_eq!(ask("/orders/7").await?.status(), 401);
//! assert_eq!(ask("/order/7").await?.status(), 404);
//! # Ok(())
//! # }
//! ```
//!
//! A route that anybody could call by mistake does not compile:
//!
//! ```compile_fail,E0277
//! # use serde::Deserialize;
//! # use wythe::{Api, Auth, compose};
//! # #[derive(Clone, Deserialize)]
//! # struct Claims {}
//! # async fn report() -> &'static str { "a report" }
//! let api = Api::<Auth<Claims>>::new("Orders", "1.0.0")
//!     .get("/report", compose(()).handler(report));
//! ```
//!
//! # Around what
//!
//! | | [`around`](Api::around) | [`guard`](Api::guard) |
//! |---|---|---|
//! | routes that are added to this `Api` | yes | yes |
//! | [public](Api::public) routes | yes | no |
//! | routes of a [nested](Api::nest) `Api` | yes, outside its own | no: it has its own |
//! | preflights, `OPTIONS`, 404, 405, 501 | yes | no |
//!
//! They are the outer parts of the stack of each route. The compiler checks the order over all parts.
//! The stack of a route uses [`assume`](crate::assume) to name what it takes from outside, and the
//! `Api` proves that it is there; an assumption never meets the demand of the `Api`.
//!
//! # Paths
//!
//! The routes are matched on the path as it was sent: nothing is decoded, removed or joined beforehand.
//!
//! | in the path of a request | |
//! |---|---|
//! | `%41`, even for an unreserved character | another path than `A`; decoded in the value of a parameter |
//! | `%2F` | part of a value, never a separator |
//! | `//`, an empty segment | a segment like others: `/a//b` is not `/a/b`; a parameter at the end of a route is never empty |
//! | `.`, `..` | segments like others: clients resolve them (RFC 3986, section 5.2.4), servers need not |
//! | a slash at the end | another path, 404; see [`Api::trailing_slash`] |
//!
//! # Security
//!
//! A parameter can contain `..` and `/` once it is decoded. Do not join it to the path of a file.
//!
//! # What a parameter of the path costs
//!
//! [`Path`](crate::Path) of this crate is read from the match. axum's `Path` and other extractors that
//! read what axum's router leaves in a request work too: the request goes through a router of axum
//! with this one route, which costs about as much as the rest of an empty route. A handler that takes
//! only what its layers and the route provide, and extractors of axum that never read the path, such as
//! `State`, `Json` and `Query`, does not pay for it; for extractors of other crates, see
//! [`Handled::direct`](crate::Handled::direct).
//!
//! # Responses
//!
//! | status | when | fields |
//! |---|---|---|
//! | 204 | `OPTIONS`, unless the path has a route for it | `Allow` |
//! | 204 | `OPTIONS *`, unless there is a fallback | |
//! | 308 | the path differs by a slash at the end, with [`TrailingSlash::Redirect`] | `Location` |
//! | 404 | no route has the path, and there is no fallback | `application/problem+json` |
//! | 405 | the path has no route for the method | `Allow`; `application/problem+json` |
//! | 501 | the method is not known, and the path has no route for it | `application/problem+json` |
//!
//! `HEAD` is answered by the route of `GET`, without the content.
//!
//! # Compared with
//!
//! axum's `Router` gives the same answers to requests that have a route, and answers others in its own
//! words, outside the layers of any route. [`Api::router`] turns an `Api` into such a router, to be
//! merged or nested.

mod audit;
pub(crate) mod builder;
mod check;
#[cfg(feature = "docs-page")]
mod docs_page;
pub(crate) mod documentation;
mod finding;
#[cfg(any(feature = "docs-page", feature = "openapi"))]
mod html;
pub(crate) mod mount;
#[cfg(feature = "openapi")]
pub mod openapi;
pub(crate) mod path;
pub(crate) mod proof;
mod public;
mod route;
pub(crate) mod routes;
#[cfg(feature = "server")]
mod serve;
mod service;

#[cfg(doc)]
use self::builder::Api;
#[cfg(feature = "docs-page")]
pub use self::docs_page::DocsPage;
#[cfg(feature = "server")]
pub use self::serve::MakeApiService;
pub use self::{
    audit::{Audit, AuditedRoute},
    finding::Finding,
    proof::AnyOf,
    public::PublicRoutes,
    routes::TrailingSlash,
    service::{ApiFuture, ApiService, ConnectedApi},
};
pub use crate::integrations::axum::Concern;
