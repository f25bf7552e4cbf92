//! A body in frames.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};

/// A body: all of it at once, or frame by frame with a wait before each.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    left: VecDeque<Bytes>,
    slow: bool,
    waited: bool,
}

impl Frames {
    /// A body in frames of this size, each of which has to be waited for.
    pub fn slow(data: &[u8], size: u8) -> Self {
        let frames = data.chunks(usize::from(size).max(1));
        Self {
            left: frames.map(Bytes::copy_from_slice).collect(),
            slow: true,
            waited: false,
        }
    }

    /// All of it.
    pub(crate) async fn read(mut self) -> Bytes {
        let mut all = Vec::new();
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            all.extend(frame.into_data().unwrap_or_default());
        }
        all.into()
    }
}

impl From<Bytes> for Frames {
    fn from(data: Bytes) -> Self {
        Self {
            left: VecDeque::from([data]),
            ..Self::default()
        }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.waited = !self.waited;
        if self.slow && self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.left.pop_front().map(|data| Ok(Frame::data(data))))
    }
}
