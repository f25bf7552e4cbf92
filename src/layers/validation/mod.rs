//! Parses parts of a request into types, validates them, and passes them to the handler as [`Valid`].
//!
//! ```text
//! Content-Type -> size -> syntax -> type (serde) -> rules (garde) -> Valid<Json<NewUser>>
//!     415          413     400         422             422
//! ```
//!
//! | input | part of the request |
//! |---|---|
//! | [`Json`] | a body of `application/json`, or of any `application/*+json` |
//! | [`Form`] | a body of `application/x-www-form-urlencoded` |
//! | [`JsonOrForm`] | either, by its content type |
//! | [`Text`] | a body of `text/plain` |
//! | [`Binary`] | a body of any content type, or of those that [`media_types`](Validation::media_types) lists |
//! | [`Query`] | the query of the URI |
//! | [`Path`](crate::Path) | the parameters of the route |
//! | [`Header`] | header fields |
//! | [`Cookie`] | cookies |
//!
//! A tuple of up to six inputs is read at once: `with_validation::<(Path<Id>, Query<Page>,
//! Json<NewUser>)>()`. The handler gets each as a [`Valid`], and a client gets one list of errors. An
//! `Option` of an input is `None` if the request has no body, an empty query or no cookies.
//! [`with_parsing`](crate::with_parsing) reads inputs without rules, as [`Parsed`](crate::Parsed).
//!
//! A body passes if all of these hold:
//!
//! 1. It has no content coding: no `Content-Encoding` other than `identity`.
//! 2. Its `Content-Type` matches the input. A `charset` must be UTF-8.
//! 3. It has at most 1 MiB (1,048,576 bytes by default, see
//!    [`max_body_bytes`](Validation::max_body_bytes)), by `Content-Length` and on the stream:
//!    reading stops at the first frame that exceeds the limit. A client that sends
//!    `Expect: 100-continue` never sends a body that 1, 2 or its `Content-Length` rule out.
//! 4. It is UTF-8 (except for [`Binary`]), well-formed, and has at most 100,000 values (see
//!    [`max_values`](Validation::max_values)).
//! 5. serde can deserialize it into a `T`, and it satisfies the [garde] rules of `T`.
//! 6. The [check](Validation::check) of the application finds nothing wrong, if there is one.
//!
//! Rules 5 and 6 apply to all inputs. An empty query is an input like any other.
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
//!   "title": "Unprocessable Content",
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
//! | 400 | a form or query with an invalid `%` escape, or not UTF-8; a path that is not UTF-8 | `byte` |
//! | 408 | the body is slower than a [`BodyLimit`](crate::BodyLimit) further out allows | |
//! | 413 | more bytes than the limit | `max_body_bytes` |
//! | 413 | more values in the body than the limit | `max_values` |
//! | 414 | more values in the query than the limit | `max_values` |
//! | 415 | another `Content-Type` or charset, none, or two | field `Accept` |
//! | 415 | a `Content-Encoding` | field `Accept-Encoding: identity` |
//! | 422 | an input is not a `T` (wrong type, missing field, repeated field) | `errors`, `error_count`; for a single error in JSON also `line`, `column` |
//! | 422 | the rules of `T` are violated, or the check finds errors | `errors` (at most 32 by default, and about 8 KiB), `error_count` (all of them) |
//! | 500 | the parameters of the route do not fit the type of a [`Path`](crate::Path) | |
//!
//! All are [`Problem`](crate::Problem)s. Each element of `errors` has a `code`, a `detail` and a
//! location: `in` is the part of the request (`body`, `query`, `path`, `header` or `cookie`), with a
//! `pointer` for JSON ([RFC 6901], as a URI fragment), and a `name` for any other input: of the
//! parameter, the header field, or the cookie, with the `index` of a repeated one.
//!
//! The `code` is the rule that is broken, for programs: the name of garde's rule (`length`, `range`,
//! `pattern`, `email`, ..), `custom` or the code of a [`rule_error`] for a rule of your own, or what
//! keeps the value from being read (`type`, `value`, `missing_field`, `unknown_field`,
//! `duplicate_field`, `unknown_variant`, `conflict` and `depth` of nested keys, and `invalid` for a
//! `Deserialize` of your own). It stays the same when the `detail` is rewritten, in the crate or by
//! [`texts`](Validation::texts).
//!
//! Wherever an input is, 400 means that it can't be parsed, and 422 that it can be parsed but is
//! invalid. An input that can't be parsed is reported alone; all other errors are in one list.
//!
//! # Texts
//!
//! Values of forms, queries, paths, header fields and cookies are texts, and become what the type asks
//! for:
//!
//! - A number is written as in JSON (`5`, `-1`, `0.5`; not `+5`, `inf`, `5.0` for an integer), except
//!   that it may begin with zeros. A boolean is `true`, `false`, or `on` (a checkbox).
//! - An empty text is `None` for an `Option` of a number or a boolean, and a text otherwise.
//! - A repeated name becomes a `Vec`; where a single value is expected, it is rejected. A list in a header
//!   field is separated by commas, or in several lines.
//! - serde does not know the types in a `#[serde(flatten)]` struct or an untagged enum before it has read
//!   all texts. If the type then asks for a number, the texts are read again with that one as a number: up
//!   to 64 times, once for each such parameter, and fewer times with more than 1,024 parameters. A text
//!   that the type takes as a text stays a text.
//! - Keys with brackets are plain names, unless [`nested_keys`](Validation::nested_keys) is set. A key such
//!   as `tags[]` is rejected if `tags` is a field, so that it is not silently lost.
//! - A form or a query whose names are not known is a `Vec<(String, String)>`: all pairs, those of a
//!   repeated name together, where the first of them was. A map keeps one of them or, as a
//!   `HashMap<String, Vec<String>>`, all.
//! - A field `x_client` of a [`Header`] is the field `X-Client`.
//! - A header field or a cookie that is not UTF-8 is rejected if the type has a field for it.
//!
//! # JSON
//!
//! | body | |
//! |---|---|
//! | empty, or only white space | 400; `None` for an `Option` if it is empty |
//! | begins with a byte order mark | 400 (RFC 8259, section 8.1) |
//! | anything after the value | 400 |
//! | a `charset` other than UTF-8 | 415 |
//! | `application/problem+json`, `application/vnd.api+json` | accepted, unless `media_types` says otherwise |
//! | a field of a struct twice | 422, `duplicate_field` |
//! | a key of a map twice | the last one counts |
//! | `89.0` for an integer | 89 |
//! | a number that its type can't hold | 422, `value` |
//! | a number that no `f64` can hold: `1e400` | 400 |
//! | nested more than 127 levels deep | 400; what no field takes may be deeper |
//! | names that no field has | ignored; 422 with [`reject_unknown_names`](Validation::reject_unknown_names) |
//! | `null` for an `Option` | `None` |
//! | an array for a struct | accepted, in the order of the fields: serde's derive does so |
//!
//! # Names
//!
//! A client sees only its own names. serde reports them by itself, but garde reports names in Rust, so
//! these are looked up in what the client has sent, in this order:
//!
//! 1. names that differ only in case, `_` and `-` (`rename_all`); newtypes, the tags of enums, and their
//!    content are followed;
//! 2. the names that serde reads: for a field that the client has not sent, or has sent under an `alias`;
//! 3. members of a flattened struct;
//! 4. for a field with another name (`rename = ".."`), the only value that can break the rule: a text
//!    that is too short, a number that is too large. Of several such values, it is the one whose change
//!    fixes the error: they are replaced one after another by values that satisfy most rules, and the
//!    input is read and checked again.
//!
//! A field that is not found is reported at its parent. This happens to a renamed field whose rule none
//! of these values satisfies, such as a pattern or a rule of your own, if other values may break that
//! rule too. Declare its name with [`field_name`](Validation::field_name), or give it a name in Rust
//! that differs only in case from that of the client.
//!
//! The lookup reads the body once more, and steps 2 to 4 deserialize it a second time; step 4 may do so
//! 64 times, as long as that is no more than 4 MiB of input and all errors are listed. Only requests
//! that are rejected pay for it.
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
//!   and nesting can't overflow the stack. [`with_body_limit`](crate::with_body_limit) limits how long a
//!   body may take.
//! - Quotes of the input in a refusal are cut: messages to about 240 characters, pointers to 1024
//!   bytes, and the whole list to about 8 KiB and one more error.
//! - A value of the wrong type is quoted in the refusal, in the words of `serde`: "invalid type:
//!   integer `3`, expected a string". The client gets back what it has sent. The log has the fields
//!   and the rules that they break (`#/age (type), #/name (length)`), and no values.
//! - The `Deserialize` that serde derives for a struct also accepts a JSON array, with its items in
//!   the order of the fields. The rules apply to both.
//! - garde checks everything before the request is answered: a rule for the length of a list does
//!   not keep it from checking the items, and it records every error, listed or not. The limit of
//!   [`max_values`](Validation::max_values) bounds that: 49,000 invalid items of a recursive type, as many
//!   as fit into 100,000 values, took 12 MB while they were rejected. If a type has lists, keep both limits
//!   as low as possible.
//! - serde copies the input of an untagged enum at each level of nesting. 180 KB of 90,000 numbers inside 60
//!   levels of a recursive untagged enum took 180 MB, valid or not: give such a type a low `max_values`, or
//!   a tag.
//! - Names and types of Rust, which messages of serde contain, are not sent: `expected u8` becomes
//!   `expected an integer from 0 to 255`. Texts of an `expecting` attribute and of your own `Deserialize`
//!   are sent unchanged.
//! - garde's `email` rule is a regular expression, which is slow unless `regex` has its default
//!   features; [`email`] is the same rule written by hand.
//!
//! # Compared with
//!
//! - `axum::Json` always parses with `serde_path_to_error`; this layer parses plainly, and tracks the
//!   path only when it parses a failed input for a second time. `axum::Json` answers in plain text, and
//!   its default limit is 2 MB.
//! - `axum-valid` selects its status and format by Cargo features of the whole build.
//! - Next.js also parses 1 MB by content type, but leaves the schema to the handler.
//!
//! [RFC 6901]: https://www.rfc-editor.org/rfc/rfc6901

mod body;
mod check;
mod document;
mod dynamic;
mod email;
mod encoding;
mod errors;
mod field_path;
pub(crate) mod input;
mod input_set;
pub(crate) mod layer;
pub(crate) mod params;
pub(crate) mod parse;
pub(crate) mod policy;
mod reader;
mod scalar;
mod trace;
mod wording;

pub use self::{
    check::FieldErrors,
    email::email,
    encoding::Format,
    errors::{FieldError, rule_error},
    input::{ReadAs, ReadMode, WithRules, WithoutRules},
    input_set::{InputSet, ProvidedInputs},
};

/// All codes of errors, in alphabetical order.
#[cfg(feature = "openapi")]
pub(crate) fn error_codes() -> impl Iterator<Item = &'static str> {
    let rules = errors::RULES.iter().chain(&wording::RULES);
    let named = rules.map(|(_, code)| *code);
    let codes: std::collections::BTreeSet<_> =
        named.chain([errors::CUSTOM, wording::INVALID]).collect();
    codes.into_iter()
}
#[cfg(doc)]
use self::{
    input::{Binary, Cookie, Form, Header, Json, JsonOrForm, Query, Text, Valid},
    policy::Validation,
};
