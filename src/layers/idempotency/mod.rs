//! Runs each request with an idempotency key once, and repeats its answer when the request is sent
//! again.
//!
//! A client that has lost the connection does not know whether its payment was made. With the same
//! `Idempotency-Key` it can ask again, as often as it likes: there is one payment, and each time the
//! same answer. The field is that of draft-ietf-httpapi-idempotency-key-header-07, and the behavior is
//! that of Stripe.
//!
//! 1. Requests with methods other than `POST` and `PATCH`, or [others](crate::Idempotency::methods),
//!    pass. So do requests without a key, unless keys are [required](crate::Idempotency::required):
//!    then they are answered with 400.
//! 2. The key is a String in quotes, or the same without quotes, of 1 to 255 printable ASCII characters;
//!    see [`IdempotencyKey::parse`](crate::IdempotencyKey::parse). Any other, or a second one, is
//!    answered with 400.
//! 3. A key belongs to one client, such as a principal, and to one method and route. Where no route is
//!    known, it belongs to the full path.
//! 4. The body is read into memory, and answered with 413 if it is too large. Method, full path, query,
//!    `Content-Type` and body are what the request asks for.
//! 5. The first request with a key is handled. Its answer is kept for 24 hours, or
//!    [another time](crate::Idempotency::keep_for).
//! 6. The same request with the same key gets that answer, with `Idempotent-Replayed: true`. While the
//!    first one is in progress, it is answered with 409 and `Retry-After`.
//! 7. Another request with the same key is answered with 422.
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
//! A request with a key is handled in a task of its own, on tokio. A client that disconnects, and a
//! timeout further out, end the wait and not the work: the answer is kept for when the request is sent
//! again.
//!
//! - The service inside is `Clone + Send + 'static`, and its futures are `Send + 'static`.
//! - At most 1,024 tasks run at a time, or [another number](crate::Idempotency::max_tasks). A request
//!   beyond it is answered with 503 before its key is held.
//! - A handler that takes longer than 60 seconds, or [another time](crate::Idempotency::time_limit), is
//!   dropped. The client gets 504, and the key is free.
//! - A task counts as in progress for a `with_concurrency_limit` outside, until both the task and the
//!   response have ended.
//! - The span of `tracing` goes into the task; task-locals of tokio do not.
//! - A handler that panics frees its key. The panic goes on where the client waits, so that
//!   `with_presentation` makes it a 500.
//! - [`tasks`](IdempotencyLayer::tasks) waits for all of them when the server stops.
//!
//! # What is kept
//!
//! The status, the header fields and the body, but never `Set-Cookie`, `Date`, the fields of the
//! connection, or trailers. What layers outside add to a response is added to the repeated one again.
//!
//! - Some answers say that nothing was done and that another attempt can succeed, such as 422 and 503.
//!   [They are not kept](crate::Idempotency::keep), and the key is free. All others are, also a 500 of
//!   the handler.
//! - An answer of more than 64 KiB, or [another size](crate::Idempotency::max_answer_bytes), and a
//!   stream, which does not say how long it is, go to the client and are not kept. When the request is
//!   sent again, it is not handled again: the answer is 409 without `Retry-After`.
//! - A response whose body fails is answered with 500, and the key is free.
//!
//! Answers are kept in a [`MemoryAnswers`], for a single instance, in Redis with the feature
//! `idempotency-redis` (`RedisAnswers`), or in [a store of your own](IdempotencyStore). If the store fails
//! after the handler has run, the client gets its answer, and the layer tries for as long as the lease
//! to store it.
//!
//! # When the server is killed
//!
//! A key is held by a lease of 30 seconds, or [another time](crate::Idempotency::lease), that is renewed
//! while the handler runs. If the server is killed (`kill -9`, a power failure) after the work was done
//! and before the answer was stored, the lease expires, and the next request with the key runs the
//! handler again: *at least once*, not exactly once. The same holds if the handler panics or is dropped
//! by the time limit after a part of the work, or if the store forgets.
//!
//! What must not happen twice needs the key in the same transaction: the handler takes an
//! `Option<`[`IdempotencyKey`](crate::IdempotencyKey)`>`, and the database has a unique constraint on user
//! and key. Other services, such as that of the payment, get the key as their own idempotency key.
//!
//! # Responses
//!
//! | status | when | reason | fields |
//! |---|---|---|---|
//! | 400 | no key where it is required, a malformed one, or several | `no_key`, `malformed_key`, `several_keys` | |
//! | 400 | the body can't be read completely | `broken_body` | |
//! | 408 | a limit outside stops a body that is too slow | `slow_body` | |
//! | 409 | the first request with the key is in progress | `in_progress` | `Retry-After` |
//! | 409 | the request was handled, and its answer is not kept | `answer_not_kept` | |
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
//! Stage [`Replay`](crate::stage::Replay): inside authentication, which says whose keys they are, and
//! inside limits on the body, which the layer reads; outside validation. Rejected requests of layers
//! outside never hold a key. A repeated request passes all layers outside again: it counts for rate
//! limits, and is rejected when the client may no longer do it.
//!
//! For pages of other origins, CORS outside has to allow the field in requests:
//! `Cors::origins(..)?.headers(["authorization", "content-type", "idempotency-key"])`. A repeated answer to a request with an `Origin`
//! lists `Idempotent-Replayed` in `Access-Control-Expose-Headers`, so that scripts can read it.
//!
//! The layer acts on all routes that it is around. Put it around those that change something.
//!
//! # Security
//!
//! - Two clients may send the same key: the scope keeps them apart. With
//!   [`dangerously_shared`](crate::Idempotency::dangerously_shared), and for clients behind one address,
//!   a client that knows a key and what was asked for gets the answer.
//! - The store contains answers unencrypted. Keys and payloads are SHA-256 hashes; keys are not shown by
//!   `Debug` and not logged.
//! - The body is read into memory before anything else happens: at most 1 MiB for each request, or
//!   [another size](crate::Idempotency::max_body_bytes).
//! - Work that nobody waits for goes on. The number and the time of the tasks are limited; a rate limit
//!   outside keeps one client from using up all of them.
//!
//! # Compared with
//!
//! - Stripe keeps all answers of requests whose execution has begun, for 24 hours, and so does this
//!   layer. There, another request with the same key is a 400; here, it is the 422 of the draft.
//! - Middlewares that keep the answer on the way back lose it when the client disconnects, and the
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
