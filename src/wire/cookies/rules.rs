//! What a cookie must keep to, or browsers drop it without a word (RFC 6265bis, section 5.7).

use std::borrow::Cow;

use cookie::{Cookie, SameSite};

use crate::wire::{ConfigError, field};

/// The most bytes of a whole cookie (RFC 6265, section 6.1).
const MOST: usize = 4096;

/// The longest that everything but name, value, path and domain can get.
const ATTRIBUTES: usize = "=; HttpOnly; SameSite=Strict; Partitioned; Secure; Path=; Domain=; \
    Max-Age=34560000; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    .len();

/// A browser ignores an attribute whose value is longer.
const MOST_OF_ATTRIBUTE: usize = 1024;

pub(super) fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("SetCookie", message)
}

/// Checks what depends on several parts of a cookie.
pub(super) fn check(cookie: &Cookie<'static>) -> Result<(), ConfigError> {
    let path = cookie.path().unwrap_or_default();
    let domain = cookie.domain().unwrap_or_default();
    let secure = cookie.secure() == Some(true);
    let prefix = |prefix: &str| {
        let start = cookie.name().as_bytes().get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let (host, any) = (prefix("__Host-"), prefix("__Host-") || prefix("__Secure-"));
    let rules = [
        (any && !secure, "`__Host-` and `__Secure-` need `Secure`"),
        (host && path != "/", "`__Host-` needs the path `/`"),
        (host && !domain.is_empty(), "`__Host-` allows no domain"),
        (
            cookie.same_site() == Some(SameSite::None) && !secure,
            "`SameSite=None` needs `Secure`",
        ),
        (
            cookie.partitioned() == Some(true) && !secure,
            "`Partitioned` needs `Secure`",
        ),
    ];
    if let Some((_, broken)) = rules.into_iter().find(|(breaks, _)| *breaks) {
        return Err(error(broken));
    }
    let length = [cookie.name(), cookie.value(), path, domain].map(str::len);
    let length: usize = length.into_iter().fold(ATTRIBUTES, usize::saturating_add);
    if length > MOST {
        let message = format!("browsers drop a cookie of {length} bytes: {MOST} are the most");
        return Err(error(message));
    }
    Ok(())
}

pub(super) fn check_name(name: &str) -> Result<(), ConfigError> {
    if field::cookie::is_name(name) {
        return Ok(());
    }
    let name = name.escape_debug();
    Err(error(format!("the name `{name}` is not a token")))
}

/// `cookie-octet` (RFC 6265, section 4.1.1). The value may be a secret, and is not shown.
pub(super) fn check_value(value: &str) -> Result<(), ConfigError> {
    let octet = |byte| matches!(byte, b'!' | b'#'..=b'+' | b'-'..=b':' | b'<'..=b'[' | b']'..=b'~');
    if value.bytes().all(octet) {
        return Ok(());
    }
    Err(error(
        "the value holds what no cookie can: encode it, in base64url for example",
    ))
}

pub(super) fn check_path(path: &str) -> Result<(), ConfigError> {
    let allowed = |byte| matches!(byte, b' '..=b':' | b'<'..=b'~');
    if path.starts_with('/') && path.bytes().all(allowed) && path.len() <= MOST_OF_ATTRIBUTE {
        return Ok(());
    }
    let path = path.escape_debug();
    Err(error(format!(
        "`{path}` is no path: it starts with `/` and has no `;`"
    )))
}

pub(super) fn check_domain(domain: &str) -> Result<(), ConfigError> {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(allowed)
    };
    if domain.split('.').all(is_label) && domain.len() <= 253 {
        return Ok(());
    }
    let domain = domain.escape_debug();
    Err(error(format!("`{domain}` is no domain")))
}
