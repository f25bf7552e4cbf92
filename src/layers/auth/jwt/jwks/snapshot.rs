//! The keys of one fetch, and their age.

use std::time::Duration;

use super::{
    documents::{KeyIdentity, SkippedKeys, UsableKeys},
    options::JwksOptions,
};
use crate::layers::auth::jwt::{jws::JoseHeader, keys::KeySet};

/// The keys of one fetch; immutable.
pub(super) struct Snapshot {
    pub(super) keys: KeySet,
    pub(super) identities: Vec<KeyIdentity>,
    pub(super) skipped: SkippedKeys,
    /// Increases when a key was removed or changed.
    pub(super) generation: u64,
    /// By a monotonic clock; none before the first fetch.
    pub(super) fetched: Option<Duration>,
    fresh_for: Duration,
}

/// How old keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    /// Used while new ones are fetched.
    Stale,
    /// Not refreshed for a long time: used only if a fetch fails.
    Old,
    /// Never fetched, or too long ago to be used.
    Expired,
}

impl Snapshot {
    /// No keys yet.
    pub(super) const fn none() -> Self {
        Self {
            keys: KeySet::fetched(Vec::new()),
            identities: Vec::new(),
            skipped: SkippedKeys {
                secret: 0,
                other: 0,
            },
            generation: 0,
            fetched: None,
            fresh_for: Duration::ZERO,
        }
    }

    /// The keys that replace these.
    pub(super) fn replaced_by(
        &self,
        fetched: UsableKeys,
        fresh_for: Duration,
        now: Duration,
    ) -> Self {
        let mut identities = self.identities.iter();
        let all_remain = identities.all(|identity| fetched.identities.contains(identity));
        Self {
            keys: KeySet::fetched(fetched.keys),
            identities: fetched.identities,
            skipped: fetched.skipped,
            generation: self.generation.wrapping_add(if all_remain { 0 } else { 1 }),
            fetched: Some(now),
            fresh_for,
        }
    }

    pub(super) fn age(&self, now: Duration, options: &JwksOptions) -> Age {
        let Some(fetched) = self.fetched else {
            return Age::Expired;
        };
        let age = now.saturating_sub(fetched);
        if age < self.fresh_for {
            Age::Fresh
        } else if age >= self.fresh_for.saturating_add(options.keep_for) {
            Age::Expired
        } else if age < self.fresh_for.saturating_mul(2) {
            Age::Stale
        } else {
            Age::Old
        }
    }

    /// Whether a token that these keys do not verify may be signed with a newer key: it names none
    /// of them.
    pub(super) fn may_lack_key_of(&self, header: &JoseHeader<'_>) -> bool {
        let id = header.kid.as_deref();
        id.is_none_or(|id| !self.keys.contains_id(id))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Age, Snapshot};
    use crate::layers::auth::jwt::jwks::{
        documents::UsableKeys,
        options::{JwksOptions, Location, PlainHttp},
    };

    const ED25519: &str =
        r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    fn options() -> JwksOptions {
        let location = Location::keys("https://id.example.com", PlainHttp::Loopback);
        JwksOptions::new(location.unwrap(), PlainHttp::Loopback)
    }

    fn replace(snapshot: &Snapshot, ids: &[&str], now: Duration) -> Snapshot {
        let keys = ids
            .iter()
            .map(|id| format!(r#"{{"kid":"{id}",{ED25519}}}"#));
        let keys: Vec<_> = keys.collect();
        let body = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        let fetched = UsableKeys::parse(body.as_bytes(), &options().algorithms).unwrap();
        snapshot.replaced_by(fetched, Duration::from_secs(600), now)
    }

    #[test]
    fn keys_age_to_the_second() {
        let mut options = options();
        options.keep_for = Duration::from_secs(3_600);
        let start = Duration::ZERO;
        assert_eq!(Snapshot::none().age(start, &options), Age::Expired);
        let snapshot = replace(&Snapshot::none(), &["a"], start);
        let cases = [
            (0, Age::Fresh),
            (599, Age::Fresh),
            (600, Age::Stale),
            (1_199, Age::Stale),
            (1_200, Age::Old),
            (4_199, Age::Old),
            (4_200, Age::Expired),
        ];
        for (seconds, age) in cases {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(snapshot.age(now, &options), age, "{seconds} s");
        }
        options.keep_for = Duration::ZERO;
        let now = start + Duration::from_secs(600);
        assert_eq!(snapshot.age(now, &options), Age::Expired);
        options.keep_for = Duration::MAX;
        let now = start + Duration::from_secs(100_000_000);
        assert_eq!(snapshot.age(now, &options), Age::Old);
    }

    #[test]
    fn the_generation_increases_only_when_a_key_is_removed() {
        let now = Duration::ZERO;
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
