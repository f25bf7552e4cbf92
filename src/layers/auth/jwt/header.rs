//! Reads a token's header (RFC 7515, section 4).

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    refusal::JwtRefusal,
    text::{Present, Text, object},
    token::decode,
};

/// The headers that nearly every token of HS256 has, in base64url: `typ` first, and `alg` first.
/// Reading them would cost as much as the signature does.
const COMMON: [&[u8]; 2] = [
    b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
];

/// What matters here of a JOSE header. Keys and addresses of keys that a token brings along
/// (`jwk`, `jku`, `x5u`, `x5c`) are never looked at: they are the sender's word.
#[derive(Debug, Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    pub(super) alg: Text<'a>,
    #[serde(borrow, default)]
    pub(super) kid: Option<Text<'a>>,
    #[serde(borrow, default)]
    typ: Option<Text<'a>>,
    #[serde(default)]
    crit: Present,
}

impl Header<'_> {
    /// Reads a header as it was sent, and hands it on.
    pub(super) fn read<T, E: From<JwtRefusal>>(
        encoded: &[u8],
        then: impl FnOnce(&Header<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if COMMON.contains(&encoded) {
            return then(&Header::hs256());
        }
        let mut json = Vec::with_capacity(encoded.len());
        decode(encoded, &mut json)?;
        then(&Header::parse(&json)?)
    }

    /// The header of [`COMMON`].
    const fn hs256() -> Header<'static> {
        Header {
            alg: Text(Cow::Borrowed("HS256")),
            kid: None,
            typ: Some(Text(Cow::Borrowed("JWT"))),
            crit: Present(false),
        }
    }

    /// Reads a header from JSON. A member that occurs twice is refused (RFC 7515, section 4).
    fn parse(json: &[u8]) -> Result<Header<'_>, JwtRefusal> {
        let json = object(json).ok_or(JwtRefusal::Malformed)?;
        let header: Header<'_> =
            serde_json::from_str(json).map_err(|_where_it_broke| JwtRefusal::Malformed)?;
        // Whatever the extension is, it is not understood here (RFC 7515, section 4.1.11).
        if header.crit.0 {
            return Err(JwtRefusal::CriticalHeader);
        }
        Ok(header)
    }

    /// Whether a token with this `typ` may be taken for an access token where nobody says which
    /// type that is: it says none, that it is some JWT, or that it is an access token (RFC 9068,
    /// section 2.1). Others were signed for another use (RFC 8725, section 3.11).
    pub(super) fn is_of_usual_type(&self) -> bool {
        match self.typ.as_deref() {
            None | Some("JWT") => true,
            Some(_) => self.is_of_type("JWT") || self.is_of_type("at+jwt"),
        }
    }

    /// Whether `typ` is this media type; `application/` may be left out on both sides (RFC 7515,
    /// section 4.1.9).
    pub(super) fn is_of_type(&self, expected: &str) -> bool {
        let Some(typ) = &self.typ else {
            return false;
        };
        subtype(typ).eq_ignore_ascii_case(subtype(expected))
    }
}

fn subtype(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMON, Header, subtype};
    use crate::layers::auth::jwt::{refusal::JwtRefusal, token::decode};

    #[test]
    fn the_common_headers_mean_what_reading_them_would_tell() {
        for encoded in COMMON {
            let mut json = Vec::new();
            decode(encoded, &mut json).unwrap();
            let read = Header::parse(&json).unwrap();
            assert_eq!(format!("{read:?}"), format!("{:?}", Header::hs256()));
        }
    }

    #[test]
    fn compares_types_without_case_and_prefix() {
        let cases = [
            ("at+jwt", "AT+JWT"),
            ("application/at+jwt", "at+jwt"),
            ("at+jwt", "Application/at+jwt"),
        ];
        for (typ, expected) in cases {
            let json = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            assert!(
                Header::parse(json.as_bytes()).unwrap().is_of_type(expected),
                "{typ}"
            );
        }
        assert_eq!(subtype("application/a/b"), "application/a/b");
        let without = Header::parse(br#"{"alg":"HS256"}"#).unwrap();
        assert!(!without.is_of_type("JWT"));
    }

    #[test]
    fn knows_the_types_of_access_tokens() {
        for (typ, expected) in [
            ("JWT", true),
            ("jwt", true),
            ("application/jwt", true),
            ("at+jwt", true),
            ("application/at+jwt", true),
            ("", false),
            ("dpop+jwt", false),
            ("xat+jwt", false),
            ("at+jwt+jwt", false),
        ] {
            let json = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            let header = Header::parse(json.as_bytes()).unwrap();
            assert_eq!(header.is_of_usual_type(), expected, "{typ}");
        }
        let without = Header::parse(br#"{"alg":"HS256"}"#).unwrap();
        assert!(without.is_of_usual_type());
        let null = Header::parse(br#"{"alg":"HS256","typ":null}"#).unwrap();
        assert!(null.is_of_usual_type());
    }

    #[test]
    fn refuses_headers_that_are_not_what_they_should_be() {
        use JwtRefusal::{CriticalHeader, Malformed};
        let cases: &[(&str, &[u8], JwtRefusal)] = &[
            ("no alg", b"{}", Malformed),
            ("alg twice", br#"{"alg":"HS256","alg":"none"}"#, Malformed),
            ("alg a number", br#"{"alg":256}"#, Malformed),
            ("an array", br#"["HS256"]"#, Malformed),
            ("two objects", br#"{"alg":"HS256"}{}"#, Malformed),
            (
                "not UTF-8",
                b"{\"alg\":\"HS256\",\"x\":\"\xff\"}",
                Malformed,
            ),
            ("crit", br#"{"alg":"HS256","crit":["exp"]}"#, CriticalHeader),
            (
                "an empty crit",
                br#"{"alg":"HS256","crit":[]}"#,
                CriticalHeader,
            ),
            (
                "a null crit",
                br#"{"alg":"HS256","crit":null}"#,
                CriticalHeader,
            ),
        ];
        for (name, json, expected) in cases {
            assert_eq!(Header::parse(json).err().as_ref(), Some(expected), "{name}");
        }
    }
}
