//! The whole stack around a handler, as a user would write it. Both benchmarks use it.

use axum::{
    Json, Router,
    http::{StatusCode, header},
    routing::{MethodFilter, on},
};
use serde::{Deserialize, Serialize};
use wythe::{
    Auth, CacheControl, ConfigError, Cors, Jwt, Quota, Valid, compose, with_auth,
    with_cache_control, with_cors, with_rate_limit, with_validation,
};
use wythe_bench_harness::request::{AUDIENCE, ISSUER, ORIGIN, SECRET};

/// The request body.
#[derive(Debug, Deserialize, garde::Validate)]
pub(crate) struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
    #[garde(custom(wythe::validation::email))]
    email: String,
    #[garde(range(min = 18, max = 120))]
    age: Option<u8>,
}

/// The claims of a token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    sub: String,
}

/// The response body.
#[derive(Debug, Serialize)]
struct Created {
    id: u64,
    name: String,
}

/// Accepts every request of a benchmark. All but the first have a cached token.
pub(crate) fn app() -> Router {
    with_quota(plenty()).expect("a stack")
}

/// Accepts every request, and verifies the token of each.
pub(crate) fn app_without_cache() -> Router {
    let jwt = jwt().map(Jwt::without_cache);
    jwt.and_then(|jwt| with(plenty(), jwt)).expect("a stack")
}

/// Rejects every request but the first.
pub(crate) fn spent() -> Router {
    with_quota(Quota::per_day(1)).expect("a stack")
}

/// A quota that no benchmark uses up.
pub(crate) const fn plenty() -> Quota {
    Quota::per_second(100_000_000)
}

fn with_quota(quota: Quota) -> Result<Router, ConfigError> {
    with(quota, jwt()?)
}

fn jwt() -> Result<Jwt<Claims>, ConfigError> {
    let jwt = Jwt::hs256(SECRET)?;
    Ok(jwt.issuer(ISSUER).audience(AUDIENCE))
}

fn with(quota: Quota, jwt: Jwt<Claims>) -> Result<Router, ConfigError> {
    let cors = Cors::origins([ORIGIN])?
        .headers([header::AUTHORIZATION, header::CONTENT_TYPE])?
        .credentials();
    let stack = compose((
        with_cors(cors),
        with_rate_limit(quota.by_peer()?),
        with_auth(jwt),
        with_validation::<Json<NewUser>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    let methods = MethodFilter::POST.or(MethodFilter::OPTIONS);
    Ok(Router::new().route("/users", on(methods, stack.handler(create_user))))
}

async fn create_user(
    Auth(claims): Auth<Claims>,
    user: Valid<Json<NewUser>>,
) -> (StatusCode, Json<Created>) {
    let Json(NewUser { name, email, age }) = user.into_inner();
    std::hint::black_box((claims.sub, email, age));
    (StatusCode::CREATED, Json(Created { id: 7, name }))
}
