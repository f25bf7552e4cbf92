//! Problem details: RFC 9457.

use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use wythe::Problem;

use crate::common;

#[test]
fn writes_the_example_of_the_standard() {
    // RFC 9457, section 3, figure 1.
    let problem = Problem::new(StatusCode::FORBIDDEN)
        .kind("https://example.com/probs/out-of-credit")
        .title("You do not have enough credit.")
        .detail("Your current balance is 30, but that costs 50.")
        .instance("/account/12345/msgs/abc")
        .extension("balance", 30)
        .extension("accounts", json!(["/account/12345", "/account/67890"]));
    let response = problem.into_response();
    let json = common::problem(&response, StatusCode::FORBIDDEN);
    let expected = json!({
        "type": "https://example.com/probs/out-of-credit",
        "title": "You do not have enough credit.",
        "status": 403,
        "detail": "Your current balance is 30, but that costs 50.",
        "instance": "/account/12345/msgs/abc",
        "balance": 30,
        "accounts": ["/account/12345", "/account/67890"],
    });
    assert_eq!(json, expected);
}

#[test]
fn a_problem_without_a_type_has_the_title_of_its_status() {
    let response = Problem::new(StatusCode::NOT_FOUND).into_response();
    assert_eq!(
        response.body(),
        r#"{"type":"about:blank","title":"Not Found","status":404}"#
    );
}

/// RFC 9110, sections 15.5.14 and 15.5.21; `http` has the names of older standards.
#[test]
fn titles_are_those_of_rfc_9110() {
    for (status, title) in [
        (413, "Content Too Large"),
        (422, "Unprocessable Content"),
        (414, "URI Too Long"),
        (429, "Too Many Requests"),
    ] {
        let problem = Problem::new(StatusCode::from_u16(status).unwrap());
        assert_eq!(problem.summary(), title);
    }
}

#[test]
fn a_problem_that_was_written_is_read() {
    let problems = [
        Problem::new(StatusCode::NOT_FOUND),
        Problem::new(StatusCode::FORBIDDEN)
            .kind("https://example.com/probs/out-of-credit")
            .title("You do not have enough credit.")
            .detail("Your current balance is 30, but that costs 50.")
            .instance("/account/12345/msgs/abc")
            .extension("balance", 30)
            .extension("accounts", json!(["/account/12345", "/account/67890"])),
    ];
    for problem in problems {
        let read: Problem = serde_json::from_slice(&problem.to_json()).unwrap();
        assert_eq!(read.to_json(), problem.to_json());
        assert_eq!(read.kind_uri(), problem.kind_uri());
        assert_eq!(read.explanation(), problem.explanation());
        assert_eq!(read.extensions(), problem.extensions());
    }
}

#[test]
fn reading_a_problem_ignores_members_of_another_type_and_requires_a_status() {
    let body = r#"{"type":1,"title":null,"status":503,"detail":["x"],"instance":{},"x":1}"#;
    let problem: Problem = serde_json::from_str(body).unwrap();
    let expected = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"x":1}"#;
    assert_eq!(problem.to_json(), expected);
    let invalid = [
        "{}",
        r#"{"title":"x"}"#,
        r#"{"status":"503"}"#,
        r#"{"status":99}"#,
        r#"{"status":1000}"#,
        r#"{"status":65736}"#,
        r#"{"status":503.5}"#,
        "[]",
        "null",
    ];
    for body in invalid {
        assert!(serde_json::from_str::<Problem>(body).is_err(), "{body}");
    }
}

#[test]
fn a_status_without_a_reason_phrase_still_has_a_title() {
    let response = Problem::new(StatusCode::from_u16(499).unwrap()).into_response();
    assert_eq!(
        common::problem(&response, response.status())["title"],
        "Unknown"
    );
}

#[test]
fn standard_members_override_extensions_of_the_same_name() {
    let problem = Problem::new(StatusCode::CONFLICT)
        .extension("status", 200)
        .extension("type", 1);
    let response = problem.into_response();
    let json = common::problem(&response, StatusCode::CONFLICT);
    assert_eq!(json["type"], "about:blank");
    let body = String::from_utf8_lossy(response.body());
    assert_eq!(body.matches("\"status\"").count(), 1);
}

#[test]
fn a_cause_reaches_the_log_and_never_the_client() {
    let problem = Problem::internal("password of the database is hunter2");
    assert_eq!(
        problem.cause().unwrap().to_string(),
        "password of the database is hunter2"
    );
    assert!(!problem.to_string().contains("hunter2"));
    assert!(!format!("{problem:?}").contains("hunter2"));
    assert!(!String::from_utf8_lossy(&problem.to_json()).contains("hunter2"));
}

#[test]
fn changing_a_rendered_problem_renders_it_again() {
    let first = Problem::new(StatusCode::CONFLICT);
    let rendered = first.to_json();
    let second = first.clone().detail("the email is taken");
    assert_eq!(first.to_json(), rendered);
    assert!(second.to_json().len() > rendered.len());
}

#[test]
fn header_fields_of_a_problem_stay_separate_and_in_order() {
    let problem = Problem::new(StatusCode::UNAUTHORIZED)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    let response = problem.into_response();
    let challenges: Vec<_> = response
        .headers()
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .collect();
    assert_eq!(challenges, ["Bearer", "Basic"]);
}

#[test]
fn the_problem_is_in_the_extensions_of_its_response() {
    let response = Problem::new(StatusCode::GONE).into_response();
    assert_eq!(
        response.extensions().get::<Problem>().unwrap().status(),
        StatusCode::GONE
    );
}
