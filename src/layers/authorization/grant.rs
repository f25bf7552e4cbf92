//! Says how a layer finds out what a principal has: the principal says so, or a closure.

use std::fmt;

/// The principal itself says what it has: [`HasScopes`](super::HasScopes),
/// [`HasRoles`](super::HasRoles).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Itself;

/// A closure says what a principal has.
#[derive(Clone)]
pub struct By<F>(pub(super) F);

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("By(..)")
    }
}
