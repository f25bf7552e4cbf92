//! A limit but for its key.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use http::{StatusCode, header, request::Parts};

#[cfg(feature = "rate-limit-redis")]
use super::shared::Remote;
use super::{
    memory::{Full, Memory},
    plan::Plan,
    policy::Options,
    request::Asked,
    verdict::Verdict,
};
use crate::{
    contract::Description,
    request::key::{Fingerprint, Key, KeyPart},
    wire::Problem,
};

pub(super) struct Limit {
    pub(super) plans: Box<[Plan]>,
    pub(super) options: Options,
    pub(super) tally: Arc<Tally>,
    pub(super) memory: Memory,
    #[cfg(feature = "rate-limit-redis")]
    pub(super) remote: Option<Remote>,
    /// The answer where a key is new and the store is full.
    pub(super) full: Problem,
}

/// What was refused since the limit was made. Counted only then, so it costs a request nothing.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) refused: AtomicU64,
    pub(super) would_refuse: AtomicU64,
}

const FULL: &str = "the limit keeps as many keys as it may, and refuses new ones";

/// Nobody knows when keys are whole again.
const FULL_FOR: Duration = Duration::from_secs(60);

const UNKNOWN_PLAN: &str = "the plan of this request is none of those in `RateLimit::plans`, or \
    there is no principal who has one";

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
                .reason("store_full")
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
        let description = match self.options.choice.which {
            Some(_) => description.answers(
                StatusCode::INTERNAL_SERVER_ERROR,
                "when the plan of the request is not listed",
            ),
            None => description,
        };
        let description = self.describe_store(description);
        let names = self.plans.first().map(|plan| plan.fields.names());
        let names = names.into_iter().flatten();
        names.fold(description, Description::adds)
    }

    fn describe_store(&self, description: Description) -> Description {
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &self.remote {
            return remote.describe(description);
        }
        if self.options.capacity.refuses() {
            return description.answers(
                StatusCode::SERVICE_UNAVAILABLE,
                "to a new key when the limit keeps as many as it may",
            );
        }
        description
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
}
