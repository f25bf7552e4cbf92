//! Lets so many requests of one key in at once; the others wait in line.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::table::Entry;

/// The permits of one key, and the line of those that wait for one.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    // First come, first served: a permit that is given back goes to whoever waits longest, and is
    // free for others only if nobody waits.
    permits: Semaphore,
    waiting: AtomicUsize,
}

impl Gate {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            permits: Semaphore::const_new(most),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(super) fn in_progress(&self) -> usize {
        self.most.saturating_sub(self.permits.available_permits())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A request at the gate of its key. While it lives, the gate is kept.
#[derive(Debug)]
pub(super) struct Visit {
    gate: Arc<Gate>,
    /// What keeps the gate; dropped last.
    _entry: Option<Entry>,
}

impl Visit {
    pub(super) const fn new(gate: Arc<Gate>, entry: Option<Entry>) -> Self {
        Self {
            gate,
            _entry: entry,
        }
    }

    /// Goes in, if there is room and nobody waits.
    pub(super) fn enter(self) -> Result<Permit, Self> {
        // `Permit` gives it back.
        let entered = self.gate.permits.try_acquire();
        let entered = entered.map(SemaphorePermit::forget).is_ok();
        if entered { Ok(Permit(self)) } else { Err(self) }
    }

    /// Takes a place in the line; `None` if so many are taken already.
    pub(super) fn line_up(self, most: usize, longest: Duration) -> Option<Turn> {
        let place = Place::take(&self.gate, most)?;
        Some(Turn(Box::pin(async move {
            // Dropped after what waits for the permit, so that nobody is counted too few.
            let place = place;
            match timeout(longest, place.0.permits.acquire()).await {
                Ok(Ok(permit)) => {
                    permit.forget();
                    Some(Permit(self))
                }
                // Too long. The semaphore is never closed.
                Ok(Err(_)) | Err(_) => None,
            }
        })))
    }
}

/// The right to be in progress. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Permit(Visit);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.gate.permits.add_permits(1);
    }
}

/// A place in the line of a gate. It is free again when this is dropped.
struct Place(Arc<Gate>);

impl Place {
    fn take(gate: &Arc<Gate>, most: usize) -> Option<Self> {
        let one_more = |waiting: usize| waiting.checked_add(1).filter(|waiting| *waiting <= most);
        gate.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
            .then(|| Self(Arc::clone(gate)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits in line: a permit, or `None` when it took too long. Whoever drops it leaves the line.
///
/// In a box: only those that wait pay for it, and the futures of the others are smaller.
pub(super) struct Turn(pub(super) Pin<Box<dyn Future<Output = Option<Permit>> + Send>>);

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}
