//! Lets only requests with right credentials pass, and hands the handler [`Auth`].
//!
//! 1. A request whose credentials the scheme verifies passes. The handler may ask for
//!    `Auth<Principal>`; [`Authenticated`] lies in the request's extensions for layers further in.
//! 2. A request without credentials is answered 401 with the scheme's challenge. After
//!    [`optional`](With::optional) it passes instead.
//! 3. A request with wrong credentials is answered 401, optional or not, unless the scheme
//!    [says otherwise](Refusal::unless_optional), as `Sessions` does; one whose credentials can't be
//!    read, 400.
//! 4. If the scheme can't tell, because its store is down, the answer is 503 and never 401.
//!
//! The scheme is `Jwt`, `ApiKey`, `Basic` or `Sessions`, each with its feature, or your own: see
//! [`Authenticate`]. Two schemes are one by [`or`](Authenticate::or), if they know the same
//! principal, and by [`either`](Authenticate::either); [`map`](Authenticate::map) and
//! [`and_then`](Authenticate::and_then) make another principal of theirs.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{Auth, Authenticate, Verdict, with_auth};
//!
//! #[derive(Clone)]
//! struct Staff;
//!
//! struct Badge;
//!
//! impl Authenticate for Badge {
//!     type Principal = Staff;
//!
//!     fn challenge(&self) -> HeaderValue {
//!         HeaderValue::from_static(r#"Badge realm="office""#)
//!     }
//!
//!     fn authenticate(&self, head: &Parts) -> Verdict<Staff> {
//!         match head.headers.get("badge") {
//!             None => Verdict::Missing,
//!             Some(badge) if badge == "7" => Verdict::Verified(Staff),
//!             Some(_) => Verdict::refused("no such badge"),
//!         }
//!     }
//! }
//!
//! let service = with_auth(Badge).layer(service_fn(|request: Request<Full<Bytes>>| async move {
//!     assert!(request.extensions().get::<Auth<Staff>>().is_some());
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("welcome")))
//! }));
//!
//! let request = Request::get("/").header("badge", "7").body(Full::default())?;
//! assert_eq!(service.clone().oneshot(request).await?.status(), StatusCode::OK);
//!
//! let request = Request::get("/").header("badge", "8").body(Full::default())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()["www-authenticate"], r#"Badge realm="office""#);
//! # Ok(()) }
//! ```
//!
//! # Responses
//!
//! | status | when | headers |
//! |---|---|---|
//! | 400 | the credentials can't be read as such | `WWW-Authenticate`, if the scheme says so |
//! | 401 | no credentials, or wrong ones | `WWW-Authenticate` |
//! | 503 | the credentials can't be checked | |
//!
//! # Order
//!
//! Stage [`Authenticate`](stage::Authenticate): inside CORS, or browsers could not read the 401,
//! and inside the method guard; outside everything that needs to know who.
//!
//! # Security
//!
//! The log gets the scheme's reason, the client does not. A principal is cloned for the handler:
//! keep secrets out of it.
//!
//! # Compared with
//!
//! tower-http's `validate_request` sends bearer refusals without a challenge and compares with
//! `==`. axum-login answers a failure of its store as if the user were forbidden.

mod and_then;
#[cfg(feature = "api-key")]
mod api_key;
#[cfg(feature = "basic")]
mod basic;
mod either;
#[cfg(feature = "jwt")]
mod jwt;
mod map;
mod optional;
mod or;
#[cfg(any(feature = "api-key", feature = "jwt"))]
mod own_field;
mod refusal;
mod response_fields;
mod scheme;
#[cfg(feature = "session")]
mod session;

use std::{fmt, sync::Arc};

use http::{
    Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode, header::WWW_AUTHENTICATE,
};

pub use and_then::{AndThen, Outcome};
#[cfg(feature = "api-key")]
pub use api_key::{ApiKey, ApiKeyFormat, ApiKeyHash, ApiKeyRefusal, GeneratedKey};
#[cfg(feature = "basic")]
pub use basic::{Basic, BasicRefusal};
pub use either::EitherOf;
#[cfg(feature = "jwks")]
pub use jwt::{FetchKeys, Fetched, HttpsTransport, Jwks, JwksError, JwksStatus};
#[cfg(feature = "jwt")]
pub use jwt::{Jwt, JwtAlgorithm, JwtIssuer, JwtKey, JwtRefusal, TokenCache};
pub use map::{Map, TryMap};
pub use optional::OptionalAuthentication;
pub use or::Or;
pub use refusal::Refusal;
pub use scheme::{Authenticate, Verdict};
#[cfg(feature = "session")]
pub use session::{
    MemorySessions, Session, SessionId, SessionKey, SessionOwner, SessionRecord, SessionRefusal,
    SessionStore, SessionStoreError, Sessions, SessionsByOwner,
};
#[cfg(feature = "session-redis")]
pub use session::{RedisSessions, RedisSessionsMetrics};

use self::refusal::Unchecked;
use crate::{
    contract::{Always, Description, Later, Middleware, Place, ReplyBody, Step, With, stage, with},
    request::Authenticated,
    wire::{BoxError, Problem},
};

pub use crate::request::{Auth, Either};

/// Lets only requests with right credentials pass, and hands the handler [`Auth`]. The page of
/// this [module](self) says all about it.
pub fn with_auth<A: Authenticate>(scheme: A) -> With<Authentication<A>> {
    with(Authentication::new(scheme))
}

/// The middleware of [`with_auth`].
#[must_use]
pub struct Authentication<A>(Arc<Inner<A>>);

/// What the scheme adds to the response, if anything.
type Fields = Option<Box<HeaderMap>>;

struct Inner<A> {
    scheme: A,
    challenge: HeaderValue,
    missing: Problem,
}

impl<A: Authenticate> Authentication<A> {
    fn new(scheme: A) -> Self {
        let challenge = scheme.challenge();
        let missing = Problem::new(StatusCode::UNAUTHORIZED)
            .detail("This resource asks for credentials.")
            .reason("no_credentials")
            .header(WWW_AUTHENTICATE, challenge.clone());
        Self(Arc::new(Inner {
            scheme,
            challenge,
            missing,
        }))
    }

    /// Judges a request; without credentials, it goes on if they are optional.
    fn judge<B>(&self, request: Request<B>, optional: bool) -> Later<Step<B, Fields>>
    where
        A: Send + Sync + 'static,
        A::Principal: Clone + Send + Sync + 'static,
        B: Send + 'static,
    {
        let (mut head, body) = request.into_parts();
        let verdict = self.0.scheme.authenticate(&head);
        if let Verdict::Wait(later) = verdict {
            let inner = Arc::clone(&self.0);
            return Later::pending(async move {
                let verdict = later.await.settled().await;
                let fields = inner.conclude(&mut head.extensions, verdict, optional);
                Step::from(fields.map(|fields| (Request::from_parts(head, body), fields)))
            });
        }
        match self.0.conclude(&mut head.extensions, verdict, optional) {
            Ok(fields) => Step::next(Request::from_parts(head, body), fields),
            Err(problem) => Step::reply(problem),
        }
    }
}

impl<A: Authenticate> Inner<A> {
    fn conclude(
        &self,
        extensions: &mut Extensions,
        verdict: Verdict<A::Principal>,
        optional: bool,
    ) -> Result<Fields, Problem>
    where
        A::Principal: Clone + Send + Sync + 'static,
    {
        let (principal, fields) = match verdict {
            Verdict::Verified(principal) => (principal, None),
            Verdict::VerifiedWith(principal, fields) => (principal, Some(fields)),
            Verdict::Missing if optional => return Ok(None),
            Verdict::Refused(refusal) if optional && refusal.is_unless_optional() => {
                return Ok(None);
            }
            verdict => return Err(self.refusal(verdict)),
        };
        extensions.insert(Auth(principal));
        extensions.insert(Authenticated);
        Ok(fields)
    }

    /// The answer to a request that may not pass.
    fn refusal(&self, verdict: Verdict<A::Principal>) -> Problem {
        match verdict {
            Verdict::Missing => self.missing.clone(),
            Verdict::Refused(refusal) => refusal.into_problem(&self.challenge),
            Verdict::Failed(cause) => unchecked(cause),
            // Both callers have waited; should one forget, nobody passes.
            Verdict::Wait(_) | Verdict::Verified(_) | Verdict::VerifiedWith(..) => {
                Problem::internal("a verdict was left open")
            }
        }
    }
}

/// The 503 where nobody can tell whether the credentials are right.
fn unchecked(cause: BoxError) -> Problem {
    match cause.downcast::<Unchecked>() {
        Ok(unchecked) => Problem::unavailable(unchecked.cause).scheme(unchecked.scheme),
        Err(cause) => Problem::unavailable(cause),
    }
}

impl<A> Clone for Authentication<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> fmt::Debug for Authentication<A> {
    /// The scheme's name; a scheme may hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Description::of::<Self>().name())
    }
}

impl<A: Authenticate> Place for Authentication<A> {
    type Stage = stage::Authenticate;
    type Provides = Always<Auth<A::Principal>>;
    type Needs = ();

    fn describe(&self) -> Description {
        let layer = Description::new("with_auth").answers(
            StatusCode::UNAUTHORIZED,
            "without credentials, or with wrong ones",
        );
        self.0.scheme.describe(layer)
    }
}

impl<A, B> Middleware<B> for Authentication<A>
where
    A: Authenticate<Principal: Clone + Send + Sync + 'static> + Send + Sync + 'static,
    B: Send + 'static,
{
    type Carry = Option<Box<HeaderMap>>;

    fn name(&self) -> &'static str {
        "with_auth"
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, Fields>> {
        self.judge(request, false)
    }

    fn after<R: ReplyBody>(&self, fields: Fields, response: &mut Response<R>) {
        if let Some(fields) = fields {
            response_fields::add(*fields, response);
        }
    }
}
