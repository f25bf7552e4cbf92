//! Reads and writes header fields and other small syntaxes, one file for each, without I/O.

pub(crate) mod accept;
pub(crate) mod accept_encoding;
#[cfg(feature = "negotiation")]
pub(crate) mod accept_language;
pub(crate) mod authorization;
pub(crate) mod base64url;
pub(crate) mod cache_control;
pub(crate) mod challenge;
pub(crate) mod cookie;
#[cfg(any(feature = "compression", feature = "conditional", feature = "openapi"))]
pub(crate) mod entity_tag;
pub(crate) mod forwarded;
pub(crate) mod forwarded_for;
#[cfg(any(
    feature = "compression",
    feature = "conditional",
    feature = "openapi",
    feature = "rate-limit"
))]
pub(crate) mod header_value;
pub(crate) mod http_date;
pub(crate) mod json_pointer;
pub(crate) mod media_type;
#[cfg(any(feature = "api", feature = "validation"))]
pub(crate) mod number;
pub(crate) mod origin;
pub(crate) mod origin_list;
pub(crate) mod origin_pattern;
mod public_suffix;
pub(crate) mod structured;
#[cfg(feature = "trace")]
pub(crate) mod trace_context;
pub(crate) mod urlencoded;
pub(crate) mod vary;

use std::fmt;

use http::{HeaderMap, HeaderValue, header::AsHeaderName};

pub use challenge::Challenge;
pub use origin::Origin;

/// A field that may occur once has several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeated;

/// The only line of a field that is not a list.
///
/// A sender must not repeat such a field (RFC 9110, section 5.3). It is not known which of several
/// lines another server on the way uses, so none of them counts.
pub(crate) fn only_line(
    headers: &HeaderMap,
    name: impl AsHeaderName,
) -> Result<Option<&HeaderValue>, Repeated> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    match lines.next() {
        None => Ok(first),
        Some(_) => Err(Repeated),
    }
}

/// What a client has sent, as the log may show it: escaped, and no more than the beginning of a long
/// text.
pub(crate) struct Excerpt<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_BYTES: usize = 100;

        let Self(text) = self;
        let beginning = text.get(..MAX_BYTES).unwrap_or(text);
        for chunk in beginning.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        f.write_str(if text.len() > MAX_BYTES { ".." } else { "" })
    }
}

/// Without the optional whitespace around it (RFC 9110, section 5.6.3).
pub(crate) fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// `tchar` (RFC 9110, section 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    ) || byte.is_ascii_alphanumeric()
}

/// A token, and what follows it.
pub(crate) fn token(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = input
        .iter()
        .take_while(|byte| is_token_byte(**byte))
        .count();
    (length > 0).then(|| input.split_at_checked(length))?
}
