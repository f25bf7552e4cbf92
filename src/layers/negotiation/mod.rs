//! Finds the media type or the language that a client prefers: proactive negotiation, RFC 9110, section
//! 12.1.
//!
//! 1. [`with_media_types`](crate::with_media_types) compares `Accept` with the types that a handler can answer
//!    in. The most specific range that matches a type gives its weight: `text/csv;header=present`, then
//!    `text/csv`, `text/*`, `*/*`. The type with the highest weight is chosen, and among equals, the
//!    one that the server lists first. A parameter that a type does not have is ignored, so
//!    `application/json; charset=utf-8` finds `application/json`, unless another type has it.
//! 2. [`with_languages`](crate::with_languages) compares `Accept-Language` with the available
//!    languages: lookup (RFC 4647, section 3.4), so `de-CH` finds `de`; what it does not find is
//!    filtered (section 3.3.1), so `en` finds `en-GB`.
//! 3. A client without the field gets the first of the list.
//! 4. So does one that accepts none of them, because an answer that it did not ask for is often better than
//!    none (RFC 9110, section 12.5.1). If the policy is [strict](crate::MediaTypes::strict), it gets a 406.
//! 5. A weight of 0 rules out a type or a language, even if `*` would match it.
//! 6. Malformed elements of the fields are ignored, and so are those after the 64th.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, header};
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use wythe::{
//!     AcceptedLanguage, AcceptedMediaType, Languages, MediaTypes, compose, with_languages,
//!     with_media_types,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn report(media_type: AcceptedMediaType, language: AcceptedLanguage) -> String {
//!     match (media_type.as_str(), language.as_str()) {
//!         ("text/csv", "de") => "Name;Betrag".to_owned(),
//!         ("text/csv", _) => "name,amount".to_owned(),
//!         _ => "{}".to_owned(),
//!     }
//! }
//!
//! let stack = compose((
//!     with_media_types(MediaTypes::list(["application/json", "text/csv"])?.strict()),
//!     with_languages(Languages::list(["en", "de"])?),
//! ));
//! let app: Router = Router::new().route("/report", get(stack.handler(report)));
//!
//! let ask = async |accept: &str, language: &str| {
//!     let request = Request::get("/report")
//!         .header(header::ACCEPT, accept)
//!         .header(header::ACCEPT_LANGUAGE, language);
//!     let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
//!     let status = response.status().as_u16();
//!     (status, response.into_body().collect().await.unwrap().to_bytes())
//! };
//! assert_eq!(ask("text/*, application/json;q=0.9", "de-CH, en;q=0.5").await, (200, "Name;Betrag".into()));
//! assert_eq!(ask("*/*", "fr").await, (200, "{}".into()));
//! assert_eq!(ask("image/png", "en").await.0, 406);
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | reason | members |
//! |---|---|---|---|
//! | 406 | the client accepts none of the media types, and the policy is strict | `not_acceptable` | `supported_media_types` |
//! | 406 | the client accepts none of the languages, and the policy is strict | `not_acceptable` | `supported_languages` |
//! | the handler's | otherwise | | |
//!
//! Every response has `Accept`, or `Accept-Language`, in `Vary`, so that a cache does not serve the choice of
//! one client to another. The handler sets `Content-Type` and `Content-Language`.
//!
//! # Order
//!
//! Stage [`Validate`](crate::stage::Validate): what the client wants is an input of the handler. Refusals from
//! further out are not negotiated; problems can be
//! [pages for browsers](crate::presentation).
//!
//! # Security
//!
//! The choice is always an element of the list, never text from the client. The time is bounded by 64
//! elements for each field and the length of the list.
//!
//! # Compared with
//!
//! `negotiator` of Express sorts by the weights as well, and matches languages by their prefixes. axum
//! has no negotiation, and the crate `headers` has no `Accept`.

pub(crate) mod languages;
pub(crate) mod media_types;
