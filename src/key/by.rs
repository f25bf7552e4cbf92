//! Keys from closures, and keys that are known only after authentication.

use std::fmt;

use http::request::Parts;

use super::{Key, KeyPart};
use crate::{describe::Description, problem::Problem, stage};

/// Counts by what a closure returns.
#[derive(Clone, Copy)]
pub struct By<F>(pub(crate) F);

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

    fn describe(&self, layer: Description) -> Description {
        self.0.describe(layer)
    }
}
