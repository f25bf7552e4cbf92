//! Tells clients what they have left: `RateLimit`, `RateLimit-Policy` and their older forms.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, Entry},
};

use super::{rule::Rule, verdict::Verdict};
use crate::wire::field::{
    scratch::{self, Scratch},
    structured,
};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// How clients are told what they have left, on success and on refusal.
///
/// `Retry-After` is on every refusal, whichever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitFields {
    /// `RateLimit-Policy: "default";q=100;w=60` and `RateLimit: "default";r=50;t=30`, as in
    /// [draft-ietf-httpapi-ratelimit-headers-11], which may still change.
    ///
    /// `q` is the burst, `w` the seconds in which it comes back, `r` what is left of it and `t`
    /// the seconds until there is more. A quota that is whole has no `t`.
    ///
    /// [draft-ietf-httpapi-ratelimit-headers-11]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/
    #[default]
    Draft,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`: of the quota that
    /// has the least left, with the seconds until it has more. No standard says what they mean,
    /// and some services put an epoch there.
    Legacy,
    /// Nothing.
    None,
}

/// The values that can be written beforehand.
pub(super) struct Fields {
    kind: RateLimitFields,
    policy: Option<HeaderValue>,
    /// `"default";r=` for each quota.
    items: Vec<String>,
    limits: Vec<HeaderValue>,
    /// The most bytes that a `RateLimit` can have.
    size: usize,
    exposed: HeaderValue,
}

/// What a response will say.
#[derive(Debug)]
pub(super) struct Report {
    values: Values,
    cross_origin: bool,
}

#[derive(Debug)]
enum Values {
    Draft(HeaderValue),
    Legacy {
        quota: usize,
        remaining: u32,
        reset: u64,
    },
    None,
}

impl Fields {
    pub(super) fn new(kind: RateLimitFields, rules: &[Rule]) -> Self {
        let mut policy = String::new();
        let mut items = Vec::new();
        for rule in rules {
            // The names were checked when the limit was built.
            let name = structured::string(rule.name()).unwrap_or_default();
            let separator = if items.is_empty() { "" } else { ", " };
            let (burst, window) = (rule.burst(), rule.window());
            policy.push_str(&format!("{separator}{name};q={burst};w={window}"));
            items.push(format!("{separator}{name};r="));
        }
        // After an item: 10 digits, `;t=` and 20 digits.
        let size = items.iter().map(|item| item.len().saturating_add(33)).sum();
        Self {
            kind,
            policy: HeaderValue::try_from(policy).ok(),
            items,
            limits: rules
                .iter()
                .map(|rule| HeaderValue::from(rule.burst()))
                .collect(),
            size,
            exposed: HeaderValue::from_static(match kind {
                RateLimitFields::Draft => "RateLimit, RateLimit-Policy, Retry-After",
                RateLimitFields::Legacy => {
                    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
                }
                RateLimitFields::None => "Retry-After",
            }),
        }
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> Vec<HeaderName> {
        match self.kind {
            RateLimitFields::Draft => vec![RATELIMIT, RATELIMIT_POLICY],
            RateLimitFields::Legacy => vec![X_LIMIT, X_REMAINING, X_RESET],
            RateLimitFields::None => Vec::new(),
        }
    }

    /// Puts into words what the response will say; `cross_origin` if a browser may read it there.
    pub(super) fn report(&self, rules: &[Rule], verdict: &Verdict, cross_origin: bool) -> Report {
        let values = match self.kind {
            RateLimitFields::Draft => scratch::header_value(self.size, |out| {
                self.write_items(out, rules, verdict);
            })
            .map_or(Values::None, Values::Draft),
            RateLimitFields::Legacy => legacy(rules, verdict),
            RateLimitFields::None => Values::None,
        };
        Report {
            values,
            cross_origin,
        }
    }

    fn write_items(&self, out: &mut Scratch, rules: &[Rule], verdict: &Verdict) {
        for ((n, _, standing), item) in verdict.standings(rules).zip(&self.items) {
            out.text(item);
            out.number(standing.remaining.into());
            // Section 6: `Retry-After` does not end before a window does, and it is about the
            // quotas that are spent.
            if let Some(wait) = standing.wait
                && (verdict.passes() || verdict.violates(n))
            {
                out.text(";t=");
                out.number(wait);
            }
        }
    }

    /// Sets the fields. Those of a limit further in are kept, as the fields are lists.
    pub(super) fn write(&self, report: Report, headers: &mut HeaderMap) {
        match report.values {
            Values::Draft(value) => {
                headers.append(RATELIMIT, value);
                if let Some(policy) = &self.policy {
                    headers.append(RATELIMIT_POLICY, policy.clone());
                }
            }
            Values::Legacy {
                quota,
                remaining,
                reset,
            } => self.write_legacy(quota, remaining, reset, headers),
            Values::None => {}
        }
        if report.cross_origin
            && (self.kind != RateLimitFields::None || headers.contains_key(header::RETRY_AFTER))
        {
            self.expose(headers);
        }
    }

    /// Lets a page of another origin read the fields; once is enough for several limits.
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
        let told = headers
            .get(X_REMAINING)
            .and_then(|value| value.to_str().ok());
        if told
            .and_then(|told| told.parse().ok())
            .is_some_and(|told: u32| told <= remaining)
        {
            return;
        }
        if let Some(limit) = self.limits.get(quota) {
            headers.insert(X_LIMIT, limit.clone());
        }
        for (name, number) in [(X_REMAINING, remaining.into()), (X_RESET, reset)] {
            if let Some(value) = scratch::header_value(20, |out| out.number(number)) {
                headers.insert(name, value);
            }
        }
    }
}

/// The quota that has the least left, and of these the one that takes the longest.
fn legacy(rules: &[Rule], verdict: &Verdict) -> Values {
    let tightest = verdict
        .standings(rules)
        .map(|(n, _, standing)| (standing.remaining, standing.wait.unwrap_or_default(), n))
        .min_by_key(|(remaining, wait, _)| (*remaining, std::cmp::Reverse(*wait)));
    tightest.map_or(Values::None, |(remaining, reset, quota)| Values::Legacy {
        quota,
        remaining,
        reset,
    })
}
