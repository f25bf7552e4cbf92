//! The principal of a request: [`Auth`], [`Either`] and [`Authenticated`].

use std::fmt;

use http::Extensions;

use crate::contract::Provided;

/// The principal of the request: who sent it, as verified by the scheme of the stack.
///
/// `Debug` does not show the principal, because claims do not belong in a log.
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
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart")]
pub struct Auth<C>(pub C);

impl<C> fmt::Debug for Auth<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(..)")
    }
}

impl<C: Clone + Send + Sync + 'static> Provided for Auth<C> {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

/// The principal of one of two schemes: see
/// [`Authenticate::either`](crate::auth::Authenticate::either).
///
/// It has the scopes and roles of the principal inside, so `with_scopes` and `with_roles` accept it if
/// they accept both. `Debug` shows which of the two it is, but not the principal.
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
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Either<A, B> {
    /// The principal of the first scheme.
    First(A),
    /// The principal of the second scheme.
    Second(B),
}

impl<A, B> fmt::Debug for Either<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First(_) => "First(..)",
            Self::Second(_) => "Second(..)",
        })
    }
}

/// Marks a request whose credentials were verified.
///
/// `with_auth` puts it into the request's extensions, so that an inner layer can tell that the answer
/// is for one principal only, without knowing the scheme or the type of the principal. A middleware of
/// your own that authenticates requests should do the same.
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

#[cfg(test)]
mod tests {
    use super::{Auth, Either};

    /// A principal needs no `Debug`, and is not shown if it has one.
    #[test]
    fn debug_shows_no_principal() {
        struct Claims;

        let first: Either<&str, Claims> = Either::First("ann");
        let second: Either<&str, Claims> = Either::Second(Claims);
        let shown = format!("{:?} {:?} {first:?} {second:?}", Auth("ann"), Auth(Claims));
        assert_eq!(shown, "Auth(..) Auth(..) First(..) Second(..)");
    }
}
