//! `with_media_types` and `with_languages`: what is chosen, 406, and `Vary`.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::json;
use wythe::{
    AcceptedLanguage, AcceptedMediaType, Languages, MediaTypes, with_languages, with_media_types,
};

use crate::common::{Body, empty, problem, send_to};

fn request(name: &str, lines: &[&str]) -> Request<Body> {
    let mut request = Request::get("/");
    for line in lines {
        request = request.header(name, *line);
    }
    request.body(empty()).unwrap()
}

async fn media_type(types: &MediaTypes, lines: &[&str]) -> Response<Bytes> {
    let layer = with_media_types(types.clone());
    send_to(
        &layer,
        request("accept", lines),
        |request: Request<Body>| async move {
            let chosen: &AcceptedMediaType = request.extensions().get().unwrap();
            Ok(Response::new(Body::from(chosen.to_string())))
        },
    )
    .await
}

async fn language(languages: &Languages, lines: &[&str]) -> Response<Bytes> {
    let layer = with_languages(languages.clone());
    send_to(
        &layer,
        request("accept-language", lines),
        |request: Request<Body>| async move {
            let chosen: &AcceptedLanguage = request.extensions().get().unwrap();
            Ok(Response::new(Body::from(chosen.to_string())))
        },
    )
    .await
}

#[tokio::test]
async fn the_type_with_the_highest_weight_is_chosen() {
    let types = MediaTypes::list([
        "application/json",
        "text/csv",
        "text/html;level=1",
        "text/plain; charset=utf-8",
    ])
    .unwrap();
    let strict = types.clone().strict();
    let cases: [(&[&str], Option<&str>); 29] = [
        // RFC 9110, section 12.5.1: no field, all types.
        (&[], Some("application/json")),
        (&[""], Some("application/json")),
        (&["*/*"], Some("application/json")),
        (&["text/csv"], Some("text/csv")),
        (&["TEXT/CSV"], Some("text/csv")),
        (&["text/*"], Some("text/csv")),
        (
            &["text/csv;q=0.5, application/json;q=0.4"],
            Some("text/csv"),
        ),
        (
            &["text/csv;q=0.5", "application/json;q=0.6"],
            Some("application/json"),
        ),
        (&["text/csv, application/json"], Some("application/json")),
        // The most specific range decides, whatever its weight.
        (&["*/*, application/json;q=0.1"], Some("text/csv")),
        (
            &["text/*;q=0.9, text/csv;q=0.1, */*;q=0.5"],
            Some("text/html;level=1"),
        ),
        (
            &["text/html;q=0.2, text/html;level=1;q=0.9, */*;q=0.5"],
            Some("text/html;level=1"),
        ),
        (&["text/html;level=2, text/csv;q=0.1"], Some("text/csv")),
        (
            &["text/plain;charset=\"UTF-8\""],
            Some("text/plain; charset=utf-8"),
        ),
        (&["text/plain"], Some("text/plain; charset=utf-8")),
        // A parameter that no type has is ignored, but a range without it is more specific.
        (
            &["application/json; charset=utf-8"],
            Some("application/json"),
        ),
        (
            &["text/csv;header=present, application/json;q=0.9"],
            Some("text/csv"),
        ),
        (
            &["text/csv;header=present, text/csv;q=0.1, application/json;q=0.2"],
            Some("application/json"),
        ),
        (
            &["*/*;q=0.1, text/csv;charset=utf-8;q=0.2"],
            Some("text/csv"),
        ),
        (&["text/csv;charset=utf-16;q=0, text/csv"], Some("text/csv")),
        (&["*/*, text/csv;x=1;q=0"], Some("application/json")),
        (&["application/json;x=1;q=0"], None),
        // Section 12.4.2: a weight of 0 is not acceptable.
        (&["application/json;q=0, */*"], Some("text/csv")),
        (&["application/json;q=0"], None),
        (&["*/*;q=0"], None),
        (&["image/png"], None),
        (&["text/html;level=2"], None),
        // What can't be read says nothing.
        (&["text/csv;q=7"], Some("application/json")),
        (&["csv, text/csv;q=0.1"], Some("text/csv")),
    ];
    for (lines, expected) in cases {
        let lenient = media_type(&types, lines).await;
        assert_eq!(
            lenient.body(),
            expected.unwrap_or("application/json"),
            "{lines:?}"
        );
        assert_eq!(lenient.headers()["vary"], "accept");
        let response = media_type(&strict, lines).await;
        assert_eq!(response.headers()["vary"], "accept");
        let Some(expected) = expected else {
            // Section 15.5.7.
            let problem = problem(&response, StatusCode::NOT_ACCEPTABLE);
            assert_eq!(problem["supported_media_types"][1], "text/csv");
            continue;
        };
        assert_eq!(response.body(), expected, "{lines:?}");
    }
}

#[tokio::test]
async fn of_two_types_the_one_with_the_parameter_that_was_asked_for_is_chosen() {
    let types = MediaTypes::list(["application/json", "application/json;version=2"]).unwrap();
    for (accept, expected) in [
        ("application/json;version=2", "application/json;version=2"),
        ("application/json;version=3", "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("application/json", "application/json"),
    ] {
        let response = media_type(&types.clone().strict(), &[accept]).await;
        assert_eq!(response.body(), expected, "{accept}");
    }
}

#[tokio::test]
async fn the_language_is_looked_up() {
    let languages = Languages::list(["en", "de", "pt-BR"]).unwrap();
    let strict = languages.clone().strict();
    let cases: [(&[&str], Option<&str>); 10] = [
        (&[], Some("en")),
        (&["de-CH, en;q=0.9"], Some("de")),
        (&["en;q=0.2", "de;q=0.3"], Some("de")),
        (&["pt"], Some("pt-BR")),
        (&["pt-br"], Some("pt-BR")),
        (&["fr, *;q=0.5"], Some("en")),
        (&["en;q=0, *"], Some("de")),
        (&["fr"], None),
        (&["*;q=0"], None),
        (&["!"], Some("en")),
    ];
    for (lines, expected) in cases {
        let lenient = language(&languages, lines).await;
        assert_eq!(lenient.body(), expected.unwrap_or("en"), "{lines:?}");
        assert_eq!(lenient.headers()["vary"], "accept-language");
        let response = language(&strict, lines).await;
        assert_eq!(response.headers()["vary"], "accept-language");
        let Some(expected) = expected else {
            let problem = problem(&response, StatusCode::NOT_ACCEPTABLE);
            assert_eq!(problem["supported_languages"], json!(["en", "de", "pt-BR"]));
            continue;
        };
        assert_eq!(response.body(), expected, "{lines:?}");
    }
}

#[test]
fn impossible_lists_are_errors() {
    let types: [&[&str]; 7] = [
        &[],
        &["json"],
        &["text/*"],
        &["*/*"],
        &["text/csv;q=0.5"],
        &["text/csv", "Text/CSV"],
        &["text/csv, text/html"],
    ];
    for list in types {
        assert!(MediaTypes::list(list.iter().copied()).is_err(), "{list:?}");
    }
    let languages: [&[&str]; 5] = [&[], &["*"], &["pt_BR"], &["en", "EN"], &["1a"]];
    for list in languages {
        assert!(Languages::list(list.iter().copied()).is_err(), "{list:?}");
    }
}
