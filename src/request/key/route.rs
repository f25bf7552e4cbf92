//! Keys from axum's router: the route, a parameter of its path.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{Method, StatusCode, request::Parts};

use super::{Key, KeyPart, KeyWriter};
use crate::{
    contract::{Description, description::Answer, stage},
    request::{malformed_path, matched_route, with_path_params},
    wire::Problem,
};

/// Counts by a parameter of the path; made by [`path_param`].
#[derive(Clone, Debug)]
pub struct ByPathParam(Cow<'static, str>);

/// Counts by method and route; made by [`route`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ByRoute;

/// Counts by a parameter of the path, as axum's router has found and decoded it: `%41` and `A` are
/// one key.
///
/// Put the limit around routes that have the parameter: with [`Stack::handler`],
/// `MethodRouter::layer` or `Router::route_layer`. A request to another route is answered with 500,
/// and a parameter that is not UTF-8 with 400. If nested routers have a parameter of the same name,
/// the inner one counts.
///
/// # Security
///
/// The client chooses the parameter. In a tuple with the client's address or principal, it limits how
/// often one client can ask for one thing; alone, it limits how often all clients together can.
///
/// [`Stack::handler`]: crate::Stack::handler
pub fn path_param(name: impl Into<Cow<'static, str>>) -> ByPathParam {
    ByPathParam(name.into())
}

/// Counts by the method and the route that axum's router has found, such as `/users/{id}`: one key
/// for all users.
///
/// `HEAD` counts as `GET`, whose handler answers it. All methods that are not in RFC 9110 or RFC 5789
/// count as one, as do all paths without a route, so a client can't make up keys.
#[must_use]
pub const fn route() -> ByRoute {
    ByRoute
}

impl Key for ByPathParam {
    type Value = String;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &mut Parts) -> Result<String, Problem> {
        self.with(head, str::to_owned)
    }

    fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
        self.with(head, |value| value.write(key))
    }

    fn describe(&self, layer: Description) -> Description {
        let Self(name) = self;
        let not_utf8 =
            Answer::of(&malformed_path()).when("when a parameter of the path is not UTF-8");
        let missing = Answer::new(StatusCode::INTERNAL_SERVER_ERROR)
            .when(format!("when the route has no parameter `{name}`"));
        layer
            .counted_by(format!("path parameter {name}"))
            .path_parameter(name.clone())
            .answer(not_utf8)
            .answer(missing)
    }
}

impl ByPathParam {
    fn with<T>(&self, head: &mut Parts, read: impl FnOnce(&str) -> T) -> Result<T, Problem> {
        let found = with_path_params(head, |params| {
            let named = params.iter().rfind(|(name, _)| *name == self.0);
            named.map(|(_, value)| read(value))
        })?;
        found.flatten().ok_or_else(|| self.missing())
    }

    fn missing(&self) -> Problem {
        let Self(name) = self;
        Problem::misconfigured(format!(
            "a limit counts by the path parameter `{name}`, but the route of this request has \
             none: put the limit around routes with `{{{name}}}` only, with `Stack::handler`, \
             `MethodRouter::layer` or `Router::route_layer`"
        ))
    }
}

/// A method and a route, as [`route`] counts them.
///
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RoutePart {
    method: &'static str,
    path: Option<Arc<str>>,
}

impl RoutePart {
    /// The method, and the route as it is written in the router, with the prefixes of the routers
    /// around it. `None` stands for every path without a route.
    #[must_use]
    pub fn new(method: &Method, path: Option<&str>) -> Self {
        Self {
            method: known(method),
            path: path.map(Arc::from),
        }
    }
}

/// The method as it is counted.
const fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "",
    }
}

impl Key for ByRoute {
    type Value = RoutePart;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &mut Parts) -> Result<RoutePart, Problem> {
        Ok(RoutePart::new(
            &head.method,
            matched_route(&head.extensions),
        ))
    }

    fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
        (known(&head.method), matched_route(&head.extensions)).write(key);
        Ok(())
    }

    fn describe(&self, layer: Description) -> Description {
        layer.counted_by("method and route")
    }
}

impl KeyPart for RoutePart {
    fn write(&self, key: &mut KeyWriter<'_>) {
        (self.method, self.path.as_deref()).write(key);
    }
}

impl fmt::Debug for RoutePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoutePart(..)")
    }
}
