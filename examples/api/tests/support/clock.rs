//! A clock that only advances when the test says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use example_api::Clock;

#[derive(Clone)]
pub struct Hands(Arc<AtomicU64>);

impl Hands {
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    pub fn go(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub fn go_back(&self, seconds: u64) {
        self.0.fetch_sub(seconds, Ordering::Relaxed);
    }

    pub fn clock(&self) -> Clock {
        let Self(hands) = self.clone();
        Clock::new(move || UNIX_EPOCH + Duration::from_secs(hands.load(Ordering::Relaxed)))
    }
}
