//! Runs a limit: the middleware of [`with_rate_limit`](super::with_rate_limit).

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, request::Parts};

#[cfg(feature = "rate-limit-redis")]
use super::shared::{Question, Remote};
use super::{
    counting::Answered,
    handle::Handle,
    limit::Limit,
    policy::RateLimit,
    request::{Kept, Passed},
};
use crate::{
    contract::{Description, Later, Middleware, Place, ReplyBody, Step},
    request::key::Key,
};

/// The middleware of [`with_rate_limit`](super::with_rate_limit): a limit and its counts.
///
/// Clones share the counts. Make it from a [`RateLimit`] where you need a [`Handle`] as well.
pub struct Limiter<K>(Arc<Shared<K>>);

struct Shared<K> {
    key: K,
    limit: Arc<Limit>,
}

/// What [`Limiter`] remembers for the response.
pub struct Carried(Passed);

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried(..)")
    }
}

impl<K: Key> Limiter<K> {
    /// A limit with counts of its own.
    pub fn new(policy: RateLimit<K>) -> Self {
        Self(Arc::new(Shared {
            key: policy.key,
            limit: Arc::new(Limit::new(policy.options)),
        }))
    }

    /// Looks at the counts from outside, and changes them.
    #[must_use]
    pub fn handle(&self) -> Handle<K::Value> {
        Handle::new(Arc::clone(&self.0.limit))
    }

    /// The number of keys that are kept in memory at this moment.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.0.limit.memory.len()
    }
}

impl<K: Key> From<RateLimit<K>> for Limiter<K> {
    fn from(policy: RateLimit<K>) -> Self {
        Self::new(policy)
    }
}

impl<K: Key> Place for Limiter<K> {
    type Stage = K::Stage;
    type Provides = ();
    type Needs = K::Needs;

    fn describe(&self) -> Description {
        self.0.key.describe(self.0.limit.describe())
    }
}

impl<K: Key, B: Send + 'static> Middleware<B> for Limiter<K> {
    type Carry = Carried;

    fn name(&self) -> &'static str {
        "with_rate_limit"
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, Carried>> {
        let (mut head, body) = request.into_parts();
        match self.0.decide(&mut head) {
            Ok(Decision::Passed(passed)) => {
                Step::next(Request::from_parts(head, body), Carried(passed))
            }
            #[cfg(feature = "rate-limit-redis")]
            Ok(Decision::Open(question)) => {
                let limit = Arc::clone(&self.0.limit);
                Later::pending(async move {
                    let passed = match &limit.remote {
                        Some(remote) => remote.answer(&limit, &question).await,
                        None => Ok(Passed::Silently),
                    };
                    Step::from(
                        passed.map(|passed| (Request::from_parts(head, body), Carried(passed))),
                    )
                })
            }
            Err(refusal) => Step::reply(refusal),
        }
    }

    fn after<R>(&self, carried: Carried, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        write(&self.0.limit, carried.0, response);
    }
}

/// What is known of a request so far.
enum Decision {
    Passed(Passed),
    /// The store has to be asked.
    #[cfg(feature = "rate-limit-redis")]
    Open(Question),
}

impl<K: Key> Shared<K> {
    #[expect(
        clippy::result_large_err,
        reason = "a box would be one more allocation"
    )]
    fn decide(&self, head: &mut Parts) -> Result<Decision, Response<Bytes>> {
        let limit = &*self.limit;
        if limit.exempts(head) {
            return Ok(Decision::Passed(Passed::Silently));
        }
        let (plan, asked) = limit.asked(head)?;
        if !limit.options.shadow
            && let Some(too_dear) = plan.too_dear(asked.units)
        {
            return Err(too_dear.into());
        }
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &limit.remote {
            let question = remote.question_of(&self.key, head, asked)?;
            return match remote.known(limit, &question) {
                Some(known) => known.map(Decision::Passed),
                None => Ok(Decision::Open(question)),
            };
        }
        let key = limit.fingerprint_of(&self.key, head, asked.plan)?;
        let verdict = limit.memory.take(key, &plan.rules, asked.units);
        let passed = limit.conclude(asked, verdict, || Kept::Here(key))?;
        Ok(Decision::Passed(passed))
    }
}

/// Settles what the answer costs, and tells the client what is left.
fn write<R: ReplyBody>(limit: &Limit, passed: Passed, response: &mut Response<R>) {
    let passed = match passed {
        Passed::Unsettled(unsettled) => limit.settle(*unsettled, &Answered::new(response)),
        #[cfg(feature = "rate-limit-redis")]
        Passed::Locally(passed) => {
            if let Some(local) = limit.remote.as_ref().and_then(Remote::local) {
                write(local, *passed, response);
            }
            return;
        }
        passed => passed,
    };
    if let Passed::Told { plan, report } = passed
        && let Ok(plan) = limit.plan(plan)
    {
        plan.fields.write(report, response.headers_mut());
    }
}

impl<K> Clone for Limiter<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The quotas; never a key.
impl<K> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choice = &self.0.limit.options.choice;
        f.debug_tuple("Limiter").field(choice).finish()
    }
}
