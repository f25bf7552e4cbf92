//! `Content-Digest` and `Repr-Digest` of the whole body (RFC 9530).

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderName, StatusCode};
use sha2::{Digest, Sha256, Sha512};

use crate::wire::{Problem, field::structured};

/// A request without a content coding has the same bytes in both, and `with_decompression` removes both
/// where there was one.
const FIELDS: [HeaderName; 2] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// The digests that a client has sent, and those of the bytes so far.
#[derive(Default)]
pub(super) struct BodyDigests {
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
    expected256: Vec<[u8; 32]>,
    expected512: Vec<[u8; 64]>,
}

impl BodyDigests {
    /// What the fields say. Algorithms that are not known are ignored (section 2).
    ///
    /// # Errors
    ///
    /// 400: a field is malformed, or a digest is not as long as its algorithm's.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut digests = Self::default();
        for name in FIELDS {
            let mut field = String::new();
            for line in headers.get_all(&name) {
                if !field.is_empty() {
                    field.push_str(", ");
                }
                field.push_str(line.to_str().map_err(|_not_ascii| malformed(&name))?);
            }
            let values = structured::parse_byte_sequences(&field, ["sha-256", "sha-512"]);
            let [sha256, sha512] = values.ok_or_else(|| malformed(&name))?;
            if let Some(value) = sha256 {
                let expected = decode(value).ok_or_else(|| malformed(&name))?;
                digests.expected256.push(expected);
                digests.sha256.get_or_insert_default();
            }
            if let Some(value) = sha512 {
                let expected = decode(value).ok_or_else(|| malformed(&name))?;
                digests.expected512.push(expected);
                digests.sha512.get_or_insert_default();
            }
        }
        Ok(digests)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.sha256 {
            digest.update(bytes);
        }
        if let Some(digest) = &mut self.sha512 {
            digest.update(bytes);
        }
    }

    /// Compares the digests, once the whole body is there.
    pub(super) fn check(self) -> Result<(), Problem> {
        let found256: Option<[u8; 32]> = self.sha256.map(|digest| digest.finalize().into());
        let found512: Option<[u8; 64]> = self.sha512.map(|digest| digest.finalize().into());
        let all256 = self
            .expected256
            .iter()
            .all(|expected| found256 == Some(*expected));
        let all512 = self
            .expected512
            .iter()
            .all(|expected| found512 == Some(*expected));
        if all256 && all512 {
            return Ok(());
        }
        Err(mismatch())
    }
}

/// A Byte Sequence of this length. Parsers should not fail where the padding is missing, or not zero (RFC
/// 9651, section 4.2.7).
fn decode<const N: usize>(value: &str) -> Option<[u8; N]> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    BASE64.decode(value).ok()?.try_into().ok()
}

fn malformed(name: &HeaderName) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("malformed_digest")
        .detail(format!(
            "The header field `{name}` is malformed; write it like `sha-256=:<base64>:`."
        ))
}

pub(super) fn mismatch() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("digest_mismatch")
        .detail("The body does not have the digest that the request declares. Send it again.")
}
