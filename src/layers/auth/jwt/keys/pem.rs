//! Reads a public key in PEM (RFC 7468), and diagnoses texts that are not a key.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::error;
use crate::wire::ConfigError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The DER of the only public key in a PEM text (RFC 7468): `SubjectPublicKeyInfo`, or PKCS #1 for
/// RSA.
pub(super) fn public_key_der(pem: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let wrong = wrong_with_pem(pem);
    let block = std::str::from_utf8(pem).ok().and_then(pem_block);
    let (label, body) = block.filter(|_| wrong.is_none()).ok_or_else(|| {
        let must = "the key must be one PEM block, `-----BEGIN PUBLIC KEY-----` ..";
        error(wrong.map_or_else(|| must.to_owned(), |wrong| format!("{must}, but {wrong}")))
    })?;
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" => {
            let advice = "extract its key with `openssl x509 -pubkey -noout -in cert.pem`";
            return Err(error(format!("this PEM is a certificate; {advice}")));
        }
        label if label.ends_with("PRIVATE KEY") => {
            let advice = "extract the public key with `openssl pkey -pubout -in key.pem`";
            return Err(error(format!(
                "this PEM is a private key, which is not needed to verify; {advice}"
            )));
        }
        label => return Err(error(format!("this PEM is a `{label}`, not a public key"))),
    }
    let text: String = body.split_ascii_whitespace().collect();
    STANDARD
        .decode(text)
        .map_err(|source| error("the PEM's base64 is invalid".to_owned()).because(source))
}

/// The label and body of a text that is one PEM block and nothing else.
fn pem_block(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.trim().strip_prefix(BEGIN)?.split_once(DASHES)?;
    let (body, end) = rest.split_once(END)?;
    let end = end.strip_suffix(DASHES)?;
    (end == label).then_some((label, body))
}

/// Common mistakes when a PEM is copied into a file or an environment variable.
fn wrong_with_pem(pem: &[u8]) -> Option<&'static str> {
    if pem.starts_with(b"\xef\xbb\xbf") {
        return Some("it begins with a byte order mark: save it without one");
    }
    if pem.starts_with(b"\xff\xfe") || pem.starts_with(b"\xfe\xff") {
        return Some("it is in UTF-16: save it as ASCII or UTF-8");
    }
    let text = std::str::from_utf8(pem).ok()?.trim();
    if text.starts_with(['"', '\'', '`']) {
        return Some("it is in quotes: remove them");
    }
    let (before, block) = text.split_once(BEGIN)?;
    if !before.is_empty() {
        return Some("there is other text before it, such as a comment: remove that");
    }
    if block.contains("\\n") {
        return Some(
            "its line breaks are the two characters `\\n`, as in an `.env` file: replace them with line \
             breaks",
        );
    }
    if block.contains(BEGIN) {
        return Some("there are several blocks");
    }
    None
}

/// Which kind of key a secret is, if it is the text of one: in PEM, wherever it begins and whatever
/// its line breaks are, in base64 of a PEM, or as a JWK.
pub(super) fn key_in(secret: &[u8]) -> Option<&'static str> {
    // Ignores the zeros of UTF-16. The copy is wiped as well.
    let bytes = secret.iter().filter(|byte| **byte != 0);
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(bytes.copied().collect());
    let contains = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    if contains(BEGIN.as_bytes()) {
        return Some("a PEM");
    }
    if contains(b"LS0tLS1CRUdJTi") {
        return Some("a PEM in base64");
    }
    let is_jwk = contains(b"{") && contains(b"\"kty\"");
    is_jwk.then_some("a JWK")
}
