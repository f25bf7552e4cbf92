//! What a handler of an `Api` can take: all that it can take in a router of axum.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
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
use http::request::Parts;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use wythe::{Api, FinishedApi, Path, Quota, RateLimit, RoutePath, compose, with_rate_limit};

use super::{answers, call, field};

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
