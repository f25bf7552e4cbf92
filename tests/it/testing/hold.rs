//! `Holding` finds what a service answers and its document does not say.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body::Frame;
use http_body_util::BodyExt;
use schemars::JsonSchema;
use serde::Serialize;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    Api, Created, FinishedApi, NoContent, Path, Problem,
    api::openapi::{DocumentResponse, Documented, OpenApi, ResponseTypes},
    compose,
    description::Answer,
    testing::{Holding, ViolationKind},
};

#[derive(Serialize, JsonSchema)]
struct User {
    id: u64,
    name: Option<String>,
}

struct NameTaken;

impl IntoResponse for NameTaken {
    fn into_response(self) -> Response {
        IntoResponse::into_response(Problem::new(StatusCode::CONFLICT))
    }
}

impl DocumentResponse for NameTaken {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.problem(Answer::new(StatusCode::CONFLICT));
    }
}

fn api() -> FinishedApi<(), (), Documented> {
    async fn show(Path(id): Path<u64>) -> Json<User> {
        let name = Some("Ada".to_owned());
        Json(User { id, name })
    }
    async fn create() -> Result<Created<User>, NameTaken> {
        Err(NameTaken)
    }
    async fn delete(Path(_): Path<u64>) -> NoContent {
        NoContent
    }
    async fn file(Path(_): Path<String>) -> &'static str {
        "text"
    }
    async fn unknown() -> Response {
        Response::default()
    }
    let empty = compose(());
    Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users/{id}", empty.handler(show))
        .delete("/users/{id}", empty.handler(delete))
        .post("/users", empty.handler(create))
        .get("/files/{*rest}", empty.handler(file))
        .get("/old", empty.handler(async || Redirect::to("/new")))
        .undocumented("its type says nothing", |api| {
            api.get("/unknown", empty.handler(unknown))
        })
        .finish()
}

fn document() -> OpenApi {
    api().openapi()
}

/// The violations of one response.
async fn found(method: Method, path: &str, response: Response) -> Vec<(ViolationKind, String)> {
    let holding = Holding::new(&document()).collecting();
    let response = std::sync::Mutex::new(Some(response));
    let service = holding.layer(service_fn(move |_: Request<Body>| {
        let response = response.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(response) }
    }));
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).unwrap();
    drop(service.oneshot(request).await);
    let violations = holding.violations();
    let pairs = violations
        .iter()
        .map(|violation| (violation.kind(), violation.text().to_owned()));
    pairs.collect()
}

fn response(status: u16, media_type: &str, body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if !media_type.is_empty() {
        let value = media_type.parse().unwrap();
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

#[tokio::test]
async fn what_the_document_says_is_no_violation() {
    let json = "application/json; charset=utf-8";
    let problem = r#"{"type":"about:blank","title":"Conflict","status":409}"#;
    let cases = [
        (
            Method::GET,
            "/users/7",
            response(200, json, r#"{"id":7,"name":null}"#),
        ),
        (
            Method::GET,
            "/users/7",
            response(200, "Application/JSON", r#"{"id":7,"name":"Ada","x":1}"#),
        ),
        (Method::HEAD, "/users/7", response(200, json, "")),
        (Method::DELETE, "/users/7", response(204, "", "")),
        (
            Method::POST,
            "/users",
            response(409, "application/problem+json", problem),
        ),
        (
            Method::GET,
            "/files/a/b/c",
            response(200, "text/plain", "any text"),
        ),
        (Method::GET, "/old", response(307, "", "")),
        // Of this handler nothing is known.
        (Method::GET, "/unknown", response(418, "image/png", "any")),
        (Method::GET, "/unknown", response(200, "", "")),
        // Not in the document.
        (Method::GET, "/nothing", response(418, "", "any")),
        (Method::PUT, "/users/7", response(405, "", "any")),
        (
            Method::from_bytes(b"get").unwrap(),
            "/users/7",
            response(501, "", "any"),
        ),
        (Method::OPTIONS, "/users", response(204, "", "")),
    ];
    for (method, path, response) in cases {
        let case = format!("{method} {path} {response:?}");
        assert_eq!(found(method, path, response).await, [], "{case}");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of violations")]
async fn each_kind_of_violation_is_found() {
    use ViolationKind as Kind;

    let json = "application/json";
    let problem = "application/problem+json";
    let cases = [
        (
            Method::GET,
            "/users/7",
            response(404, problem, "{}"),
            Kind::UndeclaredStatus,
            "the status is not declared (declared: 200, 400)",
        ),
        (
            Method::HEAD,
            "/users/7",
            response(404, problem, ""),
            Kind::UndeclaredStatus,
            "the status is not declared (declared: 200, 400)",
        ),
        (
            Method::GET,
            "/users/7",
            response(200, "text/html", "<h1>Ada</h1>"),
            Kind::UndeclaredMediaType,
            "the media type `text/html` is not declared (declared: application/json)",
        ),
        (
            Method::GET,
            "/users/7",
            response(200, "", "{}"),
            Kind::UndeclaredMediaType,
            "the content has no `Content-Type`",
        ),
        (
            Method::HEAD,
            "/users/7",
            response(200, "text/html", ""),
            Kind::UndeclaredMediaType,
            "the media type `text/html` is not declared (declared: application/json)",
        ),
        (
            Method::GET,
            "/users/7",
            response(200, json, r#"{"name":null}"#),
            Kind::InvalidContent,
            "\"id\" is a required property",
        ),
        (
            Method::GET,
            "/users/7",
            response(200, json, r#"{"id":"7","name":null}"#),
            Kind::InvalidContent,
            "/id: \"7\" is not of type \"integer\"",
        ),
        (
            Method::GET,
            "/users/7",
            response(200, json, r#"{"id":7"#),
            Kind::NotJson,
            "the content is not JSON: EOF while parsing an object at line 1 column 7",
        ),
        (
            Method::GET,
            "/users/7",
            response(200, json, ""),
            Kind::MissingContent,
            "content is declared for `200`, and the response has none",
        ),
        (
            Method::DELETE,
            "/users/7",
            response(204, "", "deleted"),
            Kind::UndeclaredContent,
            "no content is declared for `204`, and the response has some",
        ),
        (
            Method::POST,
            "/users",
            response(
                409,
                problem,
                r#"{"type":"about:blank","title":"Conflict","status":400}"#,
            ),
            Kind::InvalidContent,
            "/status: 409 was expected",
        ),
        (
            Method::POST,
            "/users",
            response(
                409,
                json,
                r#"{"type":"about:blank","title":"Conflict","status":409}"#,
            ),
            Kind::UndeclaredMediaType,
            "the media type `application/json` is not declared (declared: application/problem+json)",
        ),
    ];
    for (method, path, response, kind, text) in cases {
        let case = format!("{method} {path} {response:?}");
        let found = found(method, path, response).await;
        assert_eq!(found, [(kind, text.to_owned())], "{case}");
    }
}

#[tokio::test]
async fn a_service_that_conforms_passes_and_its_answers_are_counted() {
    let holding = Holding::new(&document());
    let service = holding.layer(api().service(()).unwrap());
    for (method, path) in [
        (Method::GET, "/users/7"),
        (Method::HEAD, "/users/7"),
        (Method::GET, "/users/seven"),
        (Method::DELETE, "/users/7"),
        (Method::POST, "/users"),
        (Method::GET, "/files/a/b"),
    ] {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let Ok(_) = service.clone().oneshot(request).await;
    }
    let report = holding.report();
    assert_eq!(
        report.to_string(),
        "\
5 of 10 declared responses seen
  GET /files/{rest}   200
  POST /users         409
  DELETE /users/{id}  204
  GET /users/{id}     200, 400
not seen
  GET /files/{rest}   400
  GET /old            3XX
  GET /unknown        default
  POST /users         201
  DELETE /users/{id}  400
"
    );
    let show = report
        .seen()
        .find(|seen| seen.operation() == "GET /users/{id}");
    let show = show.unwrap();
    assert_eq!((show.status(), show.times()), ("200", 2));
}

#[tokio::test]
async fn a_violation_panics_in_the_task_of_the_request() {
    let holding = Holding::new(&document());
    let service = holding.layer(service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(response(418, "", ""))
    }));
    let request = Request::get("/users/7").body(Body::empty()).unwrap();
    let panic = tokio::spawn(service.oneshot(request))
        .await
        .unwrap_err()
        .into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert_eq!(
        message,
        "1 violation of the OpenAPI document\n\
         GET /users/{id} 418: the status is not declared (declared: 200, 400)"
    );
    assert_eq!(holding.violations().len(), 1);
    let report = holding.report();
    let undeclared: Vec<_> = report.undeclared().collect();
    assert_eq!(
        undeclared,
        [("GET /users/{id}", StatusCode::IM_A_TEAPOT, 1)]
    );
    assert!(
        report
            .to_string()
            .ends_with("not declared\n  GET /users/{id}  418\n")
    );
}

#[tokio::test]
async fn collected_violations_fail_the_test_when_it_asks() {
    let holding = Holding::new(&document()).collecting();
    let uri = Uri::from_static("https://api.example.com/users/7?page=2");
    let teapot = Response::builder()
        .status(418)
        .body(Bytes::from("tea"))
        .unwrap();
    holding.check(&Method::GET, &uri, &teapot);
    let failed = std::panic::catch_unwind(AssertUnwindSafe(|| holding.assert_no_violations()));
    let message = failed.unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.ends_with("\n  body: tea"), "{message}");
}

/// A body in two pieces, with trailers.
struct Pieces(usize);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 += 1;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::data(Bytes::from(r#"{"id":7,"#)))),
            2 => Some(Ok(Frame::data(Bytes::from(r#""name":"Ada"}"#)))),
            3 => Some(Ok(Frame::trailers(trailers))),
            _ => None,
        })
    }
}

#[tokio::test]
async fn compressed_content_is_reported_as_not_compared() {
    let mut packed = response(200, "application/json", "\u{1f}\u{8b}");
    let gzip = "gzip".parse().unwrap();
    packed.headers_mut().insert(header::CONTENT_ENCODING, gzip);
    let found = found(Method::GET, "/users/7", packed).await;
    let [(ViolationKind::NotCompared, text)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(text.contains("Accept-Encoding"), "{text}");
}

#[tokio::test]
async fn a_body_passes_on_unchanged_whether_it_is_read_to_the_end_or_not() {
    for (limit, kinds) in [(1024, &[][..]), (10, &[ViolationKind::NotCompared])] {
        let holding = Holding::new(&document()).collecting().max_body_bytes(limit);
        let service = holding.layer(service_fn(async |_: Request<Body>| {
            let response = Response::builder().header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(Pieces(0)).unwrap())
        }));
        let request = Request::get("/users/7").body(Body::empty()).unwrap();
        let Ok(response) = service.oneshot(request).await;
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-sum"], "7");
        assert_eq!(body.to_bytes(), r#"{"id":7,"name":"Ada"}"#);
        let violations = holding.violations();
        let found: Vec<_> = violations
            .iter()
            .map(wythe::testing::Violation::kind)
            .collect();
        assert_eq!(found, kinds);
    }
}
