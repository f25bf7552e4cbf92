//! Remembers tokens that were verified: [`TokenCache`].

mod bounds;
mod entry;
mod of_jwt;
mod shared;
mod table;
mod window;

use std::{fmt, sync::Arc};

use self::{bounds::Bounds, shared::Shared};
pub(super) use self::{
    entry::{Proof, Revision, Verified},
    window::Window,
};
use crate::wire::ConfigError;

/// Tokens that a [`Jwt`](super::Jwt) has verified, and their claims, so that the next request with
/// the same token costs a look-up instead of a signature.
///
/// A `Jwt` has one unless it is [`without_cache`](super::Jwt::without_cache). A token passes by it
/// if all of this holds:
///
/// 1. the request is read as always: one token, from where tokens may come;
/// 2. every byte of the token is that of one that was verified, header and signature too;
/// 3. the settings are those that verified it: every change of a `Jwt` starts afresh;
/// 4. the issuer's keys are those that verified it: once a key is replaced or taken away, nothing
///    from before passes;
/// 5. its `exp` has not come, its `nbf` has, and it is not too old, by the clock of now and with the
///    leeway.
///
/// Otherwise it is verified as if there were no cache, and the answer is the same: a token that is
/// refused is not remembered. The claims are not read again but cloned: what `C` does when it is
/// deserialized happens once for each token, and what its clones share, requests share. Your own
/// [checks](super::Jwt::check) are made for each request, on the clone.
///
/// A value of this type is a handle; clones and the `Jwt` share one cache.
///
/// # Example: taking tokens back
///
/// A signed token stays good until it expires: forgetting it only makes the next request verify it
/// again. Who takes a token back refuses it by a check, which each request is asked, known token or
/// not. Forgetting serves to free the memory, and to have claims read anew.
///
/// ```
/// use std::{collections::HashSet, sync::{Arc, RwLock}};
///
/// use serde::Deserialize;
/// use wythe::{Jwt, TokenCache};
/// # use http::Request;
/// # use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
/// # use wythe::{Authenticate, Verdict};
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
///         true => Err("the token was taken back"),
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
/// # assert!(matches!(jwt.authenticate(&head), Verdict::Verified(_)));
/// # assert!(matches!(jwt.authenticate(&head), Verdict::Verified(_)));
/// assert_eq!((cache.len(), cache.hits(), cache.misses()), (1, 1, 1));
///
/// // Ann logs out: from now on, her token is refused.
/// revoked.write().unwrap().insert("17".to_owned());
/// # assert!(matches!(jwt.authenticate(&head), Verdict::Refused(_)));
/// cache.forget(&token);
/// assert!(cache.is_empty());
/// # assert!(matches!(jwt.authenticate(&head), Verdict::Refused(_)));
///
/// // All tokens of a user, say because of other rights.
/// assert_eq!(cache.forget_where(|claims| claims.sub == "ann"), 1);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Memory
///
/// A cache holds at most so many tokens, and at most so many bytes: a token's own, and what it
/// takes to keep it (about 200, and the size of `C`). What `C` allocates itself is not counted: for
/// a struct of strings that is less than the token, for a `serde_json::Value` some times as much.
/// The default is 10,000 tokens and 10 MB; nothing is taken before there are tokens.
///
/// When one of the bounds is reached, a new token takes the place of one that was not used lately.
/// What has expired goes when its token comes again, or when some of the next tokens are taken in:
/// each looks at four others, so there is no task in the background, and after the last token
/// nothing goes by itself. Tokens are spread over parts by chance, and a part may be full a little
/// before the whole is. No request looks at more than a few tokens of one part, in a lock that is
/// held for that long.
///
/// Where nearly every request brings a token of its own, a cache is of no use:
/// [`without_cache`](super::Jwt::without_cache).
///
/// # Security
///
/// - Tokens lie in memory until they expire and are met, or are forgotten; they are wiped when
///   dropped, as far as the allocator lets that be. The claims are dropped as `C` is.
/// - Only tokens that pass get in. Whoever has many good tokens can push those of others out, which
///   then cost a verification again, and takes no more memory than the bounds say.
/// - A request that has found its token before it is forgotten goes on. One that was being verified
///   meanwhile is answered and not remembered.
/// - Whether a token was remembered shows in how long the answer takes, to its bearer alone.
#[must_use]
pub struct TokenCache<C>(Arc<Shared<C>>);

impl<C> TokenCache<C> {
    /// A cache of at most so many tokens, and as many KiB of them (64 KiB at least).
    ///
    /// # Errors
    ///
    /// If there can't be any token in it.
    pub fn of(tokens: usize) -> Result<Self, ConfigError> {
        Ok(Self::within(Bounds::tokens(tokens)?))
    }

    /// Another bound for what tokens take. It is of a new cache: set it before the cache is used.
    ///
    /// # Errors
    ///
    /// If it is less than 16 KiB.
    pub fn bytes(self, bytes: usize) -> Result<Self, ConfigError> {
        Ok(Self::within(self.0.bounds().bytes(bytes)?))
    }

    /// Forgets a token; says whether it was there.
    ///
    /// The token itself is still good: see [above](Self#example-taking-tokens-back).
    pub fn forget(&self, token: impl AsRef<[u8]>) -> bool {
        self.0.forget(token.as_ref())
    }

    /// Forgets the tokens whose claims this chooses; says how many. It looks at every token, and
    /// requests go on meanwhile.
    pub fn forget_where(&self, chosen: impl FnMut(&C) -> bool) -> usize {
        self.0.forget_where(chosen)
    }

    /// Forgets all tokens and gives their memory back.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// The number of tokens, expired ones too that nobody has met since.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that tokens take, as the bound counts them.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.bytes()
    }

    /// How many requests found their token, since the cache was made.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.0.hits()
    }

    /// How many did not, those with a token that was then refused among them.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.0.misses()
    }

    fn within(bounds: Bounds) -> Self {
        Self(Arc::new(Shared::new(bounds)))
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
    /// How much there is; a token is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { tokens, bytes } = self.0.bounds();
        f.debug_struct("TokenCache")
            .field("tokens", &format_args!("{} of {tokens}", self.len()))
            .field("bytes", &format_args!("{} of {bytes}", self.size()))
            .finish()
    }
}
