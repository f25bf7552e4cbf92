//! Reads a public key from PEM (RFC 7468), and says what it is when it is something else.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::wire::ConfigError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Whether some bytes look like PEM: such a text is never a secret.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(BEGIN.as_bytes())
}

/// The DER of the one public key in a PEM text: `SubjectPublicKeyInfo`, or PKCS #1 for RSA.
pub(super) fn public_key(pem: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let (label, body) = std::str::from_utf8(pem)
        .ok()
        .and_then(block)
        .ok_or_else(|| {
            error("the key is not one PEM block, `-----BEGIN PUBLIC KEY-----` ..".to_owned())
        })?;
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" => {
            let advice = "take its key out: `openssl x509 -pubkey -noout -in cert.pem`";
            return Err(error(format!("this PEM is a certificate; {advice}")));
        }
        label if label.ends_with("PRIVATE KEY") => {
            let advice = "give the public one, `openssl pkey -pubout -in key.pem` writes it";
            return Err(error(format!(
                "this PEM is a private key, which verifying does not need; {advice}"
            )));
        }
        label => return Err(error(format!("this PEM is a `{label}`, not a public key"))),
    }
    let text: String = body.split_ascii_whitespace().collect();
    STANDARD
        .decode(text)
        .map_err(|source| error("the PEM's base64 can't be read".to_owned()).because(source))
}

/// Label and body of a text that is one block and nothing else.
fn block(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.trim().strip_prefix(BEGIN)?.split_once(DASHES)?;
    let (body, end) = rest.split_once(END)?;
    let end = end.strip_suffix(DASHES)?;
    (end == label).then_some((label, body))
}

fn error(message: String) -> ConfigError {
    ConfigError::new("JwtKey", message)
}
