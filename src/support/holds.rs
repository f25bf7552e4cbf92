//! Lets a task that outlives the future of a response hold what layers outside hold for the request.
//!
//! A layer that holds something until the response has ended, such as a permit, polls the service
//! inside through [`lend`]. A layer further in that starts a task asks for [`Holds`], and keeps them
//! in the task. Nothing is shared, and nothing allocated, unless a task is started.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
};

type Slot = Arc<Mutex<Vec<Arc<dyn Send + Sync>>>>;

#[derive(Default)]
struct Asked {
    /// How many lenders poll on this thread, one inside the other.
    lenders: usize,
    /// What has been asked for while they poll.
    slots: Vec<Slot>,
}

thread_local! {
    static ASKED: RefCell<Asked> = RefCell::default();
}

/// What layers outside hold for a request; it is given back when this and the response are dropped.
pub(crate) struct Holds {
    _slot: Slot,
}

impl Holds {
    /// Those of the layers that poll now, for a task that is started in the same poll.
    pub(crate) fn of_outer_layers() -> Self {
        let slot = Slot::default();
        ASKED.with_borrow_mut(|asked| {
            if asked.lenders > 0 {
                asked.slots.push(Arc::clone(&slot));
            }
        });
        Self { _slot: slot }
    }
}

/// Polls what is inside, and then lends to the tasks that it has started what `share` returns.
pub(crate) fn lend<T, H: Send + Sync + 'static>(
    poll: impl FnOnce() -> T,
    share: impl FnOnce() -> Option<Arc<H>>,
) -> T {
    let lender = Lender::begin();
    let polled = poll();
    let slots = ASKED.with_borrow(|asked| asked.slots.get(lender.first..).map(<[Slot]>::to_vec));
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

/// A lender that polls; dropped when it has, or when the poll panics.
struct Lender {
    /// The first slot that is asked for inside it.
    first: usize,
}

impl Lender {
    fn begin() -> Self {
        ASKED.with_borrow_mut(|asked| {
            asked.lenders = asked.lenders.saturating_add(1);
            Self {
                first: asked.slots.len(),
            }
        })
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        // The slots are dropped outside the borrow: what they hold may be the last of its kind.
        let ended = ASKED.with_borrow_mut(|asked| {
            asked.lenders = asked.lenders.saturating_sub(1);
            if asked.lenders == 0 {
                std::mem::take(&mut asked.slots)
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

    use super::{ASKED, Holds, lend};

    #[test]
    fn tasks_hold_what_all_lenders_outside_hold() {
        let (outer, inner) = (Arc::new(1), Arc::new(2));
        let (first, second) = lend(
            || {
                let first = Holds::of_outer_layers();
                let second = lend(Holds::of_outer_layers, || Some(Arc::clone(&inner)));
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
        lend(|| (), || -> Option<Arc<()>> { panic!("nobody asked") });
        drop(Holds::of_outer_layers());
        assert_eq!(ASKED.with_borrow(|asked| asked.slots.len()), 0);
    }

    #[test]
    fn a_panic_leaves_no_lender() {
        let poll = || lend(|| panic!("in the handler"), || Some(Arc::new(())));
        let polled: Result<(), _> = catch_unwind(AssertUnwindSafe(poll));
        assert!(polled.is_err());
        assert_eq!(ASKED.with_borrow(|asked| asked.lenders), 0);
    }
}
