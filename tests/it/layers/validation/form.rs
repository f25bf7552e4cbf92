//! `with_validation` for forms, and for forms or JSON by content type.

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response, StatusCode, header};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wythe::{Form, Input, JsonOrForm, Placed, Provided, Valid, Validation, with_validation};

use crate::common::{self, Body, problem, send_to};

const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, Validate)]
struct Contact {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
    #[garde(custom(wythe::validation::email))]
    email: String,
    #[serde(default)]
    #[garde(inner(length(min = 2)))]
    tag: Vec<String>,
    #[garde(range(min = 18))]
    age: Option<u8>,
    #[serde(default)]
    #[garde(skip)]
    news: bool,
}

fn body(content_type: &str, bytes: impl Into<Bytes>) -> Request<Body> {
    Request::post("/")
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::new(bytes.into()))
        .unwrap()
}

async fn send<I>(layer: &Placed<Validation<I>>, request: Request<Body>) -> Response<Bytes>
where
    I: Input<Value = Contact>,
{
    send_to(layer, request, |mut request| async move {
        let valid = Valid::<I>::from_extensions(request.extensions_mut()).unwrap();
        Ok(Response::new(
            serde_json::to_vec(valid.value()).unwrap().into(),
        ))
    })
    .await
}

async fn answer(written: impl Into<Bytes>) -> Response<Bytes> {
    send(&with_validation::<Form<Contact>>(), body(FORM, written)).await
}

#[tokio::test]
async fn a_form_reaches_the_handler_as_a_value() {
    let full = "name=Ada+L%C3%B6velace&email=ada%40example.com&tag=ab&tag=cd&age=36&news=on&more=1";
    let cases = [
        (
            "all fields",
            full,
            json!({"name": "Ada L\u{f6}velace", "email": "ada@example.com", "tag": ["ab", "cd"], "age": 36, "news": true}),
        ),
        (
            "one of a list",
            "name=Ada&email=a@b.c&tag=ab",
            json!({"name": "Ada", "email": "a@b.c", "tag": ["ab"], "age": null, "news": false}),
        ),
        (
            "none of a list, empty number",
            "name=Ada&email=a@b.c&age=",
            json!({"name": "Ada", "email": "a@b.c", "tag": [], "age": null, "news": false}),
        ),
        (
            "empty pairs",
            "&name=Ada&&email=a@b.c&",
            json!({"name": "Ada", "email": "a@b.c", "tag": [], "age": null, "news": false}),
        ),
    ];
    for (name, written, expected) in cases {
        let response = answer(written).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert_eq!(
            serde_json::from_slice::<Value>(response.body()).unwrap(),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_form_that_cannot_be_parsed_is_a_400() {
    let cases: [(&[u8], &str); 6] = [
        (b"name=100%&email=a@b.c", "the % at byte 8 is not followed"),
        (b"name=%4", "the % at byte 5 is not followed"),
        (b"%zz=1", "the % at byte 0 is not followed"),
        (b"name=%ff", "The form is not UTF-8."),
        (b"name=\xff", "The form is not UTF-8."),
        (b"%C3=%A9", "The form is not UTF-8."),
    ];
    for (written, detail) in cases {
        let json = problem(&answer(written).await, StatusCode::BAD_REQUEST);
        assert!(json["detail"].as_str().unwrap().contains(detail), "{json}");
    }
}

#[tokio::test]
async fn an_invalid_form_is_a_422_with_the_parameter() {
    let cases = [
        (
            "missing",
            "name=Ada",
            json!([{"code": "missing_field", "detail": "missing field `email`", "in": "body", "name": "email"}]),
        ),
        (
            "empty form",
            "",
            json!([{"code": "missing_field", "detail": "missing field `name`", "in": "body", "name": "name"}]),
        ),
        (
            "not a number",
            "name=Ada&email=a@b.c&age=old",
            json!([{"code": "value", "detail": "invalid value: string \"old\", expected an integer from 0 to 255", "in": "body", "name": "age"}]),
        ),
        (
            "number too large",
            "name=Ada&email=a@b.c&age=300",
            json!([{"code": "value", "detail": "invalid value: string \"300\", expected an integer from 0 to 255", "in": "body", "name": "age"}]),
        ),
        (
            "repeated",
            "name=Ada&name=Eve&email=a@b.c",
            json!([{"code": "duplicate_field", "detail": "repeated, but only one value is expected", "in": "body", "name": "name"}]),
        ),
        (
            "repeated number",
            "name=Ada&email=a@b.c&age=20&age=21",
            json!([{"code": "duplicate_field", "detail": "repeated, but only one value is expected", "in": "body", "name": "age"}]),
        ),
        (
            "rule",
            "name=A&email=a@b.c",
            json!([{"code": "length", "detail": "length is lower than 2", "in": "body", "name": "name"}]),
        ),
        (
            "rule of an item",
            "name=Ada&email=a@b.c&tag=ab&tag=c",
            json!([{"code": "length", "detail": "length is lower than 2", "in": "body", "name": "tag", "index": 1}]),
        ),
    ];
    for (name, written, expected) in cases {
        let json = problem(&answer(written).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(json["errors"], expected, "{name}");
        assert_eq!(json["error_count"], 1, "{name}");
    }
}

#[tokio::test]
async fn a_parameter_is_named_as_the_client_sent_it() {
    #[derive(Deserialize, Validate)]
    #[serde(rename_all = "kebab-case")]
    struct Renamed {
        #[garde(length(min = 2))]
        first_name: String,
    }

    let layer = with_validation::<Form<Renamed>>();
    for (written, parameter) in [("first-name=A", "first-name"), ("", "first-name")] {
        let response = common::send(&layer, body(FORM, written)).await;
        let json = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(json["errors"][0]["name"], parameter);
    }
    let valid = common::send(&layer, body(FORM, "first-name=Ada")).await;
    assert_eq!(valid.status(), StatusCode::OK);
    let value = Renamed {
        first_name: "A".into(),
    };
    let problem = Valid::check(Form(value)).err().unwrap();
    assert_eq!(problem.extensions()["errors"][0]["name"], "first_name");
}

#[tokio::test]
async fn a_refusal_quotes_little_of_the_input() {
    let long = "x".repeat(300_000);
    for written in [
        format!("{long}=1"),
        format!("name=Ada&email=a@b.c&news={long}"),
    ] {
        let response = answer(written).await;
        problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            response.body().len() < 2000,
            "{} bytes",
            response.body().len()
        );
    }
}

#[tokio::test]
async fn the_content_type_decides_between_json_and_form() {
    let json = r#"{"name":"Ada","email":"a@b.c"}"#;
    let form = "name=Ada&email=a@b.c";
    let (either, form_only) = (
        with_validation::<JsonOrForm<Contact>>(),
        with_validation::<Form<Contact>>(),
    );
    let cases = [
        ("application/json", json, 200, 415),
        ("application/vnd.api+json; charset=utf-8", json, 200, 415),
        (FORM, form, 200, 200),
        (
            "APPLICATION/X-www-form-urlencoded ; charset=\"utf-8\"",
            form,
            200,
            200,
        ),
        (
            "application/x-www-form-urlencoded; charset=windows-1252",
            form,
            415,
            415,
        ),
        ("multipart/form-data; boundary=x", form, 415, 415),
        ("text/plain", form, 415, 415),
        (FORM, json, 422, 422),
        ("application/json", form, 400, 415),
    ];
    for (content_type, written, as_either, as_form) in cases {
        let request = || body(content_type, written);
        let response = send(&either, request()).await;
        assert_eq!(response.status(), as_either, "{content_type}");
        if as_either == 415 {
            problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(
                response.headers()["accept"],
                "application/json, application/x-www-form-urlencoded"
            );
        }
        let response = send(&form_only, request()).await;
        assert_eq!(response.status(), as_form, "{content_type}");
        if as_form == 415 {
            problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(response.headers()["accept"], FORM);
        }
    }
}

#[tokio::test]
async fn errors_of_json_or_form_point_into_the_format_that_was_sent() {
    let layer = with_validation::<JsonOrForm<Contact>>();
    let cases = [
        (
            "application/json",
            r#"{"name":"A","email":"a@b.c"}"#,
            json!({"code": "length", "detail": "length is lower than 2", "in": "body", "pointer": "#/name"}),
        ),
        (
            FORM,
            "name=A&email=a@b.c",
            json!({"code": "length", "detail": "length is lower than 2", "in": "body", "name": "name"}),
        ),
    ];
    for (content_type, written, expected) in cases {
        let response = send(&layer, body(content_type, written)).await;
        let json = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(json["errors"], json!([expected]));
    }
}

#[tokio::test]
async fn without_a_content_type_json_or_form_assumes_json_only_if_configured() {
    let layer = with_validation::<JsonOrForm<Contact>>();
    let request = |written: &'static str| {
        let mut request = body(FORM, written);
        request.headers_mut().remove(header::CONTENT_TYPE);
        request
    };
    let json = r#"{"name":"Ada","email":"a@b.c"}"#;
    problem(
        &send(&layer, request(json)).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
    );
    let lax = layer.dangerously_ignore_content_type();
    assert_eq!(send(&lax, request(json)).await.status(), StatusCode::OK);
    let form = body(FORM, "name=Ada&email=a@b.c");
    assert_eq!(send(&lax, form).await.status(), StatusCode::OK);
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_a_well_formed_refusal(
        written in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'&'), Just(b'='), Just(b'%')], 0..80),
        prefix in prop_oneof![Just(""), Just("name=Ada&email=a@b.c&"), Just("name=Ada&email=a@b.c&tag=")],
    ) {
        let written = [prefix.as_bytes(), &written].concat();
        let by_hand = serde_html_form::from_bytes::<Contact>(&written);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(answer(written));
        match response.status().as_u16() {
            200 => prop_assert_eq!(serde_json::from_slice::<Contact>(response.body()).unwrap(), by_hand.unwrap()),
            400 => drop(problem(&response, StatusCode::BAD_REQUEST)),
            _ => drop(problem(&response, StatusCode::UNPROCESSABLE_ENTITY)),
        }
    }

    #[test]
    fn every_value_survives_a_round_trip_through_a_form(name in "\\PC{2,50}", tag in prop::collection::vec("\\PC{2,9}", 0..4), age in prop::option::of(18..=255_u8), news: bool) {
        let contact = Contact { name, email: "a@b.c".into(), tag, age, news };
        let written = serde_html_form::to_string(&contact).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(answer(written));
        prop_assert_eq!(response.status(), StatusCode::OK);
        prop_assert_eq!(serde_json::from_slice::<Contact>(response.body()).unwrap(), contact);
    }
}
