//! Requests that a page of another site makes a browser send with its user's cookies.

mod support;

use http::{Method, Version};
use serde_json::{Value, json};
use support::{Api, ORIGIN, answer::Jar};

const EVIL: &str = "https://evil.example";

/// What a browser says about where a request comes from.
struct Page {
    name: &'static str,
    origin: Option<String>,
    site: Option<&'static str>,
}

impl Page {
    fn new(name: &'static str, origin: Option<&str>, site: Option<&'static str>) -> Self {
        Self {
            name,
            origin: origin.map(str::to_owned),
            site,
        }
    }
}

/// Sends a request as a page would.
async fn send(
    api: &Api,
    page: &Page,
    jar: &Jar,
    (method, path, body): (&Method, &str, &Value),
) -> support::answer::Answer {
    let mut call = api.call(method.clone(), path).jar(jar).json(body);
    if let Some(origin) = &page.origin {
        call = call.header("origin", origin);
    }
    if let Some(site) = page.site {
        call = call.header("sec-fetch-site", site);
    }
    call.send().await
}

#[tokio::test]
async fn no_other_site_can_act_as_the_user() {
    let api = Api::start(Version::HTTP_11);
    let jar = api.browser("ada@example.com").await;
    let account = json!({ "email": "ada@example.com", "password": "correct horse" });
    let grace = json!({ "name": "Grace", "email": "grace@example.com" });
    let passwords = json!({ "current": "correct horse", "new": "battery staple" });
    let routes = [
        (Method::POST, "/api/register", &account),
        (Method::POST, "/api/auth/login", &account),
        (Method::POST, "/api/auth/refresh", &Value::Null),
        (Method::POST, "/api/auth/logout", &Value::Null),
        (Method::POST, "/api/auth/logout-everywhere", &Value::Null),
        (Method::POST, "/api/auth/password", &passwords),
        (Method::POST, "/api/users", &grace),
        (Method::PUT, "/api/users/1", &grace),
        (Method::DELETE, "/api/users/1", &Value::Null),
        (Method::DELETE, "/api/admin/users/1", &Value::Null),
        (Method::POST, "/api/contact", &Value::Null),
        (Method::POST, "/api/feedback", &Value::Null),
    ];
    let own = format!("http://{}", api.address);
    let pages = [
        Page::new("another site", Some(EVIL), Some("cross-site")),
        Page::new("an older browser", Some(EVIL), None),
        Page::new("without an origin", None, Some("cross-site")),
        Page::new("a sandboxed frame", Some("null"), Some("cross-site")),
        Page::new(
            "another port",
            Some("http://localhost:9"),
            Some("same-site"),
        ),
        Page::new("a trick", Some(&own), Some("cross-site")),
    ];
    for page in &pages {
        for (method, path, body) in &routes {
            println!("{}: {method} {path}", page.name);
            let answer = send(&api, page, &jar, (method, path, body)).await;
            assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
            answer.refused(403);
        }
    }
    // All of them were rejected before anything was done.
    api.refresh(&jar).await.is(204);
    api.get("/api/users/1").jar(&jar).send().await.is(200);
}

#[tokio::test]
async fn the_allowed_page_and_clients_other_than_browsers_act_as_the_user() {
    let api = Api::start(Version::HTTP_11);
    let mut jar = api.browser("ada@example.com").await;
    let own = format!("http://{}", api.address);
    let pages = [
        Page::new("the page that CORS allows", Some(ORIGIN), Some("same-site")),
        Page::new("in an older browser", Some(ORIGIN), None),
        Page::new("a page of the API itself", Some(&own), Some("same-origin")),
        Page::new("in an older browser", Some(&own), None),
        Page::new("the user", None, Some("none")),
        Page::new("curl", None, None),
    ];
    for page in &pages {
        println!("{}", page.name);
        let refresh = (&Method::POST, "/api/auth/refresh", &Value::Null);
        jar = send(&api, page, &jar, refresh).await.is(204).jar();
    }
}

#[tokio::test]
async fn a_link_from_another_site_works() {
    let api = Api::start(Version::HTTP_11);
    let link = api.get("/api/hello").header("sec-fetch-site", "cross-site");
    link.send().await.is(200);
}
