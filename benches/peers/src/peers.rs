//! The stack people would build today: tower-http's CORS, `tower_governor`, jsonwebtoken in an
//! extractor, garde in the handler, tower-http for cache-control.

use std::sync::{Arc, LazyLock};

use axum::{
    Json, Router,
    extract::FromRequestParts,
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use garde::Validate;
use governor::{clock::QuantaInstant, middleware::NoOpMiddleware};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, crypto::rust_crypto, decode};
use tower::ServiceBuilder;
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::PeerIpKeyExtractor,
};
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
};
use wythe_bench_harness::request;

use crate::{
    full_stack::{Claims, Created, NewUser},
    regex,
};

type Quota = GovernorConfigBuilder<PeerIpKeyExtractor, NoOpMiddleware<QuantaInstant>>;

/// The route with the layers around it. A macro, because each kind of quota has a type of its own.
macro_rules! behind {
    ($quota:expr, $user:ty) => {
        Router::new()
            .route("/users", post(create_user::<$user>))
            .layer(
                ServiceBuilder::new()
                    .layer(cors())
                    .layer(GovernorLayer::new(Arc::new($quota.expect("a quota"))))
                    .layer(SetResponseHeaderLayer::if_not_present(
                        header::CACHE_CONTROL,
                        HeaderValue::from_static("no-store"),
                    )),
            )
    };
}

/// Accepts every request of a benchmark.
pub(crate) fn app() -> Router {
    behind!(large_quota().use_headers().finish(), NewUser)
}

/// The same without the fields that report how much of the limit is left, which is its default.
pub(crate) fn app_without_fields() -> Router {
    behind!(large_quota().finish(), NewUser)
}

/// With garde's own rule for the email address.
pub(crate) fn app_with_regex() -> Router {
    behind!(large_quota().use_headers().finish(), regex::NewUser)
}

/// Rejects every request but the first.
pub(crate) fn exhausted_quota() -> Router {
    behind!(
        large_quota()
            .const_per_second(86_400)
            .const_burst_size(1)
            .use_headers()
            .finish(),
        NewUser
    )
}

fn large_quota() -> Quota {
    GovernorConfigBuilder::const_default()
        .const_per_nanosecond(1)
        .const_burst_size(1_000_000)
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list([HeaderValue::from_static(
            request::ORIGIN,
        )]))
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .allow_credentials(true)
}

async fn create_user<U>(claims: Claims, Json(user): Json<U>) -> Result<Response, Response>
where
    U: Validate<Context = ()> + Into<Created>,
{
    std::hint::black_box(claims.sub);
    if let Err(report) = user.validate() {
        let text = (StatusCode::UNPROCESSABLE_ENTITY, report.to_string());
        return Err(text.into_response());
    }
    let created: Created = user.into();
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

static KEY: LazyLock<DecodingKey> = LazyLock::new(|| {
    // Another crate in the same build may enable another provider: this selects one.
    let _: Result<_, _> = rust_crypto::DEFAULT_PROVIDER.install_default();
    DecodingKey::from_secret(request::SECRET)
});
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[request::ISSUER]);
    validation.set_audience(&[request::AUDIENCE]);
    validation
});

impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(StatusCode::UNAUTHORIZED)?;
        let token = decode::<Self>(token, &KEY, &VALIDATION);
        Ok(token.map_err(|_| StatusCode::UNAUTHORIZED)?.claims)
    }
}
