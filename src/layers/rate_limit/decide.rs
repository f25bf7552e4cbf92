//! Decides about requests, once the store has said what is left.

#[cfg(feature = "rate-limit-redis")]
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Response;

use super::{
    counting::Answered,
    limit::Limit,
    memory::Full,
    plan::Plan,
    request::{Asked, Kept, Passed, Unsettled},
    rule::Rule,
    verdict::Verdict,
};
use crate::wire::Problem;

/// What becomes of a request.
pub(super) enum Judged {
    Passes(Verdict),
    /// It passes, but only because the limit is in shadow mode.
    Shadowed,
    Spent(Verdict),
    Full,
}

impl Limit {
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
            Judged::Full => Err(self.full.clone().into()),
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
            Judged::Full => Err(self.full.clone()),
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
