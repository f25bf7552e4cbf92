//! Runs each request with an idempotency key once, and repeats its answer when the request is sent
//! again.
//!
//! A client that has lost the connection does not know whether its payment was made. With the same
//! `Idempotency-Key` it can retry as often as it likes: there is only one payment, and the answer is
//! always the same. The field is that of draft-ietf-httpapi-idempotency-key-header-07, and the
//! behavior is that of Stripe.
//!
//! 1. Requests with methods other than `POST` and `PATCH`, or [others](crate::Idempotency::methods),
//!    pass. So do requests without a key, unless keys are [required](crate::Idempotency::required):
//!    then they are answered with 400.
//! 2. The key is a String in quotes, or the same without quotes, of 1 to 255 printable ASCII
//!    characters; see [`IdempotencyKey::parse`](crate::IdempotencyKey::parse). An invalid key, or a
//!    second one, is answered with 400.
//! 3. A key belongs to one client, such as a principal, and to one method and route. If the route is
//!    unknown, it belongs to the full path.
//! 4. The body is read into memory; a body that is too large is answered with 413. Two requests are
//!    the same if method, full path, query, `Content-Type` and body are the same.
//! 5. The first request with a key is handled. Its answer is kept for 24 hours, or
//!    [another time](crate::Idempotency::keep_for).
//! 6. The same request with the same key gets that answer, with `Idempotent-Replayed: true`. While the
//!    first request is in progress, it is answered with 409 and `Retry-After`.
//! 7. A different request with the same key is answered with 422.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{Idempotency, with_idempotency};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let handler = service_fn(|_: Request<Full<Bytes>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("paid")))
//! });
//! // An API has `.by_principal(|claims: &Claims| &claims.sub)` here.
//! let policy = Idempotency::in_memory().dangerously_shared().required();
//! let service = with_idempotency(policy).layer(handler);
//! let pay = |amount: &'static str| {
//!     let request = Request::post("/payments").header("idempotency-key", "8e03978e-40d5");
//!     request.body(Full::<Bytes>::from(amount))
//! };
//!
//! let first = service.clone().oneshot(pay("10")?).await?;
//! assert!(!first.headers().contains_key("idempotent-replayed"));
//!
//! let again = service.clone().oneshot(pay("10")?).await?;
//! assert_eq!(again.headers()["idempotent-replayed"], "true");
//! assert_eq!(again.into_body().collect().await?.to_bytes(), "paid");
//!
//! let other = service.oneshot(pay("99")?).await?;
//! assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
//! # Ok(())
//! # }
//! ```
//!
//! # The task
//!
//! A request with a key is handled in its own tokio task. If the client disconnects or a timeout
//! further out expires, the wait ends but the work does not: the answer is kept for when the request
//! is sent again.
//!
//! - The inner service must be `Clone + Send + 'static`, and its futures `Send + 'static`.
//! - At most 1,024 tasks run at a time, or [another number](crate::Idempotency::max_tasks). Further
//!   requests are answered with 503 before they acquire their key.
//! - A handler that takes longer than 60 seconds, or [another time](crate::Idempotency::time_limit), is
//!   dropped. The client gets 504, and the key is free.
//! - For a `with_concurrency_limit` outside, a request is in progress until both the task and the
//!   response have ended.
//! - The `tracing` span is carried into the task; tokio's task-locals are not.
//! - A handler that panics frees its key. The panic is resumed where the client waits, so that
//!   `with_presentation` turns it into a 500.
//! - [`tasks`](IdempotencyLayer::tasks) lets you wait for all of them when the server stops.
//!
//! # What is kept
//!
//! The status, the header fields and the body, but never `Set-Cookie`, `Date`, the fields of the
//! connection, or trailers. Fields that layers outside add to a response are also added to the
//! repeated one.
//!
//! - Some answers say that nothing was done and that another attempt can succeed, such as 422 and 503.
//!   [They are not kept](crate::Idempotency::keep), and the key is freed. All others are kept, even a
//!   500 of the handler.
//! - An answer of more than 64 KiB, or [another size](crate::Idempotency::max_answer_bytes), and a
//!   stream of unknown length go to the client but are not kept. When the request is sent again, it is
//!   not handled again: the answer is 409 without `Retry-After`.
//! - A response whose body fails is answered with 500, and the key is freed.
//!
//! Answers are kept in a [`MemoryAnswers`], for a single instance, in Redis with the feature
//! `idempotency-redis` (`RedisAnswers`), or in [your own store](IdempotencyStore). If the store fails
//! after the handler has run, the client gets its answer, and the layer retries storing it for the
//! duration of the lease.
//!
//! # When the server is killed
//!
//! A key is held by a lease of 30 seconds, or [another time](crate::Idempotency::lease), that is
//! renewed while the handler runs. If the server is killed (`kill -9`, a power failure) after the work
//! was done but before the answer was stored, the lease expires, and the next request with the key
//! runs the handler again: *at least once*, not exactly once. The same holds if the handler panics or
//! is dropped at the time limit after part of the work, or if the store loses its data.
//!
//! Work that must not happen twice has to record the key in the same transaction: the handler takes an
//! `Option<`[`IdempotencyKey`](crate::IdempotencyKey)`>`, and the database has a unique constraint on
//! user and key. Pass the key on to other services, such as the payment service, as their own
//! idempotency key.
//!
//! # Responses
//!
//! | status | when | reason | fields |
//! |---|---|---|---|
//! | 400 | no key where it is required, a malformed key, or several keys | `no_key`, `malformed_key`, `several_keys` | |
//! | 400 | the body can't be read completely | `broken_body` | |
//! | 408 | a limit outside stops a slow body | `slow_body` | |
//! | 409 | the first request with the key is in progress | `in_progress` | `Retry-After` |
//! | 409 | the request was handled, but its answer is not kept | `answer_not_kept` | |
//! | 413 | the body is too large; `max_body_bytes` says how large it may be | `too_large` | |
//! | 422 | the key was used for another request | `key_reused` | |
//! | 500 | the scope is an address that is missing, or the body of the response fails | | |
//! | 503 | too many tasks; type `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity` | `tasks` | `Retry-After` |
//! | 503 | the store is not available | `unavailable` | |
//! | 504 | the handler takes too long | `time_limit` | |
//! | the handler's | otherwise | | `Idempotent-Replayed` when it is repeated |
//!
//! All are of type `about:blank` unless the table says otherwise.
//!
//! # Order
//!
//! Stage [`Replay`](crate::stage::Replay): inside authentication, which identifies the owner of a key,
//! and inside limits on the body, which the layer reads; outside validation. A request that a layer
//! outside rejects never holds a key. A repeated request goes through all layers outside again: it
//! counts for rate limits, and is rejected if the client is no longer allowed to make it.
//!
//! For pages of other origins, a CORS layer outside has to allow the field in requests:
//! `Cors::origins(..)?.headers(["authorization", "content-type", "idempotency-key"])`. A repeated
//! answer to a request with an `Origin` lists `Idempotent-Replayed` in
//! `Access-Control-Expose-Headers`, so that scripts can read it.
//!
//! The layer applies to all routes that it wraps. Put it around those that change something.
//!
//! # Security
//!
//! - Two clients may send the same key: the scope keeps them apart. With
//!   [`dangerously_shared`](crate::Idempotency::dangerously_shared), and for clients behind one
//!   address, a client that knows another's key and request gets the answer.
//! - The store contains answers unencrypted. Keys and payloads are stored as SHA-256 hashes; keys are
//!   not shown by `Debug` and not logged.
//! - The body is read into memory before anything else happens: at most 1 MiB for each request, or
//!   [another size](crate::Idempotency::max_body_bytes).
//! - Work continues even if nobody waits for it. The number and the duration of the tasks are limited;
//!   a rate limit outside keeps one client from using up all of them.
//!
//! # Compared with
//!
//! - Stripe keeps all answers of requests whose execution has begun, for 24 hours, and so does this
//!   layer. At Stripe, a different request with the same key is a 400; here, it is the 422 of the
//!   draft.
//! - Middlewares that store the answer on the way back lose it when the client disconnects, and the
//!   payment is made again.
#![cfg_attr(
    not(feature = "full"),
    allow(dead_code, reason = "stores and scopes have features of their own")
)]

mod answer;
pub(crate) mod key;
pub(crate) mod layer;
pub(crate) mod policy;
mod store;
mod task;

#[cfg(feature = "idempotency-redis")]
pub use self::store::{RedisAnswers, RedisAnswersMetrics};
pub use self::{
    layer::{IdempotencyLayer, Idempotent, IdempotentFuture},
    policy::{Everybody, Unscoped},
    store::{Acquired, Claim, IdempotencyStore, MemoryAnswers},
    task::Tasks,
};
