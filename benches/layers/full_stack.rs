//! The stack of the README's example, around a handler that reads and writes JSON. The benchmarks
//! share it.

use axum::{Json, Router, http::StatusCode, routing::post};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wythe::{
    Api, Auth, CacheControl, ConfigError, Cors, Jwt, Problem, Quota, Valid, api::ConnectedApi,
    compose, with_auth, with_cache_control, with_cors, with_presentation, with_rate_limit,
    with_validation,
};
use wythe_bench_harness::request::{AUDIENCE, ISSUER, ORIGIN, SECRET};

/// The request body.
#[derive(Debug, Deserialize, garde::Validate)]
pub(crate) struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    pub(crate) name: String,
    #[garde(custom(wythe::validation::email))]
    pub(crate) email: String,
    #[garde(range(min = 18, max = 120))]
    pub(crate) age: Option<u8>,
}

/// The claims of a token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
}

/// The response body.
#[derive(Debug, Serialize)]
pub(crate) struct Created {
    pub(crate) id: u64,
    pub(crate) name: String,
}

impl From<NewUser> for Created {
    fn from(NewUser { name, email, age }: NewUser) -> Self {
        std::hint::black_box((email, age));
        Self { id: 7, name }
    }
}

/// Accepts every request of a benchmark, and verifies the token of each.
pub(crate) fn app_without_cache() -> Router {
    let jwt = jwt().map(Jwt::without_cache);
    jwt.and_then(|jwt| with::<NewUser>(large_quota(), jwt))
        .expect("a stack")
}

/// Accepts every request of a benchmark. All but the first have a cached token.
pub(crate) fn app() -> Router {
    jwt()
        .and_then(|jwt| with::<NewUser>(large_quota(), jwt))
        .expect("a stack")
}

/// Rejects every request but the first.
pub(crate) fn exhausted_quota() -> Router {
    let jwt = jwt();
    jwt.and_then(|jwt| with::<NewUser>(Quota::per_day(1), jwt))
        .expect("a stack")
}

/// A quota that no benchmark uses up.
pub(crate) const fn large_quota() -> Quota {
    Quota::per_second(100_000_000)
}

pub(crate) fn jwt() -> Result<Jwt<Claims>, ConfigError> {
    let jwt = Jwt::hs256(SECRET)?;
    Ok(jwt.issuer(ISSUER).audience(AUDIENCE))
}

/// The stack around the handler, for any type of body.
pub(crate) fn with<U>(quota: Quota, jwt: Jwt<Claims>) -> Result<Router, ConfigError>
where
    U: Into<Created> + DeserializeOwned + garde::Validate<Context = ()> + Send + 'static,
{
    let base = compose((
        with_cors(Cors::origins([ORIGIN])?.credentials()),
        with_presentation(),
    ));
    let create = compose((
        with_rate_limit(quota.by_peer()?),
        with_auth(jwt),
        with_validation::<Json<U>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    let create = post(create.handler(create_user::<U>));
    Ok(Router::new().route("/users", create).layer(base))
}

/// The same layers around the same handler, as an `Api` of one route, called on one connection. All but
/// the first request have a cached token.
pub(crate) fn api() -> ConnectedApi {
    jwt().and_then(api_with).expect("an API")
}

/// The same, and the token of each request is verified.
pub(crate) fn api_without_cache() -> ConnectedApi {
    let jwt = jwt().map(Jwt::without_cache);
    jwt.and_then(api_with).expect("an API")
}

fn api_with(jwt: Jwt<Claims>) -> Result<ConnectedApi, ConfigError> {
    let base = compose((
        with_cors(Cors::origins([ORIGIN])?.credentials()),
        with_presentation(),
    ));
    let create = compose((
        with_rate_limit(large_quota().by_peer()?),
        with_auth(jwt),
        with_validation::<Json<NewUser>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    let api = Api::<Auth<Claims>>::new("Users", "1.0.0")
        .around(base)
        .post("/users", create.handler(create_user::<NewUser>));
    Ok(api
        .service(())?
        .connected(([203, 0, 113, 9], 51_820).into()))
}

async fn create_user<U: Into<Created>>(
    Auth(claims): Auth<Claims>,
    user: Valid<Json<U>>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    std::hint::black_box(claims.sub);
    let Json(user) = user.into_inner();
    Ok((StatusCode::CREATED, Json(user.into())))
}
