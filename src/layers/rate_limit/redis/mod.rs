//! Limits that many instances share, in Redis or Valkey.
//!
//! A limit in memory counts the requests of one process; behind a load balancer, four processes let
//! four times as many through. [`RateLimit::in_redis`] keeps the counts in a server that all instances
//! share. Algorithm, responses and fields are those of a limit in memory, to the nanosecond, and a
//! client that one instance refuses is refused by all.
//!
//! 1. A request is one call of one script, whatever it costs and however many quotas there are: units
//!    are taken from all of them, or from none.
//! 2. A request never waits longer than the [`timeout`](RedisStore::timeout). You choose what happens
//!    when the server does not answer in time, or answers with an error: [`OnFailure`] has no default.
//! 3. If the server fails repeatedly, a circuit breaker opens: requests then do not wait at all. One
//!    at a time tries again, until the server is back.
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
//!     .prefix("shop")?
//!     .timeout(Duration::from_millis(50))?;
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
//! | an attacker who brings the server down | has shut down your service | is no longer limited | has about the same limit |
//! | some instances reach the server, and others do not | those deny | those let everything through | up to 1.44 times the quota, as long as they disagree |
//!
//! All failures of a server are treated alike: no connection, a hanging connection, an answer after
//! the timeout, a read-only replica, no memory left, a wrong password, a user who may not run scripts,
//! a server that is still loading. After five failures in a row, or [another
//! number](RedisStore::give_up_after), the circuit breaker opens; the connection is then closed and
//! reopened, so that a changed DNS entry takes effect. One request at a time tries again, with
//! [exponential backoff](RedisStore::try_again_after). Only that request can wait for the timeout.
//!
//! A request that has stopped waiting may still be counted, because the server may read it later. It
//! costs a client at most what the request asked for, or a batch with a lease. Counts that the server
//! has lost start again with full quotas.
//!
//! The `take` of a [`Handle`](super::Handle) behaves like the layer; its other methods return a
//! problem of status 503. A cost that is [settled](crate::RateLimit::settle) after the response is
//! charged in a separate task, so the response does not wait; if the server does not answer then, the
//! charge is lost, and counted in [`lost_charges`](RedisMetrics::lost_charges).
//!
//! # Log and metrics
//!
//! Two events of target `wythe` are logged: one at level `warn` when the circuit breaker opens, with
//! the cause; and one at `info` when the server answers again, with the time that this took. Other
//! failures are not logged but counted: [`RedisStore::metrics`] has what a dashboard needs, and an
//! alert should watch `is_open`. Denied requests are logged like other refusals: one event each. No
//! event contains a key.
//!
//! # Leases
//!
//! With [`lease(batch, ttl)`](RedisLimit::lease) an instance takes up to `batch` units of a key at
//! once and spends them without a query. While a client sends many requests, the server is queried
//! once for each `batch` of them; a client that was refused is refused without a query until it has
//! units again, until this instance gives some back, or for `ttl`. Requests that arrive during a
//! query wait for its answer, as many as four batches can serve; the others send their own queries, so
//! a batch should be larger than the number of requests of one key that arrive within a round trip.
//! Unused units are returned with the next call for the key; units older than `ttl` are not spent.
//!
//! The call that takes a batch runs in its own tokio task. If the client disconnects in the meantime,
//! its request is counted, and others spend the rest of the batch. Like everything here that queries
//! the server, this needs a tokio runtime; without one, requests are handled according to
//! [`OnFailure`].
//!
//! On one machine, the median times in µs (requests of one key, one at a time) are: 28 without a
//! lease, 0.5 from a lease, 0.4 in memory. Batches of 10 and 100 need 0.1 and 0.01 round trips per
//! request, and none for refused ones; with an open circuit breaker, a request takes 0.3 µs and no
//! round trip.
//!
//! - **More may pass.** Without leases, at most `burst + w / interval` units pass in any period `w`,
//!   where one unit is replenished each `interval`. With leases, up to `instances * (batch - 1)` more
//!   may pass: the units that pass in `w` were taken from the server in `w`, or were held when `w`
//!   began, and no instance holds more than `batch - 1` units after a decision. To find these in
//!   addition to a full quota, a client must have been quiet for as long as the batches take to be
//!   replenished.
//! - **Less may pass.** Another instance can't spend the units that one instance holds: a client whose
//!   requests reach all instances may be refused `instances * (batch - 1)` units early. Batches should
//!   be small compared to the smallest burst; a batch larger than that is an error.
//! - **Fields** show the server's last answer, minus what was spent here since, plus what has been
//!   replenished since. Units that other instances have taken are missing for up to `ttl`. A refusal
//!   shows the server's answer.
//! - **Memory**: about 300 bytes for each key with a lease, for at most 32,768 keys. Other keys have
//!   no lease, and query the server each time.
//! - All quotas of a limit are leased together. A [reset or block](super::Handle) reaches other
//!   instances when their leases end, and the units that they hold count as spent in
//!   [`remaining`](super::Handle::remaining).
//!
//! # Keys
//!
//! `shop:login:{kGk0v…}`: prefix, name of the limit, and 128 bits of the SHA-256 of the
//! [secret](RedisStore::secret), the name and the key. Addresses and user names are not stored in the
//! server, but without a secret, anyone who knows one can compute its hash. The value takes about 50
//! bytes for each quota, and every key expires when its quotas are full.
//!
//! Limits must not share keys by accident: a name can be used only once in a store, and by
//! [clones](crate::RateLimit::in_redis) of the limit that has it. Instances share counts if server,
//! prefix and name are the same. A deployment that changes a quota continues with the units that were
//! spent, by the name of the quota; no client is locked out for longer than the new quota takes to be
//! replenished. Limits with plans count each plan separately, by its index in the list.
//!
//! # Servers
//!
//! Redis 6.0 or later and Valkey 7.2 or later; tested with Redis 7.0. RESP2 or RESP3
//! (`?protocol=resp3`). A dedicated user needs `~shop:* +evalsha +eval +time +get +set +del`. Keys
//! must not be evicted; otherwise a client that fills the memory would reset all counts. Set
//! `maxmemory-policy noeviction`, or use a dedicated server for limits.
//!
//! Each call has one key, so it works on a cluster: enable `cluster-async` of `redis` and pass a
//! `ClusterConnection` to [`RedisStore::new`]. All calls go to the primary, because they write.
//! Replication is asynchronous: after a failover, the counts of the last moments before it are lost.
//!
//! # Time
//!
//! The time is the server's, in microseconds, so the clocks of the instances need not agree. If the
//! server's clock is set back, quotas continue from where they were; if it is set ahead, they are full
//! that much earlier, once. Numbers in the script are exact up to 2^53: quotas and blocks of up to 104
//! days, to the nanosecond. Longer quotas are an error; longer blocks and debts are cut to this. A
//! limit with [its own clock](crate::RateLimit::clock) sends the time along, for tests.
//!
//! # Compared with
//!
//! - `INCR` and `EXPIRE`, as in most recipes: twice as much passes at the edge of two windows, and a
//!   crash between the two commands locks the key forever.
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
