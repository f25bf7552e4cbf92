//! Lets principals pass that were granted scopes: [`Scopes`].

use std::{fmt, marker::PhantomData, sync::Arc};

use http::{HeaderValue, Request, StatusCode, header::WWW_AUTHENTICATE};

use super::{
    grant::{By, Itself},
    has_scopes::{HasScopes, is_scope},
    required::{HowMany, Required},
};
use crate::{
    contract::{Description, Later, Middleware, Needed, Place, Step, With, stage, with},
    request::Auth,
    wire::{ConfigError, field::Challenge},
};

/// The middleware of [`with_scopes`](super::with_scopes) and
/// [`with_any_scope`](super::with_any_scope).
#[must_use]
pub struct Scopes<C, G = Itself> {
    inner: Arc<Inner<G>>,
    principal: PhantomData<fn(C)>,
}

#[derive(Clone)]
struct Inner<G> {
    /// What is required, with refusals that have no challenge.
    bare: Required<str>,
    /// The same with the refusals that are sent.
    required: Required<str>,
    grant: G,
}

impl<C> Scopes<C> {
    pub(super) fn new(
        scopes: impl IntoIterator<Item = impl AsRef<str>>,
        how_many: HowMany,
    ) -> Result<Self, ConfigError> {
        let mut list: Vec<Arc<str>> = Vec::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if !is_scope(scope) {
                let message = format!(
                    "`{}` is not a scope: it has one or more visible ASCII characters, without \
                     space, `\"` and `\\`",
                    scope.escape_debug()
                );
                return Err(ConfigError::new("Scopes", message));
            }
            if !list.iter().any(|listed| **listed == *scope) {
                list.push(scope.into());
            }
        }
        let bare = Required::new(list, how_many, "scope", "insufficient_scope", "Scopes")?;
        let required = with_challenge(&bare, None)?;
        Ok(Self::of(Inner {
            bare,
            required,
            grant: Itself,
        }))
    }
}

impl<C, G> Scopes<C, G> {
    fn of(inner: Inner<G>) -> Self {
        Self {
            inner: Arc::new(inner),
            principal: PhantomData,
        }
    }
}

/// The refusals with `Bearer error="insufficient_scope"` (RFC 6750, section 3.1).
fn with_challenge(bare: &Required<str>, realm: Option<&str>) -> Result<Required<str>, ConfigError> {
    let mut challenge = Challenge::new("Bearer")?;
    if let Some(realm) = realm {
        challenge = challenge.parameter("realm", realm)?;
    }
    let challenge: HeaderValue = challenge
        .parameter("error", "insufficient_scope")?
        .parameter("scope", &bare.sufficient().join(" "))?
        .into();
    let bare = bare.clone();
    Ok(bare.map_refusals(|refusal| refusal.header(WWW_AUTHENTICATE, challenge.clone())))
}

impl<C> With<Scopes<C>> {
    /// Asks a closure whether the principal has a scope, and not the principal itself.
    ///
    /// For principals of another crate, or when one principal is asked in different ways.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::with_scopes;
    ///
    /// struct Session {
    ///     granted: Vec<String>,
    /// }
    ///
    /// let layer = with_scopes(["orders:read"])?
    ///     .by(|session: &Session, scope| session.granted.iter().any(|granted| granted == scope));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn by<F>(self, has: F) -> With<Scopes<C, By<F>>>
    where
        F: Fn(&C, &str) -> bool + Send + Sync + 'static,
    {
        let Inner { bare, required, .. } = Arc::unwrap_or_clone(self.into_middleware().inner);
        with(Scopes::of(Inner {
            bare,
            required,
            grant: By(has),
        }))
    }
}

impl<C, G: Clone> With<Scopes<C, G>> {
    /// The realm of the challenge (RFC 9110, section 11.5); none unless told.
    ///
    /// # Errors
    ///
    /// If it has other characters than visible ASCII ones, spaces and tabs.
    pub fn realm(self, realm: &str) -> Result<Self, ConfigError> {
        let mut inner = Arc::unwrap_or_clone(self.into_middleware().inner);
        inner.required = with_challenge(&inner.bare, Some(realm))?;
        Ok(with(Scopes::of(inner)))
    }

    /// Sends no challenge: for principals that did not come by a bearer token, whom
    /// `WWW-Authenticate: Bearer` would mislead.
    pub fn without_challenge(self) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.into_middleware().inner);
        inner.required = inner.bare.clone();
        with(Scopes::of(inner))
    }
}

impl<C, G> Clone for Scopes<C, G> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            principal: PhantomData,
        }
    }
}

impl<C, G> fmt::Debug for Scopes<C, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.inner.required.when_refused("scope");
        f.debug_tuple("Scopes")
            .field(&format_args!("{words}"))
            .finish()
    }
}

/// Whether a principal was granted a scope.
pub trait GrantsScopes<C> {
    /// Whether it was.
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

    fn describe(&self) -> Description {
        let required = &self.inner.required;
        let name = required.layer("with_scopes", "with_any_scope");
        Description::new(name).answers(StatusCode::FORBIDDEN, required.when_refused("scope"))
    }
}

impl<C, G, B> Middleware<B> for Scopes<C, G>
where
    C: Send + Sync + 'static,
    G: GrantsScopes<C>,
{
    type Carry = ();

    fn name(&self) -> &'static str {
        self.inner.required.layer("with_scopes", "with_any_scope")
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let Inner {
            required, grant, ..
        } = &*self.inner;
        required.judge("with_scopes", request, |principal: &C, scope: &str| {
            grant.has(principal, scope)
        })
    }
}
