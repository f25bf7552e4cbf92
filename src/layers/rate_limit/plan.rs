//! One set of quotas, the fields that report it to clients, and the choice among several sets.

use std::{
    fmt, iter,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{self, Entry},
};
use serde_json::Value;

use super::gcra::{Decision, Gcra};
use crate::{
    request::{RequestHead, key::KeyWriter},
    support::seed::random_bits,
    wire::{
        Problem,
        field::{
            header_value::{self, ValueWriter},
            structured,
        },
    },
};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const TITLE: &str = "Request cannot be satisfied as assigned quota has been exceeded";

/// Which fields tell clients what they have left, on success and on refusal.
///
/// Every refusal has `Retry-After`, whichever you choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitFields {
    /// `RateLimit-Policy: "login";q=100;w=60` and `RateLimit: "login";r=50;t=30`, as in
    /// [draft-ietf-httpapi-ratelimit-headers-11], which may still change.
    ///
    /// `q` is the burst, `w` the seconds in which it is replenished, `r` the remaining units and `t`
    /// the seconds until there is one more. A quota that is replenished in less than a second has no
    /// `w`. There is no `t` if the quota is full, or if it is spent only by requests in progress,
    /// whose units may be given back at any moment.
    ///
    /// [draft-ietf-httpapi-ratelimit-headers-11]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/
    #[default]
    Draft,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`: of the quota with the
    /// fewest units left, with the seconds until it has more. No standard defines these fields, and
    /// some services put a Unix timestamp into the last one.
    Legacy,
    /// Nothing.
    None,
}

/// The quotas of a limit, or of one of its plans.
pub(super) struct Plan {
    pub(super) quotas: Arc<[Gcra]>,
    /// The number that is written before each key, if there are several plans.
    number: Option<usize>,
    /// The quotas of this instance alone, while Redis does not answer.
    pub(super) share: Option<Arc<Self>>,
    /// Whether this plan is such a share.
    is_share: bool,
    fields: RateLimitFields,
    /// `RateLimit-Policy`.
    policy: Option<HeaderValue>,
    /// `"100-per-minute";r=` for each quota.
    items: Vec<String>,
    /// `X-RateLimit-Limit` for each quota.
    limits: Vec<HeaderValue>,
    /// The maximum length of a `RateLimit` value, in bytes.
    size: usize,
    exposed: HeaderValue,
    /// The problem for each set of quotas that can be spent, built when it is first needed.
    refusals: Box<[OnceLock<Problem>]>,
}

/// The role of a plan while Redis does not answer.
pub(super) enum Share {
    None,
    /// These quotas apply instead.
    With(Arc<Plan>),
    /// This plan is the one that applies.
    Is,
}

/// A request that is refused.
#[derive(Clone, Copy)]
pub(super) struct Refused<'a> {
    pub(super) decision: &'a Decision,
    /// The cost of the request.
    pub(super) units: u32,
    /// Units that requests in progress hold, which may be given back.
    pub(super) held: u32,
    pub(super) jitter: Duration,
}

/// The fields of one response.
#[derive(Debug)]
pub(super) struct Report {
    values: ReportValues,
    /// Whether a browser may read the response on a page of another origin.
    cross_origin: bool,
}

#[derive(Debug)]
enum ReportValues {
    Draft(HeaderValue),
    Legacy {
        quota: usize,
        remaining: u32,
        reset: u64,
    },
    None,
}

impl Report {
    /// For a response to a request that was not counted.
    pub(super) const fn uncounted(cross_origin: bool) -> Self {
        Self {
            values: ReportValues::None,
            cross_origin,
        }
    }
}

impl Plan {
    pub(super) fn new(
        quotas: Arc<[Gcra]>,
        number: Option<usize>,
        fields: RateLimitFields,
        share: Share,
    ) -> Self {
        let (share, is_share) = match share {
            Share::None => (None, false),
            Share::With(share) => (Some(share), false),
            Share::Is => (None, true),
        };
        let mut policy = String::new();
        let mut items = Vec::new();
        for quota in &*quotas {
            // The names were checked when the limit was built.
            let name = structured::string(quota.name()).unwrap_or_default();
            let separator = if items.is_empty() { "" } else { ", " };
            policy.push_str(&format!("{separator}{name};q={}", quota.burst()));
            if let Some(window) = quota.window() {
                policy.push_str(&format!(";w={window}"));
            }
            items.push(format!("{separator}{name};r="));
        }
        // After each item: 10 digits, `;t=` and 20 digits.
        let size = items.iter().map(|item| item.len().saturating_add(33)).sum();
        let limits = quotas.iter().map(|quota| HeaderValue::from(quota.burst()));
        let sets = 1_usize << quotas.len();
        Self {
            number,
            share,
            is_share,
            fields,
            policy: HeaderValue::try_from(policy).ok(),
            items,
            limits: limits.collect(),
            size,
            exposed: HeaderValue::from_static(match fields {
                RateLimitFields::Draft => "RateLimit, RateLimit-Policy, Retry-After",
                RateLimitFields::Legacy => {
                    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
                }
                RateLimitFields::None => "Retry-After",
            }),
            refusals: (0..sets).map(|_| OnceLock::new()).collect(),
            quotas,
        }
    }

    /// Writes a key so that it counts only for this plan.
    pub(super) fn write_key<E>(
        &self,
        writer: &mut KeyWriter<'_>,
        key: impl FnOnce(&mut KeyWriter<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(number) = self.number {
            writer.tuple(2);
            writer.number(u128::try_from(number).unwrap_or(u128::MAX));
        }
        key(writer)
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> Vec<HeaderName> {
        match self.fields {
            RateLimitFields::Draft => vec![RATELIMIT, RATELIMIT_POLICY],
            RateLimitFields::Legacy => vec![X_LIMIT, X_REMAINING, X_RESET],
            RateLimitFields::None => Vec::new(),
        }
    }

    /// The fields of the response to a request with this decision.
    pub(super) fn report(&self, decision: &Decision, cross_origin: bool) -> Report {
        self.report_with(decision, cross_origin, |n| {
            decision.passes() || decision.violates(n)
        })
    }

    /// The same, but only some quotas say when there will be more.
    fn report_with(
        &self,
        decision: &Decision,
        cross_origin: bool,
        says_when: impl Fn(usize) -> bool,
    ) -> Report {
        let values = match self.fields {
            RateLimitFields::Draft => header_value::header_value(self.size, |out| {
                self.write_items(out, decision, says_when);
            })
            .map_or(ReportValues::None, ReportValues::Draft),
            RateLimitFields::Legacy => self.tightest(decision),
            RateLimitFields::None => ReportValues::None,
        };
        Report {
            values,
            cross_origin,
        }
    }

    fn write_items(
        &self,
        out: &mut ValueWriter,
        decision: &Decision,
        says_when: impl Fn(usize) -> bool,
    ) {
        for ((n, _, balance), item) in decision.balances(&self.quotas).zip(&self.items) {
            out.text(item);
            out.number(balance.remaining.into());
            // Section 6 of draft-ietf-httpapi-ratelimit-headers-11: `Retry-After` must not end before
            // a reported window, and it is about the quotas that are spent.
            if let Some(next) = balance.next
                && says_when(n)
            {
                out.text(";t=");
                out.number(next);
            }
        }
    }

    /// The quota with the fewest units left; of several, the one that takes the longest.
    fn tightest(&self, decision: &Decision) -> ReportValues {
        let tightest = decision
            .balances(&self.quotas)
            .map(|(n, _, balance)| (balance.remaining, balance.next.unwrap_or_default(), n))
            .min_by_key(|(remaining, next, _)| (*remaining, std::cmp::Reverse(*next)));
        tightest.map_or(ReportValues::None, |(remaining, reset, quota)| {
            ReportValues::Legacy {
                quota,
                remaining,
                reset,
            }
        })
    }

    /// Sets the fields. Those of a limit further in are kept, because the fields are lists.
    pub(super) fn write_report(&self, report: Report, headers: &mut HeaderMap) {
        match report.values {
            ReportValues::Draft(value) => {
                headers.append(RATELIMIT, value);
                if let Some(policy) = &self.policy {
                    headers.append(RATELIMIT_POLICY, policy.clone());
                }
            }
            ReportValues::Legacy {
                quota,
                remaining,
                reset,
            } => self.write_legacy(quota, remaining, reset, headers),
            ReportValues::None => {}
        }
        if report.cross_origin
            && (self.fields != RateLimitFields::None || headers.contains_key(header::RETRY_AFTER))
        {
            self.expose(headers);
        }
    }

    /// Lets a page of another origin read the fields; one list is enough for several limits.
    fn expose(&self, headers: &mut HeaderMap) {
        match headers.entry(header::ACCESS_CONTROL_EXPOSE_HEADERS) {
            Entry::Vacant(entry) => {
                entry.insert(self.exposed.clone());
            }
            Entry::Occupied(mut entry) => {
                if !entry.iter().any(|exposed| *exposed == self.exposed) {
                    entry.append(self.exposed.clone());
                }
            }
        }
    }

    /// These fields have room for one quota: the one that has less left.
    fn write_legacy(&self, quota: usize, remaining: u32, reset: u64, headers: &mut HeaderMap) {
        let sent = headers.get(X_REMAINING).and_then(|sent| sent.to_str().ok());
        let sent: Option<u32> = sent.and_then(|sent| sent.parse().ok());
        if sent.is_some_and(|sent| sent <= remaining) {
            return;
        }
        if let Some(limit) = self.limits.get(quota) {
            headers.insert(X_LIMIT, limit.clone());
        }
        for (name, number) in [(X_REMAINING, remaining.into()), (X_RESET, reset)] {
            if let Some(value) = header_value::header_value(20, |out| out.number(number)) {
                headers.insert(name, value);
            }
        }
    }

    /// The answer to a request for which a quota has too little left.
    pub(super) fn refuse(&self, refused: Refused<'_>, cross_origin: bool) -> Response<Bytes> {
        let decision = refused.decision;
        if let Some(never) = self.never_passes(refused.units) {
            let mut response = never.into_response();
            let report = self.report_with(decision, cross_origin, |_| true);
            self.write_report(report, response.headers_mut());
            return response;
        }
        let known = self.refusals.get(usize::from(decision.violated()));
        let problem = known.map_or_else(
            || self.problem(decision),
            |known| known.get_or_init(|| self.problem(decision)).clone(),
        );
        let mut response = problem.into_response();
        let headers = response.headers_mut();
        if let Some(value) = self.retry_after(refused) {
            headers.insert(header::RETRY_AFTER, value);
        }
        let says_when = |n| refused.held == 0 && decision.violates(n);
        let report = self.report_with(decision, cross_origin, says_when);
        self.write_report(report, headers);
        response
    }

    /// The same for a handler, which returns a `Problem` instead of a response.
    pub(super) fn refusal(&self, refused: Refused<'_>) -> Problem {
        if let Some(never) = self.never_passes(refused.units) {
            return never;
        }
        let problem = self.problem(refused.decision);
        match self.retry_after(refused) {
            Some(value) => problem.header(header::RETRY_AFTER, value),
            None => problem,
        }
    }

    /// Seconds, of which up to `jitter` are random. Held units count as given back: it is unknown when
    /// that will happen, and it may be immediately.
    fn retry_after(&self, refused: Refused<'_>) -> Option<HeaderValue> {
        let Refused {
            decision,
            units,
            held,
            jitter,
        } = refused;
        let mut spent = *decision;
        if held > 0 {
            let returned = i64::from(held).saturating_neg();
            spent.change(&self.quotas, |quota, until_full| {
                quota.charge(until_full, returned)
            });
        }
        let seconds = spent.retry_after(&self.quotas, units);
        let seconds = seconds.saturating_add(random_seconds(jitter));
        header_value::header_value(20, |out| out.number(seconds))
    }

    /// Section 5.1 of draft-ietf-httpapi-ratelimit-headers-11.
    fn problem(&self, decision: &Decision) -> Problem {
        self.quota_exceeded(|n| decision.violates(n))
            .detail("Wait for the time in `Retry-After`, then try again.")
    }

    /// The answer to a request that costs more than a quota's burst: waiting does not help. Does not
    /// apply to a share, which is smaller than its quota, and in use only for a while.
    pub(super) fn never_passes(&self, units: u32) -> Option<Problem> {
        let smallest = self.quotas.iter().map(Gcra::burst).min()?;
        if self.is_share || units <= smallest {
            return None;
        }
        let too_small = |n: usize| {
            let quota = self.quotas.get(n);
            quota.is_some_and(|quota| quota.burst() < units)
        };
        Some(self.quota_exceeded(too_small).detail(format!(
            "The request costs {units}, and a request can cost {smallest} at most. Make it smaller."
        )))
    }

    pub(super) fn quota_exceeded(&self, violated: impl Fn(usize) -> bool) -> Problem {
        let spent = self.quotas.iter().enumerate().filter(|(n, _)| violated(*n));
        let names: Vec<Value> = spent.map(|(_, quota)| quota.name().into()).collect();
        let log = format!("spent: {}", Value::from(names.clone()));
        Problem::new(StatusCode::TOO_MANY_REQUESTS)
            .kind(QUOTA_EXCEEDED)
            .title(TITLE)
            .reason("quota")
            .extension("violated-policies", names)
            .because(log)
    }
}

/// A random number of seconds, at most this time.
pub(super) fn random_seconds(max: Duration) -> u64 {
    match max.as_secs() {
        0 => 0,
        max => random_bits() % max.saturating_add(1),
    }
}

/// The quotas of every plan, and which of them a request has.
#[derive(Clone)]
pub(super) struct PlanChoice {
    pub(super) first: Arc<[Gcra]>,
    pub(super) others: Arc<[Arc<[Gcra]>]>,
    pub(super) choose: Option<Arc<dyn Fn(&RequestHead<'_>) -> Option<usize> + Send + Sync>>,
}

impl PlanChoice {
    /// One set of quotas for all requests.
    pub(super) fn only(quotas: Arc<[Gcra]>) -> Self {
        Self {
            first: quotas,
            others: Arc::default(),
            choose: None,
        }
    }

    /// The quotas of each plan, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<[Gcra]>> {
        iter::once(&self.first).chain(&*self.others)
    }
}

impl fmt::Debug for PlanChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.others {
            [] => self.first.fmt(f),
            _ => f.debug_list().entries(self.all()).finish(),
        }
    }
}
