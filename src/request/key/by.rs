//! Keys from closures, and keys that are known only after authentication.

use std::fmt;

use http::request::Parts;

use super::{Key, KeyPart, KeyWriter};
use crate::{
    contract::{Description, stage},
    wire::Problem,
};

/// Counts by what a closure returns; made by [`by`].
#[derive(Clone, Copy)]
pub struct By<F>(pub(crate) F);

/// By what a closure makes of the head of the request.
///
/// # Example: one quota for reading and one for writing
///
/// ```
/// # #[cfg(feature = "rate-limit")] {
/// use http::request::Parts;
/// use wythe::{Quota, RateLimit, key, with_rate_limit};
///
/// let writes = key::by(|head: &Parts| !head.method.is_safe());
/// let limit = RateLimit::of([Quota::per_minute(60)])?.keyed((key::peer(), writes));
/// let layer = with_rate_limit(limit);
/// # }
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub const fn by<F, V>(key: F) -> By<F>
where
    F: Fn(&Parts) -> V + Send + Sync + 'static,
    V: KeyPart,
{
    By(key)
}

impl<F, V> Key for By<F>
where
    F: Fn(&Parts) -> V + Send + Sync + 'static,
    V: KeyPart,
{
    type Value = V;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &mut Parts) -> Result<V, Problem> {
        Ok((self.0)(head))
    }
}

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("By(..)")
    }
}

/// Counts by the same key, inside authentication.
#[derive(Clone, Copy, Debug)]
pub struct AfterAuth<K>(pub(crate) K);

impl<K: Key> Key for AfterAuth<K> {
    type Value = K::Value;
    type Stage = stage::Quota;
    type Needs = K::Needs;

    fn of(&self, head: &mut Parts) -> Result<K::Value, Problem> {
        self.0.of(head)
    }

    fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
        self.0.write(head, key)
    }

    fn describe(&self, layer: Description) -> Description {
        self.0.describe(layer)
    }
}
