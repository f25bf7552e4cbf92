//! Requires scopes: [`with_scopes`].

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
    fmt,
    hash::BuildHasher,
    marker::PhantomData,
    sync::Arc,
};

use http::{HeaderValue, Request, header::WWW_AUTHENTICATE};

use super::required::{By, Itself, Quantifier, Required};
use crate::{
    contract::{
        Description, Later, Middleware, Needed, Place, Step, With, description::Requirement, stage,
        with,
    },
    layers::auth::INSUFFICIENT_SCOPE,
    request::{Auth, Either},
    wire::{ConfigError, field::Challenge},
};

const NAME: &str = "with_scopes";

/// Lets only principals with these scopes pass. See [`authorization`](crate::authorization).
///
/// The type of the principal is the one that the stack provides. It says which scopes it was granted
/// by implementing [`HasScopes`], or else the policy has a [closure](Scopes::by).
///
/// # Example
///
/// ```
/// use wythe::{Auth, HasScopes, Scopes, assume, compose, with_scopes};
///
/// #[derive(Clone)]
/// struct Claims {
///     scope: String,
/// }
///
/// impl HasScopes for Claims {
///     fn has_scope(&self, scope: &str) -> bool {
///         self.scope.has_scope(scope)
///     }
/// }
///
/// let stack = compose((
///     assume::<Auth<Claims>>(),
///     with_scopes(Scopes::all(["orders:read"])?),
/// ));
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub const fn with_scopes<C, G>(scopes: Scopes<C, G>) -> With<Scopes<C, G>> {
    with(scopes)
}

/// The scopes that a principal `C` must have.
///
/// # Example
///
/// ```
/// use wythe::{Scopes, with_scopes};
///
/// let layer = with_scopes::<String, _>(Scopes::any(["orders:read", "orders:write"])?);
/// assert!(Scopes::<String>::all(["orders read"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[must_use]
pub struct Scopes<C, G = Itself> {
    policy: Arc<ScopePolicy<G>>,
    principal: PhantomData<fn(C)>,
}

#[derive(Clone)]
struct ScopePolicy<G> {
    /// The required scopes, with refusals that have no challenge.
    bare: Required<str>,
    /// The same scopes with the refusals that are sent.
    required: Required<str>,
    grant: G,
}

impl<C> Scopes<C> {
    /// Requires all of these scopes.
    ///
    /// # Errors
    ///
    /// If the list is empty, or contains a string that is not a scope (RFC 6749, section 3.3).
    pub fn all(scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        Self::new(scopes, Quantifier::All)
    }

    /// Requires at least one of these scopes.
    ///
    /// The challenge of a refusal names the first of them: a client that then asks for this scope gets
    /// what it needs, and no more. Therefore list the scope that grants the least first.
    ///
    /// # Errors
    ///
    /// If the list is empty, or contains a string that is not a scope (RFC 6749, section 3.3).
    pub fn any(scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        Self::new(scopes, Quantifier::Any)
    }

    fn new(
        scopes: impl IntoIterator<Item = impl AsRef<str>>,
        quantifier: Quantifier,
    ) -> Result<Self, ConfigError> {
        let mut list: Vec<Arc<str>> = Vec::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if !is_scope(scope) {
                let message = format!(
                    "`{}` is not a scope: a scope consists of visible ASCII characters without \
                     `\"` and `\\`",
                    scope.escape_debug()
                );
                return Err(ConfigError::new("Scopes", message));
            }
            if !list.iter().any(|listed| **listed == *scope) {
                list.push(scope.into());
            }
        }
        let bare = Required::new(list, quantifier, "scope", INSUFFICIENT_SCOPE, "Scopes")?;
        let required = with_challenge(&bare, None)?;
        Ok(Self::of(ScopePolicy {
            bare,
            required,
            grant: Itself,
        }))
    }

    /// Asks a closure, instead of the principal itself, whether the principal has a scope.
    ///
    /// This is for principal types from other crates, or if one type has its scopes in different
    /// places.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Scopes, with_scopes};
    ///
    /// struct User {
    ///     granted: Vec<String>,
    /// }
    ///
    /// let layer = with_scopes(
    ///     Scopes::all(["orders:read"])?
    ///         .by(|user: &User, scope| user.granted.iter().any(|granted| granted == scope)),
    /// );
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn by<F>(self, has: F) -> Scopes<C, By<F>>
    where
        F: Fn(&C, &str) -> bool + Send + Sync + 'static,
    {
        let ScopePolicy { bare, required, .. } = Arc::unwrap_or_clone(self.policy);
        Scopes::of(ScopePolicy {
            bare,
            required,
            grant: By(has),
        })
    }
}

impl<C, G: Clone> Scopes<C, G> {
    /// The realm of the challenge (RFC 9110, section 11.5); none by default.
    ///
    /// # Errors
    ///
    /// If it contains anything but visible ASCII characters, spaces and tabs.
    pub fn realm(self, realm: &str) -> Result<Self, ConfigError> {
        let mut policy = Arc::unwrap_or_clone(self.policy);
        policy.required = with_challenge(&policy.bare, Some(realm))?;
        Ok(Self::of(policy))
    }

    /// Sends no challenge: for credentials that can't be exchanged for credentials with more scopes.
    pub fn without_challenge(self) -> Self {
        let mut policy = Arc::unwrap_or_clone(self.policy);
        policy.required = policy.bare.clone();
        Self::of(policy)
    }
}

impl<C, G> Scopes<C, G> {
    fn of(policy: ScopePolicy<G>) -> Self {
        Self {
            policy: Arc::new(policy),
            principal: PhantomData,
        }
    }
}

/// The refusals with `Bearer error="insufficient_scope"` (RFC 6750, section 3.1). `with_auth` replaces
/// `Bearer` if it authenticated the request by another scheme.
fn with_challenge(bare: &Required<str>, realm: Option<&str>) -> Result<Required<str>, ConfigError> {
    let mut challenge = Challenge::new("Bearer")?;
    if let Some(realm) = realm {
        challenge = challenge.parameter("realm", realm)?;
    }
    let challenge: HeaderValue = challenge
        .parameter("error", INSUFFICIENT_SCOPE)?
        .parameter("scope", &bare.sufficient().join(" "))?
        .into();
    let bare = bare.clone();
    Ok(bare.map_refusals(|refusal| refusal.header(WWW_AUTHENTICATE, challenge.clone())))
}

impl<C, G> Clone for Scopes<C, G> {
    fn clone(&self) -> Self {
        Self {
            policy: Arc::clone(&self.policy),
            principal: PhantomData,
        }
    }
}

impl<C, G> fmt::Debug for Scopes<C, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let required = Requirement::Scopes(self.policy.required.names());
        f.debug_tuple("Scopes")
            .field(&format_args!("{required}"))
            .finish()
    }
}

/// How a policy finds out whether a principal was granted a scope: [`Itself`] or [`By`].
pub trait GrantsScopes<C> {
    /// Whether this scope was granted.
    fn has(&self, principal: &C, scope: &str) -> bool;
}

impl<C: HasScopes> GrantsScopes<C> for Itself {
    fn has(&self, principal: &C, scope: &str) -> bool {
        principal.has_scope(scope)
    }
}

impl<C, F: Fn(&C, &str) -> bool> GrantsScopes<C> for By<F> {
    fn has(&self, principal: &C, scope: &str) -> bool {
        (self.0)(principal, scope)
    }
}

impl<C, G: GrantsScopes<C>> Place for Scopes<C, G> {
    type Stage = stage::Authorize;
    type Provides = ();
    type Needs = Needed<Auth<C>>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let required = &self.policy.required;
        let requirement = Requirement::Scopes(required.names());
        Description::new(self.name()).requirement(requirement, required.answer())
    }
}

impl<C, G, B> Middleware<B> for Scopes<C, G>
where
    C: Send + Sync + 'static,
    G: GrantsScopes<C>,
{
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let ScopePolicy {
            required, grant, ..
        } = &*self.policy;
        required.check(NAME, request, |principal: &C, scope: &str| {
            grant.has(principal, scope)
        })
    }
}

/// A principal, or one of its claims, that knows its own scopes.
///
/// A string is a list of scopes separated by spaces, as OAuth sends them (RFC 6749, section 3.3; for
/// tokens, RFC 9068, section 2.2.3); in a list of strings, each string is one scope. Claims can
/// therefore implement this trait in one line for either format.
///
/// # Example
///
/// ```
/// use serde::Deserialize;
/// use wythe::HasScopes;
///
/// #[derive(Clone, Deserialize)]
/// struct Claims {
///     /// `"orders:read orders:write"`; `Vec<String>` for an issuer that sends a list.
///     scope: String,
/// }
///
/// impl HasScopes for Claims {
///     fn has_scope(&self, scope: &str) -> bool {
///         self.scope.has_scope(scope)
///     }
/// }
///
/// let claims = Claims { scope: "orders:read orders:write".into() };
/// assert!(claims.has_scope("orders:read"));
/// assert!(!claims.has_scope("orders"));
/// assert!(!claims.has_scope("ORDERS:READ"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which scopes it has",
    label = "a layer needs the scopes of `{Self}`",
    note = "write `impl HasScopes for {Self}`, or give the policy a closure: \
            `Scopes::all([..])?.by(|principal: &{Self}, scope| ..)`"
)]
pub trait HasScopes {
    /// Whether exactly this scope was granted.
    fn has_scope(&self, scope: &str) -> bool;
}

/// Scopes separated by spaces.
impl HasScopes for str {
    fn has_scope(&self, scope: &str) -> bool {
        // Bytes, because scopes are ASCII: searching for a `char` is slower for such short strings.
        let mut granted = self.as_bytes().split(|byte| *byte == b' ');
        !scope.is_empty() && granted.any(|granted| granted == scope.as_bytes())
    }
}

impl HasScopes for String {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_str().has_scope(scope)
    }
}

impl HasScopes for Cow<'_, str> {
    fn has_scope(&self, scope: &str) -> bool {
        str::has_scope(self, scope)
    }
}

/// Each string is one scope; a string with a space in it is not a scope.
impl<T: AsRef<str>> HasScopes for [T] {
    fn has_scope(&self, scope: &str) -> bool {
        is_scope(scope) && self.iter().any(|granted| granted.as_ref() == scope)
    }
}

impl<T: AsRef<str>, const N: usize> HasScopes for [T; N] {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_slice().has_scope(scope)
    }
}

impl<T: AsRef<str>> HasScopes for Vec<T> {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_slice().has_scope(scope)
    }
}

impl HasScopes for BTreeSet<String> {
    fn has_scope(&self, scope: &str) -> bool {
        is_scope(scope) && self.contains(scope)
    }
}

impl<H: BuildHasher> HasScopes for HashSet<String, H> {
    fn has_scope(&self, scope: &str) -> bool {
        is_scope(scope) && self.contains(scope)
    }
}

/// `None` has no scopes.
impl<T: HasScopes> HasScopes for Option<T> {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_ref()
            .is_some_and(|granted| granted.has_scope(scope))
    }
}

impl<T: HasScopes + ?Sized> HasScopes for &T {
    fn has_scope(&self, scope: &str) -> bool {
        (**self).has_scope(scope)
    }
}

impl<T: HasScopes + ?Sized> HasScopes for Box<T> {
    fn has_scope(&self, scope: &str) -> bool {
        (**self).has_scope(scope)
    }
}

impl<T: HasScopes + ?Sized> HasScopes for Arc<T> {
    fn has_scope(&self, scope: &str) -> bool {
        (**self).has_scope(scope)
    }
}

/// The scopes of whichever principal it is.
impl<A: HasScopes, B: HasScopes> HasScopes for Either<A, B> {
    fn has_scope(&self, scope: &str) -> bool {
        match self {
            Self::First(first) => first.has_scope(scope),
            Self::Second(second) => second.has_scope(scope),
        }
    }
}

/// `scope-token` (RFC 6749, section 3.3).
pub(super) fn is_scope(text: &str) -> bool {
    let is_scope_byte = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    !text.is_empty() && text.bytes().all(is_scope_byte)
}

#[cfg(test)]
mod tests {
    use super::{HasScopes, is_scope};

    #[test]
    fn scopes_have_the_characters_of_rfc_6749() {
        for byte in 0..=127_u8 {
            // %x21 / %x23-5B / %x5D-7E
            let allowed = (0x21..=0x7e).contains(&byte) && byte != 0x22 && byte != 0x5c;
            let text = char::from(byte).to_string();
            assert_eq!(is_scope(&text), allowed, "{byte:#x}");
        }
        for (text, allowed) in [
            ("", false),
            ("caf\u{e9}", false),
            ("a b", false),
            ("https://a.example/b.c:d", true),
        ] {
            assert_eq!(is_scope(text), allowed, "{text:?}");
        }
    }

    #[test]
    fn compares_whole_scopes() {
        let cases = [
            ("read write", "read", true),
            ("read write", "write", true),
            ("write read", "read", true),
            ("read", "read", true),
            ("", "read", false),
            ("read write", "", false),
            ("read  write", "", false),
            ("read write", "read write", false),
            ("read:all", "read", false),
            ("read", "read:all", false),
            ("Read", "read", false),
            ("read,write", "read", false),
            ("read\twrite", "read", false),
            ("read\n", "read", false),
            ("read\u{a0}write", "read", false),
        ];
        for (granted, scope, expected) in cases {
            assert_eq!(granted.has_scope(scope), expected, "{granted:?} {scope:?}");
        }
    }

    #[test]
    fn each_string_of_a_list_is_one_scope() {
        let list = ["read", "write all", ""].map(str::to_owned);
        let cases = [
            ("read", true),
            ("write", false),
            ("all", false),
            ("write all", false),
            ("", false),
        ];
        for (scope, expected) in cases {
            assert_eq!(list.has_scope(scope), expected, "{scope:?}");
            assert_eq!(list.to_vec().has_scope(scope), expected, "{scope:?}");
            let set: std::collections::BTreeSet<_> = list.iter().cloned().collect();
            assert_eq!(set.has_scope(scope), expected, "{scope:?}");
            let set: std::collections::HashSet<_> = list.iter().cloned().collect();
            assert_eq!(set.has_scope(scope), expected, "{scope:?}");
        }
        assert!(!None::<String>.has_scope("read"));
        assert!(Some("read").has_scope("read"));
    }
}
