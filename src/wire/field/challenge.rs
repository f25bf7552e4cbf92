//! Writes `WWW-Authenticate` (RFC 9110, section 11.6.1).

use http::HeaderValue;

use super::is_token_byte;
use crate::wire::ConfigError;

/// A challenge: what a 401 asks for.
///
/// # Example
///
/// ```
/// use http::HeaderValue;
/// use wythe::Challenge;
///
/// let challenge = Challenge::new("Bearer")?
///     .parameter("realm", r#"the "inner" api"#)?
///     .parameter("scope", "read write")?;
/// assert_eq!(
///     HeaderValue::from(challenge),
///     r#"Bearer realm="the \"inner\" api", scope="read write""#
/// );
/// assert!(Challenge::new("Bearer")?.parameter("realm", "line\nbreak").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Challenge {
    value: HeaderValue,
    parameters: usize,
}

impl Challenge {
    /// A challenge of this scheme, without parameters.
    ///
    /// # Errors
    ///
    /// If the scheme is not a token (RFC 9110, section 5.6.2).
    pub fn new(scheme: &str) -> Result<Self, ConfigError> {
        token(scheme, "scheme")?;
        Ok(Self {
            value: value(scheme)?,
            parameters: 0,
        })
    }

    /// Adds a parameter; its value is quoted and escaped.
    ///
    /// # Errors
    ///
    /// If the name is not a token, or the value holds anything but visible ASCII characters,
    /// spaces and tabs.
    pub fn parameter(self, name: &str, text: &str) -> Result<Self, ConfigError> {
        token(name, "parameter")?;
        let quotable = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
        if !text.bytes().all(quotable) {
            return Err(ConfigError::new(
                "Challenge",
                format!("the value of `{name}` must be visible ASCII characters and spaces"),
            ));
        }
        // Visible ASCII so far, for every part of it went through these checks.
        let mut written = String::from_utf8_lossy(self.value.as_bytes()).into_owned();
        written.push_str(if self.parameters == 0 { " " } else { ", " });
        written.push_str(name);
        written.push_str("=\"");
        for c in text.chars() {
            // A quoted-pair (RFC 9110, section 5.6.4).
            if matches!(c, '"' | '\\') {
                written.push('\\');
            }
            written.push(c);
        }
        written.push('"');
        Ok(Self {
            value: value(&written)?,
            parameters: self.parameters.saturating_add(1),
        })
    }
}

impl From<Challenge> for HeaderValue {
    fn from(challenge: Challenge) -> Self {
        challenge.value
    }
}

fn token(text: &str, what: &str) -> Result<(), ConfigError> {
    if text.is_empty() || !text.bytes().all(is_token_byte) {
        let message = format!("the {what} `{}` is not a token", text.escape_debug());
        return Err(ConfigError::new("Challenge", message));
    }
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, ConfigError> {
    HeaderValue::from_str(text)
        .map_err(|error| ConfigError::new("Challenge", "not a header value").because(error))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::Challenge;

    #[test]
    fn refuses_what_no_challenge_can_hold() {
        for scheme in ["", "Bear er", "Bearer,", "caf\u{e9}"] {
            assert!(Challenge::new(scheme).is_err(), "{scheme}");
        }
        for (name, text) in [
            ("", "a"),
            ("re alm", "a"),
            ("realm", "a\r\nb"),
            ("realm", "\u{e9}"),
        ] {
            let challenge = Challenge::new("Bearer").unwrap().parameter(name, text);
            assert!(challenge.is_err(), "{name} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_value_reads_back(text in "[\\t -~]{0,40}") {
            let challenge = Challenge::new("Bearer").unwrap().parameter("realm", &text).unwrap();
            let value = HeaderValue::from(challenge);
            let value = value.to_str().unwrap();
            let quoted = value.strip_prefix("Bearer realm=\"").unwrap().strip_suffix('"').unwrap();
            let mut read = String::new();
            let mut chars = quoted.chars();
            while let Some(c) = chars.next() {
                prop_assert!(c != '"', "an unescaped quote ends the value early");
                read.push(if c == '\\' { chars.next().unwrap() } else { c });
            }
            prop_assert_eq!(read, text);
        }
    }
}
