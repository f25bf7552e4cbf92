//! Decides which requests pass: [`with_concurrency_limit`], its layer and its service.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    policy::{ConcurrencyLimit, Queue},
    response::{Guarded, LimitedFuture, NAME, QueuedCall},
    semaphores::{Acquire, InUse, Permit, Semaphores},
};
use crate::{
    contract::{Description, Place, Placed, ReplyBody, description::Answer, placed},
    request::key::{self, Key},
    wire::Problem,
};

/// Limits how many requests are in progress at once; see
/// [`concurrency_limit`](crate::concurrency_limit).
pub fn with_concurrency_limit<K: Key>(limit: ConcurrencyLimit<K>) -> Placed<ConcurrencyLimiter<K>> {
    placed(ConcurrencyLimiter::new(limit))
}

/// The layer of [`with_concurrency_limit`]: a limit and its counts.
///
/// Clones share the counts, so you can keep a clone to read them:
///
/// ```
/// use wythe::{ConcurrencyLimit, with_concurrency_limit};
///
/// let layer = with_concurrency_limit(ConcurrencyLimit::of(100)?);
/// let limiter = layer.inner().clone();
/// println!("{} requests in progress, {} waiting", limiter.in_progress(), limiter.waiting());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[must_use]
pub struct ConcurrencyLimiter<K: Key>(Arc<LimiterInner<K>>);

struct LimiterInner<K: Key> {
    limit: ConcurrencyLimit<K>,
    semaphores: Semaphores,
    refusal: Problem,
}

/// The decision about a request.
enum Admission {
    Enter(Permit),
    Wait(Acquire),
    Refuse(Problem),
}

impl<K: Key> ConcurrencyLimiter<K> {
    fn new(limit: ConcurrencyLimit<K>) -> Self {
        let refusal = Problem::reduced_capacity()
            .reason("concurrency")
            .retry_after(limit.retry_after)
            .extension("violated-policies", vec![limit.name.as_ref()]);
        let semaphores = if limit.keyed {
            Semaphores::by_key(limit.max)
        } else {
            Semaphores::overall(limit.max)
        };
        Self(Arc::new(LimiterInner {
            limit,
            semaphores,
            refusal,
        }))
    }

    /// The number of requests in progress: those whose response has not ended.
    #[must_use]
    pub fn in_progress(&self) -> usize {
        self.0.semaphores.in_progress()
    }

    /// The number of waiting requests.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.semaphores.waiting()
    }

    /// The number of keys with a request in progress or waiting; other keys are not kept.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.0.semaphores.keys()
    }

    fn admit<B>(&self, request: Request<B>) -> (Request<B>, Admission) {
        let LimiterInner {
            limit, semaphores, ..
        } = &*self.0;
        match semaphores {
            Semaphores::Overall(semaphore) => (request, self.enter(InUse::overall(semaphore))),
            Semaphores::ByKey { seed, table } => {
                let (mut head, body) = request.into_parts();
                let key = seed.fingerprint(|writer| limit.key.write(&mut head, writer));
                let admission = match key {
                    Ok(key) => self.enter(table.of(key)),
                    Err(problem) => Admission::Refuse(problem),
                };
                (Request::from_parts(head, body), admission)
            }
        }
    }

    fn enter(&self, semaphore: InUse) -> Admission {
        let semaphore = match semaphore.try_acquire() {
            Ok(permit) => return Admission::Enter(permit),
            Err(semaphore) => semaphore,
        };
        let wait = match self.0.limit.queue {
            Some(Queue {
                max_waiting,
                max_wait,
            }) => semaphore.acquire(max_waiting, max_wait),
            None => None,
        };
        let refuse = || Admission::Refuse(self.0.refusal.clone());
        wait.map_or_else(refuse, Admission::Wait)
    }
}

impl<K: Key> Place for ConcurrencyLimiter<K> {
    type Stage = K::Stage;
    type Provides = ();
    type Needs = K::Needs;

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let limit = &self.0.limit;
        let refusal = Answer::of(&self.0.refusal);
        let description = Description::new(self.name()).limit([limit.describe()], refusal);
        if !limit.keyed {
            return description;
        }
        key::describe(&limit.key, description)
    }
}

impl<K: Key, S> Layer<S> for ConcurrencyLimiter<K> {
    type Service = Limited<K, S>;

    fn layer(&self, inner: S) -> Limited<K, S> {
        let limiter = self.clone();
        Limited { limiter, inner }
    }
}

/// A service that handles a limited number of requests at once.
///
/// It is not a [`Middleware`](crate::Middleware), because a request is in progress until the body of
/// its response has ended, which only the body itself can detect: the response's body is a
/// [`Guarded`].
///
/// `poll_ready` reserves nothing: servers clone a service, and a clone that is ready but never called
/// would keep its permit.
pub struct Limited<K: Key, S> {
    limiter: ConcurrencyLimiter<K>,
    inner: S,
}

impl<K, S, B, R> Service<Request<B>> for Limited<K, S>
where
    K: Key,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: ReplyBody,
{
    type Response = Response<Guarded<R>>;
    type Error = S::Error;
    type Future = LimitedFuture<S, Request<B>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (request, admission) = self.limiter.admit(request);
        match admission {
            Admission::Enter(permit) => LimitedFuture::calling(self.inner.call(request), permit),
            Admission::Wait(acquire) => {
                // `poll_ready` was called on this inner service, so this is the one to call; its clone
                // may not be ready.
                let clone = self.inner.clone();
                let queued = QueuedCall {
                    inner: mem::replace(&mut self.inner, clone),
                    request,
                    refusal: self.limiter.0.refusal.clone(),
                };
                LimitedFuture::waiting(acquire, queued)
            }
            Admission::Refuse(problem) => {
                LimitedFuture::refusing(problem, request.method() == Method::HEAD)
            }
        }
    }
}

impl<K: Key> Clone for ConcurrencyLimiter<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Key, S: Clone> Clone for Limited<K, S> {
    fn clone(&self) -> Self {
        Self {
            limiter: self.limiter.clone(),
            inner: self.inner.clone(),
        }
    }
}

/// Only the limit, never a key.
impl<K: Key> fmt::Debug for ConcurrencyLimiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConcurrencyLimiter")
            .field(&self.0.limit)
            .finish()
    }
}

impl<K: Key, S: fmt::Debug> fmt::Debug for Limited<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("limiter", &self.limiter)
            .field("inner", &self.inner)
            .finish()
    }
}
