//! Which route answers a request, what stands around it, and the answers of the `Api` itself.

use std::convert::Infallible;

use axum::{Router, body::Body, extract::MatchedPath, routing::get};
use http::{HeaderValue, Method, Request, StatusCode, request::Parts};
use tower::service_fn;
use wythe::{
    Api, Auth, Cors, FinishedApi, Later, Path, RoutePath,
    api::{AnyOf, ApiService, TrailingSlash},
    assume,
    auth::{Authenticate, Verdict},
    compose, with, with_auth, with_cors,
};

use super::{Badge, Staff, Through, answers, call, field, shown};

const NO_ROUTE: &str = "404 There is nothing at this path.";
const NOT_ALLOWED: &str =
    "405 This resource does not support the request method; see the `Allow` field.";
const UNKNOWN_METHOD: &str = "501 The request method is not known. Methods are case-sensitive.";

async fn hello() -> &'static str {
    "hello"
}

async fn show(Path(id): Path<String>) -> String {
    format!("shows {id}")
}

async fn route(route: RoutePath) -> String {
    route.as_str().to_owned()
}

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).unwrap()
}

fn users() -> ApiService {
    let stack = compose(());
    Api::<()>::new("Users", "1.0.0")
        .get("/users/{id}", stack.handler(show))
        .delete("/users/{id}", stack.handler(async || "deletes"))
        .post("/users", stack.handler(async || "creates"))
        .route(method("PURGE"), "/cache", stack.handler(async || "purges"))
        .get("/both", stack.handler(hello))
        .route(
            Method::HEAD,
            "/both",
            stack.handler(async || [("x-own", "head")]),
        )
        .route(Method::OPTIONS, "/both", stack.handler(async || "options"))
        .service(())
        .unwrap()
}

#[tokio::test]
async fn a_request_is_answered_by_the_route_of_its_path_and_method() {
    let cases = [
        ("GET /users/7", "200 shows 7"),
        ("GET /users/7?a=/users", "200 shows 7"),
        ("DELETE /users/7", "200 deletes"),
        ("POST /users", "200 creates"),
        ("PURGE /cache", "200 purges"),
        ("PUT /users/7", NOT_ALLOWED),
        ("GET /users", NOT_ALLOWED),
        ("CONNECT /users", NOT_ALLOWED),
        ("BREW /users", UNKNOWN_METHOD),
        ("post /users", UNKNOWN_METHOD),
        ("GET /", NO_ROUTE),
        ("GET /users/", NO_ROUTE),
        ("GET /users/7/", NO_ROUTE),
        ("GET /Users/7", NO_ROUTE),
        ("BREW /nothing", NO_ROUTE),
        ("OPTIONS /nothing", NO_ROUTE),
    ];
    answers(&users(), &cases).await;
}

#[tokio::test]
async fn a_route_for_get_answers_head_without_content() {
    let response = call(&users(), "HEAD /users/7").await;
    assert_eq!(shown(&response), "200");
    assert_eq!(field(&response, "content-length"), "7");
    assert_eq!(shown(&call(&users(), "HEAD /users").await), "405");
    assert_eq!(shown(&call(&users(), "HEAD /nothing").await), "404");

    let own = call(&users(), "HEAD /both").await;
    assert_eq!(field(&own, "x-own"), "head");
}

#[tokio::test]
async fn options_and_405_list_the_methods_of_the_path() {
    for (path, allow) in [
        ("/users/7", "GET, HEAD, DELETE"),
        ("/users", "POST"),
        ("/cache", "PURGE"),
    ] {
        let options = call(&users(), &format!("OPTIONS {path}")).await;
        assert_eq!(shown(&options), "204");
        assert_eq!(field(&options, "allow"), allow);
        let patch = call(&users(), &format!("PATCH {path}")).await;
        assert_eq!(shown(&patch), NOT_ALLOWED);
        assert_eq!(field(&patch, "allow"), allow);
    }
    let unknown = call(&users(), "BREW /users").await;
    assert_eq!(field(&unknown, "allow"), "");
    answers(&users(), &[("OPTIONS /both", "200 options")]).await;
}

#[tokio::test]
async fn options_of_the_whole_server_is_answered() {
    answers(&users(), &[("OPTIONS *", "204"), ("GET *", NO_ROUTE)]).await;
}

fn nested() -> FinishedApi<Auth<Staff>> {
    let route = compose((assume::<Auth<Staff>>(), with(Through("route"))));
    Api::new("Nested", "1.0.0")
        .around(compose(with(Through("inner-around"))))
        .guard(compose((with_auth(Badge), with(Through("inner-guard")))))
        .get("/", route.handler(hello))
        .finish()
}

fn layered() -> ApiService {
    let route = compose(with(Through("route")));
    let cors = with_cors(Cors::origins(["https://app.example.com"]).unwrap());
    Api::<Auth<Staff>>::new("Layered", "1.0.0")
        .around(compose((cors, with(Through("around")))))
        .guard(compose((with_auth(Badge), with(Through("guard")))))
        .get("/me", route.handler(async || "me"))
        .public("everybody may read it", |open| {
            open.get("/hello", route.handler(hello))
                .service("/service", get(hello).with_state(()))
                .router("/files", Router::new().route("/{name}", get(hello)))
        })
        .nest("/admin", nested())
        .trailing_slash(TrailingSlash::Redirect)
        .service(())
        .unwrap()
}

#[tokio::test]
async fn what_is_around_an_api_is_around_everything_and_its_guard_is_around_guarded_routes() {
    for (line, status, through) in [
        ("GET /me badge:ann", 200, "route guard around"),
        ("GET /me", 401, "around"),
        ("PUT /me", 405, "around"),
        ("BREW /me", 501, "around"),
        ("OPTIONS /me", 204, "around"),
        ("GET /me/", 308, "around"),
        ("OPTIONS *", 204, "around"),
        ("GET /nothing", 404, "around"),
        ("GET /hello", 200, "route around"),
        ("GET /service", 200, "around"),
        ("GET /files/a", 200, "around"),
        ("GET /files/a/b", 404, "around"),
        (
            "GET /admin badge:ann",
            200,
            "route inner-guard inner-around around",
        ),
        ("GET /admin", 401, "inner-around around"),
        ("PUT /admin", 405, "inner-around around"),
    ] {
        let response = call(&layered(), line).await;
        assert_eq!(response.status(), status, "{line}");
        assert_eq!(field(&response, "through"), through, "{line}");
    }
}

#[tokio::test]
async fn cors_around_an_api_answers_preflights_and_marks_every_response() {
    for (line, status) in [
        ("OPTIONS /me access-control-request-method:GET", 204),
        ("OPTIONS /nothing access-control-request-method:GET", 204),
        ("GET /me badge:ann", 200),
        ("GET /me", 401),
        ("PUT /me", 405),
        ("GET /nothing", 404),
        ("GET /files/a", 200),
    ] {
        let line = format!("{line} origin:https://app.example.com");
        let response = call(&layered(), &line).await;
        let allowed = field(&response, "access-control-allow-origin");
        assert_eq!(response.status(), status, "{line}");
        assert_eq!(allowed, "https://app.example.com", "{line}");
    }
}

fn orders<G: 'static>() -> Api<G> {
    Api::new("Orders", "1.0.0")
}

#[tokio::test]
async fn nested_routes_have_the_prefix_and_its_parameters() {
    let stack = compose(());
    let items = orders::<()>()
        .get("/", stack.handler(route))
        .get("/{item}/", stack.handler(route))
        .finish();
    let orders = orders::<()>()
        .get(
            "/{order}",
            stack.handler(async |Path((team, order)): Path<(String, u32)>| {
                format!("{team} {order}")
            }),
        )
        .nest("/{order}/items", items)
        .finish();
    let api = Api::<()>::new("Teams", "1.0.0")
        .nest("/teams/{team}", orders)
        .get("/teams/{team}", stack.handler(route));
    let cases = [
        ("GET /teams/red/7", "200 red 7"),
        ("GET /teams/red", "200 /teams/{team}"),
        ("GET /teams/red/", NO_ROUTE),
        ("GET /teams/red/7/items", "200 /teams/{team}/{order}/items"),
        ("GET /teams/red/7/items/", NO_ROUTE),
        (
            "GET /teams/red/7/items/a/",
            "200 /teams/{team}/{order}/items/{item}/",
        ),
        (
            "GET /teams/red/x",
            "400 The path parameter `order` is invalid: invalid digit found in string.",
        ),
    ];
    answers(&api.service(()).unwrap(), &cases).await;
}

#[tokio::test]
async fn foreign_routers_services_and_other_apis_are_public() {
    let stack = compose(());
    let files = Router::new()
        .route("/", get(async || "files"))
        .route(
            "/{name}",
            get(async |route: MatchedPath| route.as_str().to_owned()),
        )
        .fallback(async || (StatusCode::NOT_FOUND, "no file"));
    let other = Api::<()>::new("Other", "1.0.0").get("/{id}", stack.handler(route));
    let echo = service_fn(async |request: Request<Body>| {
        Ok::<_, Infallible>(format!("{} {}", request.method(), request.uri()))
    });
    let api = Api::<Auth<Staff>>::new("Test", "1.0.0").public("a test", |open| {
        open.router("/files", files)
            .service("/echo/{id}", echo)
            .nest("/other", other)
            .fallback(
                stack.handler(async |route: RoutePath| format!("fallback [{}]", route.as_str())),
            )
    });
    let cases = [
        ("GET /files", "200 files"),
        ("GET /files/", "200 files"),
        ("GET /files/a", "200 /files/{name}"),
        ("PUT /files/a", "405"),
        ("GET /files/a/b", "404 no file"),
        ("BREW /echo/1?a=b", "200 BREW /echo/1?a=b"),
        ("GET /other/1", "200 /other/{id}"),
        ("GET /other", "200 fallback []"),
        ("GET /filesystem", "200 fallback []"),
    ];
    answers(&api.service(()).unwrap(), &cases).await;

    let old: Router = Router::new().route("/old", get(async || "old"));
    let api = Api::<Auth<Staff>>::new("Test", "1.0.0")
        .public("the application before the `Api`", |open| {
            open.fallback_service(old)
        });
    answers(
        &api.service(()).unwrap(),
        &[("GET /old", "200 old"), ("GET /new", "404")],
    )
    .await;
}

#[derive(Clone, Debug)]
struct Machine;

/// Trusts every request.
#[derive(Clone, Debug)]
struct Certificate;

impl Authenticate for Certificate {
    type Principal = Machine;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Certificate")
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<Machine>> {
        Later::from(Verdict::Verified(Machine))
    }
}

#[tokio::test]
async fn one_of_several_principals_can_be_demanded() {
    let api = Api::<AnyOf<(Auth<Staff>, Auth<Machine>)>>::new("Test", "1.0.0")
        .get("/staff", compose(with_auth(Badge)).handler(hello))
        .get("/machine", compose(with_auth(Certificate)).handler(hello));
    let cases = [
        ("GET /staff badge:ann", "200 hello"),
        ("GET /machine", "200 hello"),
    ];
    answers(&api.service(()).unwrap(), &cases).await;
}

#[tokio::test]
async fn an_optional_principal_can_be_demanded() {
    let who =
        async |who: Option<Auth<Staff>>| who.map_or_else(|| "nobody".to_owned(), |who| who.0.0);
    let api = Api::<Option<Auth<Staff>>>::new("Test", "1.0.0")
        .get("/", compose(with_auth(Badge).optional()).handler(who));
    let cases = [("GET / badge:ann", "200 ann"), ("GET /", "200 nobody")];
    answers(&api.service(()).unwrap(), &cases).await;
}

fn slashes(answer: TrailingSlash) -> FinishedApi<()> {
    let stack = compose(());
    let nested = Api::new("Nested", "1.0.0").get("/{a}/{b}", stack.handler(route));
    Api::new("Slashes", "1.0.0")
        .trailing_slash(answer)
        .get("/users", stack.handler(route))
        .get("/users/{id}", stack.handler(route))
        .get("/groups/", stack.handler(route))
        .get("/both", stack.handler(route))
        .get("/both/", stack.handler(route))
        .get("/rest/{*rest}", stack.handler(route))
        .nest("/nested", nested)
        .finish()
}

#[tokio::test]
async fn a_path_with_another_slash_at_the_end_has_no_route_by_default() {
    let cases = [
        ("GET /users/", NO_ROUTE),
        ("GET /users/7/", NO_ROUTE),
        ("GET /groups", NO_ROUTE),
        ("GET /both", "200 /both"),
        ("GET /both/", "200 /both/"),
        ("GET /rest/a/", "200 /rest/{*rest}"),
    ];
    let api = slashes(TrailingSlash::NotFound);
    answers(&api.service(()).unwrap(), &cases).await;
}

#[tokio::test]
async fn a_path_with_another_slash_at_the_end_can_be_redirected() {
    let api = slashes(TrailingSlash::Redirect).service(()).unwrap();
    for (line, status, location) in [
        ("GET /users/", 308, "/users"),
        ("POST /users/?a=b&c=%20", 308, "/users?a=b&c=%20"),
        ("GET /users/?", 308, "/users?"),
        ("HEAD /users/", 308, "/users"),
        ("OPTIONS /users/", 308, "/users"),
        ("GET /users/%2f/", 308, "/users/%2f"),
        ("GET /users/{*x/", 308, "/users/{*x"),
        ("GET http://a.example/users/?b", 308, "/users?b"),
        ("GET /groups?a", 308, "/groups/?a"),
        ("GET /nested/a/b/", 308, "/nested/a/b"),
        ("GET /both/", 200, ""),
        ("GET /rest/a/", 200, ""),
        // As in axum, a parameter can be empty, except at the end of the path.
        ("GET /users//", 308, "/users/"),
        ("GET //users/", 404, ""),
        ("GET /rest", 404, ""),
        ("GET /rest/", 404, ""),
        ("GET /nothing/", 404, ""),
        ("GET //", 404, ""),
    ] {
        let response = call(&api, line).await;
        assert_eq!(response.status(), status, "{line}");
        assert_eq!(field(&response, "location"), location, "{line}");
    }
}

#[tokio::test]
async fn no_redirect_leads_to_another_host() {
    let stack = compose(());
    let hosts = Api::<()>::new("Hosts", "1.0.0")
        .trailing_slash(TrailingSlash::Redirect)
        .get("/{a}", stack.handler(route))
        .get("/{a}/{b}", stack.handler(route))
        .get("//{a}/{b}", stack.handler(route))
        .get("//{a}/{b}/{c}/", stack.handler(route))
        .service(())
        .unwrap();
    for path in [
        "//evil.example/",
        "//evil.example/a/",
        "//evil.example/a/b",
        "/\\evil.example/",
        "/\\evil.example/a/",
        "/\\/evil.example/",
    ] {
        let response = call(&hosts, &format!("GET {path}")).await;
        assert_eq!(shown(&response), NO_ROUTE, "{path}");
        assert_eq!(field(&response, "location"), "", "{path}");
    }
}

#[tokio::test]
async fn a_route_is_never_taken_by_a_redirect() {
    let stack = compose(());
    let api = Api::<()>::new("Rest", "1.0.0")
        .trailing_slash(TrailingSlash::Redirect)
        .get("/users", stack.handler(route))
        .get("/users/{id}", stack.handler(route))
        .get("/groups/", stack.handler(route))
        .get("/{*rest}", stack.handler(route));
    let cases = [
        ("GET /users/", "200 /{*rest}"),
        ("GET /users/7/", "200 /{*rest}"),
        ("GET /groups", "200 /{*rest}"),
    ];
    answers(&api.service(()).unwrap(), &cases).await;

    let names = || {
        let stack = compose(());
        Api::<()>::new("Names", "1.0.0")
            .trailing_slash(TrailingSlash::Redirect)
            .get("/{a}", stack.handler(route))
            .get("/{b}/", stack.handler(route))
            .get("/{a}/{b}", stack.handler(route))
    };
    let cases = [
        ("GET /x", "200 /{a}"),
        ("GET /x/", "200 /{b}/"),
        ("GET /x/y", "200 /{a}/{b}"),
        ("GET /x/y/", "308"),
    ];
    answers(&names().service(()).unwrap(), &cases).await;
    answers(&names().router(()).unwrap(), &cases).await;
}

#[tokio::test]
async fn a_merged_api_keeps_its_paths_and_its_layers() {
    let through = |name| compose(with(Through(name)));
    let orders = Api::<()>::new("Orders", "1.0.0")
        .around(through("orders"))
        .get("/", compose(()).handler(hello))
        .get("/orders", compose(()).handler(route));
    let api = Api::<()>::new("Shop", "1.0.0")
        .around(through("shop"))
        .get("/users", compose(()).handler(route))
        .merge(orders)
        .service(())
        .unwrap();
    let cases = [
        ("GET /", "200 hello"),
        ("GET /orders", "200 /orders"),
        ("GET /users", "200 /users"),
        ("PUT /orders", NOT_ALLOWED),
        ("GET /orders/", NO_ROUTE),
    ];
    answers(&api, &cases).await;
    for (line, expected) in [
        ("GET /orders", "orders shop"),
        ("PUT /orders", "orders shop"),
        ("GET /users", "shop"),
        ("GET /nothing", "shop"),
    ] {
        assert_eq!(
            field(&call(&api, line).await, "through"),
            expected,
            "{line}"
        );
    }
}

#[test]
fn routes_of_two_merged_apis_can_collide() {
    let api = || Api::<()>::new("Shop", "1.0.0").get("/", compose(()).handler(hello));
    let found = api().merge(api()).check();
    assert_eq!(found[0].reason, "the route collides with `GET /`");
}
