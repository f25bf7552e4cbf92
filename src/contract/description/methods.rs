//! The methods to which a part of a description applies.

use std::{fmt, ptr::fn_addr_eq};

use http::Method;

/// The methods that a function accepts.
#[derive(Clone, Copy)]
pub(super) struct Methods(pub(super) fn(&Method) -> bool);

impl Methods {
    pub(super) const ALL: Self = Self(any);

    pub(super) fn contain(self, method: &Method) -> bool {
        let Self(accepts) = self;
        accepts(method)
    }
}

const fn any(_: &Method) -> bool {
    true
}

impl PartialEq for Methods {
    fn eq(&self, other: &Self) -> bool {
        fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Methods {}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Methods(..)")
    }
}
