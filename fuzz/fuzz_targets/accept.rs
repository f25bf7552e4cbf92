//! `Accept`: whatever it is, a type of the list is chosen, and the strict policy chooses the same one or
//! rejects the request. Weights that were written decide.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use wythe::{AcceptedMediaType, MediaTypes, With, with_media_types};
use wythe_fuzz::{Frames, Handler, problem, send};

const TYPES: [&str; 4] = [
    "application/json",
    "text/csv",
    "text/plain;charset=utf-8",
    "image/png",
];

static LENIENT: LazyLock<With<MediaTypes>> =
    LazyLock::new(|| with_media_types(MediaTypes::list(TYPES).unwrap()));
static STRICT: LazyLock<With<MediaTypes>> =
    LazyLock::new(|| with_media_types(MediaTypes::list(TYPES).unwrap().strict()));

/// The type that is chosen; `None` for a 406.
fn chosen(layer: &With<MediaTypes>, lines: &[HeaderValue]) -> Option<String> {
    let mut request = Request::new(Frames::default());
    for line in lines {
        request.headers_mut().append(header::ACCEPT, line.clone());
    }
    let response = send(layer, request, Handler::default());
    assert_eq!(response.headers()[header::VARY], "accept");
    if response.status() == StatusCode::NOT_ACCEPTABLE {
        problem(&response);
        return None;
    }
    assert_eq!(response.status(), StatusCode::OK);
    let chosen: &AcceptedMediaType = response.extensions().get().expect("the layer provides it");
    assert!(TYPES.contains(&chosen.as_str()));
    Some(chosen.as_str().to_owned())
}

fuzz_target!(|input: &[u8]| {
    let lines: Result<Vec<_>, _> = input
        .split(|byte| *byte == b'\n')
        .map(HeaderValue::from_bytes)
        .collect();
    if let Ok(lines) = lines {
        let lenient = chosen(&LENIENT, &lines).expect("a type");
        if let Some(strict) = chosen(&STRICT, &lines) {
            assert_eq!(strict, lenient);
        } else {
            assert_eq!(lenient, TYPES[0]);
        }
    }

    // Weights of all types, in thousandths, in any order.
    let [a, b, c, d, turn, ..] = *input else {
        return;
    };
    let weights = [a, b, c, d].map(|byte| usize::from(byte) * 4 % 1001);
    let mut ranges: Vec<_> = TYPES
        .iter()
        .zip(weights)
        .map(|(name, weight)| format!("{name};q={}.{:03}", weight / 1000, weight % 1000))
        .collect();
    ranges.rotate_left(usize::from(turn) % TYPES.len());
    let line = HeaderValue::try_from(ranges.join(", ")).expect("a value");
    let best = *weights.iter().max().expect("four");
    let first = weights
        .iter()
        .position(|weight| *weight == best)
        .expect("one");
    let expected = (best > 0).then(|| TYPES[first].to_owned());
    assert_eq!(chosen(&STRICT, &[line]), expected);
});
