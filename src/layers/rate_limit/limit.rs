//! Decides whether a request passes: its plan, cost and key, the answer of the store, and the refusal.

use std::{
    collections::{HashMap, hash_map::Entry},
    iter,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Response, StatusCode, header, request::Parts};

#[cfg(feature = "rate-limit-redis")]
use super::store::RedisQuery;
use super::{
    gcra::Gcra,
    plan::{Plan, Refused, Report, Share, random_seconds},
    policy::{Answered, Options},
    store::{Counted, Store, TakeState, Taken},
};
use crate::{
    contract::{
        Description,
        description::{Answer, Bypass},
    },
    request::{
        RequestHead,
        key::{Key, KeyWriter},
    },
    support::shards::Shards,
    wire::{Problem, retry_after},
};

/// A limit without its key.
pub(super) struct Limit {
    /// The only plan, or the first.
    pub(super) first: Arc<Plan>,
    others: Box<[Arc<Plan>]>,
    pub(super) options: Options,
    pub(super) store: Store,
    /// The units that requests in progress hold, if they may be given back.
    pending: Option<PendingUnits>,
    /// The number of refusals since the limit was created. Requests that pass do not touch it.
    pub(super) refused: AtomicU64,
    pub(super) would_refuse: AtomicU64,
}

/// The result for a request that is not refused immediately.
pub(super) enum Decided {
    Passed(Passed),
    /// Redis has to decide.
    #[cfg(feature = "rate-limit-redis")]
    Deferred {
        plan: Arc<Plan>,
        query: RedisQuery,
        units: u32,
        cross_origin: bool,
    },
}

/// The state of a request that has passed.
pub(super) enum Passed {
    /// It was not counted, or clients get no fields.
    Silently,
    Reported {
        plan: Arc<Plan>,
        report: Report,
    },
    /// Its final cost depends on the response.
    Unsettled(Box<Unsettled>),
}

/// A request in progress, until its response is known or it is dropped.
pub(super) struct Unsettled {
    limit: Arc<Limit>,
    /// `None` once it is settled.
    counted: Option<Counted>,
    units: u32,
    cross_origin: bool,
    _pending: Pending,
}

/// Why a request does not pass.
pub(super) enum Refusal {
    /// A quota has too little left.
    Quota(Counted),
    /// It costs more than a quota's burst, and the balances are unknown.
    Never(Problem),
    /// The store is full, or does not answer.
    Store { problem: Problem, wait: Duration },
}

/// The number of shards for the units that requests in progress hold.
const PENDING_SHARDS: usize = 64;

const UNKNOWN_PLAN: &str = "the plan of this request is not listed in `RateLimit::plans`, or there \
    is no principal to have one";

impl Limit {
    pub(super) fn new(options: Options) -> Self {
        let others = &options.plans.others;
        let fields = options.visible_fields();
        let plan = |n: usize, quotas: &Arc<[Gcra]>| {
            let number = (!others.is_empty()).then_some(n);
            let share = options.shares.get(n).map(Arc::clone);
            let share = share.map_or(Share::None, |quotas| {
                Share::With(Plan::new(quotas, number, fields, Share::Is).into())
            });
            Arc::new(Plan::new(Arc::clone(quotas), number, fields, share))
        };
        Self {
            first: plan(0, &options.plans.first),
            others: (1..)
                .zip(&**others)
                .map(|(n, quotas)| plan(n, quotas))
                .collect(),
            store: Store::new(&options),
            pending: options.settle.as_ref().map(|_| PendingUnits::new()),
            options,
            refused: AtomicU64::new(0),
            would_refuse: AtomicU64::new(0),
        }
    }

    /// Takes the cost of a request from its key's quotas, and decides about the request.
    #[expect(
        clippy::result_large_err,
        reason = "a box would be one more allocation"
    )]
    pub(super) fn decide<K: Key>(
        self: &Arc<Self>,
        key: &K,
        head: &mut Parts,
    ) -> Result<Decided, Response<Bytes>> {
        let options = &self.options;
        if let Some(exempt) = &options.exempt {
            let head = RequestHead::from(&*head);
            if exempt(&head) && !head.take_route_missed() {
                return Ok(Decided::Passed(Passed::Silently));
            }
        }
        let plan = self.plan_of(head)?;
        let units = options.cost.as_ref().map_or(1, |cost| {
            let head = RequestHead::from(&*head);
            let units = cost(&head);
            // A request is not free just because its route is unknown.
            units.max(u32::from(head.take_route_missed()))
        });
        let cross_origin = head.headers.contains_key(header::ORIGIN);
        let write = |writer: &mut KeyWriter<'_>| key.write(head, writer);
        match self.store.take(plan, write, units)? {
            TakeState::Done(taken) => {
                let passed = self.conclude(taken, plan, units, cross_origin)?;
                Ok(Decided::Passed(passed))
            }
            #[cfg(feature = "rate-limit-redis")]
            TakeState::Deferred(query) => Ok(Decided::Deferred {
                plan: Arc::clone(plan),
                query,
                units,
                cross_origin,
            }),
        }
    }

    fn plan_of(&self, head: &Parts) -> Result<&Arc<Plan>, Problem> {
        let Some(choose) = &self.options.plans.choose else {
            return Ok(&self.first);
        };
        let chosen = choose(&RequestHead::from(head)).and_then(|n| self.plan(n));
        chosen.ok_or_else(|| Problem::misconfigured(UNKNOWN_PLAN))
    }

    /// The plan at this index.
    pub(super) fn plan(&self, n: usize) -> Option<&Arc<Plan>> {
        match n.checked_sub(1) {
            None => Some(&self.first),
            Some(n) => self.others.get(n),
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "a box would be one more allocation"
    )]
    pub(super) fn conclude(
        self: &Arc<Self>,
        taken: Taken,
        plan: &Plan,
        units: u32,
        cross_origin: bool,
    ) -> Result<Passed, Response<Bytes>> {
        match self.evaluate(taken, plan, units) {
            Ok(Some(counted)) => {
                let Some(pending) = &self.pending else {
                    let Counted { plan, decision, .. } = counted;
                    let report = plan.report(&decision, cross_origin);
                    return Ok(Passed::Reported { plan, report });
                };
                let unsettled = Unsettled {
                    limit: Arc::clone(self),
                    _pending: pending.hold(counted.key.id(), units),
                    counted: Some(counted),
                    units,
                    cross_origin,
                };
                Ok(Passed::Unsettled(Box::new(unsettled)))
            }
            Ok(None) => Ok(Passed::Silently),
            Err(Refusal::Quota(counted)) => {
                let refused = self.refused_request(&counted, units);
                Err(counted.plan.refuse(refused, cross_origin))
            }
            Err(Refusal::Never(problem)) => Err(problem.into()),
            Err(Refusal::Store { problem, wait }) => {
                let mut response = problem.into_response();
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, retry_after(self.with_jitter(wait)));
                plan.write_report(Report::uncounted(cross_origin), headers);
                Err(response)
            }
        }
    }

    /// The counted request, or nothing if it passes uncounted. In shadow mode nothing is refused.
    #[cfg_attr(
        feature = "rate-limit-redis",
        expect(
            clippy::result_large_err,
            reason = "a box would be one more allocation"
        )
    )]
    pub(super) fn evaluate(
        &self,
        taken: Taken,
        plan: &Plan,
        units: u32,
    ) -> Result<Option<Counted>, Refusal> {
        let shadow = self.options.shadow;
        if !matches!(taken, Taken::Counted(_))
            && !shadow
            && let Some(never) = plan.never_passes(units)
        {
            return Err(Refusal::Never(never));
        }
        match taken {
            Taken::Counted(counted) if counted.decision.passes() => Ok(Some(counted)),
            Taken::Counted(counted) if shadow => {
                self.would_refuse.fetch_add(1, Relaxed);
                log_shadowed(&counted);
                Ok(None)
            }
            Taken::Counted(counted) => {
                self.refused.fetch_add(1, Relaxed);
                Err(Refusal::Quota(counted))
            }
            Taken::Uncounted => Ok(None),
            Taken::Unavailable { .. } if shadow => Ok(None),
            Taken::Unavailable { problem, wait } => Err(Refusal::Store { problem, wait }),
        }
    }

    /// What the response to a refused request says.
    pub(super) fn refused_request<'a>(&self, counted: &'a Counted, units: u32) -> Refused<'a> {
        Refused {
            decision: &counted.decision,
            units,
            held: match &self.pending {
                Some(pending) => pending.of(counted.key.id()),
                None => 0,
            },
            jitter: self.options.jitter,
        }
    }

    /// The wait for the store, and a random time that spreads the clients.
    pub(super) fn with_jitter(&self, wait: Duration) -> Duration {
        let jitter = random_seconds(self.options.jitter);
        wait.saturating_add(Duration::from_secs(jitter))
    }

    /// The limit as data, without its key.
    pub(super) fn describe(&self, name: &'static str) -> Description {
        let by_plan = self.options.plans.choose.is_some();
        let plans = iter::once(&self.first).chain(&self.others);
        let quotas = plans.flat_map(|plan| plan.quotas.iter());
        let limits = quotas.map(|quota| {
            let mut limit = quota.describe();
            if self.options.weighted {
                limit = limit.weighted();
            }
            if by_plan { limit.of_plan() } else { limit }
        });
        let mut fields = self.first.names();
        fields.push(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        let mut layer = Description::new(name);
        if self.options.shadow {
            // In shadow mode it limits nothing, but it still refuses requests that have no key or no
            // plan.
            layer = layer.suffix(".shadow()");
        } else {
            let exceeded = Answer::of(&self.first.quota_exceeded(|_| true));
            let exceeded = exceeded.field(header::RETRY_AFTER);
            let exceeded = fields.iter().cloned().fold(exceeded, Answer::field);
            layer = layer.limit(limits, exceeded);
        }
        if by_plan {
            let unknown = Answer::new(StatusCode::INTERNAL_SERVER_ERROR)
                .when("when the plan of the request is not listed");
            layer = layer.answer(unknown);
        }
        if let Some(unavailable) = self.store.unavailable(&self.options)
            && !self.options.shadow
        {
            let unavailable = unavailable.field(header::RETRY_AFTER);
            layer = layer.answer(unavailable.field(header::ACCESS_CONTROL_EXPOSE_HEADERS));
        }
        if self.options.exempt.is_some() {
            layer = layer.bypass(Bypass::Chosen("exempt"));
        }
        fields.into_iter().fold(layer, Description::field)
    }
}

#[cfg(feature = "tracing")]
fn log_shadowed(Counted { plan, decision, .. }: &Counted) {
    let spent = plan.quotas.iter().enumerate();
    let spent = spent.filter(|(n, _)| decision.violates(*n));
    let quotas: Vec<_> = spent.map(|(_, quota)| quota.name()).collect();
    tracing::info!(target: "wythe", ?quotas, "a limit in shadow mode would have refused the \
                                              request");
}

#[cfg(not(feature = "tracing"))]
const fn log_shadowed(_: &Counted) {}

impl Unsettled {
    /// Charges the difference if the response costs more than was taken, or gives it back if it costs
    /// less.
    pub(super) fn settle(&mut self, answered: &Answered<'_>) -> Option<(Arc<Plan>, Report)> {
        let Counted {
            plan,
            key,
            mut decision,
        } = self.counted.take()?;
        let settle = self.limit.options.settle.as_ref();
        let cost = settle.map_or(self.units, |settle| settle(answered, self.units));
        let difference = i64::from(cost).saturating_sub(self.units.into());
        let store = &self.limit.store;
        if difference != 0
            && let Some(charged) = store.charge_later(key, &plan, decision, difference)
        {
            decision = charged;
        }
        let report = plan.report(&decision, self.cross_origin);
        Some((plan, report))
    }
}

impl Drop for Unsettled {
    /// If the inner service panicked, the response counts as a 500. Otherwise nobody waits for the
    /// response any more, and the request costs what was taken.
    fn drop(&mut self) {
        if self.counted.is_some() && thread::panicking() {
            let (headers, extensions) = (HeaderMap::new(), Extensions::new());
            let answered =
                Answered::without_body(StatusCode::INTERNAL_SERVER_ERROR, &headers, &extensions);
            // The closure is the application's, and a second panic would abort the process.
            let settled = catch_unwind(AssertUnwindSafe(|| self.settle(&answered)));
            drop(settled);
        }
    }
}

/// The units that requests in progress hold, for each key: they were taken, and may be given back when
/// the responses are known.
///
/// A key is kept while one of its requests is in progress, so there are never more keys than requests.
#[derive(Clone)]
struct PendingUnits(Arc<Shards<HashMap<u128, u32>>>);

/// The units of one request, until this is dropped.
struct Pending {
    all: PendingUnits,
    key: u128,
    units: u32,
}

impl PendingUnits {
    fn new() -> Self {
        Self(Arc::new(Shards::new(PENDING_SHARDS, HashMap::new)))
    }

    fn hold(&self, key: u128, units: u32) -> Pending {
        let mut shard = self.0.lock(hash(key));
        let held = shard.entry(key).or_default();
        *held = held.saturating_add(units);
        drop(shard);
        Pending {
            all: self.clone(),
            key,
            units,
        }
    }

    /// The units that the requests of a key hold.
    fn of(&self, key: u128) -> u32 {
        let shard = self.0.lock(hash(key));
        shard.get(&key).copied().unwrap_or_default()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut shard = self.all.0.lock(hash(self.key));
        if let Entry::Occupied(mut held) = shard.entry(self.key) {
            let left = held.get().saturating_sub(self.units);
            if left == 0 {
                held.remove();
            } else {
                held.insert(left);
            }
        }
    }
}

/// The key is a hash already.
fn hash(key: u128) -> u64 {
    u64::try_from(key >> 64).unwrap_or_default()
}
