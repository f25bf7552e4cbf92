//! `with_version`: which version a request is for, and what clients get that name none.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::json;
use wythe::{ApiVersion, Versions, with_version};

use crate::common::{Body, empty, problem, send_to};

/// The answer to a request of this target with these fields: the version that the handler was given.
async fn answer(versions: &Versions, target: &str, fields: &[(&str, &str)]) -> Response<Bytes> {
    let (method, path) = target.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let handler = |request: Request<Body>| async move {
        let version: &ApiVersion = request.extensions().get().unwrap();
        Ok(Response::new(Body::from(version.as_str().to_owned())))
    };
    let layer = with_version(versions.clone());
    send_to(&layer, request.body(empty()).unwrap(), handler).await
}

fn vary(response: &Response<Bytes>) -> Vec<&str> {
    let lines = response.headers().get_all("vary").iter();
    lines.map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn the_path_has_the_version_or_there_is_nothing() {
    let versions = Versions::by_path("/api", ["v1", "v2"]).unwrap();
    for (path, version) in [("GET /api/v1/users", "v1"), ("POST /api/v2", "v2")] {
        let response = answer(&versions, path, &[]).await;
        assert_eq!(response.body(), version);
        assert!(vary(&response).is_empty());
    }
    for path in ["GET /api/v3/users", "GET /api", "GET /users", "GET /api/V1"] {
        let response = answer(&versions, path, &[]).await;
        let problem = problem(&response, StatusCode::NOT_FOUND);
        assert_eq!(problem["supported_versions"], json!(["v1", "v2"]));
    }
    let response = answer(&versions, "OPTIONS /api", &[]).await;
    assert_eq!(response.body(), "v2");
}

#[tokio::test]
async fn a_field_has_one_supported_version() {
    let versions = Versions::by_field("Api-Version", ["1", "2"]).unwrap();
    let response = answer(&versions, "GET /", &[("api-version", "2")]).await;
    assert_eq!(response.body(), "2");
    assert_eq!(vary(&response), ["api-version"]);

    let rejected: [(&[(&str, &str)], &str); 4] = [
        (
            &[],
            "The version of the API is missing: send `api-version`. Supported: 1, 2.",
        ),
        (
            &[("api-version", "3")],
            "The version of the API in `api-version` is not supported. Supported: 1, 2.",
        ),
        (
            &[("api-version", "")],
            "The version of the API in `api-version` is not supported. Supported: 1, 2.",
        ),
        (
            &[("api-version", "1"), ("api-version", "2")],
            "Send `api-version` once. Supported: 1, 2.",
        ),
    ];
    for (fields, detail) in rejected {
        let response = answer(&versions, "GET /", fields).await;
        let problem = problem(&response, StatusCode::BAD_REQUEST);
        assert_eq!(problem["detail"], detail);
        assert_eq!(problem["supported_versions"], json!(["1", "2"]));
        assert_eq!(vary(&response), ["api-version"]);
    }

    let versions = versions.default_version("1").unwrap();
    assert_eq!(answer(&versions, "GET /", &[]).await.body(), "1");
    let unknown = answer(&versions, "GET /", &[("api-version", "3")]).await;
    problem(&unknown, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_media_type_has_the_version_of_the_answer_and_of_the_content() {
    const V1: &str = "application/vnd.example.v1+json";
    const V2: &str = "application/vnd.example.v2+json";
    const V9: &str = "application/vnd.example.v9+json";

    let versions = Versions::by_media_type("vnd.example", ["1", "2"]).unwrap();
    let passed: [(&[(&str, &str)], &str); 5] = [
        (&[("accept", V2)], "2"),
        (&[("accept", V1), ("accept", "*/*;q=0.1")], "1"),
        (&[("content-type", V2)], "2"),
        (&[("content-type", V1), ("accept", "*/*")], "1"),
        (&[("accept", "application/json; version=2")], "2"),
    ];
    for (fields, version) in passed {
        let response = answer(&versions, "POST /", fields).await;
        assert_eq!(response.body(), version, "{fields:?}");
        assert_eq!(vary(&response), ["accept"]);
    }
    let rejected: [(&[(&str, &str)], StatusCode); 5] = [
        (&[], StatusCode::BAD_REQUEST),
        (&[("accept", "*/*")], StatusCode::BAD_REQUEST),
        (&[("accept", V9)], StatusCode::NOT_ACCEPTABLE),
        (&[("content-type", V9)], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            &[("accept", V1), ("content-type", V2)],
            StatusCode::BAD_REQUEST,
        ),
    ];
    for (fields, status) in rejected {
        let response = answer(&versions, "POST /", fields).await;
        let problem = problem(&response, status);
        assert_eq!(
            problem["supported_versions"],
            json!(["1", "2"]),
            "{fields:?}"
        );
        assert_eq!(vary(&response), ["accept"]);
        let accept = response.headers().get("accept");
        let is_content = status == StatusCode::UNSUPPORTED_MEDIA_TYPE;
        assert_eq!(accept.is_some(), is_content);
        assert!(accept.is_none_or(|types| *types == format!("{V1}, {V2}")));
    }
}
