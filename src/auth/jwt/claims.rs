//! Checks the registered claims (RFC 7519, section 4.1).

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use super::{refusal::JwtRefusal, text::Text};

/// What the registered claims must say.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) issuers: Vec<String>,
    pub(super) audiences: Vec<String>,
    pub(super) leeway: Duration,
    pub(super) expiry_required: bool,
    pub(super) any_audience: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: Duration::ZERO,
            expiry_required: true,
            any_audience: false,
        }
    }
}

/// The claims that are checked here. One that occurs twice is refused (RFC 7519, section 4).
#[derive(Deserialize)]
struct Registered<'a> {
    #[serde(borrow, default)]
    iss: Option<Text<'a>>,
    #[serde(borrow, default)]
    aud: Option<Audience<'a>>,
    #[serde(default)]
    exp: Option<NumericDate>,
    #[serde(default)]
    nbf: Option<NumericDate>,
}

impl Rules {
    /// Checks the claims in this JSON at this time since the epoch.
    pub(super) fn check(&self, json: &str, now: Duration) -> Result<(), JwtRefusal> {
        let claims: Registered<'_> =
            serde_json::from_str(json).map_err(|_where_it_broke| JwtRefusal::Malformed)?;
        self.check_time(&claims, now)?;
        let known = |list: &[String], text: &str| list.iter().any(|item| item == text);
        if !self.issuers.is_empty() {
            let right = claims
                .iss
                .is_some_and(|issuer| known(&self.issuers, &issuer));
            right.then_some(()).ok_or(JwtRefusal::Issuer)?;
        }
        let for_us = match &claims.aud {
            _ if self.any_audience => true,
            None => self.audiences.is_empty(),
            // Whoever does not find itself among a token's audiences must refuse it, and without
            // a name of its own it finds itself in none (RFC 7519, section 4.1.3).
            Some(audience) => audience.any(|name| known(&self.audiences, name)),
        };
        for_us.then_some(()).ok_or(JwtRefusal::Audience)
    }

    fn check_time(&self, claims: &Registered<'_>, now: Duration) -> Result<(), JwtRefusal> {
        let (now, leeway) = (now.as_secs_f64(), self.leeway.as_secs_f64());
        match claims.exp {
            None if self.expiry_required => return Err(JwtRefusal::MissingExpiry),
            // "on or after which": at that second it has expired (RFC 7519, section 4.1.4).
            Some(NumericDate(expiry)) if now >= expiry + leeway => return Err(JwtRefusal::Expired),
            _ => {}
        }
        match claims.nbf {
            Some(NumericDate(start)) if now < start - leeway => Err(JwtRefusal::NotYetValid),
            _ => Ok(()),
        }
    }
}

/// Seconds since the epoch, whole or not (RFC 7519, section 2). Whole seconds are exact for the
/// next 285 million years; later ones are late enough.
#[derive(Clone, Copy)]
struct NumericDate(f64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DateVisitor;

        impl Visitor<'_> for DateVisitor {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since the epoch")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                Ok(NumericDate(Duration::from_secs(seconds).as_secs_f64()))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
                let size = Duration::from_secs(seconds.unsigned_abs()).as_secs_f64();
                Ok(NumericDate(if seconds < 0 { -size } else { size }))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }
        }

        deserializer.deserialize_f64(DateVisitor)
    }
}

/// One name, or several.
enum Audience<'a> {
    One(Text<'a>),
    Several(Vec<Text<'a>>),
}

impl Audience<'_> {
    fn any(&self, is_ours: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(name) => is_ours(name),
            Self::Several(names) => names.iter().any(|name| is_ours(name)),
        }
    }
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
                Ok(Audience::One(Text::from(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Audience::One(Text::from(name.to_owned())))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{JwtRefusal, Rules};

    const NOW: Duration = Duration::from_secs(1_000);

    fn check(rules: &Rules, json: &str) -> Result<(), JwtRefusal> {
        rules.check(json, NOW)
    }

    #[test]
    fn reads_dates_of_every_form() {
        use JwtRefusal::{Expired, Malformed, MissingExpiry};
        let cases = [
            ("one second left", "1001", Ok(())),
            ("at the second", "1000", Err(Expired)),
            ("long ago", "1", Err(Expired)),
            ("before the epoch", "-1", Err(Expired)),
            ("the least", "-9223372036854775808", Err(Expired)),
            ("a fraction left", "1000.5", Ok(())),
            ("a fraction ago", "999.5", Err(Expired)),
            ("an exponent", "1.001e3", Ok(())),
            ("the largest i64", "9223372036854775807", Ok(())),
            ("beyond i64", "9223372036854775808", Ok(())),
            ("beyond u64", "18446744073709551616", Ok(())),
            ("the end of f64", "1e308", Ok(())),
            ("beyond f64", "1e309", Err(Malformed)),
            ("beneath f64", "-1e309", Err(Malformed)),
            ("a string", "\"1001\"", Err(Malformed)),
            ("a truth", "true", Err(Malformed)),
            ("null", "null", Err(MissingExpiry)),
        ];
        for (name, date, expected) in cases {
            let json = format!(r#"{{"exp":{date}}}"#);
            assert_eq!(check(&Rules::default(), &json), expected, "{name}");
        }
    }
}
