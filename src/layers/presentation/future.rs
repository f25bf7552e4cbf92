//! The future: waits for the response, and reads the text of one that refuses in plain text.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{Response, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{panic::catch, present::Present, refusal::Refusal};
use crate::contract::ReplyBody;

pin_project! {
    /// The response future of [`Presented`](super::Presented).
    #[must_use = "futures do nothing unless polled"]
    pub struct PresentedFuture<F, R> {
        #[pin]
        state: State<F, R>,
        present: Present,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Calling {
            #[pin]
            call: F,
        },
        // In a box: rare, and most futures stay smaller for it.
        Reading {
            reading: Pin<Box<Reading<R>>>,
        },
        Panicked,
        Done,
    }
}

pin_project! {
    /// A plain text that is being read.
    struct Reading<R> {
        #[pin]
        body: R,
        head: Option<Parts>,
        text: Vec<u8>,
        length: usize,
    }
}

impl<F, R> PresentedFuture<F, R> {
    pub(super) const fn calling(present: Present, call: F) -> Self {
        Self {
            state: State::Calling { call },
            present,
        }
    }

    pub(super) const fn panicked(present: Present) -> Self {
        Self {
            state: State::Panicked,
            present,
        }
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
                StateProjection::Calling { call } => match catch(|| call.poll(cx)) {
                    None => State::Panicked,
                    Some(polled) => match present(this.present, ready!(polled)?) {
                        Ok(response) => return Poll::Ready(Ok(response)),
                        Err(reading) => State::Reading { reading },
                    },
                },
                StateProjection::Reading { reading } => {
                    let (head, text) = ready!(reading.as_mut().poll_read(cx));
                    state.set(State::Done);
                    // There is no head if this is polled again after it was ready.
                    let Some(head) = head else { continue };
                    return Poll::Ready(Ok(this.present.text(head, text)));
                }
                StateProjection::Panicked => {
                    state.set(State::Done);
                    return Poll::Ready(Ok(this.present.panicked()));
                }
                // Polled again after it was ready: the contract of `Future` leaves this open, and
                // waiting for ever breaks nothing.
                StateProjection::Done => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

/// The response to send, or a text to read before there is one.
fn present<R>(present: &Present, response: Response<R>) -> Result<Response<R>, Pin<Box<Reading<R>>>>
where
    R: ReplyBody,
{
    match Refusal::of(&response) {
        Refusal::Own => Ok(response),
        Refusal::Problem(problem) => Ok(present.problem(response, &problem)),
        Refusal::Silent => Ok(present.silent(response.into_parts().0)),
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

    /// The head, and the text if it could be read. A body that panics is one that can't be.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<Parts>, Option<Vec<u8>>)> {
        let text = ready!(catch(|| self.as_mut().poll_text(cx)).unwrap_or(Poll::Ready(None)));
        Poll::Ready((self.project().head.take(), text))
    }

    /// The whole text; `None` if the body fails, or is longer than it said.
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
