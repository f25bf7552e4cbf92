use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Method, Request, StatusCode},
    response::Response,
};
use http::{HeaderValue, request::Parts};
use tower::ServiceExt;
use wythe::{
    Api, Auth, CacheControl, Cors, FinishedApi, Later, Path, RoutePath, assume,
    auth::{Authenticate, Verdict},
    compose, with_auth, with_cache_control, with_cors,
};

#[derive(Clone, Debug)]
struct Staff(String);

#[derive(Clone)]
struct Badge;

impl Authenticate for Badge {
    type Principal = Staff;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Staff>> {
        Later::from(match head.headers.get("badge") {
            None => Verdict::Missing,
            Some(badge) => Verdict::Verified(Staff(badge.to_str().unwrap().to_owned())),
        })
    }
}

#[derive(Clone)]
struct AppState(&'static str);

async fn me(Auth(Staff(name)): Auth<Staff>, State(AppState(state)): State<AppState>) -> String {
    format!("{name} {state}")
}
async fn order(Auth(Staff(name)): Auth<Staff>, Path(id): Path<u32>, route: RoutePath) -> String {
    format!("{name} {id} {}", route.as_str())
}
async fn order_by_axum(
    axum::extract::Path(id): axum::extract::Path<u32>,
    route: RoutePath,
) -> String {
    format!("{id} {}", route.as_str())
}
async fn hello() -> &'static str {
    "hello"
}

fn admin() -> FinishedApi<Auth<Staff>, AppState> {
    let guarded = compose((with_auth(Badge),));
    Api::new("Admin", "1.0.0")
        .get("/", guarded.handler(me))
        .get("/orders/{id}", guarded.handler(order))
        .finish()
}

fn api() -> FinishedApi<Auth<Staff>, AppState> {
    let cors = Cors::origins(["https://app.example.com"]).unwrap();
    let no_store = with_cache_control(CacheControl::no_store());
    let stack = compose((assume::<Auth<Staff>>(), no_store.clone()));
    Api::<Auth<Staff>, AppState>::new("Test", "1.0.0")
        .around(compose((with_cors(cors),)))
        .guard(compose((with_auth(Badge),)))
        .get("/me", stack.handler(me))
        .post("/me", stack.handler(me))
        .get("/orders/{id}", stack.handler(order))
        .get("/by-axum/{id}", compose(()).handler(order_by_axum))
        .public("says hello", |open| {
            open.get("/hello", compose((no_store,)).handler(hello))
        })
        .nest("/admin", admin())
        .finish()
}

async fn text(response: Response) -> String {
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn first() {
    let service = api().service(AppState("state")).unwrap();
    let router = api().not_found().router(AppState("state")).unwrap();
    let service = Router::new().fallback_service(service);
    for (name, app) in [("service", service), ("router", router)] {
        for (method, path, badge) in [
            ("GET", "/me", true),
            ("GET", "/me", false),
            ("DELETE", "/me", false),
            ("OPTIONS", "/me", false),
            ("HEAD", "/me", true),
            ("GET", "/orders/7", true),
            ("GET", "/orders/x", true),
            ("GET", "/hello", false),
            ("GET", "/by-axum/8", true),
            ("GET", "/nothing", true),
            ("GET", "/admin", true),
            ("GET", "/admin/orders/9", true),
            ("BREW", "/me", true),
            ("GET", "/orders/%37", true),
            ("GET", "/orders/%ff", true),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            if badge {
                request = request.header("badge", "ann");
            }
            let response = app
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap();
            let status = response.status();
            let fields = format!("{:?}", response.headers());
            println!(
                "{name} {method} {path}: {status} {} {fields}",
                text(response).await
            );
        }
        let preflight = Request::options("/me")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST");
        let response = app
            .clone()
            .oneshot(preflight.body(Body::empty()).unwrap())
            .await
            .unwrap();
        println!("{:?}", response);
    }
}
