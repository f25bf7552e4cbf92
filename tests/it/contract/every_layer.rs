//! What holds for every layer of the crate, whatever its policy.
//!
//! `every_layer!` has one line per layer: the layer, a request that passes, a request that it
//! answers itself if there is one, and a secret that its `Debug` output must not contain. It tests the
//! layer in an `Api` too; where another line is needed for that, the two are `contract!` and
//! `under_api!`. A layer that keeps an account, of permits for example, has a test in `disconnects` as
//! well.

use std::{
    convert::Infallible,
    fmt::Debug,
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use http::{Request, Response, header};
use tower::{Layer, Service, ServiceExt};
use wythe::{Describe, Description, Place, Placed, Problem, Stack, With, description::Answer};

#[cfg(feature = "api")]
use super::under_api::under_api;
use super::{disconnects::survives_disconnects, strict::Strict};
use crate::common::{self, Body};

/// The bytes that a layer may add to the future of the service that it wraps.
const FUTURE_BYTES: usize = 512;

/// The whole contract, for one layer.
async fn keeps_the_contract<L, S>(
    layer: L,
    passing: fn() -> Request<Body>,
    answered: Option<fn() -> Request<Body>>,
    secret: &str,
) where
    L: Layer<Strict, Service = S> + Describes + Clone + Debug + Send + Sync + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let shown = format!("{layer:?}");
    assert!(!shown.contains(secret), "`Debug` shows the secret: {shown}");

    let handler = Strict::default();
    let seen = Arc::clone(&handler.seen);
    let service = layer.clone().layer(handler);

    // Readiness is forwarded, and the service that was made ready is the one that is called.
    seen.polls_until_ready.store(2, Ordering::SeqCst);
    let response = service.clone().oneshot(passing()).await.unwrap();
    assert_eq!(response.status(), 200);
    is_described(&layer, &response);
    assert_eq!(seen.calls.load(Ordering::SeqCst), 1);

    // One service can be called repeatedly, and so can its clones.
    let mut first = service.clone();
    for _ in 0..2 {
        poll_fn(|cx| first.poll_ready(cx)).await.unwrap();
        assert_eq!(first.call(passing()).await.unwrap().status(), 200);
    }
    let mut second = first.clone();
    poll_fn(|cx| second.poll_ready(cx)).await.unwrap();
    assert_eq!(second.call(passing()).await.unwrap().status(), 200);
    assert_eq!(seen.calls.load(Ordering::SeqCst), 4);

    // A request that the layer answers itself never reaches the handler.
    if let Some(answered) = answered {
        let response = service.clone().oneshot(answered()).await.unwrap();
        assert_ne!(response.status(), 200);
        is_described(&layer, &response);
        assert_eq!(seen.calls.load(Ordering::SeqCst), 4);
    }

    // A future that is dropped early, polled or not, leaves nothing behind.
    let mut third = service.clone();
    poll_fn(|cx| third.poll_ready(cx)).await.unwrap();
    drop(third.call(passing()));
    poll_fn(|cx| third.poll_ready(cx)).await.unwrap();
    let mut future = Box::pin(third.call(passing()));
    let first_poll = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    assert!(first_poll.is_pending());
    let size = size_of_val(&*future);
    drop(future);
    assert_eq!(seen.alive.load(Ordering::SeqCst), 0);

    assert!(size <= FUTURE_BYTES, "the future takes {size} bytes");
}

/// A layer, or a stack, that says what it does.
trait Describes {
    fn descriptions(&self) -> Vec<Description> {
        Vec::new()
    }
}

impl<M: Place> Describes for With<M> {
    fn descriptions(&self) -> Vec<Description> {
        vec![self.describe()]
    }
}

impl<L: Place> Describes for Placed<L> {
    fn descriptions(&self) -> Vec<Description> {
        vec![self.describe()]
    }
}

impl<L: Describe> Describes for Stack<L> {
    fn descriptions(&self) -> Vec<Description> {
        let rows = self.describe().into_iter();
        rows.map(|(_, description)| description).collect()
    }
}

impl<F> Describes for tower::util::MapRequestLayer<F> {}

impl<F> Describes for tower::util::MapResponseLayer<F> {}

/// Two layers, of which one makes the other fit the tests.
#[derive(Clone, Debug)]
struct Adapted<Inner, Outer>(Inner, Outer);

impl<S, Inner: Layer<S>, Outer: Layer<Inner::Service>> Layer<S> for Adapted<Inner, Outer> {
    type Service = Outer::Service;

    fn layer(&self, service: S) -> Self::Service {
        self.1.layer(self.0.layer(service))
    }
}

impl<Inner: Describes, Outer: Describes> Describes for Adapted<Inner, Outer> {
    fn descriptions(&self) -> Vec<Description> {
        [self.0.descriptions(), self.1.descriptions()].concat()
    }
}

/// An answer of the layer is one that it describes, and so are the fields that it sets. A layer of the
/// tests that describes no answer is not checked, and neither is a 500: a stack without what its layers
/// need does not compile, unless it is assumed.
fn is_described(layer: &impl Describes, response: &Response<Body>) {
    let all = layer.descriptions();
    let says_nothing =
        |layer: &Description| layer.answers().is_empty() && layer.fields().is_empty();
    if all.iter().all(says_nothing) || response.status() == 500 {
        return;
    }
    let mut expected: Vec<_> = all.iter().flat_map(Description::fields).collect();
    if response.status() != 200 {
        let problem = response.extensions().get::<Problem>();
        let reason = problem.and_then(Problem::reason_code);
        let is_given = |answer: &&Answer| {
            answer.status() == response.status()
                && answer.kind_uri() == problem.map(Problem::kind_uri)
                && reason.is_none_or(|reason| answer.reasons().iter().any(|code| code == reason))
        };
        let mut answers = all.iter().flat_map(Description::answers);
        let answer = answers.find(is_given);
        let answer = answer.unwrap_or_else(|| panic!("not described: {response:?}"));
        expected.extend(answer.fields());
        for member in problem
            .iter()
            .flat_map(|problem| problem.extensions().keys())
        {
            assert!(
                answer.members().iter().any(|known| known == member),
                "{member}"
            );
        }
        expected.extend([&header::CONTENT_TYPE, &header::CONTENT_LENGTH]);
    }
    for field in response.headers().keys() {
        assert!(
            expected.contains(&field),
            "`{field}` is not described: {response:?}"
        );
    }
}

fn plain() -> Request<Body> {
    Request::get("/").body(common::empty()).unwrap()
}

/// One test for each line.
macro_rules! contract {
    ($($name:ident: $layer:expr, passes $passing:expr, answers $answered:expr, secret $secret:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            keeps_the_contract($layer, $passing, $answered, $secret).await;
            survives_disconnects(|| ($layer, async |_| ()), $passing).await;
        }
    )*};
}

/// One test for each line, and one for the layer in an `Api`.
macro_rules! every_layer {
    ($($name:ident: $layer:expr, passes $passing:expr, answers $answered:expr, secret $secret:expr;)*) => {
        contract! {
            $($name: $layer, passes $passing, answers $answered, secret $secret;)*
        }
        #[cfg(feature = "api")]
        under_api! {
            $($name: $layer, passes $passing, answers $answered;)*
        }
    };
}

mod layers {
    use super::*;
    use common::tenancy::Tenancy;
    use http::StatusCode;
    use wythe::{Later, Middleware, Place, Problem, Step, compose, stage, with};

    fn acme() -> Request<Body> {
        Request::get("/")
            .header("x-tenant", "acme")
            .body(common::empty())
            .unwrap()
    }

    /// Asks somebody else.
    #[derive(Clone, Copy, Debug)]
    struct AsyncTenantCheck;

    impl Place for AsyncTenantCheck {
        type Stage = stage::Admit;
        type Provides = ();
        type Needs = ();
    }

    impl<B: Send + 'static> Middleware<B> for AsyncTenantCheck {
        type Carry = ();

        fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
            let known = request.headers().contains_key("x-tenant");
            Later::pending(async move {
                tokio::task::yield_now().await;
                if known {
                    Step::Next(request, ())
                } else {
                    Step::Reply(Problem::new(StatusCode::NOT_FOUND).into())
                }
            })
        }
    }

    every_layer! {
        own: with(Tenancy), passes acme, answers Some(plain), secret "acme";
        own_that_waits: with(AsyncTenantCheck), passes acme, answers Some(plain), secret "acme";
        conditional_that_waits: with(AsyncTenantCheck).when(|head| head.path() == "/"),
            passes acme, answers Some(plain), secret "acme";
        stack_that_waits: compose((with(AsyncTenantCheck), with(Tenancy), with(AsyncTenantCheck))),
            passes acme, answers Some(plain), secret "acme";
        conditional: with(Tenancy).when(|head| head.path() == "/"),
            passes acme, answers Some(plain), secret "acme";
        stack: compose((compose(()), with(Tenancy))),
            passes acme, answers Some(plain), secret "acme";
    }
}

#[cfg(feature = "cache-control")]
mod cache_control {
    use super::*;
    use wythe::{CacheControl, with_cache_control};

    every_layer! {
        cache_control: with_cache_control(CacheControl::private().no_cache()),
            passes plain, answers None, secret "no secret";
    }
}

#[cfg(feature = "compression")]
mod compression {
    use super::*;
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use wythe::{Compression, with_compression};

    fn accepts_gzip() -> Request<Body> {
        let request = Request::get("/").header("accept-encoding", "gzip");
        request.body(common::empty()).unwrap()
    }

    /// Turns the body back into that of the tests: it is in memory.
    fn to_test_body(response: Response<wythe::Body>) -> Response<Body> {
        response.map(|body| {
            let body = body.collect().now_or_never().unwrap().unwrap();
            Body::new(body.to_bytes())
        })
    }

    contract! {
        compression: Adapted(
            with_compression(Compression::gzip().min_bytes(0)),
            tower::util::MapResponseLayer::new(to_test_body as fn(Response<wythe::Body>) -> Response<Body>),
        ), passes accepts_gzip, answers None, secret "no secret";
    }
}

#[cfg(feature = "conditional")]
mod conditional {
    use super::*;
    use wythe::{Conditional, ETag, with_conditional};

    fn put(tag: &str) -> Request<Body> {
        let request = Request::put("/").header("if-match", tag);
        request.body(common::empty()).unwrap()
    }

    fn current() -> Request<Body> {
        put("\"7\"")
    }

    fn stale() -> Request<Body> {
        put("\"6\"")
    }

    fn read() -> Request<Body> {
        let request = Request::get("/").header("if-none-match", "\"6\"");
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        conditional: with_conditional(Conditional::new().tag_bodies(100)),
            passes read, answers None, secret "no secret";
        conditional_write: {
            let policy = Conditional::new().current(|_| Some(ETag::version(7)));
            with_conditional(policy.require_precondition())
        }, passes current, answers Some(stale), secret "no secret";
        conditional_write_that_waits: {
            let policy = Conditional::new().current(|_| async {
                tokio::task::yield_now().await;
                Some(ETag::version(7))
            });
            with_conditional(policy)
        }, passes current, answers Some(stale), secret "no secret";
    }
}

#[cfg(feature = "rate-limit")]
mod rate_limit {
    use super::*;
    use wythe::{Quota, with_rate_limit};

    fn from_peer() -> Request<Body> {
        common::limits::from_peer("203.0.113.9:50123")
    }

    every_layer! {
        rate_limit: with_rate_limit(Quota::per_second(100).by_peer().unwrap()),
            passes from_peer, answers Some(plain), secret "203.0.113.9";
    }
}

#[cfg(feature = "rate-limit-redis")]
mod rate_limit_in_redis {
    use std::num::NonZeroU32;

    use super::*;
    use wythe::{
        Quota,
        rate_limit::redis::{OnFailure, RedisStore},
        with_rate_limit,
    };

    fn from_peer() -> Request<Body> {
        common::limits::from_peer("203.0.113.9:50123")
    }

    /// A store without a server: a request that passes has waited for it.
    fn store() -> RedisStore {
        RedisStore::open("redis://:hunter2@127.0.0.1:1", OnFailure::Allow).unwrap()
    }

    every_layer! {
        rate_limit_in_redis: {
            let limit = Quota::per_second(100).by_peer().unwrap();
            let store = store().give_up_after(NonZeroU32::new(1_000).unwrap());
            with_rate_limit(limit.in_redis(store.limit("contract")).unwrap())
        }, passes from_peer, answers Some(plain), secret "hunter2";
    }
}

#[cfg(feature = "concurrency-limit")]
mod concurrency_limit {
    use super::*;
    use std::time::Duration;
    use wythe::{ConcurrencyLimit, concurrency_limit::Guarded, with_concurrency_limit};

    /// Converts the body back to the test's own type, so that the inner layer satisfies the bounds.
    /// Whatever was in progress has ended by then.
    #[derive(Clone, Debug)]
    struct RestoreBody;

    impl Describes for RestoreBody {}

    impl<S> Layer<S> for RestoreBody {
        type Service = tower::util::MapResponse<S, fn(Response<Guarded<Body>>) -> Response<Body>>;

        fn layer(&self, inner: S) -> Self::Service {
            tower::util::MapResponse::new(inner, |response| response.map(|_| Body::from("ok")))
        }
    }

    fn one() -> ConcurrencyLimit {
        let one = ConcurrencyLimit::of(1).unwrap();
        one.queue(1, Duration::from_secs(10)).unwrap()
    }

    fn from_peer() -> Request<Body> {
        let mut request = plain();
        let peer = wythe::PeerAddr("203.0.113.9:50123".parse().unwrap());
        request.extensions_mut().insert(peer);
        request
    }

    contract! {
        concurrency_limit: Adapted(with_concurrency_limit(one()), RestoreBody),
            passes plain, answers None, secret "no secret";
        concurrency_limit_by_peer: Adapted(with_concurrency_limit(one().by_peer()), RestoreBody),
            passes from_peer, answers Some(plain), secret "203.0.113.9";
    }

    #[cfg(feature = "api")]
    under_api! {
        concurrency_limit: with_concurrency_limit(one()), passes plain, answers None;
        concurrency_limit_by_peer: with_concurrency_limit(one().by_peer()),
            passes from_peer, answers Some(plain);
    }
}

#[cfg(feature = "load-shed")]
mod load_shed {
    use super::*;
    use std::task::Context;
    use wythe::with_load_shed;

    /// Polls until the inner service is ready: a layer that does not wait does not forward
    /// readiness.
    #[derive(Clone, Debug)]
    struct WaitUntilReadyService<S>(S);

    #[derive(Clone, Debug)]
    struct WaitUntilReady;

    impl Describes for WaitUntilReady {}

    impl<S> Layer<S> for WaitUntilReady {
        type Service = WaitUntilReadyService<S>;

        fn layer(&self, inner: S) -> WaitUntilReadyService<S> {
            WaitUntilReadyService(inner)
        }
    }

    impl<S: Service<Request<Body>>> Service<Request<Body>> for WaitUntilReadyService<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            loop {
                if let Poll::Ready(ready) = self.0.poll_ready(cx) {
                    return Poll::Ready(ready);
                }
            }
        }

        fn call(&mut self, request: Request<Body>) -> S::Future {
            self.0.call(request)
        }
    }

    contract! {
        load_shed: Adapted(WaitUntilReady, with_load_shed()),
            passes plain, answers None, secret "no secret";
    }

    #[cfg(feature = "api")]
    under_api! {
        load_shed: with_load_shed(), passes plain, answers None;
    }
}

#[cfg(feature = "hosts")]
mod hosts {
    use super::*;
    use wythe::{Hosts, with_hosts};

    fn known() -> Request<Body> {
        let request = Request::get("/").header("host", "example.com");
        request.body(common::empty()).unwrap()
    }

    fn unknown() -> Request<Body> {
        let request = Request::get("/").header("host", "evil.example");
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        hosts: with_hosts(Hosts::list(["example.com"]).unwrap()),
            passes known, answers Some(unknown), secret "evil.example";
    }
}

#[cfg(feature = "https-only")]
mod https_only {
    use super::*;
    use wythe::{HttpsOnly, Transport, with_https_only};

    fn policy() -> HttpsOnly {
        let policy = HttpsOnly::by(Transport::x_forwarded_proto_of_any_peer());
        policy.redirect_to(["example.com"]).unwrap()
    }

    fn secure() -> Request<Body> {
        let request = Request::get("/").header("x-forwarded-proto", "https");
        request.body(common::empty()).unwrap()
    }

    fn with_secret() -> Request<Body> {
        let request = Request::get("/").header("authorization", "Bearer secret");
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        https_only: with_https_only(policy()),
            passes secure, answers Some(with_secret), secret "Bearer secret";
        https_only_that_redirects: with_https_only(policy()),
            passes secure, answers Some(plain), secret "no secret";
    }
}

#[cfg(feature = "security-headers")]
mod security_headers {
    use super::*;
    use wythe::{SecurityHeaders, security_headers::NoncePerRequest, with_security_headers};

    fn with_nonce() -> SecurityHeaders<NoncePerRequest> {
        let policy = SecurityHeaders::html_policy().script_nonce();
        SecurityHeaders::html()
            .content_security_policy(&policy)
            .unwrap()
    }

    every_layer! {
        security_headers: with_security_headers(SecurityHeaders::api()),
            passes plain, answers None, secret "no secret";
        security_headers_with_a_nonce: with_security_headers(with_nonce()),
            passes plain, answers None, secret "no secret";
    }
}

#[cfg(feature = "deprecation")]
mod deprecation {
    use super::*;
    use wythe::{Deprecation, with_deprecation};

    fn gone() -> Deprecation {
        let old = Deprecation::since("2023-07-01").unwrap();
        old.sunset("2024-07-01")
            .unwrap()
            .gone_after_sunset()
            .unwrap()
    }

    every_layer! {
        deprecation: with_deprecation(Deprecation::since("2023-07-01").unwrap()),
            passes plain, answers None, secret "no secret";
    }

    #[tokio::test]
    async fn what_is_gone_keeps_the_contract() {
        let service = with_deprecation(gone()).layer(Strict::default());
        let response = service.oneshot(plain()).await.unwrap();
        is_described(&with_deprecation(gone()), &response);
    }
}

#[cfg(feature = "negotiation")]
mod negotiation {
    use super::*;
    use wythe::{Languages, MediaTypes, with_languages, with_media_types};

    fn image() -> Request<Body> {
        let request = Request::get("/").header("accept", "image/png");
        request.body(common::empty()).unwrap()
    }

    fn french() -> Request<Body> {
        let request = Request::get("/").header("accept-language", "fr");
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        media_types: with_media_types(MediaTypes::list(["text/csv"]).unwrap().strict()),
            passes plain, answers Some(image), secret "no secret";
        languages: with_languages(Languages::list(["en"]).unwrap().strict()),
            passes plain, answers Some(french), secret "no secret";
    }
}

#[cfg(feature = "version")]
mod version {
    use super::*;
    use wythe::{Versions, with_version};

    fn versions() -> Versions {
        Versions::by_field("api-version", ["1", "2"]).unwrap()
    }

    fn named() -> Request<Body> {
        let request = Request::get("/").header("api-version", "1");
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        version_by_field: with_version(versions()),
            passes named, answers Some(plain), secret "no secret";
        version_by_media_type: with_version(Versions::by_media_type("vnd.x", ["1"]).unwrap()
            .default_version("1").unwrap()),
            passes plain, answers None, secret "no secret";
    }
}

#[cfg(feature = "timeout")]
mod timeout {
    use super::*;
    use std::time::Duration;
    use wythe::{
        Timeout,
        timeout::{Idle, IdleBody},
        with_timeout,
    };

    /// Converts the body back to the test's own type.
    #[derive(Clone, Debug)]
    struct RestoreBody;

    impl Describes for RestoreBody {}

    impl<S> Layer<S> for RestoreBody {
        type Service = tower::util::MapResponse<S, fn(Response<IdleBody<Body>>) -> Response<Body>>;

        fn layer(&self, inner: S) -> Self::Service {
            tower::util::MapResponse::new(inner, |response| response.map(|_| Body::from("ok")))
        }
    }

    fn ten_seconds() -> Timeout {
        Timeout::after(Duration::from_secs(10)).unwrap()
    }

    fn with_idle() -> Timeout<Idle> {
        ten_seconds().idle(Duration::from_secs(10)).unwrap()
    }

    every_layer! {
        timeout: with_timeout(ten_seconds()),
            passes plain, answers None, secret "no secret";
    }

    contract! {
        timeout_with_idle: Adapted(with_timeout(with_idle()), RestoreBody),
            passes plain, answers None, secret "no secret";
    }

    #[cfg(feature = "api")]
    mod idle {
        use super::*;

        under_api! {
            timeout_with_idle: with_timeout(with_idle()), passes plain, answers None;
        }
    }
}

#[cfg(feature = "cors")]
mod cors {
    use super::*;
    use wythe::{Cors, with_cors};

    fn from_page() -> Request<Body> {
        let request = Request::get("/").header("origin", "https://app.example.com");
        request.body(common::empty()).unwrap()
    }

    fn preflight() -> Request<Body> {
        let request = Request::options("/").header("origin", "https://app.example.com");
        request
            .header("access-control-request-method", "POST")
            .body(common::empty())
            .unwrap()
    }

    every_layer! {
        cors: with_cors(Cors::origins(["https://app.example.com"]).unwrap().credentials()),
            passes from_page, answers Some(preflight), secret "no secret";
        cors_by_pattern: with_cors(Cors::origins(["https://*.example.com"]).unwrap()),
            passes from_page, answers Some(preflight), secret "no secret";
    }
}

#[cfg(feature = "csrf")]
mod csrf {
    use super::*;
    use wythe::{Csrf, with_csrf};

    fn own() -> Request<Body> {
        let request = Request::post("/").header("sec-fetch-site", "same-origin");
        request.body(common::empty()).unwrap()
    }

    fn forged() -> Request<Body> {
        let request = Request::post("/").header("sec-fetch-site", "cross-site");
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        csrf: with_csrf(Csrf::same_origin()),
            passes own, answers Some(forged), secret "no secret";
    }
}

#[cfg(feature = "csrf-token")]
mod csrf_token {
    use super::*;
    use wythe::{Csrf, CsrfTokens, With, with_csrf};

    const KEY: &str = "the key that signs tokens, in forty bytes";

    fn asking() -> With<Csrf> {
        let tokens = CsrfTokens::new(KEY).unwrap();
        with_csrf(Csrf::same_origin().required_token(tokens, |_| Some("17".into())))
    }

    fn with_token() -> Request<Body> {
        let token = CsrfTokens::new(KEY).unwrap().issue("17");
        let request = Request::post("/").header("x-csrf-token", token);
        request.body(common::empty()).unwrap()
    }

    fn without() -> Request<Body> {
        Request::post("/").body(common::empty()).unwrap()
    }

    every_layer! {
        csrf_token: asking(), passes with_token, answers Some(without), secret KEY;
    }
}

#[cfg(feature = "method")]
mod method {
    use super::*;
    use http::Method;
    use wythe::with_methods;

    fn delete() -> Request<Body> {
        Request::delete("/").body(common::empty()).unwrap()
    }

    every_layer! {
        methods: with_methods([Method::GET]),
            passes plain, answers Some(delete), secret "no secret";
    }
}

#[cfg(any(feature = "presentation", feature = "validation"))]
mod late {
    use super::*;
    use bytes::Bytes;
    use http_body::{Frame, SizeHint};
    use std::{pin::Pin, task::Context};

    /// A body of which nothing has arrived when it is first asked for.
    #[derive(Debug)]
    pub(super) struct LateBody {
        polled: bool,
        pub(super) body: Body,
    }

    impl From<Body> for LateBody {
        fn from(body: Body) -> Self {
            let polled = false;
            Self { polled, body }
        }
    }

    impl From<Bytes> for LateBody {
        fn from(bytes: Bytes) -> Self {
            Body::new(bytes).into()
        }
    }

    impl http_body::Body for LateBody {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if !self.polled {
                self.polled = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.polled = false;
            Pin::new(&mut self.body).poll_frame(cx)
        }

        fn size_hint(&self) -> SizeHint {
            self.body.size_hint()
        }
    }
}

#[cfg(feature = "presentation")]
mod presentation {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderValue, StatusCode};
    use late::LateBody;
    use tower::util::MapResponseLayer;
    use wythe::{with_presentation, with_presentation_as};

    /// A refusal in plain text, which has to be read.
    const REFUSAL: fn(Response<Body>) -> Response<LateBody> = |_| {
        let refusal = Response::builder().status(StatusCode::CONFLICT);
        let refusal = refusal.header("content-type", "text/plain");
        let text = Body::from("the name is taken");
        refusal.body(text.into()).unwrap()
    };

    const OK: fn(Response<LateBody>) -> Response<Body> = |problem| {
        assert_eq!(
            problem.headers()["content-type"],
            "application/problem+json"
        );
        Response::new(Body::from("ok"))
    };

    contract! {
        presentation_of_text: Adapted(
            MapResponseLayer::new(REFUSAL),
            Adapted(with_presentation(), MapResponseLayer::new(OK)),
        ), passes plain, answers None, secret "no secret";
    }

    every_layer! {
        presentation: with_presentation(), passes plain, answers None, secret "no secret";
        presentation_of_grpc: with_presentation().grpc(), passes plain, answers None, secret "no secret";
        presentation_as: with_presentation_as(|problem, _| {
            (HeaderValue::from_static("text/plain"), Bytes::from(problem.to_string()))
        }), passes plain, answers None, secret "no secret";
    }
}

mod body_adapter {
    use super::*;
    use wythe::with_body_adapter;

    /// Converts the bodies back to the test's own type, so that the inner layer satisfies the
    /// bounds.
    #[derive(Clone, Debug)]
    struct RestoreBody;

    impl Describes for RestoreBody {}

    impl<S> Layer<S> for RestoreBody {
        type Service = tower::util::MapResponse<S, fn(Response<wythe::Body>) -> Response<Body>>;

        fn layer(&self, inner: S) -> Self::Service {
            tower::util::MapResponse::new(inner, |response| response.map(|_| Body::from("ok")))
        }
    }

    /// The strict handler takes the crate's body here.
    #[derive(Clone, Debug)]
    struct IntoTestBody;

    impl Describes for IntoTestBody {}

    impl<S> Layer<S> for IntoTestBody {
        type Service = tower::util::MapRequest<S, fn(Request<wythe::Body>) -> Request<Body>>;

        fn layer(&self, inner: S) -> Self::Service {
            tower::util::MapRequest::new(inner, |request| request.map(|_| common::empty()))
        }
    }

    contract! {
        body_adapter: Adapted(IntoTestBody, Adapted(with_body_adapter(), RestoreBody)),
            passes plain, answers None, secret "no secret";
    }

    #[cfg(feature = "api")]
    under_api! {
        body_adapter: with_body_adapter(), passes plain, answers None;
    }
}

/// Request bodies of the tests, which no layer can replace by a stream, as those that can be.
#[cfg(any(
    feature = "body-limit",
    feature = "decompression",
    feature = "lingering-close"
))]
mod streams {
    use super::*;
    use tower::util::MapRequestLayer;

    pub(super) const TO_CRATE_BODY: fn(Request<Body>) -> Request<wythe::Body> =
        |request| request.map(wythe::Body::stream);
    /// The handler does not read it.
    pub(super) const TO_TEST_BODY: fn(Request<wythe::Body>) -> Request<Body> =
        |request| request.map(|_| common::empty());

    pub(super) type Streams<L> = Adapted<
        MapRequestLayer<fn(Request<wythe::Body>) -> Request<Body>>,
        Adapted<L, MapRequestLayer<fn(Request<Body>) -> Request<wythe::Body>>>,
    >;

    pub(super) fn streams<L>(layer: L) -> Streams<L> {
        Adapted(
            MapRequestLayer::new(TO_TEST_BODY),
            Adapted(layer, MapRequestLayer::new(TO_CRATE_BODY)),
        )
    }

    pub(super) fn short() -> Request<Body> {
        Request::post("/").body(Body::from("1234")).unwrap()
    }
}

#[cfg(feature = "body-limit")]
mod body_limit {
    use super::{
        streams::{short, streams},
        *,
    };
    use std::time::Duration;
    use wythe::{BodyLimit, With, with_body_limit};

    fn long() -> Request<Body> {
        Request::post("/").body(Body::from("12345")).unwrap()
    }

    fn limit() -> With<BodyLimit> {
        let limit = BodyLimit::bytes(4).idle(Duration::from_secs(5));
        with_body_limit(limit.unwrap())
    }

    contract! {
        body_limit: streams(limit()), passes short, answers Some(long), secret "no secret";
    }

    #[cfg(feature = "api")]
    under_api! {
        body_limit: limit(), passes short, answers Some(long);
    }
}

#[cfg(feature = "decompression")]
mod decompression {
    #[cfg(feature = "api")]
    use super::streams::short;
    use super::{streams::streams, *};
    use wythe::{Decompression, with_decompression};

    fn compressed() -> Request<Body> {
        let request = Request::post("/").header("content-encoding", "gzip");
        request.body(Body::from("1234")).unwrap()
    }

    fn unknown() -> Request<Body> {
        let request = Request::post("/").header("content-encoding", "zstd");
        request.body(Body::from("1234")).unwrap()
    }

    contract! {
        decompression: streams(with_decompression(Decompression::gzip())),
            passes compressed, answers Some(unknown), secret "no secret";
    }

    #[cfg(feature = "api")]
    under_api! {
        decompression: with_decompression(Decompression::gzip()),
            passes short, answers Some(unknown);
    }
}

#[cfg(feature = "lingering-close")]
mod lingering_close {
    use super::{
        streams::{short, streams},
        *,
    };
    use wythe::{LingeringClose, with_lingering_close};

    contract! {
        lingering_close: streams(with_lingering_close(LingeringClose::new())),
            passes short, answers None, secret "no secret";
    }

    #[cfg(feature = "api")]
    under_api! {
        lingering_close: with_lingering_close(LingeringClose::new()),
            passes short, answers None;
    }
}

#[cfg(feature = "drain")]
mod drain {
    use super::*;
    use wythe::{Drain, with_drain};

    fn refusing() -> Drain {
        let drain = Drain::new();
        drain.refuse();
        drain
    }

    every_layer! {
        drain: with_drain(Drain::new()),
            passes plain, answers None, secret "no secret";
    }

    #[tokio::test]
    async fn a_stopped_server_does_not_call_its_service() {
        let handler = Strict::default();
        let seen = Arc::clone(&handler.seen);
        let response = with_drain(refusing()).layer(handler).oneshot(plain()).await;
        assert_eq!(response.unwrap().status(), 503);
        assert_eq!(seen.calls.load(Ordering::SeqCst), 0);
    }
}

#[cfg(feature = "request-id")]
mod request_id {
    use super::*;
    use wythe::{RequestIds, with_request_id};

    every_layer! {
        request_id: with_request_id(RequestIds::new().from_proxies(["192.0.2.77"]).unwrap()),
            passes plain, answers None, secret "192.0.2.77";
    }
}

#[cfg(feature = "metrics")]
mod metrics {
    use super::*;
    use wythe::{Metrics, metrics::MeasuredBody, with_metrics};

    /// Converts the body back to the test's own type.
    #[derive(Clone, Debug)]
    struct RestoreBody;

    impl Describes for RestoreBody {}

    impl<S> Layer<S> for RestoreBody {
        type Service =
            tower::util::MapResponse<S, fn(Response<MeasuredBody<Body>>) -> Response<Body>>;

        fn layer(&self, inner: S) -> Self::Service {
            tower::util::MapResponse::new(inner, |response| response.map(|_| Body::from("ok")))
        }
    }

    contract! {
        metrics: Adapted(with_metrics(Metrics::new()), RestoreBody),
            passes plain, answers None, secret "no secret";
    }

    #[cfg(feature = "api")]
    under_api! {
        metrics: with_metrics(Metrics::new()), passes plain, answers None;
    }
}

#[cfg(feature = "trace")]
mod trace {
    use super::*;
    use wythe::{Trace, trace::TracedBody, with_trace};

    /// Converts the body back to the test's own type.
    #[derive(Clone, Debug)]
    struct RestoreBody;

    impl Describes for RestoreBody {}

    impl<S> Layer<S> for RestoreBody {
        type Service =
            tower::util::MapResponse<S, fn(Response<TracedBody<Body>>) -> Response<Body>>;

        fn layer(&self, inner: S) -> Self::Service {
            tower::util::MapResponse::new(inner, |response| response.map(|_| Body::from("ok")))
        }
    }

    fn of_gateway() -> Trace {
        Trace::new().continue_from(["192.0.2.77"]).unwrap()
    }

    contract! {
        trace: Adapted(with_trace(of_gateway()), RestoreBody),
            passes plain, answers None, secret "192.0.2.77";
    }

    #[cfg(feature = "api")]
    under_api! {
        trace: with_trace(of_gateway()), passes plain, answers None;
    }
}

#[cfg(feature = "auth")]
mod auth {
    use super::*;
    use http::{HeaderValue, header, request::Parts};
    use wythe::{
        Later,
        auth::{Authenticate, Verdict},
        with_auth,
    };

    const TOKEN: &str = "Token open-sesame";

    /// Accepts one token, either immediately or asynchronously.
    struct TokenScheme {
        later: bool,
    }

    impl Authenticate for TokenScheme {
        type Principal = ();

        fn challenge(&self) -> HeaderValue {
            HeaderValue::from_static("Token")
        }

        fn authenticate(&self, head: &Parts) -> Later<Verdict<()>> {
            let verdict = match head.headers.get(header::AUTHORIZATION) {
                None => Verdict::Missing,
                Some(token) if token == TOKEN => Verdict::Verified(()),
                Some(_) => Verdict::refused("another token"),
            };
            if self.later {
                return Later::pending(async {
                    tokio::task::yield_now().await;
                    verdict
                });
            }
            Later::Ready(verdict)
        }
    }

    fn with_token() -> Request<Body> {
        Request::get("/")
            .header("authorization", TOKEN)
            .body(common::empty())
            .unwrap()
    }

    fn with_other_token() -> Request<Body> {
        Request::get("/")
            .header("authorization", "Token x")
            .body(common::empty())
            .unwrap()
    }

    every_layer! {
        auth: with_auth(TokenScheme { later: false }),
            passes with_token, answers Some(plain), secret "open-sesame";
        auth_that_waits: with_auth(TokenScheme { later: true }),
            passes with_token, answers Some(plain), secret "open-sesame";
        auth_and_then: with_auth(TokenScheme { later: true }.and_then(|()| async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Some(()))
        })), passes with_token, answers Some(plain), secret "open-sesame";
        auth_or: with_auth(TokenScheme { later: true }.or(TokenScheme { later: false })),
            passes with_token, answers Some(with_other_token), secret "open-sesame";
        auth_optional: with_auth(TokenScheme { later: false }).optional(),
            passes plain, answers Some(with_other_token), secret "open-sesame";
    }
}

#[cfg(feature = "authorization")]
mod authorization {
    use super::*;
    use wythe::{Auth, HasScopes, Roles, Scopes, with_authorization, with_roles, with_scopes};

    #[derive(Clone)]
    struct Granted(&'static str);

    impl HasScopes for Granted {
        fn has_scope(&self, scope: &str) -> bool {
            self.0.has_scope(scope)
        }
    }

    fn by(granted: &'static str) -> Request<Body> {
        let request = Request::get("/").extension(Auth(Granted(granted)));
        request.body(common::empty()).unwrap()
    }

    fn reader() -> Request<Body> {
        by("read")
    }

    fn writer() -> Request<Body> {
        by("write")
    }

    contract! {
        scopes: with_scopes(Scopes::<Granted>::all(["read"]).unwrap()),
            passes reader, answers Some(writer), secret "no secret";
        roles: with_roles(Roles::all(["read"]).unwrap().by(|granted: &Granted, role: &str| granted.0 == role)),
            passes reader, answers Some(plain), secret "no secret";
        authorization: with_authorization(|auth: &Auth<Granted>, _| auth.0.0 == "read"),
            passes reader, answers Some(writer), secret "no secret";
        authorization_that_waits: with_authorization(|auth: &Auth<Granted>, _| {
            let may = auth.0.0 == "read";
            async move {
                tokio::task::yield_now().await;
                may
            }
        }), passes reader, answers Some(plain), secret "no secret";
    }

    /// Grants what the field `granted` says.
    #[cfg(feature = "api")]
    #[derive(Clone, Copy, Debug)]
    struct GrantsFromField;

    #[cfg(feature = "api")]
    impl wythe::auth::Authenticate for GrantsFromField {
        type Principal = Granted;

        fn challenge(&self) -> http::HeaderValue {
            http::HeaderValue::from_static("Said")
        }

        fn authenticate(
            &self,
            head: &http::request::Parts,
        ) -> wythe::Later<wythe::auth::Verdict<Granted>> {
            let granted = match head.headers.get("granted") {
                Some(granted) if granted == "read" => "read",
                _ => "write",
            };
            wythe::Later::from(wythe::auth::Verdict::Verified(Granted(granted)))
        }
    }

    #[cfg(feature = "api")]
    fn read() -> Request<Body> {
        let request = Request::get("/").header("granted", "read");
        request.body(common::empty()).unwrap()
    }

    #[cfg(feature = "api")]
    under_api! {
        scopes: compose((wythe::with_auth(GrantsFromField), with_scopes(Scopes::<Granted>::all(["read"]).unwrap()))),
            passes read, answers Some(plain);
        authorization_that_waits: compose((wythe::with_auth(GrantsFromField), with_authorization(|auth: &Auth<Granted>, _| {
            let may = auth.0.0 == "read";
            async move {
                tokio::task::yield_now().await;
                may
            }
        }))), passes read, answers Some(plain);
    }
}

#[cfg(feature = "jwt")]
mod jwt {
    use super::*;
    use wythe::{Jwt, with_auth};

    const SECRET: &str = "the secret that signs tokens, in 40 bytes";

    #[derive(Clone, serde::Deserialize, serde::Serialize)]
    struct Claims {
        exp: u64,
    }

    fn with_token() -> Request<Body> {
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        let claims = Claims {
            exp: jsonwebtoken::get_current_timestamp() + 60,
        };
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        jwt: with_auth(Jwt::<Claims>::hs256(SECRET).unwrap()),
            passes with_token, answers Some(plain), secret SECRET;
    }
}

#[cfg(feature = "api-key")]
mod api_key {
    use super::*;
    use wythe::{ApiKey, auth::ApiKeyHash, with_auth};

    const KEY: &str = "b58b1f2e-5c0a-4b2f-9a57-8a4c8a7f6b0d";

    fn hash() -> ApiKeyHash {
        ApiKeyHash::of(KEY).unwrap()
    }

    fn with_key() -> Request<Body> {
        let request = Request::get("/").header("x-api-key", KEY);
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        api_key: with_auth(ApiKey::list([(hash(), ())]).unwrap()),
            passes with_key, answers Some(plain), secret &hash().to_string();
        api_key_that_waits: with_auth(ApiKey::lookup_async(|found| async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>((found == hash()).then_some(()))
        })), passes with_key, answers Some(plain), secret KEY;
    }
}

#[cfg(feature = "session")]
mod session {
    use super::*;
    use std::{pin::pin, sync::LazyLock, task::Context};
    use wythe::{
        Sessions, StoredSessions,
        auth::{MemorySessions, SessionKey},
        with_auth,
    };

    const KEY: &str = "the key that encrypts sessions, in 42 bytes";

    static STORE: LazyLock<MemorySessions> = LazyLock::new(MemorySessions::default);

    fn encrypted() -> Sessions<String> {
        Sessions::encrypted([SessionKey::new(KEY).unwrap()]).unwrap()
    }

    fn stored() -> StoredSessions<String> {
        Sessions::stored(STORE.clone()).unwrap()
    }

    fn signed_in<S>(sessions: &Sessions<String, S>) -> Request<Body>
    where
        S: Sync,
    {
        let alice = "alice".to_owned();
        let mut login = pin!(sessions.login(&alice));
        let waker = std::task::Waker::noop();
        let Poll::Ready(Ok(cookie)) = login.as_mut().poll(&mut Context::from_waker(waker)) else {
            panic!("neither kind waits here")
        };
        let cookie = format!("{}={}", cookie.name(), cookie.value());
        let request = Request::get("/").header("cookie", cookie);
        request.body(common::empty()).unwrap()
    }

    every_layer! {
        encrypted_session: with_auth(encrypted()),
            passes || signed_in(&encrypted()), answers Some(plain), secret KEY;
        stored_session: with_auth(stored()),
            passes || signed_in(&stored()), answers Some(plain), secret "alice";
    }
}

#[cfg(feature = "basic")]
mod basic {
    use super::*;
    use wythe::{Basic, Secret, with_auth};

    /// `Aladdin` and `open sesame` (RFC 7617, section 2).
    fn with_password() -> Request<Body> {
        Request::get("/")
            .header("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
            .body(common::empty())
            .unwrap()
    }

    fn is_right(user: &str, password: &Secret) -> Result<Option<()>, Infallible> {
        Ok((user == "Aladdin" && password.matches("open sesame")).then_some(()))
    }

    every_layer! {
        basic: with_auth(Basic::verify("api", |user: String, password: Secret| async move {
            tokio::task::yield_now().await;
            is_right(&user, &password)
        }).unwrap().max_concurrent(1).unwrap()),
            passes with_password, answers Some(plain), secret "open sesame";
        basic_blocking: with_auth(Basic::verify_blocking("api", is_right).unwrap().max_concurrent(1).unwrap()),
            passes with_password, answers Some(plain), secret "open sesame";
    }
}

#[cfg(feature = "validation")]
mod validation {
    use super::*;
    use late::LateBody;
    use tower::util::MapRequestLayer;
    use wythe::{
        Cookie, Form, Header, Json, JsonOrForm, Query, validation::FieldErrors, with_parsing,
        with_validation,
    };

    #[derive(serde::Deserialize, garde::Validate)]
    struct Client {
        #[garde(length(max = 9))]
        x_client: Option<String>,
    }

    #[derive(serde::Deserialize, garde::Validate)]
    struct Name {
        #[garde(length(min = 2))]
        name: String,
    }

    fn json(body: &'static str) -> Request<Body> {
        let request = Request::post("/").header("content-type", "application/json");
        request.body(Body::from(body)).unwrap()
    }

    fn right_json() -> Request<Body> {
        json(r#"{"name":"Ada"}"#)
    }

    fn wrong_json() -> Request<Body> {
        json(r#"{"name":"A"}"#)
    }

    fn taken_json() -> Request<Body> {
        json(r#"{"name":"Bob"}"#)
    }

    fn right_form() -> Request<Body> {
        let request =
            Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        request.body(Body::from("name=Ada")).unwrap()
    }

    fn right_query() -> Request<Body> {
        Request::get("/?name=Ada").body(common::empty()).unwrap()
    }

    const TO_LATE_BODY: fn(Request<Body>) -> Request<LateBody> =
        |request| request.map(LateBody::from);
    const FROM_LATE_BODY: fn(Request<LateBody>) -> Request<Body> =
        |request| request.map(|late| late.body);

    contract! {
        late_body: Adapted(
            MapRequestLayer::new(FROM_LATE_BODY),
            Adapted(
                with_validation::<Json<Name>>(),
                MapRequestLayer::new(TO_LATE_BODY),
            ),
        ), passes right_json, answers Some(wrong_json), secret "no secret";
    }

    every_layer! {
        json_body: with_validation::<Json<Name>>(),
            passes right_json, answers Some(wrong_json), secret "no secret";
        form: with_validation::<Form<Name>>(),
            passes right_form, answers Some(right_json), secret "no secret";
        json_or_form: with_validation::<JsonOrForm<Name>>(),
            passes right_form, answers Some(wrong_json), secret "no secret";
        query: with_validation::<Query<Name>>(),
            passes right_query, answers Some(plain), secret "no secret";
        several_parts: with_validation::<(Header<Client>, Cookie<Client>, Json<Name>)>(),
            passes right_json, answers Some(wrong_json), secret "no secret";
        checked_by_the_application: with_validation::<Json<Name>>().check(|name| {
            let is_taken = name.name == "Bob";
            async move {
                tokio::task::yield_now().await;
                Ok(if is_taken {
                    FieldErrors::at("/name", "taken", "this name is taken")
                } else {
                    FieldErrors::none()
                })
            }
        }), passes right_json, answers Some(taken_json), secret "no secret";
        optional: with_validation::<Option<Json<Name>>>(),
            passes plain, answers Some(wrong_json), secret "no secret";
        without_rules: with_parsing::<Json<Name>>(),
            passes right_json, answers Some(right_form), secret "no secret";
    }
}

#[cfg(feature = "multipart")]
mod multipart {
    use super::*;
    use wythe::{Multipart, UploadedFile, with_multipart};

    #[derive(serde::Deserialize, garde::Validate)]
    struct NewFile {
        #[garde(length(chars, min = 2))]
        name: String,
        #[garde(skip)]
        #[expect(dead_code, reason = "no handler reads it")]
        file: UploadedFile,
    }

    fn form(name: &'static str) -> Request<Body> {
        let form = format!(
            "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n\
             --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nHi\r\n--x--"
        );
        let request = Request::post("/");
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        request.body(Body::from(form)).unwrap()
    }

    fn right() -> Request<Body> {
        form("Ada")
    }

    fn wrong() -> Request<Body> {
        form("A")
    }

    every_layer! {
        multipart: with_multipart::<NewFile>(Multipart::in_memory()),
            passes right, answers Some(wrong), secret "no secret";
        multipart_in_files: with_multipart::<NewFile>(Multipart::temporary_files().unwrap()),
            passes right, answers Some(plain), secret "/tmp";
    }
}

#[cfg(feature = "client-ip")]
mod client_ip {
    use super::*;
    use std::net::SocketAddr;
    use wythe::{ClientIpSource, PeerAddr, with_client_ip};

    fn from_proxy() -> Request<Body> {
        let mut request = Request::get("/")
            .header("x-forwarded-for", "203.0.113.9")
            .body(common::empty())
            .unwrap();
        let proxy: SocketAddr = "192.0.2.77:50123".parse().unwrap();
        request.extensions_mut().insert(PeerAddr(proxy));
        request
    }

    every_layer! {
        client_ip: with_client_ip(ClientIpSource::x_forwarded_for(["192.0.2.77"]).unwrap()),
            passes from_proxy, answers Some(plain), secret "192.0.2.77";
        client_ip_of_peer: with_client_ip(ClientIpSource::peer()),
            passes from_proxy, answers Some(plain), secret "no secret";
    }
}

#[cfg(feature = "idempotency")]
mod idempotency {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use wythe::{Idempotency, with_idempotency};

    /// Each request has a key of its own.
    fn keyed() -> Request<Body> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let key = NUMBER.fetch_add(1, Ordering::SeqCst).to_string();
        let request = Request::post("/").header("idempotency-key", key);
        request.body(Body::from("pay")).unwrap()
    }

    fn without_a_key() -> Request<Body> {
        Request::post("/").body(Body::from("pay")).unwrap()
    }

    fn with_two_keys() -> Request<Body> {
        let mut request = keyed();
        let two = http::HeaderValue::from_static("a, b");
        request.headers_mut().insert("idempotency-key", two);
        request
    }

    // In an `Api`, the future of the handler would have to be gone with that of the response.
    contract! {
        idempotency: with_idempotency(Idempotency::in_memory().dangerously_shared().required()),
            passes keyed, answers Some(without_a_key), secret "no secret";
    }

    every_layer! {
        idempotency_without_a_key: with_idempotency(Idempotency::in_memory().dangerously_shared()),
            passes without_a_key, answers Some(with_two_keys), secret "no secret";
    }
}

#[cfg(feature = "ip-filter")]
mod ip_filter {
    use super::*;
    use std::net::IpAddr;
    use wythe::{ClientIp, IpFilter, with_ip_filter};

    fn from(address: &str) -> Request<Body> {
        let address: IpAddr = address.parse().unwrap();
        let mut request = plain();
        request.extensions_mut().insert(ClientIp(address));
        request
    }

    #[cfg(feature = "api")]
    fn from_peer(peer: &str) -> Request<Body> {
        let mut request = plain();
        let peer = wythe::PeerAddr(peer.parse().unwrap());
        request.extensions_mut().insert(peer);
        request
    }

    fn from_allowed() -> Request<Body> {
        from("203.0.113.9")
    }

    fn from_denied() -> Request<Body> {
        from("192.0.2.77")
    }

    contract! {
        ip_filter: with_ip_filter(IpFilter::deny(["192.0.2.77"]).unwrap()),
            passes from_allowed, answers Some(from_denied), secret "192.0.2.77";
        ip_filter_without_an_address: with_ip_filter(IpFilter::allow(["203.0.113.9"]).unwrap()),
            passes from_allowed, answers Some(plain), secret "203.0.113.9";
    }

    #[cfg(feature = "api")]
    under_api! {
        ip_filter: with_ip_filter(IpFilter::deny(["192.0.2.77"]).unwrap().by_peer()),
            passes || from_peer("203.0.113.9:9"), answers Some(|| from_peer("192.0.2.77:9"));
    }
}

#[cfg(feature = "webhook")]
mod webhook {
    use super::*;
    use std::{sync::atomic::AtomicU64, time::SystemTime};
    use wythe::{
        webhook::{MemoryWebhookStore, WebhookScheme},
        with_webhook,
    };

    #[derive(serde::Deserialize)]
    struct Event {}

    fn scheme() -> WebhookScheme {
        WebhookScheme::stripe("whsec_hunter2_hunter2").unwrap()
    }

    /// An event that was not sent before.
    fn right_event() -> Request<Body> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);

        let body = format!(
            r#"{{"id":"evt_{}"}}"#,
            NUMBER.fetch_add(1, Ordering::SeqCst)
        );
        let mut request = Request::post("/").body(Body::from(body.clone())).unwrap();
        *request.headers_mut() = scheme().sign("", SystemTime::now(), body).unwrap();
        request
    }

    fn wrong_event() -> Request<Body> {
        right_event().map(|_| Body::from("{}"))
    }

    every_layer! {
        webhook: with_webhook::<Event>(scheme()),
            passes right_event, answers Some(wrong_event), secret "hunter2";
        webhook_once: with_webhook::<Event>(scheme()).once(MemoryWebhookStore::default()),
            passes right_event, answers Some(wrong_event), secret "hunter2";
    }

    #[cfg(feature = "webhook-redis")]
    mod in_redis {
        use super::*;
        use std::num::NonZeroU32;
        use wythe::webhook::RedisWebhookStore;

        /// A store without a server: a request that passes has waited for it.
        fn store() -> RedisWebhookStore {
            let store = RedisWebhookStore::open("redis://:hunter2@127.0.0.1:1").unwrap();
            store.give_up_after(NonZeroU32::MAX)
        }

        every_layer! {
            webhook_in_redis: with_webhook::<Event>(scheme())
                .once(store())
                .lease(std::time::Duration::from_secs(5))
                .unwrap()
                .dangerously_handle_without_store(),
                passes right_event, answers Some(wrong_event), secret "hunter2";
        }
    }
}
