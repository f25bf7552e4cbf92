//! `Authorization`: only the token authenticates, and nothing else does; the scheme's name is
//! case-insensitive. The first byte says which letters of it are in upper case.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::fuzz_target;
use wythe::Jwt;
use wythe_fuzz::{Claims, authenticate, scheme, valid_token};

static SCHEME: LazyLock<Jwt<Claims>> = LazyLock::new(scheme);
static TOKEN: LazyLock<String> = LazyLock::new(valid_token);

/// The response to a request with these field lines: 200, or the status of the refusal; 400 if one
/// is not a valid field line.
fn status(lines: &[&[u8]]) -> u16 {
    let line = |line: &&[u8]| Some((AUTHORIZATION, HeaderValue::from_bytes(line).ok()?));
    let Some(fields) = lines.iter().map(line).collect::<Option<HeaderMap>>() else {
        return 400;
    };
    authenticate(&SCHEME, fields).map_or_else(|refused| refused.as_u16(), |_| 200)
}

/// The name of the scheme with the case that these bits select.
fn in_case(bits: u8, scheme: &[u8]) -> Vec<u8> {
    let letters = scheme.iter().enumerate();
    letters
        .map(|(at, letter)| {
            if bits >> (at % 8) & 1 == 1 {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((bits, line)) = data.split_first() else {
        return;
    };
    let refused = status(&[line]);
    assert!([400, 401].contains(&refused));

    let scheme = line
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(line.len());
    let (scheme, rest) = line.split_at(scheme);
    assert_eq!(
        status(&[&[&in_case(*bits, scheme), rest].concat()]),
        refused
    );

    let bearer = [&in_case(*bits, b"bearer"), b" ".as_slice()].concat();
    let ours = [&bearer, TOKEN.as_bytes()].concat();
    assert_eq!(status(&[&ours]), 200);
    // Two field lines are two credentials, whatever one of them holds.
    assert_eq!(status(&[&ours, line]), 400);
    assert_eq!(status(&[line, &ours]), 400);

    let before = [&bearer, line, TOKEN.as_bytes()].concat();
    let spaces = line.iter().all(|byte| *byte == b' ');
    assert_eq!(status(&[&before]) == 200, spaces);
    let after = [&ours, line].concat();
    assert_eq!(status(&[&after]) == 200, line.is_empty());
});
