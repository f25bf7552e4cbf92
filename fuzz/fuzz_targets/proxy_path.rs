//! The path of a forwarded request: whatever the parameters are, host, prefix and the number of segments are
//! those of the template. The first line is one parameter, the rest of the input is the rest of the path.
#![no_main]

use std::sync::LazyLock;

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use wythe::proxy::Upstream;

static UPSTREAM: LazyLock<Upstream> = LazyLock::new(|| {
    let upstream = Upstream::new("https://users.example/base").unwrap();
    upstream.path("/users/{id}/files/{*rest}").unwrap()
});

/// Decodes as often as there is something to decode.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        match percent_decode_str(&text).decode_utf8() {
            Ok(next) if next != text => text = next.into_owned(),
            _ => return text,
        }
    }
}

fuzz_target!(|input: &str| {
    let (id, rest) = input.split_once('\n').unwrap_or((input, "x"));
    let uri = match UPSTREAM.uri(&[("rest", rest), ("id", id)]) {
        Ok(uri) => uri,
        Err(problem) => {
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            // Plain names are never rejected.
            let plain = |text: &str| {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            };
            assert!(
                !(plain(id) && rest.split('/').all(plain)),
                "{id:?} {rest:?}"
            );
            return;
        }
    };
    assert_eq!(uri.scheme_str(), Some("https"));
    assert_eq!(
        uri.authority().map(|authority| authority.as_str()),
        Some("users.example")
    );
    assert_eq!(uri.query(), None);
    let segments: Vec<_> = uri.path().split('/').collect();
    assert_eq!(segments[..3], ["", "base", "users"]);
    assert_eq!(segments[4], "files");
    assert_eq!(segments.len() - 5, rest.split('/').count());

    // For a server that decodes once, the values are those of the client; and for one that decodes again, or
    // takes another character for a slash, the path is not another one.
    let decode_once = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    assert_eq!(decode_once(segments[3]), id);
    assert_eq!(
        segments[5..]
            .iter()
            .map(|segment| decode_once(segment))
            .collect::<Vec<_>>()
            .join("/"),
        rest
    );
    for (index, segment) in segments.iter().enumerate().skip(3) {
        let text = decoded(segment);
        let name = text.split(';').next().unwrap_or_default();
        assert!(!text.contains(['/', '\\', '\0', '\n', '\r']), "{text:?}");
        assert!(name != "." && name != "..", "{text:?}");
        assert!(
            !text.is_empty() || (index > 5 && index == segments.len() - 1),
            "{segments:?}"
        );
    }
});
