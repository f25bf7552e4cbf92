//! `Content-Type`: a body is read by exactly one format or answered 415, in any case of the letters and
//! with any other parameter. Each line of the input is a line of the field.
#![no_main]

use bytes::Bytes;
use garde::Validate;
use http::{HeaderValue, Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use wythe::{
    Form, Json, JsonOrForm, Text,
    validation::{InputSet, WithRules},
    with_validation,
};
use wythe_fuzz::{Frames, Handler, problem, send};

/// Read from a list, a form and a text that are all `[]`.
#[derive(Deserialize, Validate)]
#[serde(from = "serde::de::IgnoredAny")]
struct Anything {}

impl From<serde::de::IgnoredAny> for Anything {
    fn from(_: serde::de::IgnoredAny) -> Self {
        Self {}
    }
}

/// Whether a body with these lines of `Content-Type` is read.
fn reads<I>(lines: &[HeaderValue]) -> bool
where
    I: InputSet<WithRules, Context: Default>,
{
    let mut request = Request::new(Frames::from(Bytes::from_static(b"[]")));
    for line in lines {
        request
            .headers_mut()
            .append(header::CONTENT_TYPE, line.clone());
    }
    let response = send(&with_validation::<I>(), request, Handler::default());
    if response.status() == StatusCode::OK {
        return true;
    }
    problem(&response);
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(response.headers().contains_key(header::ACCEPT));
    false
}

fuzz_target!(|text: &[u8]| {
    let lines = |text: &[u8]| -> Vec<HeaderValue> {
        let lines = text.split(|byte| *byte == b'\n').take(3);
        lines
            .filter_map(|line| HeaderValue::from_bytes(line).ok())
            .collect()
    };
    let sent = lines(text);
    let formats = [
        reads::<Json<Anything>>(&sent),
        reads::<Form<Anything>>(&sent),
        reads::<Text<Anything>>(&sent),
    ];
    assert!(formats.iter().filter(|is_read| **is_read).count() <= 1);
    assert_eq!(
        reads::<JsonOrForm<Anything>>(&sent),
        formats[0] || formats[1]
    );
    if sent.len() != 1 {
        assert_eq!(formats, [false; 3]);
    }
    for other in [text.to_ascii_uppercase(), text.to_ascii_lowercase()] {
        let other = lines(&other);
        assert_eq!(reads::<Json<Anything>>(&other), formats[0]);
        assert_eq!(reads::<Form<Anything>>(&other), formats[1]);
        assert_eq!(reads::<Text<Anything>>(&other), formats[2]);
    }
    if let [line] = sent.as_slice() {
        let more = [line.as_bytes(), b"; x=y"].concat();
        let more = [HeaderValue::from_bytes(&more).expect("valid bytes")];
        assert_eq!(reads::<Json<Anything>>(&more), formats[0]);
        assert_eq!(reads::<Text<Anything>>(&more), formats[2]);
    }
});
