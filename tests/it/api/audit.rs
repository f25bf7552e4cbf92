//! The audit: who may do what.

use http::{HeaderValue, request::Parts};
use wythe::{
    Api, Auth, Cors, Later, Quota, RateLimit, Roles,
    api::Concern,
    auth::{Authenticate, Verdict},
    compose, with_auth, with_cors, with_rate_limit, with_roles,
};

use super::{Badge, Staff};

fn api() -> Api<Auth<Staff>, (), impl Sized, impl Sized> {
    let per_minute = |name| Quota::per_minute(10).named(name).by_peer().unwrap();
    let limited = compose((
        with_rate_limit(per_minute("default")),
        with_rate_limit(per_minute("failures").count_failures()),
    ));
    let cors = Cors::origins(["https://app.example.com"]).unwrap();
    let unlimited = compose(()).handler(async || ());
    Api::<Auth<Staff>>::new("Badges", "1.2.3")
        .around(compose(with_cors(cors)))
        .get("/me", compose(with_auth(Badge)).handler(async || ()))
        .public("anybody may ask for a badge", |open| {
            open.post("/badges", limited.handler(async || ())).post(
                "/webhook",
                unlimited.allow(Concern::NoLimit, "the gateway limits the sender"),
            )
        })
}

#[test]
fn an_audit_is_a_table_of_routes_with_the_reasons_given() {
    let expected = "\
# Badges 1.2.3: who may do what

| route | who | needs | limits | input | CSRF | cache | refusals | allowed |
|---|---|---|---|---|---|---|---|---|
| `GET /me` | Badge |  |  |  |  |  | 401 503 |  |
| `POST /badges` | anybody (1) |  | 10 requests per minute, one every 6 s, by peer address; \
`failures`: 10 requests per minute, one every 6 s, by peer address |  |  |  | 429 500 |  |
| `POST /webhook` | anybody (1) |  |  |  |  |  |  | no-limit (2) |

1. anybody may ask for a badge
2. the gateway limits the sender
";
    let audit = api().audit();
    assert_eq!(audit.to_string(), expected);
    assert_eq!(audit.routes[0].public_reason(), None);
    assert_eq!(audit.routes[2].allowed()[0].0, Concern::NoLimit);
    let names = audit.routes[0]
        .layers()
        .iter()
        .map(|(_, layer)| layer.name());
    assert_eq!(names.collect::<Vec<_>>(), ["with_cors", "with_auth"]);
}

/// Trusts the field `device`.
#[derive(Clone, Debug)]
struct Device;

#[derive(Clone)]
struct Machine;

impl Authenticate for Device {
    type Principal = Machine;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Device")
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<Machine>> {
        Later::from(Verdict::Verified(Machine))
    }
}

fn conditional() -> Api<(), (), impl Sized, impl Sized> {
    let sometimes = with_auth(Badge).when(|head| head.headers().contains_key("x"));
    let admin = || Roles::all(["admin"]).unwrap().by(|_: &Staff, _: &str| true);
    let quota = Quota::per_minute(10).named("default");
    let exempting = RateLimit::of([quota]).unwrap().by_peer();
    Api::<()>::new("Badges", "1.2.3")
        .get("/condition", compose(sometimes).handler(async || ()))
        .get(
            "/both",
            compose((with_auth(Badge), with_auth(Device))).handler(async || ()),
        )
        .get(
            "/mixed",
            compose((with_auth(Badge), with_auth(Device).when(|_| true))).handler(async || ()),
        )
        .get(
            "/role",
            compose((with_auth(Badge), with_roles(admin()).except(|_| false))).handler(async || ()),
        )
        .get(
            "/exempt",
            compose(with_rate_limit(exempting.exempt(|_| false))).handler(async || ()),
        )
}

#[test]
fn an_audit_shows_what_a_condition_lets_through() {
    let audit = conditional().audit().to_string();
    let rows: Vec<_> = audit.lines().filter(|line| line.contains("GET")).collect();
    let starts = [
        "| `GET /condition` | anybody, or Badge |  |  |",
        "| `GET /both` | Badge and Device |  |  |",
        "| `GET /mixed` | Badge, optionally Device |  |  |",
        "| `GET /role` | Badge | role `admin` (conditional) |  |",
        "| `GET /exempt` | anybody |  | 10 requests per minute, one every 6 s, by peer address \
         (conditional) |",
    ];
    for (row, start) in rows.iter().zip(starts) {
        assert!(row.starts_with(start), "{row}");
    }
}

#[cfg(feature = "openapi")]
#[test]
fn a_document_shows_what_a_condition_lets_through() {
    use serde_json::json;

    let document = conditional().openapi().to_value();
    let operation = |path: &str| &document["paths"][path]["get"];
    let security = |path: &str| operation(path)["security"].clone();
    assert_eq!(security("/condition"), json!([{ "Badge": [] }, {}]));
    assert_eq!(security("/both"), json!([{ "Badge": [], "Device": [] }]));
    assert_eq!(
        security("/mixed"),
        json!([{ "Badge": [], "Device": [] }, { "Badge": [] }])
    );
    assert_eq!(operation("/role").get("x-roles"), None);
    assert_eq!(operation("/exempt")["x-rate-limit"][0]["conditional"], true);
}
