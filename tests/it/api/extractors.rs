//! What a handler of an `Api` can take: all that it can take in a router of axum.
#![expect(dead_code, reason = "some types are only printed")]

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{
        ConnectInfo, FromRef, FromRequestParts, MatchedPath, OriginalUri, Path as AxumPath,
        RawPathParams, State, WebSocketUpgrade, rejection::PathRejection,
    },
    response::{
        Response,
        sse::{Event, Sse},
    },
    routing::get,
};
use http::{Request, request::Parts};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::Service;
use wythe::{
    Api, FinishedApi, Path, Quota, RateLimit, RoutePath, compose,
    key::{self, Key},
    with_rate_limit,
};

use super::{answers, call, field, shown};

#[derive(Clone)]
struct AppState {
    name: &'static str,
    number: Number,
}

#[derive(Clone, Copy)]
struct Number(u32);

impl FromRef<AppState> for Number {
    fn from_ref(state: &AppState) -> Self {
        state.number
    }
}

/// An extractor of an application that reads the path, which its type does not show.
struct Team(String);

impl<S: Send + Sync> FromRequestParts<S> for Team {
    type Rejection = PathRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PathRejection> {
        let params = AxumPath::<BTreeMap<String, String>>::from_request_parts(parts, state).await?;
        Ok(Self(params.0["team"].clone()))
    }
}

/// An extractor of an application that does not read the path.
struct Query(String);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

async fn raw(params: RawPathParams) -> String {
    let params = params.iter().map(|(name, value)| format!("{name}={value}"));
    params.collect::<Vec<_>>().join("&")
}

fn axums() -> FinishedApi<(), AppState> {
    let stack = compose(());
    let nested = Api::new("Nested", "1.0.0")
        .get(
            "/path/{id}",
            stack.handler(async |AxumPath(path): AxumPath<(String, u8)>| format!("{path:?}")),
        )
        .get("/team", stack.handler(async |Team(team): Team| team))
        .get(
            "/route/{id}",
            stack.handler(async |route: RoutePath| route.as_str().to_owned()),
        );
    Api::new("Extractors", "1.0.0")
        .get(
            "/path/{id}",
            stack.handler(
                async |AxumPath(id): AxumPath<String>, Path(own): Path<String>| {
                    format!("{id} {own}")
                },
            ),
        )
        .get("/raw/{a}/{*rest}", stack.handler(raw))
        .get(
            "/matched/{id}",
            stack.handler(
                async |route: MatchedPath, own: RoutePath, _: AxumPath<String>| {
                    format!("{} {}", route.as_str(), own.as_str())
                },
            ),
        )
        .get(
            "/original/{id}",
            stack.handler(async |uri: OriginalUri| uri.0.to_string()),
        )
        .get(
            "/state",
            stack.handler(
                async |State(state): State<AppState>, State(Number(number)): State<Number>| {
                    format!("{} {number}", state.name)
                },
            ),
        )
        .get("/team/{team}", stack.handler(async |Team(team): Team| team))
        .get(
            "/direct/{id}",
            stack
                .handler(async |Path(id): Path<u8>, Query(query): Query| format!("{id} {query}"))
                .direct(),
        )
        .post(
            "/body/{id}",
            stack.handler(async |Path(id): Path<u8>, body: String| format!("{id} {body}")),
        )
        .nest("/nested/{team}", nested)
        .public("a test", |open| {
            let shown = get(async |AxumPath(id): AxumPath<String>, route: MatchedPath| {
                format!("{id} {}", route.as_str())
            });
            open.service("/service/{id}", shown.with_state(()))
                .router("/router/{team}", Router::new().route("/{id}", get(raw)))
        })
        .finish()
}

#[tokio::test]
async fn axums_extractors_get_what_they_get_in_a_router_of_axum() {
    let state = || AppState {
        name: "state",
        number: Number(3),
    };
    let cases = [
        ("GET /path/a%20b", "200 a b a b"),
        ("GET /path/%ff", "400 Invalid URL: Invalid UTF-8 in `id`"),
        ("GET /raw/a/b/c%2fd", "200 a=a&rest=b/c/d"),
        ("GET /matched/7", "200 /matched/{id} /matched/{id}"),
        ("GET /original/7?a=b", "200 /original/7?a=b"),
        ("GET /state", "200 state 3"),
        ("GET /team/red", "200 red"),
        ("GET /direct/7?a", "200 7 a"),
        ("POST /body/7", "200 7"),
        ("GET /nested/red/path/7", "200 (\"red\", 7)"),
        ("GET /nested/red/team", "200 red"),
        ("GET /nested/red/route/7", "200 /nested/{team}/route/{id}"),
        ("GET /service/%41", "200 A /service/{id}"),
        ("GET /router/red/7", "200 team=red&id=7"),
    ];
    answers(&axums().service(state()).unwrap(), &cases).await;
    answers(&axums().router(state()).unwrap(), &cases).await;

    let outer: Router = Router::new().nest("/v1", axums().router(state()).unwrap());
    let cases = [
        ("GET /v1/path/a%20b", "200 a b a b"),
        ("GET /v1/matched/7", "200 /v1/matched/{id} /v1/matched/{id}"),
        ("GET /v1/original/7?a=b", "200 /v1/original/7?a=b"),
        (
            "GET /v1/nested/red/route/7",
            "200 /v1/nested/{team}/route/{id}",
        ),
        ("GET /v1/service/%41", "200 A /v1/service/{id}"),
        ("GET /v1/router/red/7", "200 team=red&id=7"),
    ];
    answers(&outer, &cases).await;
}

#[tokio::test]
async fn an_extractor_of_the_path_in_a_direct_route_is_refused() {
    let wrong = compose(()).handler(async |Team(team): Team| team).direct();
    let api = Api::<()>::new("Test", "1.0.0").get("/{team}", wrong);
    let response = call(&api.service(()).unwrap(), "GET /red").await;
    assert_eq!(response.status(), 500);
}

#[tokio::test]
async fn a_stream_of_events_is_sent_as_it_is() {
    let events = async || {
        let event = Ok::<_, Infallible>(Event::default().data("hello"));
        Sse::new(futures_util::stream::iter([event]))
    };
    let api = || Api::<()>::new("Events", "1.0.0").get("/", compose(()).handler(events));
    let (service, router) = (api().service(()).unwrap(), api().router(()).unwrap());
    answers(&service, &[("GET /", "200 data: hello")]).await;
    for response in [
        call(&service, "GET /").await,
        call(&service, "HEAD /").await,
        call(&router, "HEAD /").await,
    ] {
        assert_eq!(field(&response, "content-type"), "text/event-stream");
        // Its length is not known (RFC 9110, section 8.6).
        assert_eq!(field(&response, "content-length"), "");
    }
}

/// Sends bytes to a server, and returns the first ones that it sends until they end with `end`.
async fn exchange(stream: &mut TcpStream, bytes: &[u8], end: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(end) {
            answer.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(Duration::from_secs(20), reading)
        .await
        .expect("the server answers");
    answer
}

fn connections() -> FinishedApi<()> {
    let stack = compose(());
    let once = RateLimit::of([Quota::per_day(1)]).unwrap().by_peer();
    let upgrade = async |upgrade: WebSocketUpgrade| -> Response {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    };
    Api::new("Connections", "1.0.0")
        .get(
            "/peer",
            stack.handler(async |peer: ConnectInfo<SocketAddr>| peer.0.to_string()),
        )
        .get(
            "/limited",
            compose(with_rate_limit(once)).handler(async || "first"),
        )
        .get("/socket", stack.handler(upgrade))
        .finish()
}

#[tokio::test]
async fn a_served_api_knows_the_peer_and_upgrades_connections() {
    let mut servers = Vec::new();
    for by_axum in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        servers.push(listener.local_addr().unwrap());
        tokio::spawn(async move {
            if by_axum {
                let router = connections().router(()).unwrap();
                axum::serve(
                    listener,
                    router.into_make_service_with_connect_info::<SocketAddr>(),
                )
                .await
            } else {
                connections().service(()).unwrap().serve(listener).await
            }
        });
    }
    for server in servers {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let peer = stream.local_addr().unwrap().to_string();
        let get = |path: &str, fields: &str| {
            format!("GET {path} HTTP/1.1\r\nhost: a.example\r\n{fields}\r\n").into_bytes()
        };
        let answer = exchange(&mut stream, &get("/peer", ""), peer.as_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        let answer = exchange(&mut stream, &get("/limited", ""), b"first").await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        let answer = exchange(&mut stream, &get("/limited", ""), b"}").await;
        assert!(answer.starts_with(b"HTTP/1.1 429 "));

        // The handshake of RFC 6455, section 1.3, and a message of section 5.7.
        let handshake = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let answer = exchange(&mut stream, &get("/socket", handshake), b"\r\n\r\n").await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        let echo = exchange(&mut stream, hello, b"Hello").await;
        assert_eq!(echo, b"\x81\x05Hello");
    }
}

#[derive(Debug, Deserialize)]
struct Player {
    number: u8,
    team: String,
}

#[derive(Debug, Deserialize)]
struct Optional {
    a: Option<u8>,
    other: Option<u8>,
}

#[derive(Debug, Deserialize)]
struct Id(u8);

#[derive(Debug, Deserialize)]
struct Pair(String, u8);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Color {
    Red,
    LightBlue,
}

#[derive(Debug, Deserialize)]
struct Painted {
    a: Color,
    b: Even,
}

/// Has a rule of its own.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u8")]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, &'static str> {
        if number.is_multiple_of(2) {
            Ok(Self(number))
        } else {
            Err("an odd number")
        }
    }
}

/// A route for each type of parameters, in an `Api` and in a router of axum.
macro_rules! shapes {
    ($($path:literal: $shape:ty;)*) => {
        fn shapes() -> FinishedApi<()> {
            let stack = compose(());
            Api::new("Shapes", "1.0.0")
                $(.get($path, stack.handler(async |Path(path): Path<$shape>| format!("{path:?}"))))*
                .finish()
        }

        fn shapes_in_axum() -> Router {
            let stack = compose(());
            Router::new()
                $(.route($path, get(stack.handler(async |Path(path): Path<$shape>| format!("{path:?}")))))*
        }
    };
}

shapes! {
    "/number/{a}": u8;
    "/signed/{a}": i64;
    "/float/{a}": f32;
    "/bool/{a}": bool;
    "/char/{a}": char;
    "/text/{a}": String;
    "/address/{a}": std::net::Ipv4Addr;
    "/newtype/{a}": Id;
    "/even/{a}": Even;
    "/enum/{a}": Color;
    "/option/{a}": Option<u8>;
    "/rest/{*a}": String;
    "/file-{a}": u8;
    "/one/{a}": (u8,);
    "/tuple/{a}/{b}": (String, u8);
    "/array/{a}/{b}": [u8; 2];
    "/struct/{team}/{number}": Player;
    "/optional/{a}": Optional;
    "/pair/{a}/{b}": Pair;
    "/painted/{a}/{b}": Painted;
    "/list/{a}/{b}": Vec<u8>;
    "/pairs/{a}/{b}": Vec<(String, u8)>;
    "/map/{a}/{b}": BTreeMap<String, u8>;
}

#[tokio::test]
async fn the_parameters_of_a_path_are_read_as_any_type() {
    let cases = [
        ("GET /number/7", "200 7"),
        ("GET /number/%37", "200 7"),
        ("GET /signed/-7", "200 -7"),
        ("GET /float/1.5", "200 1.5"),
        ("GET /bool/true", "200 true"),
        ("GET /char/%C3%A4", "200 'ä'"),
        ("GET /text/a%2fb%20c+d", r#"200 "a/b c+d""#),
        ("GET /text/%2541", r#"200 "%41""#),
        ("GET /text/..", r#"200 "..""#),
        ("GET /address/192.0.2.1", "200 192.0.2.1"),
        ("GET /newtype/7", "200 Id(7)"),
        ("GET /even/8", "200 Even(8)"),
        ("GET /enum/light-blue", "200 LightBlue"),
        ("GET /option/7", "200 Some(7)"),
        ("GET /rest/a/%2e%2e//b/", r#"200 "a/..//b/""#),
        ("GET /file-7", "200 7"),
        ("GET /one/7", "200 (7,)"),
        ("GET /tuple/a/7", r#"200 ("a", 7)"#),
        ("GET /tuple//7", r#"200 ("", 7)"#),
        ("GET /array/1/2", "200 [1, 2]"),
        (
            "GET /struct/red/7",
            r#"200 Player { number: 7, team: "red" }"#,
        ),
        (
            "GET /optional/7",
            "200 Optional { a: Some(7), other: None }",
        ),
        ("GET /pair/a/7", r#"200 Pair("a", 7)"#),
        ("GET /painted/red/8", "200 Painted { a: Red, b: Even(8) }"),
        ("GET /list/1/2", "200 [1, 2]"),
        ("GET /pairs/1/2", r#"200 [("a", 1), ("b", 2)]"#),
        ("GET /map/1/2", r#"200 {"a": 1, "b": 2}"#),
    ];
    answers(&shapes().service(()).unwrap(), &cases).await;
    answers(&shapes().router(()).unwrap(), &cases).await;
    answers(&shapes_in_axum(), &cases).await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of types")]
async fn a_parameter_that_is_not_of_its_type_is_answered_with_its_name() {
    let cases = [
        (
            "GET /number/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /number/256",
            "`a` is invalid: number too large to fit in target type.",
        ),
        (
            "GET /number/%20",
            "`a` is invalid: invalid digit found in string.",
        ),
        ("GET /float/x", "`a` is invalid: invalid float literal."),
        (
            "GET /bool/yes",
            "`a` is invalid: provided string was not `true` or `false`.",
        ),
        (
            "GET /char/ab",
            "`a` is invalid: too many characters in string.",
        ),
        (
            "GET /address/localhost",
            "`a` is invalid: invalid IPv4 address syntax.",
        ),
        (
            "GET /newtype/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        ("GET /even/7", "`a` is invalid: an odd number."),
        (
            "GET /enum/green",
            "`a` is invalid: unknown variant `green`, expected `red` or `light-blue`.",
        ),
        (
            "GET /option/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /file-x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /one/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /tuple/a/x",
            "`b` is invalid: invalid digit found in string.",
        ),
        (
            "GET /array/x/1",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /struct/red/x",
            "`number` is invalid: invalid digit found in string.",
        ),
        (
            "GET /optional/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /pair/a/x",
            "`b` is invalid: invalid digit found in string.",
        ),
        (
            "GET /painted/green/8",
            "`a` is invalid: unknown variant `green`, expected `red` or `light-blue`.",
        ),
        ("GET /painted/red/7", "`b` is invalid: an odd number."),
        (
            "GET /list/1/x",
            "`b` is invalid: invalid digit found in string.",
        ),
        (
            "GET /pairs/x/2",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /map/1/x",
            "`b` is invalid: invalid digit found in string.",
        ),
    ];
    let cases = cases.map(|(line, says)| (line, format!("400 The path parameter {says}")));
    let cases: Vec<_> = cases
        .iter()
        .map(|(line, says)| (*line, says.as_str()))
        .collect();
    let malformed = [
        (
            "GET /text/%ff",
            "400 A parameter of the path is not valid UTF-8.",
        ),
        (
            "GET /tuple/%C3%28/7",
            "400 A parameter of the path is not valid UTF-8.",
        ),
    ];
    let (service, router) = (shapes().service(()).unwrap(), shapes().router(()).unwrap());
    for cases in [&*cases, &malformed] {
        answers(&service, cases).await;
        answers(&router, cases).await;
        answers(&shapes_in_axum(), cases).await;
    }
}

#[tokio::test]
async fn parameters_without_a_route_are_a_fault_of_the_set_up() {
    let app: Router =
        Router::new().fallback(compose(()).handler(async |Path(id): Path<u8>| id.to_string()));
    assert_eq!(
        shown(&call(&app, "GET /7").await).split(' ').next(),
        Some("500")
    );
}

fn limited<K>(key: &K) -> (wythe::api::ApiService, Router)
where
    K: Key<Stage = wythe::stage::Throttle, Needs = ()> + Clone,
{
    let once = || {
        RateLimit::of([Quota::per_day(1)])
            .unwrap()
            .keyed(K::clone(key))
    };
    let api = || {
        let stack = compose(with_rate_limit(once()));
        let nested = Api::new("Nested", "1.0.0").get("/{id}", stack.handler(async || "ok"));
        Api::<()>::new("Limited", "1.0.0")
            .get("/users/{id}", stack.handler(async || "ok"))
            .post("/users/{id}", stack.handler(async || "ok"))
            .nest("/nested/{a}", nested)
    };
    (api().service(()).unwrap(), api().router(()).unwrap())
}

async fn statuses<T>(service: &T, cases: &[(&str, u16)])
where
    T: Service<Request<Body>, Response = Response, Error = Infallible> + Clone,
{
    for (line, status) in cases {
        assert_eq!(call(service, line).await.status(), *status, "{line}");
    }
}

#[tokio::test]
async fn a_limit_counts_by_a_parameter_of_the_path() {
    let (service, router) = limited(&key::path_param("id"));
    let cases = [
        ("GET /users/1", 200),
        ("GET /users/2", 200),
        ("GET /users/%31", 429),
        ("POST /users/1", 429),
        ("GET /nested/3/1", 429),
        ("GET /nested/1/3", 200),
        ("GET /nested/2/3", 429),
        ("GET /users/%ff", 400),
    ];
    statuses(&service, &cases).await;
    statuses(&router, &cases).await;
}

#[tokio::test]
async fn a_limit_counts_by_route() {
    let (service, router) = limited(&key::route());
    let cases = [
        ("GET /users/1", 200),
        ("GET /users/2", 429),
        ("HEAD /users/2", 429),
        ("POST /users/1", 200),
        ("GET /nested/1/1", 200),
        ("GET /nested/1/2", 429),
    ];
    statuses(&service, &cases).await;
    statuses(&router, &cases).await;
}

#[tokio::test]
async fn a_limit_around_an_api_knows_the_route_of_everything_inside() {
    let api = || {
        let by_route = RateLimit::of([Quota::per_day(1)]).unwrap().by_route();
        Api::<()>::new("Limited", "1.0.0")
            .around(compose(with_rate_limit(by_route)))
            .get("/users/{id}", compose(()).handler(async || "ok"))
            .public("a test", |open| {
                let files = Router::new().route("/{a}", get(async || "file"));
                open.service("/service/{id}", get(async || "ok").with_state(()))
                    .router("/files", files)
            })
            .not_found()
    };
    let cases = [
        ("GET /users/1", 200),
        ("GET /users/2", 429),
        ("PUT /users/1", 405),
        ("PUT /users/2", 429),
        ("GET /service/1", 200),
        ("GET /service/2", 429),
        ("GET /files/a", 200),
        ("GET /files/b", 429),
        ("GET /nothing", 404),
        ("GET /nothing/else", 429),
    ];
    statuses(&api().service(()).unwrap(), &cases).await;
    statuses(&api().router(()).unwrap(), &cases).await;
}

#[tokio::test]
async fn a_limit_around_an_api_knows_the_parameters_of_everything_inside() {
    let api = || {
        let by_id = RateLimit::of([Quota::per_day(1)])
            .unwrap()
            .by_path_param("id");
        Api::<()>::new("Limited", "1.0.0")
            .around(compose(with_rate_limit(by_id)))
            .get("/users/{id}", compose(()).handler(async || "ok"))
            .public("a test", |open| {
                let files = Router::new().route("/{a}", get(async || "file"));
                open.service("/service/{id}", get(async || "ok").with_state(()))
                    .router("/files/{id}", files)
            })
    };
    let cases = [
        ("GET /users/1", 200),
        ("PUT /users/1", 429),
        ("GET /service/1", 429),
        ("GET /service/2", 200),
        ("GET /files/2/a", 429),
        ("GET /files/3/a", 200),
        ("GET /files/3", 429),
    ];
    statuses(&api().service(()).unwrap(), &cases).await;
    statuses(&api().router(()).unwrap(), &cases).await;
}
