//! One of two schemes: [`Authenticate::or`] and [`Authenticate::either`].

use std::{fmt, sync::Arc};

use http::{HeaderValue, StatusCode, request::Parts};

use super::{
    Authenticate, describe,
    map::Map,
    verdict::{Refusal, Verdict, join_challenges},
};
use crate::{
    contract::{Description, Later, description::Answer},
    request::Either,
    wire::{Problem, field::challenge::scheme_of},
};

/// Two schemes; the first that finds credentials decides. Made by [`Authenticate::or`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Or<A, O> {
    first: A,
    second: O,
    answers: Arc<Answers>,
}

/// The challenges of both schemes. A 401 carries both, whichever scheme refuses, unless they differ
/// only in their realm.
#[derive(Clone, Debug)]
struct Answers {
    first: HeaderValue,
    second: HeaderValue,
    /// The names of the schemes, as in their challenges.
    names: (Arc<str>, Arc<str>),
    both: HeaderValue,
    /// The answer to a request with credentials of both schemes, if they exclude each other.
    exclusive: Option<Refusal>,
}

impl<A: Authenticate, O: Authenticate> Or<A, O> {
    pub(super) fn new(first: A, second: O) -> Self {
        let challenges = (first.challenge(), second.challenge());
        Self {
            first,
            second,
            answers: Arc::new(Answers {
                names: (name(&challenges.0), name(&challenges.1)),
                both: join_challenges(&challenges.0, &challenges.1),
                first: challenges.0,
                second: challenges.1,
                exclusive: None,
            }),
        }
    }

    /// Answers 400 to a request with credentials of both schemes, valid or not.
    ///
    /// By default the first scheme decides and the other credentials are ignored. This gives nobody
    /// access that their own credentials do not give. But if a proxy looks at the other credentials,
    /// the two servers attribute one request to two people: use this method if no client has a reason
    /// to send both.
    ///
    /// Both schemes then check any request that has credentials of the first. With three schemes, make
    /// both pairs exclusive: `a.or(b).exclusive().or(c).exclusive()`. Do not use it for schemes that
    /// read the same field, such as `Jwt` and API keys as bearer tokens: both find the same token.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, auth::Authenticate, with_auth};
    /// # use wythe::{Later, auth::Verdict};
    /// # #[derive(Clone, serde::Deserialize)] struct Caller;
    /// # let secret = "a secret of at least 32 bytes for it";
    /// # struct Keys;
    /// # impl Authenticate for Keys {
    /// #     type Principal = Caller;
    /// #     fn challenge(&self) -> http::HeaderValue { http::HeaderValue::from_static("Key") }
    /// #     fn authenticate(&self, _: &http::request::Parts) -> Later<Verdict<Caller>> {
    /// #         Verdict::Missing.into()
    /// #     }
    /// # }
    ///
    /// let jwt = Jwt::<Caller>::hs256(secret)?;
    /// # let keys = Keys;
    /// // `keys` come in a field of their own.
    /// let layer = with_auth(jwt.or(keys).exclusive());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn exclusive(mut self) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST)
            .detail("The request contains credentials of two schemes.")
            .reason("several_schemes")
            .because("credentials of two schemes");
        Arc::make_mut(&mut self.answers).exclusive = Some(Refusal::from_problem(problem));
        self
    }
}

fn name(challenge: &HeaderValue) -> Arc<str> {
    scheme_of(challenge).unwrap_or_default().into()
}

impl<A, O> Authenticate for Or<A, O>
where
    A: Authenticate,
    O: Authenticate<Principal = A::Principal>,
{
    type Principal = A::Principal;

    fn challenge(&self) -> HeaderValue {
        self.answers.both.clone()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<A::Principal>> {
        let first = match self.first.authenticate(head) {
            Later::Ready(verdict) if self.answers.is_decided_by(&verdict) => {
                return Later::Ready(self.answers.of_first(verdict));
            }
            first => first,
        };
        // `authenticate` only borrows the head, so the second scheme has to be asked now, even if the
        // first is not ready. Its future is polled only if its verdict is needed.
        let second = self.second.authenticate(head);
        let answers = Arc::clone(&self.answers);
        first.then(move |first| answers.decide(first, second))
    }

    fn describe(&self, layer: Description) -> Description {
        let layer = describe(&self.second, describe(&self.first, layer));
        match &self.answers.exclusive {
            None => layer,
            Some(refusal) => {
                layer.answer(Answer::of(refusal.problem()).when("with credentials of two schemes"))
            }
        }
    }
}

impl Answers {
    fn decide<P: Send + 'static>(
        self: Arc<Self>,
        first: Verdict<P>,
        second: Later<Verdict<P>>,
    ) -> Later<Verdict<P>> {
        match (first, self.exclusive.clone()) {
            (Verdict::Missing, _) => second.map(move |second| self.of_second(second)),
            (first, None) if self.is_decided_by(&first) => Later::Ready(self.of_first(first)),
            // A browser sends a dead cookie automatically: it must not stand in the way of a valid
            // token.
            (first, None) => second.map(move |second| match second {
                Verdict::Missing => self.of_first(first),
                second => self.of_second(second),
            }),
            (first, Some(refusal)) => second.map(move |second| match second {
                Verdict::Missing => self.of_first(first),
                _ => Verdict::Refused(refusal),
            }),
        }
    }

    /// Whether the second scheme is not consulted.
    const fn is_decided_by<P>(&self, first: &Verdict<P>) -> bool {
        match first {
            _ if self.exclusive.is_some() => false,
            Verdict::Missing => false,
            Verdict::Refused(refusal) => !refusal.is_unless_optional(),
            _ => true,
        }
    }

    fn of_first<P>(&self, verdict: Verdict<P>) -> Verdict<P> {
        match verdict {
            Verdict::Refused(refusal) => {
                Verdict::Refused(refusal.with_challenges(&self.first, &self.second))
            }
            verdict => verdict.of_scheme(&self.names.0),
        }
    }

    fn of_second<P>(&self, verdict: Verdict<P>) -> Verdict<P> {
        match verdict {
            Verdict::Refused(refusal) => {
                Verdict::Refused(refusal.with_challenges(&self.second, &self.first))
            }
            verdict => verdict.of_scheme(&self.names.1),
        }
    }
}

/// Two schemes with different principals; the first that finds credentials decides. Made by
/// [`Authenticate::either`].
#[must_use]
pub struct EitherOf<A: Authenticate, O: Authenticate>(
    Or<Map<A, IntoEither<A, A, O>>, Map<O, IntoEither<O, A, O>>>,
);

type PrincipalOf<A, O> = Either<<A as Authenticate>::Principal, <O as Authenticate>::Principal>;
type IntoEither<S, A, O> = fn(<S as Authenticate>::Principal) -> Result<PrincipalOf<A, O>, Refusal>;

impl<A, O> EitherOf<A, O>
where
    A: Authenticate,
    O: Authenticate,
{
    pub(super) fn new(first: A, second: O) -> Self {
        let into_first: IntoEither<A, A, O> = |principal| Ok(Either::First(principal));
        let into_second: IntoEither<O, A, O> = |principal| Ok(Either::Second(principal));
        Self(Or::new(
            Map::always(first, into_first),
            Map::always(second, into_second),
        ))
    }

    /// Answers 400 to a request with credentials of both schemes: see [`Or::exclusive`].
    pub fn exclusive(self) -> Self {
        Self(self.0.exclusive())
    }
}

impl<A, O> Authenticate for EitherOf<A, O>
where
    A: Authenticate,
    O: Authenticate,
{
    type Principal = PrincipalOf<A, O>;

    fn challenge(&self) -> HeaderValue {
        self.0.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Self::Principal>> {
        self.0.authenticate(head)
    }

    fn describe(&self, layer: Description) -> Description {
        self.0.describe(layer)
    }
}

impl<A: Authenticate + Clone, O: Authenticate + Clone> Clone for EitherOf<A, O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A, O> fmt::Debug for EitherOf<A, O>
where
    A: Authenticate + fmt::Debug,
    O: Authenticate + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EitherOf").field(&self.0).finish()
    }
}
