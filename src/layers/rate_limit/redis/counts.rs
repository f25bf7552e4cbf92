//! Counts of a limit in Redis: one call of the script for all quotas of a request, or a lease.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use redis::RedisResult;
use tokio::{runtime::Handle, time::Instant};

use super::{
    lease::{Lease, Leases, RefillPermit},
    script::{self, MAX_UNTIL_FULL, Name, Operation, Reply},
    store::{OnFailure, RedisOptions},
};
use crate::{
    contract::description::Answer,
    layers::rate_limit::{
        gcra::{Decision, now},
        memory::{FULL, Memory},
        plan::Plan,
    },
    request::key::KeyWriter,
    support::{
        clock::Clock,
        redis::{Failure, RedisServer},
    },
    wire::Problem,
};

/// The maximum number of charges that wait for the server after their responses were sent.
const MAX_PENDING_CHARGES: u32 = 1_024;

static UNAVAILABLE: LazyLock<Problem> = LazyLock::new(|| {
    Problem::reduced_capacity()
        .reason("store_down")
        .because("Redis does not answer, and `OnFailure::Deny` rejects requests until it does")
});

pub(in crate::layers::rate_limit) struct RedisCounts {
    options: Arc<RedisOptions>,
    leases: Option<Leases>,
    clock: Clock,
    /// Counts in memory while the server does not answer, for [`OnFailure::Local`].
    local: Option<Memory>,
    /// The number of waiting charges.
    charges: AtomicU32,
}

impl RedisCounts {
    /// Also counts in memory while the server does not answer, if configured.
    pub(in crate::layers::rate_limit) fn new(
        options: Arc<RedisOptions>,
        clock: Clock,
        local: Option<Memory>,
    ) -> Self {
        Self {
            leases: options.lease.map(|(batch, ttl)| Leases::new(batch, ttl)),
            options,
            clock,
            local,
            charges: AtomicU32::new(0),
        }
    }

    /// The memory that counts while the server does not answer.
    pub(in crate::layers::rate_limit) const fn memory(&self) -> Option<&Memory> {
        self.local.as_ref()
    }

    /// The answer while the server does not answer. `refuses_keys` says whether memory that is full
    /// refuses new keys.
    pub(in crate::layers::rate_limit) fn unavailable(&self, refuses_keys: bool) -> Option<Answer> {
        match self.options.store.on_failure {
            OnFailure::Deny => Some(
                Answer::of(&UNAVAILABLE).when("when the counts of the limit are not available"),
            ),
            OnFailure::Local { .. } if refuses_keys => Some(Answer::of(&FULL).when(
                "for a new key, when the counts are not available and the limit has its maximum \
                 number of keys in memory",
            )),
            OnFailure::Allow | OnFailure::Local { .. } => None,
        }
    }

    /// The name of a key in the server.
    pub(in crate::layers::rate_limit) fn name<E>(
        &self,
        key: impl FnOnce(&mut KeyWriter<'_>) -> Result<(), E>,
    ) -> Result<Name, E> {
        self.options.names.name(key)
    }

    /// Counts a request that the server has not decided, for the metrics.
    pub(in crate::layers::rate_limit) fn add_undecided(&self) {
        self.options.store.counters.undecided.add_one();
    }

    /// The problem for a request that the server has not decided, and the time until the next attempt;
    /// `None` if such requests pass.
    pub(in crate::layers::rate_limit) fn denial(
        &self,
        failure: Failure,
    ) -> Option<(Problem, Duration)> {
        if self.options.store.on_failure != OnFailure::Deny {
            return None;
        }
        let problem = match failure {
            // The event that was logged when the circuit breaker opened has the cause.
            Failure::CircuitOpen => UNAVAILABLE.clone(),
            failure => UNAVAILABLE.clone().because(failure),
        };
        Some((problem, self.server().until_probe()))
    }

    /// Takes units from every quota of a key, or from none, without a query: if a lease has enough, or
    /// the circuit breaker is open.
    pub(in crate::layers::rate_limit) fn take_locally(
        &self,
        plan: &Plan,
        name: &Name,
        units: u32,
    ) -> Option<Result<Decision, Failure>> {
        if let Some(leases) = &self.leases
            && let Some(lease) = leases.find(name.id())
            && let Some(decision) = self.spend(&lease, plan, units)
        {
            return Some(Ok(decision));
        }
        self.server()
            .rejects_calls()
            .then_some(Err(Failure::CircuitOpen))
    }

    /// Takes units from every quota of a key, or from none.
    pub(in crate::layers::rate_limit) async fn take(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        name: &Name,
        units: u32,
    ) -> Result<Decision, Failure> {
        if Handle::try_current().is_err() {
            return Err(Failure::NoRuntime);
        }
        let deadline = self.server().deadline();
        match &self.leases {
            // A request of cost 0 would leave a whole batch.
            Some(leases) if (1..=leases.batch).contains(&units) => {
                let lease = leases.of(name.id(), now(&self.clock));
                self.take_leased(leases, lease, plan, name, units, deadline)
                    .await
            }
            _ => self.take_directly(plan, name, units, deadline).await,
        }
    }

    async fn take_directly(
        &self,
        plan: &Plan,
        name: &Name,
        units: u32,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let take = Operation::Take {
            min: units,
            max: units,
            returned: 0,
        };
        let reply = self.query(plan, name, take, deadline).await?;
        Ok(reply.decision)
    }

    /// One request refills the lease; those that arrive in the meantime wait for the result.
    async fn take_leased(
        self: &Arc<Self>,
        leases: &Leases,
        lease: Option<Arc<Lease>>,
        plan: &Arc<Plan>,
        name: &Name,
        units: u32,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let Some(lease) = lease else {
            return self.take_directly(plan, name, units, deadline).await;
        };
        if let Some(decision) = self.spend(&lease, plan, units) {
            return Ok(decision);
        }
        let Some(_waiting) = lease.wait(leases.batch) else {
            return self.take_directly(plan, name, units, deadline).await;
        };
        // Half of the time for the requests ahead, half for the server.
        let half = deadline.checked_sub(self.server().timeout / 2);
        let Some(refill_permit) = lease.refill_permit(half.unwrap_or(deadline)).await else {
            return self.take_directly(plan, name, units, deadline).await;
        };
        if let Some(decision) = self.spend(&lease, plan, units) {
            return Ok(decision);
        }
        self.refill(leases, refill_permit, plan, name, units, deadline)
            .await
    }

    /// Returns what is left of a lease, and takes a batch, from which the request gets its units.
    ///
    /// It runs in its own task: if the client disconnects, the server may already have counted the
    /// batch, and other requests spend it.
    async fn refill(
        self: &Arc<Self>,
        leases: &Leases,
        refill_permit: RefillPermit,
        plan: &Arc<Plan>,
        name: &Name,
        units: u32,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let (batch, ttl) = (leases.batch, leases.ttl);
        let (counts, plan, name) = (Arc::clone(self), Arc::clone(plan), name.clone());
        let refilled = tokio::spawn(async move {
            let lease = refill_permit.lease();
            // If no answer comes, the server may or may not have received the returned units: they are
            // lost, so that nothing is spent twice.
            let take = Operation::Take {
                min: units,
                max: batch,
                returned: lease.empty(),
            };
            let reply = counts.query(&plan, &name, take, deadline).await?;
            Ok(lease.fill(&plan.quotas, &reply, units, now(&counts.clock), ttl))
        });
        // A task that does not panic only ends early when the runtime shuts down.
        refilled.await.unwrap_or(Err(Failure::NoRuntime))
    }

    fn spend(&self, lease: &Lease, plan: &Plan, units: u32) -> Option<Decision> {
        let decision = lease.decide(&plan.quotas, units, now(&self.clock))?;
        self.options.store.counters.leased.add_one();
        Some(decision)
    }

    /// Charges a key, or gives units back if the number is negative.
    pub(in crate::layers::rate_limit) async fn charge(
        &self,
        plan: &Plan,
        name: &Name,
        units: i64,
    ) -> Result<(), Failure> {
        let returns = self.leases.as_ref().filter(|_| units < 0);
        if let Some(leases) = returns
            && let Ok(returned) = u32::try_from(units.unsigned_abs())
            && leases.give_back(name.id(), returned, now(&self.clock))
        {
            return Ok(());
        }
        let _refusal = returns.map(|leases| leases.drop_refusal_on_drop(name.id()));
        let deadline = self.server().deadline();
        let charge = Operation::Charge(units);
        self.query(plan, name, charge, deadline).await.map(drop)
    }

    /// The same in its own task, while the response goes on. Returns the expected balance, apart from
    /// what other requests take in the meantime.
    pub(in crate::layers::rate_limit) fn charge_later(
        self: Arc<Self>,
        name: Name,
        plan: Arc<Plan>,
        mut decision: Decision,
        units: i64,
    ) -> Decision {
        decision.change(&plan.quotas, |quota, until_full| {
            quota.charge(until_full, units).min(MAX_UNTIL_FULL)
        });
        let lost = |counts: &Self| counts.options.store.counters.lost_charges.add_one();
        let before = self.charges.fetch_add(1, Ordering::AcqRel);
        match Handle::try_current() {
            Ok(runtime) if before < MAX_PENDING_CHARGES => drop(runtime.spawn(async move {
                let charged = self.charge(&plan, &name, units).await;
                self.charges.fetch_sub(1, Ordering::AcqRel);
                if charged.is_err() {
                    lost(&self);
                }
            })),
            _ => {
                self.charges.fetch_sub(1, Ordering::AcqRel);
                lost(&self);
            }
        }
        decision
    }

    /// Lets nothing of a key through for this number of nanoseconds.
    pub(in crate::layers::rate_limit) async fn block(
        &self,
        plan: &Plan,
        name: &Name,
        duration: u64,
    ) -> Result<(), Failure> {
        self.change(plan, name, Operation::Block(duration)).await
    }

    /// Makes the quotas of a key full.
    pub(in crate::layers::rate_limit) async fn reset(
        &self,
        plan: &Plan,
        name: &Name,
    ) -> Result<(), Failure> {
        self.change(plan, name, Operation::Reset).await
    }

    async fn change(&self, plan: &Plan, name: &Name, operation: Operation) -> Result<(), Failure> {
        let leases = self.leases.as_ref();
        let _forgotten = leases.map(|leases| leases.forget_on_drop(name.id()));
        let deadline = self.server().deadline();
        self.query(plan, name, operation, deadline).await.map(drop)
    }

    /// The balance of a key in the server.
    pub(in crate::layers::rate_limit) async fn peek(
        &self,
        plan: &Plan,
        name: &Name,
    ) -> Result<Decision, Failure> {
        let deadline = self.server().deadline();
        let reply = self.query(plan, name, Operation::Peek, deadline).await?;
        Ok(reply.decision)
    }

    /// The problem for an operation of a handle that the server has not answered, and the time until
    /// the next attempt.
    pub(in crate::layers::rate_limit) fn problem(&self, failure: Failure) -> (Problem, Duration) {
        let problem = UNAVAILABLE.clone().because(failure);
        (problem, self.server().until_probe())
    }

    fn server(&self) -> &RedisServer {
        &self.options.store.server
    }

    /// Runs the script, unless the circuit breaker is open.
    async fn query(
        &self,
        plan: &Plan,
        name: &Name,
        operation: Operation,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let call = async {
            let now = (!self.clock.is_system()).then(|| now(&self.clock));
            let call = |form| script::call(&plan.quotas, name.text(), operation, now, form);
            let numbers = self.server().call(call).await?;
            RedisResult::<Vec<i64>>::Ok(redis::from_redis_value(numbers)?)
        };
        let read = |numbers: Vec<i64>| Reply::read(&numbers);
        self.server().query(deadline, call, read).await
    }
}
