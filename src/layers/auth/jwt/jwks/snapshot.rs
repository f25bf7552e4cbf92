//! Holds the keys of one fetch, and knows how old they are.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    set::{Known, Set, Skipped},
    settings::Settings,
};
use crate::layers::auth::jwt::{header::Header, key_set::KeySet};

/// The keys of one fetch. It never changes.
pub(super) struct Snapshot {
    pub(super) keys: KeySet,
    pub(super) known: Vec<Known>,
    pub(super) skipped: Skipped,
    /// Even. It moves on when a key has gone or changed.
    pub(super) generation: u64,
    /// By a clock that only goes forward; nothing before the first fetch.
    pub(super) fetched: Option<Instant>,
    fresh_for: Duration,
}

/// How old keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    /// To be used while new ones are fetched.
    Stale,
    /// Nobody has looked for a long time: to be used only if no new ones can be had.
    Old,
    /// Never fetched, or too long ago.
    Gone,
}

impl Snapshot {
    /// No keys.
    pub(super) const fn none() -> Self {
        Self {
            keys: KeySet::fetched(Vec::new()),
            known: Vec::new(),
            skipped: Skipped {
                secret: 0,
                other: 0,
            },
            generation: 0,
            fetched: None,
            fresh_for: Duration::ZERO,
        }
    }

    /// The keys that take the place of these.
    pub(super) fn replaced_by(&self, set: Set, fresh_for: Duration, now: Instant) -> Self {
        let all_there = self.known.iter().all(|known| set.known.contains(known));
        Self {
            keys: KeySet::fetched(set.keys),
            known: set.known,
            skipped: set.skipped,
            generation: self.generation.wrapping_add(if all_there { 0 } else { 1 }),
            fetched: Some(now),
            fresh_for,
        }
    }

    pub(super) fn age(&self, now: Instant, settings: &Settings) -> Age {
        let Some(fetched) = self.fetched else {
            return Age::Gone;
        };
        let age = now.saturating_duration_since(fetched);
        if age < self.fresh_for {
            Age::Fresh
        } else if age >= self.fresh_for.saturating_add(settings.keep_for) {
            Age::Gone
        } else if age < self.fresh_for.saturating_mul(2) {
            Age::Stale
        } else {
            Age::Old
        }
    }

    /// Whether a token that these keys do not verify may be signed with a newer one: it names
    /// none of them.
    pub(super) fn may_lack_the_key_of(&self, header: &Header<'_>) -> bool {
        let id = header.kid.as_deref();
        id.is_none_or(|id| !self.keys.has_id(id))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Age, Snapshot};
    use crate::layers::auth::jwt::jwks::{location::Location, set, settings::Settings};

    const ED25519: &str =
        r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    fn settings() -> Settings {
        Settings::new(Location::keys("https://id.example.com").unwrap())
    }

    fn replace(snapshot: &Snapshot, ids: &[&str], now: Instant) -> Snapshot {
        let keys = ids
            .iter()
            .map(|id| format!(r#"{{"kid":"{id}",{ED25519}}}"#));
        let keys: Vec<_> = keys.collect();
        let body = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        let set = set::read(body.as_bytes(), &settings().algorithms).unwrap();
        snapshot.replaced_by(set, Duration::from_secs(600), now)
    }

    #[test]
    fn keys_age_to_the_second() {
        let mut settings = settings();
        settings.keep_for = Duration::from_secs(3_600);
        let start = Instant::now();
        assert_eq!(Snapshot::none().age(start, &settings), Age::Gone);
        let snapshot = replace(&Snapshot::none(), &["a"], start);
        let cases = [
            (0, Age::Fresh),
            (599, Age::Fresh),
            (600, Age::Stale),
            (1_199, Age::Stale),
            (1_200, Age::Old),
            (4_199, Age::Old),
            (4_200, Age::Gone),
        ];
        for (seconds, age) in cases {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(snapshot.age(now, &settings), age, "{seconds} s");
        }
        settings.keep_for = Duration::ZERO;
        let now = start + Duration::from_secs(600);
        assert_eq!(snapshot.age(now, &settings), Age::Gone);
        settings.keep_for = Duration::MAX;
        let now = start + Duration::from_secs(100_000_000);
        assert_eq!(snapshot.age(now, &settings), Age::Old);
    }

    #[test]
    fn the_generation_moves_on_when_a_key_has_gone_and_only_then() {
        let now = Instant::now();
        let mut snapshot = Snapshot::none();
        let steps: [(&[&str], u64); 7] = [
            (&["a"], 0),
            (&["a"], 0),
            (&["a", "b"], 0),
            (&["b", "a"], 0),
            (&["b"], 1),
            (&["c"], 2),
            (&["c", "b"], 2),
        ];
        for (ids, generation) in steps {
            snapshot = replace(&snapshot, ids, now);
            assert_eq!(snapshot.generation, generation, "{ids:?}");
        }
    }
}
