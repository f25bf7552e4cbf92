//! Keeps a permit until the body of a response has ended.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::gate::Permit;

pin_project! {
    /// The body of a response that counts as in progress until it has ended, failed, or been
    /// dropped.
    ///
    /// It is the handler's body in all other respects, and takes no memory of its own. A layer
    /// further out makes one `From<Bytes>` for an answer of its own, which counts as nothing.
    pub struct Guarded<R> {
        // Dropped in this order: a place is free when what was done in it is gone.
        #[pin]
        body: R,
        permit: Option<Permit>,
    }
}

impl<R: Body> Guarded<R> {
    pub(super) fn new(body: R, permit: Option<Permit>) -> Self {
        let permit = permit.filter(|_| !body.is_end_stream());
        Self { body, permit }
    }
}

impl<R: Body> Body for Guarded<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        // A server that knows the length does not ask again after the last frame, and may keep
        // the body for as long as it takes to send it.
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            *this.permit = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<R: From<Bytes>> From<Bytes> for Guarded<R> {
    fn from(bytes: Bytes) -> Self {
        Self {
            body: R::from(bytes),
            permit: None,
        }
    }
}

/// Without the bytes: a body may hold a password.
impl<R> fmt::Debug for Guarded<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("counts", &self.permit.is_some())
            .finish_non_exhaustive()
    }
}
