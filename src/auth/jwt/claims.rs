//! Checks the registered claims (RFC 7519, section 4.1).

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};

use super::{cache::Window, issuer::Issuer, once, refusal::JwtRefusal, text::Text};

/// What the registered claims must say.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) audiences: Vec<String>,
    pub(super) leeway: Duration,
    pub(super) expiry_required: bool,
    pub(super) any_audience: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            audiences: Vec::new(),
            leeway: Duration::ZERO,
            expiry_required: true,
            any_audience: false,
        }
    }
}

/// The claims that are checked here. One that occurs twice is refused (RFC 7519, section 4).
#[derive(Default, Deserialize)]
pub(super) struct Registered<'a> {
    #[serde(borrow, default)]
    pub(super) iss: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) aud: Option<Audience<'a>>,
    #[serde(default)]
    pub(super) exp: Option<NumericDate>,
    #[serde(default)]
    pub(super) nbf: Option<NumericDate>,
}

/// Reads the claims in this JSON as `C`, once they are found to be right, and says for how long
/// they are.
pub(super) fn read<C: DeserializeOwned>(
    json: &str,
    issuer: &Issuer,
    rules: &Rules,
    now: Duration,
) -> Result<(C, Window), JwtRefusal> {
    if let Some((claims, registered)) = once::read(json) {
        rules.check(&registered, issuer, now)?;
        return Ok((claims, rules.window(&registered)));
    }
    read_twice(json, issuer, rules, now)
}

/// The same: what is checked first, and then what the handler asks for.
fn read_twice<C: DeserializeOwned>(
    json: &str,
    issuer: &Issuer,
    rules: &Rules,
    now: Duration,
) -> Result<(C, Window), JwtRefusal> {
    let registered = serde_json::from_str(json).map_err(|_where_it_broke| JwtRefusal::Malformed)?;
    rules.check(&registered, issuer, now)?;
    let claims = serde_json::from_str(json).map_err(|error| JwtRefusal::claims(&error))?;
    Ok((claims, rules.window(&registered)))
}

impl Rules {
    /// Checks the claims at this time since the epoch.
    fn check(
        &self,
        claims: &Registered<'_>,
        issuer: &Issuer,
        now: Duration,
    ) -> Result<(), JwtRefusal> {
        self.check_time(claims, now)?;
        if !issuer.is_named(claims.iss.as_deref()) {
            return Err(JwtRefusal::Issuer);
        }
        let known = |list: &[String], text: &str| list.iter().any(|item| item == text);
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

    /// While [`check_time`](Self::check_time) says yes.
    fn window(&self, claims: &Registered<'_>) -> Window {
        let leeway = self.leeway.as_secs_f64();
        let mut window = Window::default();
        if let Some(NumericDate(expiry)) = claims.exp {
            window = window.until(expiry + leeway);
        }
        if let Some(NumericDate(start)) = claims.nbf {
            window = window.from(start - leeway);
        }
        window
    }
}

/// Seconds since the epoch, whole or not (RFC 7519, section 2). Whole seconds are exact for the
/// next 285 million years; later ones are late enough.
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

/// One name, or several.
pub(super) enum Audience<'a> {
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
    use std::{collections::BTreeMap, fmt::Debug, time::Duration};

    use proptest::{collection, prelude::*, sample::select};
    use serde::{
        Deserialize,
        de::{DeserializeOwned, IgnoredAny},
    };
    use serde_json::Value;

    use super::{Issuer, JwtRefusal, Rules, once};
    use crate::auth::jwt::{key::JwtKey, key_set::KeySet, key_source::KeySource};

    const NOW: Duration = Duration::from_secs(1_000);

    fn issuer(names: &[&str]) -> Issuer {
        let key = JwtKey::hs256("a secret of 32 bytes for this test").unwrap();
        Issuer {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            keys: KeySource::Fixed(KeySet::new(vec![key]).unwrap().into()),
        }
    }

    fn check(rules: &Rules, json: &str) -> Result<(), JwtRefusal> {
        super::read::<IgnoredAny>(json, &issuer(&[]), rules, NOW).map(|(IgnoredAny, _)| ())
    }

    /// Claims with registered ones in every type that people give them.
    #[derive(Debug, Deserialize, PartialEq)]
    #[allow(
        dead_code,
        clippy::allow_attributes,
        reason = "compared by what it prints"
    )]
    struct Claims {
        sub: Option<String>,
        #[serde(default)]
        iss: Option<String>,
        #[serde(default)]
        exp: Option<u64>,
        nbf: Option<f64>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Named {
        aud: Name,
        exp: i64,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Name(String);

    #[derive(Debug, Deserialize, PartialEq)]
    struct Flat {
        exp: f64,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(transparent)]
    struct Transparent(BTreeMap<String, Value>);

    /// Reading once must say what reading twice says, but for the reason of a refusal that has
    /// several.
    fn alike<C: DeserializeOwned + Debug>(json: &str) {
        let rules = Rules {
            audiences: vec!["api".to_owned()],
            ..Rules::default()
        };
        for (rules, names) in [(rules, &["us"][..]), (Rules::default(), &[])] {
            let issuer = issuer(names);
            let once = super::read::<C>(json, &issuer, &rules, NOW);
            let twice = super::read_twice::<C>(json, &issuer, &rules, NOW);
            assert_eq!(format!("{once:?}"), format!("{twice:?}"), "{json}");
        }
    }

    fn all_alike(json: &str) {
        alike::<Claims>(json);
        alike::<Named>(json);
        alike::<Flat>(json);
        alike::<Transparent>(json);
        alike::<Value>(json);
        alike::<BTreeMap<String, Value>>(json);
        alike::<BTreeMap<String, String>>(json);
        alike::<Vec<u8>>(json);
        alike::<()>(json);
        alike::<Option<Claims>>(json);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn reading_once_says_what_reading_twice_says(
            members in collection::vec((
                select(vec!["iss", "aud", "exp", "nbf", "sub", "x", "e\\u0078p", "", "Exp"]),
                select(vec![
                    "\"us\"", "\"api\"", "\"\\u0061pi\"", "[\"api\"]", "[]", "{}", "null", "true",
                    "0", "-0", "999", "1000", "1001", "1001.5", "1e3", "2e3", "-1", "1e400",
                    "18446744073709551615", "18446744073709551616", "-9223372036854775809", "\"1001\"",
                    "{\"exp\":1}", "01", "\"\u{e9}\"",
                ]),
            ), 0..6),
            tail in select(vec!["", " ", "{}", "x", ","]),
        ) {
            let members: Vec<_> = members.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
            all_alike(&format!("{{{}}}{tail}", members.join(",")));
        }
    }

    #[test]
    fn plain_claims_are_read_once() {
        let json = r#"{"sub":"ann","iss":"us","exp":1001,"nbf":999}"#;
        assert!(once::read::<Claims>(json).is_some());
        assert!(once::read::<Flat>(json).is_some());
        assert!(once::read::<Value>(json).is_some());
        assert!(once::read::<Named>(r#"{"aud":"api","exp":1001}"#).is_some());
        assert!(once::read::<Value>(r#"{"exp":1,"exp":2}"#).is_none());
        assert!(once::read::<Value>(r#"{"exp":null}"#).is_none());
        assert!(once::read::<Value>(r#"{"exp":1}{}"#).is_none());
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
