//! Verifies the token of a request: finds it, looks it up in the cache, parses it, chooses the
//! issuer and the key, verifies the signature, and checks and reads the claims.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};

#[cfg(feature = "jwks")]
use super::jwks::Jwks;
use super::{
    Jwt,
    cache::{Verified, VerifiedWith},
    claims::{ClaimRules, IssuerClaims, RegisteredClaims, ValidityPeriod},
    jws::{CompactJws, JoseHeader, JsonString},
    keys::KeySet,
    refusal::{BEARER, JwtRefusal, NotVerified, PreparedRefusals},
    single_pass,
    token_source::{AddedBy, TokenSource},
};
use crate::{
    contract::{
        Description, Later,
        description::{Answer, SchemeKind, SecurityScheme},
    },
    layers::auth::{Authenticate, Verdict},
    support::clock::Clock,
    wire::ConfigError,
};

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Authenticate for Jwt<C> {
    type Principal = C;

    fn challenge(&self) -> HeaderValue {
        self.verifier.refusals.challenge().clone()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<C>> {
        let verifier = &self.verifier;
        let (token, added_by) = match verifier.source.find(&head.headers) {
            Ok(None) => return Later::Ready(Verdict::Missing),
            Ok(Some(found)) => found,
            Err((reason, added_by)) => {
                return Later::Ready(verifier.refuse(&head.headers, reason, added_by));
            }
        };
        match self.claims(token, false) {
            Ok(claims) => Later::Ready(Verdict::Verified(claims)),
            Err(NotVerified::Refused(reason)) => {
                Later::Ready(verifier.refuse(&head.headers, reason, added_by))
            }
            Err(NotVerified::NeedsKeys(fetch)) => {
                let (jwt, token) = (self.clone(), token.to_vec());
                Later::pending(async move {
                    if let Err(cause) = fetch.await {
                        return Verdict::failed(jwt.verifier.source.scheme, cause);
                    }
                    match jwt.claims(&token, true) {
                        Ok(claims) => Verdict::Verified(claims),
                        Err(NotVerified::Refused(reason)) => {
                            Verdict::Refused(added_by.refusal(jwt.verifier.refusals.of(reason)))
                        }
                        Err(NotVerified::NeedsKeys(fetch)) => {
                            let cause = fetch.await.err();
                            let cause = cause.unwrap_or_else(|| {
                                "the keys were fetched, but are no longer usable".into()
                            });
                            Verdict::failed(jwt.verifier.source.scheme, cause)
                        }
                    }
                })
            }
        }
    }

    fn describe(&self, layer: Description) -> Description {
        let TokenVerifier {
            issuers,
            source,
            refusals,
            ..
        } = &*self.verifier;
        let name = source.scheme;
        let scheme = SecurityScheme::new(SchemeKind::Bearer, name).format("JWT");
        let scheme = source.carriers().fold(scheme, SecurityScheme::carrier);
        let urls = issuers
            .iter()
            .filter_map(|issuer| issuer.keys.discovery_url());
        let scheme = urls.fold(scheme, SecurityScheme::discovery_url);
        let several = refusals.of(JwtRefusal::SeveralTokens);
        let mut malformed = Answer::of(several.problem()).when("with several tokens");
        if source.reads_authorization() {
            malformed = malformed
                .or(refusals.of(JwtRefusal::Header).problem())
                .when(format!(
                    "without a token after `{name}`, or with several tokens"
                ));
        }
        let layer = layer
            .scheme(scheme)
            .reasons(StatusCode::UNAUTHORIZED, JwtRefusal::INVALID)
            .answer(malformed);
        if !issuers.iter().any(|issuer| issuer.keys.is_fetched()) {
            return layer;
        }
        let unavailable = Answer::unavailable().when("while the keys can't be fetched");
        layer.answer(unavailable)
    }
}

impl<C: DeserializeOwned + Clone> Jwt<C> {
    /// The claims of a valid token, verified now or earlier. After a fetch, no second fetch follows.
    fn claims(&self, token: &[u8], after_fetch: bool) -> Result<C, NotVerified> {
        let claims = self.cached_claims(token, after_fetch)?;
        // For every request, because the state that a check depends on may have changed.
        for check in &self.checks {
            check(&claims)?;
        }
        Ok(claims)
    }

    fn cached_claims(&self, token: &[u8], after_fetch: bool) -> Result<C, NotVerified> {
        let verifier = &self.verifier;
        let Some(cache) = &self.cache else {
            return Ok(verifier.verify(token, after_fetch)?.claims);
        };
        let now = verifier.clock.since_epoch();
        let still_holds = |with: &VerifiedWith| verifier.still_holds(with);
        let vacancy = match cache.find(token, verifier.revision, now, still_holds) {
            Ok(cached) => return Ok(cached.claims().clone()),
            Err(vacancy) => vacancy,
        };
        let verified = verifier.verify(token, after_fetch)?;
        let claims: C = C::clone(&verified.claims);
        if verified.with.generation.is_some() {
            cache.insert(vacancy, token, verified, now);
        }
        Ok(claims)
    }
}

/// The settings of a [`Jwt`].
#[derive(Clone, Debug)]
pub(super) struct TokenVerifier {
    /// The number of these settings. Each change gives them a new one, so that no `Jwt` accepts a
    /// token that another has cached.
    revision: u64,
    pub(super) issuers: Vec<Issuer>,
    pub(super) rules: ClaimRules,
    /// The accepted values of `typ`; if empty, those of access tokens.
    pub(super) types: Vec<String>,
    pub(super) source: TokenSource,
    pub(super) max_length: usize,
    pub(super) clock: Clock,
    pub(super) refusals: PreparedRefusals,
}

impl TokenVerifier {
    pub(super) fn new(issuers: Vec<Issuer>) -> Result<Self, ConfigError> {
        Ok(Self {
            revision: next_revision(),
            issuers,
            rules: ClaimRules::default(),
            types: Vec::new(),
            source: TokenSource::default(),
            max_length: 8 * 1024,
            clock: Clock::default(),
            refusals: PreparedRefusals::new(BEARER, "api".to_owned())?,
        })
    }

    /// Starts a new revision, because tokens that were verified before must be verified again.
    pub(super) fn revise(&mut self) {
        self.revision = next_revision();
    }

    fn verify<C: DeserializeOwned>(
        &self,
        token: &[u8],
        after_fetch: bool,
    ) -> Result<Verified<C>, NotVerified> {
        if token.len() > self.max_length {
            return Err(JwtRefusal::TooLong.into());
        }
        let token = CompactJws::parse(token)?;
        let (index, issuer) = self.choose_issuer(&token)?;
        // Read before the keys are used, so that the generation is never newer than the keys.
        let with = VerifiedWith {
            revision: self.revision,
            issuer: index,
            generation: issuer.keys.generation(),
        };
        token.with_header(|header| {
            if !self.accepts_type(header) {
                return Err(JwtRefusal::Type.into());
            }
            issuer.keys.verify(&token, header, after_fetch)
        })?;
        let (claims, period) = self.read_claims(token.claims()?, &issuer.claims)?;
        Ok(Verified {
            claims,
            period,
            with,
        })
    }

    /// The issuer whose key must have signed the token, and its index.
    ///
    /// Among several, it is the issuer that the token names; whether that issuer really signed the
    /// token is verified with its keys alone.
    fn choose_issuer(&self, token: &CompactJws<'_>) -> Result<(usize, &Issuer), JwtRefusal> {
        #[derive(Deserialize)]
        struct ClaimedIssuer<'a> {
            #[serde(borrow, default)]
            iss: Option<JsonString<'a>>,
        }

        if let [only] = &*self.issuers {
            return Ok((0, only));
        }
        let claimed: ClaimedIssuer<'_> =
            serde_json::from_str(token.claims()?).map_err(|_position| JwtRefusal::Malformed)?;
        let iss = claimed.iss.as_deref();
        let mut issuers = self.issuers.iter().enumerate();
        let found = issuers.find(|(_, issuer)| issuer.claims.is_named(iss));
        found.ok_or_else(|| {
            let names = self
                .issuers
                .iter()
                .map(|issuer| issuer.claims.name.as_deref());
            // If there are several issuers, each has a name.
            JwtRefusal::issuer(names.map(Option::unwrap_or_default), iss)
        })
    }

    fn accepts_type(&self, header: &JoseHeader<'_>) -> bool {
        if self.types.is_empty() {
            return header.is_access_token();
        }
        self.types.iter().any(|typ| header.has_type(typ))
    }

    /// Checks the registered claims, reads all claims as `C`, and returns the period in which they are
    /// valid.
    fn read_claims<C: DeserializeOwned>(
        &self,
        json: &str,
        issuer: &IssuerClaims,
    ) -> Result<(C, ValidityPeriod), JwtRefusal> {
        let now = self.clock.since_epoch();
        if let Some((claims, registered)) = single_pass::read(json) {
            let period = self.rules.check(json, &registered, issuer, now)?;
            return Ok((claims, period));
        }
        let registered: RegisteredClaims<'_> =
            serde_json::from_str(json).map_err(|_position| JwtRefusal::Malformed)?;
        let period = self.rules.check(json, &registered, issuer, now)?;
        let claims =
            serde_json::from_str(json).map_err(|error| JwtRefusal::claims::<C>(json, &error))?;
        Ok((claims, period))
    }

    /// Whether a cached token would be verified with the same keys now.
    fn still_holds(&self, with: &VerifiedWith) -> bool {
        let issuer = self.issuers.get(with.issuer);
        let generation = issuer.and_then(|issuer| issuer.keys.generation());
        generation.is_some() && generation == with.generation
    }

    /// The answer to a request with these headers whose token is refused.
    fn refuse<P>(&self, headers: &HeaderMap, reason: JwtRefusal, added_by: AddedBy) -> Verdict<P> {
        let refusal = self.refusals.of(self.source.refusal(headers, reason));
        Verdict::Refused(added_by.refusal(refusal))
    }
}

fn next_revision() -> u64 {
    static REVISIONS: AtomicU64 = AtomicU64::new(0);
    REVISIONS.fetch_add(1, Ordering::Relaxed)
}

/// An issuer of tokens, and its keys.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    pub(super) claims: IssuerClaims,
    pub(super) keys: KeySource,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug)]
pub(super) enum KeySource {
    /// Configured.
    Fixed(Arc<KeySet>),
    /// Fetched from an identity provider.
    #[cfg(feature = "jwks")]
    Jwks(Jwks),
}

impl KeySource {
    /// The number of the current keys; `None` while there are no keys to verify with. It changes when
    /// a key is replaced or removed, so that a token verified earlier is verified again. It changes
    /// together with the keys or after them, never before, and is read for every request, even if
    /// [`verify`](Self::verify) is not called.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(clippy::missing_const_for_fn, reason = "`jwks` loads a snapshot")
    )]
    fn generation(&self) -> Option<u64> {
        match self {
            Self::Fixed(_) => Some(0),
            #[cfg(feature = "jwks")]
            Self::Jwks(Jwks(keys)) => keys.generation(),
        }
    }

    fn verify(
        &self,
        token: &CompactJws<'_>,
        header: &JoseHeader<'_>,
        after_fetch: bool,
    ) -> Result<(), NotVerified> {
        #[cfg(not(feature = "jwks"))]
        let _ = after_fetch;
        match self {
            Self::Fixed(keys) => keys.verify(token, header).map_err(NotVerified::Refused),
            #[cfg(feature = "jwks")]
            Self::Jwks(Jwks(keys)) => keys.verify(token, header, after_fetch),
        }
    }

    /// The URL of the document in which the issuer says where its keys are.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(clippy::missing_const_for_fn, reason = "`jwks` writes the address")
    )]
    fn discovery_url(&self) -> Option<String> {
        match self {
            Self::Fixed(_) => None,
            #[cfg(feature = "jwks")]
            Self::Jwks(keys) => keys.discovery_url(),
        }
    }

    /// Whether keys are fetched, which may fail.
    const fn is_fetched(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            #[cfg(feature = "jwks")]
            Self::Jwks(_) => true,
        }
    }
}
