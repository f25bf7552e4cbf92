//! Checks what few ask of claims: that some are there, and how old the token is. Whoever asks pays
//! for it with one more look at the claims.

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};

use super::{cache::Window, date::NumericDate, refusal::JwtRefusal, text::Text};

/// The claims that must be there, and the age at which a token is too old.
#[derive(Clone, Debug, Default)]
pub(super) struct Required {
    pub(super) claims: Vec<String>,
    pub(super) max_age: Option<Duration>,
}

/// When a token was made.
#[derive(Deserialize)]
struct Issued {
    #[serde(default)]
    iat: Option<NumericDate>,
}

impl Required {
    /// Checks the claims in this JSON at this time since the epoch, and says which part is left of
    /// the time in which they pass.
    pub(super) fn check(
        &self,
        json: &str,
        leeway: Duration,
        now: Duration,
        window: Window,
    ) -> Result<Window, JwtRefusal> {
        if !self.claims.is_empty() {
            self.check_presence(json)?;
        }
        self.max_age.map_or(Ok(window), |most| {
            check_age(json, most, leeway, now, window)
        })
    }

    fn check_presence(&self, json: &str) -> Result<(), JwtRefusal> {
        let seen = Presence(&self.claims)
            .deserialize(&mut serde_json::Deserializer::from_str(json))
            .map_err(|_where_it_broke| JwtRefusal::Malformed)?;
        let missing = self.claims.iter().zip(seen).find(|(_, seen)| !seen);
        missing.map_or(Ok(()), |(name, _)| {
            Err(JwtRefusal::MissingClaim(name.clone()))
        })
    }
}

fn check_age(
    json: &str,
    most: Duration,
    leeway: Duration,
    now: Duration,
    window: Window,
) -> Result<Window, JwtRefusal> {
    let Issued { iat } =
        serde_json::from_str(json).map_err(|_where_it_broke| JwtRefusal::Malformed)?;
    let Some(NumericDate(issued)) = iat else {
        return Err(JwtRefusal::MissingClaim("iat".to_owned()));
    };
    let leeway = leeway.as_secs_f64();
    let window = window
        .from(issued - leeway)
        .until(issued + most.as_secs_f64() + leeway);
    if window.is_over(now) {
        return Err(JwtRefusal::TooOld);
    }
    if window.is_open(now) {
        return Ok(window);
    }
    Err(JwtRefusal::NotYetValid)
}

/// Reads which of some claims are there and not null. One of them that occurs twice is an error
/// (RFC 7519, section 4): the handler might read the other.
struct Presence<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Presence<'_> {
    type Value = Vec<bool>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<bool>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Presence<'_> {
    type Value = Vec<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<bool>, A::Error> {
        let mut found: Vec<Option<bool>> = vec![None; self.0.len()];
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let is_there = map.next_value::<Option<IgnoredAny>>()?.is_some();
            let named = self.0.iter().zip(&mut found);
            for (_, slot) in named.filter(|(name, _)| **name == *key) {
                if slot.replace(is_there).is_some() {
                    return Err(A::Error::custom("a required claim occurs twice"));
                }
            }
        }
        Ok(found.into_iter().map(|it| it == Some(true)).collect())
    }
}
