//! The options of a [`Jwks`](super::Jwks): where keys are fetched from, and how.

use std::{borrow::Cow, fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use super::transport::{HttpsTransport, Transport};
use crate::{
    layers::auth::jwt::keys::JwtAlgorithm,
    support::clock::Clock,
    wire::{ConfigError, field::origin::is_loopback_address},
};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(super) struct JwksOptions {
    pub(super) location: Location,
    pub(super) plain_http: PlainHttp,
    pub(super) algorithms: Vec<JwtAlgorithm>,
    pub(super) transport: Option<Arc<dyn Transport>>,
    pub(super) timeout: Duration,
    pub(super) max_length: usize,
    pub(super) fresh_for: Duration,
    pub(super) fresh_within: RangeInclusive<Duration>,
    pub(super) cooldown: Duration,
    pub(super) keep_for: Duration,
    /// Without one, tokio's.
    pub(super) clock: Option<Clock>,
}

impl JwksOptions {
    pub(super) fn new(location: Location, plain_http: PlainHttp) -> Self {
        Self {
            location,
            plain_http,
            algorithms: vec![
                JwtAlgorithm::RS256,
                JwtAlgorithm::ES256,
                JwtAlgorithm::EdDSA,
            ],
            transport: None,
            timeout: Duration::from_secs(10),
            max_length: 1024 * 1024,
            fresh_for: 10 * MINUTE,
            fresh_within: MINUTE..=60 * MINUTE,
            cooldown: Duration::from_secs(30),
            keep_for: 24 * 60 * MINUTE,
            clock: None,
        }
    }

    /// Whether a token's `alg` is allowed.
    pub(super) fn allows(&self, alg: &str) -> bool {
        let mut allowed = self.algorithms.iter();
        allowed.any(|allowed| allowed.is_named(alg))
    }

    /// The transport, unless another is set. For an address without TLS it trusts no certificate
    /// authority.
    pub(super) fn default_transport(&self) -> Result<HttpsTransport, ConfigError> {
        match (
            is_plain(self.location.uri()),
            &self.location,
            self.plain_http,
        ) {
            (false, ..) => HttpsTransport::new(),
            // Its metadata may lead to an `https` address.
            (true, Location::Issuer { .. }, PlainHttp::Everywhere) => {
                HttpsTransport::new().or_else(|_no_roots| HttpsTransport::without_roots())
            }
            (true, ..) => HttpsTransport::without_roots(),
        }
    }

    /// How long keys are fresh whose response has this `max-age`.
    pub(super) fn freshness(&self, max_age: Option<Duration>) -> Duration {
        let (min, max) = (*self.fresh_within.start(), *self.fresh_within.end());
        max_age.unwrap_or(self.fresh_for).min(max).max(min)
    }
}

/// Removes duplicates, and rejects algorithms without public keys.
pub(super) fn algorithms(
    given: impl IntoIterator<Item = JwtAlgorithm>,
) -> Result<Vec<JwtAlgorithm>, ConfigError> {
    let mut algorithms = Vec::new();
    for algorithm in given {
        if algorithm.secret_length().is_some() {
            let message = format!(
                "{algorithm:?} uses a secret, and secrets are never fetched: list algorithms with \
                 public keys"
            );
            return Err(error(message));
        }
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    if algorithms.is_empty() {
        return Err(error("at least one algorithm is required to verify tokens"));
    }
    Ok(algorithms)
}

/// Rejects a value outside a range.
pub(super) fn within<T: PartialOrd + fmt::Debug>(
    what: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (min, max) = (range.start(), range.end());
    Err(error(format!(
        "{what} must be {min:?} to {max:?}, not {value:?}"
    )))
}

/// Where keys are fetched from.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// The address of the key set.
    Keys(Uri),
    /// The address of an issuer's metadata, which contains that of its key set.
    Issuer { name: String, metadata: Uri },
}

/// Which addresses may be fetched from without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainHttp {
    Loopback,
    /// Any: the application says that the network is trusted.
    Everywhere,
}

impl Location {
    pub(super) fn keys(url: &str, plain_http: PlainHttp) -> Result<Self, ConfigError> {
        Ok(Self::Keys(checked(url, plain_http)?))
    }

    /// An issuer whose metadata is below its name (OIDC Discovery 1.0, section 4.1).
    pub(super) fn openid(issuer: &str, plain_http: PlainHttp) -> Result<Self, ConfigError> {
        check_issuer(issuer, plain_http)?;
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let metadata = format!("{base}/.well-known/openid-configuration");
        Self::issuer(issuer, &metadata, plain_http)
    }

    /// An issuer whose metadata is at the root of its host (RFC 8414, section 3.1).
    pub(super) fn oauth(issuer: &str, plain_http: PlainHttp) -> Result<Self, ConfigError> {
        let uri = check_issuer(issuer, plain_http)?;
        let path = uri.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let host = host(&uri);
        let metadata = format!("{host}/.well-known/oauth-authorization-server{path}");
        Self::issuer(issuer, &metadata, plain_http)
    }

    fn issuer(name: &str, metadata: &str, plain_http: PlainHttp) -> Result<Self, ConfigError> {
        Ok(Self::Issuer {
            name: name.to_owned(),
            metadata: checked(metadata, plain_http)?,
        })
    }

    /// The address that is fetched first.
    pub(super) const fn uri(&self) -> &Uri {
        match self {
            Self::Keys(uri) | Self::Issuer { metadata: uri, .. } => uri,
        }
    }

    /// The issuer's name, if it is known.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Keys(_) => None,
            Self::Issuer { name, .. } => Some(name),
        }
    }

    /// The address without its query, which may hold a secret.
    pub(super) fn shown(&self) -> String {
        let uri = self.uri();
        format!("{}{}", host(uri), uri.path())
    }
}

/// Whether connections are not encrypted.
pub(super) fn is_plain(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTP)
}

/// An address that keys may be fetched from; otherwise why not.
pub(super) fn check_url(url: &str, plain_http: PlainHttp) -> Result<Uri, &'static str> {
    // `Uri` silently drops it.
    if url.contains('#') {
        return Err("it has a fragment");
    }
    let uri: Uri = url.parse().map_err(|_invalid| "it is not a valid URL")?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err("it is not an absolute URL");
    };
    if authority.as_str().contains('@') {
        return Err("it contains a user name");
    }
    if *scheme == Scheme::HTTPS {
        return Ok(uri);
    }
    if *scheme != Scheme::HTTP {
        return Err("it is not `https`");
    }
    if plain_http == PlainHttp::Everywhere {
        return Ok(uri);
    }
    let host = authority.host();
    // Names under `localhost` may be resolved by DNS here, so only the name itself is accepted.
    if !host.eq_ignore_ascii_case("localhost") && !is_loopback_address(host) {
        return Err(PLAIN);
    }
    Ok(uri)
}

const PLAIN: &str = "it is `http`, which is allowed for loopback addresses only: use `https`";

fn checked(url: &str, plain_http: PlainHttp) -> Result<Uri, ConfigError> {
    check_url(url, plain_http).map_err(|wrong| {
        let wayout = if wrong == PLAIN {
            ", or `dangerously_url_over_http` and its siblings inside a network that you trust"
        } else {
            ""
        };
        error(format!(
            "keys can't be fetched from this URL: {wrong}{wayout}"
        ))
    })
}

/// An issuer is a URL without query and fragment (RFC 8414, section 2).
fn check_issuer(issuer: &str, plain_http: PlainHttp) -> Result<Uri, ConfigError> {
    if issuer.contains('?') {
        return Err(error("an issuer must not have a query".to_owned()));
    }
    checked(issuer, plain_http)
}

fn host(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", Authority::as_str);
    format!("{scheme}://{authority}")
}

pub(super) fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Jwks", message)
}

#[cfg(test)]
mod tests {
    use super::{Location, PlainHttp, check_url};

    const STRICT: PlainHttp = PlainHttp::Loopback;

    #[test]
    fn accepts_https_and_loopback_addresses() {
        let right = [
            "https://id.example.com",
            "https://id.example.com:8443/keys?tenant=7",
            "https://192.0.2.7/keys",
            "http://127.0.0.1:3000/keys",
            "http://127.8.9.10/keys",
            "http://[::1]:3000/keys",
            "http://localhost/keys",
            "http://LocalHost:80/keys",
        ];
        for url in right {
            assert!(check_url(url, STRICT).is_ok(), "{url}");
        }
        let plain = [
            "http://id.example.com/keys",
            "http://192.0.2.7/keys",
            "http://10.0.0.1/keys",
            "http://[::ffff:127.0.0.1]/keys",
            "http://[2001:db8::1]/keys",
            "http://127.1/keys",
            "http://localhost.example.com/keys",
        ];
        for url in plain {
            assert!(check_url(url, STRICT).is_err(), "{url}");
            assert!(check_url(url, PlainHttp::Everywhere).is_ok(), "{url}");
        }
        let wrong = [
            "http://localhost@id.example.com/keys",
            "https://user:password@id.example.com/keys",
            "https://id.example.com/keys#1",
            "ftp://id.example.com/keys",
            "file:///etc/keys",
            "id.example.com/keys",
            "/keys",
            "https://",
            "https://id example.com",
            "",
        ];
        for url in wrong {
            assert!(check_url(url, STRICT).is_err(), "{url}");
            assert!(check_url(url, PlainHttp::Everywhere).is_err(), "{url}");
        }
    }

    #[test]
    fn derives_the_metadata_url_of_an_issuer() {
        let cases = [
            (
                "https://id.example.com",
                "https://id.example.com/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example.com/",
                "https://id.example.com/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example.com:8443/realms/one",
                "https://id.example.com:8443/realms/one/.well-known/openid-configuration",
                "https://id.example.com:8443/.well-known/oauth-authorization-server/realms/one",
            ),
            (
                "https://id.example.com/realms/one/",
                "https://id.example.com/realms/one/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server/realms/one",
            ),
        ];
        for (issuer, openid, oauth) in cases {
            assert_eq!(
                Location::openid(issuer, STRICT).unwrap().uri(),
                openid,
                "{issuer}"
            );
            assert_eq!(
                Location::oauth(issuer, STRICT).unwrap().uri(),
                oauth,
                "{issuer}"
            );
        }
        for issuer in [
            "https://id.example.com?x=1",
            "https://id.example.com/#",
            "http://a.b",
        ] {
            assert!(Location::openid(issuer, STRICT).is_err(), "{issuer}");
            assert!(Location::oauth(issuer, STRICT).is_err(), "{issuer}");
        }
    }
}
