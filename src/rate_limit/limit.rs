//! A limit but for its key: decides, and keeps count.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderValue, StatusCode, header, request::Parts};

use super::{
    counting::Answered,
    fields::Report,
    memory::{Full, Memory},
    plan::Plan,
    policy::Options,
    verdict::Verdict,
};
use crate::{
    describe::Description,
    key::{Fingerprint, Key, KeyPart},
    problem::Problem,
};

pub(super) struct Limit {
    pub(super) plans: Box<[Plan]>,
    pub(super) options: Options,
    pub(super) tally: Tally,
    pub(super) memory: Memory,
    full: Problem,
}

/// What was refused since the limit was made. Counted only then, so it costs a request nothing.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) refused: AtomicU64,
    pub(super) would_refuse: AtomicU64,
}

/// What becomes of a request.
pub(super) enum Judged {
    Passes(Verdict),
    /// It passes, but only because the limit is in shadow mode.
    Shadowed,
    Spent(Verdict),
    Full,
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
            memory: Memory::new(
                options.capacity,
                width.unwrap_or_default(),
                options.clock.clone(),
            ),
            full: full(),
            tally: Tally::default(),
            plans,
            options,
        }
    }

    /// What stands for a key in memory. Each plan counts apart.
    pub(super) fn fingerprint<P: KeyPart + ?Sized>(&self, key: &P, plan: usize) -> Fingerprint {
        match &*self.plans {
            [_] => self.memory.fingerprint(key),
            _ => self.memory.fingerprint(&(plan, key)),
        }
    }

    /// The same, for the key of a request.
    pub(super) fn fingerprint_of<K: Key>(
        &self,
        key: &K,
        head: &mut Parts,
        plan: usize,
    ) -> Result<Fingerprint, Problem> {
        self.memory.fingerprint_with(|writer| {
            if self.plans.len() > 1 {
                writer.tuple(2);
                plan.write(writer);
            }
            key.write(head, writer)
        })
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

    /// What follows from what the store says. In shadow mode nothing is refused.
    pub(super) fn judge(&self, plan: &Plan, verdict: Result<Verdict, Full>) -> Judged {
        match verdict {
            Ok(verdict) if verdict.passes() => Judged::Passes(verdict),
            Ok(verdict) if self.options.shadow => {
                self.would_refuse(plan, &verdict);
                Judged::Shadowed
            }
            Ok(verdict) => {
                self.tally.refused.fetch_add(1, Ordering::Relaxed);
                Judged::Spent(verdict)
            }
            Err(Full) if self.options.shadow => Judged::Shadowed,
            Err(Full) => Judged::Full,
        }
    }

    /// The answer where a key is new and the store is full.
    pub(super) fn full(&self) -> Problem {
        self.full.clone()
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

fn full() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE)
        .kind("https://iana.org/assignments/http-problem-types#temporary-reduced-capacity")
        .title("Request cannot be satisfied due to temporary server capacity constraints")
        .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
        .because("the limit keeps as many keys as it may, and refuses new ones")
}

impl Passed {
    pub(super) fn told(plan: &Plan, asked: Asked, verdict: &Verdict) -> Self {
        Self::Told {
            plan: asked.plan,
            report: plan.fields.report(&plan.rules, verdict, asked.cross_origin),
        }
    }
}
