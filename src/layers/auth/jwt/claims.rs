//! Checks the registered claims of a token (RFC 7519, section 4.1).

use std::{fmt, slice, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{jws::JsonString, refusal::JwtRefusal};

/// The claims that are checked for every token. A duplicate is an error (RFC 7519, section 4).
#[derive(Default, Deserialize)]
pub(super) struct RegisteredClaims<'a> {
    #[serde(borrow, default)]
    pub(super) iss: Option<JsonString<'a>>,
    #[serde(borrow, default)]
    pub(super) aud: Option<Audience<'a>>,
    #[serde(default)]
    pub(super) exp: Option<NumericDate>,
    #[serde(default)]
    pub(super) nbf: Option<NumericDate>,
}

/// How far `nbf` and `iat` may be in the future by default. Issuers write the time of signing into
/// both, and even synchronized clocks differ by seconds: without this leeway, services whose clock is
/// behind would refuse a new token.
const START_LEEWAY: Duration = Duration::from_secs(10);

/// The rules for the claims of every token.
#[derive(Clone, Debug, Default)]
pub(super) struct ClaimRules {
    /// The accepted values of `iss`. In addition, `iss` must name the issuer whose keys signed the
    /// token, so that no name here lets one issuer's key sign for another issuer.
    pub(super) issuers: Vec<String>,
    pub(super) audiences: Vec<String>,
    /// One leeway for all times, if it is set.
    pub(super) leeway: Option<Duration>,
    pub(super) without_expiry: bool,
    pub(super) any_audience: bool,
    pub(super) required: Vec<String>,
    pub(super) max_age: Option<Duration>,
}

/// The rules for the claims of one issuer's tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct IssuerClaims {
    /// The only accepted `iss`. Without a name, any holder of the keys is the issuer.
    pub(super) name: Option<String>,
    /// The accepted values of `aud`, instead of those in [`ClaimRules`].
    pub(super) audiences: Vec<String>,
}

impl IssuerClaims {
    pub(super) fn is_named(&self, iss: Option<&str>) -> bool {
        self.name.is_none() || self.name.as_deref() == iss
    }
}

impl ClaimRules {
    /// Checks the claims in this JSON at this time since the epoch, and returns the period in which
    /// they are valid.
    pub(super) fn check(
        &self,
        json: &str,
        claims: &RegisteredClaims<'_>,
        issuer: &IssuerClaims,
        now: Duration,
    ) -> Result<ValidityPeriod, JwtRefusal> {
        let period = self.check_time(claims, now)?;
        let iss = claims.iss.as_deref();
        let is_accepted =
            self.issuers.is_empty() || iss.is_some_and(|iss| contains(&self.issuers, iss));
        if !issuer.is_named(iss) {
            return Err(JwtRefusal::issuer(issuer.name.as_deref().into_iter(), iss));
        }
        if !is_accepted {
            return Err(JwtRefusal::issuer(texts(&self.issuers), iss));
        }
        self.check_audience(issuer, claims.aud.as_ref())?;
        // Each of these checks parses the claims again, but only if it is configured.
        if !self.required.is_empty() {
            check_presence(json, &self.required)?;
        }
        match self.max_age {
            Some(max_age) => self.check_age(json, max_age, now, period),
            None => Ok(period),
        }
    }

    /// The leeway for `nbf` and `iat`, in seconds.
    fn start_leeway(&self) -> f64 {
        self.leeway.unwrap_or(START_LEEWAY).as_secs_f64()
    }

    /// The leeway for `exp` and the age, in seconds. Zero by default: a client replaces an expired
    /// token and need not wait.
    fn end_leeway(&self) -> f64 {
        self.leeway.unwrap_or_default().as_secs_f64()
    }

    fn check_time(
        &self,
        claims: &RegisteredClaims<'_>,
        now: Duration,
    ) -> Result<ValidityPeriod, JwtRefusal> {
        let mut period = ValidityPeriod::default();
        match claims.exp {
            None if !self.without_expiry => return Err(JwtRefusal::MissingExpiry),
            None => {}
            // "on or after which": at exactly that second it has expired (RFC 7519, section 4.1.4).
            Some(NumericDate(expiry)) => period = period.until(expiry + self.end_leeway()),
        }
        if period.has_ended(now) {
            return Err(JwtRefusal::Expired);
        }
        if let Some(NumericDate(start)) = claims.nbf {
            period = period.from(start - self.start_leeway());
        }
        if period.contains(now) {
            return Ok(period);
        }
        Err(JwtRefusal::NotYetValid)
    }

    fn check_audience(
        &self,
        issuer: &IssuerClaims,
        aud: Option<&Audience<'_>>,
    ) -> Result<(), JwtRefusal> {
        let accepted = if issuer.audiences.is_empty() {
            &self.audiences
        } else {
            &issuer.audiences
        };
        let found = match aud {
            None => &[],
            Some(Audience::One(name)) => slice::from_ref(name),
            Some(Audience::Several(names)) => names.as_slice(),
        };
        // A recipient that is not among a token's audiences must reject the token (RFC 7519, section
        // 4.1.3). A service without a configured name is never among them.
        let is_accepted = found.iter().any(|name| contains(accepted, name));
        let needs_none = aud.is_none() && accepted.is_empty();
        if self.any_audience || is_accepted || needs_none {
            return Ok(());
        }
        let found = found.iter().map(|name| &**name);
        Err(JwtRefusal::audience(texts(accepted), found))
    }

    fn check_age(
        &self,
        json: &str,
        max_age: Duration,
        now: Duration,
        period: ValidityPeriod,
    ) -> Result<ValidityPeriod, JwtRefusal> {
        #[derive(Deserialize)]
        struct IssuedAt {
            #[serde(default)]
            iat: Option<NumericDate>,
        }

        let IssuedAt { iat } =
            serde_json::from_str(json).map_err(|_position| JwtRefusal::Malformed)?;
        let Some(NumericDate(issued)) = iat else {
            return Err(JwtRefusal::MissingClaim("iat".to_owned()));
        };
        let period = period
            .from(issued - self.start_leeway())
            .until(issued + max_age.as_secs_f64() + self.end_leeway());
        if period.has_ended(now) {
            return Err(JwtRefusal::TooOld);
        }
        if period.contains(now) {
            return Ok(period);
        }
        Err(JwtRefusal::NotYetValid)
    }
}

fn texts(names: &[String]) -> impl ExactSizeIterator<Item = &str> {
    names.iter().map(String::as_str)
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}

fn check_presence(json: &str, required: &[String]) -> Result<(), JwtRefusal> {
    let present = RequiredClaims(required)
        .deserialize(&mut serde_json::Deserializer::from_str(json))
        .map_err(|_position| JwtRefusal::Malformed)?;
    let missing = required.iter().zip(present).find(|(_, present)| !present);
    missing.map_or(Ok(()), |(name, _)| {
        Err(JwtRefusal::MissingClaim(name.clone()))
    })
}

/// Reads which of these claims are present and not null. A duplicate is an error (RFC 7519, section
/// 4): the handler might read the other value.
struct RequiredClaims<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for RequiredClaims<'_> {
    type Value = Vec<bool>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<bool>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RequiredClaims<'_> {
    type Value = Vec<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<bool>, A::Error> {
        let mut found: Vec<Option<bool>> = vec![None; self.0.len()];
        while let Some(key) = map.next_key::<JsonString<'de>>()? {
            let is_present = map.next_value::<Option<IgnoredAny>>()?.is_some();
            let named = self.0.iter().zip(&mut found);
            for (_, found) in named.filter(|(name, _)| **name == *key) {
                if found.replace(is_present).is_some() {
                    return Err(A::Error::custom("duplicate required claim"));
                }
            }
        }
        Ok(found
            .into_iter()
            .map(|present| present == Some(true))
            .collect())
    }
}

/// The period in which a token's time claims are valid, including the leeway: in seconds since the
/// epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ValidityPeriod {
    from: f64,
    until: f64,
}

impl Default for ValidityPeriod {
    /// Unbounded.
    fn default() -> Self {
        Self {
            from: f64::NEG_INFINITY,
            until: f64::INFINITY,
        }
    }
}

impl ValidityPeriod {
    /// The part of it that starts at `from` or later.
    pub(super) const fn from(self, from: f64) -> Self {
        Self {
            from: self.from.max(from),
            ..self
        }
    }

    /// The part of it that ends at `until` or earlier. At that second it has ended.
    pub(super) const fn until(self, until: f64) -> Self {
        Self {
            until: self.until.min(until),
            ..self
        }
    }

    pub(super) fn contains(self, now: Duration) -> bool {
        self.from <= now.as_secs_f64() && !self.has_ended(now)
    }

    pub(super) fn has_ended(self, now: Duration) -> bool {
        now.as_secs_f64() >= self.until
    }
}

/// `aud`: one name, or several (RFC 7519, section 4.1.3).
pub(super) enum Audience<'a> {
    One(JsonString<'a>),
    Several(Vec<JsonString<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Audience<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AudienceVisitor;

        impl<'de> Visitor<'de> for AudienceVisitor {
            type Value = Audience<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Audience::One(JsonString::from(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Audience::One(JsonString::from(name.to_owned())))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut names: S) -> Result<Self::Value, S::Error> {
                let mut several = Vec::new();
                while let Some(name) = names.next_element()? {
                    several.push(name);
                }
                Ok(Audience::Several(several))
            }
        }

        deserializer.deserialize_any(AudienceVisitor)
    }
}

/// Seconds since the epoch, with or without a fraction (RFC 7519, section 2). Whole seconds are exact
/// for the next 285 million years.
#[derive(Clone, Copy)]
pub(super) struct NumericDate(pub(super) f64);

impl From<u64> for NumericDate {
    fn from(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds).as_secs_f64())
    }
}

impl From<i64> for NumericDate {
    fn from(seconds: i64) -> Self {
        let Self(size) = Self::from(seconds.unsigned_abs());
        Self(if seconds < 0 { -size } else { size })
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DateVisitor;

        impl Visitor<'_> for DateVisitor {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since the epoch")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                Ok(NumericDate::from(seconds))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
                Ok(NumericDate::from(seconds))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }
        }

        deserializer.deserialize_f64(DateVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{NumericDate, ValidityPeriod};

    #[test]
    fn reads_every_form_of_a_date() {
        let cases = [
            ("whole seconds", "1001", Some(1001.0)),
            ("before the epoch", "-1", Some(-1.0)),
            ("a fraction", "999.5", Some(999.5)),
            ("an exponent", "1.001e3", Some(1001.0)),
            (
                "the smallest i64",
                "-9223372036854775808",
                Some(-9.223_372_036_854_776e18),
            ),
            (
                "the largest i64",
                "9223372036854775807",
                Some(9.223_372_036_854_776e18),
            ),
            (
                "above i64",
                "9223372036854775808",
                Some(9.223_372_036_854_776e18),
            ),
            (
                "below i64",
                "-9223372036854775809",
                Some(-9.223_372_036_854_776e18),
            ),
            (
                "above u64",
                "18446744073709551616",
                Some(1.844_674_407_370_955_2e19),
            ),
            ("near the largest f64", "1e308", Some(1e308)),
            ("above f64", "1e309", None),
            ("below f64", "-1e309", None),
            ("a string", "\"1001\"", None),
            ("a boolean", "true", None),
            ("null", "null", None),
            ("an array", "[1001]", None),
        ];
        for (name, json, expected) in cases {
            let read = serde_json::from_str::<NumericDate>(json).ok();
            assert_eq!(read.map(|NumericDate(seconds)| seconds), expected, "{name}");
        }
    }

    #[test]
    fn a_period_contains_its_start_and_not_its_end() {
        let period = ValidityPeriod::default().from(10.0).until(20.0);
        let cases = [
            ("before the start", 9.9, false, false),
            ("at the start", 10.0, true, false),
            ("before the end", 19.9, true, false),
            ("at the end", 20.0, false, true),
            ("after the end", 1e9, false, true),
        ];
        for (name, now, contains, has_ended) in cases {
            let now = Duration::from_secs_f64(now);
            assert_eq!(period.contains(now), contains, "{name}");
            assert_eq!(period.has_ended(now), has_ended, "{name}");
        }
        assert!(ValidityPeriod::default().contains(Duration::ZERO));
        assert!(ValidityPeriod::default().contains(Duration::MAX));
    }

    #[test]
    fn a_period_only_gets_shorter() {
        let period = ValidityPeriod::default().from(10.0).until(20.0);
        assert_eq!(period.from(5.0).until(25.0), period);
        assert_eq!(period.from(f64::NAN).until(f64::NAN), period);
    }
}
