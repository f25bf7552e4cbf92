//! Asks a store about a principal that a scheme has verified: [`Authenticate::and_then`].

use std::{error::Error, fmt, future::Future, sync::Arc};

use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};

use super::{
    refusal::Refusal,
    response_fields,
    scheme::{Authenticate, Verdict},
};
use crate::contract::Description;

/// A scheme whose principals are looked up; made by [`Authenticate::and_then`].
#[must_use]
pub struct AndThen<A, F> {
    scheme: A,
    ask: Arc<F>,
}

/// What the closure of [`Authenticate::and_then`] may find out.
///
/// | returned | | |
/// |---|---|---|
/// | `Result<Option<Q>, E>` | `Ok(Some(principal))`: it is `principal` | `Ok(None)`: 401; `Err(error)`: 503, with the error in the log |
/// | [`Verdict<Q>`] | what it says; `Missing` is a 401, too | |
///
/// Credentials were found and are right: nothing that is found out afterwards makes the request one
/// without credentials.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who a request comes from",
    label = "the closure's future returns this",
    note = "return `Result<Option<Principal>, E>`, where `None` is refused and an error is a 503, or \
            a `Verdict<Principal>`"
)]
pub trait Outcome {
    /// Who it is.
    type Principal;

    /// The verdict on the request.
    fn into_verdict(self) -> Verdict<Self::Principal>;
}

impl<P> Outcome for Verdict<P> {
    type Principal = P;

    fn into_verdict(self) -> Self {
        self
    }
}

impl<P, E: Into<Box<dyn Error + Send + Sync>>> Outcome for Result<Option<P>, E> {
    type Principal = P;

    fn into_verdict(self) -> Verdict<P> {
        match self {
            Ok(Some(principal)) => Verdict::Verified(principal),
            Ok(None) => Verdict::Refused(unknown()),
            Err(cause) => Verdict::Failed(cause.into()),
        }
    }
}

/// The credentials are right, and whose they are is not known here.
fn unknown() -> Refusal {
    Refusal::new("the credentials are right, but nobody is known by them")
        .reason("unknown_principal")
}

impl<A, F> AndThen<A, F> {
    pub(super) fn new(scheme: A, ask: F) -> Self {
        let ask = Arc::new(ask);
        Self { scheme, ask }
    }
}

impl<A, F, L> Authenticate for AndThen<A, F>
where
    A: Authenticate<Principal: Send + 'static>,
    F: Fn(A::Principal) -> L + Send + Sync + 'static,
    L: Future<Output: Outcome<Principal: Send>> + Send + 'static,
{
    type Principal = Found<L>;

    fn challenge(&self) -> HeaderValue {
        self.scheme.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<Self::Principal> {
        ask_about(self.scheme.authenticate(head), Arc::clone(&self.ask))
    }

    fn describe(&self, layer: Description) -> Description {
        let when = "when who it is can't be looked up";
        let layer = self.scheme.describe(layer);
        layer.answers(StatusCode::SERVICE_UNAVAILABLE, when)
    }
}

/// The verdict on whom the store finds. Nothing is asked before somebody waits for it.
fn ask_about<P, F, L>(verdict: Verdict<P>, ask: Arc<F>) -> Verdict<Found<L>>
where
    P: Send + 'static,
    F: Fn(P) -> L + Send + Sync + 'static,
    L: Future<Output: Outcome<Principal: Send>> + Send + 'static,
{
    let (principal, fields) = match verdict {
        Verdict::Verified(principal) => (principal, None),
        Verdict::VerifiedWith(principal, fields) => (principal, Some(fields)),
        Verdict::Missing => return Verdict::Missing,
        Verdict::Refused(refusal) => return Verdict::Refused(refusal),
        Verdict::Failed(cause) => return Verdict::Failed(cause),
        Verdict::Wait(later) => {
            return Verdict::wait(async move { ask_about(later.await, ask) });
        }
    };
    Verdict::wait(async move {
        let found = ask(principal).await.into_verdict();
        with_fields(found.settled().await, fields)
    })
}

type Found<L> = <<L as Future>::Output as Outcome>::Principal;

/// The verdict on who was found, with the fields that the scheme itself wants to add as well.
fn with_fields<P>(found: Verdict<P>, fields: Option<Box<HeaderMap>>) -> Verdict<P> {
    match (found, fields) {
        (Verdict::Missing, _) => Verdict::Refused(unknown()),
        (Verdict::Verified(principal), Some(fields)) => Verdict::VerifiedWith(principal, fields),
        (Verdict::VerifiedWith(principal, mut own), Some(fields)) => {
            response_fields::join(*fields, &mut own);
            Verdict::VerifiedWith(principal, own)
        }
        (verdict, _) => verdict,
    }
}

impl<A: Clone, F> Clone for AndThen<A, F> {
    fn clone(&self) -> Self {
        let ask = Arc::clone(&self.ask);
        Self {
            scheme: self.scheme.clone(),
            ask,
        }
    }
}

impl<A: fmt::Debug, F> fmt::Debug for AndThen<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AndThen").field(&self.scheme).finish()
    }
}
