//! Caches verified tokens: [`TokenCache`].

mod shard;
mod sharded;

use std::{fmt, sync::Arc};

pub(super) use self::shard::{Verified, VerifiedWith};
use self::{shard::Bounds, sharded::ShardedCache};
use crate::wire::ConfigError;

/// Tokens that a [`Jwt`](super::Jwt) has verified, with their claims, so that the next request with
/// the same token needs a lookup instead of a signature verification.
///
/// A `Jwt` has a cache unless it is [`without_cache`](super::Jwt::without_cache). A token passes from
/// the cache if all of this holds:
///
/// 1. it is the only token of the request, as without a cache;
/// 2. all its bytes, header and signature included, are those of a verified token;
/// 3. it was verified with the same settings: every change of a `Jwt` starts with no cached tokens;
/// 4. it was verified with the issuer's current keys: once a key is replaced or removed, nothing
///    that was verified before passes;
/// 5. `exp` is in the future, `nbf` has passed, and it is not too old, by the current time and with
///    the leeway.
///
/// Otherwise it is verified as without a cache, with the same result; a token that is refused is not
/// cached. The claims are not deserialized again but cloned: side effects of deserializing `C`
/// happen once per token, and what clones share, requests share. Your own
/// [checks](super::Jwt::check) run for each request, on the clone.
///
/// A value of this type is a handle; clones and the `Jwt` share one cache.
///
/// # Example: revoking tokens
///
/// A signed token stays valid until it expires: after [`forget`](Self::forget), the next request
/// verifies it again. To revoke a token, refuse it in a check, which runs for every request, cached
/// or not. Forgetting it frees its memory, and has its claims deserialized again.
///
/// ```
/// use std::{collections::HashSet, sync::{Arc, RwLock}};
///
/// use serde::Deserialize;
/// use wythe::{Jwt, TokenCache};
/// # use http::Request;
/// # use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
/// # use wythe::{Later, auth::{Authenticate, Verdict}};
///
/// #[derive(Clone, Deserialize)]
/// struct Claims {
///     sub: String,
///     jti: String,
/// }
///
/// let secret = b"32 bytes from a random generator";
/// let revoked = Arc::new(RwLock::new(HashSet::new()));
/// let cache = TokenCache::of(50_000)?;
/// let list = Arc::clone(&revoked);
/// let jwt = Jwt::<Claims>::hs256(secret)?.cache(&cache).check(move |claims| {
///     match list.read().unwrap().contains(&claims.jti) {
///         true => Err("the token is revoked"),
///         false => Ok(()),
///     }
/// });
/// # let claims = serde_json::json!({
/// #     "sub": "ann", "jti": "17", "exp": get_current_timestamp() + 60,
/// # });
/// # let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap();
/// # let request = Request::get("/").header("authorization", format!("Bearer {token}"));
/// # let (head, ()) = request.body(()).unwrap().into_parts();
///
/// // Two requests with one token.
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Verified(_))));
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Verified(_))));
/// assert_eq!((cache.len(), cache.hits(), cache.misses()), (1, 1, 1));
///
/// // Ann logs out: from now on, her token is refused.
/// revoked.write().unwrap().insert("17".to_owned());
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Refused(_))));
/// cache.forget(&token);
/// assert!(cache.is_empty());
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Refused(_))));
///
/// // All tokens of a user, because her rights have changed for example.
/// assert_eq!(cache.forget_where(|claims| claims.sub == "ann"), 1);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Memory
///
/// A cache is bounded in tokens and in bytes: those of the token itself and of its entry (about 200,
/// and the size of `C`). What `C` allocates is not counted: for a struct of strings that is less than
/// the token, for a `serde_json::Value` several times as much. The default is 10,000 tokens and
/// 10 MB; memory is allocated as tokens come.
///
/// When a bound is reached, a new token evicts one that was not used recently. Expired tokens are
/// removed when they are presented again, or by insertions, each of which checks four others: there
/// is no background task, and without insertions nothing is removed. Tokens are spread over shards by
/// their hash, and a shard may be full a little before the whole cache is. A request checks only a
/// few tokens of one shard, and holds its lock for that long.
///
/// If nearly every request has a token of its own, a cache does not help:
/// [`without_cache`](super::Jwt::without_cache).
///
/// # Security
///
/// - Tokens stay in memory until they are evicted, found expired or forgotten; their memory is then
///   wiped, as far as the allocator allows. The claims are dropped as `C` is.
/// - Only valid tokens are cached. A client with many valid tokens can evict those of others, which
///   are then verified again; memory stays within the bounds.
/// - A request that has found its token before it is forgotten goes on. A token that is being
///   verified meanwhile passes and is not cached.
/// - Whether a token was cached shows in the response time, but only to the client that has it.
#[must_use]
pub struct TokenCache<C>(pub(super) Arc<ShardedCache<C>>);

impl<C> TokenCache<C> {
    /// A cache of at most this many tokens, and as many KiB (at least 64 KiB).
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn of(tokens: usize) -> Result<Self, ConfigError> {
        Ok(Self::within(Bounds::of_tokens(tokens)?))
    }

    /// The maximum size in bytes. It returns a new cache, so call it before the cache is used.
    ///
    /// # Errors
    ///
    /// If it is less than 16 KiB.
    pub fn bytes(self, bytes: usize) -> Result<Self, ConfigError> {
        Ok(Self::within(self.0.bounds().with_bytes(bytes)?))
    }

    /// Removes a token; returns whether it was cached.
    ///
    /// The token itself stays valid: see [above](Self#example-revoking-tokens).
    pub fn forget(&self, token: impl AsRef<[u8]>) -> bool {
        self.0.forget(token.as_ref())
    }

    /// Removes the tokens whose claims satisfy the predicate; returns how many. It checks every
    /// token, without blocking requests meanwhile.
    pub fn forget_where(&self, predicate: impl FnMut(&C) -> bool) -> usize {
        self.0.forget_where(predicate)
    }

    /// Removes all tokens and frees their memory.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// The number of tokens, including expired ones that have not been removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of all tokens in bytes, as the bound counts it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.bytes()
    }

    /// How many requests have found their token since the cache was created.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.0.hits()
    }

    /// How many requests have not, including those whose token was then refused.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.0.misses()
    }

    fn within(bounds: Bounds) -> Self {
        Self(Arc::new(ShardedCache::new(bounds)))
    }
}

impl<C> Default for TokenCache<C> {
    /// At most 10,000 tokens and 10,000 KiB.
    fn default() -> Self {
        Self::within(Bounds::default())
    }
}

impl<C> Clone for TokenCache<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for TokenCache<C> {
    /// The counts alone: a token is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { tokens, bytes } = self.0.bounds();
        f.debug_struct("TokenCache")
            .field("tokens", &format_args!("{} of {tokens}", self.len()))
            .field("bytes", &format_args!("{} of {bytes}", self.size()))
            .finish()
    }
}
