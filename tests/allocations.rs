//! Layers that need no memory of their own take none: counted on the heap, request by request.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, StatusCode, request::Parts},
    routing::post,
};
use tower::ServiceExt;
use wythe::{
    Auth, CacheControl, Cors, HasRoles, HasScopes, Methods, Quota, assume, compose,
    with_authorization, with_cache_control, with_cors, with_methods, with_rate_limit, with_roles,
    with_scopes,
};
use wythe_bench_harness::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Lies in every request as its principal.
#[derive(Clone)]
struct Claims;

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        "orders:read orders:write".has_scope(scope)
    }
}

impl HasRoles for Claims {
    type Role = str;

    fn has_role(&self, role: &str) -> bool {
        role == "editor"
    }
}

async fn created() -> StatusCode {
    StatusCode::CREATED
}

/// Allocations of a request, with those that it takes to make the request.
async fn of_a_request(app: Router) -> f64 {
    const REQUESTS: u32 = 2_000;
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 49_152));
    let mut before = 0;
    for n in 0..2 * REQUESTS {
        if n == REQUESTS {
            before = allocations();
        }
        let request = Request::post("/")
            .header("origin", "https://app.example.com")
            .extension(ConnectInfo(peer))
            .extension(Auth(Claims));
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap());
        assert_eq!(response.await.unwrap().status(), StatusCode::CREATED);
    }
    f64::from(u32::try_from(allocations() - before).unwrap()) / f64::from(REQUESTS)
}

macro_rules! behind {
    ($($layer:expr)?) => {
        of_a_request(Router::new().route("/", post(compose(($($layer,)?)).handler(created)))).await
    };
}

#[tokio::test]
async fn cors_methods_rate_limit_and_cache_control_allocate_nothing_of_their_own() {
    let bare = behind!();
    assert!(bare >= 1.0, "nothing is counted");
    let cors = Cors::origins(["https://app.example.com"]).unwrap();
    let quota = Quota::per_second(100_000_000).by_peer().unwrap();
    let layers = [
        ("cors", behind!(with_cors(cors.credentials()))),
        ("methods", {
            behind!(with_methods(Methods::list([Method::POST]).unwrap()))
        }),
        ("rate limit", behind!(with_rate_limit(quota))),
        ("cache-control", {
            behind!(with_cache_control(CacheControl::no_store()))
        }),
    ];
    for (name, with_layer) in layers {
        // A rate limit's fields are written into chunks, each for about a hundred responses.
        let own = with_layer - bare;
        assert!(own < 0.05, "{name}: {own}");
    }
}

#[tokio::test]
async fn a_principal_that_may_passes_without_an_allocation() {
    macro_rules! behind_auth {
        ($layer:expr) => {
            behind!(compose((assume::<Auth<Claims>>(), $layer)))
        };
    }
    let bare = behind!();
    let scopes = ["orders:read", "orders:write"];
    let layers = [
        ("scopes", behind_auth!(with_scopes(scopes).unwrap())),
        ("roles", behind_auth!(with_roles(["editor"]).unwrap())),
        ("a check", {
            behind_auth!(with_authorization(|_: &Auth<Claims>, head: &Parts| {
                head.method == Method::POST
            }))
        }),
    ];
    for (name, with_layer) in layers {
        let own = with_layer - bare;
        assert!(own.abs() < 0.001, "{name}: {own}");
    }
}
