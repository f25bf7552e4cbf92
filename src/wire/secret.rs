//! Keeps a text out of logs, and wipes it when it is dropped.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password or a key: wiped when dropped, and not shown by `Debug`.
///
/// What takes the bytes of a key takes a `&Secret` as well: `Jwt::hs256(&secret)`.
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
/// What is wiped is this copy. Others may be left: in the header field that it came in, in the
/// buffers of the server, and wherever [`expose`](Self::expose) took it.
#[must_use]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over. A `String` that has grown before may have left copies behind.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is this text. How long that takes depends on the lengths alone, not on where the
    /// two differ.
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
