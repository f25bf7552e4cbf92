//! Limits that many instances share, in Redis or Valkey.
//!
//! A limit in memory counts what one process lets through; behind a load balancer, four processes
//! let four times as much through. [`RateLimit::in_redis`] keeps the counts in a server that all of
//! them ask. Algorithm, responses and fields are those of a limit in memory, to the nanosecond, and
//! a client that one instance refuses is refused by all.
//!
//! 1. A request is one call of one script, whatever it costs and however many quotas there are: all
//!    of them are taken from, or none.
//! 2. It never waits longer than the [`timeout`](RedisStore::timeout). What happens when the server
//!    does not answer in time, or answers with an error, is your choice: [`OnFailure`] has no
//!    default.
//! 3. A server that fails repeatedly is given up: then requests do not wait at all. One at a time
//!    tries again, until the server is back.
//!
//! # Example
//!
//! ```
//! use std::{num::NonZeroU32, time::Duration};
//!
//! use wythe::{
//!     Quota,
//!     rate_limit::redis::{OnFailure, RedisStore},
//!     with_rate_limit,
//! };
//!
//! // While the server is down, each of three instances lets a third through.
//! let instances = NonZeroU32::new(3).expect("not 0");
//! let store = RedisStore::open("redis://127.0.0.1:6379", OnFailure::Local { instances })?
//!     .prefix("shop")
//!     .timeout(Duration::from_millis(50));
//!
//! let login = Quota::per_minute(5).by_peer()?.in_redis(store.limit("login"))?;
//! let login = with_rate_limit(login);
//!
//! // Much traffic, and a small deviation does not matter: a lease.
//! let lease = store.limit("api").lease(100, Duration::from_secs(1));
//! let api = with_rate_limit(Quota::per_minute(6_000).by_peer()?.in_redis(lease)?);
//!
//! assert!(!store.metrics().is_open);
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! # When the server does not answer
//!
//! | | [`Deny`](OnFailure::Deny) | [`Allow`](OnFailure::Allow) | [`Local`](OnFailure::Local) |
//! |---|---|---|---|
//! | a request gets | 503 and `Retry-After` | the handler's response, without fields | 200 or 429 by the instance's share of the quota |
//! | the first few wait for | the timeout | the timeout | the timeout |
//! | then, until the server is back | none waits | none waits | none waits |
//! | an attacker who brings the server down | has closed your service | has no limit any more | has about the same limit |
//! | some instances reach the server, and others do not | those deny | those let everything through | up to 1.44 times the quota, as long as they disagree |
//!
//! Everything that a server can do wrong counts as a failure: no connection, a hanging connection, an
//! answer after the timeout, a replica that can't be written to, no memory left, a wrong password, a
//! user who may not run scripts, a server that is still loading. After five failures in a row, or
//! [as many as you set](RedisStore::give_up_after), the server is given up; then the connection is
//! closed and made again, so that a name that leads to another server by now leads there. One
//! request at a time tries again, with [exponential backoff](RedisStore::try_again_after). Only that
//! one can wait for the timeout.
//!
//! A request that has stopped waiting may still be counted, as the server may read it later. It
//! costs a client at most what it asked for, or a batch with a lease. Counts that the server has lost
//! begin whole.
//!
//! The `take` of a [`Handle`](super::Handle) behaves like the layer; its other methods return the
//! problem of status 503. What is [settled](crate::RateLimit::settle) after the response is charged by a
//! task of its own, so the response does not wait; if the server does not answer then, the charge is
//! lost, and counted in [`lost_charges`](RedisMetrics::lost_charges).
//!
//! # Log and metrics
//!
//! One event of target `wythe` when the server is given up, at level `warn`, with the cause; one
//! when it answers again, at `info`, with the time that it took. Failures before and between are not
//! logged but counted: [`RedisStore::metrics`] has what a dashboard needs, and an alert should watch
//! `is_open`. Requests that were denied are refusals like others: one event each. No event has a
//! key.
//!
//! # Leases
//!
//! With [`lease(batch, ttl)`](RedisLimit::lease) an instance takes up to `batch` units of a key at
//! once and spends them without asking. While a client sends many requests, the server is asked once
//! for each `batch` of them; a client that was refused is refused without asking until it has
//! something again, or for `ttl`. Requests that come while the server is asked wait for the answer,
//! as many as four batches serve; the others ask by themselves, so a batch should be larger than the
//! number of requests of one key that come within a round trip. What is not used is given back with
//! the next call for the key; units older than `ttl` are not spent.
//!
//! The call that takes a batch is a tokio task of its own. When the client disconnects meanwhile, its
//! request is counted, and others spend the rest of the batch. Like everything here that asks the
//! server, it needs a tokio runtime; outside of one, requests are handled as [`OnFailure`] says.
//!
//! On one machine, in µs at the median (requests of one key, one at a time): 28 without a lease,
//! 0.5 from a lease, 0.4 in memory. With batches of 10 and 100 there were 0.1 and 0.01 round trips
//! for each request, and none for refused ones; with a server that was given up, 0.3 and none.
//!
//! - **More may pass.** Without leases, at most `burst + w / interval` units pass in any time `w`,
//!   where one unit comes back each `interval`. With them it is up to `instances * (batch - 1)`
//!   more: what passes in `w` was taken from the server in `w`, or was held when `w` began, and no
//!   instance holds more than `batch - 1` units after a decision. To find these beside a whole
//!   quota, a client must have been quiet for as long as the batches take to come back.
//! - **Less may pass.** What one instance holds, another can't spend: a client whose requests reach
//!   all instances may be refused `instances * (batch - 1)` units early. Batches should be small
//!   compared to the smallest burst; larger ones are an error.
//! - **Fields** show what the server said last, minus what was spent here since, plus what has come
//!   back since. What other instances have taken is missing for up to `ttl`. A refusal shows what
//!   the server said.
//! - **Memory**: about 300 bytes for each key with a lease, for at most 32,768 keys. Other keys have
//!   no lease, and ask each time.
//! - All quotas of a limit are leased together. A [reset or block](super::Handle) reaches other
//!   instances when their leases end, and what they hold counts as spent in
//!   [`remaining`](super::Handle::remaining).
//!
//! # Keys
//!
//! `shop:login:{kGk0v…}`: prefix, name of the limit, and 128 bits of the SHA-256 of the
//! [secret](RedisStore::secret), the name and the key. Addresses and names of users are not in the
//! server, but without a secret, anyone who knows one can compute its hash. The value takes about 50
//! bytes for each quota, and every key expires when its quotas are whole.
//!
//! Limits must not share keys by accident: a name can be used once in a store. Instances find
//! each other by server, prefix and name, so these must be the same in all of them. A deployment
//! that changes a quota continues with the units that were spent, by the name of the quota; no
//! client is locked for longer than the new quota takes to come back. Limits with plans count each
//! plan apart, by its place in the list.
//!
//! # Servers
//!
//! Redis 6.0 or later and Valkey 7.2 or later; tested with Redis 7.0. RESP2 or RESP3
//! (`?protocol=resp3`). A dedicated user needs `~shop:* +evalsha +eval +time +get +set +del`. Keys
//! must not be evicted, or a client that fills the memory would reset everybody: set
//! `maxmemory-policy noeviction`, or use a server for limits alone.
//!
//! Each call has one key, so it works on a cluster: enable `cluster-async` of `redis` and give a
//! `ClusterConnection` to [`RedisStore::new`]. Reads go to the primary, because they write.
//! Replication is asynchronous: after a failover, the last moments before it are forgotten.
//!
//! # Time
//!
//! The server's, in microseconds, so instances need not agree on theirs. If its clock is set back,
//! quotas continue from where they were; if it is set ahead, they are whole that much earlier, once.
//! Numbers in the script are exact up to 2^53: quotas and blocks of up to 104 days, to the
//! nanosecond. Longer quotas are an error; longer blocks and debts end there. A limit with [its own
//! clock](crate::RateLimit::clock) sends the time along, for tests.
//!
//! # Compared with
//!
//! - `INCR` and `EXPIRE`, as in most recipes: twice as much passes at the edge of two windows, and a
//!   crash between the two commands locks the key for ever.
//! - actix-limitation: a connection for each request, no timeout, and 500 when Redis is down.
//! - redis-cell: the same algorithm as a module, which managed servers do not have.
//!
//! [`RateLimit::in_redis`]: crate::RateLimit::in_redis

mod counts;
mod lease;
mod script;
mod store;

pub use self::store::{OnFailure, RedisLimit, RedisMetrics, RedisStore};
pub(in crate::layers::rate_limit) use self::{
    counts::RedisCounts, script::Name, store::RedisOptions,
};
