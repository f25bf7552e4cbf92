//! Counts and times what arrives: the stream around a body.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::policy::{Limits, Times};
use crate::{
    support::timer::poll_timer,
    wire::{BodyLimitError, BoxError, Problem},
};

pin_project! {
    /// A body within its limits. It never gives more bytes than the limit.
    pub(super) struct LimitedBody<B> {
        // `None` after an error: what is left is given up at once.
        #[pin]
        body: Option<B>,
        left: usize,
        wait: Wait,
        #[pin]
        sleep: Option<Sleep>,
        limits: Arc<Limits>,
        note: Arc<OnceLock<Problem>>,
    }
}

impl<B> LimitedBody<B> {
    pub(super) fn new(body: B, limits: Arc<Limits>, note: Arc<OnceLock<Problem>>) -> Self {
        Self {
            body: Some(body),
            left: limits.max_bytes,
            wait: Wait::default(),
            sleep: None,
            limits,
            note,
        }
    }
}

impl<B> Body for LimitedBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
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
        let breach = match body.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                this.wait.end(length);
                match this.left.checked_sub(length) {
                    Some(left) => {
                        *this.left = left;
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    None => BodyLimitError::TOO_LARGE,
                }
            }
            Poll::Ready(other) => {
                return Poll::Ready(other.map(|frame| frame.map_err(Into::into)));
            }
            Poll::Pending => {
                let Some(deadline) = this.wait.deadline(&this.limits.times) else {
                    return Poll::Pending;
                };
                match this.sleep.as_mut().as_pin_mut() {
                    None => this.sleep.set(Some(sleep_until(deadline))),
                    Some(sleep) if sleep.deadline() != deadline => sleep.reset(deadline),
                    Some(_) => {}
                }
                match this.sleep.as_pin_mut().map(|sleep| poll_timer(sleep, cx)) {
                    Some(Poll::Ready(())) => BodyLimitError::TOO_SLOW,
                    _ => return Poll::Pending,
                }
            }
        };
        this.body.set(None);
        let problem = if breach.is_too_slow() {
            &this.limits.too_slow
        } else {
            &this.limits.too_large
        };
        // The first reason stays.
        drop(this.note.set(problem.clone()));
        Poll::Ready(Some(Err(breach.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(body) = &self.body else {
            return SizeHint::with_exact(0);
        };
        let mut hint = body.size_hint();
        let left = u64::try_from(self.left).unwrap_or(u64::MAX);
        if hint.lower() <= left && hint.upper().is_none_or(|upper| upper > left) {
            hint.set_upper(left);
        }
        hint
    }
}

/// How long the reader has waited. The time between two reads is that of the handler, and does not
/// count.
#[derive(Default)]
struct Wait {
    received: u64,
    /// Without the wait that is still going on.
    waited: Duration,
    /// How long it had waited when the last byte came.
    waited_for_last: Duration,
    since: Option<Instant>,
}

impl Wait {
    /// Ends a wait, if there was one: this many bytes have come. A frame without bytes, of which a
    /// client of HTTP/2 can send any number, is not an arrival.
    fn end(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited = self.waited.saturating_add(since.elapsed());
        }
        if bytes > 0 {
            self.received = self
                .received
                .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            self.waited_for_last = self.waited;
        }
    }

    /// Begins a wait, or goes on with one. Until when, if there is a limit.
    fn deadline(&mut self, times: &Times) -> Option<Instant> {
        let longest = self.longest(times)?;
        let since = *self.since.get_or_insert_with(Instant::now);
        // A time beyond what the clock can tell is none.
        since.checked_add(longest.saturating_sub(self.waited))
    }

    /// The longest wait in total, if no more bytes come.
    fn longest(&self, times: &Times) -> Option<Duration> {
        let Times {
            first_byte,
            idle,
            min_rate,
            within,
        } = times;
        let silence = if self.received == 0 {
            first_byte.or(*idle)
        } else {
            idle.map(|idle| self.waited_for_last.saturating_add(idle))
        };
        let rate = min_rate.map(|(rate, grace)| grace.max(time_of(self.received, rate)));
        [silence, rate, *within].into_iter().flatten().min()
    }
}

/// The time in which this many bytes come at this rate.
fn time_of(bytes: u64, rate: u64) -> Duration {
    let nanos = u128::from(bytes).saturating_mul(1_000_000_000) / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Times, Wait, time_of};

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_nearest_limit_on_time_applies() {
        let all = Times {
            first_byte: Some(seconds(3)),
            idle: Some(seconds(2)),
            min_rate: Some((100, seconds(5))),
            within: Some(seconds(60)),
        };
        let none = Times::default();
        let only_idle = Times {
            idle: Some(seconds(2)),
            ..none
        };
        let only_rate = Times {
            min_rate: Some((100, seconds(5))),
            ..none
        };
        let only_first = Times {
            first_byte: Some(seconds(3)),
            ..none
        };
        // Limits, bytes, the wait until the last of them, the longest wait.
        let cases = [
            (none, 0, 0, None),
            (all, 0, 0, Some(3)),
            (all, 1, 1, Some(3)),
            (all, 10_000, 9, Some(11)),
            (all, 10_000, 59, Some(60)),
            (only_idle, 0, 0, Some(2)),
            (only_first, 1, 3, None),
            (only_rate, 0, 0, Some(5)),
            (only_rate, 499, 4, Some(5)),
            (only_rate, 700, 4, Some(7)),
        ];
        for (times, received, last, expected) in cases {
            let wait = Wait {
                received,
                waited: seconds(last),
                waited_for_last: seconds(last),
                since: None,
            };
            let case = format!("{times:?}, {received} bytes after {last} s");
            assert_eq!(wait.longest(&times), expected.map(seconds), "{case}");
        }
    }

    #[test]
    fn no_rate_overflows() {
        assert_eq!(time_of(u64::MAX, 1), Duration::from_nanos(u64::MAX));
        assert_eq!(time_of(1, u64::MAX), Duration::ZERO);
        assert_eq!(time_of(1, 0), Duration::from_secs(1));
    }
}
