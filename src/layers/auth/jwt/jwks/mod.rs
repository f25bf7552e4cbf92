//! Fetches the keys of an identity provider and keeps them fresh: [`Jwks`].

mod documents;
mod error;
mod options;
mod provider;
mod single_flight;
mod transport;

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

pub use error::{JwksError, JwksStatus};
pub use transport::{FetchKeys, Fetched, HttpsTransport};

use self::{
    options::{JwksOptions, Location, PlainHttp, within},
    provider::ProviderKeys,
    single_flight::Trigger,
    transport::Transport,
};
use super::keys::JwtAlgorithm;
use crate::{support::clock::Clock, wire::ConfigError};

/// The keys of an identity provider, fetched from it and refreshed (RFC 7517, section 5): for
/// [`Jwt::jwks`](super::Jwt::jwks).
///
/// 1. The first request waits until the keys are fetched, and so do those that arrive in the meantime;
///    [`prefetch`](Self::prefetch) fetches them when the program starts.
/// 2. Keys are fresh for as long as the response's `Cache-Control` says, but at least a minute and at
///    most an hour; without it, for 10 minutes ([`fresh_within`](Self::fresh_within),
///    [`fresh_for`](Self::fresh_for)). The next request after that starts a fetch and continues with
///    the old keys. If it arrives only after twice that time, it waits for the fetch.
/// 3. A token with an unknown `kid` causes a fetch and waits for it; so does a token without `kid`
///    that no key verifies. This happens at most once in 30 seconds ([`cooldown`](Self::cooldown)),
///    however many such tokens arrive; until then they are refused.
/// 4. If a fetch fails, the last keys are used for 24 hours beyond their freshness
///    ([`keep_for`](Self::keep_for)); after that, requests are answered with 503. During failures,
///    tokens with an unknown `kid` are also answered with 503, because they may be valid. The next
///    attempt follows after one second, then two, and so on up to a minute, with 25 % jitter.
/// 5. A fetch takes at most 10 seconds ([`timeout`](Self::timeout)) and 1 MiB
///    ([`max_length`](Self::max_length)), follows no redirect, and uses `https` or a loopback address,
///    unless you [allow `http`](Self::dangerously_url_over_http).
///
/// There is one fetch at a time, in its own task, so that a client that disconnects does not cancel
/// it. While keys are fresh, a request takes no lock and allocates nothing for them. Clones share keys
/// and fetches: one `Jwks` can serve several routes.
///
/// Only keys for the allowed [`algorithms`](Self::algorithms) are used. A key is skipped if its `alg`
/// is another, its `use` is not `sig`, its `key_ops` lacks `verify`, its type is unknown, it is
/// malformed, or it is an RSA key of fewer than 2048 bits. Secret keys are never used: neither `oct`
/// keys nor keys with a private part. A fetch fails if the set has no usable key, more than 32 usable
/// keys, or more than 2,000 keys of any kind.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde::Deserialize;
/// use wythe::{Jwks, Jwt, auth::JwtAlgorithm, with_auth};
///
/// #[derive(Clone, Deserialize)]
/// struct Claims {
///     sub: String,
/// }
///
/// let keys = Jwks::url("https://id.example.com/keys")?.algorithms([JwtAlgorithm::ES256])?;
/// # use wythe::{BoxError, auth::{FetchKeys, Fetched}};
/// # struct Test;
/// # impl FetchKeys for Test {
/// #     async fn fetch(&self, _: &http::Uri, _: usize) -> Result<Fetched, BoxError> {
/// #         Ok(Fetched::new(r#"{"keys":[{"kty":"EC","crv":"P-256",
/// #             "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
/// #             "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#))
/// #     }
/// # }
/// # let keys = keys.transport(Test);
/// keys.prefetch().await?;
/// assert!(keys.status().is_usable);
///
/// let layer = with_auth(
///     Jwt::<Claims>::jwks(keys)?.issuer("https://id.example.com").audience("api"),
/// );
/// # Ok(()) }
/// ```
///
/// # Example: discovery by the issuer's name
///
/// ```no_run
/// # fn main() -> Result<(), wythe::ConfigError> {
/// # #[derive(Clone, serde::Deserialize)] struct Claims;
/// use wythe::{Jwks, Jwt};
///
/// // The accepted issuer is then this one.
/// let keys = Jwks::discover("https://id.example.com")?;
/// let jwt = Jwt::<Claims>::jwks(keys)?.audience("api");
/// # Ok(()) }
/// ```
///
/// # Security
///
/// - A key that the provider removes from its set is refused after the next fetch: after at most twice
///   its freshness, unless the provider is unreachable.
/// - You choose the algorithms. A token's `alg` only confirms one of them, and key URLs in a token
///   (`jku`, `x5u`) are ignored.
/// - Anyone who controls the URL can sign tokens. Configure the [`issuer`](super::Jwt::issuer) and the
///   audience as well: many providers sign the tokens of all their customers with the same keys.
/// - A flood of tokens with unknown `kid`s costs one fetch per cooldown. During the cooldown, tokens
///   signed with a key that the provider has just introduced are refused; providers publish a key some
///   time before they use it.
///
/// # Runtime
///
/// Fetches run in the tokio runtime of the request, with its time driver enabled and, for the default
/// transport, its I/O driver. Without a runtime, they fail.
#[derive(Clone)]
#[must_use]
pub struct Jwks(pub(super) Arc<ProviderKeys>);

impl Jwks {
    /// The key set at this URL.
    ///
    /// # Errors
    ///
    /// If the URL is neither `https` nor `http` to `localhost` or a loopback address, or has a user
    /// name or a fragment.
    pub fn url(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        Self::at(
            Location::keys(url.as_ref(), PlainHttp::Loopback),
            PlainHttp::Loopback,
        )
    }

    /// The key set of an issuer, located by OIDC Discovery 1.0: through the document at
    /// `/.well-known/openid-configuration` below the issuer's name. The document must name the same
    /// issuer, and so must every token.
    ///
    /// Some multi-tenant issuers use another name in the document and can't be discovered: use
    /// [`url`](Self::url) with their key set, and [check](super::Jwt::check) the token's issuer.
    ///
    /// # Errors
    ///
    /// The same as for [`url`](Self::url), and if the name has a query.
    pub fn discover(issuer: impl AsRef<str>) -> Result<Self, ConfigError> {
        Self::at(
            Location::openid(issuer.as_ref(), PlainHttp::Loopback),
            PlainHttp::Loopback,
        )
    }

    /// The key set of an issuer, located as in RFC 8414: through the document at
    /// `/.well-known/oauth-authorization-server` on the issuer's host, followed by the path of its
    /// name.
    ///
    /// # Errors
    ///
    /// The same as for [`discover`](Self::discover).
    pub fn discover_oauth(issuer: impl AsRef<str>) -> Result<Self, ConfigError> {
        Self::at(
            Location::oauth(issuer.as_ref(), PlainHttp::Loopback),
            PlainHttp::Loopback,
        )
    }

    /// The key set at this URL, which may be `http`: for an identity provider in the same cluster, or
    /// behind its own proxy that encrypts the connection. Your own [`transport`](Self::transport) gets
    /// the URL unchanged.
    ///
    /// Anyone who can answer in the provider's place, or change its answer in transit, can sign tokens
    /// that pass. Without TLS, only the network prevents this.
    ///
    /// # Example
    ///
    /// The tokens name the public URL, and the keys are fetched from the internal service.
    ///
    /// ```
    /// use wythe::{Jwks, Jwt};
    /// # #[derive(Clone, serde::Deserialize)] struct Claims;
    ///
    /// let keys = Jwks::dangerously_url_over_http("http://id.auth.svc:8080/keys")?;
    /// let jwt = Jwt::<Claims>::jwks(keys)?.issuer("https://id.example.com").audience("api");
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the URL is neither `https` nor `http`, or has a user name or a fragment.
    pub fn dangerously_url_over_http(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        let plain_http = PlainHttp::Everywhere;
        Self::at(Location::keys(url.as_ref(), plain_http), plain_http)
    }

    /// The same as [`discover`](Self::discover), but the issuer and its key set may be at `http` URLs:
    /// see [`dangerously_url_over_http`](Self::dangerously_url_over_http).
    ///
    /// # Errors
    ///
    /// The same as for [`dangerously_url_over_http`](Self::dangerously_url_over_http), and if the name
    /// has a query.
    pub fn dangerously_discover_over_http(issuer: impl AsRef<str>) -> Result<Self, ConfigError> {
        let plain_http = PlainHttp::Everywhere;
        Self::at(Location::openid(issuer.as_ref(), plain_http), plain_http)
    }

    /// The same as [`discover_oauth`](Self::discover_oauth), but the issuer and its key set may be at
    /// `http` URLs: see [`dangerously_url_over_http`](Self::dangerously_url_over_http).
    ///
    /// # Errors
    ///
    /// The same as for [`dangerously_discover_over_http`](Self::dangerously_discover_over_http).
    pub fn dangerously_discover_oauth_over_http(
        issuer: impl AsRef<str>,
    ) -> Result<Self, ConfigError> {
        let plain_http = PlainHttp::Everywhere;
        Self::at(Location::oauth(issuer.as_ref(), plain_http), plain_http)
    }

    /// The accepted signature algorithms; `RS256`, `ES256` and `EdDSA` by default.
    ///
    /// # Errors
    ///
    /// If the list is empty, or one of the algorithms uses a secret instead of a public key.
    pub fn algorithms(
        self,
        algorithms: impl IntoIterator<Item = JwtAlgorithm>,
    ) -> Result<Self, ConfigError> {
        let algorithms = options::algorithms(algorithms)?;
        Ok(self.change(|options| options.algorithms = algorithms))
    }

    /// The transport; [`HttpsTransport::new`] by default. For a URL without TLS, the default transport
    /// trusts no certificate authority, except where the issuer's document may lead to an `https` URL.
    pub fn transport(self, transport: impl FetchKeys) -> Self {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        self.change(|options| options.transport = Some(transport))
    }

    /// How long a fetch may take, including discovery; 10 seconds by default.
    ///
    /// # Errors
    ///
    /// If it is outside 10 milliseconds to a minute.
    pub fn timeout(self, timeout: Duration) -> Result<Self, ConfigError> {
        let range = Duration::from_millis(10)..=Duration::from_secs(60);
        let timeout = within("the timeout", timeout, &range)?;
        Ok(self.change(|options| options.timeout = timeout))
    }

    /// The maximum length of a document in bytes; 1 MiB by default.
    ///
    /// # Errors
    ///
    /// If it is outside 1 KiB to 16 MiB.
    pub fn max_length(self, bytes: usize) -> Result<Self, ConfigError> {
        let bytes = within("the length", bytes, &(1024..=16 * 1024 * 1024))?;
        Ok(self.change(|options| options.max_length = bytes))
    }

    /// How long keys are fresh if the provider does not say; 10 minutes by default. It is clamped to
    /// [`fresh_within`](Self::fresh_within).
    pub fn fresh_for(self, time: Duration) -> Self {
        self.change(|options| options.fresh_for = time)
    }

    /// The shortest and the longest time that keys are fresh, whatever the provider says; a minute to
    /// an hour by default.
    ///
    /// # Errors
    ///
    /// If the range is empty, or starts below one second.
    pub fn fresh_within(self, range: RangeInclusive<Duration>) -> Result<Self, ConfigError> {
        within(
            "the shortest fresh time",
            *range.start(),
            &(Duration::from_secs(1)..=*range.end()),
        )?;
        Ok(self.change(|options| options.fresh_within = range))
    }

    /// How long after a fetch tokens with an unknown `kid` cause no further fetch; 30 seconds by
    /// default.
    ///
    /// # Errors
    ///
    /// If it is less than one second.
    pub fn cooldown(self, time: Duration) -> Result<Self, ConfigError> {
        let range = Duration::from_secs(1)..=Duration::MAX;
        let time = within("the cooldown", time, &range)?;
        Ok(self.change(|options| options.cooldown = time))
    }

    /// How long stale keys are used while fetches fail; 24 hours by default. This is `stale-if-error`
    /// of RFC 5861, section 4. If it is zero, requests wait for every fetch, and are answered with 503
    /// as soon as one fails.
    pub fn keep_for(self, time: Duration) -> Self {
        self.change(|options| options.keep_for = time)
    }

    /// The clock that determines the age of keys. By default it is tokio's, which is the system's
    /// unless a test pauses it.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        self.change(|options| options.clock = Some(clock))
    }

    /// Fetches the keys, unless they are still fresh: for example when the program starts, so that it
    /// can exit if the keys can't be fetched.
    ///
    /// After a failed fetch, it fails immediately until the next attempt is due.
    ///
    /// # Errors
    ///
    /// If the keys can't be fetched.
    pub async fn prefetch(&self) -> Result<(), JwksError> {
        if self.0.is_fresh() {
            return Ok(());
        }
        self.0.refresh(Trigger::Age).outcome().await
    }

    /// The state of the keys.
    #[must_use]
    pub fn status(&self) -> JwksStatus {
        self.0.status()
    }

    /// A number that changes when a key is removed or replaced; `None` while there are no usable keys.
    /// When it changes, a cache of verified tokens must verify them again. It stays the same when keys
    /// are added, and when the same keys are fetched again.
    ///
    /// If the keys are not fresh, this starts a fetch.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.0.generation()
    }

    /// The issuer's name, if it is known.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.0.options.location.name()
    }

    /// The URL of the document about the issuer, if its keys are discovered.
    pub(super) fn discovery_url(&self) -> Option<String> {
        self.issuer().map(|_| self.0.options.location.shown())
    }

    /// Creates the transport, so that an error is reported when the program starts.
    pub(super) fn open(&self) -> Result<(), ConfigError> {
        self.0.transport().map(|_| ())
    }

    fn at(
        location: Result<Location, ConfigError>,
        plain_http: PlainHttp,
    ) -> Result<Self, ConfigError> {
        let options = JwksOptions::new(location?, plain_http);
        Ok(Self(Arc::new(ProviderKeys::new(options))))
    }

    /// Starts without keys: earlier clones do not share theirs.
    fn change(self, change: impl FnOnce(&mut JwksOptions)) -> Self {
        let mut options = self.0.options.clone();
        change(&mut options);
        Self(Arc::new(ProviderKeys::new(options)))
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.0.options;
        f.debug_struct("Jwks")
            .field("keys", &options.location.shown())
            .field("algorithms", &options.algorithms)
            .finish_non_exhaustive()
    }
}
