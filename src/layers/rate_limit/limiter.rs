//! The layer: [`with_rate_limit`] and its middleware.

use std::{fmt, sync::Arc};

use http::{Request, Response};

use super::{
    handle::Handle,
    limit::{Decided, Limit, Passed},
    memory::Memory,
    policy::{Answered, RateLimit},
};
use crate::{
    contract::{Description, IntoPolicy, Later, Middleware, Place, ReplyBody, Step, With, with},
    request::key::{self, Key},
};

/// Limits the rate of requests; see [`rate_limit`](crate::rate_limit).
///
/// It takes a [`RateLimit`](crate::RateLimit), or a [`Limiter`] whose counts are to be shared.
pub fn with_rate_limit<K: Key>(limit: impl IntoPolicy<Limiter<K>>) -> With<Limiter<K>> {
    with(limit.into_policy())
}

/// The name of the layer.
const NAME: &str = "with_rate_limit";

/// The middleware of [`with_rate_limit`]: a limit and its counts.
///
/// Clones share the counts. Create it from a [`RateLimit`] if you also need a [`Handle`].
pub struct Limiter<K>(Arc<KeyedLimit<K>>);

struct KeyedLimit<K> {
    key: K,
    limit: Arc<Limit>,
}

/// The state that [`Limiter`] keeps of a request for its response.
pub struct Carried(Passed);

impl<K: Key> Limiter<K> {
    /// A limit with its own counts.
    pub fn new(policy: RateLimit<K>) -> Self {
        Self(Arc::new(KeyedLimit {
            key: policy.key,
            limit: Arc::new(Limit::new(policy.options)),
        }))
    }

    /// Access to the counts from outside the layer.
    #[must_use]
    pub fn handle(&self) -> Handle<K::Value> {
        Handle::new(Arc::clone(&self.0.limit))
    }

    /// The number of keys that are currently kept in memory.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.0.limit.store.memory().map_or(0, Memory::len)
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

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let limit = &self.0.limit;
        key::describe(&self.0.key, limit.describe(self.name()))
    }
}

impl<K: Key, B: Send + 'static> Middleware<B> for Limiter<K> {
    type Carry = Carried;

    fn before(&self, request: Request<B>) -> Later<Step<B, Carried>> {
        let (mut head, body) = request.into_parts();
        match self.0.limit.decide(&self.0.key, &mut head) {
            Ok(Decided::Passed(passed)) => {
                Step::next(Request::from_parts(head, body), Carried(passed))
            }
            #[cfg(feature = "rate-limit-redis")]
            Ok(Decided::Deferred {
                plan,
                query,
                units,
                cross_origin,
            }) => {
                let limit = Arc::clone(&self.0.limit);
                Later::pending(async move {
                    let taken = query.answer().await;
                    let passed = limit.conclude(taken, &plan, units, cross_origin);
                    let request = Request::from_parts(head, body);
                    Step::from(passed.map(|passed| (request, Carried(passed))))
                })
            }
            Err(refusal) => Step::reply(refusal),
        }
    }

    fn after<R: ReplyBody>(&self, Carried(passed): Carried, response: &mut Response<R>) {
        let (plan, report) = match passed {
            Passed::Silently => return,
            Passed::Reported { plan, report } => (plan, report),
            Passed::Unsettled(mut unsettled) => match unsettled.settle(&Answered::new(response)) {
                Some(settled) => settled,
                None => return,
            },
        };
        plan.write_report(report, response.headers_mut());
    }
}

impl<K> Clone for Limiter<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Only the quotas, never a key.
impl<K> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plans = &self.0.limit.options.plans;
        f.debug_tuple("Limiter").field(plans).finish()
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried(..)")
    }
}
