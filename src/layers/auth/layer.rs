//! The layer: [`with_auth`], and [`optional`](With::optional) credentials.

use std::{fmt, sync::Arc};

use http::{HeaderValue, Request, Response, StatusCode, header::WWW_AUTHENTICATE, request::Parts};

use super::{
    INSUFFICIENT_SCOPE, response_fields,
    scheme::{Authenticate, Details, Verdict, describe, unavailable},
};
use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, ReplyBody, Sometimes, Step, With,
        description::Answer, stage, with,
    },
    request::{Auth, Authenticated},
    wire::{Problem, field::challenge::scheme_of},
};

const NAME: &str = "with_auth";

/// Lets only requests with valid credentials pass, and hands the handler [`Auth`]. See
/// [`auth`](crate::auth).
pub fn with_auth<A: Authenticate>(scheme: A) -> With<Authentication<A>> {
    let challenge = scheme.challenge();
    let missing = Problem::new(StatusCode::UNAUTHORIZED)
        .detail("Authentication is required.")
        .reason("no_credentials")
        .header(WWW_AUTHENTICATE, challenge.clone());
    with(Authentication(Arc::new(Authenticator {
        scheme,
        challenge,
        missing,
    })))
}

/// The middleware of [`with_auth`](crate::with_auth).
#[must_use]
pub struct Authentication<A>(Arc<Authenticator<A>>);

/// The middleware of [`with_auth`](crate::with_auth) when credentials are
/// [optional](With::optional).
#[must_use]
pub struct OptionalAuthentication<A>(Arc<Authenticator<A>>);

impl<A> With<Authentication<A>> {
    /// Lets requests without credentials pass: the handler asks for `Option<Auth<Principal>>`.
    ///
    /// | invalid credentials | |
    /// |---|---|
    /// | in `Authorization` or another field that the client adds explicitly | 401, or 400 if they are malformed: the client expects to be signed in, and would otherwise see the guest view |
    /// | in a cookie: the browser's session or token has expired, was revoked, is unreadable, or is one of several with the same name | treated as no credentials: the browser sends them automatically, even to the sign-in page |
    ///
    /// A scheme marks its refusals of the second kind: see
    /// [`Refusal::unless_optional`](crate::auth::Refusal::unless_optional). A store that does not
    /// answer leads to a 503 in both cases. `Basic` credentials, which browsers resend after the user
    /// has entered them, are of the first kind: the 401 makes the browser ask for them again.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{compose, with_auth};
    /// # use http::{HeaderValue, request::Parts};
    /// # use wythe::{Later, auth::{Authenticate, Verdict}};
    /// # #[derive(Clone)] struct Staff;
    /// # struct Badge;
    /// # impl Authenticate for Badge {
    /// #     type Principal = Staff;
    /// #     fn challenge(&self) -> HeaderValue { HeaderValue::from_static("Badge") }
    /// #     fn authenticate(&self, _: &Parts) -> Later<Verdict<Staff>> { Verdict::Missing.into() }
    /// # }
    ///
    /// let stack = compose((with_auth(Badge).optional(),));
    /// ```
    pub fn optional(self) -> With<OptionalAuthentication<A>> {
        with(OptionalAuthentication(self.into_middleware().0))
    }
}

/// The scheme, and the responses that are built only once.
struct Authenticator<A> {
    scheme: A,
    challenge: HeaderValue,
    missing: Problem,
}

/// Whether a request without credentials passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Credentials {
    Required,
    Optional,
}

impl<A> Authenticator<A>
where
    A: Authenticate + Send + Sync + 'static,
{
    fn authenticate_request<B: Send + 'static>(
        self: &Arc<Self>,
        request: Request<B>,
        credentials: Credentials,
    ) -> Later<Step<B, Details>> {
        let (head, body) = request.into_parts();
        match self.scheme.authenticate(&head) {
            Later::Ready(verdict) => Later::Ready(self.conclude(verdict, head, body, credentials)),
            Later::Pending(verdict) => {
                let this = Arc::clone(self);
                Later::pending(async move {
                    let verdict = verdict.await;
                    this.conclude(verdict, head, body, credentials)
                })
            }
        }
    }

    fn conclude<B>(
        &self,
        verdict: Verdict<A::Principal>,
        mut head: Parts,
        body: B,
        credentials: Credentials,
    ) -> Step<B, Details> {
        let optional = credentials == Credentials::Optional;
        let verified = match verdict {
            Verdict::Verified(principal) => Ok((principal, Details::new())),
            Verdict::VerifiedWith(principal, details) => Ok((principal, details)),
            Verdict::Missing if optional => Err(None),
            Verdict::Missing => Err(Some(self.missing.clone())),
            Verdict::Refused(refusal) if optional && refusal.is_unless_optional() => Err(None),
            Verdict::Refused(refusal) => Err(Some(refusal.into_problem(&self.challenge))),
            Verdict::Failed(cause) => Err(Some(unavailable(cause))),
        };
        match verified {
            Ok((principal, details)) => {
                head.extensions.insert(Auth(principal));
                head.extensions.insert(Authenticated);
                Step::Next(Request::from_parts(head, body), details)
            }
            Err(None) => Step::Next(Request::from_parts(head, body), Details::new()),
            Err(Some(problem)) => Step::Reply(problem.into()),
        }
    }

    /// Adds the scheme's fields, and its name to the challenge of a 403 for missing scopes.
    fn complete<R>(&self, details: Details, response: &mut Response<R>) {
        if response.status() == StatusCode::FORBIDDEN {
            let own = scheme_of(&self.challenge);
            name_scheme(details.scheme.as_deref().or(own), response);
        }
        if let Some(fields) = details.fields {
            response_fields::add(*fields, response);
        }
    }
}

/// Replaces `Bearer`, in the challenge with which `with_scopes` refused the request, by the scheme
/// that authenticated it.
fn name_scheme<R>(scheme: Option<&str>, response: &mut Response<R>) {
    let problem = response.extensions().get::<Problem>();
    let lacks_scope = problem.and_then(Problem::reason_code) == Some(INSUFFICIENT_SCOPE);
    let Some(scheme) = scheme.filter(|scheme| lacks_scope && *scheme != "Bearer") else {
        return;
    };
    let Some(challenge) = response.headers_mut().get_mut(WWW_AUTHENTICATE) else {
        return;
    };
    let Some(parameters) = challenge.as_bytes().strip_prefix(b"Bearer ") else {
        return;
    };
    let named = [scheme.as_bytes(), b" ", parameters].concat();
    if let Ok(named) = HeaderValue::from_bytes(&named) {
        *challenge = named;
    }
}

impl<A> Clone for Authentication<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> Clone for OptionalAuthentication<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> fmt::Debug for Authentication<A> {
    /// Only the name of the layer; a scheme may contain keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Description::of::<Self>().name())
    }
}

impl<A> fmt::Debug for OptionalAuthentication<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Description::of::<Self>().name())
    }
}

impl<A: Authenticate> Place for Authentication<A> {
    type Stage = stage::Authenticate;
    type Provides = Always<Auth<A::Principal>>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let missing = Answer::of(&self.0.missing).when("without credentials, or with invalid ones");
        let layer = Description::new(self.name()).answer(missing);
        describe(&self.0.scheme, layer)
    }
}

impl<A: Authenticate> Place for OptionalAuthentication<A> {
    type Stage = stage::Authenticate;
    type Provides = Sometimes<Auth<A::Principal>>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let invalid = Answer::new(StatusCode::UNAUTHORIZED)
            .when("with invalid credentials")
            .field(WWW_AUTHENTICATE);
        let layer = Description::new(self.name()).answer(invalid);
        describe(&self.0.scheme, layer).optional()
    }
}

impl<A, B> Middleware<B> for Authentication<A>
where
    A: Authenticate + Send + Sync + 'static,
    B: Send + 'static,
{
    type Carry = Details;

    fn before(&self, request: Request<B>) -> Later<Step<B, Details>> {
        self.0.authenticate_request(request, Credentials::Required)
    }

    fn after<R: ReplyBody>(&self, details: Details, response: &mut Response<R>) {
        self.0.complete(details, response);
    }
}

impl<A, B> Middleware<B> for OptionalAuthentication<A>
where
    A: Authenticate + Send + Sync + 'static,
    B: Send + 'static,
{
    type Carry = Details;

    fn before(&self, request: Request<B>) -> Later<Step<B, Details>> {
        self.0.authenticate_request(request, Credentials::Optional)
    }

    fn after<R: ReplyBody>(&self, details: Details, response: &mut Response<R>) {
        self.0.complete(details, response);
    }
}
