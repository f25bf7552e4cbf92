//! What policies say: limits, inputs, origins, caches and the rest.

use std::{convert::Infallible, time::Duration};

use http::{Method, StatusCode, header, request::Parts};
use serde::Deserialize;
use wythe::{
    Auth, BodyLimit, CacheControl, ClientIpSource, ConcurrencyLimit, Cors, Csrf, CsrfTokens,
    Decompression, Description, Drain, Form, Header, Hosts, HttpsOnly, IpFilter, Json, JsonOrForm,
    LingeringClose, Methods, Metrics, Place, Problem, Query, Quota, RateLimit, RequestIds, Roles,
    Scopes, Timeout, Trace, Transport,
    description::{
        Answer, Bypass, CsrfProtection, InputSource, Limit, NameList, RequestInput, Requirement,
    },
    key::{self, Key},
    rate_limit::Overflow,
    stage,
    webhook::{MemoryWebhookStore, WebhookScheme},
    with_authorization, with_body_adapter, with_body_limit, with_cache_control, with_client_ip,
    with_concurrency_limit, with_cors, with_csrf, with_decompression, with_drain, with_hosts,
    with_https_only, with_idempotency, with_ip_filter, with_lingering_close, with_load_shed,
    with_methods, with_metrics, with_presentation, with_rate_limit, with_raw_webhook,
    with_request_id, with_roles, with_scopes, with_timeout, with_trace, with_validation,
    with_webhook,
};

use super::{check, lines};

const SECRET: &str = "thirty-two bytes of a secret, or more";

#[derive(Clone, Deserialize)]
struct Claims {}

#[derive(Deserialize, garde::Validate)]
struct NewUser {
    #[garde(length(min = 2))]
    name: String,
}

#[test]
fn layers_that_admit() {
    check(
        &with_timeout(Timeout::after(Duration::from_secs(10)).unwrap().gateway()),
        &[
            "with_timeout",
            "504 when there is no response after 10s",
            "  reasons timeout",
        ],
    );
    check(
        &with_hosts(Hosts::list(["example.com", "*.example.net:*"]).unwrap()),
        &[
            "with_hosts",
            "400 without one valid host",
            "  reasons host",
            "421 to a host other than example.com, *.example.net:*",
            "  reasons unknown_host",
        ],
    );
    check(
        &with_https_only(
            HttpsOnly::by(Transport::tls())
                .redirect_to(["example.com"])
                .unwrap(),
        ),
        &[
            "with_https_only",
            "308 over plain http, to read",
            "  fields location",
            "403 over plain http",
            "  reasons https_required",
        ],
    );
}

#[test]
fn layers_that_only_answer() {
    check(&with_body_adapter(), &["with_body_adapter"]);
    check(
        &with_presentation(),
        &["with_presentation", "500 when an inner service panics"],
    );
    check(
        &with_load_shed(),
        &[
            "with_load_shed",
            "503 when the service inside is not ready",
            "  kind https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
            "  reasons overload",
            "  fields retry-after",
        ],
    );
    check(
        &with_body_limit(BodyLimit::bytes(10).idle(Duration::from_secs(5)).unwrap()),
        &[
            "with_body_limit",
            "413 when the body has more than 10 bytes",
            "  reasons too_large",
            "  fields connection",
            "  members max_body_bytes",
            "408 when the body does not arrive in time",
            "  reasons slow_body",
            "  fields connection",
        ],
    );
    check(
        &with_decompression(Decompression::gzip().br()),
        &[
            "with_decompression",
            "400 when the body can't be decompressed",
            "  reasons malformed_coding",
            "  fields connection",
            "413 when the decompressed body has more than 1048576 bytes, or 100 times as many as \
             the compressed one",
            "  reasons too_large compression_ratio",
            "  fields connection",
            "  members max_body_bytes",
            "415 when the body has another content coding, or several",
            "  reasons content_coding",
            "  fields accept-encoding",
        ],
    );
    check(
        &with_lingering_close(LingeringClose::new()),
        &["with_lingering_close", "sets connection"],
    );
    check(&with_trace(Trace::new()), &["with_trace"]);
    check(
        &with_drain(Drain::new()),
        &[
            "with_drain",
            "503 while the server is stopping",
            "  reasons draining",
            "  fields retry-after",
        ],
    );
    check(&with_metrics(Metrics::new()), &["with_metrics"]);
    check(
        &with_request_id(RequestIds::new()),
        &["with_request_id", "sets x-request-id"],
    );
    check(
        &with_client_ip(ClientIpSource::peer()),
        &[
            "with_client_ip",
            "500 when the address of the peer is not known",
        ],
    );
    check(
        &with_ip_filter(IpFilter::deny(["192.0.2.0/24"]).unwrap().by_peer()),
        &[
            "with_ip_filter",
            "403 to addresses that are not allowed",
            "  reasons network",
            "500 when the address of the peer is not known",
        ],
    );
}

#[test]
fn layers_of_tower_http_answer_without_problems() {
    use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer};

    let stack = wythe::compose((CatchPanicLayer::new(), RequestBodyLimitLayer::new(5)));
    let kinds = stack.describe().into_iter().map(|(_, layer)| {
        let answer = &layer.answers()[0];
        (answer.status().as_u16(), answer.kind_uri().is_none())
    });
    assert_eq!(kinds.collect::<Vec<_>>(), [(500, true), (413, true)]);
}

#[test]
fn methods() {
    check(
        &with_methods([Method::GET, Method::POST]),
        &[
            "with_methods",
            "204 to OPTIONS",
            "  fields allow",
            "405 to a method other than GET, HEAD, POST",
            "  reasons method",
            "  fields allow",
            "501 to an unknown method",
            "  reasons unknown_method",
            "methods [GET, HEAD, POST]",
        ],
    );
    check(
        &with_methods(Methods::list([Method::OPTIONS]).unwrap()),
        &[
            "with_methods",
            "405 to a method other than OPTIONS",
            "  reasons method",
            "  fields allow",
            "501 to an unknown method",
            "  reasons unknown_method",
            "methods [OPTIONS]",
        ],
    );
}

#[test]
fn rate_limits() {
    check(
        &with_rate_limit(Quota::per_minute(10).by_peer().unwrap()),
        &[
            "with_rate_limit",
            "429 when a quota is spent (\"10-per-minute\": 10 requests per minute, one every 6 s)",
            "  kind https://iana.org/assignments/http-problem-types#quota-exceeded",
            "  reasons quota",
            "  fields retry-after ratelimit ratelimit-policy access-control-expose-headers",
            "  members violated-policies",
            "500 when the server does not provide the address of the peer",
            "sets ratelimit ratelimit-policy access-control-expose-headers",
            "limit 10-per-minute: 10 requests per minute, one every 6 s by [peer address], q=10;w=60s",
        ],
    );
    let both = RateLimit::of([
        Quota::per_second(5).burst(10).named("burst"),
        Quota::per_day(1_000).named("daily"),
    ]);
    check(
        &with_rate_limit(both.unwrap().by_path_param("id").exempt(|_| false)),
        &[
            "with_rate_limit.exempt(..)",
            "429 when a quota is spent (\"burst\": 5 requests per second, at most 10 at once, one \
             every 200 ms; \"daily\": 1000 requests per day, one every 86.4 s)",
            "  kind https://iana.org/assignments/http-problem-types#quota-exceeded",
            "  reasons quota",
            "  fields retry-after ratelimit ratelimit-policy access-control-expose-headers",
            "  members violated-policies",
            "400 when a parameter of the path is not UTF-8",
            "  reasons malformed_path",
            "500 when the route has no parameter `id`",
            "sets ratelimit ratelimit-policy access-control-expose-headers",
            "limit burst: 5 requests per second, at most 10 at once, one every 200 ms by [path \
             parameter id], q=10;w=2s",
            "limit daily: 1000 requests per day, one every 86.4 s by [path parameter id], \
             q=1000;w=86400s",
            "path parameters id",
            "bypassed by Chosen(\"exempt\")",
        ],
    );
    let plans = RateLimit::plans([(1, [Quota::per_minute(1)]), (2, [Quota::per_minute(60)])]);
    let plans = plans.unwrap().chosen_by(|_| 1);
    let limit = plans.keyed((key::principal(|_: &String| ""), key::by(|_| ())));
    check(
        &with_rate_limit(limit.max_keys(10, Overflow::Refuse).unwrap()),
        &[
            "with_rate_limit",
            "429 when a quota of its plan is spent (\"1-per-minute\": 1 request per minute; \
             \"60-per-minute\": 60 requests per minute, one every 1 s)",
            "  kind https://iana.org/assignments/http-problem-types#quota-exceeded",
            "  reasons quota",
            "  fields retry-after ratelimit ratelimit-policy access-control-expose-headers",
            "  members violated-policies",
            "500 when the plan of the request is not listed",
            "503 for a new key, when the limit has its maximum number of keys",
            "  kind https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
            "  reasons store_full",
            "  fields retry-after access-control-expose-headers",
            "sets ratelimit ratelimit-policy access-control-expose-headers",
            "limit 1-per-minute of a plan: 1 request per minute by [principal and function of the \
             request], q=1;w=60s",
            "limit 60-per-minute of a plan: 60 requests per minute, one every 1 s by [principal and \
             function of the request], q=60;w=60s",
        ],
    );
    let legacy = Quota::per_hour(1).by_client_ip().unwrap().cost(|_| 2);
    check(
        &with_rate_limit(legacy.fields(wythe::RateLimitFields::None)),
        &[
            "with_rate_limit",
            "429 when a quota is spent (\"1-per-hour\": 1 unit per hour)",
            "  kind https://iana.org/assignments/http-problem-types#quota-exceeded",
            "  reasons quota",
            "  fields retry-after access-control-expose-headers",
            "  members violated-policies",
            "sets access-control-expose-headers",
            "limit 1-per-hour: 1 unit per hour by [client address], q=1;w=3600s",
        ],
    );
    // A limit that is only tried out limits nothing.
    check(
        &with_rate_limit(Quota::per_hour(1).by_peer().unwrap().shadow()),
        &[
            "with_rate_limit.shadow()",
            "500 when the server does not provide the address of the peer",
            "sets access-control-expose-headers",
        ],
    );
}

#[test]
fn concurrency_limits() {
    let of = |max| ConcurrencyLimit::of(max).unwrap();
    check(
        &with_concurrency_limit(of(100)),
        &[
            "with_concurrency_limit",
            "503 when 100 requests are in progress",
            "  kind https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
            "  reasons concurrency",
            "  fields retry-after",
            "  members violated-policies",
            "limit concurrent-requests: 100 requests at once by []",
        ],
    );
    let queue = of(4)
        .named("uploads")
        .by_route()
        .queue(5, Duration::from_secs(1))
        .unwrap();
    check(
        &with_concurrency_limit(queue),
        &[
            "with_concurrency_limit",
            "503 when 4 requests of its key are in progress and 5 wait, or after a wait of 1s",
            "  kind https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
            "  reasons concurrency",
            "  fields retry-after",
            "  members violated-policies",
            "limit uploads: 4 requests at once by [method and route]",
            "queue 5 for 1s",
        ],
    );
}

#[test]
fn idempotency() {
    let policy = || {
        wythe::Idempotency::in_memory()
            .by_peer()
            .max_body_bytes(1_000)
    };
    let after_the_key = [
        "408 when a limit outside stops a body that is too slow",
        "  reasons slow_body",
        "409 while a request with the key is in progress, or if its answer is not kept",
        "  reasons in_progress answer_not_kept",
        "  fields retry-after",
        "413 when the body has more than 1000 bytes",
        "  reasons too_large",
        "  members max_body_bytes",
        "422 when the key was used for another request",
        "  reasons key_reused",
        "503 when too many requests with keys are in progress",
        "  kind https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
        "  reasons tasks",
        "  fields retry-after",
        "503 when the store of answers is not available",
        "  reasons unavailable",
        "504 when the handler takes too long",
        "  reasons time_limit",
        "500 when the server does not provide the address of the peer",
        "sets idempotent-replayed access-control-expose-headers",
        "reads Header String [] None",
    ];
    let optional = [
        "with_idempotency",
        "400 with a malformed `Idempotency-Key`",
        "  reasons malformed_key several_keys broken_body",
    ];
    let required = [
        "with_idempotency",
        "400 without an `Idempotency-Key`, or with a malformed one",
        "  reasons malformed_key several_keys broken_body no_key",
    ];
    check(
        &with_idempotency(policy()),
        &[&optional[..], &after_the_key].concat(),
    );
    check(
        &with_idempotency(policy().required()),
        &[&required[..], &after_the_key].concat(),
    );
}

#[test]
fn keys() {
    /// A key of an application, which says nothing of itself.
    struct ByTenant;

    impl Key for ByTenant {
        type Value = u64;
        type Stage = stage::Quota;
        type Needs = ();

        fn of(&self, _: &mut Parts) -> Result<u64, Problem> {
            Ok(1)
        }
    }

    /// A key that does not describe itself.
    struct UnlabelledKey;

    impl Key for UnlabelledKey {
        type Value = u64;
        type Stage = stage::Quota;
        type Needs = ();

        fn of(&self, _: &mut Parts) -> Result<u64, Problem> {
            Ok(1)
        }

        fn describe(&self, layer: Description) -> Description {
            layer.answer(Answer::new(StatusCode::BAD_REQUEST))
        }
    }

    fn labels(key: impl Key) -> String {
        let limit = RateLimit::of([Quota::per_minute(1)]).unwrap().keyed(key);
        let layer = with_rate_limit(limit.after_auth()).describe();
        layer.limits()[0].key().join(", ")
    }

    assert_eq!(labels(ByTenant), "ByTenant");
    assert_eq!(labels(UnlabelledKey), "UnlabelledKey");
    assert_eq!(
        labels((key::client_ip(), ByTenant)),
        "client address, ByTenant"
    );
    assert_eq!(
        labels(key::principal_value(|name: &String| name.len())),
        "value of the principal"
    );
    assert_eq!(
        labels(key::dangerously_client_header("X-Foo").unwrap()),
        "header x-foo"
    );
}

#[test]
fn a_part_of_a_key_belongs_to_the_limits_before_it() {
    let minute = Duration::from_secs(60);
    let layer = Description::new("with_gateway")
        .limit(
            [
                Limit::requests("a", 1, minute),
                Limit::requests("b", 2, minute),
            ],
            Answer::new(StatusCode::TOO_MANY_REQUESTS),
        )
        .counted_by("tenant")
        .limit(
            [Limit::concurrent("c", 3)],
            Answer::new(StatusCode::SERVICE_UNAVAILABLE),
        )
        .counted_by("user")
        .counted_by("route");
    let keys: Vec<_> = layer
        .limits()
        .iter()
        .map(|limit| limit.key().join(" "))
        .collect();
    assert_eq!(keys, ["tenant", "tenant", "user route"]);
    let answers: Vec<_> = layer.answers().iter().map(ToString::to_string).collect();
    assert_eq!(
        answers,
        [
            "429 when a quota is spent (\"a\": 1 request per minute; \"b\": 2 requests per minute, \
             one every 30 s)",
            "503 when 3 requests of its key are in progress",
        ]
    );
}

#[test]
fn requirements() {
    check(
        &with_scopes(Scopes::<String>::all(["a", "b"]).unwrap()),
        &[
            "with_scopes",
            "403 without the scopes \"a\", \"b\"",
            "  reasons insufficient_scope",
            "  fields www-authenticate",
            "requires Scopes(AllOf([\"a\", \"b\"]))",
        ],
    );
    check(
        &with_roles(
            Roles::<String, str>::any(["a", "b"])
                .unwrap()
                .by(|_: &String, _: &str| true),
        ),
        &[
            "with_roles",
            "403 without one of the roles \"a\", \"b\"",
            "  reasons insufficient_role",
            "requires Roles(AnyOf([\"a\", \"b\"]))",
        ],
    );
    fn is_staff(_: &Auth<Claims>, _: &wythe::RequestHead<'_>) -> Result<bool, Infallible> {
        Ok(true)
    }
    check(
        &with_authorization(is_staff),
        &[
            "with_authorization",
            "403 when the check denies the request",
            "  reasons denied",
            "503 when the check fails",
            "  reasons unavailable",
            "requires Check(\"is_staff\")",
        ],
    );
}

#[test]
fn webhooks() {
    let scheme = WebhookScheme::stripe(SECRET).unwrap();
    check(
        &with_webhook::<NewUser>(scheme).once(MemoryWebhookStore::default()),
        &[
            "with_webhook",
            "400 without a valid signature, or when the body is not JSON",
            "  reasons missing_field malformed_field too_old in_future signature malformed broken_body",
            "  members line column",
            "413 when the body has more than 1048576 bytes",
            "  reasons too_large",
            "  members max_body_bytes",
            "415 when the body has a content coding",
            "  reasons content_coding",
            "  fields accept-encoding",
            "422 when the event does not have the expected form",
            "  reasons invalid",
            "  members line column",
            "200 when the event was handled before",
            "409 while the event is being handled",
            "  reasons in_progress",
            "503 when the store of events is not available",
            "  reasons unavailable",
            "reads Body NewUser [\"application/json\"] Some(1048576)",
            "reads Header String [] None",
        ],
    );
    let scheme = WebhookScheme::github(SECRET).unwrap();
    check(
        &with_raw_webhook(scheme).max_body_bytes(10),
        &[
            "with_webhook",
            "400 without a valid signature",
            "  reasons missing_field malformed_field signature broken_body",
            "413 when the body has more than 10 bytes",
            "  reasons too_large",
            "  members max_body_bytes",
            "415 when the body has a content coding",
            "  reasons content_coding",
            "  fields accept-encoding",
            "reads Body Bytes [] Some(10)",
            "reads Header String [] None",
        ],
    );
}

#[test]
fn inputs() {
    check(
        &with_validation::<Json<NewUser>>(),
        &[
            "with_validation",
            "400 when the body can't be read or parsed",
            "  reasons malformed no_body broken_body",
            "  members line column",
            "413 when the body has more than 1048576 bytes",
            "  reasons too_large too_many_values",
            "  members max_body_bytes max_values",
            "415 when the body has another content type, or a content coding",
            "  reasons media_type content_coding",
            "  fields accept accept-encoding",
            "422 when the input is well-formed but invalid",
            "  reasons invalid",
            "  members error_count errors line column",
            "reads Body Json<NewUser> [\"application/json\"] Some(1048576)",
        ],
    );
    check(
        &with_validation::<Form<NewUser>>().max_body_bytes(10),
        &[
            "with_validation",
            "400 when the body can't be read or parsed",
            "  reasons malformed no_body broken_body",
            "  members byte",
            "413 when the body has more than 10 bytes",
            "  reasons too_large too_many_values",
            "  members max_body_bytes max_values",
            "415 when the body has another content type, or a content coding",
            "  reasons media_type content_coding",
            "  fields accept accept-encoding",
            "422 when the input is well-formed but invalid",
            "  reasons invalid",
            "  members error_count errors",
            "reads Body Form<NewUser> [\"application/x-www-form-urlencoded\"] Some(10)",
        ],
    );
    check(
        &with_validation::<JsonOrForm<NewUser>>().dangerously_ignore_content_type(),
        &[
            "with_validation",
            "400 when the body can't be read or parsed",
            "  reasons malformed broken_body",
            "  members byte line column",
            "413 when the body has more than 1048576 bytes",
            "  reasons too_large too_many_values",
            "  members max_body_bytes max_values",
            "415 when the body has a content coding",
            "  reasons content_coding",
            "  fields accept-encoding",
            "422 when the input is well-formed but invalid",
            "  reasons invalid",
            "  members error_count errors line column",
            "reads Body JsonOrForm<NewUser> [] Some(1048576)",
        ],
    );
    check(
        &with_validation::<Query<NewUser>>(),
        &[
            "with_validation",
            "400 when the query can't be parsed",
            "  reasons malformed",
            "  members byte",
            "422 when the input is well-formed but invalid",
            "  reasons invalid",
            "  members error_count errors",
            "reads Query Query<NewUser> [] None",
        ],
    );
    check(
        &with_validation::<(wythe::Path<NewUser>, Header<NewUser>, Option<Json<NewUser>>)>(),
        &[
            "with_validation",
            "400 when the body can't be read or parsed",
            "  reasons malformed broken_body",
            "  members line column",
            "413 when the body has more than 1048576 bytes",
            "  reasons too_large too_many_values",
            "  members max_body_bytes max_values",
            "415 when the body has another content type, or a content coding",
            "  reasons media_type content_coding",
            "  fields accept accept-encoding",
            "422 when the input is well-formed but invalid",
            "  reasons invalid",
            "  members error_count errors line column",
            "reads Path Path<NewUser> [] None",
            "reads Header Header<NewUser> [] None",
            "reads Body Option<Json<NewUser>> [\"application/json\"] Some(1048576)",
        ],
    );
}

#[test]
fn origins() {
    let csrf = || Csrf::same_origin().exempt(["/hooks/{name}"]).unwrap();
    check(
        &with_csrf(csrf()),
        &[
            "with_csrf",
            "403 when a page of another site sent the request",
            "  reasons cross_site cross_origin null_origin no_host several_fields",
            "csrf, exempt [/hooks/{name}], trusts [], token None",
        ],
    );
    let tokens = CsrfTokens::new(SECRET).unwrap();
    check(
        &with_csrf(
            csrf()
                .fallback_token(tokens, |_| None)
                .own_origins(["https://a.example.com"])
                .unwrap()
                .trust_origins(["https://b.example.com"])
                .unwrap(),
        ),
        &[
            "with_csrf",
            "403 when a page of another site sent the request",
            "  reasons cross_site cross_origin null_origin no_host several_fields",
            "403 without an origin and without a valid token of its session",
            "  reasons no_session no_token several_tokens wrong_token expired_token",
            "csrf, exempt [/hooks/{name}], trusts [https://b.example.com https://a.example.com], \
             token Some(\"x-csrf-token\")",
        ],
    );
    check(
        &with_cors(Cors::any().any_method()),
        &[
            "with_cors",
            "204 to a preflight",
            "  fields access-control-allow-origin vary access-control-allow-methods \
             access-control-allow-headers",
            "sets access-control-allow-origin",
            "shares with any origin, listed [], methods None",
        ],
    );
    let cors = Cors::origins(["https://app.example.com", "https://*.example.com"]).unwrap();
    let cors = cors
        .credentials()
        .methods(["GET"])
        .unwrap()
        .exposed_headers(["etag"])
        .unwrap();
    check(
        &with_cors(cors.allow_origins_where(|_, _| false)),
        &[
            "with_cors",
            "204 to a preflight",
            "  fields access-control-allow-origin vary access-control-allow-credentials \
             access-control-allow-methods access-control-allow-headers",
            "sets access-control-allow-origin access-control-allow-credentials \
             access-control-expose-headers vary",
            "shares with https://app.example.com, https://*.example.com, origins that a function \
             allows, listed [https://app.example.com] with credentials, methods Some([GET])",
        ],
    );
}

#[test]
fn compression() {
    check(
        &wythe::with_compression(wythe::Compression::gzip()),
        &["with_compression", "sets vary content-encoding"],
    );
}

#[test]
fn conditional_requests() {
    use wythe::{Conditional, ETag, with_conditional};

    check(
        &with_conditional(Conditional::new()),
        &[
            "with_conditional",
            "304 when the client has the current version",
            "  fields etag",
            "400 when a precondition is malformed",
            "  reasons malformed_precondition",
            "412 when a precondition is false",
            "  reasons precondition_failed",
            "reads Header String [] None",
            "reads Header String [] None",
        ],
    );
    let down = |_: &wythe::RequestHead<'_>| Err::<Option<ETag>, _>(std::io::Error::other("down"));
    let policy = Conditional::new().tag_bodies(100).current(down);
    check(
        &with_conditional(policy.require_precondition()),
        &[
            "with_conditional",
            "304 when the client has the current version",
            "  fields etag",
            "400 when a precondition is malformed",
            "  reasons malformed_precondition",
            "412 when a precondition is false",
            "  reasons precondition_failed",
            "428 without a precondition",
            "  reasons no_precondition",
            "503 when the current version can't be determined",
            "  reasons unavailable",
            "sets etag",
            "reads Header String [] None",
            "reads Header String [] None",
        ],
    );
}

#[test]
fn caches() {
    check(
        &with_cache_control(CacheControl::no_store()),
        &[
            "with_cache_control",
            "sets cache-control",
            "caches \"no-store\" (no-store), authenticated \"no-store\" (no-store)",
        ],
    );
    let minute = Duration::from_secs(60);
    check(
        &with_cache_control(CacheControl::public().max_age(minute)),
        &[
            "with_cache_control",
            "sets cache-control",
            "caches \"public, max-age=60\" (public), authenticated \"private, max-age=60\" \
             (private)",
        ],
    );
    let shared = CacheControl::public().dangerously_shared_when_authenticated();
    check(
        &with_cache_control(shared),
        &[
            "with_cache_control",
            "sets cache-control",
            "caches \"public\" (public), authenticated \"public\" (public)",
        ],
    );
    let cdn = CacheControl::private().cdn(CacheControl::public());
    check(
        &with_cache_control(cdn),
        &[
            "with_cache_control",
            "sets cache-control cdn-cache-control",
            "caches \"private\" (public), authenticated \"private\" (private)",
        ],
    );
}

#[test]
fn conditions() {
    let csrf = || with_csrf(Csrf::same_origin());
    let list = |routes: &[&str]| routes.iter().map(ToString::to_string).collect();
    let cases = [
        (
            csrf().when(|_| true).describe(),
            ".when(..)",
            Bypass::Chosen("when"),
        ),
        (
            csrf().except(|_| true).describe(),
            ".except(..)",
            Bypass::Chosen("except"),
        ),
        (
            csrf().only_routes(["/b", "/a"]).unwrap().describe(),
            r#".only_routes(["/a", "/b"])"#,
            Bypass::OtherRoutes(list(&["/a", "/b"])),
        ),
        (
            csrf().except_routes(["/health"]).unwrap().describe(),
            r#".except_routes(["/health"])"#,
            Bypass::Routes(list(&["/health"])),
        ),
    ];
    for (layer, suffix, bypass) in cases {
        assert_eq!(layer.name(), format!("with_csrf{suffix}"));
        assert_eq!(layer.bypasses(), [bypass]);
        assert!(layer.is_conditional() && layer.is_csrf_protection());
    }

    let exempt = with_csrf(Csrf::same_origin().exempt(["/hooks"]).unwrap());
    let layer = exempt.except_routes(["/health"]).unwrap().describe();
    assert!(layer.is_conditional() && layer.is_csrf_protection());
    let named: Vec<_> = layer.named_routes().collect();
    assert_eq!(named, [("except_routes", "/health"), ("exempt", "/hooks")]);
    assert!(!csrf().describe().is_conditional());
}

#[test]
fn a_layer_of_an_application_has_all_setters() {
    let layer = Description::new("app::layers::WithGateway<app::Route>")
        .answer(Answer::new(StatusCode::CREATED).when("to a probe"))
        .field(header::SERVER)
        .requirement(
            Requirement::Roles(NameList::AnyOf(vec!["staff".to_owned()])),
            Answer::new(StatusCode::FORBIDDEN)
                .reason("role")
                .member("roles"),
        )
        .limit(
            [
                Limit::requests("units", 60, Duration::from_secs(60)).weighted(),
                Limit::requests("daily", 5, Duration::from_secs(86_400)),
            ],
            Answer::new(StatusCode::TOO_MANY_REQUESTS).kind("https://app.example/probs/limit"),
        )
        .counted_by("tenant")
        .path_parameter("tenant")
        .supports([Method::PUT], Answer::new(StatusCode::METHOD_NOT_ALLOWED))
        .reads(RequestInput::new(InputSource::Body, "Upload").media_type("image/png"))
        .protects_from_csrf(CsrfProtection::new())
        .bypass(Bypass::Chosen("unless"));
    let expected = [
        "WithGateway<Route>.unless(..)",
        "201 to a probe",
        "403 without one of the roles \"staff\"",
        "  reasons role",
        "  members roles",
        "429 when a quota is spent (\"units\": 60 units per minute, one every 1 s; \"daily\": \
             5 requests per day, one every 4.8 h)",
        "  kind https://app.example/probs/limit",
        "405 to a method other than PUT",
        "sets server",
        "requires Roles(AnyOf([\"staff\"]))",
        "limit units: 60 units per minute, one every 1 s by [tenant], q=60;w=60s",
        "limit daily: 5 requests per day, one every 4.8 h by [tenant], q=5;w=86400s",
        "path parameters tenant",
        "methods [PUT]",
        "reads Body Upload [\"image/png\"] None",
        "csrf, exempt [], trusts [], token None",
        "bypassed by Chosen(\"unless\")",
    ];
    assert_eq!(lines(&layer), expected);
    assert!(layer.is_csrf_protection());
    assert_eq!(layer.clone(), layer);
}
