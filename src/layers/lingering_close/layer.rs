//! Keeps reading the rest of a body: [`with_lingering_close`], and the body that detects it.

use std::{
    borrow::Cow,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version, header};
use http_body::{Body, Frame, SizeHint};
use tokio::{runtime::Handle, sync::Semaphore, task::consume_budget, time::timeout};

use crate::{
    contract::{
        Description, IntoPolicy, Later, Middleware, Place, ReplyBody, Step, With, close, stage,
        with,
    },
    wire::{BoxError, ConfigError, RequestBody},
};

/// The name of the layer.
const NAME: &str = "with_lingering_close";

/// Keeps reading for a while after an early answer; see [`lingering_close`](crate::lingering_close).
pub fn with_lingering_close(policy: impl IntoPolicy<LingeringClose>) -> With<LingeringClose> {
    with(policy.into_policy())
}

/// How much of a body is read after the answer, and for how long: the policy of
/// [`with_lingering_close`].
///
/// Clones share the count of bodies that are being read.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{LingeringClose, with_lingering_close};
///
/// let policy = LingeringClose::new()
///     .max_bytes(4 * 1024 * 1024)
///     .within(Duration::from_secs(2))
///     .max_at_once(64)?;
/// let layer = with_lingering_close(policy);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct LingeringClose {
    max_bytes: u64,
    within: Duration,
    max_at_once: usize,
    permits: Arc<Semaphore>,
}

impl LingeringClose {
    /// 1 MiB of each body, for 5 seconds, and 256 bodies at a time.
    pub fn new() -> Self {
        const DEFAULT_MAX: usize = 256;
        Self {
            max_bytes: 1024 * 1024,
            within: Duration::from_secs(5),
            max_at_once: DEFAULT_MAX,
            permits: Arc::new(Semaphore::new(DEFAULT_MAX)),
        }
    }

    /// How many bytes of each body are read after the answer. With 0, the connection is closed
    /// immediately.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// For how long each body is read after the answer.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// How many bodies are read at the same time. This resets the count.
    ///
    /// # Errors
    ///
    /// If it is more than tokio's `Semaphore` can count: `usize::MAX >> 3`.
    pub fn max_at_once(mut self, bodies: usize) -> Result<Self, ConfigError> {
        if bodies > Semaphore::MAX_PERMITS {
            let max = Semaphore::MAX_PERMITS;
            let message = Cow::Owned(format!("at most {max} bodies can be counted"));
            return Err(ConfigError::new("LingeringClose", message));
        }
        self.max_at_once = bodies;
        self.permits = Arc::new(Semaphore::new(bodies));
        Ok(self)
    }

    /// The number of bodies that are being read at this moment.
    #[must_use]
    pub fn in_progress(&self) -> usize {
        self.max_at_once
            .saturating_sub(self.permits.available_permits())
    }

    /// Watches the body of a request, if there is one.
    #[inline]
    pub(crate) fn watch<B: RequestBody>(&self, request: Request<B>) -> (Request<B>, Option<Watch>) {
        if request.body().is_end_stream() {
            return (request, None);
        }
        let (request, watch) = self.watch_body(request);
        (request, Some(watch))
    }

    fn watch_body<B: RequestBody>(&self, request: Request<B>) -> (Request<B>, Watch) {
        let watch = Arc::new(Watched {
            policy: self.clone(),
            awaits_invitation: awaits_invitation(request.headers()),
            state: AtomicU8::new(UNREAD),
        });
        let version = request.version();
        let request = request.map(|body| {
            B::from_stream(WatchedBody {
                body: Some(body),
                watch: Arc::clone(&watch),
            })
        });
        (request, Watch { watch, version })
    }

    /// Reads the rest of a body in its own task. `false` if the limit is reached, or there is no
    /// runtime.
    fn read_on<B: RequestBody>(&self, body: B) -> bool {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let (Ok(permit), Ok(runtime)) = (permit, Handle::try_current()) else {
            return false;
        };
        let left = self.max_bytes;
        let within = self.within;
        // Nobody waits for the task: it ends by itself.
        drop(runtime.spawn(async move {
            drop(timeout(within, discard(body, left)).await);
            drop(permit);
        }));
        true
    }
}

/// Whether the client sends the body only when it is asked to (RFC 9110, section 10.1.1).
fn awaits_invitation(headers: &HeaderMap) -> bool {
    let expect = headers.get(header::EXPECT);
    expect.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Reads a body to its end, or until it has yielded more bytes than this.
async fn discard<B: RequestBody>(mut body: B, mut left: u64) {
    let mut next = async || {
        poll_fn(|cx| {
            let frame = ready!(Pin::new(&mut body).poll_frame(cx)).and_then(Result::ok);
            Poll::Ready(frame.map(|frame| frame.data_ref().map_or(0, Bytes::len)))
        })
        .await
    };
    while let Some(length) = next().await {
        match left.checked_sub(u64::try_from(length).unwrap_or(u64::MAX)) {
            Some(rest) => left = rest,
            None => return,
        }
        // A body that is always ready must not block a thread.
        consume_budget().await;
    }
}

/// Nothing of the body has been read yet.
const UNREAD: u8 = 0;
/// Reading has begun.
const BEGUN: u8 = 1;
/// The body has ended or failed, or the rest of it will be read.
const SETTLED: u8 = 2;
/// The body was dropped before its end, and the connection can't be reused.
const CLOSES: u8 = 3;

/// State that a body and its request share.
struct Watched {
    policy: LingeringClose,
    awaits_invitation: bool,
    state: AtomicU8,
}

/// Determines, when the response is ready, whether the connection can be reused.
pub struct Watch {
    watch: Arc<Watched>,
    version: Version,
}

impl Watch {
    pub(crate) fn finish<R>(self, response: &mut Response<R>) {
        if self.watch.state.load(Ordering::Acquire) == CLOSES {
            close(self.version, response.headers_mut());
        }
    }
}

/// A body that, when it is dropped, hands over its rest to be read.
struct WatchedBody<B: RequestBody> {
    body: Option<B>,
    watch: Arc<Watched>,
}

impl<B: RequestBody> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        let Watched {
            policy,
            awaits_invitation,
            state,
        } = &*self.watch;
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        let fits = body.size_hint().exact();
        let fits = fits.is_some_and(|left| left <= policy.max_bytes);
        let waits = *awaits_invitation && state.load(Ordering::Acquire) == UNREAD;
        let is_settled = !waits && policy.max_bytes > 0 && policy.read_on(body) && fits;
        let next = if is_settled { SETTLED } else { CLOSES };
        state.store(next, Ordering::Release);
    }
}

impl<B: RequestBody> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.watch.awaits_invitation {
            self.watch.state.store(BEGUN, Ordering::Release);
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(none, Body::size_hint)
    }
}

impl Place for LingeringClose {
    type Stage = stage::Observe;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        Description::new(self.name()).field(header::CONNECTION)
    }
}

impl<B: RequestBody> Middleware<B> for LingeringClose {
    type Carry = Option<Watch>;

    fn before(&self, request: Request<B>) -> Later<Step<B, Option<Watch>>> {
        let (request, watch) = self.watch(request);
        Step::next(request, watch)
    }

    fn after<R: ReplyBody>(&self, watch: Option<Watch>, response: &mut Response<R>) {
        if let Some(watch) = watch {
            watch.finish(response);
        }
    }
}

impl Default for LingeringClose {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LingeringClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LingeringClose")
            .field("max_bytes", &self.max_bytes)
            .field("within", &self.within)
            .field("max_at_once", &self.max_at_once)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
