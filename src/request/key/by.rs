//! Keys from closures, keys that are known only after authentication, and tuples of keys.

use std::fmt;

use http::request::Parts;

use super::{Key, KeyPart, KeyWriter};
use crate::{
    contract::{
        Description,
        stage::{self, Innermost, Stage},
    },
    request::RequestHead,
    wire::Problem,
};

/// Counts by what a closure returns; made by [`by`].
#[derive(Clone, Copy)]
pub struct By<F>(pub(crate) F);

/// Counts by what a closure returns for the head of the request. Requests for which it returns
/// equal values are counted together, such as all those without a [route](RequestHead::route).
///
/// # Example: one quota for reading and one for writing
///
/// ```
/// # #[cfg(feature = "rate-limit")] {
/// use wythe::{Quota, RateLimit, RequestHead, key, with_rate_limit};
///
/// let writes = key::by(|head: &RequestHead<'_>| !head.method().is_safe());
/// let limit = RateLimit::of([Quota::per_minute(60)])?.keyed((key::peer(), writes));
/// let layer = with_rate_limit(limit);
/// # }
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub const fn by<F, V>(key: F) -> By<F>
where
    F: Fn(&RequestHead<'_>) -> V + Send + Sync + 'static,
    V: KeyPart,
{
    By(key)
}

impl<F, V> Key for By<F>
where
    F: Fn(&RequestHead<'_>) -> V + Send + Sync + 'static,
    V: KeyPart,
{
    type Value = V;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &mut Parts) -> Result<V, Problem> {
        Ok((self.0)(&RequestHead::from(&*head)))
    }

    fn describe(&self, layer: Description) -> Description {
        layer.counted_by("function of the request")
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
        super::describe(&self.0, layer)
    }
}

/// The needs of a tuple, as nested pairs.
macro_rules! pairs {
    ($last:ident) => { $last::Needs };
    ($first:ident $($rest:ident)+) => { ($first::Needs, pairs!($($rest)+)) };
}

macro_rules! tuples {
    ($($count:literal: $($part:ident $n:tt)*;)*) => {$(
        /// Has the stage of the innermost of its parts, and needs what all of them need.
        impl<$($part: Key),*> Key for ($($part,)*)
        where
            ($($part::Stage,)*): Innermost<Out: Stage>,
        {
            type Value = ($($part::Value,)*);
            type Stage = <($($part::Stage,)*) as Innermost>::Out;
            type Needs = pairs!($($part)*);

            fn of(&self, head: &mut Parts) -> Result<Self::Value, Problem> {
                Ok(($(self.$n.of(head)?,)*))
            }

            fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
                key.tuple($count);
                $(self.$n.write(head, key)?;)*
                Ok(())
            }

            fn describe(&self, layer: Description) -> Description {
                $(let layer = super::describe(&self.$n, layer);)*
                layer
            }
        }
    )*};
}
tuples! {
    1: A 0;
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
    5: A 0 B 1 C 2 D 3 E 4;
    6: A 0 B 1 C 2 D 3 E 4 F 5;
}
