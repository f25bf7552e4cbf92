//! Which requests a limit exempts, which plan applies, and what its handle does.

use std::{collections::HashSet, time::Duration};

use http::{HeaderValue, Request, StatusCode};
use wythe::{
    Place, Quota, RateLimit,
    key::AddressPart,
    rate_limit::{Handle, Limiter, Overflow},
    with_rate_limit,
};

use crate::common::{
    self, Body, empty,
    limits::{ManualClock, call, field, from_peer, items, refused, send},
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn peer(address: &str) -> AddressPart {
    AddressPart::from(address.parse::<std::net::IpAddr>().unwrap())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Free,
    Paid,
    Forgotten,
}

fn of_plan(plan: Plan) -> Request<Body> {
    let mut request = from_peer("203.0.113.9:50123");
    request.extensions_mut().insert(plan);
    request
}

#[tokio::test]
async fn each_plan_has_its_own_quotas() {
    let clock = ManualClock::default();
    let plans = [
        (Plan::Free, vec![Quota::per_minute(1).named("minute")]),
        (
            Plan::Paid,
            vec![
                Quota::per_minute(10).named("minute"),
                Quota::per_day(100).named("day"),
            ],
        ),
    ];
    let limit = RateLimit::plans(plans)
        .unwrap()
        .chosen_by(|head| *head.extensions().get().unwrap())
        .by_peer()
        .clock(clock.now());
    let limiter = Limiter::new(limit);
    let layer = with_rate_limit(limiter.clone());

    let free = send(&layer, of_plan(Plan::Free)).await;
    assert_eq!(field(&free, "ratelimit"), Some(r#""minute";r=0;t=60"#));
    assert_eq!(refused(&send(&layer, of_plan(Plan::Free)).await), Some(60));
    // The same client, after upgrading.
    let paid = send(&layer, of_plan(Plan::Paid)).await;
    let reported = items(field(&paid, "ratelimit").unwrap());
    assert_eq!((reported[0].remaining, reported[1].remaining), (9, 99));
    let policy = r#""minute";q=10;w=60, "day";q=100;w=86400"#;
    assert_eq!(field(&paid, "ratelimit-policy"), Some(policy));

    // A handle uses one of the plans.
    let (free, paid) = (limiter.handle(), limiter.handle().plan(1).unwrap());
    let client = peer("203.0.113.9");
    assert_eq!(free.remaining(&client).await.unwrap()[0].units(), 0);
    assert_eq!(paid.remaining(&client).await.unwrap()[0].units(), 9);
    free.reset(&client).await.unwrap();
    assert_eq!(free.remaining(&client).await.unwrap()[0].units(), 1);
    assert_eq!(paid.remaining(&client).await.unwrap()[0].units(), 9);
}

#[tokio::test]
async fn a_plan_that_is_not_listed_does_not_bypass_the_limit() {
    let plans = [(Plan::Free, [Quota::per_minute(1)])];
    let limit = RateLimit::plans(plans).unwrap();
    let limit = limit.chosen_by(|head| *head.extensions().get().unwrap());
    let layer = with_rate_limit(limit.by_peer());
    let response = send(&layer, of_plan(Plan::Forgotten)).await;
    common::problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn the_plan_of_a_principal_decides_and_no_request_passes_without_one() {
    use wythe::Auth;

    let plans = [
        (Plan::Free, [Quota::per_day(1).named("free")]),
        (Plan::Paid, [Quota::per_day(2).named("paid")]),
    ];
    let limit = RateLimit::plans(plans).unwrap();
    let limit = limit.chosen_by_principal(|plan: &Plan| *plan).by_peer();
    let layer = with_rate_limit(limit);
    for (plan, reported) in [
        (Plan::Free, r#""free";r=0;t=86400"#),
        (Plan::Paid, r#""paid";r=1;t=43200"#),
    ] {
        let mut request = from_peer("203.0.113.9:1");
        request.extensions_mut().insert(Auth(plan));
        assert_eq!(
            field(&send(&layer, request).await, "ratelimit"),
            Some(reported)
        );
    }
    let response = call(&layer).await;
    common::problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn rejects_impossible_plans() {
    let twice = [
        (Plan::Free, [Quota::per_day(1)]),
        (Plan::Free, [Quota::per_day(2)]),
    ];
    let cases: [(Vec<(Plan, Vec<Quota>)>, &str); 4] = [
        (
            twice.map(|(plan, quotas)| (plan, quotas.into())).into(),
            "listed twice",
        ),
        (vec![], "without a plan"),
        (vec![(Plan::Free, vec![])], "without a quota"),
        (
            vec![(Plan::Free, vec![Quota::per_day(0)])],
            "reject every request",
        ),
    ];
    for (plans, reason) in cases {
        let error = RateLimit::plans(plans).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn exempt_requests_are_not_counted_and_need_no_key() {
    let limit = Quota::per_day(1).by_peer().unwrap();
    let layer = with_rate_limit(limit.exempt(|head| head.path() == "/health"));
    let health = || Request::get("/health").body(empty()).unwrap();
    for _ in 0..3 {
        let response = send(&layer, health()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(!response.headers().contains_key("ratelimit"));
    }
    let response = send(&layer, Request::get("/").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(refused(&call(&layer).await), None);
    assert!(refused(&call(&layer).await).is_some());
}

#[tokio::test]
async fn a_request_without_a_route_is_neither_exempt_nor_free_if_the_closure_asks_for_it() {
    let limit = || Quota::per_day(1).by_peer().unwrap();
    let limits = [
        limit().exempt(|head| head.route().is_empty()),
        limit().cost(|head| u32::from(!head.route().is_empty())),
    ];
    for limit in limits {
        let layer = with_rate_limit(limit);
        assert_eq!(refused(&call(&layer).await), None);
        assert!(refused(&call(&layer).await).is_some());
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn routes_are_exempt_or_free_by_their_full_name() {
    use axum::{Router, routing::get};
    use tower::ServiceExt;

    let limit = || Quota::per_day(1).by_peer().unwrap();
    let limits = [
        limit().exempt(|head| head.route() == "/status/{part}"),
        limit().cost(|head| u32::from(head.route() != "/status/{part}")),
        limit().exempt(|head| head.path().starts_with("/status/")),
    ];
    for limit in limits {
        let inner = Router::new()
            .route("/{part}", get(async || "ok"))
            .layer(with_rate_limit(limit));
        let app = Router::new()
            .nest("/status", inner.clone())
            .nest("/other", inner);
        for (path, status) in [
            ("/status/a", 200),
            ("/other/a", 200),
            ("/other/status", 429),
            ("/status/b", 200),
        ] {
            let mut request = from_peer("203.0.113.9:50123").map(axum::body::Body::new);
            *request.uri_mut() = path.parse().unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
        }
    }
}

#[tokio::test]
async fn a_limit_in_shadow_mode_counts_and_rejects_nothing() {
    let clock = ManualClock::default();
    let limit = Quota::per_minute(2).by_peer().unwrap().clock(clock.now());
    let limiter = Limiter::new(limit.shadow());
    let layer = with_rate_limit(limiter.clone());
    for _ in 0..5 {
        let response = call(&layer).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(!response.headers().contains_key("ratelimit"));
        assert!(!response.headers().contains_key("ratelimit-policy"));
    }
    let counts = limiter.handle().counts();
    assert_eq!((counts.refused, counts.would_refuse), (0, 3));
    assert!(
        limiter
            .describe()
            .answers()
            .iter()
            .all(|answer| answer.status() != 429)
    );
}

#[test]
fn a_limit_describes_the_responses_of_its_options() {
    let statuses = |limiter: &dyn Fn() -> wythe::Description| -> Vec<u16> {
        let answers = limiter();
        let answers = answers.answers().iter();
        answers.map(|answer| answer.status().as_u16()).collect()
    };
    let limit = || Quota::per_day(1).by(|_| ()).unwrap();
    assert_eq!(statuses(&|| Limiter::new(limit()).describe()), [429]);
    let refuses = || limit().max_keys(10, Overflow::Refuse).unwrap();
    assert_eq!(statuses(&|| Limiter::new(refuses()).describe()), [429, 503]);
    let plans = || {
        let plans = RateLimit::plans([(Plan::Free, [Quota::per_day(1)])]).unwrap();
        plans.chosen_by(|_| Plan::Free).by(|_| ())
    };
    assert_eq!(statuses(&|| Limiter::new(plans()).describe()), [429, 500]);
}

#[tokio::test]
async fn a_handler_chooses_the_plan_of_its_key() {
    let plans = || {
        let plans = [
            (Plan::Free, [Quota::per_day(1)]),
            (Plan::Paid, [Quota::per_day(2)]),
        ];
        RateLimit::plans(plans).unwrap()
    };
    let free = plans().in_handler::<u64>().handle();
    let paid = free.clone().plan(1).unwrap();
    for (handle, quota) in [(free, 1), (paid, 2)] {
        assert_eq!(handle.remaining(&7).await.unwrap()[0].units(), quota);
    }
    let chosen = plans().chosen_by(|_| Plan::Paid);
    let error = chosen.in_handler::<u64>().map(drop).unwrap_err();
    assert!(error.to_string().contains("`Handle::plan`"), "{error}");
}

#[tokio::test]
async fn refusals_are_counted() {
    let limiter = Limiter::new(Quota::per_day(2).by_peer().unwrap());
    let layer = with_rate_limit(limiter.clone());
    for _ in 0..5 {
        call(&layer).await;
    }
    let counts = limiter.handle().counts();
    assert_eq!((counts.refused, counts.would_refuse), (3, 0));
}

#[tokio::test]
async fn a_handle_sees_and_changes_what_the_layer_counts() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_minute(6).named("minute"),
        Quota::per_day(100).named("day"),
    ];
    let limit = RateLimit::of(quotas).unwrap().by_peer().clock(clock.now());
    let limiter = Limiter::new(limit);
    let handle: Handle<AddressPart> = limiter.handle();
    let layer = with_rate_limit(limiter.clone());
    let client = peer("203.0.113.9");
    let left = async || {
        let left = handle.remaining(&client).await.unwrap();
        (left[0].units(), left[1].units())
    };

    assert_eq!(left().await, (6, 100));
    assert_eq!(limiter.keys(), 0, "looking keeps no key");
    call(&layer).await;
    assert_eq!(left().await, (5, 99));
    let remaining = handle.remaining(&client).await.unwrap();
    assert_eq!((remaining[0].name(), remaining[0].limit()), ("minute", 6));
    assert_eq!(remaining[0].next(), Some(secs(10)));

    handle.charge(&client, 5).await.unwrap();
    assert_eq!(left().await, (0, 94));
    assert_eq!(refused(&call(&layer).await), Some(10));
    // Other clients are not affected.
    assert_eq!(
        refused(&send(&layer, from_peer("203.0.113.10:1")).await),
        None
    );

    handle.reset(&client).await.unwrap();
    assert_eq!(left().await, (6, 100));
    assert_eq!(refused(&call(&layer).await), None);

    handle.block(&client, secs(100)).await.unwrap();
    assert_eq!(left().await, (0, 0));
    assert_eq!(refused(&call(&layer).await), Some(100));
    clock.advance(secs(99));
    assert_eq!(refused(&call(&layer).await), Some(1));
    clock.advance(secs(1));
    assert_eq!(refused(&call(&layer).await), None);
    assert!(refused(&call(&layer).await).is_some());

    // A block of no time also leaves one unit.
    handle.reset(&client).await.unwrap();
    handle.block(&client, Duration::ZERO).await.unwrap();
    assert_eq!(refused(&call(&layer).await), None);
    assert!(refused(&call(&layer).await).is_some());
}

#[tokio::test]
async fn a_block_does_not_shorten_a_longer_one() {
    let clock = ManualClock::default();
    let limiter = Limiter::new(Quota::per_minute(6).by_peer().unwrap().clock(clock.now()));
    let (handle, client) = (limiter.handle(), peer("203.0.113.9"));
    handle.block(&client, secs(1_000)).await.unwrap();
    handle.block(&client, secs(10)).await.unwrap();
    handle.block(&client, Duration::ZERO).await.unwrap();
    assert_eq!(refused(&call(&with_rate_limit(limiter)).await), Some(1_000));
}

#[tokio::test]
async fn a_permanent_block_does_not_overflow() {
    let clock = ManualClock::default();
    clock.set(secs(1_000_000));
    let limiter = Limiter::new(Quota::per_minute(6).by_peer().unwrap().clock(clock.now()));
    let (handle, client) = (limiter.handle(), peer("203.0.113.9"));
    handle.block(&client, Duration::MAX).await.unwrap();
    handle.charge(&client, u32::MAX).await.unwrap();
    let layer = with_rate_limit(limiter);
    assert!(refused(&call(&layer).await) > Some(100 * 365 * 86_400));
    handle.reset(&client).await.unwrap();
    assert_eq!(refused(&call(&layer).await), None);
}

#[test]
fn rejects_a_handle_for_an_unknown_plan() {
    let limiter = Limiter::new(Quota::per_minute(6).by_peer().unwrap());
    limiter.handle().plan(0).unwrap();
    let error = limiter.handle().plan(1).unwrap_err();
    assert!(error.to_string().contains("no plan number 1"));
}

#[tokio::test]
async fn jitter_spreads_clients_that_were_rejected_together() {
    let clock = ManualClock::default();
    let limit = Quota::per_minute(1).by_peer().unwrap().clock(clock.now());
    let layer = with_rate_limit(limit.retry_jitter(secs(30)));
    call(&layer).await;
    let mut reported = HashSet::new();
    for _ in 0..200 {
        let seconds = refused(&call(&layer).await).unwrap();
        assert!((60..=90).contains(&seconds), "{seconds}");
        reported.insert(seconds);
    }
    assert!(reported.len() > 15, "{reported:?}");
}

#[tokio::test]
async fn the_503_of_a_full_store_has_jitter_and_is_exposed() {
    let limit = Quota::per_minute(9).by_peer().unwrap();
    let limit = limit.max_keys(1, Overflow::Refuse).unwrap();
    let limiter = Limiter::new(limit.retry_jitter(secs(30)));
    let layer = with_rate_limit(limiter.clone());
    assert_eq!(call(&layer).await.status(), 200);
    let mut in_responses = HashSet::new();
    let mut in_problems = HashSet::new();
    let other = peer("203.0.113.1");
    let seconds = |field: &str| -> u64 {
        let seconds = field.parse().unwrap();
        assert!((60..=90).contains(&seconds), "{seconds}");
        seconds
    };
    for _ in 0..100 {
        let mut request = from_peer("203.0.113.1:1");
        let origin = HeaderValue::from_static("https://app.example.com");
        request.headers_mut().insert("origin", origin);
        let response = send(&layer, request).await;
        assert_eq!(response.status(), 503);
        let exposed = field(&response, "access-control-expose-headers");
        assert_eq!(exposed, Some("RateLimit, RateLimit-Policy, Retry-After"));
        in_responses.insert(seconds(field(&response, "retry-after").unwrap()));
        let problem = limiter.handle().take(&other, 1).await.unwrap_err();
        in_problems.insert(seconds(problem.headers()["retry-after"].to_str().unwrap()));
        let problem = limiter.handle().charge(&other, 1).await.unwrap_err();
        in_problems.insert(seconds(problem.headers()["retry-after"].to_str().unwrap()));
    }
    assert!(in_responses.len() > 10 && in_problems.len() > 10);
}

#[tokio::test]
async fn cors_exposes_refusals_to_other_origins() {
    let layer = with_rate_limit(Quota::per_minute(1).by_peer().unwrap().count_failures());
    let mut request = from_peer("203.0.113.9:1");
    let origin = HeaderValue::from_static("https://app.example.com");
    request.headers_mut().insert("origin", origin);
    let response = send(&layer, request).await;
    let exposed = "RateLimit, RateLimit-Policy, Retry-After";
    assert_eq!(
        field(&response, "access-control-expose-headers"),
        Some(exposed)
    );
}

#[tokio::test]
async fn a_handler_can_take_and_give_back_units() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_minute(3).named("minute"),
        Quota::per_day(4).named("day"),
    ];
    let limit = RateLimit::of(quotas).unwrap().in_handler::<String>();
    let limit = limit.unwrap();
    let handle = limit.clock(clock.now()).handle();
    let (ada, bob) = ("ada".to_owned(), "bob".to_owned());

    handle.take(&ada, 2).await.unwrap();
    let refusal = handle.take(&ada, 2).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refusal.headers()["retry-after"], "20");
    let violated = serde_json::json!(["minute"]);
    assert_eq!(refusal.extensions()["violated-policies"], violated);
    // All or nothing: the daily quota is unchanged.
    assert_eq!(handle.remaining(&ada).await.unwrap()[1].units(), 2);
    handle.give_back(&ada, 1).await.unwrap();
    handle.take(&ada, 2).await.unwrap();
    assert_eq!(handle.remaining(&bob).await.unwrap()[0].units(), 3);

    let too_dear = handle.take(&bob, 4).await.unwrap_err();
    assert!(too_dear.headers().get("retry-after").is_none());
    assert_eq!(handle.remaining(&bob).await.unwrap()[0].units(), 3);
    // More given back than was taken: no more than the quota holds.
    handle.give_back(&bob, 100).await.unwrap();
    assert_eq!(handle.remaining(&bob).await.unwrap()[0].units(), 3);
    assert_eq!(handle.counts().refused, 2);
}

#[tokio::test]
async fn a_handle_in_shadow_mode_rejects_nothing() {
    let limit = Quota::per_day(1).in_handler::<u64>().unwrap().shadow();
    let handle = limit.handle();
    for units in [1, 1, 100] {
        handle.take(&7, units).await.unwrap();
    }
    assert_eq!(handle.counts().would_refuse, 2);
}
