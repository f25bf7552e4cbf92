//! Marks a request whose sender is known.

/// Lies in the extensions of a request whose credentials were verified.
///
/// A layer of authentication leaves it there, so that a layer further in can tell, without knowing
/// the scheme or the principal's type, that the answer is for one person only. A middleware of
/// your own that authenticates leaves it, too.
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
/// let mut request = Request::new(());
/// assert!(may_be_shared(&request));
/// request.extensions_mut().insert(Authenticated::new());
/// assert!(!may_be_shared(&request));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Authenticated;

impl Authenticated {
    /// The mark.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}
