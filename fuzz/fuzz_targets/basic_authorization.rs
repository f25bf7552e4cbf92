//! `Authorization: Basic`: the check gets the user and the password that were sent if and only if
//! the field holds credentials as RFC 7617 defines them.
#![no_main]

use std::{convert::Infallible, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::{Auth, Basic, Secret, with_auth};
use wythe_fuzz::{Handler, problem, send};

type Pair = (String, String);

/// Admits everybody and returns their name, except for one password.
static SCHEME: LazyLock<Basic<Pair>> = LazyLock::new(|| {
    let check = |user: String, password: Secret| async move {
        let pair = (user, password.expose().to_owned());
        Ok::<_, Infallible>((pair.1 != "wrong").then_some(pair))
    };
    Basic::verify("fuzz", check).unwrap()
});

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    user: &'a str,
    password: &'a str,
    token: &'a [u8],
    line: &'a [u8],
}

/// What the check got, or the status of the refusal; 400 if it is not a valid field.
fn read(line: &[u8]) -> Result<Pair, u16> {
    let line = HeaderValue::from_bytes(line).map_err(|_| 401_u16)?;
    let mut request = Request::new(Default::default());
    request.headers_mut().insert(AUTHORIZATION, line);
    let response = send(&with_auth(SCHEME.clone()), request, Handler::default());
    if let Some(Auth(pair)) = response.extensions().get::<Auth<Pair>>() {
        assert_eq!(response.status(), 200);
        return Ok(pair.clone());
    }
    problem(&response);
    let asks = response.headers().get("www-authenticate");
    match response.status().as_u16() {
        400 => assert!(asks.is_none(), "{response:?}"),
        status => {
            assert_eq!(status, 401);
            assert_eq!(asks.unwrap(), r#"Basic realm="fuzz", charset="UTF-8""#);
        }
    }
    Err(response.status().as_u16())
}

/// The credentials that a token encodes, decoded in the simplest way.
fn expected(token: &[u8]) -> Result<Pair, u16> {
    if token.len() > 1368 {
        return Err(401);
    }
    let decoded = STANDARD.decode(token).map_err(|_| 401_u16)?;
    if decoded.len() > 1024 {
        return Err(401);
    }
    let text = String::from_utf8(decoded).map_err(|_| 401_u16)?;
    let (user, password) = text.split_once(':').ok_or(401_u16)?;
    if text.chars().any(|c| c.is_ascii_control()) {
        return Err(401);
    }
    if password == "wrong" {
        return Err(401);
    }
    Ok((user.to_owned(), password.to_owned()))
}

fuzz_target!(|input: Input<'_>| {
    let basic = |token: &[u8]| [b"Basic ", token].concat();
    let coded = STANDARD.encode(format!("{}:{}", input.user, input.password));
    assert_eq!(read(&basic(coded.as_bytes())), expected(coded.as_bytes()));

    // Spaces before the token are not part of it.
    let token = input.token;
    let spaces = token.iter().take_while(|byte| **byte == b' ').count();
    if HeaderValue::from_bytes(token).is_ok() {
        assert_eq!(read(&basic(token)), expected(&token[spaces..]));
    }
    let coded = STANDARD.encode(token);
    assert_eq!(read(&basic(coded.as_bytes())), expected(coded.as_bytes()));

    // No other line holds a user.
    if let Ok(pair) = read(input.line) {
        let (scheme, token) = input.line.split_at(6);
        assert!(scheme.eq_ignore_ascii_case(b"basic "));
        let spaces = token.iter().take_while(|byte| **byte == b' ').count();
        assert_eq!(expected(&token[spaces..]), Ok(pair));
    }
});
