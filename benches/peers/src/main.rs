//! wythe compared with axum alone, the same work by hand, and the stack people would build today.

mod bare;
mod by_hand;
mod chart;
#[path = "../../layers/full_stack.rs"]
mod full_stack;
mod goals;
mod peers;
mod regex;

use axum::{
    Router,
    body::Bytes,
    http::{Request, StatusCode},
};
use wythe_bench_harness::{Case, Counting, Group, answered, request, run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub(crate) const BARE: &str = "axum, bare Json handler";
/// Each token is verified, as the peers do.
pub(crate) const WYTHE: &str = "wythe, each token verified";
pub(crate) const CACHED: &str = "wythe, cached token";
pub(crate) const API: &str = "wythe, Api, each token verified";
pub(crate) const API_CACHED: &str = "wythe, Api, cached token";
pub(crate) const PEERS: &str = "peers";
pub(crate) const WYTHE_REGEX: &str = "wythe, garde's email regex";
pub(crate) const PEERS_REGEX: &str = "peers, garde's email regex";

fn main() -> std::io::Result<()> {
    let costs = run(&[accepted(), refused()])?;
    goals::print(&costs);
    chart::write(&costs)
}

fn accepted() -> Group {
    let case = |name, app| Case::answer(name, StatusCode::CREATED, request::create_user, app);
    Group {
        title: "POST /users, 201",
        notes: NOTES,
        cases: vec![
            case(BARE, bare::json),
            Case::request("the request itself", request::create_user),
            case("axum, router alone", bare::router),
            case("by hand, own JSON reading", by_hand::with_own_json),
            case("by hand, over axum Json", by_hand::over_axum_json),
            case(WYTHE, full_stack::app_without_cache),
            case(CACHED, full_stack::app),
            Case::part(API, || {
                let service = full_stack::api_without_cache();
                answered(API, service, request::create_user(), StatusCode::CREATED)
            }),
            Case::part(API_CACHED, || {
                let service = full_stack::api();
                answered(
                    API_CACHED,
                    service,
                    request::create_user(),
                    StatusCode::CREATED,
                )
            }),
            case(PEERS, peers::app),
            case("peers, without limit fields", peers::app_without_fields),
            case(WYTHE_REGEX, regex::app_without_cache),
            case(PEERS_REGEX, peers::app_with_regex),
        ],
    }
}

fn refused() -> Group {
    let case = |name, status, request: fn() -> Request<Bytes>, app: fn() -> Router| {
        Case::answer(name, status, request, app)
    };
    Group {
        title: "refusals",
        notes: "",
        cases: vec![
            case(
                WYTHE,
                StatusCode::CREATED,
                request::create_user,
                full_stack::app_without_cache,
            ),
            case(
                "wythe, preflight",
                StatusCode::NO_CONTENT,
                request::preflight,
                full_stack::app_without_cache,
            ),
            case(
                "wythe, 429",
                StatusCode::TOO_MANY_REQUESTS,
                request::create_user,
                full_stack::exhausted_quota,
            ),
            case(
                "wythe, 401 without a token",
                StatusCode::UNAUTHORIZED,
                request::without_token,
                full_stack::app_without_cache,
            ),
            case(
                "wythe, 401 to a forged token",
                StatusCode::UNAUTHORIZED,
                request::with_forged_token,
                full_stack::app_without_cache,
            ),
            case(
                "wythe, 422",
                StatusCode::UNPROCESSABLE_ENTITY,
                request::with_broken_rule,
                full_stack::app_without_cache,
            ),
            case(PEERS, StatusCode::CREATED, request::create_user, peers::app),
            case(
                "peers, preflight",
                StatusCode::OK,
                request::preflight,
                peers::app,
            ),
            case(
                "peers, 429",
                StatusCode::TOO_MANY_REQUESTS,
                request::create_user,
                peers::exhausted_quota,
            ),
            case(
                "peers, 401 without a token",
                StatusCode::UNAUTHORIZED,
                request::without_token,
                peers::app,
            ),
            case(
                "peers, 401 to a forged token",
                StatusCode::UNAUTHORIZED,
                request::with_forged_token,
                peers::app,
            ),
            case(
                "peers, 422",
                StatusCode::UNPROCESSABLE_ENTITY,
                request::with_broken_rule,
                peers::app,
            ),
        ],
    }
}

const NOTES: &str = "\
- bare Json handler: an axum 0.8 handler that takes `Json<NewUser>` and answers with `Json<Created>`
- the request itself: made and dropped; every other row includes it
- router alone: a handler without arguments that answers 201
- by hand: CORS for one origin, governor 0.10 by peer, HS256 (hmac 0.13, sha2 0.11) with a prepared
  key, rules and email by hand, cache-control; refusals without a body; no RateLimit fields
- wythe: the stack of the README's example, as in `layers/full_stack.rs`: CORS, presentation, rate limit
  with fields, JWT, validation, cache-control; cached token: one that was verified before
- peers: tower-http 0.7 CORS and cache-control, tower_governor 0.8 with and without its fields,
  jsonwebtoken 11 (rust_crypto) in an extractor, garde 0.23
- all check the email address by the rule of HTML (`wythe::validation::email`); garde's email regex:
  the same two stacks with garde's own rule instead";
