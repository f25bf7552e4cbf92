//! `Cookie`: the token is found among other cookies, unless there is another of its name; no other
//! cookie is taken for it. Each line is a field line.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, header::COOKIE};
use libfuzzer_sys::fuzz_target;
use wythe::Jwt;
use wythe_fuzz::{Claims, authenticate, scheme, valid_token};

static SCHEME: LazyLock<Jwt<Claims>> = LazyLock::new(scheme);
static OURS: LazyLock<String> = LazyLock::new(|| format!("token={}", valid_token()));

/// The response to a request with these field lines: 200, or the status of the refusal.
fn status<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> u16 {
    let line = |line| (COOKIE, HeaderValue::from_bytes(line).unwrap());
    let cookies = HeaderMap::from_iter(lines.into_iter().map(line));
    match authenticate(&SCHEME, cookies) {
        Ok(claims) => {
            assert_eq!(claims.sub, "ann");
            200
        }
        Err(status) => status.as_u16(),
    }
}

/// The value of a pair named `token`, parsed in the simplest way.
fn token(pair: &[u8]) -> Option<&[u8]> {
    let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
    (name.trim_ascii() == b"token").then(|| value[1..].trim_ascii())
}

fuzz_target!(|data: &[u8]| {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    if lines
        .iter()
        .any(|line| HeaderValue::from_bytes(line).is_err())
    {
        return;
    }
    let pairs = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b';'));
    let theirs = pairs.filter_map(token).count();

    let alone = if theirs > 1 { 400 } else { 401 };
    assert_eq!(status(lines.iter().copied()), alone);

    // On a line of its own, as HTTP/2 may send it, and on one line with others.
    let with_ours = if theirs > 0 { 400 } else { 200 };
    let ours = OURS.as_bytes();
    assert_eq!(status(lines.iter().copied().chain([ours])), with_ours);
    let first = [ours, b"; ", lines[0]].concat();
    let last = [lines[0], b"; ", ours].concat();
    for line in [&first, &last] {
        let lines = lines.iter().skip(1).copied();
        assert_eq!(status(lines.chain([line.as_slice()])), with_ours);
    }
});
