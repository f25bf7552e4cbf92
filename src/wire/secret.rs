//! A text that is not printed, and is wiped when it is dropped.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password or a key: wiped when dropped, and not shown by `Debug`.
///
/// Functions that take the bytes of a key also take a `&Secret`: `Jwt::hs256(&secret)`.
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
/// # Security
///
/// Only this copy is wiped. Others may remain: in the header field that it came from, in the buffers
/// of the server, and wherever it was copied from [`expose`](Self::expose).
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
