//! A session cookie passes unchanged, with its data; with one bit changed, truncated, or under
//! another name it does not, and neither does any other text.
#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use http::{HeaderValue, Request, header::COOKIE};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::{
    Auth, Session, Sessions,
    auth::{MemorySessions, SessionKey},
    with_auth,
};
use wythe_fuzz::{Handler, NOW, problem, run, send};

static ENCRYPTED: LazyLock<Sessions<String>> = LazyLock::new(|| {
    let key = SessionKey::new("the key that encrypts sessions, in 42 bytes").unwrap();
    at_noon(Sessions::encrypted([key]).unwrap())
});
static STORED: LazyLock<Sessions<String>> = LazyLock::new(|| {
    let now = UNIX_EPOCH + Duration::from_secs(NOW.into());
    let store = MemorySessions::default().clock(move || now);
    at_noon(Sessions::stored(store).unwrap().into())
});

fn at_noon(sessions: Sessions<String>) -> Sessions<String> {
    let now = UNIX_EPOCH + Duration::from_secs(NOW.into());
    sessions.clock(move || now)
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    data: String,
    /// The index of the bit that is changed, and where the cookie is truncated.
    at: u16,
    bit: u8,
    length: u16,
    raw: &'a [u8],
}

/// The data of the session that a request with this field has; none if it does not pass, or is not
/// a valid request.
fn data(sessions: &Sessions<String>, field: &[u8]) -> Option<String> {
    let mut request = Request::new(Default::default());
    let field = HeaderValue::from_bytes(field).ok()?;
    request.headers_mut().insert(COOKIE, field);
    // It must not panic either.
    let named = sessions.public_id_in(request.headers());
    let response = send(&with_auth(sessions.clone()), request, Handler::default());
    let Some(Auth(session)) = response.extensions().get::<Auth<Session<String>>>() else {
        problem(&response);
        let asks = response.headers().contains_key("www-authenticate");
        assert!(asks || response.status() == 400, "{response:?}");
        return None;
    };
    assert_eq!(response.status(), 200);
    assert_eq!(named, Some(session.public_id()));
    Some(session.data().clone())
}

fuzz_target!(|input: Input<'_>| {
    for sessions in [&*ENCRYPTED, &*STORED] {
        // Data that are too long for a cookie make no session.
        let Ok(cookie) = run(sessions.login(&input.data)) else {
            continue;
        };
        let value = cookie.value().as_bytes();
        let field = |value: &[u8]| [cookie.name().as_bytes(), b"=", value].concat();
        assert_eq!(data(sessions, &field(value)).as_ref(), Some(&input.data));

        let mut changed = value.to_vec();
        changed[usize::from(input.at) % value.len()] ^= 1 << (input.bit % 8);
        let cut = &value[..usize::from(input.length) % value.len()];
        let moved = [b"__Host-other=", value].concat();
        for field in [field(&changed), field(cut), field(input.raw), moved] {
            assert_eq!(data(sessions, &field), None);
        }
        assert_eq!(data(sessions, input.raw), None);
        // Among others that are no sessions it is found, if there are not too many.
        for (others, found) in [(1, true), (3, true), (4, false)] {
            let others = (0..others).map(|n: u8| [&b"; "[..], &*field(&[b'a' + n])].concat());
            let all = [field(value), others.collect::<Vec<_>>().concat()].concat();
            let expected = found.then_some(&input.data);
            assert_eq!(data(sessions, &all).as_ref(), expected);
        }
    }
});
