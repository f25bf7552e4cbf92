//! Layers that need no memory allocate none: heap allocations per request are counted.

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
    Auth, CacheControl, ClientIpSource, Cors, Csrf, HasRoles, HasScopes, Methods, Quota, Roles,
    Scopes, assume, compose, with_authorization, with_cache_control, with_client_ip, with_cors,
    with_csrf, with_methods, with_rate_limit, with_roles, with_scopes,
};
use wythe_bench_harness::allocations;

/// The principal in the extensions of every request.
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

/// Allocations of a request, including those for building it.
async fn of_a_request(app: Router) -> f64 {
    of_a_request_with(app, "no token").await
}

async fn of_a_request_with(app: Router, token: &str) -> f64 {
    const REQUESTS: u32 = 2_000;
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 49_152));
    let mut before = 0;
    for n in 0..2 * REQUESTS {
        if n == REQUESTS {
            before = allocations();
        }
        let request = Request::post("/")
            .header("host", "app.example.com")
            .header("origin", "https://app.example.com")
            .header("x-forwarded-for", "203.0.113.9, 127.0.0.2")
            .header("x-csrf-token", token)
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
async fn cors_csrf_methods_rate_limit_and_cache_control_do_not_allocate() {
    let bare = behind!();
    assert!(bare >= 1.0, "nothing is counted");
    let cors = Cors::origins(["https://app.example.com"]).unwrap();
    let quota = Quota::per_second(100_000_000).by_peer().unwrap();
    let layers = [
        ("cors", behind!(with_cors(cors.credentials()))),
        ("csrf", behind!(with_csrf(Csrf::same_origin()))),
        #[cfg(feature = "csrf-token")]
        ("csrf with a token", {
            use wythe::CsrfTokens;

            let tokens = CsrfTokens::new("the key that signs tokens, in forty bytes").unwrap();
            let token = tokens.issue("17").to_string();
            let csrf = Csrf::same_origin().required_token(tokens, |_| Some("17".into()));
            let app = Router::new().route("/", post(compose((with_csrf(csrf),)).handler(created)));
            of_a_request_with(app, &token).await
        }),
        ("methods", {
            behind!(with_methods(Methods::list([Method::POST]).unwrap()))
        }),
        ("rate limit", behind!(with_rate_limit(quota))),
        ("cache-control", {
            behind!(with_cache_control(CacheControl::no_store()))
        }),
        #[cfg(feature = "conditional")]
        ("conditional, without a precondition", {
            behind!(wythe::with_conditional(wythe::Conditional::new()))
        }),
        ("a condition", {
            let layer = with_cache_control(CacheControl::no_store());
            behind!(layer.when(|head| head.path() == "/" && head.route() == "/"))
        }),
        ("a list of routes", {
            let layer = with_cache_control(CacheControl::no_store());
            behind!(layer.except_routes(["/health", "/users/{id}"]).unwrap())
        }),
    ];
    for (name, with_layer) in layers {
        // A rate limit writes its fields into chunks, each large enough for about a hundred
        // responses.
        let own = with_layer - bare;
        assert!(own < 0.05, "{name}: {own}");
    }

    // The extensions box each value that they hold; nothing else is allocated.
    let source = ClientIpSource::x_forwarded_for(["127.0.0.0/8"]).unwrap();
    let own = behind!(with_client_ip(source)) - bare;
    assert!((0.95..1.05).contains(&own), "client ip: {own}");
    #[cfg(feature = "version")]
    {
        use wythe::{Versions, with_version};

        let versions = Versions::by_media_type("vnd.example", ["1", "2"]).unwrap();
        let own = behind!(with_version(versions.default_version("1").unwrap())) - bare;
        assert!((0.95..1.05).contains(&own), "version: {own}");
    }
    #[cfg(feature = "negotiation")]
    {
        use wythe::{Languages, MediaTypes, with_languages, with_media_types};

        let types = MediaTypes::list(["application/json", "text/csv"]).unwrap();
        let own = behind!(with_media_types(types)) - bare;
        assert!((0.95..1.05).contains(&own), "media types: {own}");
        let languages = Languages::list(["en", "de"]).unwrap();
        let own = behind!(with_languages(languages)) - bare;
        assert!((0.95..1.05).contains(&own), "languages: {own}");
    }
    #[cfg(feature = "ip-filter")]
    {
        let filter = wythe::IpFilter::deny(["192.0.2.0/24", "2001:db8::/32"]).unwrap();
        let own = behind!(wythe::with_ip_filter(filter.by_peer())) - bare;
        assert!(own < 0.05, "ip filter: {own}");
    }
}

/// Beside what asking the server takes, which a handle does as well.
#[cfg(feature = "rate-limit-redis")]
#[tokio::test]
async fn a_limit_in_redis_boxes_one_future() {
    use redis::{Cmd, Pipeline, RedisFuture, Value, aio::ConnectionLike};
    use wythe::rate_limit::{
        Limiter,
        redis::{OnFailure, RedisStore},
    };

    /// Answers every script at once: one unit taken, and the quota is whole.
    #[derive(Clone)]
    struct ImmediateAnswer;

    impl ConnectionLike for ImmediateAnswer {
        fn req_packed_command<'a>(&'a mut self, _: &'a Cmd) -> RedisFuture<'a, Value> {
            let answer = [1, 0, 0].map(Value::Int).to_vec();
            Box::pin(std::future::ready(Ok(Value::Array(answer))))
        }

        fn req_packed_commands<'a>(
            &'a mut self,
            _: &'a Pipeline,
            _: usize,
            _: usize,
        ) -> RedisFuture<'a, Vec<Value>> {
            unreachable!("it sends single commands")
        }

        fn get_db(&self) -> i64 {
            0
        }
    }

    let limiter = |limit: &str| {
        let store = RedisStore::new(ImmediateAnswer, OnFailure::Deny);
        let quota = Quota::per_second(100).by_peer().unwrap();
        Limiter::new(quota.in_redis(store.limit(limit)).unwrap())
    };
    let handle = limiter("handle").handle();
    let key = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
    let mut before = 0;
    for n in 0..2_000 {
        if n == 1_000 {
            before = allocations();
        }
        handle.take(&key, 1).await.unwrap();
    }
    let of_handle = f64::from(u32::try_from(allocations() - before).unwrap()) / 1_000.0;
    let bare = behind!() + of_handle;
    let own = behind!(with_rate_limit(limiter("always"))) - bare;
    assert!((own - 1.0).abs() < 0.05, "{own}");
    // The condition has to change what comes out of the box.
    let conditional = behind!(with_rate_limit(limiter("sometimes")).when(|_| true)) - bare;
    assert!((conditional - 2.0).abs() < 0.05, "{conditional}");
}

#[tokio::test]
async fn an_authorized_principal_passes_without_an_allocation() {
    macro_rules! behind_auth {
        ($layer:expr) => {
            behind!(compose((assume::<Auth<Claims>>(), $layer)))
        };
    }
    let bare = behind!();
    let scopes = ["orders:read", "orders:write"];
    let layers = [
        (
            "scopes",
            behind_auth!(with_scopes(Scopes::all(scopes).unwrap())),
        ),
        (
            "roles",
            behind_auth!(with_roles(Roles::all(["editor"]).unwrap())),
        ),
        ("a check", {
            behind_auth!(with_authorization(|_: &Auth<Claims>, head| {
                head.method() == Method::POST
            }))
        }),
    ];
    for (name, with_layer) in layers {
        let own = with_layer - bare;
        assert!(own.abs() < 0.001, "{name}: {own}");
    }
}

/// What is put into the extensions of a request, or into the header of a response, takes its place there:
/// a header with more than six fields grows.
#[cfg(feature = "full")]
#[tokio::test]
async fn hosts_and_tls_allocate_nothing_and_the_rest_only_its_place() {
    use std::time::Duration;
    use wythe::{
        Drain, Hosts, HttpsOnly, Metrics, SecurityHeaders, Timeout, Transport, with_drain,
        with_hosts, with_https_only, with_metrics, with_security_headers, with_timeout,
    };

    let bare = behind!();
    let hosts = || Hosts::list(["example.com", "*.example.com"]).unwrap();
    let tls = || HttpsOnly::by(Transport::tls());
    let timeout = || Timeout::after(Duration::from_secs(10)).unwrap();
    let with_nonce = || {
        let policy = SecurityHeaders::html_policy().script_nonce();
        let html = SecurityHeaders::html();
        html.content_security_policy(&policy).unwrap()
    };
    let layers = [
        ("drain", 0.0, behind!(with_drain(Drain::new()))),
        ("hosts", 0.0, behind!(with_hosts(hosts()))),
        ("https only", 0.0, behind!(with_https_only(tls()))),
        // Where a router further in leaves the route, and its place in the extensions.
        ("metrics", 2.0, behind!(with_metrics(Metrics::new()))),
        ("timeout", 1.0, behind!(with_timeout(timeout()))),
        (
            "api",
            0.0,
            behind!(with_security_headers(SecurityHeaders::api())),
        ),
        (
            "html",
            2.0,
            behind!(with_security_headers(SecurityHeaders::html())),
        ),
        (
            "html with a nonce",
            4.0,
            behind!(with_security_headers(with_nonce())),
        ),
    ];
    for (name, expected, with_layer) in layers {
        let own = with_layer - bare;
        assert!((own - expected).abs() < 0.05, "{name}: {own}");
    }
}

/// Without axum, which boxes every body that is not its own: here, one more.
#[cfg(all(feature = "concurrency-limit", feature = "load-shed"))]
#[tokio::test]
async fn concurrency_limit_and_load_shed_allocate_only_a_box_for_axum() {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use tower::Layer;
    use wythe::{ConcurrencyLimit, PeerAddr, with_concurrency_limit, with_load_shed};

    let limit = || ConcurrencyLimit::of(2).unwrap();
    macro_rules! over_a_service {
        ($layer:expr) => {{
            let handler = tower::service_fn(|_: Request<()>| async {
                Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::from("hello")))
            });
            let service = $layer.layer(handler);
            let mut before = 0;
            for n in 0..1_000 {
                let mut request = Request::new(());
                request
                    .extensions_mut()
                    .insert(PeerAddr(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))));
                if n == 100 {
                    before = allocations();
                }
                let response = service.clone().oneshot(request).await.unwrap();
                assert_eq!(response.status(), 200);
                assert_eq!(
                    response.into_body().collect().await.unwrap().to_bytes(),
                    "hello"
                );
            }
            allocations() - before
        }};
    }
    let bare = over_a_service!(tower::layer::util::Identity::new());
    assert!(bare > 0, "nothing is counted");
    assert_eq!(over_a_service!(with_load_shed()), bare);
    assert_eq!(over_a_service!(with_concurrency_limit(limit())), bare);
    // Each request is the only one with its key, which is added and removed each time.
    assert_eq!(
        over_a_service!(with_concurrency_limit(limit().by_peer())),
        bare
    );

    let bare = behind!();
    assert!((behind!(with_load_shed()) - bare).abs() < 0.05);
    for of_axum in [
        behind!(with_concurrency_limit(limit())),
        behind!(with_concurrency_limit(limit().by_peer())),
    ] {
        assert!((of_axum - bare - 1.0).abs() < 0.05, "{}", of_axum - bare);
    }
}

/// A request with a cached token allocates only what cloning its claims does.
#[cfg(feature = "jwt")]
#[test]
fn a_cached_token_passes_without_an_allocation() {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde::{Deserialize, de::DeserializeOwned};
    use wythe::{
        Jwt, Later,
        auth::{Authenticate, Verdict},
    };

    #[derive(Clone, Deserialize)]
    struct Numbers {
        #[expect(dead_code, reason = "only cloned")]
        exp: u64,
    }

    #[derive(Clone, Deserialize)]
    #[expect(dead_code, reason = "only cloned")]
    struct Strings {
        sub: String,
        scope: String,
    }

    fn of_a_token<C: DeserializeOwned + Clone + Send + Sync + 'static>(head: &Parts) -> u64 {
        const TOKENS: u64 = 1_000;
        let jwt = Jwt::<C>::hs256("32 bytes from a random generator").unwrap();
        let mut before = 0;
        for n in 0..=TOKENS {
            if n == 1 {
                before = allocations();
            }
            assert!(matches!(
                jwt.authenticate(head),
                Later::Ready(Verdict::Verified(_))
            ));
        }
        let cache = jwt.token_cache().unwrap();
        assert_eq!((cache.hits(), cache.misses()), (TOKENS, 1));
        (allocations() - before) / TOKENS
    }

    let claims = serde_json::json!({ "sub": "ann", "scope": "a b", "exp": 4_102_444_800_u64 });
    let key = EncodingKey::from_secret(b"32 bytes from a random generator");
    let token = encode(&Header::default(), &claims, &key).unwrap();
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    let (head, ()) = request.body(()).unwrap().into_parts();
    assert_eq!(of_a_token::<Numbers>(&head), 0);
    assert_eq!(of_a_token::<Strings>(&head), 2);
}
