//! Takes a token apart: JWS compact serialization (RFC 7515, section 7.1) and its header.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use memchr::{memchr, memrchr};
use serde::Deserialize;

use super::{
    refusal::JwtRefusal,
    text::{Present, Text, object},
};

/// The three parts of a token.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// The header as it was sent.
    pub(super) header: &'a [u8],
    /// Header and claims as they were sent, with the dot between them: what was signed.
    pub(super) signed: &'a [u8],
    /// Signature and claims, decoded.
    decoded: Vec<u8>,
    signature_length: usize,
}

impl<'a> Token<'a> {
    /// Takes a token apart at its two dots. A third is left in a part and refused there: base64 has
    /// none.
    pub(super) fn read(token: &'a [u8]) -> Result<Self, JwtRefusal> {
        let (signed, signature) = split(token, memrchr(b'.', token))?;
        let (header, claims) = split(signed, memchr(b'.', signed))?;
        // One allocation for both.
        let mut decoded = Vec::with_capacity(token.len());
        decode(signature, &mut decoded)?;
        let signature_length = decoded.len();
        decode(claims, &mut decoded)?;
        Ok(Self {
            header,
            signed,
            decoded,
            signature_length,
        })
    }

    /// The signature.
    pub(super) fn signature(&self) -> &[u8] {
        self.parts().0
    }

    /// The claims, as JSON text that is an object if it is JSON at all.
    pub(super) fn claims(&self) -> Result<&str, JwtRefusal> {
        object(self.parts().1).ok_or(JwtRefusal::Malformed)
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let parts = self.decoded.split_at_checked(self.signature_length);
        parts.unwrap_or_default()
    }
}

fn split(bytes: &[u8], at: Option<usize>) -> Result<(&[u8], &[u8]), JwtRefusal> {
    at.and_then(|at| Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?)))
        .ok_or(JwtRefusal::Malformed)
}

/// Appends the bytes of a part. Padding, other alphabets and stray trailing bits are refused (RFC
/// 7515, section 2): every token has one spelling.
fn decode(part: &[u8], bytes: &mut Vec<u8>) -> Result<(), JwtRefusal> {
    URL_SAFE_NO_PAD
        .decode_vec(part, bytes)
        .map_err(|_where_it_broke| JwtRefusal::Malformed)
}

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
    pub(super) fn read<T>(
        encoded: &[u8],
        then: impl FnOnce(&Header<'_>) -> Result<T, JwtRefusal>,
    ) -> Result<T, JwtRefusal> {
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
    use super::{COMMON, Header, Token, decode, subtype};
    use crate::auth::jwt::refusal::JwtRefusal;

    #[test]
    fn takes_a_token_apart_at_exactly_two_dots() {
        let token = Token::read(b"YQ.e30.Yg").unwrap();
        assert_eq!(token.header, b"YQ");
        assert_eq!(token.signed, b"YQ.e30");
        assert_eq!(token.signature(), b"b");
        assert_eq!(token.claims(), Ok("{}"));
        // Five parts are a JWE.
        for token in ["", "YQ", "YQ.e30", "YQ.e30.Yg.Yg", "YQ.e30.Yg.Yg.Yg"] {
            let read = Token::read(token.as_bytes());
            assert_eq!(read.err(), Some(JwtRefusal::Malformed), "{token}");
        }
    }

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
    fn refuses_every_spelling_of_base64_but_one() {
        let cases = [
            ("canonical", "Zg", true),
            ("both of the URL's characters", "-_-_", true),
            ("padding", "Zg==", false),
            ("trailing bits", "Zh", false),
            ("the other alphabet", "+/+/", false),
            ("a lone character", "Z", false),
            ("a space", "Zm 9", false),
            ("a line break", "Zm9v\n", false),
        ];
        for (name, text, right) in cases {
            let decoded = decode(text.as_bytes(), &mut Vec::new());
            assert_eq!(decoded.is_ok(), right, "{name}");
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
