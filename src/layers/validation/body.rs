//! Reads a body into memory, if its header fields and its size allow it.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body;
use http_body_util::LengthLimitError;

use super::{input::Format, parse::Encoding};
use crate::wire::{
    Problem,
    field::{
        media_type::{Charset, MediaType},
        only_line,
    },
};

/// How a body is encoded by its `Content-Type`, or why it is not read.
pub(super) fn encoding(
    format: Format,
    headers: &HeaderMap,
    empty: bool,
    refusals: &Refusals,
) -> Result<Encoding, Problem> {
    // Two lines are the same as one with a comma, and that is not a media type.
    let field = only_line(headers, header::CONTENT_TYPE)
        .map_err(|_repeated| refusals.malformed_type.clone())?;
    let Some(field) = field else {
        let missing = if empty {
            &refusals.no_body
        } else {
            &refusals.no_type
        };
        return Err(missing.clone());
    };
    // What nearly every client sends.
    if field == "application/json" && format != Format::Form {
        return Ok(Encoding::Json);
    }
    let Some(media_type) = MediaType::parse(field.as_bytes()) else {
        return Err(refusals.malformed_type.clone());
    };
    let encoding = encoding_of(&media_type)
        .filter(|encoding| encoding.is_accepted_by(format))
        .ok_or_else(|| refusals.wrong_type.clone())?;
    match media_type.charset() {
        None | Some(Charset::Utf8) => Ok(encoding),
        Some(Charset::Other) => Err(refusals.charset.clone()),
    }
}

/// How a body is encoded where its content type is not checked.
pub(super) fn guess_encoding(format: Format, headers: &HeaderMap) -> Encoding {
    let declared = headers
        .get(header::CONTENT_TYPE)
        .and_then(|field| encoding_of(&MediaType::parse(field.as_bytes())?));
    match format {
        Format::Json => Encoding::Json,
        Format::Form => Encoding::Form,
        Format::Query => Encoding::Query,
        Format::JsonOrForm => declared.unwrap_or(Encoding::Json),
    }
}

fn encoding_of(media_type: &MediaType<'_>) -> Option<Encoding> {
    if media_type.is_json() {
        Some(Encoding::Json)
    } else if media_type.is("application", "x-www-form-urlencoded") {
        Some(Encoding::Form)
    } else {
        None
    }
}

/// Whether the body has a content coding, such as compression (RFC 9110, section 8.4).
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// Whether a body announces that it is larger than the limit.
pub(super) fn announces_more(headers: &HeaderMap, body: &impl Body, limit: usize) -> bool {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let hint = body.size_hint();
    // A body knows its size from `Content-Length`, or because it is in memory.
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
    // RFC 9110, section 8.6: a length may exceed any integer type.
    length.map_or(0, |length| length.parse().unwrap_or(u64::MAX))
}

/// How many frames are read before other tasks run: a body that is always ready must not block a
/// thread, even if it never ends.
const MAX_FRAMES_PER_POLL: usize = 256;

/// A body that is being read.
pub(super) struct BodyReader {
    limit: usize,
    /// The first frame, not copied: most bodies have only one.
    first: Bytes,
    all: Vec<u8>,
}

/// Why a body was not read.
pub(super) enum ReadError {
    TooLarge,
    Broken(Box<dyn Error + Send + Sync>),
}

impl BodyReader {
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
    ) -> Poll<Result<Bytes, ReadError>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
    {
        for _ in 0..MAX_FRAMES_PER_POLL {
            let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(cx)) else {
                return Poll::Ready(Ok(self.finish()));
            };
            let frame = frame.map_err(|error| ReadError::by(error.into()))?;
            // Any other frame holds trailers, which parsers do not read.
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

    fn push(&mut self, mut data: impl Buf) -> Result<(), ReadError> {
        let read = self.first.len().saturating_add(self.all.len());
        let total = read.saturating_add(data.remaining());
        if total > self.limit {
            return Err(ReadError::TooLarge);
        }
        if read == 0 {
            // This does not copy if the frame is `Bytes` already.
            self.first = data.copy_to_bytes(data.remaining());
            return Ok(());
        }
        if self.all.is_empty() {
            // By what has arrived, never by what a client announces.
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

impl ReadError {
    /// A limit further out (of `http-body-util` or tower-http) appears as an error of the body.
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

/// The refusals of one policy that are always the same, built once.
#[derive(Clone)]
pub(super) struct Refusals {
    pub(super) too_large: Problem,
    pub(super) content_coding: Problem,
    pub(super) no_body: Problem,
    no_type: Problem,
    malformed_type: Problem,
    pub(super) wrong_type: Problem,
    charset: Problem,
}

impl Refusals {
    pub(super) fn new(format: Format, max_body_bytes: usize) -> Self {
        let accepted = format.media_types().join(", ");
        // Media types are visible ASCII.
        let field = HeaderValue::try_from(&accepted);
        let field = field.unwrap_or_else(|_| HeaderValue::from_static("*/*"));
        let media_type = |what: &str| {
            // RFC 9110, section 15.5.16: tells the client what is accepted.
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .reason("media_type")
                .detail(format!("{what}; accepted: {accepted}."))
                .header(header::ACCEPT, field.clone())
        };
        Self {
            too_large: Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
                .reason("too_large")
                .detail(format!(
                    "The body must not be larger than {max_body_bytes} bytes."
                ))
                .extension("max_body_bytes", max_body_bytes),
            no_body: Problem::new(StatusCode::BAD_REQUEST)
                .reason("no_body")
                .detail(format!("The request has no body; expected: {accepted}.")),
            no_type: media_type("The request has no `Content-Type`"),
            malformed_type: media_type("The `Content-Type` is not a single well-formed media type"),
            wrong_type: media_type("The `Content-Type` is not supported"),
            charset: media_type("The charset of the body must be UTF-8"),
            content_coding: Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .reason("content_coding")
                .detail("The body must not have a content coding such as compression.")
                .header(
                    header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                ),
        }
    }
}
