//! Decompresses a body while it is read, and stops when too much comes out.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
    mem,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::Empty;
use pin_project_lite::pin_project;
use tower_http::decompression::{DecompressionBody, RequestDecompression};
use tower_service::Service;

use super::{codings::Coding, policy::Limits};
use crate::wire::{BodyLimitError, BoxError, Problem, RequestBody};

/// The request with its body decompressed; `None` if tower-http does not know the coding.
pub(super) fn decompress<B: RequestBody>(
    mut request: Request<B>,
    coding: Coding,
    limits: Arc<Limits>,
    note: Arc<OnceLock<Problem>>,
) -> Option<Request<B>> {
    // The decoders compare the name as it is, and look at one line.
    let name = HeaderValue::from_static(coding.name());
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_ENCODING, name);
    // They are of the compressed bytes (RFC 9530, sections 2 and 3), which nothing inside sees.
    for digest in ["content-digest", "repr-digest", "content-md5", "digest"] {
        headers.remove(digest);
    }
    // The decoders are available only through a service, which immediately calls the inner one with the
    // new body.
    let caught = Cell::new(None);
    drop(RequestDecompression::new(Catch(&caught)).call(request.map(Compressed::new)));
    let request = caught.into_inner()?;
    Some(request.map(|body| {
        B::from_stream(Decompressed {
            body: Some(body),
            given: 0,
            limits,
            note,
        })
    }))
}

/// A service that keeps the request.
struct Catch<'a, B>(&'a Cell<Option<Request<B>>>);

impl<B> Service<Request<B>> for Catch<'_, B> {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.set(Some(request));
        ready(Ok(Response::default()))
    }
}

pin_project! {
    /// What comes out of a decoder.
    struct Decompressed<B: RequestBody> {
        // `None` after an error: what is left is given up at once.
        #[pin]
        body: Option<DecompressionBody<Compressed<B>>>,
        given: u64,
        limits: Arc<Limits>,
        note: Arc<OnceLock<Problem>>,
    }
}

impl<B: RequestBody> Body for Decompressed<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(body.poll_frame(cx));
        let Compressed { read, failed, .. } = match this.body.as_ref().get_ref() {
            Some(body) => body.get_ref(),
            None => return Poll::Ready(None),
        };
        let (problem, error) = match frame {
            None => return Poll::Ready(None),
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                *this.given = this.given.saturating_add(length);
                match this.limits.check(*this.given, *read) {
                    Ok(()) => return Poll::Ready(Some(Ok(frame))),
                    Err(problem) => (Some(problem.clone()), BodyLimitError::TOO_LARGE.into()),
                }
            }
            // The error of the body itself, such as that of a limit further out.
            Some(Err(error)) if *failed => (None, error),
            Some(Err(error)) => {
                let cause = error.to_string();
                (Some(this.limits.malformed.clone().because(cause)), error)
            }
        };
        this.body.set(None);
        if let Some(problem) = problem {
            // The first reason stays.
            drop(this.note.set(problem));
        }
        Poll::Ready(Some(Err(error)))
    }
}

/// What goes into a decoder.
///
/// The last byte is held back until the body ends, and then given alone. A decoder that is done before
/// it has not asked for it, and tower-http reports what is left: so nothing can follow the compressed
/// data unnoticed.
struct Compressed<B> {
    body: B,
    /// How many bytes have arrived.
    read: u64,
    /// The body itself has failed.
    failed: bool,
    last: Bytes,
    next: Option<Frame<Bytes>>,
}

impl<B> Compressed<B> {
    const fn new(body: B) -> Self {
        Self {
            body,
            read: 0,
            failed: false,
            last: Bytes::new(),
            next: None,
        }
    }

    /// Gives a frame, after the byte that was held back.
    fn give(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        if !self.last.is_empty() {
            self.next = Some(frame);
            return Some(Frame::data(mem::take(&mut self.last)));
        }
        match frame.into_data() {
            Err(trailers) => Some(trailers),
            Ok(mut data) => {
                let end = data.len().saturating_sub(1);
                self.last = data.split_off(end);
                (!data.is_empty()).then(|| Frame::data(data))
            }
        }
    }
}

impl<B: RequestBody> Body for Compressed<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let frame = match self.next.take() {
                Some(frame) => frame,
                None => match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        let length = frame.data_ref().map_or(0, Bytes::len);
                        let length = u64::try_from(length).unwrap_or(u64::MAX);
                        self.read = self.read.saturating_add(length);
                        frame
                    }
                    Some(Err(error)) => {
                        self.failed = true;
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    None if self.last.is_empty() => return Poll::Ready(None),
                    None => {
                        let last = mem::take(&mut self.last);
                        return Poll::Ready(Some(Ok(Frame::data(last))));
                    }
                },
            };
            if let Some(frame) = self.give(frame) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }
}
