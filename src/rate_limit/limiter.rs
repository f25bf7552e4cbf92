//! Runs a limit: the middleware of [`with_rate_limit`](super::with_rate_limit).

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, request::Parts};

use super::{
    counting::Answered,
    handle::Handle,
    limit::{Judged, Limit, Passed, Unsettled},
    policy::RateLimit,
};
use crate::{
    describe::Description,
    key::Key,
    middleware::{Middleware, ReplyBody, Step},
    place::Place,
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

impl<K: Key, B> Middleware<B> for Limiter<K> {
    type Carry = Carried;

    fn before(&self, request: Request<B>) -> Step<B, Carried> {
        let (mut head, body) = request.into_parts();
        match self.0.decide(&mut head) {
            Ok(passed) => Step::Next(Request::from_parts(head, body), Carried(passed)),
            Err(refusal) => Step::Reply(refusal),
        }
    }

    fn after<R>(&self, carried: Carried, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        let limit = &self.0.limit;
        let passed = match carried.0 {
            Passed::Unsettled(unsettled) => settle(limit, *unsettled, response),
            passed => passed,
        };
        if let Passed::Told { plan, report } = passed
            && let Ok(plan) = limit.plan(plan)
        {
            plan.fields.write(report, response.headers_mut());
        }
    }
}

impl<K: Key> Shared<K> {
    fn decide(&self, head: &mut Parts) -> Result<Passed, Response<Bytes>> {
        let limit = &*self.limit;
        if limit.exempts(head) {
            return Ok(Passed::Silently);
        }
        let (plan, asked) = limit.asked(head)?;
        let key = limit.fingerprint_of(&self.key, head, asked.plan)?;
        if !limit.options.shadow
            && let Some(too_dear) = plan.too_dear(asked.units)
        {
            return Err(too_dear.into());
        }
        let verdict = limit.memory.take(key, &plan.rules, asked.units);
        match limit.judge(plan, verdict) {
            Judged::Passes(verdict) if limit.options.counting.settles() => {
                let unsettled = Unsettled {
                    key,
                    asked,
                    verdict,
                };
                Ok(Passed::Unsettled(Box::new(unsettled)))
            }
            Judged::Passes(verdict) => Ok(Passed::told(plan, asked, &verdict)),
            Judged::Shadowed => Ok(Passed::Silently),
            Judged::Spent(verdict) => Err(plan.refuse(&verdict, asked, limit.options.jitter)),
            Judged::Full => Err(limit.full().into()),
        }
    }
}

/// Charges what the answer costs more than was taken, or gives back what it costs less.
fn settle<R: ReplyBody>(limit: &Limit, unsettled: Unsettled, response: &Response<R>) -> Passed {
    let Unsettled {
        key,
        asked,
        mut verdict,
    } = unsettled;
    let Ok(plan) = limit.plan(asked.plan) else {
        return Passed::Silently;
    };
    let units = limit.difference(asked, &Answered::new(response));
    if units != 0
        && let Ok(settled) = limit
            .memory
            .force(key, &plan.rules, |rule, ahead| rule.charge(ahead, units))
    {
        verdict = settled;
    }
    Passed::told(plan, asked, &verdict)
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
