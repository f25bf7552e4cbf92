//! Where answers are kept: [`IdempotencyStore`].

mod memory;
#[cfg(feature = "idempotency-redis")]
mod redis;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

pub use self::memory::MemoryAnswers;
#[cfg(feature = "idempotency-redis")]
pub use self::redis::{RedisAnswers, RedisAnswersMetrics};
use crate::{contract::Later, wire::BoxError};

/// Keeps the answers of requests, and which requests are in progress: [`MemoryAnswers`], `RedisAnswers`
/// with the feature `idempotency-redis`, or your own.
///
/// A key is free, held by a request in progress, or answered. Each method changes a key in one step,
/// so that of two requests at the same time only one acquires it.
///
/// # Example: a store of your own
///
/// This one is a map, with each method in SQL as a comment. The table would be `answers (key bytea
/// primary key, payload bytea, owner bytea, answer bytea, expires timestamptz)`.
///
/// ```
/// use std::{
///     collections::HashMap,
///     sync::{Arc, Mutex},
///     time::{Duration, Instant},
/// };
///
/// use bytes::Bytes;
/// use wythe::{
///     BoxError, Idempotency, Later,
///     idempotency::{Acquired, Claim, IdempotencyStore},
/// };
///
/// struct Row {
///     claim: Claim,
///     answer: Option<Bytes>,
///     expires: Instant,
/// }
///
/// #[derive(Clone, Default)]
/// struct Rows(Arc<Mutex<HashMap<[u8; 32], Row>>>);
///
/// impl Rows {
///     /// Writes a row, if the key is free or held by this claim.
///     fn write(&self, claim: &Claim, answer: Option<Bytes>, time: Duration) -> bool {
///         let (mut rows, now) = (self.0.lock().unwrap(), Instant::now());
///         let is_ours = |row: &Row| row.answer.is_none() && row.claim == *claim;
///         let row = rows.get(claim.key()).filter(|row| row.expires > now);
///         if !row.is_none_or(is_ours) {
///             return false;
///         }
///         let (claim, expires) = (claim.clone(), now + time);
///         rows.insert(*claim.key(), Row { claim, answer, expires });
///         true
///     }
/// }
///
/// // A database is asked in `Later::pending(async move { .. })`.
/// impl IdempotencyStore for Rows {
///     // insert into answers values ($1, $2, $3, null, now() + $4) on conflict (key) do update
///     // set payload = $2, owner = $3, answer = null, expires = now() + $4
///     // where answers.expires <= now(); if it changes nothing: select payload, answer
///     fn acquire(&self, claim: &Claim, lease: Duration) -> Later<Result<Acquired, BoxError>> {
///         let (mut rows, now) = (self.0.lock().unwrap(), Instant::now());
///         if let Some(row) = rows.get(claim.key()).filter(|row| row.expires > now) {
///             let payload = *row.claim.payload();
///             return Later::from(Ok(match row.answer.clone() {
///                 Some(answer) => Acquired::Answered { payload, answer },
///                 None => Acquired::InProgress { payload },
///             }));
///         }
///         let row = Row { claim: claim.clone(), answer: None, expires: now + lease };
///         rows.insert(*claim.key(), row);
///         Later::from(Ok(Acquired::Free))
///     }
///
///     // update answers set expires = now() + $3 where key = $1 and owner = $2
///     fn renew(&self, claim: &Claim, lease: Duration) -> Later<Result<bool, BoxError>> {
///         Later::from(Ok(self.write(claim, None, lease)))
///     }
///
///     // update answers set answer = $3, owner = null, expires = now() + $4
///     // where key = $1 and owner = $2
///     fn complete(
///         &self,
///         claim: &Claim,
///         answer: Bytes,
///         time: Duration,
///     ) -> Later<Result<bool, BoxError>> {
///         Later::from(Ok(self.write(claim, Some(answer), time)))
///     }
///
///     // delete from answers where key = $1 and owner = $2
///     fn release(&self, claim: &Claim) -> Later<Result<bool, BoxError>> {
///         let mut rows = self.0.lock().unwrap();
///         let is_ours = |row: &Row| row.answer.is_none() && row.claim == *claim;
///         let held = rows.get(claim.key()).is_some_and(is_ours);
///         Later::from(Ok(held && rows.remove(claim.key()).is_some()))
///     }
/// }
///
/// let policy = Idempotency::stored(Rows::default()).by_peer();
/// ```
///
/// A database also has to delete expired rows from time to time.
///
/// # Security
///
/// - The store contains the answers unencrypted, with what they say about users. Keys and payloads are
///   hashes; a reader of the store can only check guesses.
/// - A store that is not available returns an error: the request is answered 503 before anything is
///   done. It must never say that a key is free because it does not know.
/// - No request should wait for long: the store needs a timeout.
pub trait IdempotencyStore: Send + Sync + 'static {
    /// Acquires a key that is free, for the time of the lease; otherwise says who has it.
    fn acquire(&self, claim: &Claim, lease: Duration) -> Later<Result<Acquired, BoxError>>;

    /// Prolongs the lease: from now on the key is held for this time. A lease that has expired is
    /// acquired again if the key is free. `false` if another request has the key, or its answer is
    /// there.
    fn renew(&self, claim: &Claim, lease: Duration) -> Later<Result<bool, BoxError>>;

    /// Replaces the lease by the answer, and keeps it for this time. If the lease has expired and the
    /// key is free, it keeps the answer as well. `false` if another request has the key, or its answer
    /// is there.
    fn complete(
        &self,
        claim: &Claim,
        answer: Bytes,
        time: Duration,
    ) -> Later<Result<bool, BoxError>>;

    /// Frees a key that this claim holds, and says whether it did.
    fn release(&self, claim: &Claim) -> Later<Result<bool, BoxError>>;

    /// The longest answer that [`complete`](Self::complete) accepts, in bytes. By default there is no
    /// limit.
    fn max_answer_bytes(&self) -> usize {
        usize::MAX
    }
}

/// A request that wants a key: the key, what the request asks for, and who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    key: [u8; 32],
    payload: [u8; 32],
    owner: [u8; 16],
}

impl Claim {
    /// A claim.
    #[must_use]
    pub const fn new(key: [u8; 32], payload: [u8; 32], owner: [u8; 16]) -> Self {
        Self {
            key,
            payload,
            owner,
        }
    }

    /// The SHA-256 of the client, the route and the client's key.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The SHA-256 of what the request asks for.
    #[must_use]
    pub const fn payload(&self) -> &[u8; 32] {
        &self.payload
    }

    /// A random number that only this request has: a lease of another owner is not this one.
    #[must_use]
    pub const fn owner(&self) -> &[u8; 16] {
        &self.owner
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(..)")
    }
}

/// What a store says of a key: see [`IdempotencyStore::acquire`].
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are three states of a key")]
pub enum Acquired {
    /// It was free, and is held by this request now.
    Free,
    /// Another request holds it.
    InProgress {
        /// That of the other request.
        payload: [u8; 32],
    },
    /// Another request has been answered.
    Answered {
        /// That of the other request.
        payload: [u8; 32],
        /// The answer, as it was given to [`IdempotencyStore::complete`].
        answer: Bytes,
    },
}

/// Without the answer.
impl fmt::Debug for Acquired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Free => "Free",
            Self::InProgress { .. } => "InProgress",
            Self::Answered { .. } => "Answered",
        })
    }
}

impl<S: IdempotencyStore + ?Sized> IdempotencyStore for Arc<S> {
    fn acquire(&self, claim: &Claim, lease: Duration) -> Later<Result<Acquired, BoxError>> {
        S::acquire(self, claim, lease)
    }

    fn renew(&self, claim: &Claim, lease: Duration) -> Later<Result<bool, BoxError>> {
        S::renew(self, claim, lease)
    }

    fn complete(
        &self,
        claim: &Claim,
        answer: Bytes,
        time: Duration,
    ) -> Later<Result<bool, BoxError>> {
        S::complete(self, claim, answer, time)
    }

    fn release(&self, claim: &Claim) -> Later<Result<bool, BoxError>> {
        S::release(self, claim)
    }

    fn max_answer_bytes(&self) -> usize {
        S::max_answer_bytes(self)
    }
}
