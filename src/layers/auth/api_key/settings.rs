//! Holds the settings of an `ApiKey`, and judges the form of keys by them.

use std::str;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    format::ApiKeyFormat,
    hash::ApiKeyHash,
    lookup::Presented,
    refusal::{ApiKeyRefusal, Refusals},
    source::{self, Place, Places},
};
use crate::{
    layers::auth::{Refusal, or},
    wire::{
        ConfigError,
        field::{Challenge, authorization::is_token68},
    },
};

/// Where keys stand, what form they have, and what is answered about them.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) name: HeaderName,
    pub(super) places: Places,
    pub(super) format: Option<ApiKeyFormat>,
    /// Whether bearer tokens that do not begin as keys do are left to others.
    pub(super) own_prefix_only: bool,
    pub(super) max_length: usize,
    pub(super) realm: String,
    answers: Answers,
}

impl Settings {
    pub(super) fn new(format: Option<ApiKeyFormat>) -> Self {
        Self {
            name: HeaderName::from_static("x-api-key"),
            places: Places::Field,
            format,
            own_prefix_only: false,
            max_length: 256,
            realm: "api".to_owned(),
            answers: Answers::new(
                HeaderValue::from_static(r#"ApiKey realm="api", header="x-api-key""#),
                HeaderValue::from_static(r#"Bearer realm="api""#),
            ),
        }
    }

    /// The settings with the answers that fit their realm and name.
    pub(super) fn answering(mut self) -> Result<Self, ConfigError> {
        // No scheme is registered for keys in a field of their own: this one is ours, and says
        // where the key belongs.
        let in_field = Challenge::new("ApiKey")?.parameter("realm", &self.realm)?;
        let in_field = in_field.parameter("header", self.name.as_str())?;
        let as_bearer = Challenge::new("Bearer")?.parameter("realm", &self.realm)?;
        self.answers = Answers::new(in_field.into(), as_bearer.into());
        Ok(self)
    }

    /// The key of a request, as it is, and where it stands.
    pub(super) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(Place, &'a [u8])>, Refusal> {
        let begins = |token: &[u8]| {
            let format = self.format.as_ref().filter(|_| self.own_prefix_only);
            format.is_none_or(|format| format.begins(token))
        };
        source::key(headers, &self.name, self.places, begins)
            .map_err(|(place, reason)| self.refusal(place, reason))
    }

    /// A key that may be looked up: all that can be known of it without a question is right.
    pub(super) fn read<'a>(&self, key: &'a [u8]) -> Result<Presented<'a>, ApiKeyRefusal> {
        if key.len() > self.max_length {
            return Err(ApiKeyRefusal::TooLong);
        }
        // So is a list, which is what a proxy may make of two field lines.
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

    /// What a request without a key is told.
    pub(super) fn challenge(&self) -> HeaderValue {
        let Answers {
            in_field,
            as_bearer,
            ..
        } = &self.answers;
        match self.places {
            Places::Field => in_field.challenge().clone(),
            Places::Bearer => as_bearer.challenge().clone(),
            Places::Either => or::join(in_field.challenge(), as_bearer.challenge()),
        }
    }

    /// The answer for this reason to a request whose key stands here.
    pub(super) fn refusal(&self, place: Place, reason: ApiKeyRefusal) -> Refusal {
        let answers = &self.answers;
        let answers = match (place, self.places) {
            (Place::Field, Places::Either) => &answers.in_field_of_two,
            (Place::Bearer, Places::Either) => &answers.as_bearer_of_two,
            (Place::Field, _) => &answers.in_field,
            (Place::Bearer, _) => &answers.as_bearer,
        };
        answers.of(reason)
    }
}

/// The answers for each place where a key may stand, alone or as one of two.
#[derive(Clone)]
struct Answers {
    in_field: Refusals,
    as_bearer: Refusals,
    in_field_of_two: Refusals,
    as_bearer_of_two: Refusals,
}

impl Answers {
    fn new(in_field: HeaderValue, as_bearer: HeaderValue) -> Self {
        let in_field = Refusals::in_field(in_field);
        let as_bearer = Refusals::as_bearer(as_bearer);
        Self {
            in_field_of_two: in_field.beside(&as_bearer),
            as_bearer_of_two: as_bearer.beside(&in_field),
            in_field,
            as_bearer,
        }
    }
}
