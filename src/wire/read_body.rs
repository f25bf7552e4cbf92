//! Reads a body into memory, up to a limit.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::LengthLimitError;

use super::{BodyLimitError, BoxError};

/// Whether the body has a content coding, such as compression (RFC 9110, section 8.4).
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// Whether a body announces that it is larger than the limit.
pub(crate) fn announces_more(headers: &HeaderMap, body: &impl Body, limit: usize) -> bool {
    announced_bytes(headers, body) > u64::try_from(limit).unwrap_or(u64::MAX)
}

/// How large a body announces to be; 0 if it does not say.
pub(crate) fn announced_bytes(headers: &HeaderMap, body: &impl Body) -> u64 {
    let hint = body.size_hint();
    // A body knows its size from `Content-Length`, or because it is in memory.
    hint.exact()
        .unwrap_or_else(|| content_length(headers).max(hint.lower()))
}

fn content_length(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .filter(|length| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()));
    // RFC 9110, section 8.6: a length may exceed any integer type.
    length.map_or(0, |length| length.parse().unwrap_or(u64::MAX))
}

/// How many frames are read before other tasks run: a body that is always ready must not block a
/// thread, even if it never ends.
const MAX_FRAMES_PER_POLL: usize = 256;

/// A body that is being read.
pub(crate) struct BodyReader {
    limit: usize,
    /// The first frame, not copied: most bodies have only one.
    first: Bytes,
    all: Vec<u8>,
}

/// Why a body was not read.
pub(crate) enum ReadError {
    TooLarge,
    TooSlow,
    Broken(BoxError),
}

impl BodyReader {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            first: Bytes::new(),
            all: Vec::new(),
        }
    }

    /// Reads on, and stops at the first frame that goes over the limit.
    pub(crate) fn poll<B>(
        &mut self,
        body: &mut B,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, ReadError>>
    where
        B: Body<Error: Into<BoxError>> + Unpin,
    {
        self.poll_each(body, cx, |_| {})
    }

    /// The same, and shows each part of the body as it arrives.
    pub(crate) fn poll_each<B>(
        &mut self,
        body: &mut B,
        cx: &mut Context<'_>,
        mut show: impl FnMut(&[u8]),
    ) -> Poll<Result<Bytes, ReadError>>
    where
        B: Body<Error: Into<BoxError>> + Unpin,
    {
        for _ in 0..MAX_FRAMES_PER_POLL {
            let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(cx)) else {
                return Poll::Ready(Ok(self.finish()));
            };
            let frame = frame.map_err(|error| ReadError::by(error.into()))?;
            // Any other frame holds trailers, which parsers do not read.
            if let Ok(data) = frame.into_data() {
                self.push(data, &mut show)?;
            }
            if body.is_end_stream() {
                return Poll::Ready(Ok(self.finish()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn push(&mut self, mut data: impl Buf, mut show: impl FnMut(&[u8])) -> Result<(), ReadError> {
        let read = self.first.len().saturating_add(self.all.len());
        let total = read.saturating_add(data.remaining());
        if total > self.limit {
            return Err(ReadError::TooLarge);
        }
        if read == 0 {
            // This does not copy if the frame is `Bytes` already.
            self.first = data.copy_to_bytes(data.remaining());
            show(&self.first);
            return Ok(());
        }
        if self.all.is_empty() {
            // By what has arrived, never by what a client announces.
            self.all.reserve(total.saturating_mul(2).min(self.limit));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        while data.has_remaining() {
            let part = data.chunk();
            show(part);
            self.all.extend_from_slice(part);
            let length = part.len();
            data.advance(length);
        }
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

impl ReadError {
    /// A limit further out (of `with_body_limit`, `http-body-util` or tower-http) appears as an error
    /// of the body.
    pub(crate) fn by(error: BoxError) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return Self::TooLarge;
            }
            if let Some(limit) = error.downcast_ref::<BodyLimitError>() {
                return if limit.is_too_slow() {
                    Self::TooSlow
                } else {
                    Self::TooLarge
                };
            }
            cause = error.source();
        }
        Self::Broken(error)
    }
}
