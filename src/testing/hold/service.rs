//! The service around the one that is tested: [`HeldService`].

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Frame, SizeHint};
use tower_service::Service;

use super::{Content, Holding};
use crate::wire::BoxError;

/// The service of [`Holding`].
///
/// The bodies of responses pass on unchanged, with their trailers.
#[derive(Clone, Debug)]
pub struct HeldService<S> {
    holding: Holding,
    inner: S,
}

impl<S> HeldService<S> {
    pub(super) const fn new(holding: Holding, inner: S) -> Self {
        Self { holding, inner }
    }
}

impl<S, Q, R> Service<Request<Q>> for HeldService<S>
where
    S: Service<Request<Q>, Response = Response<R>, Future: Send + 'static>,
    R: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let response = self.inner.call(request);
        let holding = self.holding.clone();
        Box::pin(async move {
            let response = response.await?.map(Body::new);
            Ok(holding.held(&method, &path, response).await)
        })
    }
}

impl Holding {
    async fn held(&self, method: &Method, path: &str, response: Response<Body>) -> Response<Body> {
        let Some(operation) = self.operations.find(method, path) else {
            return response;
        };
        let (head, body) = response.into_parts();
        let (content, body) = match http_body::Body::size_hint(&body).exact() {
            Some(0) => (Content::Whole(Bytes::new()), body),
            _ if method == Method::HEAD => (Content::NotRead, body),
            _ => match operation.bytes_to_read(&head, self.max_body_bytes) {
                Some(limit) => read(body, limit).await,
                None => (Content::NotRead, body),
            },
        };
        self.check_response(operation, method, &head, &content);
        Response::from_parts(head, body)
    }
}

/// Reads a body up to this number of bytes, and returns one that begins with what was read.
async fn read(mut rest: Body, limit: usize) -> (Content, Body) {
    let mut read = VecDeque::new();
    let mut whole = Vec::new();
    let content = loop {
        let next = poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut rest), cx)).await;
        let Some(frame) = next else {
            break Content::Whole(whole.into());
        };
        if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
            whole.extend_from_slice(data);
        }
        let has_failed = frame.is_err();
        read.push_back(frame);
        if has_failed {
            // The client does not get a whole response either.
            break Content::NotRead;
        }
        if whole.len() > limit {
            break Content::TooLong(limit);
        }
    };
    (content, Body::new(ReadBody { read, rest }))
}

/// A body of which the first frames have been read.
struct ReadBody {
    read: VecDeque<Result<Frame<Bytes>, axum::Error>>,
    rest: Body,
}

impl http_body::Body for ReadBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self
            .read
            .iter()
            .filter_map(|frame| frame.as_ref().ok()?.data_ref());
        let read: usize = frames.map(Bytes::len).sum();
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}
