//! Reads a user and a password (RFC 7617, section 2).

use std::str;

use base64::{Engine, decoded_len_estimate, engine::general_purpose::STANDARD};
use http::HeaderMap;
use zeroize::Zeroizing;

use super::refusal::BasicRefusal;
use crate::wire::{
    Secret,
    field::authorization::{Credentials, credentials},
};

/// The most bytes of user and password.
const MOST: usize = 1024;
/// The most of base64.
const MOST_CODED: usize = MOST.div_ceil(3) * 4;

/// The user and the password of a request, if it has any.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<(String, Secret)>, BasicRefusal> {
    match credentials(headers, "Basic") {
        Credentials::Absent => Ok(None),
        Credentials::Repeated => Err(BasicRefusal::Several),
        Credentials::Token(token) => decode(token).map(Some),
    }
}

fn decode(token: &[u8]) -> Result<(String, Secret), BasicRefusal> {
    if token.len() > MOST_CODED {
        return Err(BasicRefusal::TooLong);
    }
    let mut decoded = Zeroizing::new(vec![0; decoded_len_estimate(token.len())]);
    // With padding and without stray bits, so that there is one spelling.
    let length = STANDARD
        .decode_slice(token, &mut decoded)
        .or(Err(BasicRefusal::Base64))?;
    if length > MOST {
        return Err(BasicRefusal::TooLong);
    }
    // The challenge asks for UTF-8 (section 2.1).
    let text = str::from_utf8(decoded.get(..length).unwrap_or_default());
    let text = text.or(Err(BasicRefusal::Encoding))?;
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(BasicRefusal::ControlCharacter);
    }
    // The first colon: a user has none, a password may.
    let (user, password) = text.split_once(':').ok_or(BasicRefusal::NoColon)?;
    Ok((user.to_owned(), Secret::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::{
        BasicRefusal::{Base64, NoColon, TooLong},
        decode,
    };

    #[test]
    fn reads_the_examples_of_rfc_7617() {
        let cases: [(_, &[u8], _, _); 2] = [
            (
                "section 2",
                b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                "Aladdin",
                "open sesame",
            ),
            ("section 2.1", b"dGVzdDoxMjPCow==", "test", "123\u{a3}"),
        ];
        for (name, token, user, password) in cases {
            let (read, secret) = decode(token).unwrap();
            assert_eq!((&*read, secret.expose()), (user, password), "{name}");
        }
    }

    #[test]
    fn reads_1024_bytes_and_no_more() {
        for (length, refused) in [(1024, NoColon), (1025, TooLong), (1026, TooLong)] {
            let token = STANDARD.encode(vec![b'a'; length]);
            assert_eq!(decode(token.as_bytes()).unwrap_err(), refused, "{length}");
        }
        // Not decoded at all.
        assert_eq!(decode(&[b'?'; super::MOST_CODED]).unwrap_err(), Base64);
        assert_eq!(decode(&[b'?'; super::MOST_CODED + 1]).unwrap_err(), TooLong);
    }
}
