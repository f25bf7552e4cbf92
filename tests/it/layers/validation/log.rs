//! The event of a 422 names each field and the rule that it breaks, and never a value.

use std::collections::HashMap;

use bytes::Bytes;
use garde::Validate;
use http::{Request, header};
use serde::{Deserialize, Deserializer, de::Error as _};
use wythe::{Form, Input, Json, Query, with_validation};

use crate::common::{Body, log::Log, send};

/// The value of every input, which no event may contain.
const SECRET: &str = "hunter2";

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only read by the rules")]
struct Signup {
    #[garde(length(min = 8))]
    first_name: Option<String>,
    #[garde(inner(custom(not_taken)))]
    user: Option<String>,
    #[garde(inner(custom(wythe::validation::email)))]
    email: Option<String>,
    #[garde(range(min = 18))]
    age: Option<u8>,
    #[garde(inner(alphanumeric, prefix("x-")))]
    #[serde(default)]
    tags: Vec<String>,
    #[garde(dive)]
    #[serde(default)]
    notes: HashMap<String, Note>,
    #[garde(skip)]
    plan: Option<Plan>,
    #[garde(skip)]
    #[serde(default, deserialize_with = "token")]
    token: Option<String>,
}

#[derive(Deserialize, Validate)]
struct Note {
    #[garde(length(max = 2))]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only deserialized")]
enum Plan {
    Free,
    Paid(u8),
}

/// A rule whose message quotes the value.
fn not_taken(name: &str, _: &()) -> garde::Result {
    Err(garde::Error::new(format!("the name {name} is taken")))
}

/// A deserializer whose message quotes the value.
fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Err(D::Error::custom(format!("{text} is not a token")))
}

async fn event<I>(request: Request<Body>) -> String
where
    I: Input<Value: serde::de::DeserializeOwned + Validate<Context = ()>>,
{
    let (log, _guard) = Log::listen();
    let response = send(&with_validation::<I>(), request).await;
    assert_eq!(response.status(), 422);
    let event = log.take();
    assert_eq!(event.lines().count(), 1, "{event}");
    assert!(!event.contains(SECRET), "{event}");
    event
}

fn request(media_type: &str, body: &str) -> Request<Body> {
    Request::post("/")
        .header(header::CONTENT_TYPE, media_type)
        .body(Body::from(Bytes::from(body.to_owned())))
        .unwrap()
}

fn start(cause: &str) -> String {
    let refused = "DEBUG message=refused layer=\"with_validation\" status=422 reason=\"invalid\"";
    let detail = "The request is well-formed but its content is invalid.";
    format!("{refused} detail=\"{detail}\" cause={cause}\n")
}

#[tokio::test]
async fn the_event_of_a_422_names_field_and_rule_and_no_value() {
    let cases = [
        // Rules of garde, and one of the application.
        (r#"{"firstName":"hunter2"}"#, "#/firstName (length)"),
        (r#"{"user":"hunter2"}"#, "#/user (custom)"),
        (r#"{"email":"hunter2"}"#, "#/email (email)"),
        (r#"{"age":17}"#, "#/age (range)"),
        (
            r#"{"tags":["x-a","x-hunter2-"]}"#,
            "#/tags/0 (alphanumeric), #/tags/1 (alphanumeric)",
        ),
        (r#"{"tags":["hunter2"]}"#, "#/tags/0 (prefix)"),
        (
            r#"{"firstName":"hunter","age":1}"#,
            "#/age (range), #/firstName (length)",
        ),
        // Types that serde can't read.
        (r#"{"age":"hunter2"}"#, "#/age (type)"),
        (r#"{"age":300}"#, "#/age (value)"),
        (r#"{"token":"hunter2"}"#, "#/token (invalid)"),
        // Names that the client has made up.
        (r#"{"hunter2":1}"#, "# (unknown_field)"),
        (r#"{"plan":"hunter2"}"#, "#/plan (unknown_variant)"),
        (r#"{"plan":{"hunter2":1}}"#, "#/plan (unknown_variant)"),
        (r#"{"plan":{"paid":"hunter2"}}"#, "#/plan/paid (type)"),
        (r#"{"age":1,"age":2}"#, "#/age (duplicate_field)"),
        (
            r#"{"notes":{"hunter2@example.com":{"text":"hunter2"}}}"#,
            "#/notes/*/text (length)",
        ),
        (r#"{"notes":{"4111111111111111":5}}"#, "#/notes/* (type)"),
        (r#""hunter2""#, "# (type)"),
    ];
    for (body, cause) in cases {
        let event = event::<Json<Signup>>(request("application/json", body)).await;
        assert_eq!(event, start(cause), "{body}");
    }
}

#[tokio::test]
async fn the_event_of_a_422_names_the_parameter_of_a_form_or_a_query() {
    #[derive(Deserialize, Validate)]
    struct Page {
        #[garde(length(max = 2))]
        sort: Option<String>,
        #[garde(range(max = 100))]
        per_page: Option<u8>,
    }

    for (form, cause) in [
        ("sort=hunter2", "sort (length)"),
        ("per_page=hunter2", "per_page (value)"),
        ("per_page=101", "per_page (range)"),
        ("sort=a&sort=hunter2", "sort (duplicate_field)"),
    ] {
        let encoded = request("application/x-www-form-urlencoded", form);
        assert_eq!(event::<Form<Page>>(encoded).await, start(cause), "{form}");
        let mut query = request("", "");
        *query.uri_mut() = format!("/?{form}").parse().unwrap();
        assert_eq!(event::<Query<Page>>(query).await, start(cause), "{form}");
    }
}

#[tokio::test]
async fn the_event_of_a_422_with_many_errors_lists_the_first_and_counts_the_rest() {
    let tags = vec!["-"; 100];
    let body = serde_json::json!({ "tags": tags }).to_string();
    let event = event::<Json<Signup>>(request("application/json", &body)).await;
    assert!(event.contains("cause=#/tags/0 (alphanumeric), "), "{event}");
    assert!(event.ends_with("(prefix), and 192 more\n"), "{event}");
    assert!(event.len() < 500, "{event}");
}
