//! Which bodies pass: [`with_body_limit`] and its policy, [`BodyLimit`].

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};

use super::stream::LimitedBody;
use crate::{
    contract::{
        Breach, Description, IntoPolicy, Later, Middleware, Place, ReplyBody, Step, With, close,
        description::{Answer, BodyBound},
        stage, with,
    },
    wire::{ConfigError, Problem, RequestBody, read_body::announces_more},
};

/// The name of the layer.
const NAME: &str = "with_body_limit";

/// Bounds the bytes of a body and the time in which they arrive; see
/// [`body_limit`](crate::body_limit).
pub fn with_body_limit(limit: impl IntoPolicy<BodyLimit>) -> With<BodyLimit> {
    with(limit.into_policy())
}

/// Limits on a body: the policy of [`with_body_limit`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{BodyLimit, with_body_limit};
///
/// let limit = BodyLimit::bytes(64 * 1024)
///     .first_byte_within(Duration::from_secs(10))?
///     .idle(Duration::from_secs(5))?
///     .within(Duration::from_secs(60))?;
/// let layer = with_body_limit(limit);
///
/// // A time in which nothing can arrive is an error when it is set.
/// assert!(BodyLimit::bytes(1).idle(Duration::ZERO).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct BodyLimit(Arc<Limits>);

#[derive(Clone)]
pub(super) struct Limits {
    pub(super) max_bytes: usize,
    pub(super) times: Times,
    pub(super) too_large: Problem,
    pub(super) too_slow: Problem,
}

/// How long a reader waits for the client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) first_byte: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) min_rate: Option<(u64, Duration)>,
    pub(super) within: Option<Duration>,
}

impl Times {
    const fn are_set(&self) -> bool {
        self.first_byte.is_some()
            || self.idle.is_some()
            || self.min_rate.is_some()
            || self.within.is_some()
    }
}

impl BodyLimit {
    /// At most this many bytes, as they arrive: with their content coding, without the framing of
    /// HTTP. With 0, only an empty body passes.
    pub fn bytes(max: usize) -> Self {
        Self(Arc::new(Limits {
            max_bytes: max,
            times: Times::default(),
            too_large: Problem::large_body(max),
            too_slow: Problem::slow_body(),
        }))
    }

    /// The longest wait for the first byte.
    ///
    /// # Errors
    ///
    /// If it is zero.
    ///
    /// # Panics
    ///
    /// Not here, but when a reader waits outside of a tokio runtime, or in one whose timer is not
    /// enabled. The same applies to all times.
    pub fn first_byte_within(self, time: Duration) -> Result<Self, ConfigError> {
        let time = positive(time, "first_byte_within")?;
        Ok(self.change(|times| times.first_byte = Some(time)))
    }

    /// The longest wait between bytes. It also applies to the first byte, unless that has a
    /// [time of its own](Self::first_byte_within).
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn idle(self, time: Duration) -> Result<Self, ConfigError> {
        let time = positive(time, "idle")?;
        Ok(self.change(|times| times.idle = Some(time)))
    }

    /// The minimum rate in bytes per second, on average over the time that the reader has waited. It is
    /// not checked before the reader has waited for the grace period.
    ///
    /// # Errors
    ///
    /// If the rate is 0.
    pub fn min_rate(self, bytes_per_second: u64, grace: Duration) -> Result<Self, ConfigError> {
        if bytes_per_second == 0 {
            return Err(error("a rate of 0 bytes per second limits nothing"));
        }
        Ok(self.change(|times| times.min_rate = Some((bytes_per_second, grace))))
    }

    /// The longest wait for the whole body.
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn within(self, time: Duration) -> Result<Self, ConfigError> {
        let time = positive(time, "within")?;
        Ok(self.change(|times| times.within = Some(time)))
    }

    fn change(mut self, change: impl FnOnce(&mut Times)) -> Self {
        change(&mut Arc::make_mut(&mut self.0).times);
        self
    }

    fn bound(&self) -> BodyBound {
        let Times {
            first_byte,
            idle,
            min_rate,
            within,
        } = self.0.times;
        let mut bound = BodyBound::new().max_bytes(self.0.max_bytes.try_into().unwrap_or(u64::MAX));
        if let Some(time) = first_byte {
            bound = bound.first_byte_within(time);
        }
        if let Some(time) = idle {
            bound = bound.idle(time);
        }
        if let Some((rate, grace)) = min_rate {
            bound = bound.min_rate(rate, grace);
        }
        if let Some(time) = within {
            bound = bound.within(time);
        }
        bound
    }
}

fn positive(time: Duration, setter: &str) -> Result<Duration, ConfigError> {
    if time.is_zero() {
        return Err(error(format!(
            "`.{setter}(..)` of zero would reject every body: leave it out for no limit"
        )));
    }
    Ok(time)
}

fn error(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("BodyLimit", message)
}

impl Place for BodyLimit {
    type Stage = stage::Body;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let Limits {
            max_bytes,
            too_large,
            too_slow,
            ..
        } = &*self.0;
        let bound = self.bound();
        let too_large = Answer::of(too_large)
            .field(http::header::CONNECTION)
            .when(format!("when the body has more than {max_bytes} bytes"));
        let mut description = Description::new(self.name()).answer(too_large);
        if self.0.times.are_set() {
            let too_slow = Answer::of(too_slow)
                .field(http::header::CONNECTION)
                .when("when the body does not arrive in time");
            description = description.answer(too_slow);
        }
        description.bounds_body(bound)
    }
}

impl<B: RequestBody> Middleware<B> for BodyLimit {
    type Carry = Option<Breach>;

    fn before(&self, request: Request<B>) -> Later<Step<B, Option<Breach>>> {
        if request.body().is_end_stream() {
            return Step::next(request, None);
        }
        let limits = &*self.0;
        if announces_more(request.headers(), request.body(), limits.max_bytes) {
            let mut refusal: Response<Bytes> = limits.too_large.clone().into_response();
            close(request.version(), refusal.headers_mut());
            return Step::reply(refusal);
        }
        // The limit of axum's extractors would apply silently.
        #[cfg(feature = "axum")]
        let request = {
            let mut request = request;
            axum::extract::DefaultBodyLimit::disable().apply(&mut request);
            request
        };
        // What is in memory does not make anybody wait, and an exact length is enforced by the server.
        let is_timed = limits.times.are_set() && !request.body().is_in_memory();
        if !is_timed && request.body().size_hint().exact().is_some() {
            return Step::next(request, None);
        }
        let breach = Breach::new(&request);
        let limits = Arc::clone(&self.0);
        let note = breach.note();
        let request = request.map(|body| B::from_stream(LimitedBody::new(body, limits, note)));
        Step::next(request, Some(breach))
    }

    fn after<R: ReplyBody>(&self, breach: Option<Breach>, response: &mut Response<R>) {
        if let Some(breach) = breach {
            breach.replace(NAME, response);
        }
    }
}

impl fmt::Debug for BodyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyLimit({})", self.bound())
    }
}
