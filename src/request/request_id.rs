//! The id of a request: [`RequestId`].

use std::{
    fmt,
    hash::{Hash, Hasher},
    str,
    time::Duration,
};

use http::{Extensions, HeaderValue};
use serde::{Serialize, Serializer};

use crate::contract::Provided;

/// The id of a request, as [`with_request_id`](crate::with_request_id) has made or accepted it.
///
/// It has 1 to 128 characters: letters, digits, and `-_.:=+/@`. An id of this server is a UUID of
/// version 7 ([RFC 9562, section 5.7]).
///
/// # Example: a call to another service
///
/// ```
/// use http::Request;
/// use wythe::RequestId;
///
/// async fn price(id: RequestId) -> Result<String, http::Error> {
///     let call = Request::get("http://prices.internal/7").header("x-request-id", &id).body(())?;
///     // ..
///     Ok(format!("the price, for {id}"))
/// }
/// ```
///
/// [RFC 9562, section 5.7]: https://www.rfc-editor.org/rfc/rfc9562#section-5.7
#[derive(Clone)]
pub struct RequestId(Text);

#[derive(Clone)]
enum Text {
    /// A UUID. It is stored inline, so it needs no allocation.
    Own([u8; UUID]),
    Received(HeaderValue),
}

/// The length of a UUID.
const UUID: usize = 36;

/// The longest id that is accepted from a proxy.
const MAX_LENGTH: usize = 128;

impl RequestId {
    /// A UUID of version 7 with this time since the Unix epoch (RFC 9562, section 5.7).
    pub(crate) fn of_version_7(since_epoch: Duration, random: [u64; 2]) -> Self {
        const VERSION: u64 = 7 << 12;
        const VARIANT: u64 = 0b10 << 62;

        // The lower 48 bits of the milliseconds, which suffice until the year 10889.
        let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let [rand_a, rand_b] = random;
        let high = (millis << 16) | VERSION | (rand_a & 0xfff);
        let low = VARIANT | (rand_b >> 2);
        let number = (u128::from(high) << 64) | u128::from(low);
        Self(Text::Own(hyphenated(number.to_be_bytes())))
    }

    /// The id that a proxy has sent; `None` if it does not have the syntax.
    pub(crate) fn received(value: &HeaderValue) -> Option<Self> {
        let text = value.as_bytes();
        let fits = (1..=MAX_LENGTH).contains(&text.len()) && text.iter().all(|byte| is_part(*byte));
        fits.then(|| Self(Text::Received(value.clone())))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = match &self.0 {
            Text::Own(uuid) => uuid,
            Text::Received(value) => value.as_bytes(),
        };
        // All of them are ASCII.
        str::from_utf8(text).unwrap_or_default()
    }

    /// The value of a header field with this id, for requests to other services.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        match &self.0 {
            // All characters of a UUID are allowed in a field.
            Text::Own(uuid) => {
                HeaderValue::from_bytes(uuid).unwrap_or_else(|_| HeaderValue::from_static(""))
            }
            Text::Received(value) => value.clone(),
        }
    }
}

/// What needs no escape in a log, a header field, a URI path or JSON.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b':' | b'=' | b'+' | b'/' | b'@')
}

/// The text of a UUID (RFC 9562, section 4).
fn hyphenated(uuid: [u8; 16]) -> [u8; UUID] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];

    let digits = uuid.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let mut digits = digits.filter_map(|digit| DIGITS.get(usize::from(digit)));
    let mut text = [b'-'; UUID];
    for (index, byte) in text.iter_mut().enumerate() {
        if !HYPHENS.contains(&index)
            && let Some(digit) = digits.next()
        {
            *byte = *digit;
        }
    }
    text
}

impl Provided for RequestId {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

impl From<&RequestId> for HeaderValue {
    fn from(id: &RequestId) -> Self {
        id.to_header_value()
    }
}

impl AsRef<str> for RequestId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RequestId {}

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::RequestId;

    /// The example of RFC 9562, appendix A.6.
    #[test]
    fn a_new_id_is_a_uuid_of_version_7() {
        let time = Duration::from_millis(1_645_557_742_000);
        let id = RequestId::of_version_7(time, [0xcc3, 0x18c4_dc0c_0c07_398f << 2]);
        assert_eq!(id.as_str(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn random_bits_change_neither_version_nor_variant() {
        let id = |random| RequestId::of_version_7(Duration::ZERO, random).to_string();
        assert_eq!(id([0; 2]), "00000000-0000-7000-8000-000000000000");
        assert_eq!(id([u64::MAX; 2]), "00000000-0000-7fff-bfff-ffffffffffff");
    }
}
