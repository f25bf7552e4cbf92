//! Parses a body or a query into a type, validates it, and passes it to the handler as [`Valid`].
//!
//! ```text
//! Content-Type -> size -> syntax -> type (serde) -> rules (garde) -> Valid<Json<NewUser>>
//!     415          413     400         422             422
//! ```
//!
//! A body passes if all of these hold:
//!
//! 1. It has no content coding: no `Content-Encoding` other than `identity`.
//! 2. Its `Content-Type` matches the input: `application/json` or any `application/*+json` for
//!    [`Json`], `application/x-www-form-urlencoded` for [`Form`], either for [`JsonOrForm`]. A
//!    `charset` must be UTF-8.
//! 3. It has at most 1 MiB (1,048,576 bytes by default, see
//!    [`max_body_bytes`](Validation::max_body_bytes)), by `Content-Length` and on the stream:
//!    reading stops at the first frame that exceeds the limit. A client that sends
//!    `Expect: 100-continue` never sends a body that 1, 2 or its `Content-Length` rule out.
//! 4. It is UTF-8, and well-formed.
//! 5. serde can deserialize it into a `T`, and it satisfies the [garde] rules of `T`.
//!
//! Rules 4 and 5 also apply to a [`Query`]. An empty query is an input like any other.
//!
//! The body stays in the request: the handler can still read it. Trailers are lost.
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
//! The body of the second response:
//!
//! ```json
//! {
//!   "type": "about:blank",
//!   "title": "Unprocessable Entity",
//!   "status": 422,
//!   "detail": "The request is well-formed but its content is invalid.",
//!   "error_count": 1,
//!   "errors": [{"code": "length", "detail": "length is lower than 2", "in": "body", "pointer": "#/name"}]
//! }
//! ```
//!
//! The derive macro is garde's: `cargo add garde --features derive`.
//!
//! # Responses
//!
//! | status | when | members and fields |
//! |---|---|---|
//! | 400 | no body, or a body that ends early | |
//! | 400 | not JSON, not UTF-8, or a `T` nested more than 127 levels deep | `line`, `column` (in bytes) |
//! | 400 | a form or query with an invalid `%` escape, or not UTF-8 | `byte` |
//! | 413 | more bytes than the limit | `max_body_bytes` |
//! | 415 | another `Content-Type` or charset, none, or two | field `Accept` |
//! | 415 | a `Content-Encoding` | field `Accept-Encoding: identity` |
//! | 422 | not a `T` (wrong type, missing field, repeated field) | `errors` (one), `error_count`; for JSON also `line`, `column` |
//! | 422 | the rules of `T` are violated | `errors` (at most 32 by default), `error_count` (all of them) |
//!
//! All are [`Problem`](crate::Problem)s. Each element of `errors` has a `code`, a `detail` and a
//! location: for JSON a `pointer` ([RFC 6901], as a URI fragment); for a form or a query a `parameter`,
//! and the `index` of a repeated one.
//!
//! The `code` is the rule that is broken, for programs: the name of garde's rule (`length`, `range`,
//! `pattern`, `email`, ..), `custom` for a rule of your own, or what keeps the value from being read
//! (`type`, `value`, `missing_field`, `unknown_field`, `duplicate_field`, `unknown_variant`, and
//! `invalid` for a `Deserialize` of your own). It stays the same when the `detail` is rewritten.
//!
//! An invalid query is answered with 422 too: wherever the input is, 400 means that it can't be
//! parsed, and 422 that it can be parsed but is invalid.
//!
//! # Names
//!
//! serde reports the names that the client uses, but garde the names in Rust. The client's names
//! are looked up in the input: names that differ only in case, `_` and `-` (`rename_all`), newtypes,
//! and the tags of enums. Names that the client did not send, fields with a different name in serde,
//! and flattened structs can't be looked up; they are reported as they are in Rust.
//!
//! # Repeated names
//!
//! A repeated key of a form or a query becomes a `Vec`; where a single value is expected, it is
//! rejected. A repeated field of a struct is rejected in JSON too; of a repeated key of a map, the
//! last value is used.
//!
//! # Order
//!
//! Stage [`Validate`](crate::stage::Validate): inside everything that decides who may send the
//! request, so that the bodies of others are never read. A stack may have two, for example for
//! [`Query`] and [`Json`].
//!
//! # Security
//!
//! - A missing or wrong `Content-Type` is rejected because a page of another origin can send such
//!   a body without a preflight.
//! - Nothing is read beyond the limit, no memory is allocated for what a client only announces,
//!   and nesting can't overflow the stack. Use a timeout layer to limit how long a body may take.
//! - Quotes of the input in a refusal are cut: messages to about 200 characters, pointers to 1024
//!   bytes.
//! - A value of the wrong type is quoted in the refusal, in the words of `serde`: "invalid type:
//!   integer `3`, expected a string". The client gets back what it has sent. The log has the fields
//!   and the rules that they break (`#/age (type), #/name (length)`), and no values.
//! - The `Deserialize` that serde derives for a struct also accepts a JSON array, with its items in
//!   the order of the fields. The rules apply to both.
//! - garde checks everything before the request is answered: a rule for the length of a list does
//!   not keep it from checking the items, and it records every error, listed or not. A list of
//!   350,000 invalid items fits into 1 MiB; rejecting it took 0.1 s and 70 MB. If a type has lists,
//!   keep the body limit as low as possible.
//! - garde's `email` rule is a regular expression, which is slow unless `regex` has its default
//!   features; [`email`] is the same rule written by hand.
//!
//! # Compared with
//!
//! - `axum::Json` always parses with `serde_path_to_error`; this layer parses plainly, and only an
//!   input that fails a second time. `axum::Json` answers in plain text, and its default limit is
//!   2 MB.
//! - `axum-valid` selects its status and format by Cargo features of the whole build.
//! - Next.js also parses 1 MB by content type, but leaves the schema to the handler.
//!
//! [RFC 6901]: https://www.rfc-editor.org/rfc/rfc6901

mod body;
mod check;
mod email;
mod errors;
mod field_path;
pub(crate) mod input;
mod params;
mod parse;
pub(crate) mod policy;
mod trace;

pub use self::{
    check::FieldErrors,
    email::email,
    errors::{FieldError, rule_error},
    input::{Format, InputSet, ReadAs, WithRules, WithoutRules},
};

/// All codes of errors, A to Z.
#[cfg(feature = "openapi")]
pub(crate) fn error_codes() -> impl Iterator<Item = &'static str> {
    let rules = errors::RULES.iter().chain(&parse::RULES);
    let named = rules.map(|(_, code)| *code);
    let codes: std::collections::BTreeSet<_> =
        named.chain([errors::CUSTOM, parse::INVALID]).collect();
    codes.into_iter()
}
#[cfg(doc)]
use self::{
    input::{Form, Json, JsonOrForm, Query, Valid},
    policy::Validation,
};
