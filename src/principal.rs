//! Holds whom a request comes from: [`Auth`].

use http::Extensions;

use crate::place::Provided;

/// Whom the request comes from, as the stack's scheme verified it.
///
/// # Example
///
/// ```
/// use wythe::Auth;
///
/// struct Claims {
///     sub: String,
/// }
///
/// async fn whoami(Auth(claims): Auth<Claims>) -> String {
///     claims.sub
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart")]
pub struct Auth<C>(pub C);

impl<C: Clone + Send + Sync + 'static> Provided for Auth<C> {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}
