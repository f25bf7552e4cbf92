//! The bodies of forwarded requests and responses: they stream, and their time and bytes are bounded.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::{support::timer::poll_timer, wire::BoxError};

/// The body of a request on its way to the upstream. Trailers are dropped here, because they could be
/// fields that must not be forwarded.
pub(super) struct SentBody {
    body: Body,
    upload: Arc<Upload>,
}

/// How far the body of a request is.
pub(super) struct Upload(Mutex<UploadState>);

struct UploadState {
    /// The client has to send more.
    waits_for_client: bool,
    /// Since when it is the upstream's turn.
    since: Instant,
    /// Why the client's body has ended.
    error: Option<BoxError>,
}

impl Upload {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(UploadState {
            waits_for_client: false,
            since: Instant::now(),
            error: None,
        })))
    }

    /// Since when it is the upstream's turn.
    pub(super) fn since(&self) -> Instant {
        let state = self.lock();
        if state.waits_for_client {
            Instant::now()
        } else {
            state.since
        }
    }

    /// The error of the client's body.
    pub(super) fn take_error(&self) -> Option<BoxError> {
        self.lock().error.take()
    }

    fn lock(&self) -> MutexGuard<'_, UploadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SentBody {
    pub(super) const fn new(body: Body, upload: Arc<Upload>) -> Self {
        Self { body, upload }
    }
}

impl http_body::Body for SentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let mut state = self.upload.lock();
        state.waits_for_client = frame.is_pending();
        state.since = Instant::now();
        frame.map(|frame| match frame? {
            Ok(frame) if frame.is_data() => Some(Ok(frame)),
            Ok(_) => None,
            Err(error) => {
                state.error = Some(error.into());
                Some(Err("the body of the request has ended with an error".into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an upstream's response. Trailers are dropped here.
pub(super) struct ReceivedBody {
    /// `None` after an error: the connection is given up at once.
    body: Option<Incoming>,
    idle: Duration,
    /// The bytes that may still come.
    left: Option<u64>,
    /// Whether the reader waits for the next frame.
    waits: bool,
    /// The timer of the last wait, which is reused.
    timer: Option<Pin<Box<Sleep>>>,
}

impl ReceivedBody {
    pub(super) const fn new(body: Incoming, idle: Duration, max_bytes: Option<u64>) -> Self {
        Self {
            body: Some(body),
            idle,
            left: max_bytes,
            waits: false,
            timer: None,
        }
    }

    /// The client has already received a head without an error, so only the log can say what happened.
    fn fail(&mut self, error: BoxError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.body = None;
        #[cfg(feature = "tracing")]
        {
            let message = "the body of an upstream's response is incomplete";
            let cause: &(dyn std::error::Error + 'static) = &*error;
            let cause = super::client::Chain(cause);
            tracing::warn!(target: "wythe", layer = super::NAME, %cause, "{message}");
        }
        Poll::Ready(Some(Err(error)))
    }
}

impl http_body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            this.waits = false;
            let Some(frame) = frame else {
                return Poll::Ready(None);
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return this.fail(error.into()),
            };
            let Some(data) = frame.data_ref() else {
                return Poll::Ready(None);
            };
            if let Some(left) = &mut this.left {
                // No `Bytes` is longer than `u64::MAX`.
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                let Some(rest) = left.checked_sub(length) else {
                    return this.fail("the response is too large".into());
                };
                *left = rest;
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.idle)));
        if !this.waits {
            this.waits = true;
            let now = Instant::now();
            timer
                .as_mut()
                .reset(now.checked_add(this.idle).unwrap_or(now));
        }
        if poll_timer(timer.as_mut(), cx).is_pending() {
            return Poll::Pending;
        }
        this.fail("the response stalled".into())
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(none, Incoming::size_hint)
    }
}
