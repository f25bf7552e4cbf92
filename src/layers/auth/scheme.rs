//! Says what a scheme of authentication is: it reads a request's head and gives a verdict.

use std::{error::Error, fmt, future::Future, pin::Pin};

use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};

use super::{
    and_then::{AndThen, Outcome},
    either::EitherOf,
    map::{Map, TryMap},
    or::Or,
    refusal::{Refusal, Unchecked},
};
use crate::contract::Description;

/// A scheme of authentication: who sent a request, by its head.
///
/// # Example
///
/// API keys from a list that is known at start:
///
/// ```
/// use http::{HeaderValue, request::Parts};
/// use wythe::{Authenticate, Verdict, with_auth};
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
///     fn authenticate(&self, head: &Parts) -> Verdict<Partner> {
///         let Some(key) = head.headers.get("x-api-key") else {
///             return Verdict::Missing;
///         };
///         let known = self.0.iter().find(|(hash, _)| *hash == sha256(key.as_bytes()));
///         known.map_or_else(
///             || Verdict::refused("an unknown key"),
///             |(_, partner)| Verdict::Verified(partner.clone()),
///         )
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
/// use wythe::{Authenticate, Verdict};
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
///     fn authenticate(&self, head: &Parts) -> Verdict<User> {
///         let Some(token) = head.headers.get(header::AUTHORIZATION).cloned() else {
///             return Verdict::Missing;
///         };
///         let store = self.0.clone();
///         Verdict::wait(async move {
///             match store.find(&token).await {
///                 Ok(Some(user)) => Verdict::Verified(user),
///                 Ok(None) => Verdict::refused("an unknown token"),
///                 // The store is down: that says nothing of the token. A 503, never a 401.
///                 Err(error) => Verdict::Failed(error.into()),
///             }
///         })
///     }
/// }
/// ```
pub trait Authenticate {
    /// Whom a verified request comes from; the handler asks for `Auth<Principal>`.
    type Principal;

    /// What a 401 asks for: one challenge or several (RFC 9110, section 11.6.1). It is read once,
    /// when the layer is made. [`Challenge`](crate::Challenge) writes one whose parts vary.
    fn challenge(&self) -> HeaderValue;

    /// Finds the request's credentials and checks them.
    fn authenticate(&self, head: &Parts) -> Verdict<Self::Principal>;

    /// Takes this scheme or another one of the same principal: the first that finds credentials of
    /// its own in the request decides.
    ///
    /// Wrong credentials are refused and never fall through to the other scheme. A 401 carries the
    /// challenges of both, first that of the scheme that refused.
    ///
    /// Of a request with credentials of both, those of the second scheme are not looked at;
    /// [`exclusive`](Or::exclusive) refuses it. List what a client says on purpose, such as a bearer
    /// token, before what a browser sends unasked, such as a cookie: a neighbouring domain can plant
    /// a cookie, and that must not decide.
    ///
    /// If the first scheme has to wait for its verdict, the second is asked meanwhile, because the
    /// request's head is not kept; a verdict of the second that has to wait is begun only if the
    /// first finds nothing.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderValue, request::Parts};
    /// use wythe::{Authenticate, Verdict, with_auth};
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
    ///     fn authenticate(&self, head: &Parts) -> Verdict<Caller> {
    ///         match head.headers.get(self.0) {
    ///             None => Verdict::Missing,
    ///             Some(key) if key == "right" => Verdict::Verified(Caller(self.0)),
    ///             Some(_) => Verdict::refused("wrong"),
    ///         }
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

    /// Takes this scheme or another one of another principal: the handler asks for
    /// `Auth<Either<A, B>>`. The rules are those of [`or`](Self::or).
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Auth, Authenticate, Either, Jwt, compose, with_auth};
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
    /// #     fn authenticate(&self, _: &http::request::Parts) -> wythe::Verdict<Partner> {
    /// #         wythe::Verdict::Missing
    /// #     }
    /// # }
    /// # let keys = Keys;
    /// let jwt = Jwt::<Claims>::hs256(secret)?;
    /// // `keys` know partners: an `ApiKey`, for example.
    /// let stack = compose((with_auth(jwt.either(keys)),));
    /// let route = axum::routing::get(stack.handler(whoami));
    /// # let _: axum::routing::MethodRouter = route;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn either<O>(self, other: O) -> EitherOf<Self, O>
    where
        Self: Sized + Authenticate<Principal: Send + 'static>,
        O: Authenticate<Principal: Send + 'static>,
    {
        EitherOf::new(self, other)
    }

    /// Turns the principal into another one: so that two schemes know the same.
    ///
    /// The closure may be called although another scheme decides in the end: it should do nothing
    /// else.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Authenticate, Jwt, with_auth};
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
    /// #     fn authenticate(&self, _: &http::request::Parts) -> wythe::Verdict<u32> {
    /// #         wythe::Verdict::Missing
    /// #     }
    /// # }
    /// # let keys = Keys;
    /// let jwt = Jwt::<Claims>::hs256(secret)?.map(|claims| Caller::User(claims.sub));
    /// // `keys` know the number of a partner: an `ApiKey`, for example.
    /// let keys = keys.map(Caller::Partner);
    /// let layer = with_auth(jwt.or(keys));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn map<F, Q>(self, turn: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> Q + Send + Sync + 'static,
    {
        Map::new(self, turn)
    }

    /// Turns the principal into another one, or refuses it: a 401 with the scheme's challenge.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Authenticate, Jwt, Refusal, with_auth};
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
    ///     let id = claims.sub.parse().map_err(|_| Refusal::new("`sub` is no number"))?;
    ///     Ok(User(id))
    /// });
    /// let layer = with_auth(users);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    fn try_map<F, Q>(self, turn: F) -> TryMap<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> Result<Q, Refusal> + Send + Sync + 'static,
    {
        TryMap::new(self, turn)
    }

    /// Asks a store about the principal: for its row by the `sub` of its claims, or whether its
    /// token was revoked.
    ///
    /// The closure's future returns `Result<Option<Principal>, E>` or a [`Verdict`]: see
    /// [`Outcome`]. Nobody found is a 401, and an error of the store a 503. It is asked only about
    /// credentials that are right, and only if this scheme decides.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Authenticate, Jwt, with_auth};
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
    fn and_then<F, L>(self, ask: F) -> AndThen<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> L + Send + Sync + 'static,
        L: Future<Output: Outcome> + Send + 'static,
    {
        AndThen::new(self, ask)
    }

    /// Adds to the layer's description what this scheme can answer besides 401.
    fn describe(&self, layer: Description) -> Description {
        layer.answers(
            StatusCode::SERVICE_UNAVAILABLE,
            "when the credentials can't be checked",
        )
    }
}

/// What a scheme says of a request.
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract: a scheme says one of these"
)]
pub enum Verdict<P> {
    /// The request has no credentials of this scheme.
    Missing,
    /// The credentials are right: this is who sent the request.
    Verified(P),
    /// The same, and the response is to say something to the client besides: a cookie that is
    /// renewed, or `Authentication-Info` (RFC 9110, section 11.6.3). The fields are appended; a
    /// cookie that the handler itself sets or takes back stays as the handler says.
    VerifiedWith(P, Box<HeaderMap>),
    /// There are credentials, and they are wrong.
    Refused(Refusal),
    /// The credentials could not be checked: the answer is 503, with the cause in the log.
    Failed(Box<dyn Error + Send + Sync>),
    /// Not known yet: a store to ask. The only case that allocates.
    Wait(Pin<Box<dyn Future<Output = Self> + Send>>),
}

impl<P> Verdict<P> {
    /// The credentials are wrong, for this reason; it goes to the log and not to the client.
    pub fn refused(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(Refusal::new(reason))
    }

    /// The credentials could not be checked, with the scheme's name for the log: a
    /// [`Failed`](Self::Failed).
    pub fn unchecked(scheme: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Box::new(Unchecked {
            scheme,
            cause: cause.into(),
        }))
    }

    /// Finds out later.
    pub fn wait(verdict: impl Future<Output = Self> + Send + 'static) -> Self {
        Self::Wait(Box::pin(verdict))
    }
}

impl<P: Send> Verdict<P> {
    /// Waits until it is known.
    pub(super) async fn settled(mut self) -> Self {
        while let Self::Wait(later) = self {
            self = later.await;
        }
        self
    }
}

impl<P> fmt::Debug for Verdict<P> {
    /// The kind of verdict; a principal may hold what no log should.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Verified(_) => "Verified",
            Self::VerifiedWith(..) => "VerifiedWith",
            Self::Refused(_) => "Refused",
            Self::Failed(_) => "Failed",
            Self::Wait(_) => "Wait",
        })
    }
}
