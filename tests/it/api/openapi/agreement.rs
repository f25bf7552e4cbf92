//! A schema and the layer that validates agree on the same inputs.

use std::cell::Cell;

use axum::body::Body;
use garde::Validate;
use http::{Request, StatusCode, header};
use proptest::{prelude::*, sample::select};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower::ServiceExt;
use wythe::{Api, Form, Json, NoContent, Query, Valid, api::ApiService, compose, with_validation};

use super::validator;

/// One field for each rule that a schema can say.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[expect(dead_code, reason = "only looked at by its rules")]
#[serde(deny_unknown_fields)]
struct Rules {
    #[garde(length(chars, min = 2, max = 4))]
    characters: String,
    #[garde(range(min = -3, max = 3))]
    range: i32,
    #[garde(range(min = 0.5, max = 2.5))]
    float: f64,
    #[garde(length(min = 1, max = 2), inner(length(chars, min = 1)))]
    tags: Vec<String>,
    #[garde(pattern(r"^[a-z]+[0-9]$"))]
    pattern: String,
    #[garde(skip)]
    unsigned: u8,
    #[garde(skip)]
    large: u64,
    #[serde(default)]
    #[garde(range(max = 5))]
    optional: Option<u16>,
    #[garde(required, length(chars, min = 1))]
    required: Option<String>,
    #[garde(skip)]
    choice: Choice,
    #[serde(default)]
    #[garde(dive)]
    nested: Option<Nested>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Choice {
    FirstOne,
    Second,
}

#[derive(Debug, Deserialize, Validate, JsonSchema)]
struct Nested {
    #[garde(range(min = 1))]
    depth: u32,
}

fn texts() -> impl Strategy<Value = Value> {
    select(vec![
        "",
        "a",
        "ab",
        "abcd",
        "abcde",
        "éé",
        "ééééé",
        "𝒳𝒳𝒳𝒳",
        "ab1",
        "AB1",
        "ab1\n",
    ])
    .prop_map(Value::from)
}

fn numbers() -> impl Strategy<Value = Value> {
    select(vec![
        json!(0),
        json!(1),
        json!(-3),
        json!(-4),
        json!(3),
        json!(4),
        json!(5),
        json!(6),
        json!(255),
        json!(256),
        json!(0.5),
        json!(0.4),
        json!(2.5),
        json!(2.6),
        json!(u32::MAX),
        json!(u64::from(u32::MAX) + 1),
        json!(u64::MAX),
        json!(-1),
        json!(1e30),
    ])
}

/// Values of any kind, more often of the kind that fits.
fn near(fitting: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let odd = select(vec![
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!("x"),
        json!(1),
    ]);
    prop_oneof![9 => fitting, 1 => odd].boxed()
}

fn bodies() -> impl Strategy<Value = Value> {
    let fields = vec![
        ("characters", near(texts())),
        ("range", near(numbers())),
        ("float", near(numbers())),
        (
            "tags",
            near(prop::collection::vec(near(texts()), 0..4).prop_map(Value::from)),
        ),
        ("pattern", near(texts())),
        ("unsigned", near(numbers())),
        ("large", near(numbers())),
        ("optional", near(numbers())),
        ("required", near(texts())),
        (
            "choice",
            near(select(vec![
                json!("first-one"),
                json!("second"),
                json!("FirstOne"),
            ])),
        ),
        (
            "nested",
            near(numbers().prop_map(|depth| json!({ "depth": depth, "more": 1 }))),
        ),
    ];
    let valid = json!({
        "characters": "abc", "range": 0, "float": 1.5, "tags": ["a"], "pattern": "ab1",
        "unsigned": 1, "large": 1, "required": "a", "choice": "second",
    });
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let fields: Vec<_> = fields.into_iter().map(|(_, values)| values).collect();
    let changes = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    // A valid body with a few members replaced, removed or added.
    (fields, changes, any::<u8>()).prop_map(move |(values, changes, kind)| {
        let mut body: Map<String, Value> = valid.as_object().unwrap().clone();
        for change in &changes {
            let at = change.index(names.len());
            body.insert(names[at].to_owned(), values[at].clone());
        }
        if let (0..40, Some(change)) = (kind, changes.first()) {
            body.remove(names[change.index(names.len())]);
        }
        if kind > 245 {
            body.insert("unknown".to_owned(), json!(1));
        }
        Value::Object(body)
    })
}

fn status(service: &ApiService, request: Request<Body>) -> StatusCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { service.clone().oneshot(request).await.unwrap().status() })
}

#[test]
fn json_bodies() {
    async fn take(input: Valid<Json<Rules>>) -> NoContent {
        drop(input);
        NoContent
    }
    let stack = compose(with_validation::<Json<Rules>>());
    let api = Api::<()>::new("Rules", "1.0.0")
        .documented()
        .route(
            http::Method::from_bytes(b"QUERY").unwrap(),
            "/q",
            stack.handler(take),
        )
        .put("/rules", stack.handler(take));
    let document = api.openapi().to_value();
    let schema = validator(
        &document,
        "/paths/~1rules/put/requestBody/content/application~1json/schema",
    );
    let api = Api::<()>::new("Rules", "1.0.0").get("/rules", stack.handler(take));
    let service = api.service(()).unwrap();
    let outcomes = [Cell::new(0), Cell::new(0)];
    proptest!(ProptestConfig::with_cases(2_000), |(body in bodies())| {
        let request = Request::get("/rules")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let status = status(&service, request);
        let is_valid = schema.is_valid(&body);
        outcomes[usize::from(is_valid)].update(|count| count + 1);
        let expected = if is_valid { &[StatusCode::NO_CONTENT][..] } else {
            &[StatusCode::UNPROCESSABLE_ENTITY]
        };
        prop_assert!(expected.contains(&status), "{} for {}", status, body);
    });
    // Both happen often enough for the test to say something.
    assert!(
        outcomes.iter().all(|count| count.get() > 300),
        "{outcomes:?}"
    );
}

#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[expect(dead_code, reason = "only looked at by its rules")]
struct Search {
    #[garde(length(chars, min = 1, max = 3))]
    text: String,
    #[serde(default)]
    #[garde(range(min = 1, max = 100))]
    page: Option<u8>,
    #[serde(default)]
    #[garde(skip)]
    exact: bool,
}

/// What a client would send for a value of a parameter.
fn as_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn parameters_of_queries_and_fields_of_forms() {
    async fn by_query(input: Valid<Query<Search>>) -> NoContent {
        drop(input);
        NoContent
    }
    async fn by_form(input: Valid<Form<Search>>) -> NoContent {
        drop(input);
        NoContent
    }
    let query = compose(with_validation::<Query<Search>>());
    let form = compose(with_validation::<Form<Search>>());
    let api = Api::<()>::new("Search", "1.0.0")
        .documented()
        .get("/search", query.handler(by_query))
        .get("/form", form.handler(by_form));
    let document = api.openapi().to_value();
    let parameters = document["paths"]["/search"]["get"]["parameters"]
        .as_array()
        .unwrap();
    assert_eq!(parameters.len(), 3);
    let schemas: Vec<_> = (0..3)
        .map(|at| {
            validator(
                &document,
                &format!("/paths/~1search/get/parameters/{at}/schema"),
            )
        })
        .collect();
    let form_schema = validator(
        &document,
        "/paths/~1form/get/requestBody/content/application~1x-www-form-urlencoded/schema",
    );
    let service = api.service(()).unwrap();
    let text = select(vec![
        json!(null),
        json!(""),
        json!("a"),
        json!("abc"),
        json!("abcd"),
        json!("é&=+ "),
    ]);
    let page = select(vec![
        json!(null),
        json!(0),
        json!(1),
        json!(100),
        json!(101),
        json!(256),
        json!("x"),
    ]);
    let exact = select(vec![json!(null), json!(true), json!(false), json!("yes")]);
    proptest!(|(text in text, page in page, exact in exact)| {
        let values = [("text", text), ("page", page), ("exact", exact)];
        // `null` stands for a parameter that is not sent.
        let sent = values.iter().filter(|(_, value)| !value.is_null());
        let sent: Vec<_> = sent.map(|(name, value)| (*name, value.clone())).collect();
        let is_valid = parameters.iter().zip(&schemas).all(|(parameter, schema)| {
            let value = sent.iter().find(|(name, _)| parameter["name"] == *name);
            match value {
                None => parameter["required"] != true,
                Some((_, value)) => schema.is_valid(value),
            }
        });
        let pairs: Vec<_> = sent.iter().map(|(name, value)| (*name, as_text(value))).collect();
        let encoded = serde_html_form::to_string(&pairs).unwrap();
        let request = Request::get(format!("/search?{encoded}")).body(Body::empty()).unwrap();
        let query_status = status(&service, request);
        prop_assert_eq!(query_status == StatusCode::NO_CONTENT, is_valid, "?{}", &encoded);
        let request = Request::get("/form")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(encoded.clone()))
            .unwrap();
        let object: Map<String, Value> =
            sent.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let is_valid = form_schema.is_valid(&Value::Object(object));
        let form_status = status(&service, request);
        prop_assert_eq!(form_status == StatusCode::NO_CONTENT, is_valid, "form {}", &encoded);
    });
}
