//! Writes `WWW-Authenticate` (RFC 9110, section 11.6.1).

use http::HeaderValue;

use super::{accept::elements, is_token_byte};
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

/// A value of `WWW-Authenticate` without the challenges that say nothing new beside these values;
/// `None` if no challenge is left. A realm alone is nothing new: a client has one credential per
/// scheme, whatever the realms are called, and many clients read only the first challenge of a scheme.
pub(crate) fn without_repeated<'a>(
    value: &HeaderValue,
    sent: impl Iterator<Item = &'a HeaderValue>,
) -> Option<HeaderValue> {
    let sent: Vec<_> = sent.flat_map(read).collect();
    let mut challenges = read(value);
    let count = challenges.len();
    challenges.retain(|challenge| !sent.iter().any(|sent| sent.covers(challenge)));
    match challenges.len() {
        left if left == count => Some(value.clone()),
        0 => None,
        _ => {
            let written: Vec<_> = challenges.iter().map(ReadChallenge::write).collect();
            HeaderValue::from_bytes(&written.join(&b", "[..])).ok()
        }
    }
}

/// The scheme of a value of `WWW-Authenticate`, which is that of its first challenge.
pub(crate) fn scheme_of(value: &HeaderValue) -> Option<&str> {
    let (scheme, _) = elements(value.as_bytes()).find_map(scheme_in)?;
    std::str::from_utf8(scheme).ok()
}

/// A challenge of a value that holds a list of them.
struct ReadChallenge<'a> {
    scheme: &'a [u8],
    /// As they are written.
    parameters: Vec<&'a [u8]>,
}

impl ReadChallenge<'_> {
    /// Whether this challenge has all parameters of the other one, except for its realm.
    fn covers(&self, other: &Self) -> bool {
        let is_realm = |parameter: &[u8]| {
            let name = parameter.split(|byte| *byte == b'=').next();
            name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"realm"))
        };
        let mut others = other.parameters.iter();
        // Schemes are case-insensitive (RFC 9110, section 11.1).
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && others.all(|parameter| is_realm(parameter) || self.parameters.contains(parameter))
    }

    fn write(&self) -> Vec<u8> {
        let parameters = self.parameters.join(&b", "[..]);
        if parameters.is_empty() {
            return self.scheme.to_vec();
        }
        [self.scheme, b" ", &parameters].concat()
    }
}

fn read(value: &HeaderValue) -> Vec<ReadChallenge<'_>> {
    let mut challenges: Vec<ReadChallenge<'_>> = Vec::new();
    for element in elements(value.as_bytes()) {
        if let Some((scheme, rest)) = scheme_in(element) {
            let parameters = if rest.is_empty() { vec![] } else { vec![rest] };
            challenges.push(ReadChallenge { scheme, parameters });
        } else if let Some(last) = challenges.last_mut() {
            last.parameters.push(element);
        }
    }
    challenges
}

/// The scheme with which a challenge begins in an element of a list, and what follows it; `None` if the
/// element is a parameter of the challenge before it (RFC 9110, section 11.6.1).
fn scheme_in(element: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = element.iter().position(|byte| !is_token_byte(*byte));
    let (scheme, rest) = element.split_at_checked(end.unwrap_or(element.len()))?;
    let rest = rest.trim_ascii_start();
    (!scheme.is_empty() && !rest.starts_with(b"=")).then_some((scheme, rest))
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

    use super::{Challenge, scheme_of, without_repeated};

    #[test]
    fn leaves_out_challenges_that_say_nothing_new() {
        let cases = [
            (r#"Bearer realm="b""#, r#"Bearer realm="a""#, None),
            (r#"bearer Realm="b""#, r#"Bearer realm="a""#, None),
            (
                r#"Bearer realm="b""#,
                r#"Bearer realm="a", error="x""#,
                None,
            ),
            (
                r#"Bearer realm="b", scope="c""#,
                r#"Bearer realm="a""#,
                Some(r#"Bearer realm="b", scope="c""#),
            ),
            (
                r#"Key realm="a", header="x-b""#,
                r#"Key realm="a", header="x-a""#,
                Some(r#"Key realm="a", header="x-b""#),
            ),
            ("Negotiate", r#"Bearer realm="a""#, Some("Negotiate")),
            ("Negotiate", "Basic, Negotiate oYG2MIG==", None),
            (
                r#"Bearer realm="a, Key", Key realm="b""#,
                r#"Bearer realm="c""#,
                Some(r#"Key realm="b""#),
            ),
            (
                r#"Ant x="1" , y = "2",Bee,Cow z=3"#,
                r#"Bee realm="a, Cow""#,
                Some(r#"Ant x="1", y = "2", Cow z=3"#),
            ),
            (
                r#"Key realm="a, Bearer""#,
                "Bearer",
                Some(r#"Key realm="a, Bearer""#),
            ),
            ("Key", "", Some("Key")),
            ("", "Key", Some("")),
        ];
        for (value, sent, expected) in cases {
            let sent = HeaderValue::from_static(sent);
            let left = without_repeated(&HeaderValue::from_static(value), [&sent].into_iter());
            let left = left.as_ref().map(|left| left.to_str().unwrap());
            assert_eq!(left, expected, "{value} after {sent:?}");
        }
    }

    #[test]
    fn finds_the_scheme_of_a_value() {
        for (value, expected) in [
            (r#"Bearer realm="a", Key"#, Some("Bearer")),
            ("Negotiate", Some("Negotiate")),
            ("", None),
        ] {
            assert_eq!(scheme_of(&HeaderValue::from_static(value)), expected);
        }
    }

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
