//! Where a request's key is, whether it is well-formed, and the answers to refused keys.

use std::{str, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    key::{ApiKeyFormat, ApiKeyHash},
    refusal::{ApiKeyRefusal, Refusals},
};
use crate::{
    contract::description::{Answer, Carrier},
    layers::auth::{Details, Refusal, Verdict, scheme::join_challenges},
    wire::{
        ConfigError,
        field::{
            Challenge, Repeated,
            authorization::{Credentials, all_credentials, credentials, is_token68},
            only_line,
        },
    },
};

/// Where keys are sent, which format they have, and the answers to refused keys.
#[derive(Clone)]
pub(super) struct KeySource {
    pub(super) header: HeaderName,
    pub(super) locations: KeyLocations,
    pub(super) format: Option<ApiKeyFormat>,
    /// Whether bearer tokens without the prefix of the format are left to other schemes.
    pub(super) own_prefix_only: bool,
    pub(super) max_length: usize,
    pub(super) realm: String,
    answers: Answers,
    bearer: Arc<str>,
}

/// Where keys may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyLocations {
    Field,
    Bearer,
    Either,
}

/// Where a request's key was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Field,
    Bearer,
}

/// A well-formed key of a request: its characters, length and format are right, so it may be looked
/// up.
pub(super) struct Presented<'a> {
    pub(super) hash: ApiKeyHash,
    /// Empty if there is no format.
    pub(super) id: &'a str,
}

impl KeySource {
    pub(super) fn new(format: Option<ApiKeyFormat>) -> Self {
        Self {
            header: HeaderName::from_static("x-api-key"),
            locations: KeyLocations::Field,
            format,
            own_prefix_only: false,
            max_length: 256,
            realm: "api".to_owned(),
            answers: Answers::new(
                HeaderValue::from_static(r#"ApiKey realm="api", header="x-api-key""#),
                HeaderValue::from_static(r#"Bearer realm="api""#),
            ),
            bearer: "Bearer".into(),
        }
    }

    /// The same source with its answers rebuilt for the realm and header.
    pub(super) fn with_answers(mut self) -> Result<Self, ConfigError> {
        // No scheme is registered for keys in a custom field. `ApiKey` is our own: it tells people
        // where to put the key.
        let in_field = Challenge::new("ApiKey")?
            .parameter("realm", &self.realm)?
            .parameter("header", self.header.as_str())?;
        let as_bearer = Challenge::new("Bearer")?.parameter("realm", &self.realm)?;
        self.answers = Answers::new(in_field.into(), as_bearer.into());
        Ok(self)
    }

    /// The only key of a request and where it is; `None` if there is no key.
    ///
    /// A request with two keys is refused even if they are equal: another server on the path may have
    /// read either of them.
    pub(super) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(Place, &'a [u8])>, Refusal> {
        let several = |place| self.refusal(place, ApiKeyRefusal::SeveralKeys);
        let field = match self.locations {
            KeyLocations::Bearer => None,
            KeyLocations::Field | KeyLocations::Either => {
                only_line(headers, &self.header).map_err(|Repeated| several(Place::Field))?
            }
        };
        let bearer = match self.locations {
            KeyLocations::Field => None,
            KeyLocations::Bearer | KeyLocations::Either => match credentials(headers, "Bearer") {
                Credentials::Token(key) if self.is_own(key) => Some(key),
                Credentials::Repeated
                    if all_credentials(headers, "Bearer").any(|key| self.is_own(key)) =>
                {
                    return Err(several(Place::Bearer));
                }
                _ => None,
            },
        };
        match (field, bearer) {
            (Some(_), Some(_)) => Err(several(Place::Field)),
            (Some(key), None) => Ok(Some((Place::Field, key.as_bytes()))),
            (None, key) => Ok(key.map(|key| (Place::Bearer, key))),
        }
    }

    /// Whether a bearer token is an API key, and not a token of another scheme.
    fn is_own(&self, token: &[u8]) -> bool {
        let format = self.format.as_ref().filter(|_| self.own_prefix_only);
        format.is_none_or(|format| format.is_prefix_of(token))
    }

    /// Checks everything about a key that can be checked without a lookup.
    pub(super) fn parse<'a>(&self, key: &'a [u8]) -> Result<Presented<'a>, ApiKeyRefusal> {
        if key.len() > self.max_length {
            return Err(ApiKeyRefusal::TooLong);
        }
        // A proxy may join two field lines into a list, which is not a single token either.
        if !is_token68(key) {
            return Err(ApiKeyRefusal::Unreadable);
        }
        let text = str::from_utf8(key).or(Err(ApiKeyRefusal::Unreadable))?;
        let id = self.format.as_ref().map(|format| format.id(text));
        Ok(Presented {
            id: id.transpose()?.unwrap_or_default(),
            hash: ApiKeyHash::digest(key),
        })
    }

    /// The challenge to a request without a key.
    pub(super) fn challenge(&self) -> HeaderValue {
        let in_field = self.answers.in_field.challenge();
        let as_bearer = self.answers.as_bearer.challenge();
        match self.locations {
            KeyLocations::Field => in_field.clone(),
            KeyLocations::Bearer => as_bearer.clone(),
            KeyLocations::Either => join_challenges(in_field, as_bearer),
        }
    }

    /// The places where a key may be.
    pub(super) fn carriers(&self) -> impl Iterator<Item = Carrier> {
        let field = Carrier::Header(self.header.clone());
        let bearer = Carrier::Authorization("Bearer".into());
        let (field, bearer) = match self.locations {
            KeyLocations::Field => (Some(field), None),
            KeyLocations::Bearer => (None, Some(bearer)),
            KeyLocations::Either => (Some(field), Some(bearer)),
        };
        field.into_iter().chain(bearer)
    }

    /// The answer to malformed keys.
    pub(super) fn malformed(&self) -> Answer {
        let place = match self.locations {
            KeyLocations::Field => Place::Field,
            KeyLocations::Bearer | KeyLocations::Either => Place::Bearer,
        };
        Answer::of(self.refusal(place, ApiKeyRefusal::SeveralKeys).problem())
            .or(self.refusal(place, ApiKeyRefusal::Unreadable).problem())
    }

    /// The verdict on a valid key of this principal. For a bearer token, it names the scheme if keys may
    /// also be in their own field, because the challenge then names the scheme of the field first.
    pub(super) fn verified<P>(&self, place: Place, principal: P) -> Verdict<P> {
        match (place, self.locations) {
            (Place::Bearer, KeyLocations::Either) => {
                Verdict::VerifiedWith(principal, Details::new().scheme(Arc::clone(&self.bearer)))
            }
            _ => Verdict::Verified(principal),
        }
    }

    /// The answer to a key in this place that is refused for this reason.
    pub(super) fn refusal(&self, place: Place, reason: ApiKeyRefusal) -> Refusal {
        let answers = &self.answers;
        let answers = match (place, self.locations) {
            (Place::Field, KeyLocations::Either) => &answers.in_field_or_bearer,
            (Place::Bearer, KeyLocations::Either) => &answers.as_bearer_or_in_field,
            (Place::Field, _) => &answers.in_field,
            (Place::Bearer, _) => &answers.as_bearer,
        };
        answers.of(reason)
    }
}

/// The answers for each place of a key, as the only place or as one of two.
#[derive(Clone)]
struct Answers {
    in_field: Refusals,
    as_bearer: Refusals,
    in_field_or_bearer: Refusals,
    as_bearer_or_in_field: Refusals,
}

impl Answers {
    fn new(in_field: HeaderValue, as_bearer: HeaderValue) -> Self {
        let in_field = Refusals::in_field(in_field);
        let as_bearer = Refusals::as_bearer(as_bearer);
        Self {
            in_field_or_bearer: in_field.with_challenge_of(&as_bearer),
            as_bearer_or_in_field: as_bearer.with_challenge_of(&in_field),
            in_field,
            as_bearer,
        }
    }
}
