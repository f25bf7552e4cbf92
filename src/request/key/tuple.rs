//! Tuples of keys: requests are counted together if all of the parts are the same.

use http::request::Parts;

use super::{Key, KeyWriter};
use crate::{
    contract::{
        Description,
        stage::{Innermost, Stage},
    },
    wire::Problem,
};

/// What follows, as pairs: the needs of a tuple.
macro_rules! pairs {
    ($last:ident) => { $last::Needs };
    ($first:ident $($rest:ident)+) => { ($first::Needs, pairs!($($rest)+)) };
}

macro_rules! tuples {
    ($($count:literal: $($part:ident $n:tt)*;)*) => {$(
        /// Stands where the innermost of its parts does, and needs what all of them need.
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
                $(let layer = self.$n.describe(layer);)*
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
