//! Refusals as pages for browsers: the same status and fields, escaped, and only for clients that prefer HTML.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Problem, presentation::HtmlTemplate, with_presentation, with_presentation_as};

use crate::common::{self, Body, empty};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn page() -> HtmlTemplate {
    HtmlTemplate::new("<h1>{{status}} {{title}}</h1><p>{{detail}}</p>").unwrap()
}

async fn refused(method: Method, accept: Option<&'static str>) -> Response<Bytes> {
    let handler = service_fn(|_: Request<Body>| async {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS)
            .detail("<b>Wait</b>")
            .header(header::RETRY_AFTER, HeaderValue::from_static("7"))
            .header(header::VARY, HeaderValue::from_static("origin"));
        Ok::<_, std::convert::Infallible>(problem.into_response().map(Body::from))
    });
    let mut request = Request::new(empty());
    *request.method_mut() = method;
    if let Some(accept) = accept {
        let accept = HeaderValue::from_static(accept);
        request.headers_mut().insert(header::ACCEPT, accept);
    }
    let service = with_presentation().html(page()).layer(handler);
    common::read(service.oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn a_browser_gets_a_page_with_the_same_status_and_fields() {
    let response = refused(Method::GET, Some(BROWSER)).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    assert_eq!(response.headers()["retry-after"], "7");
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["origin", "accept"]);
    assert_eq!(
        response.body(),
        "<h1>429 Too Many Requests</h1><p>&lt;b&gt;Wait&lt;/b&gt;</p>"
    );
    let head = refused(Method::HEAD, Some(BROWSER)).await;
    assert!(head.body().is_empty());
    assert_eq!(
        head.headers()["content-length"],
        response.body().len().to_string()
    );
}

#[tokio::test]
async fn others_get_a_problem_and_caches_are_told() {
    for accept in [
        None,
        Some("*/*"),
        Some("text/html;q=0"),
        Some("text/html, application/json"),
    ] {
        let response = refused(Method::GET, accept).await;
        let problem: Value = common::problem(&response, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(problem["detail"], "<b>Wait</b>");
        let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
        assert_eq!(vary, ["origin", "accept"]);
    }
}

#[tokio::test]
async fn a_page_comes_before_the_renderer() {
    let layer = with_presentation_as(|_, _| {
        (
            HeaderValue::from_static("text/plain"),
            Bytes::from_static(b"own"),
        )
    });
    let layer = layer.html(page());
    for (accept, body) in [(BROWSER, "<h1>404 Not Found</h1><p></p>"), ("*/*", "own")] {
        let request = Request::get("/").header(header::ACCEPT, accept);
        let handler = service_fn(|_: Request<Body>| async {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok::<_, std::convert::Infallible>(response)
        });
        let service = layer.clone().layer(handler);
        let response = service
            .oneshot(request.body(empty()).unwrap())
            .await
            .unwrap();
        let response = common::read(response).await;
        assert_eq!(response.body(), body);
        assert_eq!(response.headers()["vary"], "accept");
    }
}
