//! A page that shows an OpenAPI document, and the files that it needs.

use std::convert::Infallible;

use axum::{Router, body::Body, response::Response as AxumResponse, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use tower::{Service, ServiceExt};
use wythe::{
    Api, FinishedApi,
    api::{ApiService, DocsPage},
    compose, with, with_auth,
};

use super::{Badge, Through, answers, call, field};
use crate::common;

fn page() -> DocsPage {
    DocsPage::new("/api/openapi.json")
}

fn api(page: DocsPage) -> FinishedApi<()> {
    Api::<()>::new("Shop", "1.0.0")
        .around(compose(with(Through("around"))))
        .public("the documentation is public", |open| {
            open.docs_page("/docs", page)
        })
        .finish()
}

fn service(page: DocsPage) -> ApiService {
    api(page).service(()).unwrap()
}

async fn shown(page: DocsPage) -> String {
    let response = call(&service(page), "GET /docs").await;
    String::from_utf8(response.body().to_vec()).unwrap()
}

/// The paths that a page refers to, seen from its own path.
fn references(path: &str, page: &Response<Bytes>) -> Vec<String> {
    let page = str::from_utf8(page.body()).unwrap();
    let (folder, _) = path.rsplit_once('/').unwrap();
    page.split('<')
        .filter_map(|tag| {
            let attribute = [" href=\"./", " src=\"./"];
            let (_, rest) = attribute.iter().find_map(|name| tag.split_once(name))?;
            let (value, _) = rest.split_once('"')?;
            Some(format!("{folder}/{}", value.replace("&quot;", "\"")))
        })
        .collect()
}

/// Asks for the page with and without a slash at the end, and for all that it refers to.
async fn is_complete<T>(service: T, prefix: &str)
where
    T: Service<Request<Body>, Response = AxumResponse, Error = Infallible> + Clone,
{
    for path in [prefix, &format!("{}/", prefix.trim_end_matches('/'))] {
        let page = call(&service, &format!("GET {path}")).await;
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(field(&page, "content-type"), "text/html; charset=utf-8");
        let files = references(path, &page);
        assert_eq!(files.len(), 5, "{path}: {files:?}");
        for file in files {
            let answer = call(&service, &format!("GET {file}")).await;
            assert_eq!(answer.status(), 200, "{path}: {file}");
        }
    }
}

#[tokio::test]
async fn the_page_refers_to_its_files_wherever_it_is_mounted() {
    is_complete(service(page()), "/docs").await;
    is_complete(api(page()).router(()).unwrap(), "/docs").await;
    is_complete(Router::new().nest_service("/docs", page()), "/docs").await;
    is_complete(Router::new().fallback_service(page()), "/").await;

    let odd = Router::new().nest_service("/a:%2F\"b", page());
    is_complete(Router::new().nest("/v1", odd.clone()), "/v1/a:%2F\"b").await;
    let outer = || Api::<()>::new("Outer", "1.0.0");
    let outer_router = outer().public("a router", |open| open.router("/v1", odd));
    is_complete(outer_router.service(()).unwrap(), "/v1/a:%2F\"b").await;
    let outer_api = || {
        let inner = Api::<()>::new("Shop", "1.0.0").public("the documentation is public", |open| {
            open.docs_page("/docs", page())
        });
        outer().nest("/v1", inner)
    };
    is_complete(outer_api().service(()).unwrap(), "/v1/docs").await;
    is_complete(outer_api().router(()).unwrap(), "/v1/docs").await;
    let twice = Router::new().nest("/outer", outer_api().router(()).unwrap());
    is_complete(twice, "/outer/v1/docs").await;
}

#[tokio::test]
async fn other_paths_and_methods_are_rejected() {
    let nothing = "404 There is nothing at this path.";
    let not_allowed =
        "405 This resource does not support the request method; see the `Allow` field.";
    let cases = [
        ("GET /docs/other.js", nothing),
        ("GET /docs/page.js/", nothing),
        ("GET /docs/00000000/dist/swagger-ui.css", nothing),
        ("GET /docs/dist/swagger-ui.css", nothing),
        ("GET /docs/../docs", nothing),
        ("POST /docs", not_allowed),
        ("DELETE /docs/page.js", not_allowed),
        ("OPTIONS /docs", "204"),
        (
            "BREW /docs",
            "501 The request method is not known. Methods are case-sensitive.",
        ),
    ];
    answers(&service(page()), &cases).await;
    answers(&api(page()).router(()).unwrap(), &cases).await;
    let answer = call(&service(page()), "POST /docs").await;
    assert_eq!(field(&answer, "allow"), "GET, HEAD");
    let answer = call(&service(page()), "GET /docs/other.js").await;
    assert_eq!(field(&answer, "content-type"), "application/problem+json");
    assert_eq!(field(&answer, "x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn the_layers_around_an_api_stand_around_the_page() {
    let service = service(page());
    for path in ["/docs", "/docs/page.js", "/docs/other.js"] {
        let answer = call(&service, &format!("GET {path}")).await;
        assert_eq!(field(&answer, "through"), "around", "{path}");
    }
}

#[tokio::test]
async fn the_page_has_a_strict_content_security_policy() {
    let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'; img-src 'self' blob: data:; script-src 'self'; \
                  style-src 'self'; connect-src 'self'";
    let answer = call(&service(page()), "GET /docs").await;
    assert_eq!(field(&answer, "content-security-policy"), policy);
    assert_eq!(field(&answer, "cache-control"), "no-cache");
    assert_eq!(field(&answer, "x-content-type-options"), "nosniff");

    let page = page().connect_to("https://api.example.com").unwrap();
    let page = page.connect_to("http://[::1]:8080").unwrap();
    let answer = call(&service(page), "GET /docs").await;
    assert_eq!(
        field(&answer, "content-security-policy"),
        format!("{policy} https://api.example.com http://[::1]:8080")
    );
}

#[test]
fn what_is_not_an_origin_is_no_place_to_connect_to() {
    for text in [
        "",
        "*",
        "null",
        "'unsafe-inline'",
        "https://a.example; script-src *",
        "https://a.example, default-src *",
        "https://a.example https://b.example",
        "https://*.example.com",
        "https://a.example/path",
        "https://a.example\n",
        "https://\u{e4}.example",
    ] {
        let error = page().connect_to(text).unwrap_err();
        assert_eq!(error.policy(), "DocsPage", "{text:?}: {error}");
    }
}

#[tokio::test]
async fn what_an_application_names_is_escaped() {
    let hostile = "</title><script>alert(\"1\")</script>&amp;'";
    let html = shown(DocsPage::new(hostile).title(hostile)).await;
    let escaped = "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;'";
    assert!(
        html.contains(&format!("<title>{escaped}</title>")),
        "{html}"
    );
    let document = format!("<div id=\"swagger-ui\" data-document=\"{escaped}\"></div>");
    assert!(html.contains(&document), "{html}");
}

#[tokio::test]
async fn a_page_has_a_title_of_its_own() {
    let html = shown(page()).await;
    assert!(html.contains("<title>API documentation</title>"), "{html}");
    let html = shown(page().title("Shop API")).await;
    assert!(html.contains("<title>Shop API</title>"), "{html}");
}

#[tokio::test]
async fn files_are_sent_as_the_client_accepts_them_and_kept_by_caches() {
    let service = service(page());
    let page = call(&service, "GET /docs").await;
    let mut files = references("/docs", &page);
    let own = files.pop().unwrap();
    let types = [
        "text/plain; charset=utf-8",
        "text/css",
        "text/css",
        "text/javascript",
    ];
    for (file, content_type) in files.iter().zip(types) {
        let plain = call(&service, &format!("GET {file}")).await;
        let gzip = call(&service, &format!("GET {file} accept-encoding:gzip")).await;
        assert_eq!(field(&plain, "content-encoding"), "", "{file}");
        assert_eq!(field(&gzip, "content-encoding"), "gzip", "{file}");
        assert_eq!(gzip.body()[..3], [0x1f, 0x8b, 8], "{file}");
        assert!(gzip.body().len() < plain.body().len(), "{file}");
        for answer in [plain, gzip] {
            assert_eq!(field(&answer, "content-type"), content_type, "{file}");
            assert_eq!(field(&answer, "vary"), "accept-encoding", "{file}");
            assert_eq!(
                field(&answer, "x-content-type-options"),
                "nosniff",
                "{file}"
            );
            let kept = "public, max-age=31536000, immutable";
            assert_eq!(field(&answer, "cache-control"), kept, "{file}");
        }
    }
    // Its path is the same in the next version.
    let own = call(&service, &format!("GET {own}")).await;
    assert_eq!(field(&own, "cache-control"), "no-cache");
    assert_eq!(field(&own, "content-type"), "text/javascript");
}

#[tokio::test]
async fn the_answer_to_head_has_the_fields_of_that_to_get() {
    let service = service(page());
    let page = call(&service, "GET /docs").await;
    let mut paths = references("/docs", &page);
    paths.extend(["/docs", "/docs/", "/docs/other.js"].map(String::from));
    for path in paths {
        let get = call(&service, &format!("GET {path} accept-encoding:gzip")).await;
        let head = call(&service, &format!("HEAD {path} accept-encoding:gzip")).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert!(head.body().is_empty(), "{path}");
        assert_eq!(field(&head, "content-length"), get.body().len().to_string());
        for (name, value) in get.headers() {
            assert_eq!(head.headers().get(name), Some(value), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn the_page_can_stand_beside_routes_of_axum() {
    let app = Router::new()
        .route("/openapi.json", get(async || "{}"))
        .nest_service("/docs", DocsPage::new("../openapi.json"));
    let request = Request::get("/docs/page.js").body(Body::empty()).unwrap();
    let script = common::read(app.clone().oneshot(request).await.unwrap()).await;
    assert_eq!(script.status(), 200);
    answers(&app, &[("GET /openapi.json", "200 {}")]).await;
}

#[cfg(feature = "openapi")]
#[tokio::test]
async fn a_documented_api_takes_the_page_without_a_schema() {
    let api = Api::<()>::new("Shop", "1.0.0")
        .documented()
        .public("the documentation is public", |open| {
            open.docs_page("/docs", page())
        });
    is_complete(api.service(()).unwrap(), "/docs").await;
}

#[tokio::test]
async fn a_stack_can_guard_the_page() {
    let guarded = compose(with_auth(Badge)).service(page());
    let app = Router::new().nest_service("/docs", guarded.clone());
    let api = Api::<()>::new("Shop", "1.0.0").public("it has a stack of its own", |open| {
        open.router("/docs", Router::new().fallback_service(guarded))
    });
    let api = api.service(()).unwrap();
    for path in ["/docs", "/docs/page.js"] {
        let with_badge = format!("GET {path} badge:ann");
        let without = format!("GET {path}");
        assert_eq!(call(&app, &without).await.status(), 401, "{path}");
        assert_eq!(call(&api, &without).await.status(), 401, "{path}");
        assert_eq!(call(&app, &with_badge).await.status(), 200, "{path}");
        assert_eq!(call(&api, &with_badge).await.status(), 200, "{path}");
    }
}
