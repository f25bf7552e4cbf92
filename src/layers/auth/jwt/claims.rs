//! Reads the claims, once they are found to be right.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    audience::Audience, cache::Window, date::NumericDate, issuer::Issuer, once,
    refusal::JwtRefusal, rules::Rules, text::Text,
};

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

/// Reads the claims in this JSON as `C`, once they are found to be right, and says for how long they
/// are.
pub(super) fn read<C: DeserializeOwned>(
    json: &str,
    issuer: &Issuer,
    rules: &Rules,
    now: Duration,
) -> Result<(C, Window), JwtRefusal> {
    if let Some((claims, registered)) = once::read(json) {
        let window = rules.check(json, &registered, issuer, now)?;
        return Ok((claims, window));
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
    let window = rules.check(json, &registered, issuer, now)?;
    let claims = serde_json::from_str(json).map_err(|error| JwtRefusal::claims(&error))?;
    Ok((claims, window))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Debug, time::Duration};

    use proptest::{collection, prelude::*, sample::select};
    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::Value;

    use super::{Issuer, Rules, once};
    use crate::layers::auth::jwt::{
        key::JwtKey, key_set::KeySet, key_source::KeySource, required::Required,
    };

    const NOW: Duration = Duration::from_secs(1_000);

    fn issuer() -> Issuer {
        let key = JwtKey::hs256("a secret of 32 bytes for this test").unwrap();
        Issuer::unnamed(KeySource::Fixed(KeySet::new(vec![key]).unwrap().into()))
    }

    /// Lax rules, and strict ones.
    fn rules() -> [Rules; 2] {
        let required = Required {
            claims: vec!["sub".to_owned()],
            max_age: Some(Duration::from_secs(60)),
        };
        let strict = Rules {
            issuers: vec!["us".to_owned()],
            audiences: vec!["api".to_owned()],
            required,
            ..Rules::default()
        };
        [Rules::default(), strict]
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
        for rules in rules() {
            let once = super::read::<C>(json, &issuer(), &rules, NOW);
            let twice = super::read_twice::<C>(json, &issuer(), &rules, NOW);
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
                select(vec!["iss", "aud", "exp", "nbf", "iat", "sub", "x", "e\\u0078p", "", "Exp"]),
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
}
