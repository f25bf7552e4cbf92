//! Holds whom a request comes from: [`Auth`].

use http::Extensions;

use crate::contract::Provided;

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

/// Who it is where two schemes are taken that know different principals: made by
/// [`Authenticate::either`](crate::auth::Authenticate::either).
///
/// It has the scopes and roles of whichever it is, so `with_scopes` and `with_roles` take it where
/// they take both.
///
/// # Example
///
/// ```
/// use wythe::{Auth, Either};
///
/// struct User {
///     name: String,
/// }
///
/// struct Partner {
///     company: String,
/// }
///
/// async fn whoami(Auth(caller): Auth<Either<User, Partner>>) -> String {
///     match caller {
///         Either::First(user) => user.name,
///         Either::Second(partner) => partner.company,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Either<A, B> {
    /// Whom the scheme knows that stands first.
    First(A),
    /// Whom the other one knows.
    Second(B),
}
