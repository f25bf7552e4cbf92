//! A text that is not printed, and is wiped when it is dropped.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password, the hash of one, or a key: wiped when dropped, not shown by `Debug`, and never part of
/// an answer.
///
/// Functions that take the bytes of a key also take a `&Secret`: `Jwt::hs256(&secret)`.
///
/// It implements `Deserialize`, so that a body can contain one, but not `Serialize`: a struct with a
/// `Secret` can't derive `Serialize`, so a handler can't return it as JSON by accident. garde's
/// `length` rule works on it (feature `validation`), and its schema is a write-only string (feature
/// `openapi`).
///
/// # Example
///
/// ```
/// use wythe::Secret;
///
/// let password = Secret::new("open sesame".to_owned());
/// assert!(password.matches("open sesame"));
/// assert!(!password.matches("open says me"));
/// assert_eq!(format!("{password:?}"), "Secret(..)");
/// ```
///
/// # Example: what a user sends, and what an answer shows
///
/// ```
/// use wythe::Secret;
///
/// #[derive(serde::Deserialize)]
/// struct Credentials {
///     name: String,
///     password: Secret,
/// }
///
/// /// With `Serialize`, this would not compile: "the trait bound `Secret: Serialize` is not satisfied".
/// struct User {
///     name: String,
///     password_hash: Secret,
/// }
///
/// #[derive(serde::Serialize)]
/// struct ShownUser<'a> {
///     name: &'a str,
/// }
///
/// let sent = r#"{"name": "ada", "password": "open sesame"}"#;
/// let credentials: Credentials = serde_json::from_str(sent)?;
/// let user = User { name: credentials.name, password_hash: Secret::new("..".to_owned()) };
/// assert!(credentials.password.matches("open sesame"));
/// let shown = serde_json::to_string(&ShownUser { name: &user.name })?;
/// assert_eq!(shown, r#"{"name":"ada"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Security
///
/// Only this copy is wiped. Others may remain: in the body or the header field that it came from, in
/// the buffers of the server, and wherever it was copied from [`expose`](Self::expose).
#[derive(Clone)]
#[must_use]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text. A `String` that has grown may have left copies in memory.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it equals this text. The time depends only on the lengths, not on where the two
    /// differ.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Deserializes a string. The error for another type does not quote the value.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        fn not_a_text<E: Error>(what: &str) -> Result<Secret, E> {
            Err(E::invalid_type(Unexpected::Other(what), &TextVisitor))
        }

        impl Visitor<'_> for TextVisitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                self.visit_string(text.to_owned())
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
                not_a_text("a boolean")
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
                not_a_text("a number")
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<Secret, E> {
                not_a_text("a number")
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
                not_a_text("a number")
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<Secret, E> {
                not_a_text("a number")
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
                not_a_text("a number")
            }
        }

        if reader.is_human_readable() {
            // Asked for a string, `serde_json` makes the error for a number itself, and quotes it.
            reader.deserialize_any(TextVisitor)
        } else {
            reader.deserialize_string(TextVisitor)
        }
    }
}

#[cfg(feature = "validation")]
mod rules {
    use garde::rules::length::{bytes::HasBytes, chars::HasChars, simple::HasSimpleLength};

    use super::Secret;

    impl HasSimpleLength for Secret {
        fn length(&self) -> usize {
            self.0.len()
        }
    }

    impl HasBytes for Secret {
        fn num_bytes(&self) -> usize {
            self.0.len()
        }
    }

    impl HasChars for Secret {
        fn num_chars(&self) -> usize {
            self.0.chars().count()
        }
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::Secret;

    /// A string that is written and never read (JSON Schema Validation, section 9.4).
    impl JsonSchema for Secret {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "Secret".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "format": "password", "writeOnly": true })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Secret;

    #[test]
    fn it_is_read_from_a_string_and_errors_do_not_quote_it() {
        let secret: Secret = serde_json::from_value(json!("open sesame")).unwrap();
        assert_eq!(secret.expose(), "open sesame");
        for value in [json!(123_987), json!(-123_987), json!(123_987.5)] {
            let error = serde_json::from_value::<Secret>(value).unwrap_err();
            assert_eq!(
                error.to_string(),
                "invalid type: a number, expected a string"
            );
        }
        let error = serde_json::from_value::<Secret>(json!(true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid type: a boolean, expected a string"
        );
    }

    #[cfg(all(feature = "validation", feature = "openapi"))]
    #[test]
    fn its_length_can_be_a_rule_and_is_part_of_its_schema() {
        use garde::Validate;

        #[derive(Validate, schemars::JsonSchema)]
        struct Credentials {
            #[garde(length(chars, min = 4, max = 8), length(bytes, max = 12))]
            password: Secret,
            #[garde(length(max = 2))]
            pin: Option<Secret>,
        }
        let credentials = |password: &str| Credentials {
            password: Secret::new(password.to_owned()),
            pin: None,
        };
        for (password, passes) in [
            ("abcd", true),
            ("abc", false),
            ("abcdefghi", false),
            ("\u{1f511}\u{1f511}\u{1f511}", false),
            ("\u{e9}\u{e9}\u{e9}\u{e9}", true),
            ("\u{1f511}\u{1f511}\u{1f511}\u{1f511}a", false),
        ] {
            assert_eq!(credentials(password).validate().is_ok(), passes);
        }
        let schema = schemars::schema_for!(Credentials);
        let password = &schema.get("properties").unwrap()["password"];
        let expected = json!({
            "type": "string", "format": "password", "writeOnly": true, "minLength": 4, "maxLength": 8,
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&password[name], value, "{name}");
        }
    }
}
