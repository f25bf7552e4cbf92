//! The document as a route.

use http::{Request, StatusCode, header};
use tower::ServiceExt;
use wythe::{Api, NoContent, api::ApiService, compose};

use crate::{api::call, common};

async fn ping() -> NoContent {
    NoContent
}

/// The service, and the document as it is printed.
fn served() -> (ApiService, String) {
    let api = Api::<()>::new("Ping", "1.0.0")
        .documented()
        .get("/ping", compose(()).handler(ping));
    let document = api.openapi();
    let service = api
        .get("/openapi.json", compose(()).handler(document.handler()))
        .service(());
    (service.unwrap(), document.to_string())
}

#[tokio::test]
async fn the_route_sends_the_document_that_is_printed() {
    let (service, printed) = served();
    let response = call(&service, "GET /openapi.json").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    let sent: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(sent, printed);
    assert!(sent["paths"]["/ping"].is_object());

    let head = call(&service, "HEAD /openapi.json").await;
    assert!(head.body().is_empty());
    assert_eq!(
        head.headers()[header::ETAG],
        response.headers()[header::ETAG]
    );
    assert_eq!(
        head.headers()[header::CONTENT_LENGTH],
        response.body().len().to_string()
    );
    assert_eq!(call(&service, "POST /openapi.json").await.status(), 405);
}

#[tokio::test]
async fn a_client_that_has_the_document_gets_no_content() {
    let (service, _) = served();
    let response = call(&service, "GET /openapi.json").await;
    let etag = response.headers()[header::ETAG]
        .to_str()
        .unwrap()
        .to_owned();
    let cases = [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"other\", {etag}"), 304),
        ("*".to_owned(), 304),
        (format!("\"a,b\" , W/{etag}"), 304),
        ("\"other\"".to_owned(), 200),
        ("*, \"other\"".to_owned(), 200),
        (format!("\"a,{etag}"), 200),
        (etag.trim_matches('"').to_owned(), 200),
        (String::new(), 200),
    ];
    for (sent, status) in cases {
        let request = Request::get("/openapi.json").header(header::IF_NONE_MATCH, &sent);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let response = common::read(response).await;
        assert_eq!(response.status(), status, "{sent}");
        assert_eq!(response.headers()[header::ETAG], etag, "{sent}");
        assert_eq!(response.body().is_empty(), status == 304, "{sent}");
    }
}

#[test]
fn the_route_is_documented_in_the_document_of_another_api() {
    let inner = Api::<()>::new("Ping", "1.0.0").documented().openapi();
    let outer = Api::<()>::new("Outer", "1.0.0")
        .documented()
        .get("/openapi.json", compose(()).handler(inner.handler()));
    let responses = outer.openapi().to_value()["paths"]["/openapi.json"]["get"]["responses"].take();
    assert!(
        responses["200"]["headers"]["ETag"].is_object(),
        "{responses}"
    );
    assert!(
        responses["304"]["headers"]["ETag"].is_object(),
        "{responses}"
    );
    assert!(responses["default"].is_null(), "{responses}");
}
