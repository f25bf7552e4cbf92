//! Finds out which version of an API a request is for, and answers clients that name none, or one that is
//! not supported.
//!
//! 1. The request names the version in a segment of the path
//!    ([`by_path`](crate::Versions::by_path)), in a header field
//!    ([`by_field`](crate::Versions::by_field)), or in a media type
//!    ([`by_media_type`](crate::Versions::by_media_type)).
//! 2. If it names none, it is for the [default version](crate::Versions::default_version), if there is one.
//! 3. Handlers take the version as an argument: [`ApiVersion`].
//! 4. `OPTIONS` is about all versions, so it is never rejected: without a version, it is for the newest.
//!
//! # Example: one route in two versions
//!
//! In an `Api`, `Handled::in_versions` says which versions a handler is for. The `Api` calls the
//! handler of the version, and `Api::openapi_of` is the document of one version.
//!
//! ```
//! # #[cfg(feature = "api")] {
//! use axum::body::Body;
//! use http::Request;
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use wythe::{Api, Versions, compose, with_version};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let versions = Versions::by_field("api-version", ["1", "2"])?.default_version("1")?;
//! let plain = compose(());
//! let service = Api::<()>::new("Hello", "2")
//!     .around(compose(with_version(versions)))
//!     .get("/hello", plain.handler(async || "Hello!").in_versions(["1"]))
//!     .get("/hello", plain.handler(async || "Hello, world!").in_versions(["2"]))
//!     .service(())?;
//!
//! let ask = async |version: &str| {
//!     let request = Request::get("/hello").header("api-version", version);
//!     let Ok(response) = service.clone().oneshot(request.body(Body::empty()).unwrap()).await;
//!     let status = response.status().as_u16();
//!     (status, response.into_body().collect().await.unwrap().to_bytes())
//! };
//! assert_eq!(ask("2").await, (200, "Hello, world!".into()));
//! assert_eq!(ask("1").await, (200, "Hello!".into()));
//! assert_eq!(ask("3").await.0, 400);
//! # Ok(())
//! # }
//! # main().unwrap();
//! # }
//! ```
//!
//! # Example: versions in the path
//!
//! ```
//! # #[cfg(feature = "api")] {
//! use wythe::{Api, ApiVersion, FinishedApi, Versions, compose, with_version};
//!
//! fn hello() -> Result<FinishedApi<()>, wythe::ConfigError> {
//!     let versions = with_version(Versions::by_path("/api", ["v1", "v2"])?);
//!     let handler = async |version: ApiVersion| format!("Hello from {}", version.as_str());
//!     let stack = compose(versions);
//!     Ok(Api::new("Hello", "1")
//!         .get("/api/v1/hello", stack.handler(handler))
//!         .get("/api/v2/hello", stack.handler(handler))
//!         .finish())
//! }
//! # hello().unwrap().service(()).unwrap();
//! # }
//! ```
//!
//! # Media types
//!
//! `application/vnd.example.v2+json`, `application/vnd.example+json;version=2` and
//! `application/json;version=2` name version 2. In `Accept`, the highest weight decides, and then the order
//! (RFC 9110, section 12.5.1). A `Content-Type` that names a version has to name one of those that `Accept`
//! prefers. Types of other APIs, and ranges such as `*/*`, name no version. The handler sets the
//! `Content-Type` of its response.
//!
//! # Responses
//!
//! | status | when | reason | fields and members |
//! |---|---|---|---|
//! | 400 | the field or the media type is missing, and there is no default | `no_version` | `supported_versions` |
//! | 400 | the version in the field is not supported | `unknown_version` | `supported_versions` |
//! | 400 | the field is repeated; `Accept` and `Content-Type` name different versions | `several_versions` | `supported_versions` |
//! | 404 | the path has no version, or one that is not supported | `unknown_version` | `supported_versions` |
//! | 406 | `Accept` names only versions that are not supported | `unknown_version` | `supported_versions` (RFC 9110, section 15.5.7) |
//! | 415 | `Content-Type` names a version that is not supported | `unknown_version` | `Accept`, `supported_versions` (section 15.5.16) |
//! | the handler's | otherwise | | |
//!
//! With a field or media types, every response has the field, or `Accept`, in `Vary`, so that a cache does
//! not serve one version to clients of another.
//!
//! In an `Api`, a path that has no handler for the version is answered with 404.
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit): inside CORS, so that a page can read the refusals, and outside
//! everything that may differ by version. For `Handled::in_versions`, put it around
//! the `Api`, so that it is also around the answers of the `Api` itself.
//!
//! # Security
//!
//! An old version is as reachable as a new one: it needs the same authentication and limits. The name of a
//! version has at most 32 letters, digits, `.`, `_` and `-`, and is compared with the list; what a client
//! sends is neither stored nor repeated in an answer.
//!
//! A request costs one allocation: the place of the [`ApiVersion`] in the extensions.
//!
//! # Compared with
//!
//! ASP.NET API Versioning answers 400 to unknown versions in a field or a query, 404 in a path, and 406 and
//! 415 for media types, as this layer does.
//!
//! [`ApiVersion`]: crate::ApiVersion

pub(crate) mod policy;
