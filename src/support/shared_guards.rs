//! Lets a task that outlives the future of a response hold what layers outside hold for the request.
//!
//! A layer that holds something until the response has ended, such as a permit, polls the service
//! inside through [`share_with_tasks`]. A layer further in that starts a task asks for
//! [`SharedGuards`], and keeps them in the task. Nothing is shared, and nothing allocated, unless a
//! task is started.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
};

type Slot = Arc<Mutex<Vec<Arc<dyn Send + Sync>>>>;

#[derive(Default)]
struct Polling {
    /// How many layers that share a guard poll on this thread, one inside the other.
    depth: usize,
    /// The slots that tasks have asked for while they poll.
    slots: Vec<Slot>,
}

thread_local! {
    static POLLING: RefCell<Polling> = RefCell::default();
}

/// What layers outside hold for a request; it is given back when this and the response are dropped.
pub(crate) struct SharedGuards {
    _slot: Slot,
}

impl SharedGuards {
    /// Those of the layers that poll now, for a task that is started in the same poll.
    pub(crate) fn of_outer_layers() -> Self {
        let slot = Slot::default();
        POLLING.with_borrow_mut(|polling| {
            if polling.depth > 0 {
                polling.slots.push(Arc::clone(&slot));
            }
        });
        Self { _slot: slot }
    }
}

/// Polls what is inside, and then shares what `share` returns with the tasks that it has started.
pub(crate) fn share_with_tasks<T, H: Send + Sync + 'static>(
    poll: impl FnOnce() -> T,
    share: impl FnOnce() -> Option<Arc<H>>,
) -> T {
    let poll_guard = PollGuard::begin();
    let polled = poll();
    let slots =
        POLLING.with_borrow(|polling| polling.slots.get(poll_guard.first..).map(<[Slot]>::to_vec));
    let slots = slots.unwrap_or_default();
    if !slots.is_empty()
        && let Some(held) = share()
    {
        for slot in slots {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let held = Arc::clone(&held);
            slot.push(held);
        }
    }
    polled
}

/// A poll by a layer that shares a guard; dropped when it has ended, or when it panics.
struct PollGuard {
    /// The index of the first slot that is asked for inside it.
    first: usize,
}

impl PollGuard {
    fn begin() -> Self {
        POLLING.with_borrow_mut(|polling| {
            polling.depth = polling.depth.saturating_add(1);
            Self {
                first: polling.slots.len(),
            }
        })
    }
}

impl Drop for PollGuard {
    fn drop(&mut self) {
        // The slots are dropped outside the borrow: what they hold may be the last of its kind.
        let ended = POLLING.with_borrow_mut(|polling| {
            polling.depth = polling.depth.saturating_sub(1);
            if polling.depth == 0 {
                std::mem::take(&mut polling.slots)
            } else {
                Vec::new()
            }
        });
        drop(ended);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
    };

    use super::{POLLING, SharedGuards, share_with_tasks};

    #[test]
    fn tasks_hold_the_guards_of_all_outer_layers() {
        let (outer, inner) = (Arc::new(1), Arc::new(2));
        let (first, second) = share_with_tasks(
            || {
                let first = SharedGuards::of_outer_layers();
                let second =
                    share_with_tasks(SharedGuards::of_outer_layers, || Some(Arc::clone(&inner)));
                (first, second)
            },
            || Some(Arc::clone(&outer)),
        );
        assert_eq!(
            (Arc::strong_count(&outer), Arc::strong_count(&inner)),
            (3, 2)
        );
        drop(first);
        assert_eq!(
            (Arc::strong_count(&outer), Arc::strong_count(&inner)),
            (2, 2)
        );
        drop(second);
        assert_eq!(
            (Arc::strong_count(&outer), Arc::strong_count(&inner)),
            (1, 1)
        );
    }

    #[test]
    fn nothing_is_shared_if_no_task_is_started() {
        share_with_tasks(|| (), || -> Option<Arc<()>> { panic!("nobody asked") });
        drop(SharedGuards::of_outer_layers());
        assert_eq!(POLLING.with_borrow(|polling| polling.slots.len()), 0);
    }

    #[test]
    fn a_panic_ends_the_poll() {
        let poll = || share_with_tasks(|| panic!("in the handler"), || Some(Arc::new(())));
        let polled: Result<(), _> = catch_unwind(AssertUnwindSafe(poll));
        assert!(polled.is_err());
        assert_eq!(POLLING.with_borrow(|polling| polling.depth), 0);
    }
}
