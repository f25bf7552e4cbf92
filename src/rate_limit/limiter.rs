//! Runs a limit: the middleware of [`with_rate_limit`](super::with_rate_limit).

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::Value;

use super::{
    clock::Clock,
    fields::{Fields, Report},
    policy::RateLimit,
    rule::{Rule, Verdict, judge},
    store::Store,
};
use crate::{
    describe::Description,
    field::scratch,
    key::{Key, Seed},
    middleware::{Middleware, ReplyBody, Step},
    place::Place,
    problem::Problem,
};

/// The middleware of [`with_rate_limit`](super::with_rate_limit): a limit and its counts.
///
/// Clones share the counts.
pub struct Limiter<K: Key>(Arc<Shared<K>>);

struct Shared<K: Key> {
    rules: Arc<[Rule]>,
    key: K,
    fields: Fields,
    clock: Clock,
    seed: Seed,
    store: Store,
    /// The problem for each set of quotas that can be spent, made when it is first needed.
    refusals: Box<[OnceLock<Problem>]>,
}

impl<K: Key> Limiter<K> {
    pub(super) fn new(limit: RateLimit<K>) -> Self {
        let sets = 1_usize << limit.rules.len();
        Self(Arc::new(Shared {
            fields: Fields::new(limit.fields, &limit.rules),
            refusals: (0..sets).map(|_| OnceLock::new()).collect(),
            store: Store::new(limit.capacity, limit.rules.len()),
            seed: Seed::random(),
            rules: limit.rules,
            key: limit.key,
            clock: limit.clock,
        }))
    }

    /// The number of keys that are kept at this moment.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.0.store.len()
    }
}

impl<K: Key> Place for Limiter<K> {
    type Stage = K::Stage;
    type Provides = ();
    type Needs = K::Needs;

    fn describe(&self) -> Description {
        let quotas: Vec<_> = self.0.rules.iter().map(ToString::to_string).collect();
        let when = format!("when a quota is spent ({})", quotas.join("; "));
        let description = Description::new("with_rate_limit")
            .answers(StatusCode::TOO_MANY_REQUESTS, when)
            .adds(header::RETRY_AFTER);
        let names = self.0.fields.names();
        let description = names.into_iter().fold(description, Description::adds);
        self.0.key.describe(description)
    }
}

impl<K: Key, B> Middleware<B> for Limiter<K> {
    type Carry = Report;

    fn before(&self, request: Request<B>) -> Step<B, Report> {
        let shared = &*self.0;
        let (mut head, body) = request.into_parts();
        let key = match shared.key.of(&mut head) {
            Ok(key) => key,
            Err(problem) => return Step::Reply(problem.into()),
        };
        let now = shared.clock.now();
        let key = shared.seed.fingerprint(&key);
        let update = |times: &mut [u64]| judge(&shared.rules, times, now);
        let Some(verdict) = shared.store.update(key, now, update) else {
            return Step::Reply(Problem::new(StatusCode::SERVICE_UNAVAILABLE).into());
        };
        let cross_origin = head.headers.contains_key(header::ORIGIN);
        let report = shared.fields.report(&shared.rules, &verdict, cross_origin);
        if verdict.passes() {
            return Step::Next(Request::from_parts(head, body), report);
        }
        Step::Reply(shared.refuse(&verdict, report))
    }

    fn after<R>(&self, report: Report, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        self.0.fields.write(report, response.headers_mut());
    }
}

impl<K: Key> Shared<K> {
    fn refuse(&self, verdict: &Verdict, report: Report) -> Response<Bytes> {
        let known = self.refusals.get(usize::from(verdict.violated));
        let problem = known.map_or_else(
            || problem(&self.rules, verdict),
            |known| known.get_or_init(|| problem(&self.rules, verdict)).clone(),
        );
        let mut response = problem.into_response();
        let headers = response.headers_mut();
        let seconds = verdict.retry_after(&self.rules);
        if let Some(value) = scratch::header_value(20, |out| out.number(seconds)) {
            headers.insert(header::RETRY_AFTER, value);
        }
        self.fields.write(report, headers);
        response
    }
}

/// Section 5.1 of draft-ietf-httpapi-ratelimit-headers-11.
fn problem(rules: &[Rule], verdict: &Verdict) -> Problem {
    let spent = verdict
        .standings(rules)
        .filter(|(n, ..)| verdict.violates(*n));
    let names: Vec<Value> = spent.map(|(_, rule, _)| rule.name().into()).collect();
    Problem::new(StatusCode::TOO_MANY_REQUESTS)
        .kind("https://iana.org/assignments/http-problem-types#quota-exceeded")
        .title("Request cannot be satisfied as assigned quota has been exceeded")
        .detail("wait as long as Retry-After says, then try again")
        .extension("violated-policies", names)
}

impl<K: Key> Clone for Limiter<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The quotas; never a key.
impl<K: Key> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limiter").field(&self.0.rules).finish()
    }
}
