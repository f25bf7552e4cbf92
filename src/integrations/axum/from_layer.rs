//! A value of a layer around the whole router, as an extractor for plain axum handlers.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::{contract::Provided, wire::Problem};

/// Extracts a value that a layer around the whole router provides:
/// `FromLayer(Auth(claims)): FromLayer<Auth<Claims>>`.
///
/// It is for handlers that are not inside [`Stack::handler`](crate::Stack::handler). Nothing proves
/// that the layer is there, so a request that no such layer has seen is answered with 500 and an
/// event in the log. Inside `Stack::handler`, ask for the value itself (`Auth(claims):
/// Auth<Claims>`): there the compiler proves it.
///
/// `Option<FromLayer<X>>` is `None` if a layer that provides an `X` for some requests, such as one
/// with `.optional()`, has seen the request and found none. If no such layer has seen it, the answer is
/// also 500, and never the answer for an unknown client.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use wythe::{Auth, FromLayer, Jwt, compose, with_auth};
///
/// #[derive(Clone, serde::Deserialize)]
/// struct Claims {
///     sub: String,
/// }
///
/// async fn whoami(FromLayer(Auth(claims)): FromLayer<Auth<Claims>>) -> String {
///     claims.sub
/// }
///
/// let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
/// let app: Router = Router::new()
///     .route("/whoami", get(whoami))
///     .layer(compose(with_auth(jwt)));
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct FromLayer<X>(pub X);

impl<X, S> FromRequestParts<S> for FromLayer<X>
where
    X: Provided,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given = X::from_extensions(&mut parts.extensions);
        given.map(FromLayer).ok_or_else(Problem::not_provided::<X>)
    }
}

impl<X, S> OptionalFromRequestParts<S> for FromLayer<X>
where
    X: Provided + 'static,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let given = Option::<X>::from_extensions(&mut parts.extensions);
        let given = given.ok_or_else(Problem::not_provided::<X>)?;
        Ok(given.map(FromLayer))
    }
}
