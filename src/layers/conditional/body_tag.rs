//! Makes the tag of a response from its body, if the body is in memory.
//!
//! The future is written by hand, because it reads the body of the response.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode, header, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};
use tower_service::Service;

use super::validators::is_read;
use crate::{
    contract::ReplyBody,
    wire::{
        Problem,
        field::{entity_tag::ETag, media_type::MediaType},
    },
};

impl ETag {
    /// The strong tag of these bytes: half of their SHA-256, in hexadecimal digits. It is the same on every
    /// instance.
    // Not SipHash, which is faster: with a key that all instances know, clients that write a part of the
    // body could make two bodies with the same tag.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let digits = hash.iter().take(16).flat_map(|byte| {
            let digit = |index: u8| DIGITS.get(usize::from(index)).copied().unwrap_or_default();
            [digit(byte >> 4), digit(byte & 0xf)]
        });
        let mut text = [b'0'; 32];
        for (character, digit) in text.iter_mut().zip(digits) {
            *character = digit;
        }
        // Digits can be in a tag.
        Self::strong(text).unwrap_or_else(|_| Self::version(0))
    }
}

/// A service whose responses get a tag made from their body, if they have none.
#[derive(Clone, Debug)]
pub struct Tagged<S> {
    inner: S,
    max_bytes: Option<usize>,
}

impl<S> Tagged<S> {
    pub(super) const fn new(inner: S, max_bytes: Option<usize>) -> Self {
        Self { inner, max_bytes }
    }
}

impl<S, B, R> Service<Request<B>> for Tagged<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = TaggedFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let max_bytes = self.max_bytes.filter(|_| is_read(request.method()));
        let call = self.inner.call(request);
        TaggedFuture {
            state: TagState::Calling { call, max_bytes },
        }
    }
}

pin_project! {
    /// The response future of [`Tagged`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TaggedFuture<F, R> {
        #[pin]
        state: TagState<F, R>,
    }
}

pin_project! {
    #[project = TagStateProjection]
    enum TagState<F, R> {
        Calling {
            #[pin]
            call: F,
            max_bytes: Option<usize>,
        },
        // Boxed, because it would make every future larger.
        Reading {
            reading: Pin<Box<Reading<R>>>,
        },
        Done,
    }
}

pin_project! {
    /// A short body that is being read.
    struct Reading<R> {
        #[pin]
        body: R,
        head: Option<Parts>,
        length: usize,
        read: BytesMut,
    }
}

impl<F, R, E> Future for TaggedFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let reading = match state.as_mut().project() {
                TagStateProjection::Calling { call, max_bytes } => {
                    let response = ready!(call.poll(cx))?;
                    let length = max_bytes.and_then(|max| length_to_tag(&response, max));
                    let Some(length) = length else {
                        return Poll::Ready(Ok(response));
                    };
                    let (head, body) = response.into_parts();
                    Box::pin(Reading {
                        body,
                        head: Some(head),
                        length,
                        read: BytesMut::new(),
                    })
                }
                TagStateProjection::Reading { reading } => {
                    let response = ready!(reading.as_mut().poll_tagged(cx));
                    state.set(TagState::Done);
                    return Poll::Ready(Ok(response));
                }
                // Polled again after it was ready, which the contract of `Future` leaves open.
                TagStateProjection::Done => return Poll::Pending,
            };
            state.set(TagState::Reading { reading });
        }
    }
}

/// The length of the body, if the response is to get a tag of it. The body of a response to `HEAD` is
/// empty where a handler leaves it out, so an empty body has no tag.
fn length_to_tag<R: Body>(response: &Response<R>, max_bytes: usize) -> Option<usize> {
    let length = usize::try_from(response.body().size_hint().exact()?).ok()?;
    let fits = (1..=max_bytes).contains(&length);
    let is_whole = response.status() == StatusCode::OK;
    (fits && is_whole && needs_tag(response.headers())).then_some(length)
}

fn needs_tag(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| MediaType::parse(value.as_bytes()));
    let is_stream = media_type.is_some_and(|media_type| media_type.is("text", "event-stream"));
    !headers.contains_key(header::ETAG) && !is_stream
}

impl<R: ReplyBody> Reading<R> {
    /// The response with its tag. A body that fails is a 500: what was read of it is gone.
    fn poll_tagged(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<R>> {
        let mut this = self.project();
        let body = loop {
            let frame = match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                None if this.read.len() == *this.length => break mem::take(this.read).freeze(),
                Some(Err(_)) | None => return Poll::Ready(failed()),
            };
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            // A body in memory has one frame; it is not copied.
            if this.read.is_empty() && data.remaining() == *this.length {
                break data.copy_to_bytes(data.remaining());
            }
            if data.remaining() > this.length.saturating_sub(this.read.len()) {
                return Poll::Ready(failed());
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                let read = chunk.len();
                this.read.extend_from_slice(chunk);
                data.advance(read);
            }
        };
        let Some(mut head) = this.head.take() else {
            // Polled again after it was ready.
            return Poll::Pending;
        };
        ETag::of_bytes(&body).insert_into(&mut head.headers);
        Poll::Ready(Response::from_parts(head, R::from(body)))
    }
}

#[cold]
fn failed<R: From<Bytes>>() -> Response<R> {
    let problem = Problem::internal("the body of the response failed while its tag was made");
    problem.into_response().map(R::from)
}

impl<F, R> fmt::Debug for TaggedFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaggedFuture").finish_non_exhaustive()
    }
}
