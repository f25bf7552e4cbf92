//! Raw bytes of HTTP/1 to a whole stack behind hyper: the handler runs only for requests with an
//! allowed method, a valid token, a complete and valid body, and within the limit; every response
//! has the fields of its status. In the input, `{valid}`, `{expired}`, `{audience}`, `{unsigned}` and
//! `{forged}` stand for tokens.
//!
//! At the end it prints how often the handler ran: a run without any proves nothing.
#![no_main]

use std::{
    cell::Cell,
    convert::Infallible,
    future::poll_fn,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use garde::Validate;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tower_service::Service;
use wythe::{
    Auth, Body, CacheControl, Cors, Json, Jwt, PeerAddr, Quota, Valid, compose, with_auth,
    with_cache_control, with_cors, with_methods, with_rate_limit, with_validation,
};
use wythe_fuzz::{Claims, NOW, bearer, members, problem, run, token};

/// How many requests of one connection are within the limit.
const LIMIT: u32 = 3;

const ORIGINS: [&str; 2] = ["https://app.example.com", "http://localhost:5173"];

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NewUser {
    #[garde(length(chars, min = 2, max = 9))]
    name: String,
}

static SCHEME: LazyLock<Jwt<Claims>> = LazyLock::new(|| bearer().issuer("us").audience("api"));

/// What stands for a token in the input, and the token. Only the first is valid.
static TOKENS: LazyLock<[(&str, String); 5]> = LazyLock::new(|| {
    let claims = |expiry: u32, audience: &str| {
        format!(r#"{{"sub":"ann","exp":{expiry},"iss":"us","aud":"{audience}"}}"#)
    };
    let signed = |claims: String| token(br#"{"alg":"HS256"}"#, claims.as_bytes());
    let valid = signed(claims(NOW + 60, "api"));
    let [none, payload] = [
        br#"{"alg":"none"}"#.as_slice(),
        claims(NOW + 60, "api").as_bytes(),
    ]
    .map(|part| URL_SAFE_NO_PAD.encode(part));
    let signature = valid.rsplit('.').next().unwrap();
    let others = URL_SAFE_NO_PAD.encode(claims(NOW + 61, "api"));
    let forged = format!(
        "{}.{others}.{signature}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#)
    );
    [
        ("{valid}", valid),
        ("{expired}", signed(claims(NOW - 600, "api"))),
        ("{audience}", signed(claims(NOW + 60, "other"))),
        ("{unsigned}", format!("{none}.{payload}.")),
        ("{forged}", forged),
    ]
});

/// The input with its tokens.
fn with_tokens(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = input;
    while let Some((byte, after)) = rest.split_first() {
        let named = TOKENS
            .iter()
            .find(|(name, _)| rest.starts_with(name.as_bytes()));
        if let Some((name, token)) = named {
            out.extend(token.as_bytes());
            rest = &rest[name.len()..];
        } else {
            out.push(*byte);
            rest = after;
        }
    }
    out
}

/// What the handler leaves behind.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU32>);

/// Answers 201, and says that it ran.
async fn create(
    Auth(claims): Auth<Claims>,
    user: Valid<Json<NewUser>>,
    request: Request<Body>,
) -> Response<Body> {
    assert_eq!(claims.sub, "ann");
    assert!((2..=9).contains(&user.name.chars().count()));
    let runs = request
        .extensions()
        .get::<Runs>()
        .expect("one for each request");
    runs.0.fetch_add(1, Ordering::Relaxed);
    let mut response = Response::new(Body::from("created"));
    *response.status_mut() = StatusCode::CREATED;
    response
}

/// A new stack, so that no input depends on those before it.
fn service() -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone {
    compose((
        with_cors(Cors::origins(ORIGINS).unwrap().credentials()),
        with_methods([Method::POST]),
        with_rate_limit(Quota::per_day(LIMIT).by_peer().unwrap()),
        with_auth(SCHEME.clone()),
        with_validation::<Json<NewUser>>(),
        with_cache_control(CacheControl::no_store()),
    ))
    .service_fn(create)
}

/// What was read of a body, and whether that is all of it.
#[derive(Default)]
struct Read {
    bytes: Vec<u8>,
    all: bool,
}

/// The body of a request, which notes what was read of it.
struct Noted {
    body: Incoming,
    read: Arc<Mutex<Read>>,
}

impl http_body::Body for Noted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let mut read = self.read.lock().unwrap();
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            read.bytes.extend(frame.data_ref().into_iter().flatten());
        }
        read.all |= matches!(polled, Poll::Ready(None)) || self.body.is_end_stream();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A request as hyper has parsed it.
struct Parsed {
    method: Method,
    headers: HeaderMap,
    read: Read,
    /// How many requests on the same connection reached the limit before.
    before: u32,
}

impl Parsed {
    fn only(&self, name: header::HeaderName) -> Option<&[u8]> {
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next()?;
        lines.next().is_none().then_some(line.as_bytes())
    }

    fn has_valid_token(&self) -> bool {
        let Some(line) = self.only(header::AUTHORIZATION) else {
            return false;
        };
        let (scheme, token) = line.split_at(line.len().min(7));
        scheme.eq_ignore_ascii_case(b"bearer ")
            && token.trim_ascii_start() == TOKENS[0].1.as_bytes()
    }

    fn has_valid_body(&self) -> bool {
        let user = serde_json::from_slice::<NewUser>(&self.read.bytes);
        let valid = |user: NewUser| (2..=9).contains(&user.name.chars().count());
        self.read.all && user.is_ok_and(valid)
    }

    fn is_json(&self) -> bool {
        let json = |line: &[u8]| line.to_ascii_lowercase().starts_with(b"application/");
        self.only(header::CONTENT_TYPE).is_some_and(json)
    }

    /// Whether nothing is left that a layer could reject.
    fn is_plainly_valid(&self) -> bool {
        self.method == Method::POST
            && self.before < LIMIT
            && self.has_valid_token()
            && self.only(header::CONTENT_TYPE) == Some(b"application/json")
            && !self.headers.contains_key(header::CONTENT_ENCODING)
            && self.has_valid_body()
    }

    /// The one origin that sent it, if the policy allows it.
    fn allowed_origin(&self) -> Option<&[u8]> {
        let origin = self.only(header::ORIGIN)?;
        let is_listed = |listed: &&str| origin.eq_ignore_ascii_case(listed.as_bytes());
        ORIGINS
            .iter()
            .any(|listed| is_listed(&listed))
            .then_some(origin)
    }

    /// Checks the response, and whether the handler may have run for it.
    fn check(&self, runs: u32, response: &Response<Bytes>) {
        let status = response.status().as_u16();
        assert!(runs <= 1);
        assert_eq!(runs == 1, status == 201, "{response:?}");
        if runs == 1 {
            assert_eq!(self.method, Method::POST);
            assert!(self.before < LIMIT, "the handler ran beyond the limit");
            assert!(
                self.has_valid_token(),
                "the handler ran without a valid token"
            );
            assert!(
                self.is_json() && self.has_valid_body(),
                "the handler ran without its input"
            );
        }
        assert!(runs == 1 || !self.is_plainly_valid(), "{response:?}");
        // Nothing of a request is read before the client is known.
        assert!(self.has_valid_token() || self.read.bytes.is_empty());
        self.check_fields(status, response.headers());
        if status >= 400 && self.method != Method::HEAD {
            problem(response);
        }
        self.check_cors(response.headers());
    }

    /// Each status has its fields, and only the requests that can get it.
    fn check_fields(&self, status: u16, headers: &HeaderMap) {
        let known = [
            "GET", "HEAD", "PUT", "PATCH", "DELETE", "QUERY", "TRACE", "CONNECT",
        ];
        let asks = headers.contains_key(header::WWW_AUTHENTICATE);
        match status {
            201 => assert!(
                headers
                    .get_all(header::CACHE_CONTROL)
                    .iter()
                    .eq(["no-store"])
            ),
            204 => assert_eq!(self.method, Method::OPTIONS),
            400 => assert!(self.before < LIMIT && (asks || self.has_valid_token())),
            401 => assert!(asks && !self.has_valid_token()),
            413 | 415 | 422 => assert!(self.has_valid_token(), "{status} to nobody"),
            405 => {
                assert!(known.contains(&self.method.as_str()));
                assert_eq!(headers[header::ALLOW], "POST");
            }
            429 => {
                assert!(self.before >= LIMIT);
                assert!(headers.contains_key(header::RETRY_AFTER));
            }
            501 => {
                let others = ["POST", "OPTIONS"];
                assert!(
                    !known
                        .iter()
                        .chain(&others)
                        .any(|known| self.method == *known)
                );
            }
            _ => panic!("no layer of this stack answers {status}"),
        }
        assert!(self.before < LIMIT || self.method != Method::POST || status == 429);
        assert!(self.method == Method::POST || [204, 405, 501].contains(&status));
    }

    /// Only an allowed origin is named, and caches know that the response depends on it.
    fn check_cors(&self, headers: &HeaderMap) {
        let allowed = Vec::from_iter(headers.get_all(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        let credentials = headers.get_all(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        if let [origin] = allowed.as_slice() {
            let sent = self.allowed_origin().expect("an allowed origin");
            assert!(origin.as_bytes().eq_ignore_ascii_case(sent));
            assert!(credentials.iter().eq(["true"]));
        } else {
            assert!(allowed.is_empty() && credentials.iter().next().is_none());
            assert!(self.allowed_origin().is_none() || self.method == Method::OPTIONS);
        }
        assert!(members(headers, header::VARY).contains(&"origin".to_owned()));
    }
}

/// Sends one request through the stack, and checks the response.
async fn answer(
    mut stack: impl Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    limited: &AtomicU32,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let read = Arc::<Mutex<Read>>::default();
    let runs = Runs::default();
    let mut request = request.map(|body| {
        let read = Arc::clone(&read);
        Body::stream(Noted { body, read })
    });
    request.extensions_mut().insert(runs.clone());
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    request.extensions_mut().insert(PeerAddr(peer));

    let Ok(()) = poll_fn(|cx| stack.poll_ready(cx)).await;
    let Ok(response) = stack.call(request).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("in memory").to_bytes();
    let response = Response::from_parts(head, body);

    let reaches_the_limit = u32::from(method == Method::POST);
    let before = limited.fetch_add(reaches_the_limit, Ordering::Relaxed);
    let read = std::mem::take(&mut *read.lock().unwrap());
    let runs = runs.0.load(Ordering::Relaxed);
    COUNTS.with(|counts| counts.add(runs));
    Parsed {
        method,
        headers,
        read,
        before,
    }
    .check(runs, &response);
    Ok(response.map(Full::new))
}

/// The requests that hyper parsed, and those that the handler got.
#[derive(Default)]
struct Counts {
    requests: Cell<u64>,
    runs: Cell<u64>,
}

impl Counts {
    fn add(&self, runs: u32) {
        self.requests.set(self.requests.get() + 1);
        self.runs.set(self.runs.get() + u64::from(runs));
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        let (requests, runs) = (self.requests.get(), self.runs.get());
        eprintln!(
            "stat::requests_parsed:          {requests}\nstat::handler_runs:             {runs}"
        );
    }
}

thread_local! {
    static COUNTS: Counts = Counts::default();
}

fuzz_target!(|input: &[u8]| {
    let sent = with_tokens(input);
    // Enough for every response, so that none has to wait for a reader.
    let (mut client, server) = tokio::io::duplex(1 << 24);
    run(client.write_all(&sent)).unwrap();
    run(client.shutdown()).unwrap();

    let stack = service();
    let limited = AtomicU32::new(0);
    let answers = service_fn(|request| answer(stack.clone(), &limited, request));
    let connection = http1::Builder::new()
        // The client has sent everything, and still reads.
        .half_close(true)
        .serve_connection(TokioIo::new(server), answers);
    // An error is one of the bytes: not HTTP, or ended too early.
    let _ = run(connection);
});
