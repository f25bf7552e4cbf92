//! Fetches the keys of an identity provider and keeps them fresh: [`Jwks`].

mod check;
mod control;
mod error;
mod fetch;
mod freshness;
mod https;
mod location;
mod log;
mod metadata;
mod set;
mod settings;
mod shared;
mod snapshot;
mod status;
mod transport;

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;

pub use error::JwksError;
pub use https::HttpsTransport;
pub use status::JwksStatus;
pub use transport::{FetchKeys, Fetched};

use self::{
    control::Why,
    location::Location,
    settings::{Settings, within},
    shared::{Shared, Wish},
    transport::Transport,
};
use crate::wire::ConfigError;

/// The keys of an identity provider, fetched from it and kept fresh (RFC 7517, section 5): for
/// [`Jwt::jwks`](super::Jwt::jwks).
///
/// 1. The first request waits until the keys are fetched, and with it all that come meanwhile;
///    [`prefetch`](Self::prefetch) does it when the program starts.
/// 2. The keys are fresh for as long as the answer's `Cache-Control` says, within a minute and an
///    hour, or else for 10 minutes ([`fresh_for`](Self::fresh_for),
///    [`fresh_within`](Self::fresh_within)). Then the next request has new ones fetched and goes on
///    with the old. If the next comes only when that time has passed twice, it waits.
/// 3. A token whose `kid` is not there has the keys fetched again, and waits; so does one without
///    `kid` that no key verifies. This happens once in 30 seconds at most
///    ([`cooldown`](Self::cooldown)), however many such tokens come; in between they are refused.
/// 4. When a fetch fails, the last good keys are used on, for 24 hours beyond their time
///    ([`keep_for`](Self::keep_for)); then requests are answered 503. So is a token whose `kid` is
///    not there, because it can't be known what it is worth. The next try is after a second, then
///    two, and so on to a minute, give or take a quarter.
/// 5. A fetch takes 10 seconds ([`timeout`](Self::timeout)) and 1 MiB ([`max_length`](Self::max_length))
///    at most, goes to `https` addresses or to loopback, and follows no redirect.
///
/// There is one fetch at a time, in a task of its own, so that a client who goes away does not end
/// it. While keys are fresh, a request takes no lock and allocates nothing for them. Clones share
/// keys and fetches: one `Jwks` does for several routes.
///
/// Of a set, the keys for the [`algorithms`](Self::algorithms) that you allow are used. A key is
/// skipped if its `alg` is another, its `use` is not `sig`, its `key_ops` lacks `verify`, it is of
/// an unknown kind or broken, or an RSA key of fewer than 2048 bits. Secrets are never used: neither
/// `oct` keys nor those that show their private part. A set in which nothing is left, or more than
/// 32 keys, is a failed fetch.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use jsonwebtoken::Algorithm;
/// use serde::Deserialize;
/// use wythe::{Jwks, Jwt, with_auth};
///
/// #[derive(Clone, Deserialize)]
/// struct Claims {
///     sub: String,
/// }
///
/// let keys = Jwks::url("https://id.example.com/keys")?.algorithms([Algorithm::ES256])?;
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
/// # Example: by the name of the issuer alone
///
/// ```no_run
/// # fn main() -> Result<(), wythe::ConfigError> {
/// # struct Claims;
/// use wythe::{Jwks, Jwt};
///
/// // The issuer's name is known then, and need not be said again.
/// let keys = Jwks::discover("https://id.example.com")?;
/// let jwt = Jwt::<Claims>::jwks(keys)?.audience("api");
/// # Ok(()) }
/// ```
///
/// # Security
///
/// - A key that the provider takes out of its set is refused when the keys are fetched next: after
///   twice their fresh time at most, unless the provider can't be reached.
/// - The allowed algorithms are yours. A token's `alg` only confirms one of them, and addresses of
///   keys in a token (`jku`, `x5u`) are never looked at.
/// - Whoever controls the address can sign tokens. Name the [`issuer`](super::Jwt::issuer) and the
///   audience as well: many providers sign the tokens of all their customers with the same keys.
/// - A flood of tokens with unknown `kid`s costs a fetch in each cooldown. While the cooldown lasts,
///   a token of a key that the provider has only just begun to sign with is refused; providers show
///   a key some time before.
///
/// # Runtime
///
/// Fetches run in the tokio runtime of the request, with its time and, for the default transport,
/// its I/O turned on. Without one, they fail.
#[derive(Clone)]
#[must_use]
pub struct Jwks(Arc<Shared>);

impl Jwks {
    /// The key set at this address.
    ///
    /// # Errors
    ///
    /// If the address is not `https`, nor `http` to `localhost` or a loopback address, or if it has
    /// a user's name or a fragment.
    pub fn url(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        Ok(Self::at(Location::keys(url.as_ref())?))
    }

    /// The key set of an issuer, found as in OIDC Discovery 1.0: by the document at
    /// `/.well-known/openid-configuration` below its name. That document must name the very same
    /// issuer, and so must every token.
    ///
    /// An issuer that writes another name there, as those for many tenants do, is not found so: take
    /// its key set by [`url`](Self::url), and check the token's issuer yourself.
    ///
    /// # Errors
    ///
    /// As [`url`](Self::url), and if the name has a query.
    pub fn discover(issuer: impl AsRef<str>) -> Result<Self, ConfigError> {
        Ok(Self::at(Location::openid(issuer.as_ref())?))
    }

    /// The same as [`discover`](Self::discover), by RFC 8414: the document is at
    /// `/.well-known/oauth-authorization-server` on the issuer's host, with the path of its name
    /// after it.
    ///
    /// # Errors
    ///
    /// As [`discover`](Self::discover).
    pub fn discover_oauth(issuer: impl AsRef<str>) -> Result<Self, ConfigError> {
        Ok(Self::at(Location::oauth(issuer.as_ref())?))
    }

    /// The algorithms that tokens may be signed with; `RS256`, `ES256` and `EdDSA`, unless said.
    ///
    /// # Errors
    ///
    /// If there is none, or one with a secret instead of a public key.
    pub fn algorithms(
        self,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Self, ConfigError> {
        let algorithms = settings::algorithms(algorithms)?;
        Ok(self.change(|settings| settings.algorithms = algorithms))
    }

    /// What fetches; [`HttpsTransport::new`], unless said. For a loopback address without TLS, that
    /// default trusts no certificate authority.
    pub fn transport(self, transport: impl FetchKeys) -> Self {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        self.change(|settings| settings.transport = Some(transport))
    }

    /// How long a fetch may take, with discovery and all; 10 seconds, unless said.
    ///
    /// # Errors
    ///
    /// If it is outside 10 milliseconds to a minute.
    pub fn timeout(self, timeout: Duration) -> Result<Self, ConfigError> {
        let range = Duration::from_millis(10)..=Duration::from_secs(60);
        let timeout = within("the timeout", timeout, &range)?;
        Ok(self.change(|settings| settings.timeout = timeout))
    }

    /// The most bytes of a document; 1 MiB, unless said.
    ///
    /// # Errors
    ///
    /// If it is outside 1 KiB to 16 MiB.
    pub fn max_length(self, bytes: usize) -> Result<Self, ConfigError> {
        let bytes = within("the length", bytes, &(1024..=16 * 1024 * 1024))?;
        Ok(self.change(|settings| settings.max_length = bytes))
    }

    /// How long keys are fresh when the provider does not say; 10 minutes, unless said. It is
    /// brought within the bounds of [`fresh_within`](Self::fresh_within).
    pub fn fresh_for(self, time: Duration) -> Self {
        self.change(|settings| settings.fresh_for = time)
    }

    /// The bounds of what the provider may say of how long its keys are fresh; a minute to an hour,
    /// unless said.
    ///
    /// # Errors
    ///
    /// If the range is empty, or begins below a second.
    pub fn fresh_within(self, range: RangeInclusive<Duration>) -> Result<Self, ConfigError> {
        within(
            "the shortest fresh time",
            *range.start(),
            &(Duration::from_secs(1)..=*range.end()),
        )?;
        Ok(self.change(|settings| settings.fresh_within = range))
    }

    /// How long after a fetch tokens with an unknown `kid` do not cause another; 30 seconds, unless
    /// said.
    ///
    /// # Errors
    ///
    /// If it is less than a second.
    pub fn cooldown(self, time: Duration) -> Result<Self, ConfigError> {
        let range = Duration::from_secs(1)..=Duration::MAX;
        let time = within("the cooldown", time, &range)?;
        Ok(self.change(|settings| settings.cooldown = time))
    }

    /// How long keys that are no longer fresh are used while no others can be had; 24 hours, unless
    /// said. It is `stale-if-error` of RFC 5861, section 4. With zero, requests wait for every
    /// fetch, and are answered 503 as soon as one fails.
    pub fn keep_for(self, time: Duration) -> Self {
        self.change(|settings| settings.keep_for = time)
    }

    /// Fetches the keys, unless there are fresh ones: when the program starts, say, so that it need
    /// not go on without them.
    ///
    /// After a failure, it fails again until the next try is due.
    ///
    /// # Errors
    ///
    /// If the keys can't be fetched.
    pub async fn prefetch(&self) -> Result<(), JwksError> {
        if self.0.is_fresh() {
            return Ok(());
        }
        match self.0.wish(Why::Age) {
            Wish::Wait(flight) => flight.landed().await,
            Wish::Recent => Ok(()),
            Wish::Failed(error) => Err(error),
        }
    }

    /// How it stands with the keys.
    #[must_use]
    pub fn status(&self) -> JwksStatus {
        self.0.status()
    }

    /// A number that changes when a key has gone or is another; none, while there are no keys that
    /// may be used. Whoever remembers that a token was verified must verify it again then. It stays
    /// when keys are added, and when the same are fetched again.
    ///
    /// If the keys are not fresh, a fetch begins.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.0.keys().map(|snapshot| snapshot.generation)
    }

    /// The issuer's name, where it is known.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.0.settings.location.name()
    }

    /// Makes what fetches, so that the program learns at start if it can't be.
    pub(super) fn open(&self) -> Result<(), ConfigError> {
        self.0.transport().map(|_| ())
    }

    fn at(location: Location) -> Self {
        Self(Arc::new(Shared::new(Settings::new(location))))
    }

    /// With other settings, it begins anew: clones made before keep their keys to themselves.
    fn change(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.0.settings.clone();
        change(&mut settings);
        Self(Arc::new(Shared::new(settings)))
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.0.settings;
        f.debug_struct("Jwks")
            .field("keys", &settings.location.shown())
            .field("algorithms", &settings.algorithms)
            .finish_non_exhaustive()
    }
}
