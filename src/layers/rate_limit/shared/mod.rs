//! Limits that many instances share, in Redis or Valkey.
//!
//! A limit in memory counts what one process lets through. Behind a load balancer, four processes
//! let four times as much through. [`RateLimit::in_redis`] keeps the counts in a server that all
//! of them ask: the algorithm, the answers and the fields are those of a limit in memory, to the
//! nanosecond, and a client that is refused by one instance is refused by all.
//!
//! 1. A request is one call of one script, whatever it costs and however many quotas there are:
//!    all of them are taken from, or none.
//! 2. It never waits longer than the [`timeout`](RedisStore::timeout). What becomes of it when the
//!    server does not answer in time, or with an error, is your choice: [`OnFailure`] has no
//!    default.
//! 3. A server that fails again and again is given up: then requests do not wait at all. One of
//!    them tries now and then, until the server is back.
//!
//! # Example
//!
//! ```
//! use std::{num::NonZeroU32, time::Duration};
//!
//! use wythe::{
//!     Quota,
//!     rate_limit::shared::{OnFailure, RedisStore},
//!     with_rate_limit,
//! };
//!
//! // While the server is away, each of three instances lets a third through.
//! let instances = NonZeroU32::new(3).expect("not 0");
//! let store = RedisStore::open("redis://127.0.0.1:6379", OnFailure::Local { instances })?
//!     .prefix("shop")
//!     .timeout(Duration::from_millis(50));
//!
//! let login = Quota::per_minute(5).by_peer()?.in_redis(store.limit("login"))?;
//! let login = with_rate_limit(login);
//!
//! // Much traffic, and a little more or less does not matter: a lease.
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
//! | a request gets | 503 and `Retry-After` | the handler's answer, without fields | 200 or 429 by the instance's share of the quota |
//! | the first few wait for | the timeout | the timeout | the timeout |
//! | then, until the server is back | nobody waits | nobody waits | nobody waits |
//! | somebody who brings the server down | has closed your service | has no limit any more | has about the same limit |
//!
//! All that a server can do wrong counts as a failure: no connection, a hanging connection, an
//! answer after the timeout, a replica that can't be written, no memory left, a wrong password, a
//! user who may not run scripts, a server that is still loading. After five failures in a row, or
//! [as you say](RedisStore::give_up_after), the server is given up; then the connection is closed
//! and made anew, so that a name that leads to another server now leads there. One request at a
//! time tries again after [pauses](RedisStore::try_again_after) that grow. Only that one can wait
//! for the timeout.
//!
//! A request that was given up may still be counted: the server may read it later. It costs a
//! client at most what it asked for. Counts that the server has lost begin whole.
//!
//! [`Handle`](super::Handle) treats its `take` as the layer does; its other methods return the
//! problem of status 503. What is [settled](super::RateLimit::settle) after the answer is charged
//! by a task of its own, so the response does not wait; if the server does not answer then, it is
//! lost, and counted in [`lost_charges`](RedisMetrics::lost_charges).
//!
//! # In the log and in the metrics
//!
//! One event of target `wythe` when the server is given up, at level `warn`, with the cause; one
//! when it answers again, at `info`, with the time it took. Failures before and between are not
//! logged, but counted: [`RedisStore::metrics`] has what a dashboard needs, and `is_open` is what
//! an alert should look at. Requests that were denied are refusals like others: one event each.
//! No event has a key.
//!
//! # Leases
//!
//! With [`lease(batch, ttl)`](SharedLimit::lease) an instance takes up to `batch` units of a key
//! at once and spends them without asking. While a client sends much, the server is asked once for
//! `batch` requests; a client that was refused is refused without asking until it has something
//! again, or for `ttl`. Requests that come while the server is asked wait for the answer, as many
//! as four batches serve; the others ask by themselves, so a batch should be larger than the
//! number of requests of one key that come within a round trip. What is not used is given back
//! with the next call for the key; units are not spent when they are older than `ttl`.
//!
//! On one machine, in µs at the median (requests of one key, one at a time): 28 without a lease,
//! 0.5 from a lease, 0.4 in memory. With batches of 10 and 100 there were 0.1 and 0.01 round trips
//! for each request, and none for refused ones; a server that was given up costs 0.3 and none.
//!
//! - **More may pass.** Without leases, at most `burst + w / interval` units pass in any time `w`,
//!   where one unit comes back each `interval`. With them `instances * (batch - 1)` more, and no
//!   more than that: what passes in `w` was taken from the server in `w`, or was held when `w`
//!   began, and no instance holds more than `batch - 1` units after a decision. So a client needs
//!   to have been quiet for as long as the batches take to come back, to find them beside a quota
//!   that is whole.
//! - **Less may pass.** What one instance holds, another can't spend: a client whose requests
//!   reach all instances may be refused `instances * (batch - 1)` units early. Batches should be
//!   small beside the smallest burst; larger ones are an error.
//! - **Fields** say what the server said last, less what was spent here since, with what came back
//!   since. What other instances have taken is not in it for up to `ttl`. A refusal says what the
//!   server said.
//! - **Memory**: about 300 bytes for each key with a lease, for at most 32,768 keys. Keys beyond
//!   that have no lease, and ask each time.
//! - All quotas of a limit are leased together. A [pardon or block](super::Handle) reaches other
//!   instances when their leases end, and what they hold counts as spent in
//!   [`remaining`](super::Handle::remaining).
//!
//! # Keys
//!
//! `shop:login:{kGk0v…}`: prefix, name of the limit, and 128 bits of the SHA-256 of the
//! [secret](RedisStore::secret), the name and the key. No address and no name of a user is in the
//! server, but whoever knows one can compute its hash, unless there is a secret. The value is some
//! 50 bytes for each quota, and every key expires when its quotas are whole.
//!
//! Limits must not share keys by accident: a name can be used once in a store. Instances find
//! each other by server, prefix and name, so these must be the same in all of them. A deployment
//! that changes a quota goes on with the units that were spent, by the quota's name; nobody is
//! locked for longer than the new quota takes to come back. Limits with plans count each plan
//! apart, by its place in the list.
//!
//! # Servers
//!
//! Redis from 6.0 and Valkey from 7.2; tested with Redis 7.0. RESP2 or RESP3
//! (`?protocol=resp3`). A user of its own needs
//! `~shop:* +evalsha +eval +time +get +set +del`. Keys must not be evicted: who fills the memory
//! would free everybody, so `maxmemory-policy noeviction`, or a server for this alone.
//!
//! Each call has one key, so it works on a cluster: enable `cluster-async` of `redis` and give a
//! `ClusterConnection` to [`RedisStore::new`]. Reads go to the primary, as they write.
//! Replication is asynchronous: after a failover, what was counted in the last moments is
//! forgotten.
//!
//! # Time
//!
//! The server's, in microseconds, so instances need not agree on theirs. If its clock is set back,
//! quotas go on from where they were; if it is set ahead, they are whole that much earlier, once.
//! Numbers in the script are exact up to 2^53: quotas and blocks of up to 104 days, to the
//! nanosecond. Longer quotas are an error, longer blocks and debts are cut. A limit that goes by
//! [a clock of its own](super::RateLimit::clock) sends the time along, for tests.
//!
//! # Compared with
//!
//! - `INCR` and `EXPIRE`, as most recipes have it: two windows let twice as much through at their
//!   edge, and a crash between the two commands locks the key for ever.
//! - actix-limitation: a connection for each request, no timeout, and 500 when Redis is away.
//! - redis-cell: the same algorithm as a module, which managed servers do not have.
//!
//! [`RateLimit::in_redis`]: super::RateLimit::in_redis

mod engine;
mod failure;
mod lease;
mod limit;
mod metrics;
mod name;
mod remote;
mod script;
mod store;

pub use self::{failure::OnFailure, limit::SharedLimit, metrics::RedisMetrics, store::RedisStore};
pub(in crate::layers::rate_limit) use self::{
    limit::Sharing,
    name::Name,
    remote::{Question, Remote},
};
