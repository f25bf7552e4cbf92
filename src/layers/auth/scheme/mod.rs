//! Authentication schemes: a scheme reads a request's head and gives a verdict.

mod choice;
mod map;
mod verdict;

use std::{borrow::Cow, future::Future};

use http::{HeaderValue, StatusCode, request::Parts};

use self::verdict::WRONG_CREDENTIALS;
pub(super) use self::verdict::{join_challenges, unavailable};
pub use self::{
    choice::{EitherOf, Or},
    map::{AndThen, Granting, Map, Outcome},
    verdict::{Details, Refusal, Verdict},
};
use crate::contract::{
    Description, Later,
    description::{Answer, SchemeKind, SecurityScheme},
};

/// An authentication scheme: determines from a request's head who sent it.
///
/// # Example
///
/// API keys from a list that is known at start:
///
/// ```
/// use http::{HeaderValue, request::Parts};
/// use wythe::{Later, auth::{Authenticate, Verdict}, with_auth};
///
/// #[derive(Clone)]
/// struct Partner(&'static str);
///
/// struct ApiKeys(Vec<([u8; 32], Partner)>);
///
/// impl Authenticate for ApiKeys {
///     type Principal = Partner;
///
///     fn challenge(&self) -> HeaderValue {
///         HeaderValue::from_static(r#"ApiKey realm="orders""#)
///     }
///
///     fn authenticate(&self, head: &Parts) -> Later<Verdict<Partner>> {
///         let Some(key) = head.headers.get("x-api-key") else {
///             return Verdict::Missing.into();
///         };
///         let known = self.0.iter().find(|(hash, _)| *hash == sha256(key.as_bytes()));
///         Later::Ready(match known {
///             Some((_, partner)) => Verdict::Verified(partner.clone()),
///             None => Verdict::refused("an unknown key"),
///         })
///     }
/// }
/// # fn sha256(key: &[u8]) -> [u8; 32] { let _ = key; [0; 32] }
///
/// let layer = with_auth(ApiKeys(vec![]));
/// ```
///
/// # Example: asking a store
///
/// ```
/// use http::{HeaderValue, header, request::Parts};
/// use wythe::{Later, auth::{Authenticate, Verdict}};
/// # #[derive(Clone)] struct User;
/// # #[derive(Clone)] struct Store;
/// # impl Store {
/// #     async fn find(&self, _: &HeaderValue) -> Result<Option<User>, std::io::Error> { Ok(None) }
/// # }
///
/// struct Tokens(Store);
///
/// impl Authenticate for Tokens {
///     type Principal = User;
///
///     fn challenge(&self) -> HeaderValue {
///         HeaderValue::from_static(r#"Bearer realm="api""#)
///     }
///
///     fn authenticate(&self, head: &Parts) -> Later<Verdict<User>> {
///         let Some(token) = head.headers.get(header::AUTHORIZATION).cloned() else {
///             return Verdict::Missing.into();
///         };
///         let store = self.0.clone();
///         Later::pending(async move {
///             match store.find(&token).await {
///                 Ok(Some(user)) => Verdict::Verified(user),
///                 Ok(None) => Verdict::refused("an unknown token"),
///                 // The store is down, which says nothing about the token: 503, never 401.
///                 Err(error) => Verdict::Failed(error.into()),
///             }
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an authentication scheme",
    label = "not a `Jwt`, and not an implementation of `Authenticate`",
    note = "a scheme that can be invalid is a `Result`: write `?` after its constructor, as in \
            `with_auth(Jwt::<Claims>::hs256(secret)?)`"
)]
pub trait Authenticate {
    /// The sender of the request; the handler asks for `Auth<Principal>`.
    type Principal: Clone + Send + Sync + 'static;

    /// The challenge of a 401, or several (RFC 9110, section 11.6.1). It is read once, when the layer
    /// is created. [`Challenge`](crate::Challenge) builds one with parameters.
    fn challenge(&self) -> HeaderValue;

    /// Finds the request's credentials and checks them.
    ///
    /// In a nested axum router, `head.uri` lacks the prefix of that router;
    /// [`RequestHead::from(head)`](crate::RequestHead) has the full path.
    fn authenticate(&self, head: &Parts) -> Later<Verdict<Self::Principal>>;

    /// Accepts credentials of this scheme or of another one with the same principal: the first scheme
    /// that finds credentials in the request decides.
    ///
    /// Invalid credentials are refused and never fall through to the other scheme, with one exception:
    /// a [dead cookie](Refusal::unless_optional), such as that of an expired session, which a browser
    /// sends automatically, does not stand in the way of credentials of the other scheme. A 401
    /// carries the challenges of both, first that of the scheme that refused.
    ///
    /// If a request has credentials of both, those of the second scheme are ignored;
    /// [`exclusive`](Or::exclusive) refuses such a request. Put credentials that a client sends
    /// explicitly, such as a bearer token, before those that a browser sends automatically, such as a
    /// cookie: a sibling domain can plant a cookie, and a planted cookie must not decide.
    ///
    /// If the first scheme is not ready, `authenticate` of the second is called at once, because the
    /// request's head is not kept; its future is polled only if its verdict is needed.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderValue, request::Parts};
    /// use wythe::{Later, auth::{Authenticate, Verdict}, with_auth};
    ///
    /// #[derive(Clone)]
    /// struct Caller(&'static str);
    ///
    /// struct Field(&'static str);
    ///
    /// impl Authenticate for Field {
    ///     type Principal = Caller;
    ///
    ///     fn challenge(&self) -> HeaderValue {
    ///         HeaderValue::from_static(self.0)
    ///     }
    ///
    ///     fn authenticate(&self, head: &Parts) -> Later<Verdict<Caller>> {
    ///         Later::Ready(match head.headers.get(self.0) {
    ///             None => Verdict::Missing,
    ///             Some(key) if key == "right" => Verdict::Verified(Caller(self.0)),
    ///             Some(_) => Verdict::refused("wrong"),
    ///         })
    ///     }
    /// }
    ///
    /// let layer = with_auth(Field("badge").or(Field("ticket")));
    /// ```
    fn or<O>(self, other: O) -> Or<Self, O>
    where
        Self: Sized,
        O: Authenticate<Principal = Self::Principal>,
    {
        Or::new(self, other)
    }

    /// Accepts credentials of this scheme or of another one with a different principal: the handler
    /// asks for `Auth<Either<A, B>>`. The rules are those of [`or`](Self::or).
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Auth, Either, Jwt, auth::Authenticate, compose, with_auth};
    /// # use wythe::{Later, auth::Verdict};
    ///
    /// #[derive(Clone, serde::Deserialize)]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// #[derive(Clone)]
    /// struct Partner(&'static str);
    ///
    /// async fn whoami(Auth(caller): Auth<Either<Claims, Partner>>) -> String {
    ///     match caller {
    ///         Either::First(claims) => claims.sub,
    ///         Either::Second(Partner(name)) => name.to_owned(),
    ///     }
    /// }
    ///
    /// # let secret = "a secret of at least 32 bytes for it";
    /// # struct Keys;
    /// # impl Authenticate for Keys {
    /// #     type Principal = Partner;
    /// #     fn challenge(&self) -> http::HeaderValue { http::HeaderValue::from_static("Key") }
    /// #     fn authenticate(&self, _: &http::request::Parts) -> Later<Verdict<Partner>> {
    /// #         Verdict::Missing.into()
    /// #     }
    /// # }
    /// # let keys = Keys;
    /// let jwt = Jwt::<Claims>::hs256(secret)?;
    /// // The principal of `keys` is a `Partner`: it is an `ApiKey`, for example.
    /// let stack = compose((with_auth(jwt.either(keys)),));
    /// let route = axum::routing::get(stack.handler(whoami));
    /// # let _: axum::routing::MethodRouter = route;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn either<O>(self, other: O) -> EitherOf<Self, O>
    where
        Self: Sized + Authenticate,
        O: Authenticate,
    {
        EitherOf::new(self, other)
    }

    /// Converts the principal into another type, so that two schemes can have the same one.
    ///
    /// The closure may be called even if another scheme decides in the end: it must not have side
    /// effects.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, auth::Authenticate, with_auth};
    /// # use wythe::{Later, auth::Verdict};
    ///
    /// #[derive(Clone, serde::Deserialize)]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// #[derive(Clone)]
    /// enum Caller {
    ///     User(String),
    ///     Partner(u32),
    /// }
    ///
    /// # let secret = "a secret of at least 32 bytes for it";
    /// # struct Keys;
    /// # impl Authenticate for Keys {
    /// #     type Principal = u32;
    /// #     fn challenge(&self) -> http::HeaderValue { http::HeaderValue::from_static("Key") }
    /// #     fn authenticate(&self, _: &http::request::Parts) -> Later<Verdict<u32>> {
    /// #         Verdict::Missing.into()
    /// #     }
    /// # }
    /// # let keys = Keys;
    /// let jwt = Jwt::<Claims>::hs256(secret)?.map(|claims| Caller::User(claims.sub));
    /// // The principal of `keys` is the number of a partner.
    /// let keys = keys.map(Caller::Partner);
    /// let layer = with_auth(jwt.or(keys));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn map<F, Q>(
        self,
        convert: F,
    ) -> Map<Self, impl Fn(Self::Principal) -> Result<Q, Refusal> + Send + Sync + 'static>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> Q + Send + Sync + 'static,
    {
        Map::always(self, move |principal| Ok(convert(principal)))
    }

    /// Converts the principal, or refuses it: a 401 with the scheme's challenge.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, auth::{Authenticate, Refusal}, with_auth};
    ///
    /// #[derive(Clone, serde::Deserialize)]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// #[derive(Clone)]
    /// struct User(u64);
    ///
    /// # let secret = "a secret of at least 32 bytes for it";
    /// let users = Jwt::<Claims>::hs256(secret)?.try_map(|claims| {
    ///     let id = claims.sub.parse().map_err(|_| Refusal::new("`sub` is not a number"))?;
    ///     Ok(User(id))
    /// });
    /// let layer = with_auth(users);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn try_map<F, Q>(self, convert: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> Result<Q, Refusal> + Send + Sync + 'static,
    {
        Map::or_refuse(self, convert)
    }

    /// Looks the principal up in a store: for example the user's row by the `sub` claim, or whether
    /// the token was revoked.
    ///
    /// `None` is refused even where credentials are [optional](crate::With::optional). If the
    /// credentials come from a cookie, return a [`Verdict`] with a refusal that is
    /// [`unless_optional`](Refusal::unless_optional) instead, so that the browser of a user whose
    /// account was deleted can still open public pages and the sign-in page.
    ///
    /// The closure's future returns `Result<Option<Principal>, E>` or a [`Verdict`]: see [`Outcome`].
    /// `None` is a 401; an error is a 503, or a 500 if the error is such a `Problem`. The store is
    /// queried only for valid credentials, and only if this scheme decides.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, auth::Authenticate, with_auth};
    ///
    /// #[derive(Clone, serde::Deserialize)]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// # #[derive(Clone)] struct User;
    /// # #[derive(Clone)] struct Store;
    /// # impl Store {
    /// #     async fn user(&self, _: &str) -> Result<Option<User>, std::io::Error> { Ok(None) }
    /// # }
    /// # let store = Store;
    /// # let secret = "a secret of at least 32 bytes for it";
    /// let users = Jwt::<Claims>::hs256(secret)?.and_then(move |claims| {
    ///     let store = store.clone();
    ///     async move { store.user(&claims.sub).await }
    /// });
    /// let layer = with_auth(users);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn and_then<F, L>(self, look_up: F) -> AndThen<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> L + Send + Sync + 'static,
        L: Future<Output: Outcome> + Send + 'static,
    {
        AndThen::new(self, look_up)
    }

    /// States all scopes that credentials of this scheme can have. An `Api` then finds, when the
    /// program starts, the routes that nobody can call because they require a scope that is not among
    /// them.
    ///
    /// This is only part of the layer's description. Requests are not checked against it:
    /// `with_scopes` does that.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, Place, auth::Authenticate, with_auth};
    /// # #[derive(Clone, serde::Deserialize)] struct Claims;
    ///
    /// # let secret = "a secret of at least 32 bytes for it";
    /// let layer = with_auth(Jwt::<Claims>::hs256(secret)?.granting(["orders:read"]));
    /// let layer = layer.describe();
    /// let scheme = &layer.security().unwrap().schemes()[0];
    /// assert_eq!(scheme.granted_scopes().unwrap(), ["orders:read"]);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn granting<I>(self, scopes: I) -> Granting<Self>
    where
        Self: Sized,
        I: IntoIterator<Item: Into<Cow<'static, str>>>,
    {
        Granting::new(self, scopes.into_iter().map(Into::into).collect())
    }

    /// Adds this scheme to the layer's description, with the answers it can give besides 401.
    ///
    /// By default, the scheme has the name in its challenge, and the place of its credentials in a
    /// request is unknown. [`SecurityScheme`] shows how to state it.
    fn describe(&self, layer: Description) -> Description {
        let unchecked = Answer::unavailable().when("when the credentials cannot be checked");
        add_unknown(self, layer).answer(unchecked)
    }
}

/// Adds a scheme to the description of a layer. A scheme that does not add itself is added as unknown.
pub(super) fn describe<A: Authenticate>(scheme: &A, layer: Description) -> Description {
    let count = |layer: &Description| layer.security().map_or(0, |known| known.schemes().len());
    let before = count(&layer);
    let layer = scheme.describe(layer);
    if count(&layer) == before {
        return add_unknown(scheme, layer);
    }
    layer
}

/// Adds a scheme of which only the name in its challenge is known.
fn add_unknown<A: Authenticate + ?Sized>(scheme: &A, layer: Description) -> Description {
    let challenge = scheme.challenge();
    let name = challenge.to_str().unwrap_or_default();
    let name = name.split([' ', ',']).next().unwrap_or_default();
    layer
        .scheme(SecurityScheme::new(SchemeKind::Other, name.to_owned()))
        .reasons(StatusCode::UNAUTHORIZED, [WRONG_CREDENTIALS])
}
