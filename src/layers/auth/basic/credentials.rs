//! The user and the password of a request (RFC 7617, section 2).

use std::str;

use base64::{Engine, decoded_len_estimate, engine::general_purpose::STANDARD};
use http::HeaderMap;
use zeroize::Zeroizing;

use super::BasicRefusal;
use crate::wire::{
    Secret,
    field::authorization::{Credentials, credentials},
};

/// The maximum length of user, colon and password in bytes.
const MAX: usize = 1024;
/// The same length in base64.
const MAX_ENCODED: usize = MAX.div_ceil(3) * 4;

/// Whether an `Authorization` field could have this user and password, apart from a colon in the user
/// name.
pub(super) fn are_valid(user: &str, password: &str) -> bool {
    let length = user.len().saturating_add(1).saturating_add(password.len());
    length <= MAX && !has_control_character(user) && !has_control_character(password)
}

pub(super) fn of(headers: &HeaderMap) -> Result<Option<(String, Secret)>, BasicRefusal> {
    match credentials(headers, "Basic") {
        Credentials::Absent => Ok(None),
        Credentials::Repeated => Err(BasicRefusal::Several),
        Credentials::Token(token) => parse(token).map(Some),
    }
}

fn parse(token: &[u8]) -> Result<(String, Secret), BasicRefusal> {
    if token.len() > MAX_ENCODED {
        return Err(BasicRefusal::TooLong);
    }
    let mut decoded = Zeroizing::new(vec![0; decoded_len_estimate(token.len())]);
    // The padding is required and trailing bits must be zero, so that there is only one encoding.
    let length = STANDARD
        .decode_slice(token, &mut decoded)
        .or(Err(BasicRefusal::Base64))?;
    if length > MAX {
        return Err(BasicRefusal::TooLong);
    }
    // The challenge asks for UTF-8 (section 2.1).
    let text = str::from_utf8(decoded.get(..length).unwrap_or_default());
    let text = text.or(Err(BasicRefusal::Encoding))?;
    if has_control_character(text) {
        return Err(BasicRefusal::ControlCharacter);
    }
    // Split at the first colon: a user name contains none, a password may.
    let (user, password) = text.split_once(':').ok_or(BasicRefusal::NoColon)?;
    Ok((user.to_owned(), Secret::new(password.to_owned())))
}

fn has_control_character(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::{
        BasicRefusal::{Base64, NoColon, TooLong},
        parse,
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
            let (read, secret) = parse(token).unwrap();
            assert_eq!((&*read, secret.expose()), (user, password), "{name}");
        }
    }

    #[test]
    fn accepts_at_most_1024_bytes() {
        for (length, refused) in [(1024, NoColon), (1025, TooLong), (1026, TooLong)] {
            let token = STANDARD.encode(vec![b'a'; length]);
            assert_eq!(parse(token.as_bytes()).unwrap_err(), refused, "{length}");
        }
        // Too long to be decoded at all.
        assert_eq!(parse(&[b'?'; super::MAX_ENCODED]).unwrap_err(), Base64);
        assert_eq!(parse(&[b'?'; super::MAX_ENCODED + 1]).unwrap_err(), TooLong);
    }
}
