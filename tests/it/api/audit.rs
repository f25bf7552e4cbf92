//! The audit: who may do what.

use wythe::{Api, Auth, Cors, Quota, api::Concern, compose, with_auth, with_cors, with_rate_limit};

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
