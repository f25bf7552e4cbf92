//! Schemas of types that are hard to describe.

use std::collections::{BTreeMap, HashMap};

use axum::{Json, body::Body};
use garde::Validate;
use http::{Request, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;
use wythe::{Api, Valid, compose, with_validation};

use super::{assert_references_resolve, validator};

/// Refers to itself.
#[derive(Serialize, Deserialize, Validate, JsonSchema)]
struct Tree {
    #[garde(length(chars, max = 5))]
    name: String,
    #[serde(default)]
    #[garde(dive)]
    children: Vec<Self>,
}

#[derive(Serialize, Deserialize, Validate, JsonSchema)]
struct Page<T> {
    #[garde(skip)]
    items: Vec<T>,
    #[garde(range(min = 1))]
    number: u32,
}

#[derive(Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Renamed {
    #[garde(length(chars, min = 1))]
    first_name: String,
    #[serde(rename = "type")]
    #[garde(skip)]
    kind: Option<String>,
}

#[derive(Serialize, Deserialize, Validate, JsonSchema)]
struct Flattened {
    #[garde(skip)]
    id: u32,
    #[serde(flatten)]
    #[garde(dive)]
    tree: Tree,
}

#[derive(Serialize, Deserialize, Validate, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    Card {
        #[garde(length(chars, min = 4, max = 4))]
        last_digits: String,
    },
    Cash {
        #[garde(range(max = 100))]
        amount: u8,
    },
}

#[derive(Serialize, Deserialize, Validate, JsonSchema)]
#[serde(untagged)]
enum Untagged {
    Number(#[garde(range(max = 9))] u8),
    Text {
        #[garde(length(chars, min = 1))]
        text: String,
    },
}

#[derive(Serialize, Deserialize, Validate, JsonSchema)]
struct Maps {
    #[garde(skip)]
    by_name: BTreeMap<String, i64>,
    #[garde(skip)]
    #[serde(default)]
    nested: HashMap<String, Vec<Option<bool>>>,
}

/// A route that takes and returns a `T`; bodies that are valid, and bodies that are not.
async fn check<T>(valid: &[Value], invalid: &[Value])
where
    T: Serialize + for<'de> Deserialize<'de> + JsonSchema + Validate + Send + Sync + 'static,
    T::Context: Default + Send + Sync + 'static,
{
    async fn echo<T: Send>(input: Valid<wythe::Json<T>>) -> Json<T>
    where
        wythe::Json<T>: wythe::Input<Value = T>,
    {
        Json(input.into_inner().0)
    }

    let stack = compose(with_validation::<wythe::Json<T>>());
    let api = Api::<()>::new("Echo", "1.0.0")
        .documented()
        .post("/echo", stack.handler(echo::<T>));
    let document = api.openapi().to_value();
    assert_references_resolve(&document);
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        assert!(name.chars().all(allowed), "{name}");
    }
    let operation = "/paths/~1echo/post";
    let media = "content/application~1json/schema";
    let input = validator(&document, &format!("{operation}/requestBody/{media}"));
    let output = validator(&document, &format!("{operation}/responses/200/{media}"));
    let service = api
        .not_found()
        .public("nothing is changed", |open| open)
        .check();
    assert_eq!(service, []);
    let service = Api::<()>::new("Echo", "1.0.0")
        .post(
            "/echo",
            compose(with_validation::<wythe::Json<T>>()).handler(echo::<T>),
        )
        .service(())
        .unwrap();
    let cases = valid.iter().map(|body| (body, true));
    for (body, is_valid) in cases.chain(invalid.iter().map(|body| (body, false))) {
        let request = Request::post("/echo")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(
            response.status() == StatusCode::OK,
            is_valid,
            "answer to {body}"
        );
        assert_eq!(input.is_valid(body), is_valid, "schema of {body}");
        if is_valid {
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
                .await
                .unwrap();
            let answer: Value = serde_json::from_slice(&bytes).unwrap();
            assert!(output.is_valid(&answer), "schema of the answer {answer}");
        }
    }
}

#[tokio::test]
async fn a_type_that_contains_itself() {
    check::<Tree>(
        &[
            json!({ "name": "a" }),
            json!({ "name": "a", "children": [{ "name": "b", "children": [{ "name": "c" }] }] }),
        ],
        &[
            json!({ "name": "abcdef" }),
            json!({ "name": "a", "children": [{ "name": "b", "children": [{ "name": 1 }] }] }),
            json!({ "name": "a", "children": [{ "name": "abcdef" }] }),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_generic_type() {
    check::<Page<String>>(
        &[json!({ "items": ["a"], "number": 1 })],
        &[
            json!({ "items": [1], "number": 1 }),
            json!({ "items": [], "number": 0 }),
        ],
    )
    .await;
    check::<Page<Page<u8>>>(
        &[json!({ "items": [{ "items": [255], "number": 1 }], "number": 1 })],
        &[json!({ "items": [{ "items": [256], "number": 1 }], "number": 1 })],
    )
    .await;
}

/// schemars would number them, in the order of the routes.
#[test]
fn generic_types_are_named_after_their_arguments() {
    async fn page<T>() -> Json<Page<T>> {
        let items = Vec::new();
        Json(Page { items, number: 1 })
    }
    let empty = compose(());
    let document = Api::<()>::new("Pages", "1.0.0")
        .documented()
        .get("/trees", empty.handler(page::<Tree>))
        .get("/texts", empty.handler(page::<String>))
        .openapi()
        .to_value();
    assert_references_resolve(&document);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let pages: Vec<_> = schemas
        .keys()
        .filter(|name| name.starts_with("Page"))
        .collect();
    assert_eq!(pages, ["Page_String", "Page_Tree"]);
    let answer = &document["paths"]["/texts"]["get"]["responses"]["200"]["content"];
    let schema = &answer["application/json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/Page_String");
}

#[tokio::test]
async fn renamed_fields() {
    check::<Renamed>(
        &[
            json!({ "firstName": "Ada" }),
            json!({ "firstName": "Ada", "type": null }),
        ],
        &[
            json!({ "first_name": "Ada" }),
            json!({ "firstName": "" }),
            json!({ "firstName": "Ada", "unknown": 1 }),
        ],
    )
    .await;
}

#[tokio::test]
async fn flattened_fields() {
    check::<Flattened>(
        &[
            json!({ "id": 1, "name": "a" }),
            json!({ "id": 1, "name": "a", "children": [] }),
        ],
        &[
            json!({ "id": 1 }),
            json!({ "id": -1, "name": "a" }),
            json!({ "id": 1, "name": "abcdef" }),
        ],
    )
    .await;
}

#[tokio::test]
async fn tagged_enums() {
    check::<Tagged>(
        &[
            json!({ "kind": "card", "last_digits": "1234" }),
            json!({ "kind": "cash", "amount": 7 }),
        ],
        &[
            json!({ "kind": "card", "last_digits": "123" }),
            json!({ "kind": "cash", "amount": 101 }),
            json!({ "kind": "gold" }),
            json!({ "amount": 7 }),
        ],
    )
    .await;
}

#[tokio::test]
async fn untagged_enums() {
    check::<Untagged>(
        &[json!(7), json!({ "text": "a" })],
        &[json!(10), json!({ "text": "" }), json!("a"), json!(-1)],
    )
    .await;
}

#[tokio::test]
async fn maps() {
    check::<Maps>(
        &[
            json!({ "by_name": {} }),
            json!({ "by_name": { "a": -1 }, "nested": { "b": [true, null] } }),
        ],
        &[
            json!({ "by_name": { "a": "x" } }),
            json!({ "by_name": {}, "nested": { "b": [1] } }),
            json!({ "by_name": [] }),
        ],
    )
    .await;
}

/// A field with a default is optional in a request and always in a response.
#[test]
fn a_type_has_two_schemas_where_the_directions_differ() {
    async fn echo(input: Valid<wythe::Json<Tree>>) -> Json<Tree> {
        Json(input.into_inner().0)
    }
    let stack = compose(with_validation::<wythe::Json<Tree>>());
    let api = Api::<()>::new("Echo", "1.0.0")
        .documented()
        .post("/echo", stack.handler(echo));
    let schemas = &api.openapi().to_value()["components"]["schemas"];
    assert_eq!(schemas["Tree"]["required"], json!(["name"]));
    assert_eq!(
        schemas["Tree-Output"]["required"],
        json!(["name", "children"])
    );
    let items = &schemas["Tree-Output"]["properties"]["children"]["items"];
    assert_eq!(items["$ref"], "#/components/schemas/Tree-Output");
}
