//! `with_validation` for query strings, alone and combined with a body.

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wythe::{
    Json, Later, Middleware, Place, Provided, Query, Step, Valid, Validation, compose,
    with_validation,
};

use crate::common::{Body, empty, get, problem, send_to};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, Validate)]
struct Search {
    #[garde(inner(length(min = 1)))]
    q: Option<String>,
    #[serde(default)]
    #[garde(length(max = 3), inner(length(min = 2)))]
    tag: Vec<String>,
    #[garde(range(min = 1))]
    page: Option<u32>,
}

async fn answer(uri: &str) -> Response<Bytes> {
    let layer = with_validation::<Query<Search>>();
    let request = get(uri).body(empty()).unwrap();
    send_to(&layer, request, |mut request| async move {
        let valid = Valid::<Query<Search>>::from_extensions(request.extensions_mut()).unwrap();
        Ok(Response::new(serde_json::to_vec(&**valid).unwrap().into()))
    })
    .await
}

#[tokio::test]
async fn a_query_reaches_the_handler_as_a_value() {
    let cases = [
        ("/", json!({"q": null, "tag": [], "page": null})),
        ("/?", json!({"q": null, "tag": [], "page": null})),
        (
            "/?q=a+b%26&tag=ab&tag=cd&page=2",
            json!({"q": "a b&", "tag": ["ab", "cd"], "page": 2}),
        ),
        (
            "/?tag=ab&q=%E2%82%AC",
            json!({"q": "\u{20ac}", "tag": ["ab"], "page": null}),
        ),
        (
            "/?page=&unknown=1&unknown=2",
            json!({"q": null, "tag": [], "page": null}),
        ),
    ];
    for (uri, expected) in cases {
        let response = answer(uri).await;
        assert_eq!(response.status(), StatusCode::OK, "{uri}");
        assert_eq!(
            serde_json::from_slice::<Value>(response.body()).unwrap(),
            expected,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_parsed_is_a_400() {
    for (uri, detail) in [
        (
            "/?q=100%",
            "In the query, the % at byte 5 is not followed by two hexadecimal digits.",
        ),
        ("/?q=%e9", "The query is not UTF-8."),
    ] {
        let json = problem(&answer(uri).await, StatusCode::BAD_REQUEST);
        assert_eq!(json["detail"], detail, "{uri}");
    }
}

#[tokio::test]
async fn an_invalid_query_is_a_422_with_the_parameter() {
    let repeated = "repeated, but only one value is expected";
    let cases = [
        (
            "/?page=two",
            "page",
            None,
            "invalid value: string \"two\", expected an integer from 0 to 4294967295",
        ),
        (
            "/?page=-1",
            "page",
            None,
            "invalid value: string \"-1\", expected an integer from 0 to 4294967295",
        ),
        ("/?page=1&page=2", "page", None, repeated),
        ("/?q=a&q=b", "q", None, repeated),
        ("/?page=0", "page", None, "lower than 1"),
        ("/?tag=ab&tag=c", "tag", Some(1), "length is lower than 2"),
        (
            "/?tag=ab&tag=ab&tag=ab&tag=ab",
            "tag",
            None,
            "length is greater than 3",
        ),
    ];
    for (uri, parameter, index, detail) in cases {
        let json = problem(&answer(uri).await, StatusCode::UNPROCESSABLE_ENTITY);
        let error = &json["errors"][0];
        assert_eq!(error["name"], parameter, "{uri}");
        assert_eq!(
            error.get("index"),
            index.map(|index: u8| json!(index)).as_ref(),
            "{uri}"
        );
        assert_eq!(error["detail"], detail, "{uri}");
        assert!(error.get("pointer").is_none(), "{uri}");
    }
}

#[test]
fn a_query_is_validated_without_a_future() {
    let request = get("/?page=3").body(empty()).unwrap();
    let layer = with_validation::<Query<Search>>();
    assert!(matches!(
        layer.inner().before(request),
        Later::Ready(Step::Next(..))
    ));
    let request = get("/?page=x").body(empty()).unwrap();
    assert!(matches!(
        layer.inner().before(request),
        Later::Ready(Step::Reply(_))
    ));
}

#[tokio::test]
async fn a_query_and_a_body_are_validated_in_one_stack() {
    #[derive(Deserialize, Validate)]
    struct Note {
        #[garde(length(min = 1))]
        text: String,
    }

    let stack = compose((
        with_validation::<Query<Search>>(),
        with_validation::<Json<Note>>(),
    ));
    let post = |uri: &str, written: &'static str| {
        let request = Request::post(uri).header(header::CONTENT_TYPE, "application/json");
        request.body(Body::from(written)).unwrap()
    };
    let handler = |mut request: Request<Body>| async move {
        let query = Valid::<Query<Search>>::from_extensions(request.extensions_mut()).unwrap();
        let note = Valid::<Json<Note>>::from_extensions(request.extensions_mut()).unwrap();
        Ok(Response::new(
            format!("{:?} {}", query.page, note.text).into(),
        ))
    };
    let response = send_to(&stack, post("/?page=2", r#"{"text":"x"}"#), handler).await;
    assert_eq!(response.body(), "Some(2) x");
    let response = send_to(&stack, post("/?page=0", r#"{"text":"x"}"#), handler).await;
    assert_eq!(
        problem(&response, StatusCode::UNPROCESSABLE_ENTITY)["errors"][0]["name"],
        "page"
    );
    let response = send_to(&stack, post("/?page=2", r#"{"text":""}"#), handler).await;
    assert_eq!(
        problem(&response, StatusCode::UNPROCESSABLE_ENTITY)["errors"][0]["pointer"],
        "#/text"
    );
}

#[test]
fn describes_what_it_answers() {
    let statuses = |description: wythe::Description| -> Vec<u16> {
        assert_eq!(description.name(), "with_validation");
        description
            .answers()
            .iter()
            .map(|answer| answer.status().as_u16())
            .collect()
    };
    assert_eq!(
        statuses(Validation::<Query<Search>>::new().describe()),
        [400, 422]
    );
    assert_eq!(
        statuses(Validation::<Json<Search>>::new().describe()),
        [400, 413, 415, 422]
    );
}

#[tokio::test]
async fn a_query_with_too_many_values_is_a_414() {
    let layer = with_validation::<Query<Search>>().max_values(3);
    for (uri, status) in [
        ("/?tag=ab&tag=cd&tag=ef", 200),
        ("/?a=1&b=2&c=3&d=4", 414),
        ("/?&&&&", 414),
    ] {
        let request = get(uri).body(empty()).unwrap();
        let response = send_to(&layer, request, |_| async { Ok(Response::default()) }).await;
        assert_eq!(response.status(), status, "{uri}");
        if status != 200 {
            let json = problem(&response, StatusCode::URI_TOO_LONG);
            assert_eq!(json["max_values"], 3, "{json}");
        }
    }
}
