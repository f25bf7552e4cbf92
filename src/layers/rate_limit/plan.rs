//! One set of quotas that go together, with what can be written of them beforehand.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::{
    fields::{Fields, RateLimitFields},
    request::Asked,
    rule::Rule,
    verdict::Verdict,
};
use crate::wire::{Problem, field::scratch};

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const TITLE: &str = "Request cannot be satisfied as assigned quota has been exceeded";

/// The quotas of a limit; of several plans, those of one.
pub(super) struct Plan {
    pub(super) rules: Arc<[Rule]>,
    pub(super) fields: Fields,
    /// The problem for each set of quotas that can be spent, made when it is first needed.
    refusals: Box<[OnceLock<Problem>]>,
}

impl Plan {
    pub(super) fn new(rules: Arc<[Rule]>, fields: RateLimitFields) -> Self {
        let sets = 1_usize << rules.len();
        Self {
            fields: Fields::new(fields, &rules),
            refusals: (0..sets).map(|_| OnceLock::new()).collect(),
            rules,
        }
    }

    /// The answer to a request for which a quota has too little left.
    pub(super) fn refuse(
        &self,
        verdict: &Verdict,
        asked: Asked,
        jitter: Duration,
    ) -> Response<Bytes> {
        let known = self.refusals.get(usize::from(verdict.violated()));
        let problem = known.map_or_else(
            || self.problem(verdict),
            |known| known.get_or_init(|| self.problem(verdict)).clone(),
        );
        let mut response = problem.into_response();
        let headers = response.headers_mut();
        if let Some(value) = self.retry_after(verdict, asked.units, jitter) {
            headers.insert(header::RETRY_AFTER, value);
        }
        let fields = &self.fields;
        let report = fields.report(&self.rules, verdict, asked.cross_origin);
        fields.write(report, headers);
        response
    }

    /// The same for a handler, which has no request to answer.
    pub(super) fn refusal(&self, verdict: &Verdict, units: u32, jitter: Duration) -> Problem {
        let problem = self.problem(verdict);
        match self.retry_after(verdict, units, jitter) {
            Some(value) => problem.header(header::RETRY_AFTER, value),
            None => problem,
        }
    }

    /// Seconds, of which up to `jitter` are random.
    fn retry_after(&self, verdict: &Verdict, units: u32, jitter: Duration) -> Option<HeaderValue> {
        let seconds = verdict.retry_after(&self.rules, units);
        let seconds = seconds.saturating_add(at_random(jitter));
        scratch::header_value(20, |out| out.number(seconds))
    }

    /// Section 5.1 of draft-ietf-httpapi-ratelimit-headers-11.
    fn problem(&self, verdict: &Verdict) -> Problem {
        let spent = |n: usize| verdict.violates(n);
        quota_exceeded(&self.rules, spent)
            .detail("Wait as long as `Retry-After` says, then try again.")
    }

    /// The answer to a request that costs more than a quota ever holds: no time helps.
    pub(super) fn too_dear(&self, units: u32) -> Option<Problem> {
        let too_small = |n: usize| self.rules.get(n).is_some_and(|rule| rule.burst() < units);
        let any = (0..self.rules.len()).any(too_small);
        any.then(|| {
            quota_exceeded(&self.rules, too_small)
                .detail("The request costs more than the quota ever holds: make it smaller.")
        })
    }
}

fn quota_exceeded(rules: &[Rule], violated: impl Fn(usize) -> bool) -> Problem {
    let spent = rules.iter().enumerate().filter(|(n, _)| violated(*n));
    let names: Vec<Value> = spent.map(|(_, rule)| rule.name().into()).collect();
    let log = format!("spent: {}", Value::from(names.clone()));
    Problem::new(StatusCode::TOO_MANY_REQUESTS)
        .kind(QUOTA_EXCEEDED)
        .title(TITLE)
        .reason("quota")
        .extension("violated-policies", names)
        .because(log)
}

/// A random number of seconds, from 0 to as many as there are in `most`.
fn at_random(most: Duration) -> u64 {
    if most.is_zero() {
        return 0;
    }
    let random = RandomState::new().hash_one(0_u8);
    random % most.as_secs().saturating_add(1)
}
