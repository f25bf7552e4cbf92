//! `with_validation` for JSON: what passes, and what each refusal says.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
};

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response, StatusCode, header};
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tower::Layer;
use wythe::{Input, Json, Placed, Provided, Valid, Validation, with_validation};

use crate::common::{self, Body, problem, send_to};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, Validate)]
struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
    #[garde(custom(wythe::validation::email))]
    email: String,
    #[garde(range(min = 18, max = 120))]
    age: Option<u8>,
}

fn body(bytes: impl Into<Bytes>) -> Request<Body> {
    Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::new(bytes.into()))
        .unwrap()
}

/// Sends a request to a handler that answers with the validated value, written as JSON.
async fn send<T>(layer: &Placed<Validation<Json<T>>>, request: Request<Body>) -> Response<Bytes>
where
    T: DeserializeOwned + Serialize + Validate<Context = ()> + Send + 'static,
{
    send_to(layer, request, |mut request| async move {
        let valid = Valid::<Json<T>>::from_extensions(request.extensions_mut()).unwrap();
        let Json(value) = valid.into_inner();
        Ok(Response::new(serde_json::to_vec(&value).unwrap().into()))
    })
    .await
}

/// The response to a body that should be a `T`.
async fn answer<T>(written: impl Into<Bytes>) -> Response<Bytes>
where
    T: DeserializeOwned + Serialize + Validate<Context = ()> + Send + 'static,
{
    send(&with_validation::<Json<T>>(), body(written)).await
}

/// The pointers and details of a 422.
async fn errors<T>(written: impl Into<Bytes>) -> Vec<(String, String)>
where
    T: DeserializeOwned + Serialize + Validate<Context = ()> + Send + 'static,
{
    let response = answer::<T>(written).await;
    let json = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = json["errors"].as_array().unwrap();
    assert_eq!(json["error_count"], errors.len());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| (text(&error["pointer"]), text(&error["detail"])))
        .collect()
}

#[tokio::test]
async fn a_valid_body_reaches_the_handler_as_a_value() {
    let written = r#" {"email":"ada@example.com","name":"Ad\u00e9","more":[{}],"age":36} "#;
    let response = answer::<NewUser>(written).await;
    assert_eq!(response.status(), StatusCode::OK);
    let user: NewUser = serde_json::from_slice(response.body()).unwrap();
    let expected = NewUser {
        name: "Ad\u{e9}".into(),
        email: "ada@example.com".into(),
        age: Some(36),
    };
    assert_eq!(user, expected);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_400_with_line_and_column() {
    let cases: [(&str, &[u8], u64, u64, &str); 15] = [
        (
            "cut off",
            b"{\"name\": \"Ada\"",
            1,
            14,
            "EOF while parsing an object",
        ),
        ("no value", b"{\n  \"name\": ,\n}", 2, 11, "expected value"),
        (
            "single quotes",
            b"{'name': 1}",
            1,
            2,
            "key must be a string",
        ),
        ("trailing comma", b"{\"age\": 18,}", 1, 12, "trailing comma"),
        (
            "trailing garbage",
            b"{\"name\":\"Ada\",\"email\":\"a@b.c\"} x",
            1,
            32,
            "trailing characters",
        ),
        (
            "two values",
            b"{\"name\":\"Ada\",\"email\":\"a@b.c\"}{}",
            1,
            31,
            "trailing characters",
        ),
        ("comment", b"// x\n{}", 1, 1, "expected value"),
        (
            "raw control character",
            b"{\"name\":\"a\nb\"}",
            2,
            0,
            "control character",
        ),
        (
            "bad escape",
            b"{\"name\":\"\\x41\"}",
            1,
            11,
            "invalid escape",
        ),
        (
            "lone surrogate",
            b"{\"name\":\"\\ud800\"}",
            1,
            16,
            "hex escape",
        ),
        ("not a number", b"{\"age\": NaN}", 1, 9, "expected value"),
        ("leading zero", b"{\"age\": 018}", 1, 10, "invalid number"),
        (
            "byte order mark",
            b"\xef\xbb\xbf{}",
            1,
            1,
            "byte order mark",
        ),
        ("not utf-8", b"{\n\"name\":\n \"\xff\"}", 3, 3, "not UTF-8"),
        (
            "not utf-8 where it is ignored",
            b"{\"x\":\"\xc3\x28\"}",
            1,
            7,
            "not UTF-8",
        ),
    ];
    for (name, written, line, column, detail) in cases {
        let response = answer::<NewUser>(written).await;
        let json = problem(&response, StatusCode::BAD_REQUEST);
        assert_eq!(
            (&json["line"], &json["column"]),
            (&json!(line), &json!(column)),
            "{name}: {json}"
        );
        assert!(
            json["detail"].as_str().unwrap().contains(detail),
            "{name}: {json}"
        );
    }
}

#[tokio::test]
async fn an_empty_body_is_a_400_with_a_clear_detail() {
    for written in ["", "  \n\t"] {
        let json = problem(&answer::<NewUser>(written).await, StatusCode::BAD_REQUEST);
        assert_eq!(json["detail"], "The body is empty, but JSON is expected.");
    }
    let request = Request::get("/").body(common::empty()).unwrap();
    let response = send(&with_validation::<Json<NewUser>>(), request).await;
    let json = problem(&response, StatusCode::BAD_REQUEST);
    assert_eq!(
        json["detail"],
        "The request has no body; expected: application/json."
    );
}

#[tokio::test]
async fn nesting_is_limited_and_never_overflows_the_stack() {
    #[derive(Deserialize, Serialize, Validate)]
    #[garde(allow_unvalidated)]
    struct Tree(Vec<Self>);

    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(answer::<Tree>(nested(127)).await.status(), StatusCode::OK);
    for written in [nested(128), nested(90_000), "[".repeat(90_000)] {
        let json = problem(&answer::<Tree>(written).await, StatusCode::BAD_REQUEST);
        let detail = json["detail"].as_str().unwrap();
        assert!(detail.contains("recursion limit exceeded"), "{json}");
        assert_eq!((&json["line"], &json["column"]), (&json!(1), &json!(128)));
    }
    // An ignored value is skipped without recursion, however deeply it is nested.
    let user =
        |name: &str, ignored: &str| format!(r#"{{"x":{ignored},"name":"{name}","email":"a@b.c"}}"#);
    let deep = answer::<NewUser>(user("Ada", &nested(90_000))).await;
    assert_eq!(deep.status(), StatusCode::OK);
    let found = errors::<NewUser>(user("A", &nested(90_000))).await;
    assert_eq!(found[0].0, "#/name");
    for open in ["[", r#"{"a":"#] {
        let cut_off = user("Ada", &open.repeat(90_000));
        problem(&answer::<NewUser>(cut_off).await, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_a_422_with_its_pointer() {
    let cases = [
        (
            "wrong type",
            r#"{"name":7,"email":"a@b.c"}"#,
            "#/name",
            "invalid type: integer `7`, expected a string",
        ),
        (
            "too large",
            r#"{"name":"Ada","email":"a@b.c","age":300}"#,
            "#/age",
            "invalid value: integer `300`, expected an integer from 0 to 255",
        ),
        (
            "missing",
            r#"{"name":"Ada"}"#,
            "#/email",
            "missing field `email`",
        ),
        (
            "given twice",
            r#"{"name":"Ada","name":"Ada"}"#,
            "#/name",
            "duplicate field `name`",
        ),
        (
            "no object",
            r#""Ada""#,
            "#",
            "invalid type: string \"Ada\", expected an object",
        ),
        (
            "null",
            "null",
            "#",
            "invalid type: null, expected an object",
        ),
    ];
    for (name, written, pointer, detail) in cases {
        let expected = vec![(pointer.to_owned(), detail.to_owned())];
        assert_eq!(errors::<NewUser>(written).await, expected, "{name}");
    }
    let response = answer::<NewUser>("{\"name\":\n7}").await;
    let json = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!((&json["line"], &json["column"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn every_broken_rule_is_listed_with_its_pointer() {
    let mut found = errors::<NewUser>(r#"{"name":"A","email":"nobody","age":17}"#).await;
    found.sort();
    let expected = [
        ("#/age", "lower than 18"),
        ("#/email", "not a valid email address: the `@` is missing"),
        ("#/name", "length is lower than 2"),
    ];
    assert_eq!(
        found,
        expected.map(|(at, text)| (at.to_owned(), text.to_owned()))
    );
}

#[derive(Debug, Deserialize, Serialize, Validate)]
struct Order {
    #[garde(dive)]
    address: Address,
    #[garde(length(max = 3), dive)]
    lines: Vec<Line>,
    #[serde(default)]
    #[garde(dive)]
    by_day: BTreeMap<String, Line>,
    #[serde(default)]
    #[garde(inner(length(min = 1)))]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[garde(length(min = 1))]
    street_and_number: String,
}

#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct Line {
    #[garde(range(min = 1))]
    count: u32,
}

#[tokio::test]
async fn pointers_reach_into_structs_lists_and_maps() {
    let order = |at: &str, value: Value| {
        let mut order = json!({
            "address": {"streetAndNumber": "x 1"},
            "lines": [{"count": 1}, {"count": 1}],
            "by_day": {"a/b ~%": {"count": 1}},
            "tags": ["x"],
        });
        *order.pointer_mut(at).unwrap() = value;
        order.to_string()
    };
    let cases = [
        (
            "rule in a list",
            order("/lines/1/count", json!(0)),
            "#/lines/1/count",
        ),
        (
            "type in a list",
            order("/lines/1/count", json!("0")),
            "#/lines/1/count",
        ),
        (
            "missing in a list",
            order("/lines/1", json!({})),
            "#/lines/1/count",
        ),
        (
            "unknown in a list",
            order("/lines/0", json!({"n": 1})),
            "#/lines/0/n",
        ),
        (
            "rule of a list",
            order("/lines", json!(vec![json!({"count": 1}); 4])),
            "#/lines",
        ),
        (
            "rule in a map",
            order("/by_day/a~1b ~0%/count", json!(0)),
            "#/by_day/a~1b%20~0%25/count",
        ),
        (
            "type in a map",
            order("/by_day/a~1b ~0%/count", json!([])),
            "#/by_day/a~1b%20~0%25/count",
        ),
        (
            "rule in a struct of renamed fields",
            order("/address/streetAndNumber", json!("")),
            "#/address/streetAndNumber",
        ),
        (
            "type in a struct of renamed fields",
            order("/address/streetAndNumber", json!(1)),
            "#/address/streetAndNumber",
        ),
        (
            "missing renamed field",
            order("/address", json!({})),
            "#/address/streetAndNumber",
        ),
        (
            "rule of items",
            order("/tags", json!(["x", ""])),
            "#/tags/1",
        ),
    ];
    for (name, written, pointer) in cases {
        let found = errors::<Order>(written).await;
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].0, pointer, "{name}: {found:?}");
    }
}

#[tokio::test]
async fn pointers_reach_into_enums() {
    #[derive(Debug, Deserialize, Serialize, Validate)]
    #[serde(rename_all = "lowercase")]
    enum Shape {
        Circle {
            #[garde(range(min = 1))]
            radius: u32,
        },
        Point,
    }

    #[derive(Debug, Deserialize, Serialize, Validate)]
    struct Drawing {
        #[garde(dive)]
        shape: Shape,
    }

    assert_eq!(
        answer::<Drawing>(r#"{"shape":"point"}"#).await.status(),
        StatusCode::OK
    );
    let cases = [
        (
            "wrong type",
            r#"{"shape":{"circle":{"radius":"1"}}}"#,
            "#/shape/circle/radius",
        ),
        (
            "rule",
            r#"{"shape":{"circle":{"radius":0}}}"#,
            "#/shape/circle/radius",
        ),
        ("unknown variant", r#"{"shape":"square"}"#, "#/shape"),
    ];
    for (name, written, pointer) in cases {
        let found = errors::<Drawing>(written).await;
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].0, pointer, "{name}: {found:?}");
    }
}

#[tokio::test]
async fn the_list_of_errors_is_bounded_and_all_are_counted() {
    #[derive(Deserialize, Serialize, Validate)]
    #[garde(transparent)]
    struct List(#[garde(inner(range(min = 1)))] Vec<u8>);

    let written = json!(vec![0; 1000]).to_string();
    let layer = with_validation::<Json<List>>();
    for (layer, listed) in [
        (layer.clone(), 32),
        (layer.clone().max_listed_errors(5), 5),
        (layer.max_listed_errors(0), 0),
    ] {
        let response = send(&layer, body(written.clone())).await;
        let json = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(json["errors"].as_array().unwrap().len(), listed);
        assert_eq!(json["error_count"], 1000);
    }
}

#[tokio::test]
async fn a_refusal_quotes_little_of_the_input() {
    #[derive(Deserialize, Serialize, Validate)]
    #[garde(transparent)]
    struct Lines(#[garde(dive)] BTreeMap<String, Line>);

    let long = "\u{e9}".repeat(200_000);
    for response in [
        answer::<NewUser>(json!({"name": "Ada", "email": "a@b.c", "age": long}).to_string()).await,
        answer::<Lines>(json!({&long: {"count": "x"}}).to_string()).await,
        answer::<Lines>(json!({&long: {"count": 0}}).to_string()).await,
    ] {
        problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            response.body().len() < 2000,
            "{} bytes",
            response.body().len()
        );
    }
}

#[tokio::test]
async fn a_content_type_other_than_json_is_a_415_that_says_what_is_accepted() {
    let cases = [
        ("application/json", true),
        ("APPLICATION/JSON", true),
        ("application/json; charset=utf-8", true),
        ("application/json;charset=\"UTF-8\"", true),
        ("application/json; charset=utf8", true),
        ("application/json; profile=\"a;b\"", true),
        ("application/vnd.api+json", true),
        ("application/merge-patch+JSON; charset=utf-8", true),
        ("application/json; charset=utf-16", false),
        ("application/json; charset=iso-8859-1", false),
        ("application/json; charset=\"\"", false),
        ("application/json; charset=utf-8; charset=utf-16", false),
        ("application/json; charset", false),
        ("application/json, application/json", false),
        ("application/jsonp", false),
        ("application/+json", false),
        ("application/x-www-form-urlencoded", false),
        ("text/json", false),
        ("text/plain", false),
        ("text/plain; x=application/json", false),
        ("json", false),
        ("*/*", false),
        ("", false),
    ];
    let layer = with_validation::<Json<NewUser>>();
    for (content_type, passes) in cases {
        let mut request = body(r#"{"name":"Ada","email":"a@b.c"}"#);
        *request.headers_mut().get_mut(header::CONTENT_TYPE).unwrap() =
            content_type.parse().unwrap();
        let response = send(&layer, request).await;
        if passes {
            assert_eq!(response.status(), StatusCode::OK, "{content_type}");
        } else {
            problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(
                response.headers()["accept"],
                "application/json",
                "{content_type}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_repeated_or_non_ascii_content_type_is_a_415() {
    let layer = with_validation::<Json<NewUser>>();
    let written = r#"{"name":"Ada","email":"a@b.c"}"#;
    let json = header::HeaderValue::from_static("application/json");
    let latin1 = header::HeaderValue::from_bytes(b"application/js\xf6n").unwrap();
    for fields in [vec![], vec![json.clone(), json.clone()], vec![latin1]] {
        let mut request = body(written);
        request.headers_mut().remove(header::CONTENT_TYPE);
        for field in &fields {
            request
                .headers_mut()
                .append(header::CONTENT_TYPE, field.clone());
        }
        let response = send(&layer, request).await;
        problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(
            response.headers()["accept"],
            "application/json",
            "{fields:?}"
        );
    }
}

#[tokio::test]
async fn ignoring_the_content_type_reads_every_body_without_a_content_coding() {
    let layer = with_validation::<Json<NewUser>>().dangerously_ignore_content_type();
    for content_type in [None, Some("text/plain"), Some("nonsense")] {
        let mut request = body(r#"{"name":"Ada","email":"a@b.c"}"#);
        request.headers_mut().remove(header::CONTENT_TYPE);
        if let Some(content_type) = content_type {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        assert_eq!(
            send(&layer, request).await.status(),
            StatusCode::OK,
            "{content_type:?}"
        );
    }
    let mut request = body("{}");
    request
        .headers_mut()
        .insert(header::CONTENT_ENCODING, "br".parse().unwrap());
    problem(
        &send(&layer, request).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
    );
}

#[tokio::test]
async fn a_body_with_a_content_coding_is_a_415_that_says_none_is_accepted() {
    let layer = with_validation::<Json<NewUser>>();
    for (coding, passes) in [
        ("identity", true),
        ("Identity", true),
        ("", true),
        ("gzip", false),
        ("identity, gzip", false),
        ("x", false),
    ] {
        let mut request = body(r#"{"name":"Ada","email":"a@b.c"}"#);
        request
            .headers_mut()
            .insert(header::CONTENT_ENCODING, coding.parse().unwrap());
        let response = send(&layer, request).await;
        if passes {
            assert_eq!(response.status(), StatusCode::OK, "{coding}");
        } else {
            problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(
                response.headers()["accept-encoding"],
                "identity",
                "{coding}"
            );
        }
    }
}

#[tokio::test]
async fn rules_may_need_a_context() {
    struct Reserved(&'static str);

    #[derive(Deserialize, Validate)]
    #[garde(context(Reserved))]
    struct Team {
        #[garde(custom(|name: &String, reserved: &Reserved| match name == reserved.0 {
            true => Err(garde::Error::new("reserved")),
            false => Ok(()),
        }))]
        name: String,
    }

    let layer =
        wythe::placed(Validation::<Json<Team>>::in_context(Reserved("admin"))).max_listed_errors(1);
    let refused = common::send(&layer, body(r#"{"name":"admin"}"#)).await;
    let json = problem(&refused, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        json["errors"],
        json!([{"code": "custom", "detail": "reserved", "in": "body", "pointer": "#/name"}])
    );
    let passed = common::send(&layer, body(r#"{"name":"crew"}"#)).await;
    assert_eq!(passed.status(), StatusCode::OK);

    let team = || {
        Json(Team {
            name: "admin".into(),
        })
    };
    Valid::check_in(team(), &Reserved("root")).unwrap();
    let problem = Valid::check_in(team(), &Reserved("admin")).err().unwrap();
    assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn the_same_rules_check_a_value_without_a_request() {
    let user = |name: &str| {
        Json(NewUser {
            name: name.into(),
            email: "a@b.c".into(),
            age: None,
        })
    };
    assert_eq!(Valid::check(user("Ada")).unwrap().into_inner(), user("Ada"));
    let problem = Valid::check(user("A")).unwrap_err();
    assert_eq!(
        problem.extensions()["errors"],
        json!([{"code": "length", "detail": "length is lower than 2", "in": "body", "pointer": "#/name"}])
    );
}

/// So that a program with many inputs builds quickly.
#[test]
fn the_service_has_the_same_type_for_all_inputs() {
    fn service<I: wythe::validation::InputSet<wythe::validation::WithRules>>(
        layer: &Placed<Validation<I>>,
    ) -> TypeId {
        layer.layer(common::Ok200).type_id()
    }
    let user = with_validation::<Json<NewUser>>().max_body_bytes(10);
    let order = with_validation::<Json<Order>>();
    assert_eq!(service(&user), service(&order));
}

#[tokio::test]
async fn a_request_that_does_not_meet_the_condition_is_not_read() {
    let validation = || with_validation::<Json<NewUser>>();
    let has =
        |name: &'static str| move |head: &wythe::RequestHead<'_>| head.headers().contains_key(name);
    for (layer, status) in [
        (validation().when(has("content-type")), 400),
        (validation().when(has("x-other")), 200),
    ] {
        assert_eq!(common::send(&layer, body("{")).await.status(), status);
    }
    for (layer, status) in [
        (validation().except(has("content-type")), 200),
        (validation().except(has("x-other")), 400),
    ] {
        assert_eq!(common::send(&layer, body("{")).await.status(), status);
    }
    // Without a router, no route is known, and the layer acts.
    for layer in [
        validation().only_routes(["/a"]),
        validation().except_routes(["/"]),
    ] {
        assert_eq!(common::send(&layer.unwrap(), body("{")).await.status(), 400);
    }
}

#[test]
fn the_policy_is_cheap_to_clone_and_prints_its_options() {
    fn is_shared<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    let layer = with_validation::<Json<NewUser>>().max_body_bytes(10);
    is_shared(&layer);
    assert_eq!(size_of_val(layer.inner()), size_of::<usize>());
    let printed = format!("{layer:?}");
    assert!(
        printed.contains("Json") && printed.contains("max_body_bytes: 10"),
        "{printed}"
    );
    assert_eq!(Json::<NewUser>::FORMAT, wythe::validation::Format::Json);
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Every response is the value, or a problem with one of the documented statuses.
fn is_well_formed(response: &Response<Bytes>, read_by_hand: Option<&NewUser>) -> bool {
    if response.status() == StatusCode::OK {
        return serde_json::from_slice::<NewUser>(response.body())
            .ok()
            .as_ref()
            == read_by_hand;
    }
    let json = problem(response, response.status());
    match response.status().as_u16() {
        400 => json["detail"].is_string(),
        422 => json["errors"].as_array().is_some_and(|errors| {
            errors.iter().all(|error| {
                error["pointer"]
                    .as_str()
                    .is_some_and(|at| at.starts_with('#'))
            })
        }),
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_a_well_formed_refusal(written in prop::collection::vec(any::<u8>(), 0..200)) {
        let by_hand = serde_json::from_slice(&written).ok();
        let response = run(answer::<NewUser>(written));
        prop_assert!(is_well_formed(&response, by_hand.as_ref()));
    }

    #[test]
    fn nearly_valid_bodies_are_a_value_or_a_well_formed_refusal(
        name in ".{0,60}", email in "[a-z]{0,3}@?[a-z.]{0,5}", age in prop::option::of(0..300_u32),
        cut in 0..200_usize, junk in prop::option::of(any::<u8>()),
    ) {
        let mut written = json!({"name": name, "email": email, "age": age}).to_string().into_bytes();
        let valid = Valid::check(Json(NewUser {
            name, email, age: age.map(|age| u8::try_from(age).unwrap_or(0)),
        }));
        if let Some(junk) = junk {
            let at = cut.min(written.len());
            written.insert(at, junk);
            let by_hand = serde_json::from_slice(&written).ok();
            prop_assert!(is_well_formed(&run(answer::<NewUser>(written)), by_hand.as_ref()));
        } else {
            let by_hand = serde_json::from_slice(&written).ok();
            let response = run(answer::<NewUser>(written));
            prop_assert_eq!(response.status() == StatusCode::OK, valid.is_ok());
            prop_assert!(is_well_formed(&response, by_hand.as_ref()));
        }
    }
}
