//! Reads and writes header fields and other small syntaxes: one file each, no I/O.

pub(crate) mod authorization;
pub(crate) mod base64url;
mod challenge;
pub(crate) mod cookie;
pub(crate) mod forwarded;
pub(crate) mod forwarded_for;
mod host;
pub(crate) mod json_pointer;
pub(crate) mod media_type;
pub(crate) mod origin;
pub(crate) mod origin_list;
#[cfg(feature = "rate-limit")]
pub(crate) mod scratch;
pub(crate) mod structured;
pub(crate) mod urlencoded;
pub(crate) mod vary;

pub use challenge::Challenge;
pub use origin::Origin;

/// `tchar` (RFC 9110, section 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    ) || byte.is_ascii_alphanumeric()
}
