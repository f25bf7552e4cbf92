//! Quotas that were checked, and the choice of their key: [`Quotas`].

use std::sync::Arc;

use super::{
    gcra::{Gcra, MOST_QUOTAS},
    plans::PlanChoice,
    policy::{Options, RateLimit},
    quota::{Quota, error},
};
use crate::{
    request::key::{Key, key_methods},
    wire::{ConfigError, field::structured},
};

/// One or more quotas that were checked; made by [`RateLimit::of`]. The key is still to be chosen.
#[derive(Clone, Debug)]
#[must_use]
pub struct Quotas(pub(super) PlanChoice);

impl Quotas {
    /// Counts by a [`Key`] of your own, or by a tuple of keys.
    pub fn keyed<K: Key>(self, key: K) -> RateLimit<K> {
        RateLimit {
            key,
            options: Options::new(self.0),
        }
    }

    fn with_key<K: Key>(self, key: K) -> RateLimit<K> {
        self.keyed(key)
    }
}

impl Quota {
    fn with_key<K: Key>(self, key: K) -> Result<RateLimit<K>, ConfigError> {
        Ok(RateLimit::of([self])?.keyed(key))
    }
}

/// A limit by one quota, if that is possible; see [`RateLimit::of`].
type Checked<K> = Result<RateLimit<K>, ConfigError>;

key_methods! {
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    Quota => Checked, RateLimit, std::convert::identity
}
key_methods!(Quotas => RateLimit, RateLimit, Ok);

impl RateLimit<()> {
    /// Limits by one to eight quotas together: a request that one of them refuses is not counted
    /// by the others.
    ///
    /// # Errors
    ///
    /// - no quota, or more than eight;
    /// - a count, burst or period of zero;
    /// - a period that cannot be measured: more than one request per nanosecond, or a burst that
    ///   takes more than 146 years to come back;
    /// - two quotas of one name: all but one need [`Quota::named`];
    /// - a name that is empty or has characters other than printable ASCII, as it is written into
    ///   header fields.
    pub fn of(quotas: impl IntoIterator<Item = Quota>) -> Result<Quotas, ConfigError> {
        Ok(Quotas(PlanChoice::only(checked(quotas)?)))
    }
}

/// Checks quotas that go together.
pub(super) fn checked(quotas: impl IntoIterator<Item = Quota>) -> Result<Arc<[Gcra]>, ConfigError> {
    let quotas: Vec<_> = quotas
        .into_iter()
        .map(Gcra::new)
        .collect::<Result<_, _>>()?;
    if quotas.is_empty() {
        return Err(error("a limit without a quota would limit nothing"));
    }
    if quotas.len() > MOST_QUOTAS {
        return Err(error(format!("a limit has at most {MOST_QUOTAS} quotas")));
    }
    for (n, quota) in quotas.iter().enumerate() {
        let name = quota.name();
        if name.is_empty() || structured::string(name).is_none() {
            return Err(error(format!(
                "the name {name:?} cannot be written into a header field: use printable ASCII"
            )));
        }
        let mut others = quotas.iter().skip(n.saturating_add(1));
        let is_same =
            |other: &Gcra| other.name() == name || other.name_in_store() == quota.name_in_store();
        if others.any(is_same) {
            let name = quota.name_in_store();
            return Err(error(format!(
                "two quotas have the name {name:?}: give one another with `.named(..)`"
            )));
        }
    }
    Ok(quotas.into())
}
