//! Runs a limit: the middleware of [`with_rate_limit`](super::with_rate_limit).

use std::{fmt, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};

use super::{
    counting::Answered,
    handle::Handle,
    limit::{Limit, Passed, Unsettled},
    policy::RateLimit,
};
use crate::{
    describe::Description,
    key::Key,
    middleware::{Middleware, ReplyBody, Step},
    place::Place,
    problem::Problem,
};

/// The middleware of [`with_rate_limit`](super::with_rate_limit): a limit and its counts.
///
/// Clones share the counts. Make it from a [`RateLimit`] where you need a [`Handle`] as well.
pub struct Limiter<K>(Arc<Shared<K>>);

struct Shared<K> {
    key: K,
    limit: Arc<Limit>,
    full: Problem,
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
        let full = Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .kind("https://iana.org/assignments/http-problem-types#temporary-reduced-capacity")
            .title("Request cannot be satisfied due to temporary server capacity constraints")
            .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
            .because("the limit keeps as many keys as it may, and refuses new ones");
        Self(Arc::new(Shared {
            key: policy.key,
            limit: Arc::new(Limit::new(policy.options)),
            full,
        }))
    }

    /// Looks at the counts from outside, and changes them.
    #[must_use]
    pub fn handle(&self) -> Handle<K::Value> {
        Handle {
            limit: Arc::clone(&self.0.limit),
            plan: 0,
            value: PhantomData,
        }
    }

    /// The number of keys that are kept in memory at this moment.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.0.limit.keys()
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
    fn decide(&self, head: &mut http::request::Parts) -> Result<Passed, Response<Bytes>> {
        let limit = &*self.limit;
        if limit.exempts(head) {
            return Ok(Passed::Silently);
        }
        let key = self.key.of(head)?;
        let (plan, asked) = limit.asked(head)?;
        let key = limit.fingerprint(&key, asked.plan);
        if let Some(too_dear) = plan.too_dear(asked.units)
            && !limit.options.shadow
        {
            return Err(too_dear.into());
        }
        let verdict = limit.take(key, plan, asked.units);
        match verdict {
            Some(verdict) => limit.conclude(key, asked, plan, verdict),
            None if limit.options.shadow => Ok(Passed::Silently),
            None => Err(self.full.clone().into()),
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
        && let Some(settled) = limit.charge(key, plan, units)
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
