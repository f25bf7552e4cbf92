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

/// Keeps the answers of requests, and which requests are in progress: [`MemoryAnswers`],
/// `RedisAnswers` with the feature `idempotency-redis`, or your own.
///
/// A key is free, held by a request in progress, or answered. Each method changes a key atomically, so
/// that only one of two concurrent requests acquires it.
///
/// # Example: a store of your own
///
/// This one is a map, with the SQL of each method as a comment. The table would be
/// `answers (key bytea primary key, payload bytea, owner bytea, answer bytea, expires timestamptz)`.
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
///         let is_free = |row: &Row| row.answer.is_none() || row.answer == answer;
///         let is_ours = |row: &Row| is_free(row) && row.claim == *claim;
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
///     // where key = $1 and (owner = $2 or answer = $3)
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
/// - The store contains the answers unencrypted, including any data about users. Keys and payloads are
///   hashes; somebody who reads the store can only check guesses.
/// - A store that is not available returns an error: the request is answered 503 before anything is
///   done. A store must never report a key as free because it does not know its state.
/// - No request should wait for long: the store needs a timeout.
pub trait IdempotencyStore: Send + Sync + 'static {
    /// Acquires a key that is free, for the duration of the lease; otherwise returns its state.
    fn acquire(&self, claim: &Claim, lease: Duration) -> Later<Result<Acquired, BoxError>>;

    /// Extends the lease: the key is now held for this time. If the lease has expired and the key is
    /// free, it is acquired again. Returns `false` if another request holds the key, or its answer is
    /// stored.
    fn renew(&self, claim: &Claim, lease: Duration) -> Later<Result<bool, BoxError>>;

    /// Replaces the lease by the answer, and keeps the answer for this time. If the lease has expired
    /// and the key is free, the answer is kept as well. Returns `false` if another request holds the
    /// key, or another answer is stored.
    ///
    /// After an error it is called again with the same answer. If that was stored after all, and only
    /// the reply was lost, the result is `true`.
    fn complete(
        &self,
        claim: &Claim,
        answer: Bytes,
        time: Duration,
    ) -> Later<Result<bool, BoxError>>;

    /// Frees a key that this claim holds, and returns whether it did.
    fn release(&self, claim: &Claim) -> Later<Result<bool, BoxError>>;

    /// The longest answer that [`complete`](Self::complete) accepts, in bytes, which does not change.
    /// Unlimited by default.
    fn max_answer_bytes(&self) -> usize {
        usize::MAX
    }
}

/// A request for a key: the key, a hash of what the request asks for, and its owner.
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

    /// A random number that only this request has, which tells its lease from those of others.
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

/// The result of [`IdempotencyStore::acquire`].
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are three states of a key")]
pub enum Acquired {
    /// The key was free, and is now held by this request.
    Free,
    /// Another request holds it.
    InProgress {
        /// The payload hash of the other request.
        payload: [u8; 32],
    },
    /// Another request has been answered.
    Answered {
        /// The payload hash of the other request.
        payload: [u8; 32],
        /// The answer, as it was passed to [`IdempotencyStore::complete`].
        answer: Bytes,
    },
}

/// Omits the answer.
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
