//! Every refusal is a problem that a page of the allowed origin can read.

mod support;

use axum::http::header::ALLOW;
use example_api::{Clock, Config};
use http::{Method, Version};
use serde_json::{Value, json};
use support::{Api, ORIGIN, config};

/// A request that should be rejected.
struct Case {
    name: &'static str,
    status: u16,
    method: &'static str,
    path: &'static str,
    media_type: &'static str,
    body: Vec<u8>,
}

fn asked(name: &'static str, status: u16, method: &'static str, path: &'static str) -> Case {
    Case {
        name,
        status,
        method,
        path,
        media_type: "",
        body: Vec::new(),
    }
}

/// A body that is posted to register.
fn posted(
    name: &'static str,
    status: u16,
    media_type: &'static str,
    body: impl Into<Vec<u8>>,
) -> Case {
    Case {
        media_type,
        body: body.into(),
        ..asked(name, status, "POST", "/api/register")
    }
}

#[tokio::test]
async fn every_kind_of_refusal_is_a_problem_that_the_page_can_read() {
    let api = Api::start(Version::HTTP_11);
    let json = "application/json";
    let big = format!(r#"{{"email":"{}"}}"#, "a".repeat(5_000));
    let deep = format!(r#"{{"more":{}"#, "[".repeat(3_000));
    let more = r#"{"email":"a@b","password":"12345678"} {}"#;
    let cases = [
        asked("no such path", 404, "GET", "/api/nothing"),
        asked("outside the API", 404, "GET", "/"),
        asked("no credentials", 401, "GET", "/api/protected"),
        asked("another method", 405, "DELETE", "/api/hello"),
        asked("a method in lower case", 501, "get", "/api/hello"),
        asked("an unknown method", 501, "BREW", "/api/users"),
        asked("not a number in the path", 400, "GET", "/api/posts/a/b"),
        asked("no query", 422, "GET", "/api/search"),
        asked("another query", 422, "GET", "/api/search?q=a&tag=%20&tag="),
        asked("not UTF-8 in the query", 400, "GET", "/api/search?q=%ff"),
        posted("no body", 400, json, ""),
        posted("no type", 415, "", "{}"),
        posted("another type", 415, "text/plain", "{}"),
        posted(
            "a form instead of JSON",
            415,
            "application/x-www-form-urlencoded",
            "a=b",
        ),
        posted(
            "another charset",
            415,
            "application/json; charset=latin1",
            "{}",
        ),
        posted("half of JSON", 400, json, r#"{"email":"#),
        posted("JSON and more", 400, json, more),
        posted("no UTF-8", 400, json, b"{\"email\":\"\xff\"}"),
        posted("too deep", 400, json, deep),
        posted("too big", 413, json, big),
        posted("null", 422, json, "null"),
        posted("a number instead of an object", 422, json, "1"),
        posted("a number instead of a string", 422, json, r#"{"email":1}"#),
        posted("a field twice", 422, json, r#"{"email":"a","email":"b"}"#),
    ];
    for case in cases {
        let method = Method::from_bytes(case.method.as_bytes()).unwrap();
        let mut call = api.call(method, case.path).header("origin", ORIGIN);
        if !case.media_type.is_empty() {
            call = call.header("content-type", case.media_type);
        }
        let answer = call.body(case.body).send().await;
        println!("{}: {answer:?}", case.name);
        answer.refused(case.status);
    }
}

#[tokio::test]
async fn a_refusal_does_not_quote_a_password() {
    let api = Api::start(Version::HTTP_11);
    let too_long = "8".repeat(200);
    let passwords = [
        json!(88_888_888),
        json!(-88_888),
        json!(88.888),
        json!("8888"),
        json!(too_long),
    ];
    for password in passwords {
        for path in ["/api/register", "/api/auth/login"] {
            let account = json!({ "email": "a@b", "password": password });
            let answer = api.post(path).json(&account).send().await;
            let mut problem: Value = serde_json::from_slice(&answer.body).unwrap();
            // It is random, and may contain anything.
            problem.as_object_mut().unwrap().remove("request_id");
            let text = problem.to_string();
            assert!(!text.contains("888"), "{text}");
            assert!(answer.status.is_client_error());
        }
    }
}

#[tokio::test]
async fn a_path_lists_its_methods() {
    let api = Api::start(Version::HTTP_11);
    let cases = [
        ("/api/hello", "GET, HEAD"),
        ("/api/users", "POST, GET, HEAD"),
        ("/api/users/1", "GET, HEAD, PUT, DELETE"),
        ("/api/auth/login", "POST"),
    ];
    for (path, allow) in cases {
        let options = api.call(Method::OPTIONS, path).send().await.is(204);
        assert_eq!(options.field("allow"), allow);
        let patch = api.call(Method::PATCH, path).send().await;
        assert_eq!(patch.headers[ALLOW], allow);
        patch.refused(405);
    }
    let answer = api.call(Method::OPTIONS, "/api/nothing").send().await;
    assert!(!answer.headers.contains_key(ALLOW), "a 404 stays one");
    answer.refused(404);
}

#[tokio::test]
async fn only_pages_of_the_one_origin_may_call() {
    let api = Api::start(Version::HTTP_2);
    let preflight = |origin: &str, path: &str, method: &str| {
        let call = api.call(Method::OPTIONS, path);
        let call = call.header("origin", origin);
        let call = call.header("access-control-request-method", method);
        call.header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .send()
    };
    for (path, method) in [
        ("/api/hello", "GET"),
        ("/api/users/1", "PUT"),
        ("/api/users/1", "DELETE"),
        ("/api/auth/login", "POST"),
        ("/api/nothing", "POST"),
    ] {
        let answer = preflight(ORIGIN, path, method).await.is(204);
        assert_eq!(answer.field("access-control-allow-origin"), ORIGIN);
        assert_eq!(answer.field("access-control-allow-credentials"), "true");
        let methods = answer.field("access-control-allow-methods");
        assert!(methods.contains(method), "{methods}");
        let headers = answer.field("access-control-allow-headers").to_lowercase();
        assert!(headers.contains("authorization") && headers.contains("content-type"));
    }
    for origin in ["https://evil.example", "http://localhost:5174", "null", ""] {
        let answer = preflight(origin, "/api/users", "POST").await.is(204);
        let allowed = answer.headers.get("access-control-allow-origin");
        assert!(
            allowed.is_none_or(|allowed| allowed != origin),
            "{answer:?}"
        );
        assert!(!answer.headers.contains_key("access-control-allow-methods"));
    }
}

#[tokio::test]
async fn a_page_can_read_the_rate_limit_fields() {
    let api = Api::start(Version::HTTP_11);
    // Another account each time, because wrong passwords for one account have their own limit.
    let login = |n: u32| {
        let account = json!({ "email": format!("{n}@example.com"), "password": "correct horse" });
        api.post("/api/auth/login")
            .header("origin", ORIGIN)
            .json(&account)
    };
    let mut answer = login(0).send().await;
    let exposed = answer.headers.get_all("access-control-expose-headers");
    let exposed: Vec<_> = exposed
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    let exposed = exposed.join(", ").to_lowercase();
    for name in ["ratelimit", "etag", "x-request-id"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    let mut refused = 0;
    while answer.status != 429 {
        answer.refused(401);
        refused += 1;
        assert!(refused <= 11, "10 a minute");
        answer = login(refused).send().await;
    }
    let seconds: u32 = answer.field("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let problem = answer.refused(429);
    assert_eq!(problem["violated-policies"], json!(["login"]));
    // The other routes have their own limits.
    api.register("ada@example.com").await.is(201);
}

#[tokio::test]
async fn allows_twenty_new_accounts_an_hour() {
    let api = Api::start(Version::HTTP_11);
    for n in 0..20 {
        let answer = api.post("/api/register").json(&json!({ "email": n }));
        answer.send().await.refused(422);
    }
    api.register("ada@example.com").await.refused(429);
}

#[tokio::test]
async fn each_client_of_a_trusted_proxy_has_limits_of_its_own() {
    let api = Api::run(Config {
        proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..config()
    });
    let api = api.await;
    let register = async |client| {
        let invalid = api.post("/api/register").json(&json!({ "email": 1 }));
        let from_proxy = invalid.header("x-forwarded-for", client);
        let over_tls = from_proxy.header("x-forwarded-proto", "https");
        over_tls.send().await
    };
    for _ in 0..20 {
        register("192.0.2.1").await.refused(422);
    }
    register("192.0.2.1").await.refused(429);
    // What the client itself writes into the field stands before what the proxy appends.
    register("192.0.2.3, 192.0.2.1").await.refused(429);
    register("192.0.2.2").await.refused(422);

    let plain = api.get("/api/hello").header("x-forwarded-proto", "http");
    plain.send().await.refused(403);
}

#[tokio::test]
async fn a_panic_is_a_500_that_says_nothing_and_the_server_goes_on() {
    // The handler of a login asks for the time.
    let clock = Clock::new(|| panic!("the password is correct horse"));
    let api = Api::run(Config { clock, ..config() }).await;
    api.register("ada@example.com").await.is(201);
    for _ in 0..3 {
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let login = api.post("/api/auth/login").json(&login);
        let problem = login.header("origin", ORIGIN).send().await.refused(500);
        assert!(problem.get("detail").is_none(), "{problem}");
    }
    api.get("/api/hello").send().await.is(200);
}
