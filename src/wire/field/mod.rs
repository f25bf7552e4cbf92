//! Reads and writes header fields and other small syntaxes: one file each, no I/O.

#[cfg(any(feature = "api-key", feature = "basic", feature = "jwt"))]
pub(crate) mod authorization;
#[cfg(feature = "jwt")]
pub(crate) mod base64url;
#[cfg(feature = "auth")]
mod challenge;
#[cfg(any(feature = "cookies", feature = "jwt"))]
pub(crate) mod cookie;
#[cfg(feature = "client-ip")]
pub(crate) mod forwarded;
#[cfg(feature = "client-ip")]
pub(crate) mod forwarded_for;
#[cfg(any(feature = "cors", feature = "csrf"))]
mod host;
#[cfg(feature = "validation")]
pub(crate) mod json_pointer;
#[cfg(feature = "validation")]
pub(crate) mod media_type;
#[cfg(any(feature = "cors", feature = "csrf"))]
#[cfg_attr(
    not(feature = "cors"),
    expect(unreachable_pub, reason = "closures of a CORS policy see it")
)]
pub(crate) mod origin;
#[cfg(any(feature = "cors", feature = "csrf"))]
pub(crate) mod origin_list;
#[cfg(feature = "rate-limit")]
pub(crate) mod scratch;
#[cfg(feature = "rate-limit")]
pub(crate) mod structured;
#[cfg(feature = "validation")]
pub(crate) mod urlencoded;
#[cfg(feature = "cors")]
pub(crate) mod vary;

#[cfg(feature = "auth")]
pub use challenge::Challenge;
#[cfg(feature = "cors")]
pub use origin::Origin;

/// `tchar` (RFC 9110, section 5.6.2).
#[cfg(any(
    feature = "auth",
    feature = "client-ip",
    feature = "cookies",
    feature = "validation"
))]
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    ) || byte.is_ascii_alphanumeric()
}
