//! The limit agrees with a simple simulation for any sequence of arrivals, completions, departures
//! and waits.

use std::{convert::Infallible, pin::Pin, task::Poll, time::Duration};

use http::{Request, StatusCode};
use proptest::prelude::*;
use tokio::time::advance;
use wythe::{
    ConcurrencyLimit, Placed, concurrency_limit::ConcurrencyLimiter, key::Key,
    with_concurrency_limit,
};

use super::{Answer, counts, poll, send};
use crate::common::empty;

const KEYS: u8 = 2;
const MAX_CONCURRENT: usize = 2;
const LINE: usize = 2;
const WAIT: u64 = 10;

#[derive(Clone, Copy, Debug)]
enum Event {
    Comes {
        key: u8,
    },
    /// The request at this position, oldest first, leaves: its response ends, or it leaves the
    /// queue.
    Goes {
        which: prop::sample::Index,
    },
    Passes {
        milliseconds: u64,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..KEYS).prop_map(|key| Event::Comes { key }),
        3 => any::<prop::sample::Index>().prop_map(|which| Event::Goes { which }),
        1 => (1..WAIT).prop_map(|milliseconds| Event::Passes { milliseconds }),
    ];
    prop::collection::vec(event, 1..60)
}

/// What is expected of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InProgress,
    Waits { since: u64 },
    Refused,
}

/// The simulation: all requests that have arrived and not left, oldest first.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    requests: Vec<(u8, State)>,
}

impl Model {
    fn count(&self, key: u8, is: fn(&State) -> bool) -> usize {
        let of_key = self.requests.iter().filter(|(of, _)| *of == key);
        of_key.filter(|(_, state)| is(state)).count()
    }

    fn in_progress(&self, key: u8) -> usize {
        self.count(key, |state| *state == State::InProgress)
    }

    fn waiting(&self, key: u8) -> usize {
        self.count(key, |state| matches!(state, State::Waits { .. }))
    }

    fn comes(&mut self, key: u8) {
        let state = if self.in_progress(key) < MAX_CONCURRENT {
            State::InProgress
        } else if self.waiting(key) < LINE {
            State::Waits { since: self.now }
        } else {
            State::Refused
        };
        self.requests.push((key, state));
    }

    fn goes(&mut self, which: usize) {
        self.requests.remove(which);
        self.promote();
    }

    fn passes(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        for (_, state) in &mut self.requests {
            if matches!(state, State::Waits { since } if self.now - *since >= WAIT) {
                *state = State::Refused;
            }
        }
    }

    fn promote(&mut self) {
        for n in 0..self.requests.len() {
            let (key, state) = self.requests[n];
            if matches!(state, State::Waits { .. }) && self.in_progress(key) < MAX_CONCURRENT {
                self.requests[n].1 = State::InProgress;
            }
        }
    }
}

/// A request to the real limit.
enum Real<F> {
    Waits(Pin<Box<F>>),
    Answered(Answer),
}

impl<F: Future<Output = Result<Answer, Infallible>>> Real<F> {
    fn poll(&mut self) {
        if let Self::Waits(future) = self
            && let Poll::Ready(Ok(answer)) = poll(future.as_mut())
        {
            *self = Self::Answered(answer);
        }
    }

    fn is(&self, expected: State) -> bool {
        match self {
            Self::Waits(_) => matches!(expected, State::Waits { .. }),
            Self::Answered(answer) if answer.status() == StatusCode::OK => {
                expected == State::InProgress
            }
            Self::Answered(_) => expected == State::Refused,
        }
    }
}

async fn compare<K: Key>(
    layer: Placed<ConcurrencyLimiter<K>>,
    events: Vec<Event>,
) -> Result<(), TestCaseError> {
    let (mut model, mut real) = (Model::default(), Vec::new());
    for event in events {
        match event {
            Event::Comes { key } => {
                model.comes(key);
                let mut request = Request::new(empty());
                request.extensions_mut().insert(key);
                real.push(Real::Waits(send(&layer, request)));
            }
            Event::Goes { which } if !real.is_empty() => {
                let which = which.index(real.len());
                model.goes(which);
                drop(real.remove(which));
            }
            Event::Goes { .. } => {}
            Event::Passes { milliseconds } => {
                model.passes(milliseconds);
                advance(Duration::from_millis(milliseconds)).await;
            }
        }
        real.iter_mut().for_each(Real::poll);
        for (real, (key, expected)) in real.iter().zip(&model.requests) {
            prop_assert!(
                real.is(*expected),
                "{event:?}: of key {key}, {expected:?}\n{model:?}"
            );
        }
        let busy = |key: &u8| model.in_progress(*key) + model.waiting(*key) > 0;
        prop_assert_eq!(layer.inner().keys(), (0..KEYS).filter(busy).count());
        let in_progress: usize = (0..KEYS).map(|key| model.in_progress(key)).sum();
        let waiting: usize = (0..KEYS).map(|key| model.waiting(key)).sum();
        prop_assert_eq!(counts(&layer), (in_progress, waiting));
    }
    drop(real);
    prop_assert_eq!((counts(&layer), layer.inner().keys()), ((0, 0), 0));
    Ok(())
}

proptest! {
    #[test]
    fn the_limit_agrees_with_the_simulation(events in events()) {
        let limit = ConcurrencyLimit::of(MAX_CONCURRENT).unwrap();
        let limit = limit.queue(LINE, Duration::from_millis(WAIT)).unwrap();
        let layer = with_concurrency_limit(limit.by(|head| head.extensions().get::<u8>().copied()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(compare(layer, events))?;
    }
}
