//! Reads JWS compact serialization (RFC 7515): splits a token, decodes its parts, and reads its
//! JOSE header.

use std::{borrow::Cow, fmt, ops::Deref};

use memchr::{memchr, memrchr};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, Visitor},
};

use super::refusal::JwtRefusal;
use crate::wire::field::base64url;

/// A token, split into its three parts (RFC 7515, section 7.1).
pub(super) struct CompactJws<'a> {
    /// The header as it was sent.
    header: &'a [u8],
    /// The signing input: header and claims as they were sent, including the dot between them.
    pub(super) signing_input: &'a [u8],
    /// Signature and claims, decoded.
    decoded: Vec<u8>,
    signature_length: usize,
}

impl<'a> CompactJws<'a> {
    /// Splits a token at its two dots. A third dot stays in a part and is rejected there, because
    /// it is not in the base64url alphabet.
    pub(super) fn parse(token: &'a [u8]) -> Result<Self, JwtRefusal> {
        let (signing_input, signature) = split(token, memrchr(b'.', token))?;
        let (header, claims) = split(signing_input, memchr(b'.', signing_input))?;
        // One allocation for both.
        let mut decoded = Vec::with_capacity(token.len());
        decode(signature, &mut decoded)?;
        let signature_length = decoded.len();
        decode(claims, &mut decoded)?;
        Ok(Self {
            header,
            signing_input,
            decoded,
            signature_length,
        })
    }

    pub(super) fn signature(&self) -> &[u8] {
        self.decoded_parts().0
    }

    /// The claims, as text that is a JSON object if it is JSON at all.
    pub(super) fn claims(&self) -> Result<&str, JwtRefusal> {
        json_object(self.decoded_parts().1).ok_or(JwtRefusal::Malformed)
    }

    /// Parses the header and calls `then` with it.
    pub(super) fn with_header<T, E: From<JwtRefusal>>(
        &self,
        then: impl FnOnce(&JoseHeader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if COMMON_HEADERS.contains(&self.header) {
            return then(&JoseHeader::hs256());
        }
        let mut json = Vec::with_capacity(self.header.len());
        decode(self.header, &mut json)?;
        then(&JoseHeader::parse(&json)?)
    }

    fn decoded_parts(&self) -> (&[u8], &[u8]) {
        let parts = self.decoded.split_at_checked(self.signature_length);
        parts.unwrap_or_default()
    }
}

fn split(bytes: &[u8], at: Option<usize>) -> Result<(&[u8], &[u8]), JwtRefusal> {
    at.and_then(|at| Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?)))
        .ok_or(JwtRefusal::Malformed)
}

/// Appends the bytes of a part. Padding, other alphabets and stray trailing bits are rejected (RFC
/// 7515, section 2), so that a token has only one encoding.
fn decode(part: &[u8], bytes: &mut Vec<u8>) -> Result<(), JwtRefusal> {
    base64url::decode(part, bytes).ok_or(JwtRefusal::Malformed)
}

/// The headers of almost all HS256 tokens, in base64url: with `typ` first, and with `alg` first.
/// Parsing them would cost as much as verifying the signature.
const COMMON_HEADERS: [&[u8]; 2] = [
    b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
];

/// The members of a JOSE header that are used here (RFC 7515, section 4). Keys and key URLs in a
/// header (`jwk`, `jku`, `x5u`, `x5c`) are ignored: the sender controls them.
#[derive(Debug, Deserialize)]
pub(super) struct JoseHeader<'a> {
    #[serde(borrow)]
    pub(super) alg: JsonString<'a>,
    #[serde(borrow, default)]
    pub(super) kid: Option<JsonString<'a>>,
    #[serde(borrow, default)]
    typ: Option<JsonString<'a>>,
    #[serde(default)]
    crit: Present,
}

impl JoseHeader<'_> {
    /// The parsed form of [`COMMON_HEADERS`].
    const fn hs256() -> JoseHeader<'static> {
        JoseHeader {
            alg: JsonString(Cow::Borrowed("HS256")),
            kid: None,
            typ: Some(JsonString(Cow::Borrowed("JWT"))),
            crit: Present(false),
        }
    }

    /// A duplicate member is an error (RFC 7515, section 4).
    fn parse(json: &[u8]) -> Result<JoseHeader<'_>, JwtRefusal> {
        let json = json_object(json).ok_or(JwtRefusal::Malformed)?;
        let header: JoseHeader<'_> =
            serde_json::from_str(json).map_err(|_position| JwtRefusal::Malformed)?;
        // No extensions are supported (RFC 7515, section 4.1.11).
        if header.crit.0 {
            return Err(JwtRefusal::CriticalHeader);
        }
        Ok(header)
    }

    /// Whether a token of this `typ` is accepted as an access token by default: `typ` is missing, is
    /// `JWT`, or is that of an access token (RFC 9068, section 2.1). Other types mark tokens for other
    /// uses (RFC 8725, section 3.11).
    pub(super) fn is_access_token(&self) -> bool {
        match self.typ.as_deref() {
            None | Some("JWT") => true,
            Some(_) => self.has_type("JWT") || self.has_type("at+jwt"),
        }
    }

    /// Whether `typ` is this media type; `application/` may be omitted on both sides (RFC 7515,
    /// section 4.1.9).
    pub(super) fn has_type(&self, expected: &str) -> bool {
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

/// Text that is a JSON object if it is JSON at all; a derived struct would accept an array too.
pub(super) fn json_object(json: &[u8]) -> Option<&str> {
    let json = std::str::from_utf8(json).ok()?;
    json.trim_ascii_start().starts_with('{').then_some(json)
}

/// A JSON string, borrowed unless it contains escapes. (`Option<Cow<str>>` would always copy.)
#[derive(Debug)]
pub(super) struct JsonString<'a>(pub(super) Cow<'a, str>);

impl Deref for JsonString<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for JsonString<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for JsonString<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonString<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringVisitor;

        impl<'de> Visitor<'de> for StringVisitor {
            type Value = JsonString<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(JsonString::from(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(JsonString::from(text.to_owned()))
            }
        }

        deserializer.deserialize_str(StringVisitor)
    }
}

/// Whether a member is present, whatever its value: `null` counts as present.
#[derive(Debug, Default)]
pub(super) struct Present(pub(super) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMON_HEADERS, CompactJws, JoseHeader, decode, subtype};
    use crate::layers::auth::jwt::refusal::JwtRefusal;

    #[test]
    fn splits_a_token_at_exactly_two_dots() {
        let token = CompactJws::parse(b"YQ.e30.Yg").unwrap();
        assert_eq!(token.header, b"YQ");
        assert_eq!(token.signing_input, b"YQ.e30");
        assert_eq!(token.signature(), b"b");
        assert_eq!(token.claims(), Ok("{}"));
        // Five parts are a JWE.
        for token in ["", "YQ", "YQ.e30", "YQ.e30.Yg.Yg", "YQ.e30.Yg.Yg.Yg"] {
            let parsed = CompactJws::parse(token.as_bytes());
            assert_eq!(parsed.err(), Some(JwtRefusal::Malformed), "{token}");
        }
    }

    #[test]
    fn the_common_headers_equal_their_parsed_form() {
        for encoded in COMMON_HEADERS {
            let mut json = Vec::new();
            decode(encoded, &mut json).unwrap();
            let parsed = JoseHeader::parse(&json).unwrap();
            assert_eq!(format!("{parsed:?}"), format!("{:?}", JoseHeader::hs256()));
        }
    }

    #[test]
    fn compares_types_ignoring_case_and_prefix() {
        let cases = [
            ("at+jwt", "AT+JWT"),
            ("application/at+jwt", "at+jwt"),
            ("at+jwt", "Application/at+jwt"),
        ];
        for (typ, expected) in cases {
            let json = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            let header = JoseHeader::parse(json.as_bytes()).unwrap();
            assert!(header.has_type(expected), "{typ}");
        }
        assert_eq!(subtype("application/a/b"), "application/a/b");
        let without = JoseHeader::parse(br#"{"alg":"HS256"}"#).unwrap();
        assert!(!without.has_type("JWT"));
    }

    #[test]
    fn recognizes_the_types_of_access_tokens() {
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
            let header = JoseHeader::parse(json.as_bytes()).unwrap();
            assert_eq!(header.is_access_token(), expected, "{typ}");
        }
        let without = JoseHeader::parse(br#"{"alg":"HS256"}"#).unwrap();
        assert!(without.is_access_token());
        let null = JoseHeader::parse(br#"{"alg":"HS256","typ":null}"#).unwrap();
        assert!(null.is_access_token());
    }

    #[test]
    fn rejects_malformed_headers() {
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
            let refusal = JoseHeader::parse(json).err();
            assert_eq!(refusal.as_ref(), Some(expected), "{name}");
        }
    }
}
