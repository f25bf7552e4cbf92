//! Takes one of two schemes: [`Authenticate::or`].

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE, request::Parts};

use super::{
    refusal::Refusal,
    scheme::{Authenticate, Verdict},
};
use crate::{contract::Description, wire::Problem};

/// Two schemes, of which the first that finds credentials decides; made by [`Authenticate::or`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Or<A, O> {
    first: A,
    second: O,
    challenges: Challenges,
    /// The answer to credentials of both schemes, if there is to be one.
    both: Option<Refusal>,
}

/// What either scheme asks for. A 401 carries both, whoever refused.
#[derive(Clone, Debug)]
struct Challenges {
    first: HeaderValue,
    second: HeaderValue,
    both: HeaderValue,
}

impl<A: Authenticate, O: Authenticate> Or<A, O> {
    pub(super) fn new(first: A, second: O) -> Self {
        let challenges = Challenges::new(first.challenge(), second.challenge());
        Self {
            first,
            second,
            challenges,
            both: None,
        }
    }

    /// Answers 400 to a request with credentials of both schemes, right or wrong.
    ///
    /// Unless told so, the first scheme decides and the other credentials are not looked at. That
    /// gives nobody more than their own credentials do, but if a server on the way goes by the
    /// others, the two take one request for two people's. Then nobody should send both.
    ///
    /// Both schemes are asked about a request with credentials of the first. Of three schemes, say
    /// it of both pairs: `a.or(b).exclusive().or(c).exclusive()`. It is not for schemes that look at
    /// the same field, such as `Jwt` and keys as bearer tokens: both find the same token there.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Authenticate, Jwt, with_auth};
    /// # #[derive(Clone, serde::Deserialize)] struct Caller;
    /// # let secret = "a secret of at least 32 bytes for it";
    /// # struct Keys;
    /// # impl Authenticate for Keys {
    /// #     type Principal = Caller;
    /// #     fn challenge(&self) -> http::HeaderValue { http::HeaderValue::from_static("Key") }
    /// #     fn authenticate(&self, _: &http::request::Parts) -> wythe::Verdict<Caller> {
    /// #         wythe::Verdict::Missing
    /// #     }
    /// # }
    ///
    /// let jwt = Jwt::<Caller>::hs256(secret)?;
    /// # let keys = Keys;
    /// // `keys` in a field of their own.
    /// let layer = with_auth(jwt.or(keys).exclusive());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn exclusive(self) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST)
            .detail("The request holds credentials of two schemes.")
            .reason("several_schemes")
            .because("credentials of two schemes");
        Self {
            both: Some(Refusal::from_problem(problem)),
            ..self
        }
    }
}

impl Challenges {
    fn new(first: HeaderValue, second: HeaderValue) -> Self {
        Self {
            both: join(&first, &second),
            first,
            second,
        }
    }
}

/// Both challenges in one field line, where a list of them may stand (RFC 9110, section 11.6.1).
pub(super) fn join(first: &HeaderValue, second: &HeaderValue) -> HeaderValue {
    let last = [b", ", second.as_bytes()].concat();
    if covers(first, second) || first.as_bytes().ends_with(&last) {
        return first.clone();
    }
    // Two valid values with a comma between them are a valid value.
    let joined = [first.as_bytes(), &last].concat();
    HeaderValue::from_bytes(&joined).unwrap_or_else(|_| first.clone())
}

/// Whether a client that reads one of these challenges would learn nothing from the other: it is
/// the same, or the same with fewer parameters.
fn covers(own: &HeaderValue, other: &HeaderValue) -> bool {
    let rest = own.as_bytes().strip_prefix(other.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b","))
}

impl<A, O> Authenticate for Or<A, O>
where
    A: Authenticate<Principal: Send + 'static>,
    O: Authenticate<Principal = A::Principal>,
{
    type Principal = A::Principal;

    fn challenge(&self) -> HeaderValue {
        self.challenges.both.clone()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<A::Principal> {
        let first = self.first.authenticate(head);
        let other = || self.second.authenticate(head);
        match (first, &self.both) {
            (Verdict::Missing, _) => second(other(), &self.challenges),
            // The head does not live until the first scheme knows, so the second is asked now. What
            // it would have to wait for is not begun before the first says that it is missing.
            (Verdict::Wait(later), None) => {
                let (other, challenges) = (other(), self.challenges.clone());
                Verdict::wait(async move {
                    match later.await.settled().await {
                        Verdict::Missing => second(other.settled().await, &challenges),
                        verdict => first_decides(verdict, &challenges),
                    }
                })
            }
            (verdict, None) => first_decides(verdict, &self.challenges),
            (verdict, Some(both)) => only_one(verdict, other(), both.clone(), &self.challenges),
        }
    }

    fn describe(&self, layer: Description) -> Description {
        let layer = self.second.describe(self.first.describe(layer));
        match self.both {
            None => layer,
            Some(_) => layer.answers(StatusCode::BAD_REQUEST, "with credentials of two schemes"),
        }
    }
}

/// The verdict on a request that may have credentials of one scheme only.
fn only_one<P: Send + 'static>(
    verdict: Verdict<P>,
    other: Verdict<P>,
    both: Refusal,
    challenges: &Challenges,
) -> Verdict<P> {
    match (verdict, other) {
        (verdict @ Verdict::Wait(_), other) | (verdict, other @ Verdict::Wait(_)) => {
            let challenges = challenges.clone();
            Verdict::wait(async move {
                match (verdict.settled().await, other) {
                    (Verdict::Missing, other) => second(other.settled().await, &challenges),
                    (verdict, other) => match other.settled().await {
                        Verdict::Missing => first_decides(verdict, &challenges),
                        _ => Verdict::Refused(both),
                    },
                }
            })
        }
        (verdict, Verdict::Missing) => first_decides(verdict, challenges),
        _ => Verdict::Refused(both),
    }
}

/// The first scheme's verdict, which is known.
fn first_decides<P>(verdict: Verdict<P>, challenges: &Challenges) -> Verdict<P> {
    match verdict {
        Verdict::Refused(refusal) => {
            Verdict::Refused(beside(refusal, &challenges.first, &challenges.second))
        }
        verdict => verdict,
    }
}

/// The second scheme's verdict.
fn second<P: Send + 'static>(verdict: Verdict<P>, challenges: &Challenges) -> Verdict<P> {
    match verdict {
        Verdict::Refused(refusal) => {
            Verdict::Refused(beside(refusal, &challenges.second, &challenges.first))
        }
        Verdict::Wait(later) => {
            let challenges = challenges.clone();
            Verdict::wait(async move { second(later.await, &challenges) })
        }
        verdict => verdict,
    }
}

/// The refusal with its scheme's challenge, or its own, and the other scheme's beside it.
pub(super) fn beside(refusal: Refusal, own: &HeaderValue, other: &HeaderValue) -> Refusal {
    let unless_optional = refusal.is_unless_optional();
    let problem = refusal.into_problem(own);
    let mut sent = problem.headers().get_all(WWW_AUTHENTICATE).iter();
    let is_enough =
        problem.status() != StatusCode::UNAUTHORIZED || sent.any(|own| covers(own, other));
    let refusal = Refusal::from_problem(if is_enough {
        problem
    } else {
        problem.header(WWW_AUTHENTICATE, other.clone())
    });
    if unless_optional {
        return refusal.unless_optional();
    }
    refusal
}
