//! What layers answer, compared with what they say of themselves: each answer that a layer describes
//! comes with all of its reasons, fields and members, and no other does.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use http::{HeaderName, HeaderValue, Method, Request, Response, header, request::Parts};
use serde::Deserialize;
use tower::{Layer, Service, ServiceExt};
use wythe::{
    ApiKey, Auth, Basic, CacheControl, ClientIpSource, ConcurrencyLimit, Cors, Csrf, CsrfTokens,
    Description, Form, HasScopes, IpFilter, Json, JsonOrForm, Jwt, Later, PeerAddr, Place, Problem,
    Query, Quota, RateLimit, RateLimitFields, Roles, Scopes, Secret, Sessions, assume,
    auth::{Authenticate, Refusal, SessionKey, Verdict},
    compose,
    rate_limit::Overflow,
    webhook::{
        ClaimId, EventKey, EventState, MemoryWebhookStore, SignatureFormat, WebhookScheme,
        WebhookStore,
    },
    with_auth, with_authorization, with_cache_control, with_client_ip, with_concurrency_limit,
    with_cors, with_csrf, with_ip_filter, with_load_shed, with_methods, with_presentation,
    with_rate_limit, with_raw_webhook, with_roles, with_scopes, with_validation, with_webhook,
};

use crate::common::{Body, empty, sessions::WallClock};

const SECRET: &str = "thirty-two bytes of a secret, or more";

/// Answers 200, unless the request asks for a panic.
#[derive(Clone)]
struct Handler;

/// A response of the handler.
#[derive(Clone)]
struct Handled;

impl Service<Request<Body>> for Handler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(!request.headers().contains_key("panic"), "as requested");
        let mut response = Response::new(Body::from("ok"));
        response.extensions_mut().insert(Handled);
        ready(Ok(response))
    }
}

/// Never ready.
#[derive(Clone)]
struct Busy;

impl Service<Request<Body>> for Busy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        unreachable!("it is never ready")
    }
}

/// An answer, and each of its parts.
fn parts<'a>(
    status: u16,
    kind: Option<&str>,
    reasons: impl IntoIterator<Item = &'a str>,
    fields: impl IntoIterator<Item = &'a HeaderName>,
    members: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = String> {
    let answer = match kind {
        None => format!("{status} without a problem"),
        Some("about:blank") => status.to_string(),
        Some(kind) => format!("{status} {}", kind.rsplit(['#', '/']).next().unwrap()),
    };
    let all: Vec<_> = reasons
        .into_iter()
        .map(|reason| format!("{answer} reason {reason}"))
        .chain(
            fields
                .into_iter()
                .map(|field| format!("{answer} field {field}")),
        )
        .chain(
            members
                .into_iter()
                .map(|member| format!("{answer} member {member}")),
        )
        .collect();
    [answer].into_iter().chain(all)
}

fn described(layer: &Description) -> BTreeSet<String> {
    let answers = layer.answers().iter().flat_map(|answer| {
        parts(
            answer.status().as_u16(),
            answer.kind_uri(),
            answer.reasons().iter().map(|reason| &**reason),
            answer.fields(),
            answer.members().iter().map(|member| &**member),
        )
    });
    let sets = layer.fields().iter().map(|field| format!("sets {field}"));
    answers.chain(sets).collect()
}

fn seen<R>(response: &Response<R>) -> BTreeSet<String> {
    let every = [header::CONTENT_TYPE, header::CONTENT_LENGTH];
    let fields = response.headers().keys();
    let fields = fields.filter(|field| !every.contains(field));
    if response.extensions().get::<Handled>().is_some() {
        return fields.map(|field| format!("sets {field}")).collect();
    }
    let problem = response.extensions().get::<Problem>();
    let members = problem
        .iter()
        .flat_map(|problem| problem.extensions().keys());
    parts(
        response.status().as_u16(),
        problem.map(Problem::kind_uri),
        problem.and_then(Problem::reason_code),
        fields,
        members.map(String::as_str),
    )
    .collect()
}

/// Sends the requests, one after another; all responses are kept until the end. What is described is
/// what comes, and what these requests can't provoke.
async fn provokes<L, S, R>(
    name: &str,
    layer: L,
    requests: impl IntoIterator<Item = Request<Body>>,
    not_provoked: &[&str],
) where
    L: Place + Layer<Handler, Service = S>,
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible> + Clone,
{
    let service = layer.layer(Handler);
    let mut responses = Vec::new();
    for request in requests {
        responses.push(service.clone().oneshot(request).await.unwrap());
    }
    compare(
        name,
        &layer.describe(),
        responses.iter().flat_map(seen),
        not_provoked,
    );
}

#[track_caller]
fn compare(
    name: &str,
    layer: &Description,
    seen: impl Iterator<Item = String>,
    not_provoked: &[&str],
) {
    let seen: BTreeSet<_> = seen.collect();
    let not_provoked: BTreeSet<_> = not_provoked.iter().map(ToString::to_string).collect();
    let provoked: Vec<_> = seen.intersection(&not_provoked).collect();
    assert!(
        provoked.is_empty(),
        "{name}: provoked after all: {provoked:#?}"
    );
    let described = described(layer);
    let expected: BTreeSet<_> = seen.union(&not_provoked).cloned().collect();
    let missing: Vec<_> = expected.difference(&described).collect();
    assert!(missing.is_empty(), "{name}: not described: {missing:#?}");
    let unexpected: Vec<_> = described.difference(&expected).collect();
    assert!(
        unexpected.is_empty(),
        "{name}: never comes: {unexpected:#?}"
    );
}

fn request(method: &str, fields: &[(&str, &str)], body: &'static str) -> Request<Body> {
    let request = Request::builder().method(method).uri("/");
    let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    let request = fields.iter().fold(request, add);
    request.body(Body::from(body)).unwrap()
}

fn get(fields: &[(&str, &str)]) -> Request<Body> {
    request("GET", fields, "")
}

fn from_peer(fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = get(fields);
    let peer = PeerAddr("203.0.113.9:50123".parse().unwrap());
    request.extensions_mut().insert(peer);
    request
}

/// The value of one of two reasons, for what the test of a scheme provokes.
fn reasons(status: u16, reasons: &str) -> Vec<String> {
    let reasons = reasons.split(' ');
    reasons
        .map(|reason| format!("{status} reason {reason}"))
        .collect()
}

#[tokio::test]
async fn cors() {
    const ORIGIN: (&str, &str) = ("origin", "https://app.example.com");
    const OTHER: (&str, &str) = ("origin", "https://other.example");
    let preflight = |origin| {
        let asks = ("access-control-request-method", "PUT");
        let headers = ("access-control-request-headers", "content-type");
        let network = ("access-control-request-private-network", "true");
        request("OPTIONS", &[origin, asks, headers, network], "")
    };
    let requests = || {
        [
            preflight(ORIGIN),
            preflight(OTHER),
            get(&[ORIGIN]),
            get(&[OTHER]),
            get(&[]),
        ]
    };
    provokes("any", with_cors(Cors::any()), requests(), &[]).await;
    provokes(
        "any, and everything",
        with_cors(
            Cors::any()
                .any_method()
                .any_header()
                .any_exposed_header()
                .dangerously_allow_private_network(),
        ),
        requests(),
        &[],
    )
    .await;
    let one = Cors::origins(["https://app.example.com"]).unwrap();
    provokes("one origin", with_cors(one.clone()), requests(), &[]).await;
    let all = one
        .allow_origins_where(|_, _| false)
        .credentials()
        .mirrored_headers()
        .exposed_headers(["etag"])
        .unwrap()
        .max_age(Duration::from_secs(60))
        .unwrap()
        .private_network();
    provokes("everything", with_cors(all), requests(), &[]).await;
}

#[tokio::test]
async fn csrf() {
    const HOST: (&str, &str) = ("host", "example.com");
    let post = |fields: &[(&str, &str)]| request("POST", fields, "");
    let origin = |origin| ("origin", origin);
    let forged = || {
        [
            post(&[("sec-fetch-site", "cross-site")]),
            post(&[HOST, origin("https://other.example")]),
            post(&[HOST, origin("null")]),
            post(&[origin("https://other.example")]),
            post(&[origin("https://a.example"), origin("https://b.example")]),
            post(&[]),
            get(&[]),
        ]
    };
    provokes("origins", with_csrf(Csrf::same_origin()), forged(), &[]).await;
    let tokens = CsrfTokens::new(SECRET).unwrap();
    let csrf = Csrf::same_origin().required_token(tokens, |head| {
        let session = head.headers().get("session")?.to_str().ok()?;
        Some(session.into())
    });
    let session = ("session", "1");
    let token = ("x-csrf-token", "wrong");
    let without_token = [
        post(&[]),
        post(&[session]),
        post(&[session, token, token]),
        post(&[session, token]),
    ];
    provokes(
        "tokens",
        with_csrf(csrf),
        forged().into_iter().chain(without_token),
        &["403 reason expired_token"],
    )
    .await;
}

#[tokio::test]
async fn methods() {
    let every = || ["GET", "HEAD", "POST", "OPTIONS", "get"].map(|method| request(method, &[], ""));
    provokes("GET", with_methods([Method::GET]), every(), &[]).await;
    let options = with_methods([Method::GET, Method::OPTIONS]);
    provokes("OPTIONS", options, every(), &[]).await;
}

#[tokio::test]
async fn rate_limits() {
    let crossing = ("origin", "https://app.example.com");
    let twice = || [from_peer(&[]), from_peer(&[]), from_peer(&[crossing])];
    let once = || Quota::per_hour(1).by_peer().unwrap();
    let expose = "sets access-control-expose-headers";
    for fields in [RateLimitFields::Draft, RateLimitFields::Legacy] {
        let limit = Quota::per_hour(2).by_peer().unwrap().fields(fields);
        let passing = [from_peer(&[crossing]), from_peer(&[]), get(&[])];
        let requests = passing.into_iter().chain(twice());
        provokes("fields", with_rate_limit(limit), requests, &[]).await;
    }
    // It exposes a `Retry-After` of the handler.
    let silent = once().fields(RateLimitFields::None);
    let requests = twice().into_iter().chain([get(&[])]);
    provokes("no fields", with_rate_limit(silent), requests, &[expose]).await;
    let shadow = with_rate_limit(once().shadow());
    let requests = twice().into_iter().chain([get(&[])]);
    provokes("shadow", shadow, requests, &[expose]).await;
    let dear = once().cost(|_| 2);
    let spent = [
        "429 quota-exceeded field access-control-expose-headers",
        "429 quota-exceeded field retry-after",
        "sets ratelimit",
        "sets ratelimit-policy",
        expose,
    ];
    let requests = [from_peer(&[]), get(&[])];
    provokes("never", with_rate_limit(dear), requests, &spent).await;

    let plans = || {
        let plans = RateLimit::plans([(1, [Quota::per_hour(1)]), (2, [Quota::per_hour(1)])]);
        plans.unwrap().chosen_by(|head| {
            let plan = head.headers().get("plan");
            if plan.is_some() { 3 } else { 1 }
        })
    };
    let by_header = plans().dangerously_by_client_header("key").unwrap();
    let key = ("key", "1");
    let requests = || {
        [
            get(&[key, crossing]),
            get(&[key, crossing]),
            get(&[("key", "2"), crossing]),
            get(&[key, key]),
            get(&[("plan", "3")]),
        ]
    };
    let refusing = by_header.clone().max_keys(1, Overflow::Refuse).unwrap();
    provokes("plans", with_rate_limit(refusing), requests(), &[]).await;
    let shadow = with_rate_limit(by_header.shadow());
    provokes("plans in shadow mode", shadow, requests(), &[expose]).await;
}

#[tokio::test]
async fn concurrency_limits() {
    let one = || ConcurrencyLimit::of(1).unwrap();
    let twice = || [from_peer(&[]), from_peer(&[]), get(&[])];
    provokes("all", with_concurrency_limit(one()), twice(), &[]).await;
    let by_peer = with_concurrency_limit(one().by_peer());
    provokes("by peer", by_peer, twice(), &[]).await;
}

#[tokio::test]
async fn load_shed() {
    let layer = with_load_shed();
    let response = layer.layer(Busy).oneshot(get(&[])).await.unwrap();
    compare(
        "load shed",
        &layer.describe(),
        seen(&response).into_iter(),
        &[],
    );
}

#[tokio::test]
async fn presentation() {
    let requests = [get(&[]), get(&[("panic", "please")])];
    provokes("presentation", with_presentation(), requests, &[]).await;
}

#[tokio::test]
async fn addresses() {
    let requests = || [from_peer(&[]), get(&[])];
    let filter = IpFilter::deny(["203.0.113.0/24"]).unwrap().by_peer();
    provokes("filter", with_ip_filter(filter), requests(), &[]).await;
    let peer = with_client_ip(ClientIpSource::peer());
    provokes("client address", peer, requests(), &[]).await;
}

#[tokio::test]
async fn conditional_requests() {
    use wythe::{Conditional, ETag, with_conditional};

    let put = |fields: &[(&'static str, &'static str)]| {
        let mut request = get(fields);
        *request.method_mut() = Method::PUT;
        request
    };
    let policy = Conditional::new().current(|_| Some(ETag::version(7)));
    let requests = [
        get(&[("if-none-match", "*")]),
        put(&[("if-match", "7")]),
        put(&[("if-match", "\"6\"")]),
        put(&[]),
    ];
    let layer = with_conditional(policy.require_precondition());
    provokes(
        "conditional",
        layer,
        requests,
        &[
            // It is the response of the handler.
            "304 without a problem",
            "304 without a problem field etag",
        ],
    )
    .await;
}

#[tokio::test]
async fn caches() {
    let private = with_cache_control(CacheControl::private());
    provokes("private", private, [get(&[])], &[]).await;
    let cdn = CacheControl::private().cdn(CacheControl::public());
    provokes("cdn", with_cache_control(cdn), [get(&[])], &[]).await;
}

/// A principal who has one scope and one role.
#[derive(Clone)]
struct Granted(&'static str);

impl HasScopes for Granted {
    fn has_scope(&self, scope: &str) -> bool {
        self.0 == scope
    }
}

#[tokio::test]
async fn requirements() {
    let by = |granted| {
        let request = Request::get("/").extension(Auth(Granted(granted)));
        request.body(empty()).unwrap()
    };
    let requests = || ["read", "write", "fail"].map(by);
    let scopes = || Scopes::<Granted>::any(["read"]).unwrap();
    provokes("scopes", with_scopes(scopes()), requests(), &[]).await;
    let bare = scopes().without_challenge();
    provokes("no challenge", with_scopes(bare), requests(), &[]).await;
    let roles = Roles::all(["read"]).unwrap();
    let roles = roles.by(|granted: &Granted, role: &str| granted.0 == role);
    provokes("roles", with_roles(roles), requests(), &[]).await;
    let check = |auth: &Auth<Granted>, _: &wythe::RequestHead<'_>| match auth.0.0 {
        "fail" => Err("the store is down"),
        granted => Ok(granted == "read"),
    };
    provokes("check", with_authorization(check), requests(), &[]).await;
    let check = |auth: &Auth<Granted>, _: &wythe::RequestHead<'_>| auth.0.0 == "read";
    provokes("plain check", with_authorization(check), requests(), &[]).await;
}

#[tokio::test]
async fn what_is_assumed_may_be_missing() {
    let scopes = Scopes::<Granted>::any(["read"]).unwrap();
    let stack = compose((assume::<Auth<Granted>>(), with_scopes(scopes)));
    let response = stack.layer(Handler).oneshot(get(&[])).await.unwrap();
    let layers = stack.describe();
    let is_known = seen(&response).is_subset(&described(&layers[0].1));
    assert!(is_known, "{response:?}");
}

/// Does what the field of its name says.
#[derive(Clone)]
struct FieldDriven(&'static str);

impl Authenticate for FieldDriven {
    type Principal = &'static str;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(self.0)
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<&'static str>> {
        let said = head.headers.get(self.0);
        Later::from(match said.and_then(|said| said.to_str().ok()) {
            None => Verdict::Missing,
            Some("fail") => Verdict::failed("Said", "down"),
            Some("refuse") => Verdict::refused("refused"),
            Some("other") => Verdict::Verified("other"),
            Some(_) => Verdict::Verified("known"),
        })
    }
}

#[tokio::test]
async fn own_schemes() {
    let requests = || {
        let said = ["known", "other", "refuse", "fail"];
        let said = said.iter().map(|said| get(&[("a", said)]));
        said.chain([get(&[])]).collect::<Vec<_>>()
    };
    provokes("own", with_auth(FieldDriven("a")), requests(), &[]).await;
    provokes(
        "optional",
        with_auth(FieldDriven("a")).optional(),
        requests(),
        &[],
    )
    .await;
    let map = with_auth(FieldDriven("a").map(str::len));
    provokes("map", map, requests(), &[]).await;
    let both = [get(&[("a", "known"), ("b", "known")])];
    let exclusive = with_auth(FieldDriven("a").or(FieldDriven("b")).exclusive());
    provokes("or", exclusive, requests().into_iter().chain(both), &[]).await;
}

/// A scheme that refuses nothing itself, and says so.
#[derive(Clone)]
struct Open;

impl Authenticate for Open {
    type Principal = &'static str;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Open")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<&'static str>> {
        FieldDriven("a").authenticate(head)
    }

    fn describe(&self, layer: Description) -> Description {
        use wythe::description::{SchemeKind, SecurityScheme};

        layer.scheme(SecurityScheme::new(SchemeKind::Other, "Open"))
    }
}

#[tokio::test]
async fn principals_that_are_refused_later() {
    let requests = || [get(&[("a", "known")]), get(&[("a", "other")]), get(&[])];
    provokes("map", with_auth(Open.map(str::len)), requests(), &[]).await;
    let refuse = |name: &str| match name {
        "known" => Ok(()),
        _ => Err(Refusal::new("unknown")),
    };
    let map = with_auth(Open.try_map(refuse));
    provokes("try_map", map, requests(), &[]).await;

    let look_up =
        |name: &'static str| async move { Ok::<_, Infallible>((name == "known").then_some(())) };
    let unavailable = ["503", "503 reason look_up_failed"];
    let found = with_auth(Open.and_then(look_up));
    provokes("option", found, requests(), &unavailable).await;
    let judge = |name: &'static str| async move {
        match name {
            "known" => Verdict::Missing,
            _ => Verdict::<()>::refused("unknown"),
        }
    };
    let judged = with_auth(Open.and_then(judge));
    provokes("verdict", judged, requests(), &unavailable).await;
}

#[derive(Clone, Deserialize)]
struct Claims {}

#[tokio::test]
async fn bearer_tokens() {
    let authorization = |value| ("authorization", value);
    let other = reasons(
        401,
        "too_long critical_header type unknown_key signature expired not_yet_valid too_old \
         no_expiry missing_claim check issuer audience claims",
    );
    let other: Vec<_> = other.iter().map(|reason| &**reason).collect();
    let jwt = Jwt::<Claims>::hs256(SECRET).unwrap();
    let requests = [
        get(&[]),
        get(&[authorization("Bearer ")]),
        get(&[authorization("Bearer a.b.c")]),
        get(&[authorization("Bearer a.b.c"), ("cookie", "token=a.b.c")]),
    ];
    let layer = with_auth(jwt.cookie("token").unwrap());
    provokes("jwt", layer, requests, &other).await;
}

#[tokio::test]
async fn api_keys() {
    let key = |value| ("x-api-key", value);
    let long = "x".repeat(257);
    let requests = [
        get(&[]),
        get(&[key("b58b1f2e-5c0a-4b2f-9a57-8a4c8a7f6b0d")]),
        get(&[key("a b")]),
        get(&[key("a"), key("b")]),
        get(&[key(&long)]),
    ];
    let other = [
        "401 reason format",
        "401 reason checksum",
        "401 reason wrong_secret",
    ];
    let keys = ApiKey::lookup(|_| None::<()>);
    provokes("api key", with_auth(keys), requests, &other).await;
    let failing = ApiKey::lookup_async(async |_| Err::<Option<()>, _>("down"));
    let requests = [
        get(&[]),
        get(&[key("b58b1f2e-5c0a-4b2f-9a57-8a4c8a7f6b0d")]),
        get(&[key("a b")]),
        get(&[key("a"), key("b")]),
        get(&[key(&long)]),
    ];
    let other = [&other[..], &["401 reason unknown_key"]].concat();
    provokes("api key in a store", with_auth(failing), requests, &other).await;
}

#[tokio::test]
async fn passwords() {
    let basic = |value| get(&[("authorization", value)]);
    let long = format!("Basic {}", "QUFB".repeat(1_000));
    let twice = ("authorization", "Basic YTpi");
    let requests = [
        get(&[]),
        get(&[twice, twice]),
        basic(&long),
        basic("Basic !"),
        // 0xff, a line feed, no colon, `a:b`, `x:b`.
        basic("Basic /zo="),
        basic("Basic YTo="),
        basic("Basic YTpiCg=="),
        basic("Basic YWI="),
        basic("Basic eDpi"),
    ];
    let scheme = Basic::verify("api", async |user: String, _: Secret| match &*user {
        "x" => Err("down"),
        _ => Ok(None::<()>),
    });
    let not_provoked = ["503 reason busy", "503 field retry-after"];
    provokes("basic", with_auth(scheme.unwrap()), requests, &not_provoked).await;
}

#[tokio::test]
async fn sessions() {
    let clock = WallClock::default();
    let key = SessionKey::new(SECRET).unwrap();
    let sessions = Sessions::<String>::encrypted([key]).unwrap();
    let sessions = sessions.clock(clock.show());
    let cookie = sessions.login(&"alice".to_owned()).await.unwrap();
    let name = cookie.name().to_owned();
    let cookie = format!("{name}={}", cookie.value());
    let wrong = format!("{name}=x");
    let long = format!("{name}={}", "x".repeat(5_000));
    let many = ["1", "2", "3", "4", "5"]
        .map(|value| format!("{name}={value}"))
        .join("; ");
    // After a quarter of the idle time it is renewed.
    clock.advance(Duration::from_secs(900));
    let requests = [
        get(&[]),
        get(&[("cookie", &wrong)]),
        get(&[("cookie", &many)]),
        get(&[("cookie", &long)]),
        get(&[("cookie", &cookie)]),
    ];
    let other = reasons(401, "data expired idle unknown_session not_yet_valid check");
    let other: Vec<_> = other.iter().map(|reason| &**reason).collect();
    provokes("session", with_auth(sessions), requests, &other).await;
}

#[derive(Deserialize, garde::Validate)]
struct Named {
    #[garde(length(min = 2))]
    name: String,
}

#[tokio::test]
async fn inputs() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    const GZIP: (&str, &str) = ("content-encoding", "gzip");
    let post = |fields: &[(&str, &str)], body| request("POST", fields, body);
    let broken = "400 reason broken_body";
    let requests = || {
        [
            post(&[], ""),
            post(&[], "?"),
            post(&[("content-type", "image/png")], "?"),
            post(&[JSON, GZIP], "?"),
            post(&[JSON], "{"),
            post(&[JSON], "{\"name\":1}"),
            post(&[JSON], "{\"name\":\"A\"}"),
            post(&[JSON], "{\"name\":\"a name that is far too long\"}"),
            post(&[JSON], "[1,2,3]"),
            post(&[FORM], "a&b&c"),
            post(&[FORM], "%"),
            post(&[FORM], "x=1"),
            post(&[FORM], "name=A"),
            post(&[FORM], "name=a+name+that+is+far+too+long"),
        ]
    };
    let layer = with_validation::<Json<Named>>()
        .max_body_bytes(20)
        .max_values(2);
    provokes("json", layer, requests(), &[broken]).await;
    let layer = with_validation::<Form<Named>>()
        .max_body_bytes(20)
        .max_values(2);
    provokes("form", layer, requests(), &[broken]).await;
    let layer = with_validation::<JsonOrForm<Named>>()
        .max_body_bytes(20)
        .max_values(2);
    provokes("json or form", layer, requests(), &[broken]).await;
    let layer = with_validation::<Json<Named>>()
        .max_body_bytes(20)
        .max_values(2);
    let layer = layer.dangerously_ignore_content_type();
    provokes("json of any type", layer, requests(), &[broken]).await;
    let query = |query: &str| {
        let request = Request::get(format!("/?{query}"));
        request.body(empty()).unwrap()
    };
    let layer = with_validation::<Query<Named>>();
    let queries = ["name=Ada", "name=A", "name=%", ""].map(query);
    provokes("query", layer, queries, &[]).await;
    let layer = with_validation::<Query<Named>>().max_values(2);
    let queries = ["name=Ada", "name=A", "name=%", "a&b&c"].map(query);
    provokes("query with few values", layer, queries, &[]).await;
}

/// A store that says that every event is in progress, or that is not available.
#[derive(Clone)]
struct Events(Result<EventState, &'static str>);

impl WebhookStore for Events {
    type Error = &'static str;

    async fn begin(&self, _: EventKey, _: ClaimId, _: Duration) -> Result<EventState, Self::Error> {
        self.0
    }

    async fn complete(&self, _: EventKey, _: Duration) -> Result<(), Self::Error> {
        self.0.map(drop)
    }

    async fn release(&self, _: EventKey, _: ClaimId) -> Result<(), Self::Error> {
        self.0.map(drop)
    }
}

#[tokio::test]
async fn webhooks() {
    let now = SystemTime::now();
    let minute = Duration::from_secs(60);
    let scheme = WebhookScheme::stripe(SECRET).unwrap().clock(move || now);
    let signed = |seconds: Duration, body: &'static str| {
        let mut request = request("POST", &[], body);
        let time = now - 10 * minute + seconds;
        *request.headers_mut() = scheme.sign("", time, body).unwrap();
        request
    };
    let mut coded = signed(10 * minute, "{}");
    let gzip = HeaderValue::from_static("gzip");
    coded.headers_mut().insert(header::CONTENT_ENCODING, gzip);
    let requests = || {
        [
            request("POST", &[], "{}"),
            request("POST", &[("stripe-signature", "?")], "{}"),
            signed(Duration::ZERO, "{}"),
            signed(20 * minute, "{}"),
            signed(10 * minute, "{}").map(|_| Body::from("[]")),
            signed(10 * minute, "{"),
            signed(10 * minute, "{}"),
            signed(10 * minute, r#"{"name":"Ada"}"#),
            signed(10 * minute, r#"{"name":"Ada"}"#),
            signed(10 * minute, "this body has more bytes than allowed"),
            coded.clone(),
        ]
    };
    let broken = "400 reason broken_body";
    let layer = with_webhook::<Named>(scheme.clone()).max_body_bytes(20);
    provokes("webhook", layer.clone(), requests(), &[broken]).await;
    let unsigned = [
        "400 reason too_old",
        "400 reason in_future",
        "400 reason malformed",
        "400 member line",
        "400 member column",
    ];
    let raw = WebhookScheme::github(SECRET).unwrap();
    let fault = |field: &'static str| request("POST", &[("x-hub-signature-256", field)], "{}");
    let repeated = [("x-hub-signature-256", "?"), ("x-hub-signature-256", "?")];
    let mut faults = vec![fault("sha256="), request("POST", &repeated, "{}")];
    faults.extend([requests()[0].clone(), requests()[9].clone(), coded.clone()]);
    let layer_of_bytes = with_raw_webhook(raw).max_body_bytes(20);
    let described = described(&layer_of_bytes.describe());
    assert!(unsigned.iter().all(|name| !described.contains(*name)));
    provokes("bytes", layer_of_bytes, faults, &[broken]).await;

    let three = [
        "200 without a problem",
        "409",
        "409 reason in_progress",
        "503",
        "503 reason unavailable",
    ];
    let states = [
        (Ok(EventState::Handled), [1, 2, 3, 4].as_slice()),
        (Ok(EventState::InProgress), &[0, 3, 4]),
        (Err("the store is down"), &[0, 1, 2]),
    ];
    for (state, not_provoked) in states {
        let layer = layer.clone().once(Events(state));
        let not_provoked = not_provoked.iter().map(|index| three[*index]);
        let not_provoked: Vec<_> = not_provoked.chain([broken]).collect();
        provokes("once", layer, requests(), &not_provoked).await;
    }
    let own = SignatureFormat::hex("x-signature").unwrap();
    let own = WebhookScheme::custom("own", own, SECRET).unwrap();
    let layer = with_raw_webhook(own).once(MemoryWebhookStore::default());
    let layer = layer.dangerously_handle_without_store();
    let answers = layer.describe();
    assert!(
        answers
            .answers()
            .iter()
            .all(|answer| answer.status() != 503)
    );
}
