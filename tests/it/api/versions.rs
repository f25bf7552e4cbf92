//! Versions of an `Api`: dispatch, findings, one document for each version, the audit.

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::json;
use tower::{Service, ServiceExt};
use wythe::{
    Api, ApiVersion, Cors, Deprecation, FinishedApi, Stack, Versions, assume, compose, types::Nil,
    with_cors, with_deprecation, with_version,
};

use crate::common::{self, problem};

fn plain() -> Stack<Nil> {
    compose(())
}

fn api(versions: Versions) -> FinishedApi<()> {
    let plain = plain();
    Api::new("Test", "1.0.0")
        .around(compose((
            with_cors(Cors::origins(["https://app.example.com"]).unwrap()),
            with_version(versions),
        )))
        .get("/hello", plain.handler(async || "one").in_versions(["1"]))
        .get(
            "/hello",
            plain
                .handler(async || "two or three")
                .in_versions(["2", "3"]),
        )
        .post(
            "/hello",
            plain.handler(async || "posted in three").in_versions(["3"]),
        )
        .get(
            "/all",
            compose(assume::<ApiVersion>())
                .handler(async |version: ApiVersion| version.to_string()),
        )
        .finish()
}

fn by_field() -> Versions {
    Versions::by_field("api-version", ["1", "2", "3"]).unwrap()
}

async fn ask<S>(service: &S, method: &str, path: &str, fields: &[(&str, &str)]) -> Response<Bytes>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible> + Clone,
{
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("origin", "https://app.example.com");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let Ok(response) = service
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await;
    common::read(response).await
}

#[tokio::test]
async fn a_request_goes_to_the_handler_of_its_version() {
    let service = api(by_field()).service(()).unwrap();
    let router = api(by_field()).not_found().router(()).unwrap();
    let cases = [
        ("GET", "/hello", "1", "one"),
        ("GET", "/hello", "2", "two or three"),
        ("GET", "/hello", "3", "two or three"),
        ("POST", "/hello", "3", "posted in three"),
        ("GET", "/all", "1", "1"),
        ("GET", "/all", "3", "3"),
        ("HEAD", "/hello", "1", ""),
    ];
    for (method, path, version, body) in cases {
        let fields = [("api-version", version)];
        for response in [
            ask(&service, method, path, &fields).await,
            ask(&router, method, path, &fields).await,
        ] {
            assert_eq!(response.status(), 200, "{method} {path} {version}");
            assert_eq!(response.body(), body, "{method} {path} {version}");
            let mut vary = response.headers().get_all("vary").iter();
            assert!(vary.any(|name| name == "api-version"));
        }
    }
}

#[tokio::test]
async fn what_a_version_does_not_have_is_not_there() {
    let service = api(by_field()).service(()).unwrap();
    let cases = [
        ("POST", "/hello", Some("1"), 404),
        ("PUT", "/hello", Some("1"), 405),
        ("GET", "/hello", Some("4"), 400),
        ("GET", "/hello", None, 400),
        ("GET", "/nothing", Some("1"), 404),
        ("GET", "/nothing", None, 400),
    ];
    for (method, path, version, status) in cases {
        let fields: Vec<_> = version
            .map(|version| ("api-version", version))
            .into_iter()
            .collect();
        let response = ask(&service, method, path, &fields).await;
        problem(&response, StatusCode::from_u16(status).unwrap());
        // The layers around the `Api` stand around these answers too.
        assert!(
            response
                .headers()
                .contains_key("access-control-allow-origin")
        );
    }
    let options = ask(&service, "OPTIONS", "/hello", &[]).await;
    assert_eq!(options.status(), 204);
    assert_eq!(options.headers()["allow"], "GET, HEAD, POST");
}

#[tokio::test]
async fn a_media_type_selects_the_handler() {
    let versions = Versions::by_media_type("vnd.example", ["1", "2", "3"]).unwrap();
    let service = api(versions.default_version("1").unwrap())
        .service(())
        .unwrap();
    let cases = [
        ("*/*", 200, "one"),
        ("application/vnd.example.v2+json", 200, "two or three"),
        ("application/vnd.example.v4+json", 406, ""),
    ];
    for (accept, status, body) in cases {
        let response = ask(&service, "GET", "/hello", &[("accept", accept)]).await;
        assert_eq!(response.status(), status);
        assert!(status != 200 || response.body() == body);
    }
}

#[test]
fn versions_that_no_request_can_name_are_found() {
    let hello = || plain().handler(async || "hello");
    let reasons = |api: FinishedApi<()>| {
        let findings = api.check().into_iter();
        findings
            .map(|finding| format!("{}: {}", finding.route, finding.reason))
            .collect::<Vec<_>>()
    };
    let new = || Api::<()>::new("Test", "1.0.0");
    let around = |versions: Versions| new().around(compose(with_version(versions)));
    assert_eq!(
        reasons(new().get("/", hello().in_versions(["1"])).finish()),
        ["GET / (version 1): no layer determines which version a request is for"]
    );
    assert_eq!(
        reasons(
            around(by_field())
                .get("/", hello().in_versions(["1", "4"]))
                .finish()
        ),
        ["GET / (versions 1, 4): `with_version` does not have the version `4`"]
    );
    assert_eq!(
        reasons(
            around(Versions::by_path("", ["v1"]).unwrap())
                .get("/v1", hello().in_versions(["v1"]))
                .finish()
        ),
        ["GET /v1 (version v1): the version is part of the path"]
    );
    let chosen = with_version(by_field()).when(|head| head.path() == "/");
    assert_eq!(
        reasons(
            new()
                .around(compose(chosen))
                .get("/", hello().in_versions(["1"]))
                .finish()
        ),
        ["GET / (version 1): some requests bypass `with_version.when(..)`, and have no version"]
    );
    assert_eq!(
        reasons(
            around(by_field())
                .get("/", hello().in_versions(["1", "2"]))
                .get("/", hello().in_versions(["2", "3"]))
                .finish()
        ),
        ["GET / (versions 2, 3): the route collides with `GET / (versions 1, 2)`",]
    );
    assert_eq!(
        reasons(
            around(by_field())
                .get("/", hello())
                .get("/", hello().in_versions(["1"]))
                .finish()
        )
        .len(),
        1
    );
}

#[test]
fn each_version_has_a_document() {
    let in_versions = api(by_field());
    let document = |version: &str| in_versions.openapi_of(version).to_value();
    let one = document("1");
    assert_eq!(one["info"]["version"], "1");
    assert!(one["paths"]["/hello"]["get"].is_object());
    assert!(one["paths"]["/hello"]["post"].is_null());
    assert!(one["paths"]["/all"]["get"].is_object());
    let parameter = &one["paths"]["/hello"]["get"]["parameters"][0];
    assert_eq!(parameter["name"], "api-version");
    assert_eq!(parameter["required"], true);
    assert_eq!(
        parameter["schema"],
        json!({ "type": "string", "const": "1" })
    );
    assert!(document("3")["paths"]["/hello"]["post"].is_object());
    assert!(document("9")["paths"]["/hello"].is_null());

    let all = in_versions.openapi().to_value();
    assert_eq!(all["info"]["version"], "1.0.0");
    assert!(all["paths"]["/hello"]["post"].is_object());
    let pattern = &all["paths"]["/hello"]["get"]["parameters"][0]["schema"]["pattern"];
    assert_eq!(pattern, "^(1|2|3)$");
}

#[test]
fn versions_in_the_path_have_documents_and_the_audit_lists_what_is_deprecated() {
    let versions = Versions::by_path("/api", ["v1", "v2"]).unwrap();
    let old = Deprecation::since("2026-07-01").unwrap();
    let old = old
        .sunset("2027-07-01")
        .unwrap()
        .successor("/api/v2/hello")
        .unwrap();
    let version = with_version(versions);
    let v1 = compose((version.clone(), with_deprecation(old)));
    let v2 = compose(version);
    let api = Api::<()>::new("Test", "1.0.0")
        .get("/health", plain().handler(async || "ok"))
        .get("/api/v1/hello", v1.handler(async || "one"))
        .get("/api/v2/hello", v2.handler(async || "two"));
    let document = api.openapi_of("v1").to_value();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/api/v1/hello", "/health"]);
    let operation = &document["paths"]["/api/v1/hello"]["get"];
    assert_eq!(operation["deprecated"], true);
    let fields = operation["responses"]["404"]["headers"]
        .as_object()
        .unwrap();
    let fields: Vec<_> = fields.keys().collect();
    assert_eq!(fields, ["Deprecation", "Link", "Sunset"]);
    let document = api.openapi_of("v2").to_value();
    assert!(document["paths"]["/api/v2/hello"]["get"]["deprecated"].is_null());

    let audit = api.audit();
    assert_eq!(audit.routes[1].versions(), ["v1"]);
    let text = audit.to_string();
    let line = "\nDeprecated:\n\n- `GET /api/v1/hello` since Wed, 01 Jul 2026 00:00:00 GMT, until Thu, \
                01 Jul 2027 00:00:00 GMT, in favor of `/api/v2/hello`\n";
    assert!(text.contains(line), "{text}");
}
