//! A limit but for its key: decides, and keeps count.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode, header, request::Parts};

use super::{
    counting::Answered,
    fields::Report,
    plan::Plan,
    policy::Options,
    store::Store,
    verdict::{Verdict, force, judge},
};
use crate::{
    describe::Description,
    key::{Fingerprint, KeyPart, Seed},
    problem::Problem,
};

pub(super) struct Limit {
    pub(super) plans: Box<[Plan]>,
    pub(super) options: Options,
    pub(super) tally: Tally,
    seed: Seed,
    store: Store,
}

/// What was refused since the limit was made. Counted only then, so it costs a request nothing.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) refused: AtomicU64,
    pub(super) would_refuse: AtomicU64,
}

/// A request, as a limit sees it.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// Which of the plans.
    pub(super) plan: usize,
    pub(super) units: u32,
    /// A browser may read the answer on a page of another origin.
    pub(super) cross_origin: bool,
}

/// What a limit remembers of a request that it let through.
pub(super) enum Passed {
    /// It was not counted, or nobody is told.
    Silently,
    Told {
        plan: usize,
        report: Report,
    },
    /// What it costs depends on the answer.
    Unsettled(Box<Unsettled>),
}

pub(super) struct Unsettled {
    pub(super) key: Fingerprint,
    pub(super) asked: Asked,
    pub(super) verdict: Verdict,
}

const UNKNOWN_PLAN: &str = "the closure of `chosen_by` chose a plan for this request that was not \
    listed in `RateLimit::plans`";

impl Limit {
    pub(super) fn new(options: Options) -> Self {
        let plans = options.choice.rules.iter();
        let plans: Box<[_]> = plans
            .map(|rules| Plan::new(rules.clone(), options.told()))
            .collect();
        let width = plans.iter().map(|plan| plan.rules.len()).max();
        Self {
            store: Store::new(options.capacity, width.unwrap_or_default()),
            seed: Seed::random(),
            tally: Tally::default(),
            plans,
            options,
        }
    }

    /// What stands for a key in memory. Each plan counts apart.
    pub(super) fn fingerprint<P: KeyPart + ?Sized>(&self, key: &P, plan: usize) -> Fingerprint {
        match &*self.plans {
            [_] => self.seed.fingerprint(key),
            _ => self.seed.fingerprint(&(plan, key)),
        }
    }

    /// Whether a request is none of this limit's business.
    pub(super) fn exempts(&self, head: &Parts) -> bool {
        self.options
            .exempt
            .as_ref()
            .is_some_and(|exempt| exempt(head))
    }

    /// Which plan a request has and what it costs.
    pub(super) fn asked(&self, head: &Parts) -> Result<(&Plan, Asked), Problem> {
        let which = &self.options.choice.which;
        let n = which.as_ref().map_or(Some(0), |which| which(head));
        let n = n.ok_or_else(|| Problem::internal(UNKNOWN_PLAN))?;
        let asked = Asked {
            plan: n,
            units: self.options.counting.cost(head),
            cross_origin: head.headers.contains_key(header::ORIGIN),
        };
        Ok((self.plan(n)?, asked))
    }

    pub(super) fn plan(&self, n: usize) -> Result<&Plan, Problem> {
        let plan = self.plans.get(n);
        plan.ok_or_else(|| Problem::internal(UNKNOWN_PLAN))
    }

    /// Takes what a request costs from every quota of the key, or from none. `None` if the store
    /// is full.
    pub(super) fn take(&self, key: Fingerprint, plan: &Plan, units: u32) -> Option<Verdict> {
        let now = self.options.clock.now();
        self.store
            .update(key, now, |times| judge(&plan.rules, times, now, units))
    }

    /// Charges a key, or gives it back if it is negative.
    pub(super) fn charge(&self, key: Fingerprint, plan: &Plan, units: i64) -> Option<Verdict> {
        let now = self.options.clock.now();
        self.store.update(key, now, |times| {
            force(&plan.rules, times, now, |rule, ahead| {
                rule.charge(ahead, units)
            })
        })
    }

    /// Lets nothing of a key through for so many nanoseconds.
    pub(super) fn block(&self, key: Fingerprint, plan: &Plan, duration: u64) -> Option<Verdict> {
        let now = self.options.clock.now();
        self.store.update(key, now, |times| {
            force(&plan.rules, times, now, |rule, ahead| {
                rule.block(ahead, duration)
            })
        })
    }

    /// What is left of a key.
    pub(super) fn peek(&self, key: Fingerprint) -> Verdict {
        let now = self.options.clock.now();
        let found = self
            .store
            .read(key, |times| Verdict::standing_at(times, now));
        found.unwrap_or_default()
    }

    /// Makes a key whole.
    pub(super) fn reset(&self, key: Fingerprint) {
        self.store.remove(key);
    }

    pub(super) fn keys(&self) -> usize {
        self.store.len()
    }

    /// What the limit can answer, and which fields it sets.
    pub(super) fn describe(&self) -> Description {
        let plans = self.plans.iter().flat_map(|plan| plan.rules.iter());
        let quotas: Vec<_> = plans.map(ToString::to_string).collect();
        let description = Description::new("with_rate_limit");
        if self.options.shadow {
            return description;
        }
        let when = format!("when a quota is spent ({})", quotas.join("; "));
        let description = description
            .answers(StatusCode::TOO_MANY_REQUESTS, when)
            .adds(header::RETRY_AFTER);
        let names = self.plans.first().map(|plan| plan.fields.names());
        let names = names.into_iter().flatten();
        names.fold(description, Description::adds)
    }

    /// What becomes of a request of this verdict.
    pub(super) fn conclude(
        &self,
        key: Fingerprint,
        asked: Asked,
        plan: &Plan,
        verdict: Verdict,
    ) -> Result<Passed, Response<Bytes>> {
        if !verdict.passes() {
            if self.options.shadow {
                self.would_refuse(plan, &verdict);
                return Ok(Passed::Silently);
            }
            self.tally.refused.fetch_add(1, Ordering::Relaxed);
            let report = plan
                .fields
                .report(&plan.rules, &verdict, asked.cross_origin);
            let jitter = self.options.jitter;
            return Err(plan.refuse(&verdict, asked.units, jitter, report));
        }
        if self.options.counting.settles() {
            return Ok(Passed::Unsettled(Box::new(Unsettled {
                key,
                asked,
                verdict,
            })));
        }
        Ok(Passed::told(plan, asked, &verdict))
    }

    /// What the answer costs more than was taken, or less.
    pub(super) fn difference(&self, asked: Asked, answered: &Answered<'_>) -> i64 {
        self.options.counting.difference(answered, asked.units)
    }

    fn would_refuse(&self, plan: &Plan, verdict: &Verdict) {
        self.tally.would_refuse.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "tracing")]
        {
            let spent = plan.rules.iter().enumerate();
            let spent = spent.filter(|(n, _)| verdict.violates(*n));
            let quotas: Vec<_> = spent.map(|(_, rule)| rule.name()).collect();
            tracing::info!(target: "wythe", ?quotas, "a limit in shadow mode would refuse");
        }
        #[cfg(not(feature = "tracing"))]
        let _ = (plan, verdict);
    }
}

impl Passed {
    pub(super) fn told(plan: &Plan, asked: Asked, verdict: &Verdict) -> Self {
        Self::Told {
            plan: asked.plan,
            report: plan.fields.report(&plan.rules, verdict, asked.cross_origin),
        }
    }
}
