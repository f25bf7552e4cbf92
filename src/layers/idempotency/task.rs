//! The task of a request: acquires its key, runs the handler, and stores the answer.

use std::{
    any::Any,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task::unconstrained,
    time::{Instant, sleep},
};
use tower_service::Service;

use super::{
    answer::{Stored, decode, encode, not_kept},
    layer::CompiledIdempotency,
    store::{Acquired, Claim, IdempotencyStore},
};
use crate::{
    contract::Later,
    support::backoff,
    wire::{
        BoxError, Problem,
        read_body::{BodyReader, ReadError},
    },
};

/// The result of a request with a key.
pub(super) enum Outcome<R, E> {
    /// The handler has run.
    Handled(Result<Response<R>, E>),
    /// The answer of an earlier request.
    Replayed(Response<Bytes>),
    Refused(Problem),
    Panicked(Box<dyn Any + Send>),
}

/// The client that waits for the outcome; it may have disconnected.
type Waiter<R, E> = oneshot::Sender<Outcome<R, E>>;

impl CompiledIdempotency {
    /// Handles a request, unless another request with the same key is in progress or has been handled.
    pub(super) async fn run<S, B, R>(
        self: Arc<Self>,
        claim: Claim,
        inner: S,
        request: Request<B>,
        waiter: Waiter<R, S::Error>,
    ) where
        S: Service<Request<B>, Response = Response<R>>,
        R: Body<Error: Into<BoxError>> + From<Bytes>,
    {
        let acquired = self.options.store.acquire(&claim, self.options.lease);
        let lease = Lease::new(&self.options.store, claim);
        let outcome = match acquired.wait().await {
            Ok(Acquired::Free) => return self.handle(lease, inner, request, waiter).await,
            Ok(Acquired::InProgress { payload } | Acquired::Answered { payload, .. })
                if payload != *lease.claim.payload() =>
            {
                Outcome::Refused(self.refusals.other_payload.clone())
            }
            Ok(Acquired::InProgress { .. }) => Outcome::Refused(self.refusals.in_progress.clone()),
            Ok(Acquired::Answered { answer, .. }) => match decode(answer) {
                Some(Stored::Whole(answer)) => Outcome::Replayed(answer),
                Some(Stored::NotKept) => Outcome::Refused(self.refusals.not_kept.clone()),
                None => Outcome::Refused(Problem::unavailable(
                    "the stored answer can't be read: another version may have written it",
                )),
            },
            Err(error) => {
                answer(waiter, Outcome::Refused(Problem::unavailable(error)));
                // The store may have acquired the key, and only its answer was lost.
                return lease.release().await;
            }
        };
        lease.forget();
        answer(waiter, outcome);
    }

    /// Runs the handler, and stores its answer.
    async fn handle<S, B, R>(
        &self,
        lease: Lease,
        mut inner: S,
        request: Request<B>,
        waiter: Waiter<R, S::Error>,
    ) where
        S: Service<Request<B>, Response = Response<R>>,
        R: Body<Error: Into<BoxError>> + From<Bytes>,
    {
        let max_bytes = self.options.max_answer_bytes;
        let handled = async {
            match inner.call(request).await {
                Ok(response) => Ok(collect(response, max_bytes, &*self.options.keep).await),
                Err(error) => Err(error),
            }
        };
        let outcome = match self.in_time(&lease, handled).await {
            Some(Ok(Ok(Ok((response, Some(kept)))))) => {
                return self.keep(lease, kept, response, waiter).await;
            }
            Some(Ok(Ok(Ok((response, None))))) => Outcome::Handled(Ok(response)),
            Some(Ok(Ok(Err(broken)))) => Outcome::Refused(broken),
            Some(Ok(Err(error))) => Outcome::Handled(Err(error)),
            Some(Err(panic)) => Outcome::Panicked(panic),
            None => Outcome::Refused(self.refusals.too_slow.clone()),
        };
        // Released first, so that a client that has the answer can send the request again.
        lease.release().await;
        answer(waiter, outcome);
    }

    /// Polls the handler until it ends, panics or takes too long, and renews the lease in the
    /// meantime.
    async fn in_time<T>(
        &self,
        lease: &Lease,
        handled: impl Future<Output = T>,
    ) -> Option<Result<T, Box<dyn Any + Send>>> {
        let mut handled = pin!(handled);
        // Outside of tokio's cooperative budget: the handler may have used it up, and both would then
        // stay pending.
        let mut limit = pin!(unconstrained(sleep(self.options.time_limit)));
        let mut renewals = pin!(unconstrained(lease.renew(self.options.lease)));
        poll_fn(|cx| {
            if let Poll::Ready(ended) = catch(handled.as_mut(), cx) {
                return Poll::Ready(Some(ended));
            }
            if limit.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            // This future never completes.
            renewals.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// Stores an answer, and then sends it to the client, so that a client that has the answer can't
    /// get a different one. If the store fails, the client does not wait until the store is back.
    async fn keep<R, E>(
        &self,
        lease: Lease,
        kept: Bytes,
        response: Response<R>,
        waiter: Waiter<R, E>,
    ) {
        // A deadline beyond the range of the clock means no deadline.
        let deadline = Instant::now().checked_add(self.options.lease);
        let mut response = Some((waiter, response));
        let mut attempts = 0;
        loop {
            let store = &self.options.store;
            let stored = store.complete(&lease.claim, kept.clone(), self.options.keep_for);
            let stored = stored.wait().await;
            if let Some((waiter, response)) = response.take() {
                answer(waiter, Outcome::Handled(Ok(response)));
            }
            match stored {
                Ok(true) => break,
                Ok(false) => {
                    log(
                        "the key of a finished request is held by another request",
                        None,
                    );
                    break;
                }
                Err(error) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    log(
                        "the answer of a finished request was not stored",
                        Some(&error),
                    );
                    break;
                }
                Err(_) => {
                    sleep(backoff::exponential(INITIAL_BACKOFF, attempts, MAX_BACKOFF)).await;
                    attempts = attempts.saturating_add(1);
                }
            }
        }
        lease.forget();
    }
}

/// The first delay between attempts to store an answer.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Sends an outcome to the client, if it is still there.
fn answer<R, E>(waiter: Waiter<R, E>, outcome: Outcome<R, E>) {
    drop(waiter.send(outcome));
}

/// Reads the body of a response, and returns the response with the bytes to store, if it is kept. A
/// body that is too long, or of unknown length, is not read: only the fact that there was an answer is
/// stored. A body that can't be read is a problem.
async fn collect<R>(
    response: Response<R>,
    max_bytes: usize,
    keep: &(dyn Fn(http::StatusCode) -> bool + Send + Sync),
) -> Result<(Response<R>, Option<Bytes>), Problem>
where
    R: Body<Error: Into<BoxError>> + From<Bytes>,
{
    let is_kept = keep(response.status());
    let length = response.body().size_hint().upper();
    let fits = length
        .is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= max_bytes));
    if !fits && !response.body().is_end_stream() {
        return Ok((response, is_kept.then(not_kept)));
    }
    let (head, body) = response.into_parts();
    let mut body = pin!(body);
    let mut reader = BodyReader::new(max_bytes);
    let body = poll_fn(|cx| reader.poll(&mut body, cx)).await;
    let body = body.map_err(|error| match error {
        ReadError::TooLarge | ReadError::TooSlow => {
            Problem::internal("the body of the response is longer than it declared, or too slow")
        }
        ReadError::Broken(error) => Problem::internal(error),
    })?;
    let kept = is_kept.then(|| {
        let kept = encode(&head, &body);
        if kept.len() <= max_bytes {
            kept
        } else {
            not_kept()
        }
    });
    Ok((Response::from_parts(head, R::from(body)), kept))
}

/// Polls a future; returns the panic if it panics. It must not be polled again then.
fn catch<F: Future>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Box<dyn Any + Send>>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

/// A key that is held, or may be. If the lease is dropped, because the runtime ends or a store panics,
/// it tries to free the key; if that fails, the lease expires.
struct Lease {
    store: Arc<dyn IdempotencyStore>,
    claim: Claim,
    is_held: bool,
}

impl Lease {
    fn new(store: &Arc<dyn IdempotencyStore>, claim: Claim) -> Self {
        Self {
            store: Arc::clone(store),
            claim,
            is_held: true,
        }
    }

    /// Renews the lease in time, forever. A store that fails is asked again the next time.
    async fn renew(&self, lease: Duration) {
        loop {
            sleep(lease / 3).await;
            match self.store.renew(&self.claim, lease).wait().await {
                Ok(true) => {}
                Ok(false) => log(
                    "the key of a request in progress is held by another request",
                    None,
                ),
                Err(error) => log(
                    "the lease of a request in progress was not renewed",
                    Some(&error),
                ),
            }
        }
    }

    /// Frees the key.
    async fn release(mut self) {
        self.is_held = false;
        let released = self.store.release(&self.claim).wait().await;
        if let Err(error) = released {
            log("a key is free only when its lease expires", Some(&error));
        }
    }

    /// Another request holds the key, or the answer is already stored.
    fn forget(mut self) {
        self.is_held = false;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_held {
            return;
        }
        if let Later::Pending(release) = self.store.release(&self.claim)
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(release));
        }
    }
}

/// The requests of a layer that are in progress, each in a task of its own: see
/// [`IdempotencyLayer::tasks`](super::IdempotencyLayer::tasks).
#[derive(Clone, Default)]
#[must_use]
pub struct Tasks(Arc<watch::Sender<usize>>);

impl Tasks {
    /// The number of requests in progress, including those whose client has disconnected.
    #[must_use]
    pub fn running(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until no request is in progress. New requests can begin in the meantime: stop the server
    /// first.
    pub async fn wait_idle(&self) {
        // `wait_for` can't fail: the sender is not dropped before.
        drop(self.0.subscribe().wait_for(|running| *running == 0).await);
    }

    /// Counts a request, if there are fewer than `max_tasks`.
    pub(super) fn begin(&self, max_tasks: usize) -> Option<Running> {
        let has_begun = self.0.send_if_modified(|running| {
            let is_free = *running < max_tasks;
            *running = running.saturating_add(usize::from(is_free));
            is_free
        });
        has_begun.then(|| Running(self.clone()))
    }
}

/// A request in progress; it ends when this is dropped.
pub(super) struct Running(Tasks);

impl Drop for Running {
    fn drop(&mut self) {
        let Self(Tasks(running)) = self;
        running.send_modify(|running| *running = running.saturating_sub(1));
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("running", &self.running())
            .finish()
    }
}

#[cfg(feature = "tracing")]
fn log(message: &str, cause: Option<&BoxError>) {
    let cause = cause.map(tracing::field::display);
    tracing::warn!(target: "wythe", layer = super::layer::NAME, cause, "{message}");
}

#[cfg(not(feature = "tracing"))]
const fn log(_: &str, _: Option<&BoxError>) {}
