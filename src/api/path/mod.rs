//! The parameters and the route of a request, as arguments of handlers: [`Path`], [`RoutePath`].

mod examples;
mod values;

use std::{any::type_name, fmt, ops::Deref};

use axum::{body::Body, extract::MatchedPath, response::Response};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

use self::values::{Params, PathError};
use crate::{
    integrations::axum::{Argument, PathUse},
    request::with_path_params,
    wire::Problem,
};

/// The parameters of the path, typed: `Path(id): Path<u64>`.
///
/// `T` is the type of the one parameter, a tuple of as many types as the route has parameters, in
/// order, or a struct with fields of their names. Each value is percent-decoded once, after the route
/// has been matched: an encoded `/` is part of the value. A number is written as in JSON, except that it
/// may begin with zeros: not `+1`, `.5` or `inf`.
///
/// It is an argument of handlers inside [`Stack::handler`](crate::Stack::handler): under an
/// [`Api`](crate::Api), which checks when it is built that the route has the parameters, and in
/// axum's router. axum's own `Path` works in both as well; an `Api` needs more time for it, because
/// only axum's router can fill it.
///
/// # Example
///
/// ```
/// use wythe::{Api, Path, compose};
///
/// async fn show(Path((team, number)): Path<(String, u32)>) -> String {
///     format!("{team} {number}")
/// }
///
/// let service = Api::<()>::new("Teams", "1.0.0")
///     .get("/teams/{team}/players/{number}", compose(()).handler(show))
///     .service(())?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Responses
///
/// | status | when |
/// |---|---|
/// | 400 | a parameter is not UTF-8, or can't be read as its type |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct Path<T>(pub T);

impl<T> Deref for Path<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// An input of [`with_validation`](crate::with_validation): its errors are listed with those of the
/// other inputs.
#[cfg(feature = "validation")]
#[diagnostic::do_not_recommend]
impl<T: Send + 'static> crate::Input for Path<T> {
    type Value = T;
    const FORMAT: crate::validation::Format = crate::validation::Format::Path;

    fn from_value(value: T) -> Self {
        Self(value)
    }

    fn value(&self) -> &T {
        &self.0
    }

    fn check_path(names: &[&str]) -> Result<(), String>
    where
        T: DeserializeOwned,
    {
        examples::takes::<T>(names)
    }
}

/// The route of the request, with the prefixes of the routers around it: `/users/{id}`.
///
/// It is an argument of handlers inside [`Stack::handler`](crate::Stack::handler). In a fallback, where
/// no route has matched, it is empty.
///
/// # Example
///
/// ```
/// use wythe::{Api, RoutePath, compose};
///
/// async fn show(route: RoutePath) -> String {
///     route.as_str().to_owned()
/// }
///
/// let service = Api::<()>::new("Users", "1.0.0")
///     .get("/users/{id}", compose(()).handler(show))
///     .service(())?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RoutePath(Option<MatchedPath>);

impl RoutePath {
    /// The route, with the names of its parameters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", MatchedPath::as_str)
    }
}

impl fmt::Debug for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoutePath").field(&self.as_str()).finish()
    }
}

/// The index of an argument that is given by the route, and by no layer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GivenByRoute;

impl<L, S: Sync> Argument<L, S, GivenByRoute> for RoutePath {
    fn note_path_use(_: &mut PathUse) {}

    async fn take(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}

impl<T, L, S> Argument<L, S, GivenByRoute> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Sync,
{
    fn note_path_use(path_use: &mut PathUse) {
        path_use.takes.push(examples::takes::<T>);
        path_use.kinds.push(examples::kinds::<T>);
    }

    fn take(parts: &mut Parts, _: &S) -> impl Future<Output = Result<Self, Response>> + Send {
        // Compiled once for each type, and not for each stack.
        Self::read(parts)
    }
}

impl<T: DeserializeOwned> Path<T> {
    async fn read(parts: &mut Parts) -> Result<Self, Response> {
        Self::of(parts).map_err(|problem| problem.into_response().map(Body::from))
    }

    fn of(parts: &mut Parts) -> Result<Self, Problem> {
        let read = with_path_params(parts, |params| {
            let read = T::deserialize(Params::Sent(params));
            read.map_err(|error| match params {
                [(name, _)] => error.named(name),
                _ => error,
            })
        });
        match read? {
            Some(Ok(params)) => Ok(Self(params)),
            Some(Err(error)) => Err(refused(error)),
            None => Err(refused(PathError::Route(format!(
                "no route has matched this request, so there is no `{}`",
                type_name::<Self>()
            )))),
        }
    }
}

fn refused(error: PathError) -> Problem {
    match error {
        PathError::Value { name, message } => {
            let detail = match &*name {
                "" => format!("A path parameter is invalid: {message}."),
                name => format!("The path parameter `{name}` is invalid: {message}."),
            };
            let problem = Problem::new(StatusCode::BAD_REQUEST).reason("invalid_path_parameter");
            problem.detail(detail)
        }
        error => Problem::misconfigured(error.to_string()),
    }
}
