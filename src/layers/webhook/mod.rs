//! Verifies the events that other servers send: Stripe, GitHub, Slack, Shopify, Standard Webhooks, and
//! others.
//!
//! ```text
//! size -> fields -> timestamp -> signature -> JSON -> event (serde) -> new? -> Verified<Event>
//!  413     400        400          400        400         422        409, 200
//! ```
//!
//! An event passes if all of these conditions hold:
//!
//! 1. Its body has no content coding and is at most 1 MiB long (1,048,576 bytes by default, see
//!    [`max_body_bytes`](Webhook::max_body_bytes)), both by `Content-Length` and as received.
//! 2. Each header field of the [scheme](WebhookScheme) occurs once, and is well-formed. There are at most
//!    16 signatures; those of unknown versions are ignored.
//! 3. Its timestamp, if the scheme signs one, differs from the time of the server by at most 300 seconds,
//!    [by default](WebhookScheme::tolerance), in the past and in the future.
//! 4. One of its signatures was made with one of the [keys](WebhookScheme::or_key), over the exact
//!    bytes of the body.
//! 5. It is JSON, and serde can deserialize it into a `T`.
//!    [`with_raw_webhook`](crate::with_raw_webhook) skips this.
//! 6. It is new, if the layer handles each event [once](Webhook::once).
//!
//! Conditions 1 to 3 are checked before the body is read. The HMAC is computed while the body arrives;
//! an Ed25519 signature is verified afterwards, because it needs the whole message, which is copied.
//!
//! The body stays in the request: a parser inside can still read it. Trailers are lost. The
//! `Content-Type` is ignored: the signature says where the event comes from.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceExt, service_fn};
//! use wythe::{
//!     Provided, Verified, compose,
//!     webhook::{MemoryWebhookStore, WebhookScheme},
//!     with_webhook,
//! };
//!
//! #[derive(serde::Deserialize)]
//! struct Event {
//!     r#type: String,
//! }
//!
//! async fn handle(mut request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, String> {
//!     let event = Verified::<Event>::from_extensions(request.extensions_mut());
//!     let event = event.ok_or("with_webhook is not in the stack")?;
//!     Ok(Response::new(Full::from(format!("handled {}", event.r#type))))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scheme = WebhookScheme::stripe("whsec_32_characters_of_the_dashboard")?
//!     // The one before, until Stripe no longer uses it.
//!     .or_key("whsec_32_other_characters_of_before")?;
//! let once = MemoryWebhookStore::default();
//! let stack = compose((with_webhook::<Event>(scheme.clone()).once(once),));
//!
//! // What Stripe sends: the scheme signs as well, for tests and for senders.
//! let body = r#"{"id":"evt_1","type":"charge.succeeded"}"#;
//! let mut request = Request::post("/").body(Full::from(body))?;
//! *request.headers_mut() = scheme.sign("", std::time::SystemTime::now(), body)?;
//!
//! let service = stack.service(service_fn(handle));
//! let response = service.clone().oneshot(request.clone()).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! // The same event again: the layer answers `{"received":true}`.
//! let response = service.clone().oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(response.headers()["content-type"], "application/json");
//!
//! let forged = Request::post("/").body(Full::from(body))?;
//! let response = service.oneshot(forged).await?;
//! assert_eq!(response.status(), StatusCode::BAD_REQUEST);
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | members and fields | reason in the log |
//! |---|---|---|---|
//! | 400 | a header field is missing | | `missing_field` |
//! | 400 | a header field is malformed, or occurs twice | | `malformed_field` |
//! | 400 | the timestamp is outside the tolerance | | `too_old`, `in_future` |
//! | 400 | no signature is valid | | `signature` |
//! | 400 | not JSON | `line`, `column` | `malformed` |
//! | 400 | the body ends early | | `broken_body` |
//! | 408 | a limit outside stops a slow body | | `slow_body` |
//! | 413 | more bytes than the limit | `max_body_bytes` | `too_large` |
//! | 415 | a `Content-Encoding` | field `Accept-Encoding: identity` | `content_coding` |
//! | 422 | not a `T` | `line`, `column` | `invalid` |
//! | 200 | the event was handled before: `{"received":true}` | | |
//! | 409 | the event is being handled | | `in_progress` |
//! | 503 | the store is not available | | `unavailable` |
//!
//! All but the 200 are [`Problem`](crate::Problem)s; the last three are used only with
//! [`once`](Webhook::once). The log also has the cause, such as serde's message, which is not sent to
//! clients because it may name types.
//!
//! # Replays
//!
//! Senders send an event again if they get no 2xx in time, and an attacker who has seen an event can
//! send it again while its timestamp is valid; without a timestamp (GitHub, Shopify), forever. With
//! [`once`](Webhook::once) an event is handled once:
//!
//! - An event is identified by signed data: the `webhook-id` of Standard Webhooks, the `id` in the
//!   body of Stripe's events, the `event_id` in the body of Slack's. If there is none, it is
//!   identified by a hash of the body: two events with the same bytes count as one.
//! - It is recorded as handled after a response with a 2xx status, for [three days](Webhook::keep),
//!   or for as long as its timestamp is valid if that is longer. After a response with another status,
//!   an error, a panic, or a disconnect of the client, it counts as new, so that it can be sent again.
//! - While it is in progress, the same event is answered 409, so that the sender sends it again later.
//! - If the process is killed, it stays in progress for the [lease](Webhook::lease), 60 seconds. If
//!   the process is killed after the handler has done its work but before that was recorded, the event
//!   is handled again: a handler whose work must never be done twice has to record the id itself, in
//!   the same transaction.
//! - If the [store](WebhookStore) is not available, the event is answered 503, and not handled.
//!
//! If the client disconnects, the handler is dropped at its current `.await`. Senders wait for 5 to 30
//! seconds: answer 202 and do long work in a task.
//!
//! # Order
//!
//! Stage [`Body`](crate::stage::Body): outside every parser, so that it sees the bytes that were
//! signed. A layer that changes the bytes, such as decompression, must not be outside it. Limit the
//! rate by address further out: anybody can send a body to be hashed.
//!
//! # Security
//!
//! - A 400 says whether a field, the timestamp or the signature is wrong, which helps only the
//!   operator of a sender: what is signed, and how, is public.
//! - Signatures are compared in constant time, each with each key. Keys are wiped when dropped, and
//!   not shown by `Debug`.
//! - An id that contains the separator after it (`.`) is rejected: otherwise one signature would be
//!   valid for several messages.
//! - Fields that are not signed, such as `X-GitHub-Event` and `X-Shopify-Topic`, are not verified.
//!   Take the type of an event from the body if it is there too.
//! - A signature does not say for which endpoint an event is: use a different secret for each
//!   endpoint.
//!
//! # Compared with
//!
//! - The senders' own libraries verify a body that was read before, and each supports only its own
//!   sender. None of them records which events were handled.
//! - The Rust library of Standard Webhooks supports only `v1`, and needs a body in UTF-8.
//! - Stripe's library for Node accepts timestamps in the future, and decodes a body before it verifies
//!   it.

#[cfg(feature = "webhook-ed25519")]
mod ed25519;
pub(crate) mod event;
mod format;
mod keys;
pub(crate) mod layer;
mod memory;
#[cfg(feature = "webhook-redis")]
mod redis;
mod refusal;
mod scheme;
mod store;
pub(crate) mod verified;

#[cfg(feature = "webhook-redis")]
pub use self::redis::{RedisWebhookError, RedisWebhookMetrics, RedisWebhookStore};
#[cfg(doc)]
use self::verified::Verified;
pub use self::{
    format::SignatureFormat,
    layer::Webhook,
    memory::{MemoryWebhookStore, WebhookStoreFull},
    scheme::{SigningError, WebhookScheme},
    store::{ClaimId, EventKey, EventState, WebhookStore},
};
