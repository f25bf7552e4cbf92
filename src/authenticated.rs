//! Marks a request whose sender is known.

/// Lies in the extensions of a request whose credentials were verified.
///
/// A layer of authentication leaves it there, so that a layer further in can tell, without knowing
/// the scheme or the principal's type, that the answer is for one person only.
///
/// # Example
///
/// ```
/// use http::Request;
/// use wythe::Authenticated;
///
/// fn may_be_shared<B>(request: &Request<B>) -> bool {
///     request.extensions().get::<Authenticated>().is_none()
/// }
///
/// assert!(may_be_shared(&Request::new(())));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Authenticated;
