//! Reads what an issuer says of itself (OIDC Discovery 1.0, section 3; RFC 8414, section 2).

use http::Uri;
use serde::Deserialize;

use super::{JwksError, location};
use crate::layers::auth::jwt::text::object;

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// The address of an issuer's key set.
///
/// The document must be this issuer's own: else one who can write below another path of the host
/// could bring keys of his own (RFC 8414, sections 3.3 and 6.2). From an encrypted connection the
/// way never leads to one that is not.
pub(super) fn keys_uri(body: &[u8], issuer: &str, from: &Uri) -> Result<Uri, JwksError> {
    const WHAT: &str = "the metadata of an issuer";
    let json = object(body).ok_or_else(|| malformed(WHAT, None))?;
    let metadata: Metadata =
        serde_json::from_str(json).map_err(|error| malformed(WHAT, Some(&error)))?;
    if metadata.issuer != issuer {
        return Err(JwksError::Issuer);
    }
    let uri = location::check(&metadata.jwks_uri).map_err(JwksError::Location)?;
    if location::is_plain(&uri) && !location::is_plain(from) {
        return Err(JwksError::Location("it is `http`, and the issuer is not"));
    }
    Ok(uri)
}

/// Says where a document breaks. What stands there is not repeated.
pub(super) fn malformed(what: &'static str, error: Option<&serde_json::Error>) -> JwksError {
    let place = error.map_or_else(
        || "no JSON object".to_owned(),
        |error| {
            let kind = if error.is_data() {
                "another shape"
            } else {
                "no JSON"
            };
            format!("{kind} at line {} column {}", error.line(), error.column())
        },
    );
    JwksError::Malformed(what, place)
}
