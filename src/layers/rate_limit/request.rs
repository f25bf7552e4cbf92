//! A request, as a limit sees it: what it asks for, and what is remembered of it.

#[cfg(feature = "rate-limit-redis")]
use super::shared::Name;
use super::{fields::Report, plan::Plan, verdict::Verdict};
use crate::request::key::Fingerprint;

/// What a request asks for.
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

impl Passed {
    pub(super) fn told(plan: &Plan, asked: Asked, verdict: &Verdict) -> Self {
        Self::Told {
            plan: asked.plan,
            report: plan.fields.report(&plan.rules, verdict, asked.cross_origin),
        }
    }
}
