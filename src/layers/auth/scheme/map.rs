//! Transformations of a verified principal: [`Authenticate::map`], [`Authenticate::try_map`] and
//! [`Authenticate::and_then`]; and the scopes that a scheme can grant: [`Authenticate::granting`].

use std::{borrow::Cow, error::Error, fmt, future::Future, sync::Arc};

use http::{HeaderValue, StatusCode, request::Parts};

use super::{
    Authenticate, describe,
    verdict::{Details, LOOK_UP_FAILED, LookUpFailure, Refusal, Verdict, WRONG_CREDENTIALS},
};
use crate::{
    contract::{Description, Later, description::Answer},
    wire::Problem,
};

/// A scheme whose principals are converted into others, or refused; made by [`Authenticate::map`] and
/// [`Authenticate::try_map`].
#[must_use]
pub struct Map<A, F> {
    scheme: A,
    convert: Arc<F>,
    can_refuse: bool,
}

impl<A, F> Map<A, F> {
    pub(super) fn always(scheme: A, convert: F) -> Self {
        Self {
            scheme,
            convert: Arc::new(convert),
            can_refuse: false,
        }
    }

    pub(super) fn or_refuse(scheme: A, convert: F) -> Self {
        Self {
            can_refuse: true,
            ..Self::always(scheme, convert)
        }
    }
}

impl<A, F, Q> Authenticate for Map<A, F>
where
    A: Authenticate,
    F: Fn(A::Principal) -> Result<Q, Refusal> + Send + Sync + 'static,
    Q: Clone + Send + Sync + 'static,
{
    type Principal = Q;

    fn challenge(&self) -> HeaderValue {
        self.scheme.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Q>> {
        let convert = Arc::clone(&self.convert);
        let verdict = self.scheme.authenticate(head);
        verdict.map(move |verdict| verdict.try_map(|principal| convert(principal)))
    }

    fn describe(&self, layer: Description) -> Description {
        let layer = describe(&self.scheme, layer);
        if !self.can_refuse {
            return layer;
        }
        layer.reasons(StatusCode::UNAUTHORIZED, [WRONG_CREDENTIALS])
    }
}

impl<A: Clone, F> Clone for Map<A, F> {
    fn clone(&self) -> Self {
        Self {
            scheme: self.scheme.clone(),
            convert: Arc::clone(&self.convert),
            can_refuse: self.can_refuse,
        }
    }
}

impl<A: fmt::Debug, F> fmt::Debug for Map<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Map").field(&self.scheme).finish()
    }
}

/// A scheme whose principals are looked up; made by [`Authenticate::and_then`].
#[must_use]
pub struct AndThen<A, F> {
    scheme: A,
    look_up: Arc<F>,
}

/// What the closure of [`Authenticate::and_then`] may return.
///
/// | returned | the principal | otherwise |
/// |---|---|---|
/// | `Result<Option<Q>, E>` | `Ok(Some(principal))` | `Ok(None)`: 401; `Err(error)`: 503, with the error and the reason `look_up_failed` in the log |
/// | [`Verdict<Q>`] | as the verdict says | `Missing` is a 401, too |
///
/// An error that is a [`Problem`] of status 5xx is sent as the answer: 500 for a bug
/// ([`Problem::internal`]), 503 for a store that is down ([`Problem::unavailable`]).
///
/// The request has valid credentials: no result of the lookup turns it into a request without
/// credentials.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who a request comes from",
    label = "the closure's future returns this",
    note = "return `Result<Option<Principal>, E>`, where `None` is refused and an error is a 503, or \
            a `Verdict<Principal>`"
)]
pub trait Outcome {
    /// Who sent the request.
    type Principal: Clone + Send + Sync + 'static;

    /// Whether the outcome can be a [refusal](Verdict::Refused) of its own, which the layer then
    /// describes.
    const CAN_REFUSE: bool = true;

    /// The verdict on the request.
    fn into_verdict(self) -> Verdict<Self::Principal>;
}

impl<P: Clone + Send + Sync + 'static> Outcome for Verdict<P> {
    type Principal = P;

    fn into_verdict(self) -> Self {
        self
    }
}

impl<P, E> Outcome for Result<Option<P>, E>
where
    P: Clone + Send + Sync + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Principal = P;

    const CAN_REFUSE: bool = false;

    fn into_verdict(self) -> Verdict<P> {
        match self {
            Ok(Some(principal)) => Verdict::Verified(principal),
            Ok(None) => Verdict::Missing,
            Err(cause) => Verdict::Failed(Box::new(LookUpFailure(cause.into()))),
        }
    }
}

impl<A, F> AndThen<A, F> {
    pub(super) fn new(scheme: A, look_up: F) -> Self {
        let look_up = Arc::new(look_up);
        Self { scheme, look_up }
    }
}

impl<A, F, L> Authenticate for AndThen<A, F>
where
    A: Authenticate,
    F: Fn(A::Principal) -> L + Send + Sync + 'static,
    L: Future<Output: Outcome> + Send + 'static,
{
    type Principal = <L::Output as Outcome>::Principal;

    fn challenge(&self) -> HeaderValue {
        self.scheme.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Self::Principal>> {
        let look_up = Arc::clone(&self.look_up);
        let verdict = self.scheme.authenticate(head);
        verdict.then(move |verdict| {
            let (principal, details) = match verdict {
                Verdict::Verified(principal) => (principal, Details::new()),
                Verdict::VerifiedWith(principal, details) => (principal, details),
                Verdict::Missing => return Later::Ready(Verdict::Missing),
                Verdict::Refused(refusal) => return Later::Ready(Verdict::Refused(refusal)),
                Verdict::Failed(cause) => return Later::Ready(Verdict::Failed(cause)),
            };
            // The closure is called only when this future is polled: another scheme may decide.
            Later::pending(async move {
                let found = look_up(principal).await.into_verdict();
                conclude(found, details)
            })
        })
    }

    fn describe(&self, layer: Description) -> Description {
        let failed = Answer::of(&Problem::unavailable("described").reason(LOOK_UP_FAILED));
        let failed = failed.not_provoked("the store of principals is not down");
        let failed = failed.when("when the principal cannot be looked up");
        let own = <L::Output as Outcome>::CAN_REFUSE.then_some(WRONG_CREDENTIALS);
        let layer = describe(&self.scheme, layer);
        layer
            .reasons(StatusCode::UNAUTHORIZED, own.into_iter().chain([UNKNOWN]))
            .answer(failed)
    }
}

/// Why valid credentials are refused.
const UNKNOWN: &str = "unknown_principal";

/// The verdict on the principal that was looked up, combined with the scheme's own details.
fn conclude<P>(found: Verdict<P>, of_scheme: Details) -> Verdict<P> {
    match found {
        Verdict::Missing => Verdict::Refused(
            Refusal::new("the credentials are valid, but belong to no known principal")
                .reason(UNKNOWN),
        ),
        Verdict::Verified(principal) => Verdict::VerifiedWith(principal, of_scheme),
        Verdict::VerifiedWith(principal, own) => {
            Verdict::VerifiedWith(principal, own.merge(of_scheme))
        }
        verdict => verdict,
    }
}

impl<A: Clone, F> Clone for AndThen<A, F> {
    fn clone(&self) -> Self {
        Self {
            scheme: self.scheme.clone(),
            look_up: Arc::clone(&self.look_up),
        }
    }
}

impl<A: fmt::Debug, F> fmt::Debug for AndThen<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AndThen").field(&self.scheme).finish()
    }
}

/// A scheme whose scopes are all known; made by [`Authenticate::granting`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Granting<A> {
    scheme: A,
    scopes: Arc<[Cow<'static, str>]>,
}

impl<A> Granting<A> {
    pub(super) const fn new(scheme: A, scopes: Arc<[Cow<'static, str>]>) -> Self {
        Self { scheme, scopes }
    }
}

impl<A: Authenticate> Authenticate for Granting<A> {
    type Principal = A::Principal;

    fn challenge(&self) -> HeaderValue {
        self.scheme.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<A::Principal>> {
        self.scheme.authenticate(head)
    }

    fn describe(&self, layer: Description) -> Description {
        let before = layer.security().map_or(0, |known| known.schemes().len());
        let layer = describe(&self.scheme, layer);
        layer.change_schemes(before, |scheme| scheme.scopes(self.scopes.iter().cloned()))
    }
}
