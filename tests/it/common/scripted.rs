//! A body that follows a script.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body whose frames and declared length are set independently. The error `"panic"` makes it
/// panic.
#[derive(Debug)]
pub struct Scripted {
    pub frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    pub length: Option<u64>,
}

impl Scripted {
    /// These chunks, with this declared length.
    pub fn data(chunks: &[&'static [u8]], length: Option<u64>) -> Self {
        let frames = chunks
            .iter()
            .map(|chunk| Ok(Frame::data(Bytes::from_static(chunk))));
        Self {
            frames: frames.collect(),
            length,
        }
    }

    /// The same, followed by one more frame.
    #[must_use]
    pub fn then(mut self, frame: Result<Frame<Bytes>, &'static str>) -> Self {
        self.frames.push_back(frame);
        self
    }
}

impl From<Bytes> for Scripted {
    fn from(bytes: Bytes) -> Self {
        let length = u64::try_from(bytes.len()).ok();
        Self {
            frames: [Ok(Frame::data(bytes))].into(),
            length,
        }
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.frames.pop_front() {
            Some(Err("panic")) => panic!("the body panics"),
            frame => Poll::Ready(frame),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
