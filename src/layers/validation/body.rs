//! Reads a body into memory, counting on the stream.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::LengthLimitError;

/// Frames read before other tasks get their turn: a body that is always ready must not hold a
/// thread, even if it never ends.
const FRAMES_AT_ONCE: usize = 256;

/// A body that is being read.
pub(super) struct Reading {
    limit: usize,
    /// The first frame, uncopied: most bodies have no other.
    first: Bytes,
    all: Vec<u8>,
}

/// Why a body was not read.
pub(super) enum Failed {
    TooLarge,
    Broken(Box<dyn Error + Send + Sync>),
}

impl Reading {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            first: Bytes::new(),
            all: Vec::new(),
        }
    }

    /// Reads on, and stops at the first frame that goes over the limit.
    pub(super) fn poll<B>(
        &mut self,
        body: &mut B,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, Failed>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
    {
        for _ in 0..FRAMES_AT_ONCE {
            let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(cx)) else {
                return Poll::Ready(Ok(self.finish()));
            };
            let frame = frame.map_err(|error| Failed::by(error.into()))?;
            // What is not data is trailers, and parsers don't read these.
            if let Ok(data) = frame.into_data() {
                self.push(data)?;
            }
            if body.is_end_stream() {
                return Poll::Ready(Ok(self.finish()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn push(&mut self, mut data: impl Buf) -> Result<(), Failed> {
        let read = self.first.len().saturating_add(self.all.len());
        let total = read.saturating_add(data.remaining());
        if total > self.limit {
            return Err(Failed::TooLarge);
        }
        if read == 0 {
            // Without a copy where the frame is `Bytes` already.
            self.first = data.copy_to_bytes(data.remaining());
            return Ok(());
        }
        if self.all.is_empty() {
            // By what has come, never by what a client announces.
            self.all.reserve(total.saturating_mul(2).min(self.limit));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.put(data);
        Ok(())
    }

    fn finish(&mut self) -> Bytes {
        if self.all.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            Bytes::from(std::mem::take(&mut self.all))
        }
    }
}

impl Failed {
    /// A limit further out (of `http-body-util` or tower-http) shows as an error of the body.
    fn by(error: Box<dyn Error + Send + Sync>) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return Self::TooLarge;
            }
            cause = error.source();
        }
        Self::Broken(error)
    }
}

/// Whether a body says by itself that it is larger than the limit.
pub(super) fn announces_more(headers: &HeaderMap, body: &impl Body, limit: usize) -> bool {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let hint = body.size_hint();
    // A body that knows its size has it from `Content-Length`, or is in memory.
    let announced = hint
        .exact()
        .unwrap_or_else(|| content_length(headers).max(hint.lower()));
    announced > limit
}

fn content_length(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .filter(|length| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()));
    // RFC 9110, section 8.6: a length may be larger than any integer type.
    length.map_or(0, |length| length.parse().unwrap_or(u64::MAX))
}
