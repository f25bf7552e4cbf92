//! Reads the configuration from the environment.

use std::{
    env, fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use wythe::{ClientIpSource, ConfigError, Hosts, Transport, networks::Network};

use crate::{
    BoxError, admin::Admin, clock::Clock, database::DatabaseUrl, rate_limits::RateLimits,
    serve::TimeLimits,
};

/// What can be configured.
#[derive(Debug)]
pub struct Config {
    /// `HOST` and `PORT`; 127.0.0.1:3000 by default.
    pub address: SocketAddr,
    /// `OPERATION_HOST` and `OPERATION_PORT`: where metrics and health are. They are not for the public; by
    /// default, a free port of the loopback address.
    pub operation: SocketAddr,
    /// `REUSE_PORT`: whether another process may listen on the same port, for a restart without a gap.
    pub reuse_port: bool,
    /// `ALLOWED_HOSTS`: the names of the server, separated by commas: `api.example.com,*.example.net`. The
    /// names of this machine are always allowed.
    pub hosts: Hosts,
    /// `TRUSTED_PROXIES`: the addresses and networks of the proxies in front, separated by commas. They say in
    /// `X-Forwarded-For` which client a request is from, and in `X-Forwarded-Proto` whether it came over TLS. By
    /// default, the peer is the client, and only a proxy on this machine says whether TLS is used.
    pub proxies: Vec<Network>,
    /// `DATABASE_URL`: PostgreSQL, or an SQLite file. By default, the database is SQLite in memory.
    pub database_url: Option<DatabaseUrl>,
    /// `JWT_SECRET`, which signs the tokens. Random by default.
    pub secret: Secret,
    /// `STRIPE_WEBHOOK_SECRET`, with which Stripe signs events. Random by default.
    pub stripe_secret: WebhookSecret,
    /// `ADMIN_EMAIL` and `ADMIN_PASSWORD`. By default there is no admin.
    pub admin: Option<Admin>,
    /// `SECURE_COOKIES`: whether cookies are sent over HTTPS only. By default they are, unless the
    /// host is a loopback address; behind a proxy on this machine, set it to `true`.
    pub secure_cookies: bool,
    /// `WEB_DIR`: the folder `web/dist`, once the page has been built. By default there is no page.
    pub web_dir: Option<PathBuf>,
    /// `WEATHER_URL`: where the weather comes from. By default, the program starts a server of its own, which
    /// makes it up.
    pub weather_url: Option<String>,
    /// `WEATHER_KEY`: the key for it, which is sent in `X-Api-Key`.
    pub weather_key: Option<wythe::Secret>,
    /// `RATE_LIMIT_FACTOR`: how many times the usual limits on requests and on wrong passwords, for a
    /// test that sends many requests from one address. 1 by default.
    pub rate_limits: RateLimits,
    /// The source of the time: the system.
    pub clock: Clock,
    /// How long each operation may take; `DRAIN_SECONDS`, how long requests are still served when it
    /// stops. 0 by default; behind a load balancer, some seconds.
    pub time_limits: TimeLimits,
}

impl Config {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, BoxError> {
        let host = parsed("HOST")?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = parsed("PORT")?.unwrap_or(3000);
        let secret = match variable("JWT_SECRET")? {
            Some(secret) => Secret::given(secret),
            None => Secret::random()?,
        };
        let stripe_secret = match variable("STRIPE_WEBHOOK_SECRET")? {
            Some(secret) => WebhookSecret::given(secret),
            None => WebhookSecret::random()?,
        };
        let admin = match (variable("ADMIN_EMAIL")?, variable("ADMIN_PASSWORD")?) {
            (Some(email), Some(password)) => Some(Admin::new(email, password)?),
            (None, None) => None,
            _ => return Err("ADMIN_EMAIL and ADMIN_PASSWORD must be set together".into()),
        };
        Ok(Self {
            address: SocketAddr::new(host, port),
            operation: SocketAddr::new(
                parsed("OPERATION_HOST")?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                parsed("OPERATION_PORT")?.unwrap_or(0),
            ),
            reuse_port: parsed("REUSE_PORT")?.unwrap_or(false),
            hosts: hosts(variable("ALLOWED_HOSTS")?.as_deref())?,
            proxies: proxies(variable("TRUSTED_PROXIES")?.as_deref())?,
            database_url: variable("DATABASE_URL")?.map(DatabaseUrl::new),
            secret,
            stripe_secret,
            admin,
            secure_cookies: parsed("SECURE_COOKIES")?.unwrap_or(!host.is_loopback()),
            web_dir: variable("WEB_DIR")?.map(PathBuf::from),
            weather_url: variable("WEATHER_URL")?,
            weather_key: variable("WEATHER_KEY")?.map(wythe::Secret::new),
            rate_limits: parsed("RATE_LIMIT_FACTOR")?
                .map_or_else(RateLimits::default, RateLimits::times),
            clock: Clock::system(),
            time_limits: TimeLimits {
                leave: Duration::from_secs(parsed("DRAIN_SECONDS")?.unwrap_or(0)),
                ..TimeLimits::default()
            },
        })
    }
}

impl Config {
    pub(crate) fn client_ip(&self) -> Result<ClientIpSource, ConfigError> {
        match &*self.proxies {
            [] => Ok(ClientIpSource::peer()),
            proxies => ClientIpSource::x_forwarded_for(proxies),
        }
    }

    pub(crate) fn transport(&self) -> Result<Transport, ConfigError> {
        match &*self.proxies {
            [] => Transport::x_forwarded_proto(["127.0.0.0/8", "::1"]),
            proxies => Transport::x_forwarded_proto(proxies),
        }
    }
}

/// These hosts, and the names of this machine.
pub fn hosts(allowed: Option<&str>) -> Result<Hosts, ConfigError> {
    let local = ["localhost:*", "*.localhost:*", "127.0.0.1:*", "[::1]:*"];
    let allowed = allowed.into_iter().flat_map(|list| list.split(','));
    Hosts::list(local.into_iter().chain(allowed.map(str::trim)))
}

fn proxies(listed: Option<&str>) -> Result<Vec<Network>, ConfigError> {
    let listed = listed.into_iter().flat_map(|list| list.split(','));
    listed.map(|network| network.trim().parse()).collect()
}

/// The secret that signs the tokens.
pub struct Secret {
    bytes: Vec<u8>,
    random: bool,
}

impl Secret {
    /// A secret that outlives the program.
    pub fn given(secret: impl Into<Vec<u8>>) -> Self {
        let (bytes, random) = (secret.into(), false);
        Self { bytes, random }
    }

    /// A secret for this run only.
    pub fn random() -> Result<Self, BoxError> {
        let mut bytes = vec![0; 32];
        getrandom::fill(&mut bytes)?;
        let random = true;
        Ok(Self { bytes, random })
    }

    /// Whether it was generated for this run only.
    pub fn is_random(&self) -> bool {
        self.random
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

/// The secret with which another server signs events.
pub struct WebhookSecret {
    text: wythe::Secret,
    random: bool,
}

impl WebhookSecret {
    /// A secret that the other server has.
    pub fn given(secret: impl Into<String>) -> Self {
        let (text, random) = (wythe::Secret::new(secret.into()), false);
        Self { text, random }
    }

    /// A secret for this run only: nobody else can sign.
    pub fn random() -> Result<Self, BoxError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let text = format!("whsec_{:032x}", u128::from_ne_bytes(bytes));
        let (text, random) = (wythe::Secret::new(text), true);
        Ok(Self { text, random })
    }

    /// The secret, if it was generated for this run only.
    pub fn generated(&self) -> Option<&str> {
        self.random.then(|| self.text.expose())
    }

    pub(crate) fn text(&self) -> &wythe::Secret {
        &self.text
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecret").finish_non_exhaustive()
    }
}

/// A variable's value; an empty one counts as unset.
fn variable(name: &str) -> Result<Option<String>, BoxError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(format!("{name}: {error}").into()),
    }
}

fn parsed<T>(name: &str) -> Result<Option<T>, BoxError>
where
    T: std::str::FromStr<Err: fmt::Display>,
{
    let Some(value) = variable(name)? else {
        return Ok(None);
    };
    match value.parse() {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(format!("{name}={value}: {error}").into()),
    }
}
