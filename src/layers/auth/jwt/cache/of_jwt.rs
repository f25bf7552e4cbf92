//! Lets a `Jwt` ask its cache first.

use serde::de::DeserializeOwned;

use super::{TokenCache, entry::Verified};
use crate::layers::auth::jwt::{Jwt, key_source::Stop};

/// The cache of verified tokens.
impl<C> Jwt<C> {
    /// Remembers verified tokens in this cache, and not in one of its own. Several `Jwt`s may
    /// share one, and each accepts only what it has verified itself.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, TokenCache};
    /// # #[derive(Clone)] struct Claims;
    /// # let secret = "32 bytes from a random generator";
    ///
    /// let cache = TokenCache::of(100_000)?.bytes(64 << 20)?;
    /// let jwt = Jwt::<Claims>::hs256(secret)?.cache(&cache);
    /// assert_eq!(cache.hits(), 0);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn cache(mut self, cache: &TokenCache<C>) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Verifies the token of each request, whether it came before or not.
    pub fn without_cache(mut self) -> Self {
        self.cache = None;
        self
    }

    /// The cache, to forget tokens and to see how many there are; none after
    /// [`without_cache`](Self::without_cache).
    #[must_use]
    pub const fn token_cache(&self) -> Option<&TokenCache<C>> {
        self.cache.as_ref()
    }
}

impl<C: DeserializeOwned + Clone> Jwt<C> {
    /// The claims of a token that passes, verified now or before. The caller's checks are asked in
    /// either case.
    pub(in crate::layers::auth::jwt) fn claims(
        &self,
        token: &[u8],
        fetched: bool,
    ) -> Result<C, Stop> {
        let claims = self.verified(token, fetched)?;
        Ok(self.checks.pass(claims)?)
    }

    fn verified(&self, token: &[u8], fetched: bool) -> Result<C, Stop> {
        let settings = &self.settings;
        let Some(TokenCache(cache)) = &self.cache else {
            return Ok(settings.verify(token, fetched)?.claims);
        };
        let now = settings.clock.since_epoch();
        let stands = |verified: &Verified<C>| settings.stands(&verified.proof);
        let place = match cache.find(token, settings.revision, now, stands) {
            Ok(entry) => return Ok(entry.verified.claims.clone()),
            Err(place) => place,
        };
        let verified = settings.verify(token, fetched)?;
        let claims: C = C::clone(&verified.claims);
        if verified.proof.generation.is_some() {
            cache.keep(place, token, verified, now);
        }
        Ok(claims)
    }
}
