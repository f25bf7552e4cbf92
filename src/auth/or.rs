//! Takes one of two schemes: [`Authenticate::or`].

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE, request::Parts};

use super::scheme::{Authenticate, Refusal, Verdict};
use crate::describe::Description;

/// Two schemes, of which the first that finds credentials decides; made by [`Authenticate::or`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Or<A, O> {
    first: A,
    second: O,
    challenges: Challenges,
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
    // Two valid values with a comma between them are a valid value.
    let joined = [first.as_bytes(), b", ", second.as_bytes()].concat();
    HeaderValue::from_bytes(&joined).unwrap_or_else(|_| first.clone())
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
        match self.first.authenticate(head) {
            Verdict::Missing => second(self.second.authenticate(head), &self.challenges),
            Verdict::Refused(refusal) => Verdict::Refused(by_first(refusal, &self.challenges)),
            Verdict::Wait(later) => {
                // The head does not live until the first scheme knows, so the second is asked now.
                let other = self.second.authenticate(head);
                let challenges = self.challenges.clone();
                Verdict::wait(async move {
                    match later.await.settled().await {
                        Verdict::Missing => second(other.settled().await, &challenges),
                        Verdict::Refused(refusal) => {
                            Verdict::Refused(by_first(refusal, &challenges))
                        }
                        verdict => verdict,
                    }
                })
            }
            verdict => verdict,
        }
    }

    fn describe(&self, layer: Description) -> Description {
        self.second.describe(self.first.describe(layer))
    }
}

/// The second scheme's verdict.
fn second<P: Send + 'static>(verdict: Verdict<P>, challenges: &Challenges) -> Verdict<P> {
    match verdict {
        Verdict::Refused(refusal) => Verdict::Refused(by_second(refusal, challenges)),
        Verdict::Wait(later) => {
            let challenges = challenges.clone();
            Verdict::wait(async move {
                match later.await.settled().await {
                    Verdict::Refused(refusal) => Verdict::Refused(by_second(refusal, &challenges)),
                    verdict => verdict,
                }
            })
        }
        verdict => verdict,
    }
}

fn by_first(refusal: Refusal, challenges: &Challenges) -> Refusal {
    beside(refusal, &challenges.first, &challenges.second)
}

fn by_second(refusal: Refusal, challenges: &Challenges) -> Refusal {
    beside(refusal, &challenges.second, &challenges.first)
}

/// The refusal with its scheme's challenge, or its own, and the other scheme's beside it.
pub(super) fn beside(refusal: Refusal, own: &HeaderValue, other: &HeaderValue) -> Refusal {
    let unless_optional = refusal.is_unless_optional();
    let problem = refusal.into_problem(own);
    let refusal = Refusal::from_problem(if problem.status() == StatusCode::UNAUTHORIZED {
        problem.header(WWW_AUTHENTICATE, other.clone())
    } else {
        problem
    });
    if unless_optional {
        return refusal.unless_optional();
    }
    refusal
}
