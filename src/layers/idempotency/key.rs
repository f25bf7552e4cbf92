//! The key that a client sends: [`IdempotencyKey`].

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderName};

use crate::{contract::Provided, wire::field::structured::parse_string};

/// The field of the key (draft-ietf-httpapi-idempotency-key-header-07, section 2.1).
pub(super) const FIELD: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in characters.
const MAX_LENGTH: usize = 255;

/// The idempotency key of a request, for the handler: `Option<IdempotencyKey>`.
///
/// Write it to the database in the transaction that does the work, with a unique constraint on the
/// user and the key. The work is then done only once, even if the server is killed before the answer
/// is stored; see [`idempotency`](crate::idempotency#when-the-server-is-killed).
///
/// # Example
///
/// ```
/// use wythe::IdempotencyKey;
///
/// async fn pay(key: Option<IdempotencyKey>) -> String {
///     let key = key.as_ref().map(IdempotencyKey::as_str);
///     // INSERT INTO payments (user_id, key, amount) VALUES ($1, $2, $3)
///     // ON CONFLICT (user_id, key) DO UPDATE SET key = excluded.key RETURNING id
///     format!("paid, {key:?}")
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// The key in the value of an `Idempotency-Key` field: a String in quotes, as in RFC 9651, or the
    /// same without quotes, as Stripe's clients send it. `None` if the value is neither, or if the key
    /// is empty or longer than 255 characters.
    ///
    /// In quotes, a key can contain all printable ASCII characters; without quotes, it can't contain
    /// spaces, `"`, `\`, `,` or `;`.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::IdempotencyKey;
    ///
    /// let quoted = IdempotencyKey::parse(br#""8e03978e-40d5-43dd-bc93-6894a57f9324""#);
    /// let bare = IdempotencyKey::parse(b"8e03978e-40d5-43dd-bc93-6894a57f9324");
    /// assert!(bare.is_some());
    /// assert_eq!(bare, quoted);
    ///
    /// assert_eq!(IdempotencyKey::parse(b"two, keys"), None);
    /// ```
    #[must_use]
    pub fn parse(field: &[u8]) -> Option<Self> {
        let field = field.trim_ascii();
        let text = match parse_string(field) {
            // The draft defines no parameters.
            Some((text, b"")) => text,
            None if field.iter().all(is_bare) => String::from_utf8(field.to_vec()).ok()?,
            _ => return None,
        };
        (1..=MAX_LENGTH)
            .contains(&text.len())
            .then(|| Self(text.into()))
    }

    /// The key, without quotes: 1 to 255 printable ASCII characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A byte of a key without quotes. A comma could come from two lines that a proxy has joined.
const fn is_bare(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',' | b';')
}

/// The keys without quotes, as a regular expression.
pub(super) const BARE_PATTERN: &str = r"^[!#-+\--:<-\[\]-~]{1,255}$";

impl Provided for IdempotencyKey {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

/// Omits the key: anybody with the key and the client's credentials gets the answer.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{IdempotencyKey, MAX_LENGTH};
    use crate::wire::field::structured;

    #[test]
    fn keys_are_read_with_and_without_quotes() {
        let longest = "a".repeat(MAX_LENGTH);
        let too_long = "a".repeat(MAX_LENGTH + 1);
        let quoted = |text: &str| structured::string(text).unwrap();
        let cases = [
            ("KG5LxwFBepaKHyUD", Some("KG5LxwFBepaKHyUD")),
            ("  a  ", Some("a")),
            ("order:7/attempt=1", Some("order:7/attempt=1")),
            (
                r#""with spaces, and more;""#,
                Some("with spaces, and more;"),
            ),
            (r#""a \"b\" \\""#, Some(r#"a "b" \"#)),
            (&longest, Some(&*longest)),
            (&quoted(&longest), Some(&*longest)),
            (&too_long, None),
            (&quoted(&too_long), None),
            ("", None),
            ("\"\"", None),
            ("a, b", None),
            ("a,b", None),
            (r#""a", "b""#, None),
            (r#""a";p=1"#, None),
            (r#""a"#, None),
            (r#"a""#, None),
            ("caf\u{e9}", None),
            ("\"caf\u{e9}\"", None),
            ("a\tb", None),
        ];
        for (field, key) in cases {
            let read = IdempotencyKey::parse(field.as_bytes());
            assert_eq!(read.as_ref().map(IdempotencyKey::as_str), key, "{field}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_the_same_in_quotes(field: Vec<u8>) {
            if let Some(key) = IdempotencyKey::parse(&field) {
                let quoted = structured::string(key.as_str()).unwrap();
                prop_assert_eq!(IdempotencyKey::parse(quoted.as_bytes()), Some(key));
            }
        }
    }
}
