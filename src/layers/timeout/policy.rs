//! A deadline for each request: [`with_timeout`], its policy, service and future, and [`Deadline`].

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Extensions, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use super::stream::IdleService;
use crate::{
    contract::{
        Always, Description, Place, Placed, Provided, ReplyBody, description::Answer, finish,
        log_passing, placed, stage,
    },
    support::timer::poll_timer,
    wire::{ConfigError, Problem},
};

/// The name of the layer.
pub(super) const NAME: &str = "with_timeout";

/// No request is meant to take longer, and no clock overflows within this time.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Cancels requests that take too long; see [`timeout`](crate::timeout).
pub const fn with_timeout<I>(timeout: Timeout<I>) -> Placed<Timeout<I>> {
    placed(timeout)
}

/// How long a request may take: the policy of [`with_timeout`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{Timeout, with_timeout};
///
/// let answer = with_timeout(Timeout::after(Duration::from_secs(10))?);
/// let events = Timeout::after(Duration::from_secs(10))?.idle(Duration::from_secs(60))?;
/// let upstream = with_timeout(Timeout::after(Duration::from_secs(30))?.gateway());
///
/// // A time in which nothing can be answered is an error at once.
/// assert!(Timeout::after(Duration::ZERO).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Timeout<I = NoIdle> {
    time: Duration,
    status: StatusCode,
    retry_after: Option<Duration>,
    refusal: Problem,
    idle: I,
}

/// A [`Timeout`] that ends with the head of the response.
#[derive(Clone, Copy, Debug)]
pub struct NoIdle(());

/// A [`Timeout`] that also ends a body that stalls.
#[derive(Clone, Copy, Debug)]
pub struct Idle(Duration);

impl Timeout {
    /// The maximum time until the head of the response.
    ///
    /// # Errors
    ///
    /// If it is zero, or longer than a year.
    ///
    /// # Panics
    ///
    /// Not here, but when a request has to wait outside a tokio runtime, or in one whose timer is not
    /// enabled.
    pub fn after(time: Duration) -> Result<Self, ConfigError> {
        check(time, "Timeout::after")?;
        let timeout = Self {
            time,
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
            refusal: Problem::new(StatusCode::SERVICE_UNAVAILABLE),
            idle: NoIdle(()),
        };
        Ok(timeout.rebuild())
    }

    /// The maximum time between two frames of the response's body, and before the first one. After it,
    /// the body ends with an error, and the client can tell that the body is incomplete.
    ///
    /// The time runs only while the server waits for the handler, not while the client reads.
    ///
    /// Do not use it for streams that may be silent, such as server-sent events without keep-alive
    /// comments.
    ///
    /// # Errors
    ///
    /// If it is zero, or longer than a year.
    pub fn idle(self, time: Duration) -> Result<Timeout<Idle>, ConfigError> {
        check(time, "idle")?;
        Ok(Timeout {
            time: self.time,
            status: self.status,
            retry_after: self.retry_after,
            refusal: self.refusal,
            idle: Idle(time),
        })
    }
}

impl<I> Timeout<I> {
    /// Answers 504 instead of 503: for handlers that wait for another server (RFC 9110, section 15.6.5).
    pub fn gateway(mut self) -> Self {
        self.status = StatusCode::GATEWAY_TIMEOUT;
        self.rebuild()
    }

    /// The time in `Retry-After`: in whole seconds, rounded up, and at least one. By default the field is
    /// not sent.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self.rebuild()
    }

    fn rebuild(mut self) -> Self {
        let refusal = Problem::new(self.status).reason("timeout");
        let refusal = refusal.detail(if self.status == StatusCode::GATEWAY_TIMEOUT {
            "Another server did not answer in time. The request may have had an effect."
        } else {
            "The server did not finish in time. The request may have had an effect."
        });
        self.refusal = match self.retry_after {
            Some(time) => refusal.retry_after(time),
            None => refusal,
        };
        self
    }

    fn timed<S>(&self, inner: S) -> TimedService<S> {
        TimedService {
            inner,
            time: self.time,
            refusal: self.refusal.clone(),
        }
    }
}

fn check(time: Duration, setter: &str) -> Result<(), ConfigError> {
    let error = |message: String| Err(ConfigError::new("Timeout", Cow::Owned(message)));
    if time.is_zero() {
        return error(format!(
            "`{setter}(..)` of zero would let nothing finish in time: leave it out for no limit"
        ));
    }
    if time > MAX_TIMEOUT {
        return error(format!(
            "`{setter}(..)` of more than a year limits nothing: leave it out for no limit"
        ));
    }
    Ok(())
}

/// The time by which a request has to be answered. [`with_timeout`] provides it.
///
/// A handler takes it as an argument and passes it on: see [`timeout`](crate::timeout).
///
/// # Example: less time for a query than for the request
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{Deadline, Problem};
///
/// async fn count(deadline: Deadline) -> Result<String, Problem> {
///     // Half a second is left for what comes after the query.
///     let time = deadline.remaining().saturating_sub(Duration::from_millis(500));
///     let query = async { Ok::<_, std::io::Error>(7) };
///     let rows = tokio::time::timeout(time, query).await.map_err(Problem::unavailable)?;
///     Ok(rows.map_err(Problem::internal)?.to_string())
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The remaining time; zero if the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The remaining time, but at most this.
    #[must_use]
    pub fn at_most(&self, time: Duration) -> Duration {
        self.remaining().min(time)
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.remaining().is_zero()
    }
}

impl Provided for Deadline {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

impl<I> Place for Timeout<I> {
    type Stage = stage::Admit;
    type Provides = Always<Deadline>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let refusal = Answer::of(&self.refusal)
            .when(format!("when there is no response after {:?}", self.time))
            .not_provoked("the handlers answer in time");
        Description::new(self.name())
            .bounds_time(self.time)
            .answer(refusal)
    }
}

impl<S> Layer<S> for Timeout {
    type Service = TimedService<S>;

    fn layer(&self, inner: S) -> TimedService<S> {
        self.timed(inner)
    }
}

impl<S> Layer<S> for Timeout<Idle> {
    type Service = IdleService<S>;

    fn layer(&self, inner: S) -> IdleService<S> {
        IdleService::new(self.timed(inner), self.idle.0)
    }
}

/// A service that cancels calls that take too long.
///
/// It is not a [`Middleware`](crate::Middleware), because it races the inner service against a timer.
#[derive(Clone, Debug)]
pub struct TimedService<S> {
    inner: S,
    time: Duration,
    refusal: Problem,
}

impl<S, B, R> Service<Request<B>> for TimedService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = TimedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let now = Instant::now();
        let until = now.checked_add(self.time).unwrap_or(now);
        let head_only = request.method() == Method::HEAD;
        let deadline = Deadline(until);
        let outer: Option<Deadline> = request.extensions().get().copied();
        if outer.is_none_or(|outer| deadline < outer) {
            request.extensions_mut().insert(deadline);
        }
        TimedFuture {
            state: TimedState::Calling {
                call: self.inner.call(request),
                until,
                sleep: None,
                refusal: self.refusal.clone(),
                head_only,
            },
        }
    }
}

pin_project! {
    /// The response future of [`TimedService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TimedFuture<F> {
        #[pin]
        state: TimedState<F>,
    }
}

pin_project! {
    #[project = TimedStateProjection]
    enum TimedState<F> {
        Calling {
            #[pin]
            call: F,
            until: Instant,
            // `None` until the first poll that has to wait: an immediate answer needs no timer.
            #[pin]
            sleep: Option<Sleep>,
            refusal: Problem,
            head_only: bool,
        },
        Done,
    }
}

impl<F, R, E> Future for TimedFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let TimedStateProjection::Calling {
            call,
            until,
            mut sleep,
            refusal,
            head_only,
        } = state.as_mut().project()
        else {
            // Polled again after completion, for which `Future` specifies no behavior: staying pending
            // is harmless.
            return Poll::Pending;
        };
        // The call is polled first: an answer that is ready at the deadline is not thrown away.
        if let Poll::Ready(response) = call.poll(cx) {
            let mut response = response?;
            log_passing(&mut response);
            return Poll::Ready(Ok(response));
        }
        if sleep.is_none() {
            sleep.set(Some(sleep_until(*until)));
        }
        if let Some(sleep) = sleep.as_pin_mut() {
            ready!(poll_timer(sleep, cx));
        }
        let refusal = finish(NAME, refusal.clone().into(), *head_only);
        // Drops the work before the client is answered.
        state.set(TimedState::Done);
        Poll::Ready(Ok(refusal.map(R::from)))
    }
}

impl<I: fmt::Debug> fmt::Debug for Timeout<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("time", &self.time)
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

/// Shows the remaining time.
impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&self.remaining()).finish()
    }
}

impl<F> fmt::Debug for TimedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedFuture").finish_non_exhaustive()
    }
}
