//! Tells the log how fetches end. Never with anything of a key.

use tokio::time::Instant;

use super::{control::Failure, set::Skipped, settings::Settings};

#[cfg(feature = "tracing")]
pub(super) fn failed(settings: &Settings, failure: &Failure, usable: bool, now: Instant) {
    let pause = failure.until.saturating_duration_since(now);
    let (keys, what) = (settings.location.shown(), "keys could not be fetched");
    let (cause, failures) = (&failure.error, failure.count);
    tracing::warn!(target: "wythe", keys, failures, %cause, ?pause, usable, "{what}");
}

#[cfg(feature = "tracing")]
pub(super) fn succeeded(
    settings: &Settings,
    skipped: Skipped,
    before: Option<&Failure>,
    now: Instant,
) {
    let keys = settings.location.shown();
    if let Some(failure) = before {
        let after = now.saturating_duration_since(failure.since);
        let failures = failure.count;
        tracing::info!(target: "wythe", keys, failures, ?after, "keys are fetched again");
    }
    let secret = skipped.secret;
    if secret > 0 {
        let what = "the key set shows secrets; they are not used";
        tracing::warn!(target: "wythe", keys, secret, "{what}");
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) const fn failed(_: &Settings, _: &Failure, _: bool, _: Instant) {}

#[cfg(not(feature = "tracing"))]
pub(super) const fn succeeded(_: &Settings, _: Skipped, _: Option<&Failure>, _: Instant) {}
