//! Timers that are polled after other futures.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::{task::unconstrained, time::Sleep};

/// Polls a timer outside of tokio's cooperative budget.
///
/// A future that was polled before may have used up the budget of the task. Within the budget, the
/// timer would then be pending after its deadline as well, and a future that never waits for anything
/// else would never end.
pub(crate) fn poll_timer(timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    pin!(unconstrained(timer)).poll(cx)
}
