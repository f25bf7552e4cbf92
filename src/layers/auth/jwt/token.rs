//! Takes a token apart: JWS compact serialization (RFC 7515, section 7.1).

use memchr::{memchr, memrchr};

use super::{refusal::JwtRefusal, text::object};
use crate::wire::field::base64url;

/// The three parts of a token.
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
pub(super) fn decode(part: &[u8], bytes: &mut Vec<u8>) -> Result<(), JwtRefusal> {
    base64url::decode(part, bytes).ok_or(JwtRefusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::Token;
    use crate::layers::auth::jwt::refusal::JwtRefusal;

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
}
