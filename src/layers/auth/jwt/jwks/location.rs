//! Says where keys are fetched from, and from where they never are.

use std::net::IpAddr;

use http::{Uri, uri::Scheme};

use crate::wire::ConfigError;

/// Where keys are.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// The address of the key set.
    Keys(Uri),
    /// What an issuer says of itself, its key set's address too.
    Issuer { name: String, metadata: Uri },
}

impl Location {
    /// A key set's address.
    pub(super) fn keys(url: &str) -> Result<Self, ConfigError> {
        Ok(Self::Keys(checked(url)?))
    }

    /// An issuer whose metadata lies below it (OIDC Discovery 1.0, section 4.1).
    pub(super) fn openid(issuer: &str) -> Result<Self, ConfigError> {
        check_issuer(issuer)?;
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        Self::issuer(issuer, &format!("{base}/.well-known/openid-configuration"))
    }

    /// An issuer whose metadata lies at the root of its host (RFC 8414, section 3.1).
    pub(super) fn oauth(issuer: &str) -> Result<Self, ConfigError> {
        let uri = check_issuer(issuer)?;
        let path = uri.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let host = host(&uri);
        Self::issuer(
            issuer,
            &format!("{host}/.well-known/oauth-authorization-server{path}"),
        )
    }

    fn issuer(name: &str, metadata: &str) -> Result<Self, ConfigError> {
        Ok(Self::Issuer {
            name: name.to_owned(),
            metadata: checked(metadata)?,
        })
    }

    /// The first address that is fetched.
    pub(super) const fn uri(&self) -> &Uri {
        match self {
            Self::Keys(uri) | Self::Issuer { metadata: uri, .. } => uri,
        }
    }

    /// The issuer's name, where it is known.
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

/// Whether a connection is not encrypted, which only a loopback address may have.
pub(super) fn is_plain(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTP)
}

/// An address that keys may be fetched from, or what is wrong with it.
pub(super) fn check(url: &str) -> Result<Uri, &'static str> {
    // `Uri` drops it silently.
    if url.contains('#') {
        return Err("it has a fragment");
    }
    let uri: Uri = url.parse().map_err(|_no_uri| "it is not an address")?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err("it is not an absolute address");
    };
    if authority.as_str().contains('@') {
        return Err("it holds a user's name");
    }
    if *scheme == Scheme::HTTPS {
        return Ok(uri);
    }
    if *scheme != Scheme::HTTP {
        return Err("it is not `https`");
    }
    if !is_loopback(authority.host()) {
        return Err("it is `http`, which only a loopback address may be: use `https`");
    }
    Ok(uri)
}

fn checked(url: &str) -> Result<Uri, ConfigError> {
    check(url).map_err(|wrong| error(format!("keys can't be fetched from this address: {wrong}")))
}

/// An issuer is an address without query and fragment (RFC 8414, section 2).
fn check_issuer(issuer: &str) -> Result<Uri, ConfigError> {
    if issuer.contains('?') {
        return Err(error("an issuer has no query".to_owned()));
    }
    checked(issuer)
}

fn is_loopback(host: &str) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = address.unwrap_or(host).parse::<IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

fn host(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    format!("{scheme}://{authority}")
}

pub(super) fn error(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Jwks", message)
}

#[cfg(test)]
mod tests {
    use super::{Location, check};

    #[test]
    fn fetches_by_https_or_from_loopback() {
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
            assert!(check(url).is_ok(), "{url}");
        }
        let wrong = [
            "http://id.example.com/keys",
            "http://192.0.2.7/keys",
            "http://10.0.0.1/keys",
            "http://[::ffff:127.0.0.1]/keys",
            "http://[2001:db8::1]/keys",
            "http://127.1/keys",
            "http://localhost.example.com/keys",
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
            assert!(check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn finds_the_metadata_of_an_issuer() {
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
            assert_eq!(Location::openid(issuer).unwrap().uri(), openid, "{issuer}");
            assert_eq!(Location::oauth(issuer).unwrap().uri(), oauth, "{issuer}");
        }
        for issuer in [
            "https://id.example.com?x=1",
            "https://id.example.com/#",
            "http://a.b",
        ] {
            assert!(Location::openid(issuer).is_err(), "{issuer}");
            assert!(Location::oauth(issuer).is_err(), "{issuer}");
        }
    }
}
