//! Holds the settings of a `Jwt`, and verifies tokens by them.

use std::ptr;

use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::{
    cache::{Proof, Revision, Verified},
    claims,
    header::Header,
    issuer::{self, Issuer},
    key_source::Stop,
    refusal::{JwtRefusal, Refusals},
    rules::Rules,
    source::Source,
    token::Token,
};
use crate::{layers::auth::Verdict, support::clock::Clock, wire::ConfigError};

/// What a `Jwt` checks, and with what.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Another one after each change.
    pub(super) revision: Revision,
    pub(super) issuers: Vec<Issuer>,
    pub(super) rules: Rules,
    /// What `typ` may be; that of an access token, unless there is one here.
    pub(super) types: Vec<String>,
    pub(super) source: Source,
    pub(super) max_length: usize,
    pub(super) clock: Clock,
    pub(super) refusals: Refusals,
}

impl Settings {
    pub(super) fn new(issuers: Vec<Issuer>) -> Result<Self, ConfigError> {
        Ok(Self {
            revision: Revision::next(),
            issuers,
            rules: Rules::default(),
            types: Vec::new(),
            source: Source::default(),
            max_length: 8 * 1024,
            clock: Clock::default(),
            refusals: Refusals::of_realm("api".to_owned())?,
        })
    }

    /// The claims of a token that passes. After a fetch, keys are as they are.
    pub(super) fn verify<C: DeserializeOwned>(
        &self,
        token: &[u8],
        fetched: bool,
    ) -> Result<Verified<C>, Stop> {
        if token.len() > self.max_length {
            return Err(JwtRefusal::TooLong.into());
        }
        let token = Token::read(token)?;
        let issuer = issuer::of(&self.issuers, &token)?;
        let proof = self.proof(issuer);
        Header::read(token.header, |header| {
            if !self.asks_for_type_of(header) {
                return Err(JwtRefusal::Type.into());
            }
            issuer.keys.check(&token, header, fetched)
        })?;
        let (claims, window) = claims::read(
            token.claims()?,
            issuer,
            &self.rules,
            self.clock.since_epoch(),
        )?;
        Ok(Verified {
            claims,
            window,
            proof,
        })
    }

    /// What a token of this issuer is verified by, noted before its keys are asked.
    fn proof(&self, issuer: &Issuer) -> Proof {
        let at = self.issuers.iter().position(|it| ptr::eq(it, issuer));
        Proof {
            revision: self.revision,
            issuer: at.unwrap_or(usize::MAX),
            generation: issuer.keys.generation(),
        }
    }

    /// Whether the keys are those that a token was verified by.
    pub(super) fn stands(&self, proof: &Proof) -> bool {
        let issuer = self.issuers.get(proof.issuer);
        let generation = issuer.and_then(|issuer| issuer.keys.generation());
        generation.is_some() && generation == proof.generation
    }

    fn asks_for_type_of(&self, header: &Header<'_>) -> bool {
        if self.types.is_empty() {
            return header.is_of_usual_type();
        }
        self.types.iter().any(|typ| header.is_of_type(typ))
    }

    /// The answer to a request with these fields whose token is refused.
    pub(super) fn refused<P>(&self, headers: &HeaderMap, reason: JwtRefusal) -> Verdict<P> {
        Verdict::Refused(self.refusals.of(self.source.refusal(headers, reason)))
    }
}
