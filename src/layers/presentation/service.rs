//! The service and its future: they catch panics, and read the text of a plain-text error.
//!
//! The future is written by hand because each of its polls may panic, and because it reads a
//! response body.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{Request, Response, StatusCode, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    layer::Presentation,
    render::{Present, Refusal, catch},
};
use crate::contract::{ReplyBody, mark_as_logged, presented};

/// A service whose refusals have one shape.
///
/// It is not a [`Middleware`](crate::Middleware), because it catches the panics of the inner service
/// and reads the bodies of responses.
#[derive(Clone)]
pub struct Presented<S> {
    presentation: Presentation,
    inner: S,
    /// The readiness check panicked, so the next call does not go to the inner service.
    panicked: bool,
}

impl<S> Layer<S> for Presentation {
    type Service = Presented<S>;

    fn layer(&self, inner: S) -> Presented<S> {
        Presented {
            presentation: self.clone(),
            inner,
            panicked: false,
        }
    }
}

impl<S, B, R> Service<Request<B>> for Presented<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = PresentedFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = catch_handler(|| self.inner.poll_ready(cx));
        self.panicked = ready.is_none();
        ready.unwrap_or(Poll::Ready(Ok(())))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let present = Present::new(&self.presentation, &request);
        let panicked = mem::take(&mut self.panicked);
        let call = (!panicked).then(|| catch_handler(|| self.inner.call(request)));
        let state = match call.flatten() {
            Some(call) => CallState::Calling { call },
            None => CallState::Panicked,
        };
        PresentedFuture { state, present }
    }
}

impl<S: fmt::Debug> fmt::Debug for Presented<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("presentation", &self.presentation)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The response future of [`Presented`](super::Presented).
    #[must_use = "futures do nothing unless polled"]
    pub struct PresentedFuture<F, R> {
        #[pin]
        state: CallState<F, R>,
        present: Present,
    }
}

pin_project! {
    #[project = CallStateProjection]
    enum CallState<F, R> {
        Calling {
            #[pin]
            call: F,
        },
        // Boxed, because it is rare and would make every future larger.
        Reading {
            reading: Pin<Box<Reading<R>>>,
        },
        Panicked,
        Done,
    }
}

pin_project! {
    /// A plain text body that is being read.
    struct Reading<R> {
        #[pin]
        body: R,
        head: Option<Parts>,
        text: Vec<u8>,
        length: usize,
    }
}

impl<F, R, E> Future for PresentedFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut state = this.state;
        loop {
            let next = match state.as_mut().project() {
                CallStateProjection::Calling { call } => {
                    match presented(|| catch_handler(|| call.poll(cx))) {
                        None => CallState::Panicked,
                        Some(polled) => match present(this.present, ready!(polled)?) {
                            Ok(response) => return Poll::Ready(Ok(response)),
                            Err(reading) => CallState::Reading { reading },
                        },
                    }
                }
                CallStateProjection::Reading { reading } => {
                    let (head, text) = ready!(reading.as_mut().poll_read(cx));
                    state.set(CallState::Done);
                    // Without a head, this was polled again after it was ready.
                    let Some(head) = head else { continue };
                    return Poll::Ready(Ok(this.present.text(head, text)));
                }
                CallStateProjection::Panicked => {
                    state.set(CallState::Done);
                    return Poll::Ready(Ok(this.present.panicked()));
                }
                // Polled again after it was ready, which the contract of `Future` leaves open.
                CallStateProjection::Done => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

/// The response to send, or a text that must be read first.
fn present<R>(present: &Present, response: Response<R>) -> Result<Response<R>, Pin<Box<Reading<R>>>>
where
    R: ReplyBody,
{
    match Refusal::of(&response) {
        Refusal::Own => Ok(Present::own_format(response)),
        Refusal::Problem(problem) => Ok(present.problem(response, &problem)),
        Refusal::StatusOnly => Ok(present.status_only(response.into_parts().0)),
        Refusal::Text(None) => Ok(present.text(response.into_parts().0, None)),
        Refusal::Text(Some(length)) => Err(Box::pin(Reading::new(response, length))),
    }
}

impl<F, R> fmt::Debug for PresentedFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedFuture").finish_non_exhaustive()
    }
}

impl<R: Body> Reading<R> {
    fn new(response: Response<R>, length: usize) -> Self {
        let (head, body) = response.into_parts();
        Self {
            body,
            head: Some(head),
            text: Vec::with_capacity(length),
            length,
        }
    }

    /// The head, and the text if it could be read. A body that panics can't be read.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<Parts>, Option<Vec<u8>>)> {
        let status = self.head.as_ref().map(|head| head.status);
        let read = catch("the body panicked", status, || self.as_mut().poll_text(cx));
        let mut head = || self.as_mut().project().head.take();
        let Some(text) = read else {
            let mut head = head();
            if let Some(head) = &mut head {
                mark_as_logged(&mut head.extensions);
            }
            return Poll::Ready((head, None));
        };
        let text = ready!(text);
        Poll::Ready((head(), text))
    }

    /// The whole text; `None` if the body fails, or is longer than it announced.
    fn poll_text(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut this = self.project();
        loop {
            let Some(frame) = ready!(this.body.as_mut().poll_frame(cx)) else {
                return Poll::Ready(Some(mem::take(this.text)));
            };
            let Ok(frame) = frame else {
                return Poll::Ready(None);
            };
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            if data.remaining() > this.length.saturating_sub(this.text.len()) {
                return Poll::Ready(None);
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                let read = chunk.len();
                this.text.extend_from_slice(chunk);
                data.advance(read);
            }
        }
    }
}

/// Runs a part of the inner service.
fn catch_handler<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch("panicked", Some(StatusCode::INTERNAL_SERVER_ERROR), work)
}
