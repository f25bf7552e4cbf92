//! Holds what all requests of a `Sessions` share: the cookie, the times, the answers.

use http::HeaderValue;

use super::{
    SessionRefusal, refusal,
    times::{Lifetime, Times},
};
use crate::{
    layers::auth::Refusal,
    support::clock::Clock,
    wire::{ConfigError, Problem, cookies::SetCookie, field::Challenge},
};

#[derive(Clone)]
pub(super) struct Settings {
    /// Name and attributes of every cookie.
    pub(super) cookie: SetCookie,
    pub(super) realm: String,
    pub(super) lifetime: Lifetime,
    pub(super) clock: Clock,
    pub(super) challenge: HeaderValue,
    refusals: Vec<(SessionRefusal, Refusal)>,
}

impl Settings {
    pub(super) fn new() -> Result<Self, ConfigError> {
        let settings = Self {
            cookie: SetCookie::new("__Host-session", "")?,
            realm: "api".to_owned(),
            lifetime: Lifetime::default(),
            clock: Clock::default(),
            challenge: HeaderValue::from_static("Cookie"),
            refusals: Vec::new(),
        };
        settings.answering()
    }

    /// The settings with the answers that fit their realm and name.
    pub(super) fn answering(mut self) -> Result<Self, ConfigError> {
        // No scheme is registered for cookies. This one is that of an expired draft,
        // draft-broyer-http-cookie-auth, without the address of a form.
        let challenge = Challenge::new("Cookie")?.parameter("realm", &self.realm)?;
        let challenge = challenge.parameter("cookie-name", self.cookie.name())?;
        self.challenge = challenge.into();
        let built = refusal::ALL.map(|reason| (reason, reason.refusal(&self.challenge)));
        self.refusals = built.into();
        Ok(self)
    }

    /// The answer for this reason.
    pub(super) fn refusal(&self, reason: SessionRefusal) -> Refusal {
        let built = self.refusals.iter().find(|(built, _)| *built == reason);
        built.map_or_else(
            || reason.refusal(&self.challenge),
            |(_, refusal)| refusal.clone(),
        )
    }

    /// The answer of a handler whose session has ended meanwhile.
    pub(super) fn ended(&self) -> Problem {
        let refusal = self.refusal(SessionRefusal::Unknown);
        refusal.into_problem(&self.challenge)
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.clock.since_epoch().as_secs()
    }

    /// The cookie with this value, for as long as the session lasts.
    pub(super) fn cookie(&self, value: String, times: Times) -> Result<SetCookie, ConfigError> {
        let cookie = self.cookie.with_value(value)?;
        Ok(cookie.max_age(self.lifetime.left(times)))
    }
}
