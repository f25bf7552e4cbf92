//! The documents of an identity provider, fetched and read: the metadata of an issuer, and its key
//! set.

use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{
    error::JwksError,
    options::{JwksOptions, Location, PlainHttp, check_url, is_plain},
    transport::{Fetched, Transport},
};
use crate::layers::auth::jwt::{
    jws::json_object,
    keys::{
        JwkList, JwkParameters, JwkSet, JwtAlgorithm, JwtKey, VerifyingKey, is_secret, read_jwk,
    },
};

async fn document(
    options: &JwksOptions,
    transport: &dyn Transport,
    uri: &Uri,
) -> Result<Fetched, JwksError> {
    let max_length = options.max_length;
    let fetched = transport.fetch(uri, max_length).await;
    let fetched = fetched.map_err(JwksError::of_transport)?;
    if fetched.body.len() > max_length {
        return Err(JwksError::TooLong(max_length));
    }
    Ok(fetched)
}

/// The address of an issuer's key set, from its metadata (OIDC Discovery 1.0, section 3; RFC 8414,
/// section 2).
///
/// The metadata must name this issuer; otherwise anyone who can publish below another path of the
/// host could supply keys (RFC 8414, sections 3.3 and 6.2). An encrypted connection never leads to an
/// unencrypted one.
fn jwks_uri(
    body: &[u8],
    issuer: &str,
    from: &Uri,
    plain_http: PlainHttp,
) -> Result<Uri, JwksError> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: String,
    }

    let metadata: Metadata = parse(body, "the metadata of an issuer")?;
    if metadata.issuer != issuer {
        return Err(JwksError::Issuer);
    }
    let uri = check_url(&metadata.jwks_uri, plain_http).map_err(JwksError::Location)?;
    if is_plain(&uri) && !is_plain(from) {
        return Err(JwksError::Location("it is `http`, and the issuer is not"));
    }
    Ok(uri)
}

/// The maximum number of usable keys. A token without a `kid` is verified with each of its algorithm.
const MAX_USABLE_KEYS: usize = 32;

/// The usable keys of a key set (RFC 7517, section 5).
pub(super) struct UsableKeys {
    /// One for each algorithm of each key.
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) identities: Vec<KeyIdentity>,
    pub(super) skipped: SkippedKeys,
}

/// What distinguishes a key from others.
#[derive(Debug, PartialEq)]
pub(super) struct KeyIdentity {
    id: Option<String>,
    algorithms: Vec<JwtAlgorithm>,
    parameters: JwkParameters,
}

/// The numbers of unusable keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SkippedKeys {
    /// Secrets, which must not be published.
    pub(super) secret: usize,
    /// Those for other algorithms or purposes, of unknown types, or malformed.
    pub(super) other: usize,
}

impl SkippedKeys {
    pub(super) const fn total(self) -> usize {
        self.secret.saturating_add(self.other)
    }
}

impl UsableKeys {
    /// Fetches a key set within the timeout, and how long it is fresh. The metadata of an issuer is
    /// fetched each time, because the address may change.
    pub(super) async fn fetch(
        options: &JwksOptions,
        transport: &dyn Transport,
    ) -> Result<(Self, Duration), JwksError> {
        let key_set = async {
            match &options.location {
                Location::Keys(uri) => document(options, transport, uri).await,
                Location::Issuer { name, metadata } => {
                    let fetched = document(options, transport, metadata).await?;
                    let plain_http = options.plain_http;
                    let uri = jwks_uri(&fetched.body, name, metadata, plain_http)?;
                    document(options, transport, &uri).await
                }
            }
        };
        let fetched = timeout(options.timeout, key_set).await;
        let fetched = fetched.map_err(|_elapsed| JwksError::TimedOut(options.timeout))??;
        let keys = Self::parse(&fetched.body, &options.algorithms)?;
        Ok((keys, options.freshness(fetched.max_age)))
    }

    /// Reads the keys for the allowed algorithms. Keys that are not understood or not meant for them
    /// are skipped.
    pub(super) fn parse(body: &[u8], allowed: &[JwtAlgorithm]) -> Result<Self, JwksError> {
        let JwkSet { keys } = parse(body, "a key set")?;
        if keys.count > JwkList::MAX_KEYS {
            return Err(JwksError::TooManyKeys);
        }
        let mut usable = Self {
            keys: Vec::new(),
            identities: Vec::new(),
            skipped: SkippedKeys::default(),
        };
        for key in keys.first {
            usable.add(key, allowed);
            if usable.identities.len() > MAX_USABLE_KEYS {
                return Err(JwksError::TooManyKeys);
            }
        }
        if usable.identities.is_empty() {
            return Err(JwksError::NoKey(usable.skipped.total()));
        }
        Ok(usable)
    }

    fn add(&mut self, key: &RawValue, allowed: &[JwtAlgorithm]) {
        // A symmetric or private key: anyone who reads the set could sign with it.
        if is_secret(key) {
            self.skipped.secret = self.skipped.secret.saturating_add(1);
            return;
        }
        let jwk = read_jwk(key);
        let fitting = jwk.and_then(|jwk| Some((JwtKey::fitting(allowed, &jwk).ok()?, jwk)));
        let Some((keys, jwk)) = fitting else {
            self.skipped.other = self.skipped.other.saturating_add(1);
            return;
        };
        self.identities.push(KeyIdentity {
            id: jwk.kid,
            algorithms: keys.iter().map(JwtKey::algorithm).collect(),
            parameters: jwk.parameters,
        });
        let keys = keys.into_iter().map(JwtKey::into_verifying_key);
        self.keys.extend(keys);
    }
}

/// Parses a JSON object. The error says where it is malformed, and does not quote it.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8], what: &'static str) -> Result<T, JwksError> {
    let malformed = |message| JwksError::Malformed(what, message);
    let json = json_object(body).ok_or_else(|| malformed("not a JSON object".to_owned()))?;
    serde_json::from_str(json).map_err(|error| {
        let kind = if error.is_data() {
            "unexpected content"
        } else {
            "invalid JSON"
        };
        let (line, column) = (error.line(), error.column());
        malformed(format!("{kind} at line {line} column {column}"))
    })
}
