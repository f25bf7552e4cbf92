//! `with_methods`: RFC 9110, sections 9 and 15.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use wythe::{Methods, With, compose, with_methods};

use crate::common::{Body, empty, problem, send, send_to};

fn request(method: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/users")
        .body(empty())
        .unwrap()
}

fn guard() -> With<Methods> {
    with_methods([Method::GET, Method::POST])
}

#[tokio::test]
async fn listed_methods_pass() {
    for method in ["GET", "POST"] {
        let response = send(&guard(), request(method)).await;
        assert_eq!(
            (response.status(), &response.body()[..]),
            (StatusCode::OK, &b"ok"[..])
        );
    }
}

#[tokio::test]
async fn an_unlisted_method_is_a_405_with_the_listed_methods() {
    // RFC 9110, section 15.5.6: a 405 has an Allow.
    for method in ["PUT", "PATCH", "DELETE", "QUERY", "TRACE", "CONNECT"] {
        let response = send(&guard(), request(method)).await;
        problem(&response, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET, HEAD, POST", "{method}");
    }
}

#[tokio::test]
async fn an_unknown_method_is_a_501() {
    // RFC 9110, section 9.1: methods are case-sensitive.
    for method in ["get", "Post", "PROPFIND", "BREW", "*", &"X".repeat(5000)] {
        let response = send(&guard(), request(method)).await;
        problem(&response, StatusCode::NOT_IMPLEMENTED);
        assert!(!response.headers().contains_key("allow"), "{method}");
    }
}

#[tokio::test]
async fn an_extension_method_passes_if_it_is_listed() {
    let propfind = Method::from_bytes(b"PROPFIND").unwrap();
    let guard = with_methods([Method::GET, propfind]);
    assert_eq!(
        send(&guard, request("PROPFIND")).await.status(),
        StatusCode::OK
    );
    problem(
        &send(&guard, request("propfind")).await,
        StatusCode::NOT_IMPLEMENTED,
    );
    let response = send(&guard, request("PUT")).await;
    assert_eq!(response.headers()["allow"], "GET, HEAD, PROPFIND");
}

#[tokio::test]
async fn options_is_answered_with_the_methods_unless_it_is_listed() {
    let response = send(&guard(), request("OPTIONS")).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["allow"], "GET, HEAD, POST");
    assert_eq!(response.headers().len(), 1);
    assert!(response.body().is_empty());

    let listed = with_methods([Method::OPTIONS, Method::GET]);
    let response = send(&listed, request("OPTIONS")).await;
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::OK, &b"ok"[..])
    );
}

#[tokio::test]
async fn allow_lists_each_method_once_in_the_given_order() {
    let cases: [(&[Method], &str); 5] = [
        (&[Method::POST, Method::GET], "POST, GET, HEAD"),
        (&[Method::HEAD, Method::GET], "HEAD, GET"),
        (
            &[Method::GET, Method::GET, Method::PUT, Method::PUT],
            "GET, HEAD, PUT",
        ),
        (&[Method::HEAD], "HEAD"),
        (&[Method::PUT, Method::OPTIONS], "PUT, OPTIONS"),
    ];
    for (listed, allow) in cases {
        let guard = with_methods(Methods::list(listed.iter().cloned()).unwrap());
        assert_eq!(
            send(&guard, request("DELETE")).await.headers()["allow"],
            allow
        );
    }
}

#[tokio::test]
async fn head_passes_only_where_get_does() {
    assert_eq!(
        send(&guard(), request("HEAD")).await.status(),
        StatusCode::OK
    );
    let listed = with_methods([Method::HEAD]);
    assert_eq!(
        send(&listed, request("HEAD")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        send(&listed, request("GET")).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );

    let response = send(&with_methods([Method::POST]), request("HEAD")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    // Section 9.3.2: a response to HEAD has no body, and neither has a refusal.
    assert!(response.body().is_empty());
    assert_ne!(response.headers()["content-length"], "0");
}

#[tokio::test]
async fn a_response_to_head_keeps_its_fields_and_loses_its_body() {
    // Status, body, field that the handler sets, expected Content-Length (section 8.6).
    let cases = [
        ("its size is known", 200, "hello", None, Some("5")),
        (
            "the handler says its size",
            200,
            "hello",
            Some(("content-length", "7")),
            Some("7"),
        ),
        ("an error", 404, "not here", None, Some("8")),
        ("no body", 200, "", None, None),
        ("not modified", 304, "x", None, None),
        ("no content", 204, "x", None, None),
        (
            "chunked",
            200,
            "hello",
            Some(("transfer-encoding", "chunked")),
            None,
        ),
    ];
    for (name, status, body, field, length) in cases {
        let answer = move |request: Request<Body>| async move {
            assert!(request.method() == Method::HEAD || request.method() == Method::GET);
            let mut response = Response::builder().status(status).header("etag", "\"a\"");
            if let Some((name, value)) = field {
                response = response.header(name, value);
            }
            Ok::<_, Infallible>(response.body(Body::from(body)).unwrap())
        };
        let head = send_to(&guard(), request("HEAD"), answer).await;
        assert!(head.body().is_empty(), "{name}");
        assert_eq!(head.status(), status, "{name}");
        assert_eq!(head.headers()["etag"], "\"a\"", "{name}");
        let sent = head
            .headers()
            .get("content-length")
            .map(|value| value.to_str().unwrap());
        assert_eq!(sent, length, "{name}");

        let get = send_to(&guard(), request("GET"), answer).await;
        assert_eq!(get.body(), body, "{name}");
        let without = get.headers().get("content-length").is_none();
        assert_eq!(
            without,
            field.is_none_or(|(name, _)| name != "content-length"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_response_of_the_handler_never_becomes_a_405() {
    let handler = async |_: Request<Body>| {
        let response = Response::builder().status(StatusCode::NOT_FOUND);
        Ok::<_, Infallible>(response.body(empty()).unwrap())
    };
    let response = send_to(&guard(), request("GET"), handler).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(!response.headers().contains_key("allow"));
}

#[test]
fn rejects_an_empty_list() {
    let error = Methods::list([]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Methods: the list is empty, so no request would pass: list a method"
    );
}

#[test]
fn describes_what_it_answers() {
    let printed = compose((guard(),)).to_string();
    for line in [
        "204 to OPTIONS",
        "405 to a method other than GET, HEAD, POST",
        "501 to an unknown",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    let printed = compose((with_methods([Method::OPTIONS]),)).to_string();
    assert!(!printed.contains("204"), "{printed}");
    assert_eq!(
        format!("{:?}", guard().middleware()),
        "Methods([GET, POST])"
    );
}

#[tokio::test]
async fn refusals_carry_their_problem_for_outer_layers() {
    let response: Response<Bytes> = send(&guard(), request("PUT")).await;
    let problem = response.extensions().get::<wythe::Problem>().unwrap();
    assert_eq!(problem.status(), StatusCode::METHOD_NOT_ALLOWED);
}
