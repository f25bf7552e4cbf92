//! `Accept-Language`: whatever it is, a language of the list is chosen, and the strict policy chooses the
//! same one or rejects the request. Weights that were written decide, and longer ranges find shorter tags.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use wythe::{AcceptedLanguage, Languages, With, with_languages};
use wythe_fuzz::{Frames, Handler, problem, send};

const TAGS: [&str; 4] = ["en", "de", "pt-BR", "zh-Hant"];

static LENIENT: LazyLock<With<Languages>> =
    LazyLock::new(|| with_languages(Languages::list(TAGS).unwrap()));
static STRICT: LazyLock<With<Languages>> =
    LazyLock::new(|| with_languages(Languages::list(TAGS).unwrap().strict()));

/// The language that is chosen; `None` for a 406.
fn chosen(layer: &With<Languages>, lines: &[HeaderValue]) -> Option<String> {
    let mut request = Request::new(Frames::default());
    for line in lines {
        request
            .headers_mut()
            .append(header::ACCEPT_LANGUAGE, line.clone());
    }
    let response = send(layer, request, Handler::default());
    assert_eq!(response.headers()[header::VARY], "accept-language");
    if response.status() == StatusCode::NOT_ACCEPTABLE {
        problem(&response);
        return None;
    }
    assert_eq!(response.status(), StatusCode::OK);
    let chosen: &AcceptedLanguage = response.extensions().get().expect("the layer provides it");
    assert!(TAGS.contains(&chosen.as_str()));
    Some(chosen.as_str().to_owned())
}

fuzz_target!(|input: &[u8]| {
    let lines: Result<Vec<_>, _> = input
        .split(|byte| *byte == b'\n')
        .map(HeaderValue::from_bytes)
        .collect();
    if let Ok(lines) = lines {
        let lenient = chosen(&LENIENT, &lines).expect("a language");
        if let Some(strict) = chosen(&STRICT, &lines) {
            assert_eq!(strict, lenient);
        } else {
            assert_eq!(lenient, TAGS[0]);
        }
    }

    // Different weights for all languages, in any order, each with a region that is not in the list.
    let [a, b, c, d, turn, ..] = *input else {
        return;
    };
    let weights = [a, b, c, d].map(|byte| usize::from(byte) * 3);
    let mut sorted = weights;
    sorted.sort_unstable();
    if sorted[0] == 0 || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return;
    }
    let mut ranges: Vec<_> = TAGS
        .iter()
        .zip(weights)
        .map(|(tag, weight)| format!("{tag}-XX;q=0.{weight:03}"))
        .collect();
    ranges.rotate_left(usize::from(turn) % TAGS.len());
    let line = HeaderValue::try_from(ranges.join(",")).expect("a value");
    let best = weights
        .iter()
        .position(|weight| *weight == sorted[3])
        .expect("one");
    assert_eq!(chosen(&STRICT, &[line]).as_deref(), Some(TAGS[best]));
});
