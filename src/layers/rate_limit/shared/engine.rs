//! Counts in the store: one call for all quotas of a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::request::Parts;
use redis::RedisResult;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use super::{
    super::{clock::Clock, rule::Rule, verdict::Verdict},
    failure::OnFailure,
    lease::Leases,
    limit::Sharing,
    name::Name,
    script::{Operation, Reply, Terms},
    store::RedisStore,
};
use crate::{
    request::key::{Key, KeyPart},
    support::redis::{Failure, RedisServer},
    wire::Problem,
};

/// The most charges that wait for the server at once, after their responses were sent.
const MOST_CHARGES: u32 = 1_024;

/// The counts of one limit.
pub(in crate::layers::rate_limit) struct Engine {
    sharing: Arc<Sharing>,
    rules: Arc<[Arc<[Rule]>]>,
    terms: Box<[Terms]>,
    leases: Option<Leases>,
    clock: Clock,
    charges: AtomicU32,
}

impl Engine {
    pub(in crate::layers::rate_limit) fn new(
        sharing: Arc<Sharing>,
        rules: Arc<[Arc<[Rule]>]>,
        clock: Clock,
    ) -> Self {
        Self {
            terms: rules.iter().map(|rules| Terms::new(rules)).collect(),
            leases: sharing.lease.map(|(batch, ttl)| Leases::new(batch, ttl)),
            charges: AtomicU32::new(0),
            sharing,
            rules,
            clock,
        }
    }

    /// What stands for a key in the store. Each plan counts apart.
    pub(in crate::layers::rate_limit) fn name<P: KeyPart + ?Sized>(
        &self,
        key: &P,
        plan: usize,
    ) -> Name {
        match &*self.terms {
            [_] => self.sharing.names.name(key),
            _ => self.sharing.names.name(&(plan, key)),
        }
    }

    /// The same, for the key of a request.
    pub(in crate::layers::rate_limit) fn name_of<K: Key>(
        &self,
        key: &K,
        head: &mut Parts,
        plan: usize,
    ) -> Result<Name, Problem> {
        self.sharing.names.name_with(|writer| {
            if self.terms.len() > 1 {
                writer.tuple(2);
                plan.write(writer);
            }
            key.write(head, writer)
        })
    }

    pub(in crate::layers::rate_limit) fn on_failure(&self) -> OnFailure {
        self.sharing.store.on_failure
    }

    /// The quotas of this instance alone, for [`OnFailure::Local`].
    pub(in crate::layers::rate_limit) fn local(&self) -> Option<Arc<[Arc<[Rule]>]>> {
        self.sharing.local.clone()
    }

    /// The time after which the store may be back, for those who were refused.
    pub(in crate::layers::rate_limit) fn until_probe(&self) -> Duration {
        self.server().until_probe()
    }

    fn store(&self) -> &RedisStore {
        &self.sharing.store
    }

    fn server(&self) -> &RedisServer {
        &self.sharing.store.server
    }

    /// What a request gets that does not have to wait: from a lease, or because the store is given
    /// up.
    pub(in crate::layers::rate_limit) fn known(
        &self,
        name: &Name,
        plan: usize,
        units: u32,
    ) -> Option<Result<Verdict, Failure>> {
        let state = &self.store().state;
        if let Some(leases) = &self.leases
            && let now = self.clock.now()
            && let Some(lease) = leases.find(name.id())
            && let Some(verdict) = lease.decide(self.rules(plan), units, now)
        {
            state.counters.leased.add_one();
            return Some(Ok(verdict));
        }
        if self.server().rests() {
            state.counters.undecided.add_one();
            return Some(Err(Failure::GivenUp));
        }
        None
    }

    fn rules(&self, plan: usize) -> &[Rule] {
        self.rules.get(plan).map_or(&[], |rules| &**rules)
    }

    /// Takes what a request costs from every quota of the key, or from none.
    pub(in crate::layers::rate_limit) async fn take(
        &self,
        name: &Name,
        plan: usize,
        units: u32,
    ) -> Result<Verdict, Failure> {
        if Handle::try_current().is_err() {
            return Err(Failure::NoRuntime);
        }
        let taken = match &self.leases {
            Some(leases) if units <= leases.batch => {
                self.take_leased(leases, name, plan, units).await
            }
            _ => self.take_at_once(name, plan, units, self.deadline()).await,
        };
        if taken.is_err() {
            self.store().state.counters.undecided.add_one();
        }
        taken
    }

    async fn take_at_once(
        &self,
        name: &Name,
        plan: usize,
        units: u32,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        let take = Operation::Take {
            least: units,
            most: units,
            back: 0,
        };
        let reply = self.ask(name, plan, take, deadline).await?;
        Ok(reply.verdict)
    }

    async fn take_leased(
        &self,
        leases: &Leases,
        name: &Name,
        plan: usize,
        units: u32,
    ) -> Result<Verdict, Failure> {
        let rules = self.rules(plan);
        let deadline = self.deadline();
        let now = self.clock.now();
        let Some(lease) = leases.of(name.id(), now) else {
            return self.take_at_once(name, plan, units, deadline).await;
        };
        let leased = || self.store().state.counters.leased.add_one();
        if let Some(verdict) = lease.decide(rules, units, now) {
            leased();
            return Ok(verdict);
        }
        let Some(_place) = lease.queue(leases.batch) else {
            return self.take_at_once(name, plan, units, deadline).await;
        };
        // Half of the time for those before, half for the server.
        let half = deadline.checked_sub(self.server().timeout / 2);
        let turn = timeout_at(half.unwrap_or(deadline), lease.turn.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return self.take_at_once(name, plan, units, deadline).await;
        };
        if let Some(verdict) = lease.decide(rules, units, self.clock.now()) {
            leased();
            return Ok(verdict);
        }
        // If no answer comes, nobody knows whether it was given back: then it is lost, so that
        // nothing is spent twice.
        let take = Operation::Take {
            least: units,
            most: leases.batch,
            back: lease.empty(),
        };
        let reply = self.ask(name, plan, take, deadline).await?;
        Ok(lease.fill(rules, &reply, units, self.clock.now(), leases.ttl()))
    }

    /// Charges a key, or gives it back if it is negative.
    pub(in crate::layers::rate_limit) async fn charge(
        &self,
        name: &Name,
        plan: usize,
        units: i64,
    ) -> Result<(), Failure> {
        if let Some(leases) = &self.leases
            && units < 0
            && let Ok(back) = u32::try_from(units.unsigned_abs())
            && leases.give_back(name.id(), back, self.clock.now())
        {
            return Ok(());
        }
        let charge = Operation::Charge(units);
        self.ask(name, plan, charge, self.deadline())
            .await
            .map(drop)
    }

    /// The same, while the response goes on.
    pub(in crate::layers::rate_limit) fn charge_later(
        self: Arc<Self>,
        name: Name,
        plan: usize,
        units: i64,
    ) {
        let lost = |engine: &Self| engine.store().state.counters.lost_charges.add_one();
        let charges = self.charges.fetch_add(1, Ordering::AcqRel);
        let Ok(runtime) = Handle::try_current() else {
            self.charges.fetch_sub(1, Ordering::AcqRel);
            return lost(&self);
        };
        if charges >= MOST_CHARGES {
            self.charges.fetch_sub(1, Ordering::AcqRel);
            return lost(&self);
        }
        drop(runtime.spawn(async move {
            let charged = self.charge(&name, plan, units).await;
            self.charges.fetch_sub(1, Ordering::AcqRel);
            if charged.is_err() {
                lost(&self);
            }
        }));
    }

    /// Lets nothing of a key through for so many nanoseconds.
    pub(in crate::layers::rate_limit) async fn block(
        &self,
        name: &Name,
        plan: usize,
        duration: u64,
    ) -> Result<(), Failure> {
        self.change(name, plan, Operation::Block(duration)).await
    }

    /// Makes a key whole.
    pub(in crate::layers::rate_limit) async fn reset(
        &self,
        name: &Name,
        plan: usize,
    ) -> Result<(), Failure> {
        self.change(name, plan, Operation::Reset).await
    }

    async fn change(&self, name: &Name, plan: usize, operation: Operation) -> Result<(), Failure> {
        self.ask(name, plan, operation, self.deadline()).await?;
        if let Some(leases) = &self.leases {
            leases.forget(name.id());
        }
        Ok(())
    }

    /// What is left of a key in the store.
    pub(in crate::layers::rate_limit) async fn peek(
        &self,
        name: &Name,
        plan: usize,
    ) -> Result<Verdict, Failure> {
        let reply = self
            .ask(name, plan, Operation::Peek, self.deadline())
            .await?;
        Ok(reply.verdict)
    }

    fn deadline(&self) -> Instant {
        self.server().deadline()
    }

    /// Runs the script, unless the store is given up.
    async fn ask(
        &self,
        name: &Name,
        plan: usize,
        operation: Operation,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let question = self.call(name, plan, operation);
        let server = self.server();
        server
            .ask(deadline, question, |numbers| Reply::read(&numbers))
            .await
    }

    async fn call(&self, name: &Name, plan: usize, operation: Operation) -> RedisResult<Vec<i64>> {
        let now = match &self.clock {
            Clock::Monotonic(_) => None,
            given @ Clock::Given(_) => Some(given.now()),
        };
        let Some(terms) = self.terms.get(plan) else {
            return Ok(Vec::new());
        };
        let call = |source| terms.call(name.text(), operation, now, source);
        let numbers = self.server().call(call).await?;
        Ok(redis::from_redis_value(numbers)?)
    }
}
