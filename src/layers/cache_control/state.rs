//! Type states of a [`CacheControl`](super::CacheControl): they track its directives, so that
//! setters that would contradict them do not exist.

/// No directive.
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

/// Any directives that do not contradict each other: parsed from text, or
/// [erased](super::CacheControl::erased).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FromText;

/// Some cache may store the response.
pub trait Storable: sealed::Sealed {}
impl Storable for Unset {}
impl Storable for Public {}
impl Storable for Private {}

/// A shared cache may store the response.
pub trait Shareable: Storable {}
impl Shareable for Unset {}
impl Shareable for Public {}

/// The response may have a lifetime.
pub trait Lifetime: sealed::Sealed {}
impl Lifetime for Unset {}
impl Lifetime for Fresh {}

/// The response may be served stale.
pub trait MayBeStale: sealed::Sealed {}
impl MayBeStale for Unset {}
impl MayBeStale for Stale {}

/// Only forbids.
pub trait Restrictive: sealed::Sealed {}
impl Restrictive for Unset {}
impl Restrictive for Private {}
impl Restrictive for NoCache {}
impl Restrictive for MustRevalidate {}

mod sealed {
    #[expect(unnameable_types, reason = "these traits are sealed")]
    pub trait Sealed {}
    impl Sealed for super::Unset {}
    impl Sealed for super::Public {}
    impl Sealed for super::Private {}
    impl Sealed for super::Fresh {}
    impl Sealed for super::Stale {}
    impl Sealed for super::NoCache {}
    impl Sealed for super::MustRevalidate {}
}
