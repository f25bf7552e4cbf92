//! What an `Api` finds in the stacks of its routes when it is built.

use http::Method;
use wythe::{
    Api, CacheControl, Cors, Csrf, FinishedApi, Handled, Jwt, Parsed, Path, Query, Quota,
    RateLimit, RateLimitFields, Scopes, Stack, Valid,
    api::{Concern, Finding},
    auth::Authenticate,
    compose, with_auth, with_cache_control, with_cors, with_csrf, with_parsing, with_rate_limit,
    with_scopes, with_validation,
};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

#[derive(Clone, serde::Deserialize)]
struct Claims {
    #[serde(default)]
    scope: String,
}

impl wythe::HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }
}

fn jwt() -> Jwt<Claims> {
    Jwt::hs256(SECRET)
        .unwrap()
        .issuer("https://id.example.com")
        .audience("api")
}

async fn hello() -> &'static str {
    "hello"
}

fn open() -> Api<(), ()> {
    Api::new("Test", "1.0.0")
}

/// The concerns, the routes that they are about, and nothing else.
fn concerns(findings: &[Finding]) -> Vec<(Option<Concern>, &str)> {
    let findings = findings.iter();
    findings
        .map(|finding| (finding.concern, &*finding.route))
        .collect()
}

#[test]
fn a_cookie_without_csrf_protection_is_found_where_something_changes() {
    let cookie = compose(with_auth(jwt().cookie("access").unwrap()));
    let api = open()
        .get("/me", cookie.handler(hello))
        .put("/me", cookie.handler(hello))
        .post("/me", compose(with_auth(jwt())).handler(hello));
    assert_eq!(concerns(&api.check()), [(Some(Concern::NoCsrf), "PUT /me")]);

    let error = api.service(()).expect_err("a finding").to_string();
    assert_eq!(
        error,
        "Api: 1 finding\n\
         - PUT /me: the route changes something, and accepts credentials that browsers attach \
         automatically, even to requests that other sites trigger; add `with_csrf(..)` (with \
         `.trust_origins(cors.named_origins())`, if pages that CORS allows call the route), or \
         accept the credentials in `Authorization: Bearer` only (or, if it is intended, \
         `.allow(Concern::NoCsrf, \"why\")` on the handler)"
    );
}

#[test]
fn csrf_protection_counts_only_on_routes_that_it_does_not_exempt() {
    let auth = || with_auth(jwt().cookie("access").unwrap());
    let csrf = Csrf::same_origin();
    let exempt = Csrf::same_origin().exempt(["/hook/{name}"]).unwrap();
    let api = open()
        .put(
            "/a",
            compose((with_csrf(csrf.clone()), auth())).handler(hello),
        )
        .put(
            "/hook/{id}",
            compose((with_csrf(exempt), auth())).handler(hello),
        )
        .put(
            "/b",
            compose((with_csrf(csrf).except_routes(["/b"]).unwrap(), auth())).handler(hello),
        );
    let expected = [
        (Some(Concern::NoCsrf), "PUT /hook/{id}"),
        (Some(Concern::NoCsrf), "PUT /b"),
    ];
    assert_eq!(concerns(&api.check()), expected);
}

#[test]
fn csrf_protection_under_a_condition_of_a_closure_does_not_count() {
    let auth = || with_auth(jwt().cookie("access").unwrap());
    let csrf = || with_csrf(Csrf::same_origin());
    let api = open()
        .put(
            "/a",
            compose((csrf().when(|_| true), auth())).handler(hello),
        )
        .put(
            "/b",
            compose((csrf().except(|_| false), auth())).handler(hello),
        )
        .put(
            "/c",
            compose((csrf().only_routes(["/c"]).unwrap(), auth())).handler(hello),
        )
        .put(
            "/d",
            compose((csrf().when(|_| true), csrf(), auth())).handler(hello),
        );
    let found = api.check();
    let expected = [
        (Some(Concern::NoCsrf), "PUT /a"),
        (Some(Concern::NoCsrf), "PUT /b"),
    ];
    assert_eq!(concerns(&found), expected);
    for (finding, layer) in found
        .iter()
        .zip(["with_csrf.when(..)", "with_csrf.except(..)"])
    {
        let says = format!("`{layer}` has a condition, so some requests may bypass it");
        assert!(finding.reason.contains(&says), "{finding}");
        assert!(finding.remedy.contains("`.only_routes(..)`"), "{finding}");
    }
}

#[test]
fn a_public_cache_policy_on_an_authenticated_route_is_found() {
    let shared =
        || with_cache_control(CacheControl::public().dangerously_shared_when_authenticated());
    // It turns into `private` for authenticated requests.
    let careful = with_cache_control(CacheControl::public());
    let api = open()
        .get("/news", compose(shared()).handler(hello))
        .get("/a", compose((with_auth(jwt()), careful)).handler(hello))
        .get("/b", compose((with_auth(jwt()), shared())).handler(hello))
        .get(
            "/c",
            compose((with_auth(jwt()).optional(), shared())).handler(hello),
        );
    let public = Some(Concern::PublicCache);
    assert_eq!(
        concerns(&api.check()),
        [(public, "GET /b"), (public, "GET /c")]
    );
}

#[test]
fn a_public_route_that_changes_something_needs_a_limit() {
    let limited = compose(with_rate_limit(Quota::per_minute(10).by_peer().unwrap()));
    let bare = compose(());
    let api = open()
        .post("/guarded", bare.handler(hello))
        .public("anybody may write", |open| {
            open.post("/a", bare.handler(hello))
                .post("/b", limited.handler(hello))
                .get("/c", bare.handler(hello))
                .delete(
                    "/d",
                    bare.handler(hello)
                        .allow(Concern::NoLimit, "the gateway limits"),
                )
        });
    assert_eq!(
        concerns(&api.check()),
        [(Some(Concern::NoLimit), "POST /a")]
    );
    // What a closure decides is not known.
    let limit = with_rate_limit(Quota::per_minute(10).by_peer().unwrap());
    let conditional = compose(limit.when(|_| false));
    let api = open().public("anybody may write", |open| {
        open.post("/a", conditional.handler(hello))
    });
    let findings = api.check();
    assert_eq!(concerns(&findings), [(Some(Concern::NoLimit), "POST /a")]);
    let says = "`with_rate_limit.when(..)` has a condition, so some requests may bypass it";
    assert!(findings[0].reason.contains(says), "{}", findings[0].reason);
}

#[test]
fn quotas_of_two_limits_that_have_one_name_are_found() {
    let limit = |quota: Quota| quota.by_peer().unwrap();
    let limits = |one, other| compose((with_rate_limit(one), with_rate_limit(other)));
    let per_minute = || limit(Quota::per_minute(10));
    let twice = limits(per_minute(), per_minute());
    let named = limits(per_minute(), limit(Quota::per_minute(10).named("posts")));
    let silent = limits(per_minute(), per_minute().fields(RateLimitFields::None));
    let shadow = limits(per_minute(), per_minute().shadow());
    let of_plans = [(0, [Quota::per_minute(10)]), (1, [Quota::per_minute(10)])];
    let of_plans = RateLimit::plans(of_plans).unwrap().chosen_by(|_| 0);
    let plans = compose(with_rate_limit(of_plans.by_peer()));
    let api = open()
        .get("/a", twice.handler(hello))
        .get("/b", named.handler(hello))
        .get("/c", silent.handler(hello))
        .get("/d", shadow.handler(hello))
        .get("/e", plans.handler(hello))
        .get(
            "/f",
            twice
                .handler(hello)
                .allow(Concern::QuotaNameRepeated, "nobody reads the fields"),
        );
    let findings = api.check();
    assert_eq!(
        concerns(&findings),
        [(Some(Concern::QuotaNameRepeated), "GET /a")]
    );
    let says = r#"a quota named "10-per-minute""#;
    assert!(findings[0].reason.contains(says), "{}", findings[0].reason);
}

#[test]
fn scopes_that_no_scheme_of_the_route_can_grant_are_found() {
    let needs = |scope: &str| with_scopes(Scopes::all([scope]).unwrap());
    let reading = || with_auth(jwt().granting(["read"]));
    let api = open()
        .get("/a", compose((reading(), needs("read"))).handler(hello))
        .get("/b", compose((reading(), needs("write"))).handler(hello))
        // What this scheme can grant is not known.
        .get(
            "/c",
            compose((with_auth(jwt()), needs("write"))).handler(hello),
        );
    assert_eq!(
        concerns(&api.check()),
        [(Some(Concern::ScopesNotGranted), "GET /b")]
    );
}

#[test]
fn a_method_that_the_preflight_does_not_allow_is_found() {
    let cors = Cors::origins(["https://app.example.com"]).unwrap();
    let cors = cors.methods([Method::GET, Method::PUT]).unwrap();
    let bare = compose(());
    let api = open()
        .around(compose(with_cors(cors)))
        .get("/a", bare.handler(hello))
        // Browsers send it whatever the preflight allows.
        .post("/a", bare.handler(hello))
        .put("/a", bare.handler(hello))
        .delete("/a", bare.handler(hello));
    assert_eq!(
        concerns(&api.check()),
        [(Some(Concern::MethodNotAllowedByCors), "DELETE /a")]
    );
}

#[test]
fn an_origin_that_cors_allows_with_credentials_and_csrf_does_not_trust_is_found() {
    let origins = ["https://app.example.com", "https://admin.example.com"];
    let cors = || Cors::origins(origins).unwrap().credentials();
    let csrf = Csrf::same_origin();
    let exempt = || Csrf::same_origin().exempt(["/hook"]).unwrap();
    let api = |cors: Cors, csrf: Csrf| {
        let bare = compose(());
        open()
            .around(compose((with_cors(cors), with_csrf(csrf))))
            .get("/a", bare.handler(hello))
            .put("/a", bare.handler(hello))
            .delete("/hook", bare.handler(hello))
    };
    let untrusted = Some(Concern::OriginNotTrustedByCsrf);

    let found = api(cors().into(), exempt()).check();
    assert_eq!(concerns(&found), [(untrusted, "PUT /a")]);
    assert_eq!(
        found[0].to_string(),
        "PUT /a: `with_cors` lets pages of `https://app.example.com`, `https://admin.example.com` \
         call the route with credentials, and `with_csrf` rejects their requests with 403, because \
         it does not trust them; trust them, for example with \
         `.trust_origins(cors.named_origins())`, or remove them from the CORS policy (or, if it is \
         intended, `.allow(Concern::OriginNotTrustedByCsrf, \"why\")` on the handler)"
    );

    let trusting = csrf.clone().trust_origins(cors().named_origins()).unwrap();
    assert_eq!(api(cors().into(), trusting).check(), []);
    let half = exempt()
        .trust_origins(["HTTPS://app.example.com"])
        .unwrap()
        .own_origins(["https://admin.example.com"])
        .unwrap();
    assert_eq!(api(cors().into(), half).check(), []);
    let one = exempt().trust_origins([origins[0]]).unwrap();
    let found = api(cors().into(), one).check();
    assert_eq!(concerns(&found), [(untrusted, "PUT /a")]);
    assert!(!found[0].reason.contains(origins[0]), "{found:?}");

    // What is not known, or not allowed, is not reported.
    let without_credentials = Cors::origins(origins).unwrap();
    assert_eq!(api(without_credentials.into(), csrf.clone()).check(), []);
    let pattern = Cors::origins(["https://*.example.com"]).unwrap();
    assert_eq!(api(pattern.credentials().into(), csrf.clone()).check(), []);
    let chosen = Cors::origins_where(|_, _| true).credentials();
    assert_eq!(api(chosen.into(), csrf.clone()).check(), []);
    let reading = cors().methods([Method::GET]).unwrap();
    let other_methods = api(reading.into(), exempt()).check();
    let not_allowed = Some(Concern::MethodNotAllowedByCors);
    let expected = [(not_allowed, "PUT /a"), (not_allowed, "DELETE /hook")];
    assert_eq!(concerns(&other_methods), expected);
    let conditional = open()
        .around(compose((
            with_cors(cors()),
            with_csrf(csrf).when(|head| head.path() != "/a"),
        )))
        .put("/a", compose(()).handler(hello));
    assert_eq!(conditional.check(), []);
}

#[test]
fn cors_in_the_stack_of_a_route_is_found() {
    let cors = Cors::origins(["https://app.example.com"]).unwrap();
    let api = open().get("/a", compose(with_cors(cors)).handler(hello));
    assert_eq!(
        concerns(&api.check()),
        [(Some(Concern::CorsInsideRoute), "GET /a")]
    );
}

#[test]
fn routes_of_one_path_inside_different_cors_policies_are_found() {
    let cors = |origin: &str| {
        let cors = Cors::origins([origin]).unwrap().methods([Method::PUT]);
        compose(with_cors(cors.unwrap()))
    };
    let bare = compose(());
    let read = || open().get("/items", bare.handler(hello));
    let write = |origin| {
        let api = Api::<()>::new("Write", "1.0.0").around(cors(origin));
        api.put("/items", bare.handler(hello))
            .put("/others", bare.handler(hello))
            .finish()
    };
    let app = "https://app.example.com";
    let found = open().merge(read()).merge(write(app)).check();
    assert_eq!(
        concerns(&found),
        [(Some(Concern::CorsOfAnotherRoute), "PUT /items")]
    );
    assert_eq!(
        found[0].to_string(),
        "PUT /items: its preflights are answered by the `Api` of `GET /items`, whose `.around(..)` \
         has no CORS policy; put one CORS policy around all routes of the path (or, if it is \
         intended, `.allow(Concern::CorsOfAnotherRoute, \"why\")` on the handler)"
    );

    let found = open().merge(write(app)).merge(read()).check();
    assert_eq!(
        concerns(&found),
        [(Some(Concern::CorsOfAnotherRoute), "GET /items")]
    );
    assert!(found[0].reason.contains("another CORS policy"), "{found:?}");

    let allowed = bare.handler(hello);
    let allowed = allowed.allow(Concern::CorsOfAnotherRoute, "only servers call it");
    let api = open().merge(write(app)).get("/items", allowed);
    assert_eq!(api.check(), []);

    // One policy, around the `Api` that the two are merged into or around each of them.
    let both = open()
        .around(cors(app))
        .merge(read())
        .merge(open().put("/items", bare.handler(hello)));
    assert_eq!(both.check(), []);
    let read_too = open().around(cors(app)).get("/items", bare.handler(hello));
    assert_eq!(open().merge(read_too).merge(write(app)).check(), []);
    let read_too = open()
        .around(cors("https://other.example.com"))
        .get("/items", bare.handler(hello));
    assert_eq!(
        concerns(&open().merge(read_too).merge(write(app)).check()),
        [(Some(Concern::CorsOfAnotherRoute), "PUT /items")]
    );
}

#[test]
fn routes_in_a_list_that_do_not_exist_are_found_once() {
    let no_store = || with_cache_control(CacheControl::no_store());
    let around = no_store()
        .except_routes(["/health", "/healthz", "/v1/health"])
        .unwrap();
    let api = || {
        let around: Stack<_> = compose(around.clone());
        let bare = compose(());
        open()
            .around(around)
            .get("/health", bare.handler(hello))
            .get("/other", bare.handler(hello))
    };
    let found = api().check();
    let reasons: Vec<_> = found.iter().map(|finding| &*finding.reason).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        reasons[0].contains("`/healthz`, which does not exist"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].contains("`/v1/health`, which does not exist"),
        "{reasons:?}"
    );
    // The router may be nested under `/v1`.
    let error = api().router(()).expect_err("one finding").to_string();
    assert!(
        error.starts_with("Api: 1 finding\n") && error.contains("`/healthz`"),
        "{error}"
    );
}

#[test]
fn a_list_with_a_route_that_does_not_exist_is_allowed_on_any_route_that_has_the_layer() {
    let no_store = || with_cache_control(CacheControl::no_store());
    let listed = || no_store().except_routes(["/healthz"]).unwrap();
    let bare = compose(());
    let allow = Concern::UnknownRoute;
    let around = || open().around(compose(listed()));
    let last = around().get("/a", bare.handler(hello)).get(
        "/b",
        bare.handler(hello).allow(allow, "the proxy answers it"),
    );
    assert_eq!(last.check(), []);
    let first = around()
        .get(
            "/a",
            bare.handler(hello).allow(allow, "the proxy answers it"),
        )
        .get("/b", bare.handler(hello));
    assert_eq!(first.check(), []);

    // A route without the layer, or with another list, allows nothing.
    let other = compose(no_store().except_routes(["/live"]).unwrap());
    let api = open()
        .get("/a", compose(listed()).handler(hello))
        .get(
            "/b",
            other.handler(hello).allow(allow, "the proxy answers it"),
        )
        .get("/c", bare.handler(hello).allow(allow, "not about it"));
    let found = api.check();
    assert_eq!(concerns(&found), [(Some(allow), "GET /a")]);
    assert!(found[0].reason.contains("`/healthz`"), "{found:?}");
}

#[test]
fn a_parameter_that_the_path_lacks_is_found() {
    async fn by_id(Path(_): Path<u64>) -> &'static str {
        "found"
    }
    #[derive(serde::Deserialize)]
    struct Names {
        #[expect(dead_code, reason = "it only has to be there")]
        user: String,
    }
    async fn by_name(Path(_): Path<Names>) -> &'static str {
        "found"
    }
    let limit = Quota::per_minute(10).by_path_param("id").unwrap();
    let limited = compose(with_rate_limit(limit));
    let bare = compose(());
    let api = open()
        .get("/a/{id}", bare.handler(by_id))
        .get("/b", bare.handler(by_id))
        .get("/c/{id}", bare.handler(by_name))
        .get("/d/{user}", bare.handler(by_name))
        .get("/e/{id}", limited.handler(hello))
        .get("/f/{name}", limited.handler(hello));
    let missing = Some(Concern::MissingPathParameter);
    let expected = [
        (missing, "GET /b"),
        (missing, "GET /c/{id}"),
        (missing, "GET /f/{name}"),
    ];
    assert_eq!(concerns(&api.check()), expected);
}

#[test]
fn a_validated_path_that_lacks_a_parameter_is_found() {
    #[derive(serde::Deserialize, garde::Validate)]
    struct Id {
        #[garde(range(min = 1))]
        id: u64,
    }
    #[derive(serde::Deserialize, garde::Validate)]
    struct Page {
        #[garde(range(min = 1))]
        page: Option<u32>,
    }
    async fn show(id: Valid<Path<Id>>, page: Valid<Query<Page>>) -> String {
        format!("{} {:?}", id.id, page.page)
    }
    async fn parse(Parsed(Path((team, id))): Parsed<Path<(String, u8)>>) -> String {
        format!("{team} {id}")
    }
    let checked = compose((with_validation::<(Path<Id>, Query<Page>)>(),));
    let parsed = compose((with_parsing::<Path<(String, u8)>>(),));
    let api = open()
        .get("/a/{id}", checked.handler(show))
        .get("/b/{user}", checked.handler(show))
        .get("/c", checked.handler(show))
        .get("/d/{team}/{id}", parsed.handler(parse))
        .get("/e/{id}", parsed.handler(parse));
    let missing = Some(Concern::MissingPathParameter);
    let expected = [
        (missing, "GET /b/{user}"),
        (missing, "GET /c"),
        (missing, "GET /e/{id}"),
    ];
    let found = api.check();
    assert_eq!(concerns(&found), expected);
    assert!(
        found[0]
            .reason
            .starts_with("`with_validation` reads `Path<Id>`: "),
        "{}",
        found[0].reason
    );
}

#[test]
fn a_nested_api_is_checked_for_order_with_the_outer_one() {
    fn inner() -> FinishedApi<()> {
        let limit = Quota::per_minute(10).by_peer().unwrap();
        open()
            .get("/", compose(with_rate_limit(limit)).handler(hello))
            .finish()
    }
    let api = open()
        .around(compose(with_csrf(Csrf::same_origin())))
        .nest("/inner", inner());
    let found = api.check();
    assert_eq!(concerns(&found), [(None, "GET /inner")]);
    assert_eq!(
        found[0].reason,
        "`with_rate_limit` (stage Throttle) is inside `with_csrf` (stage Origin) of an outer \
         `Api`, but belongs outside it"
    );
}

#[test]
fn an_allowance_needs_a_reason() {
    let handler: Handled<_, (), _, _, _> = compose(()).handler(hello).allow(Concern::NoLimit, " ");
    let found = open().get("/", handler).check();
    assert_eq!(concerns(&found), [(None, "GET /")]);
}

#[test]
fn the_routes_of_a_router_of_axum_are_not_known_but_those_below_its_prefix_may_exist() {
    let no_store = with_cache_control(CacheControl::no_store());
    let around = no_store
        .except_routes(["/files", "/files/{name}", "/filesystem"])
        .unwrap();
    let api = open()
        .around(compose(around))
        .public("files are for everybody", |open| {
            open.router("/files", axum::Router::new())
        });
    let found = api.check();
    assert_eq!(
        concerns(&found),
        [(Some(Concern::UnknownRoute), "* /files/{*rest}")]
    );
    assert!(found[0].reason.contains("`/filesystem`"), "{found:?}");
}

#[test]
fn a_body_of_any_size_is_found_where_the_handler_may_read_it() {
    use axum::{
        Form, Json,
        extract::{Request, rejection::FormRejection},
    };
    use bytes::Bytes;
    use serde_json::Value;
    use wythe::{BodyLimit, with_body_limit};

    async fn stream(_: Request) {}

    async fn buffered(_: Bytes) {}

    let bounded = || with_body_limit(BodyLimit::bytes(1_000));
    let bare = compose(());
    let sometimes = bounded().when(|head| head.path() == "/");
    let elsewhere = bounded().except_routes(["/h"]).unwrap();
    let api = open()
        .post("/a", bare.handler(stream))
        .delete("/a", bare.handler(stream))
        .get("/a", bare.handler(stream))
        .post("/b", compose(bounded()).handler(stream))
        .post("/c", compose(sometimes).handler(stream))
        // axum bounds these.
        .post("/d", bare.handler(buffered))
        .post("/e", bare.handler(async |_: Json<Value>| ()))
        .post(
            "/f",
            bare.handler(async |_: Result<Form<Value>, FormRejection>| ()),
        )
        .post("/g", bare.handler(async |_: Option<Json<Value>>| ()))
        .post("/h", compose(elsewhere).handler(stream))
        .post(
            "/i",
            bare.handler(stream)
                .allow(Concern::NoBodyLimit, "the gateway limits bodies"),
        );
    let none = Some(Concern::NoBodyLimit);
    let found = api.check();
    let expected = [
        (none, "POST /a"),
        (none, "DELETE /a"),
        (none, "POST /c"),
        (none, "POST /h"),
    ];
    assert_eq!(concerns(&found), expected);
    assert_eq!(found[0].reason, "the handler may read a body of any size");
    assert_eq!(
        found[2].reason,
        "the handler may read a body of any size; `with_body_limit.when(..)` has a condition, so \
         some requests may bypass it"
    );

    // Around everything, and in the audit.
    let api = open()
        .around(compose(bounded()))
        .post("/", bare.handler(stream))
        .get("/", bare.handler(hello));
    assert_eq!(concerns(&api.check()), []);
    let audit = api.audit().to_string();
    assert!(
        audit.contains("| any body, at most 1000 bytes |"),
        "{audit}"
    );
    assert_eq!(audit.matches("at most 1000 bytes").count(), 1, "{audit}");
}
