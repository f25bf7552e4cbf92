//! A limit but for its key: decides, and keeps count.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Response, StatusCode, header, request::Parts};

#[cfg(feature = "rate-limit-redis")]
use super::shared::{Name, Remote};
use super::{
    counting::Answered,
    fields::Report,
    memory::{Full, Memory},
    plan::Plan,
    policy::Options,
    rule::Rule,
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
    pub(super) tally: Arc<Tally>,
    pub(super) memory: Memory,
    #[cfg(feature = "rate-limit-redis")]
    pub(super) remote: Option<Remote>,
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
    /// The store of the limit did not answer: what the limit of this instance remembers.
    #[cfg(feature = "rate-limit-redis")]
    Locally(Box<Self>),
}

/// Where the counts of a key are.
pub(super) enum Kept {
    Here(Fingerprint),
    #[cfg(feature = "rate-limit-redis")]
    Shared(Name),
}

pub(super) struct Unsettled {
    pub(super) key: Kept,
    pub(super) asked: Asked,
    pub(super) verdict: Verdict,
}

const FULL: &str = "the limit keeps as many keys as it may, and refuses new ones";

/// Nobody knows when keys are whole again.
const FULL_FOR: Duration = Duration::from_secs(60);

const UNKNOWN_PLAN: &str = "the closure of `chosen_by` chose a plan for this request that was not \
    listed in `RateLimit::plans`";

impl Limit {
    pub(super) fn new(options: Options) -> Self {
        Self::counting_into(options, Arc::default())
    }

    /// A limit whose refusals are counted together with those of another.
    pub(super) fn counting_into(options: Options, tally: Arc<Tally>) -> Self {
        let plans = options.choice.rules.iter();
        let plans: Box<[_]> = plans
            .map(|rules| Plan::new(Arc::clone(rules), options.told()))
            .collect();
        let width = plans.iter().map(|plan| plan.rules.len()).max();
        Self {
            memory: Memory::new(
                options.capacity,
                width.unwrap_or_default(),
                options.clock.clone(),
            ),
            #[cfg(feature = "rate-limit-redis")]
            remote: Remote::new(&options, &tally),
            full: Problem::reduced_capacity()
                .retry_after(FULL_FOR)
                .because(FULL),
            tally,
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
        #[cfg(feature = "rate-limit-redis")]
        let description = match &self.remote {
            Some(remote) => remote.describe(description),
            None => description,
        };
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

    /// Takes from the counts in memory what a request costs.
    pub(super) fn take(
        &self,
        key: Fingerprint,
        asked: Asked,
    ) -> Result<Result<Verdict, Full>, Problem> {
        let plan = self.plan(asked.plan)?;
        Ok(self.memory.take(key, &plan.rules, asked.units))
    }

    /// What becomes of a request of which the store says this.
    #[expect(
        clippy::result_large_err,
        reason = "a box would be one more allocation"
    )]
    pub(super) fn conclude(
        &self,
        asked: Asked,
        verdict: Result<Verdict, Full>,
        key: impl FnOnce() -> Kept,
    ) -> Result<Passed, Response<Bytes>> {
        let plan = self.plan(asked.plan)?;
        match self.judge(plan, verdict) {
            Judged::Passes(verdict) if self.options.counting.settles() => {
                let unsettled = Unsettled {
                    key: key(),
                    asked,
                    verdict,
                };
                Ok(Passed::Unsettled(Box::new(unsettled)))
            }
            Judged::Passes(verdict) => Ok(Passed::told(plan, asked, &verdict)),
            Judged::Shadowed => Ok(Passed::Silently),
            Judged::Spent(verdict) => Err(plan.refuse(&verdict, asked, self.options.jitter)),
            Judged::Full => Err(self.full().into()),
        }
    }

    /// The same for a handler.
    pub(super) fn admit(
        &self,
        asked: Asked,
        verdict: Result<Verdict, Full>,
    ) -> Result<(), Problem> {
        let plan = self.plan(asked.plan)?;
        match self.judge(plan, verdict) {
            Judged::Passes(_) | Judged::Shadowed => Ok(()),
            Judged::Spent(verdict) => Err(plan.refusal(&verdict, asked.units, self.options.jitter)),
            Judged::Full => Err(self.full()),
        }
    }

    /// Charges what the answer costs more than was taken, or gives back what it costs less.
    pub(super) fn settle(&self, unsettled: Unsettled, answered: &Answered<'_>) -> Passed {
        let Unsettled {
            key,
            asked,
            mut verdict,
        } = unsettled;
        let Ok(plan) = self.plan(asked.plan) else {
            return Passed::Silently;
        };
        let units = self.options.counting.difference(answered, asked.units);
        let charge = |rule: &Rule, ahead| rule.charge(ahead, units);
        match key {
            _ if units == 0 => {}
            Kept::Here(key) => {
                if let Ok(settled) = self.memory.force(key, &plan.rules, charge) {
                    verdict = settled;
                }
            }
            // The response does not wait for the store: what it will say is known but for what
            // others take meanwhile.
            #[cfg(feature = "rate-limit-redis")]
            Kept::Shared(name) => {
                verdict.change(&plan.rules, charge);
                if let Some(remote) = &self.remote {
                    Arc::clone(&remote.engine).charge_later(name, asked.plan, units);
                }
            }
        }
        Passed::told(plan, asked, &verdict)
    }

    /// The answer where a key is new and the store is full.
    pub(super) fn full(&self) -> Problem {
        self.full.clone()
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
