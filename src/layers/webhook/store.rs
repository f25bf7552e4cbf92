//! The record of handled events, [`WebhookStore`], and the claim of a request on its event.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::{support::seed::random_bits, wire::BoxError};

/// Where handled events are recorded: [`MemoryWebhookStore`](super::MemoryWebhookStore),
/// `RedisWebhookStore` with the feature `webhook-redis`, or your own.
///
/// An event is *new*, *in progress* for the duration of a lease, or *handled*. A store gets only a
/// hash of the event's id, never its content.
///
/// # Example: a store of your own
///
/// This one is a map, with the SQL of each method as a comment. The table would be
/// `events (key bytea primary key, claim bytea, expires timestamptz)`, where the claim of a handled
/// event is null.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{
///     collections::HashMap,
///     sync::Mutex,
///     time::{Duration, Instant},
/// };
///
/// use wythe::webhook::{ClaimId, EventKey, EventState, WebhookStore};
///
/// #[derive(Default)]
/// struct Rows(Mutex<HashMap<EventKey, (Option<ClaimId>, Instant)>>);
///
/// impl WebhookStore for Rows {
///     type Error = &'static str;
///
///     // insert into events values ($1, $2, now() + $3) on conflict (key) do update
///     // set claim = $2, expires = now() + $3 where events.expires <= now()
///     // If no row was changed: select claim from events where key = $1
///     async fn begin(
///         &self,
///         event: EventKey,
///         claim: ClaimId,
///         lease: Duration,
///     ) -> Result<EventState, Self::Error> {
///         let mut rows = self.0.lock().map_err(|_| "poisoned")?;
///         match rows.get(&event) {
///             Some((Some(_), expires)) if *expires > Instant::now() => Ok(EventState::InProgress),
///             Some((None, expires)) if *expires > Instant::now() => Ok(EventState::Handled),
///             _ => {
///                 rows.insert(event, (Some(claim), Instant::now() + lease));
///                 Ok(EventState::New)
///             }
///         }
///     }
///
///     // insert into events values ($1, null, now() + $2) on conflict (key) do update
///     // set claim = null, expires = now() + $2
///     async fn complete(&self, event: EventKey, keep: Duration) -> Result<(), Self::Error> {
///         let mut rows = self.0.lock().map_err(|_| "poisoned")?;
///         rows.insert(event, (None, Instant::now() + keep));
///         Ok(())
///     }
///
///     // delete from events where key = $1 and claim = $2
///     async fn release(&self, event: EventKey, claim: ClaimId) -> Result<(), Self::Error> {
///         let mut rows = self.0.lock().map_err(|_| "poisoned")?;
///         if rows.get(&event).is_some_and(|(held, _)| *held == Some(claim)) {
///             rows.remove(&event);
///         }
///         Ok(())
///     }
/// }
///
/// // What every store must do:
/// let store = Rows::default();
/// let minute = Duration::from_secs(60);
/// let event = EventKey::from_bytes([7; 32]);
/// let (first, second) = (ClaimId::from_bytes([1; 16]), ClaimId::from_bytes([2; 16]));
/// assert_eq!(store.begin(event, first, minute).await?, EventState::New);
/// assert_eq!(store.begin(event, second, minute).await?, EventState::InProgress);
/// store.release(event, second).await?;
/// assert_eq!(store.begin(event, second, minute).await?, EventState::InProgress);
/// store.release(event, first).await?;
/// assert_eq!(store.begin(event, second, minute).await?, EventState::New);
/// store.complete(event, minute).await?;
/// store.release(event, second).await?;
/// assert_eq!(store.begin(event, first, minute).await?, EventState::Handled);
/// # Ok(()) }
/// ```
///
/// # Security
///
/// - [`begin`](Self::begin) is atomic: of two concurrent calls, only one returns
///   [`New`](EventState::New).
/// - A store that is not available returns an error, never `New`.
/// - No request should wait for long: the store needs a timeout.
/// - Reads must see all earlier writes: a lagging replica is not suitable.
pub trait WebhookStore: Send + Sync + 'static {
    /// Why an operation failed: the request is answered 503.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Claims a new event for the duration of the lease, so that others see it in progress; otherwise
    /// returns the state of the event.
    fn begin(
        &self,
        event: EventKey,
        claim: ClaimId,
        lease: Duration,
    ) -> impl Future<Output = Result<EventState, Self::Error>> + Send;

    /// Records that the event was handled, and keeps the record for this time. The lease may have
    /// expired.
    fn complete(
        &self,
        event: EventKey,
        keep: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Makes the event new again, if it is in progress with this claim.
    fn release(
        &self,
        event: EventKey,
        claim: ClaimId,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The state of an event in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store of your own returns one of these"
)]
pub enum EventState {
    /// It was new, and is now in progress with this claim.
    New,
    /// It is in progress with another claim.
    InProgress,
    /// It was handled.
    Handled,
}

/// Identifies an event in a store: a SHA-256 of its id and its sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey([u8; 32]);

impl EventKey {
    /// A key with these bytes, for testing a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of an event with this id, or with this body if it has no id.
    pub(super) fn new(scope: &str, id: Option<&[u8]>, body: &[u8]) -> Self {
        // A scope is never longer than this, and the length makes the hashed bytes unambiguous.
        let length = u64::try_from(scope.len()).unwrap_or(u64::MAX);
        let (kind, identity) = match id {
            Some(id) => (b'i', id),
            None => (b'b', body),
        };
        let hash = Sha256::new()
            .chain_update(b"wythe webhook 1\0")
            .chain_update(length.to_be_bytes())
            .chain_update(scope)
            .chain_update([kind])
            .chain_update(identity);
        Self(hash.finalize().into())
    }
}

/// Identifies one attempt to handle an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimId([u8; 16]);

impl ClaimId {
    /// A claim with these bytes, for testing a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Unique among all instances, but not secret.
    fn unique() -> Self {
        let random = || u128::from(random_bits());
        Self(((random() << 64) | random()).to_be_bytes())
    }
}

/// Omits the bytes.
impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventKey(..)")
    }
}

impl fmt::Debug for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimId(..)")
    }
}

impl<S: WebhookStore> WebhookStore for Arc<S> {
    type Error = S::Error;

    fn begin(
        &self,
        event: EventKey,
        claim: ClaimId,
        lease: Duration,
    ) -> impl Future<Output = Result<EventState, S::Error>> + Send {
        S::begin(self, event, claim, lease)
    }

    fn complete(
        &self,
        event: EventKey,
        keep: Duration,
    ) -> impl Future<Output = Result<(), S::Error>> + Send {
        S::complete(self, event, keep)
    }

    fn release(
        &self,
        event: EventKey,
        claim: ClaimId,
    ) -> impl Future<Output = Result<(), S::Error>> + Send {
        S::release(self, event, claim)
    }
}

/// The result of a store operation, immediately or later.
pub(super) type Outcome<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A type-erased [`WebhookStore`].
pub(super) trait DynWebhookStore: Send + Sync {
    fn begin(
        self: Arc<Self>,
        event: EventKey,
        claim: ClaimId,
        lease: Duration,
    ) -> Outcome<EventState>;
    fn complete(self: Arc<Self>, event: EventKey, keep: Duration) -> Outcome<()>;
    fn release(self: Arc<Self>, event: EventKey, claim: ClaimId) -> Outcome<()>;
}

impl<S: WebhookStore> DynWebhookStore for S {
    fn begin(
        self: Arc<Self>,
        event: EventKey,
        claim: ClaimId,
        lease: Duration,
    ) -> Outcome<EventState> {
        Box::pin(async move {
            S::begin(&self, event, claim, lease)
                .await
                .map_err(Into::into)
        })
    }

    fn complete(self: Arc<Self>, event: EventKey, keep: Duration) -> Outcome<()> {
        Box::pin(async move { S::complete(&self, event, keep).await.map_err(Into::into) })
    }

    fn release(self: Arc<Self>, event: EventKey, claim: ClaimId) -> Outcome<()> {
        Box::pin(async move { S::release(&self, event, claim).await.map_err(Into::into) })
    }
}

/// Polls once: a store in memory is then done. Any other is polled again with the task's own waker
/// before anything waits.
pub(super) fn poll_now<T>(outcome: &mut Outcome<T>) -> Poll<Result<T, BoxError>> {
    outcome
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// The claim of a request on its event. If it is dropped before the event was handled, because the
/// handler failed or panicked, or the client disconnected, the event is new again.
pub(super) struct Claim {
    store: Arc<dyn DynWebhookStore>,
    event: EventKey,
    id: ClaimId,
    /// Whether it has to be released.
    is_open: bool,
}

impl Claim {
    /// Created before the store is called: the store may claim the event even if nobody waits for its
    /// answer.
    pub(super) fn new(store: Arc<dyn DynWebhookStore>, event: EventKey) -> Self {
        Self {
            store,
            event,
            id: ClaimId::unique(),
            is_open: true,
        }
    }

    pub(super) fn begin(&self, lease: Duration) -> Outcome<EventState> {
        Arc::clone(&self.store).begin(self.event, self.id, lease)
    }

    /// The event belongs to another request, or was handled before.
    pub(super) fn abandon(mut self) {
        self.is_open = false;
    }

    /// The event was handled.
    pub(super) fn complete(mut self, keep: Duration) {
        self.is_open = false;
        let complete = Arc::clone(&self.store).complete(self.event, keep);
        finish_in_background(complete, log::not_recorded);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_open {
            let release = Arc::clone(&self.store).release(self.event, self.id);
            finish_in_background(release, log::not_released);
        }
    }
}

/// Completes an operation that nobody waits for: immediately, or in a task. Without a runtime it is
/// dropped, and the lease expires.
fn finish_in_background(mut outcome: Outcome<()>, log_error: fn(&BoxError)) {
    match poll_now(&mut outcome) {
        Poll::Ready(Ok(())) => {}
        Poll::Ready(Err(error)) => log_error(&error),
        Poll::Pending => {
            if let Ok(runtime) = Handle::try_current() {
                let _task = runtime.spawn(async move {
                    if let Err(error) = outcome.await {
                        log_error(&error);
                    }
                });
            }
        }
    }
}

#[cfg(feature = "tracing")]
mod log {
    use crate::wire::BoxError;

    pub(super) fn not_recorded(cause: &BoxError) {
        tracing::error!(
            target: "wythe",
            %cause,
            "a webhook event was handled, but could not be recorded: it is handled again if it is sent \
             again"
        );
    }

    pub(super) fn not_released(cause: &BoxError) {
        tracing::debug!(
            target: "wythe",
            %cause,
            "a webhook event that was not handled stays in progress until its lease expires"
        );
    }
}

#[cfg(not(feature = "tracing"))]
mod log {
    use crate::wire::BoxError;

    pub(super) const fn not_recorded(_: &BoxError) {}

    pub(super) const fn not_released(_: &BoxError) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_claim_are_random() {
        let (one, other) = (ClaimId::unique(), ClaimId::unique());
        for half in [0..8, 8..16] {
            assert_ne!(one.0[half.clone()], other.0[half.clone()], "{half:?}");
        }
    }
}
