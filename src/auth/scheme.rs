//! Says what a scheme of authentication is: it reads a request's head and gives a verdict.

use std::{error::Error, fmt, future::Future, pin::Pin};

use http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE, request::Parts};

use super::or::Or;
use crate::{describe::Description, problem::Problem};

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

    /// Takes this scheme or another one: the first that finds credentials of its own in the
    /// request decides.
    ///
    /// Wrong credentials are refused and never fall through to the other scheme. A 401 carries
    /// the challenges of both. Both are asked about a request whose first verdict has to wait.
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

/// Wrong credentials: a 401, or a 400 for what can't be read.
///
/// A clone is cheap, so a refusal that never varies is best built once and cloned.
///
/// # Example
///
/// ```
/// use http::HeaderValue;
/// use wythe::{Refusal, Verdict};
///
/// let expired = Refusal::new("the key expired")
///     .challenge(HeaderValue::from_static(r#"ApiKey realm="orders", error="expired""#))
///     .detail("The key expired: ask for a new one.");
/// let verdict = Verdict::<()>::Refused(expired);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Refusal {
    problem: Problem,
    unless_optional: bool,
}

impl Refusal {
    /// A 401 with the scheme's own challenge. The reason goes to the log and not to the client.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::from_problem(Problem::new(StatusCode::UNAUTHORIZED).because(reason))
    }

    /// A 400 without a challenge: what was sent can't be read as credentials of this scheme.
    pub fn malformed(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::from_problem(Problem::new(StatusCode::BAD_REQUEST).because(reason))
    }

    /// Another challenge than the scheme's own.
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        self.change(|problem| problem.header(WWW_AUTHENTICATE, challenge))
    }

    /// What the client is told.
    pub fn detail(self, detail: &'static str) -> Self {
        self.change(|problem| problem.detail(detail))
    }

    /// Where credentials are [optional](crate::With::optional), the request passes as one that has
    /// none.
    ///
    /// It is for credentials that a browser sends of its own accord, a cookie that is over for
    /// example: refused everywhere, its owner could not even open the page to sign in again. Who
    /// has to add credentials to a request can leave them out.
    pub fn unless_optional(self) -> Self {
        Self {
            unless_optional: true,
            ..self
        }
    }

    pub(super) const fn is_unless_optional(&self) -> bool {
        self.unless_optional
    }

    pub(super) const fn from_problem(problem: Problem) -> Self {
        Self {
            problem,
            unless_optional: false,
        }
    }

    /// The same refusal with another answer.
    fn change(self, change: impl FnOnce(Problem) -> Problem) -> Self {
        Self {
            problem: change(self.problem),
            ..self
        }
    }

    /// The answer. A 401 has a challenge, come what may (RFC 9110, section 15.5.2).
    pub(super) fn into_problem(self, challenge: &HeaderValue) -> Problem {
        let bare = self.problem.status() == StatusCode::UNAUTHORIZED
            && !self.problem.headers().contains_key(WWW_AUTHENTICATE);
        if bare {
            return self.problem.header(WWW_AUTHENTICATE, challenge.clone());
        }
        self.problem
    }
}
