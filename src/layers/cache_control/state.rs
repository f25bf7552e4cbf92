//! Remembers, in the type of a [`CacheControl`](super::CacheControl), what has been said, so that
//! what contradicts it cannot be called.

/// Nothing has been said.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unset;

/// `public`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Public;

/// `private`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Private;

/// `no-store`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoStore;

/// `max-age` or `s-maxage`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fresh;

/// `no-cache`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoCache;

/// `stale-while-revalidate` or `stale-if-error`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stale;

/// `must-revalidate`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MustRevalidate;

/// Read from text, which may have said anything that is not contradictory.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Parsed;

/// Some cache may store the response.
pub trait Storable: sealed::Sealed {}
impl Storable for Unset {}
impl Storable for Public {}
impl Storable for Private {}

/// A shared cache may store the response.
pub trait Shareable: Storable {}
impl Shareable for Unset {}
impl Shareable for Public {}

/// The response may be given a time for which it is fresh.
pub trait Lifetime: sealed::Sealed {}
impl Lifetime for Unset {}
impl Lifetime for Fresh {}

/// The response may be reused when it is stale.
pub trait MayBeStale: sealed::Sealed {}
impl MayBeStale for Unset {}
impl MayBeStale for Stale {}

mod sealed {
    #[expect(unnameable_types, reason = "nobody outside may implement these traits")]
    pub trait Sealed {}
    impl Sealed for super::Unset {}
    impl Sealed for super::Public {}
    impl Sealed for super::Private {}
    impl Sealed for super::Fresh {}
    impl Sealed for super::Stale {}
}
