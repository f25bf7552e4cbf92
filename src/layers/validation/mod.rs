//! Reads a body or a query into a type, validates it, and hands it to the handler as [`Valid`].
//!
//! ```text
//! Content-Type -> size -> syntax -> type (serde) -> rules (garde) -> Valid<Json<NewUser>>
//!     415          413     400         422             422
//! ```
//!
//! A body passes if all of these hold:
//!
//! 1. It is not compressed: no `Content-Encoding` but `identity`.
//! 2. Its `Content-Type` is the input's: `application/json` or any `application/*+json` for
//!    [`Json`], `application/x-www-form-urlencoded` for [`Form`], one of both for [`JsonOrForm`].
//!    If there is a `charset`, it is UTF-8.
//! 3. It has at most 1 MiB (1,048,576 bytes, unless [`max_body_bytes`](Validation::max_body_bytes)
//!    says otherwise), by `Content-Length` and on the stream: reading stops at the first frame that
//!    goes over. A client that asks first (`Expect: 100-continue`) never sends what 1, 2 or its
//!    `Content-Length` refuse.
//! 4. It is UTF-8, and well-formed.
//! 5. It is a `T`, by serde, and keeps the rules of `T`, by [garde].
//!
//! A [`Query`] must hold to 4 and 5. An empty query is an input like any other.
//!
//! What was read stays in the request: the handler may still ask for the raw body. (Trailers are
//! gone.)
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceExt, service_fn};
//! use wythe::{Json, Provided, Valid, compose, with_validation};
//!
//! #[derive(serde::Deserialize, garde::Validate)]
//! struct NewUser {
//!     #[garde(length(chars, min = 2, max = 50))]
//!     name: String,
//!     #[garde(custom(wythe::validation::email))]
//!     email: String,
//!     #[garde(range(min = 18, max = 120))]
//!     age: Option<u8>,
//! }
//!
//! async fn create(mut request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, String> {
//!     let user = Valid::<Json<NewUser>>::from_extensions(request.extensions_mut());
//!     let user = user.ok_or("with_validation is not in the stack")?;
//!     Ok(Response::new(Full::from(format!("Hello, {}!", user.name))))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stack = compose((with_validation::<Json<NewUser>>().max_body_bytes(64 * 1024),));
//! let post = |body: &'static str| {
//!     Request::post("/users")
//!         .header("content-type", "application/json")
//!         .body(Full::from(body))
//! };
//!
//! let request = post(r#"{"name": "Ada", "email": "ada@example.com"}"#)?;
//! let response = stack.service(service_fn(create)).oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let request = post(r#"{"name": "A", "email": "ada@example.com"}"#)?;
//! let response = stack.service(service_fn(create)).oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
//! # Ok(())
//! # }
//! ```
//!
//! The second client reads:
//!
//! ```json
//! {
//!   "type": "about:blank",
//!   "title": "Unprocessable Entity",
//!   "status": 422,
//!   "detail": "The request can be read, but what it says is not valid.",
//!   "error_count": 1,
//!   "errors": [{"detail": "length is lower than 2", "pointer": "#/name"}]
//! }
//! ```
//!
//! The derive is garde's own: `cargo add garde --features derive`.
//!
//! # Responses
//!
//! | status | when | beside `detail` |
//! |---|---|---|
//! | 400 | no body, or one that breaks off | |
//! | 400 | not JSON, not UTF-8, or a `T` nested more than 127 deep | `line`, `column` (in bytes) |
//! | 400 | a form or query with a broken `%` escape, or not UTF-8 | `byte` |
//! | 413 | more bytes than the limit | `max_body_bytes` |
//! | 415 | another `Content-Type` or charset; none; two | field `Accept` |
//! | 415 | a `Content-Encoding` | field `Accept-Encoding: identity` |
//! | 422 | not a `T` (wrong type, missing field, repeated field) | `errors` (one), `error_count`, in JSON `line`, `column` |
//! | 422 | against the rules of `T` | `errors` (at most 32 unless told), `error_count` (all of them) |
//!
//! All are [`Problem`](crate::Problem)s. Each of `errors` has a `detail`, and says where: in JSON a
//! `pointer` ([RFC 6901], as a URI fragment); in a form or a query a `parameter`, and the `index` of
//! a repeated one.
//!
//! A query that is not valid is answered with 422 too: 400 says "this can't be read" and 422
//! "this was read, and is not valid", wherever the input stands.
//!
//! # Names
//!
//! serde reports the names that the client knows; garde knows the names in Rust. The client's are
//! found in what it sent: names that differ in case, `_` and `-` only (`rename_all`), newtypes, and
//! the tags of enums. What the client did not send, a field renamed to another word and a flattened
//! struct can't be found; these have their names in Rust.
//!
//! # Repeated names
//!
//! A repeated key of a form or a query goes into a `Vec`; where one value is expected, it is
//! refused. A repeated field of a struct is refused in JSON too; of a repeated key of a map, the
//! last one counts.
//!
//! # Order
//!
//! Stage [`Validate`](crate::stage::Validate): inside everything that decides who may ask, so that
//! only their bodies are read. A stack may hold two, for [`Query`] and [`Json`] say.
//!
//! # Security
//!
//! - A missing or wrong `Content-Type` is refused because a page of another origin can send such
//!   a body without a preflight.
//! - Nothing is read beyond the limit, no memory is set aside for what a client only announces,
//!   and nesting can't overflow the stack. How long a body may take is for a timeout layer to say.
//! - What a refusal repeats of what the client sent is cut: texts to some 200 characters, pointers
//!   to 1024 bytes.
//! - A wrong value is quoted in the refusal, and so in the log at level `DEBUG`, as `serde` words
//!   it: "invalid type: integer `3`, expected a string". A field that holds a secret should be
//!   read by a type that does not quote.
//! - What `serde` derives for a struct reads a JSON array as well, its items in the order of the
//!   fields. The rules hold for both.
//! - garde checks everything before anything is answered: a rule for the length of a list does not
//!   keep it from looking at the items, and it notes every error, listed or not. A list of 350,000
//!   wrong items fits into 1 MiB; to refuse it took 0.1 s and 70 MB. Where a type has lists, keep
//!   the limit of the body near what is needed.
//! - garde's `email` rule is a regular expression, slow unless `regex` has its default features;
//!   [`email`] is that rule by hand.
//!
//! # Compared with
//!
//! - `axum::Json` parses with `serde_path_to_error` always; this parses plainly, and only what
//!   failed once more. It answers in plain text, and takes 2 MB unless told.
//! - `axum-valid` chooses its status and format by Cargo features of the whole build.
//! - Next.js parses 1 MB by content type too; the schema is then the handler's business.
//!
//! [RFC 6901]: https://www.rfc-editor.org/rfc/rfc6901

mod body;
mod content_type;
mod email;
mod errors;
mod input;
mod json;
mod middleware;
mod names;
mod options;
mod pairs;
mod parse;
mod policy;
mod refusal;
mod valid;

pub use email::email;
pub use input::{Form, Format, Input, Json, JsonOrForm, Query};
pub use policy::{Validation, with_validation};
pub use valid::Valid;
