//! The part of a request that closures see: [`RequestHead`], with its full path and the matched route.

use std::{
    cell::Cell,
    fmt,
    sync::{Arc, OnceLock},
};

use http::{Extensions, HeaderMap, Method, Request, Uri, Version, request::Parts};

/// The head of a request, as conditions, checks and keys see it.
///
/// [`path`](Self::path) is the full path that the client has sent, even in nested axum routers, and
/// [`route`](Self::route) is the route that axum's router has matched. See [the
/// guide](crate::guide::paths).
///
/// # Example
///
/// ```
/// use wythe::{CacheControl, with_cache_control};
///
/// let layer = with_cache_control(CacheControl::no_store())
///     .when(|head| head.path().starts_with("/account/"));
/// ```
///
/// # Example: the full path, in a middleware of your own
///
/// ```
/// use http::Request;
/// use wythe::RequestHead;
///
/// fn is_report<B>(request: &Request<B>) -> bool {
///     RequestHead::from(request).path().starts_with("/reports/")
/// }
///
/// assert!(is_report(&Request::get("/reports/7").body(())?));
/// # Ok::<(), http::Error>(())
/// ```
pub struct RequestHead<'a> {
    method: &'a Method,
    /// As it was received here: a router that nests this one has removed its prefix.
    received: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
    /// Whether the route was asked for and is not known.
    route_missed: Cell<bool>,
}

impl<'a> RequestHead<'a> {
    /// The method.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The full path, as the client has sent it: with the prefixes of nested routers, and not decoded.
    ///
    /// # Security
    ///
    /// A path can be written in several ways (`/admin`, `/%61dmin`, `//admin`). Prefer the
    /// [route](Self::route), or put the layer around the routes that it protects.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.uri().path()
    }

    /// The query, as the client has sent it: what follows `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.uri().query()
    }

    /// The full URI, as the client has sent it.
    #[must_use]
    #[cfg_attr(
        not(feature = "axum"),
        expect(
            clippy::missing_const_for_fn,
            reason = "with `axum` it reads the extensions"
        )
    )]
    pub fn uri(&self) -> &'a Uri {
        original_uri(self.received, self.extensions)
    }

    /// The route that axum's router has matched, with the prefixes of the routers around it:
    /// `/users/{id}` or `/files/{*rest}`, for example.
    ///
    /// # Where no route is known
    ///
    /// No route is known outside the router (around it, or on plain hyper), in a fallback and in a
    /// nested service that is not a router. A route that does not fit the full path is not known
    /// either: something has rewritten the path, or two routers have each matched all of it.
    ///
    /// In these cases the route is empty, and a closure that asks for it can't grant anything:
    ///
    /// | closure | without a route |
    /// |---|---|
    /// | `.when(..)`, `.except(..)` | the layer acts, whatever the closure returns |
    /// | `with_authorization` | the request is answered 403 |
    /// | the exemption from a rate limit | the request is counted |
    /// | the cost of a request | it is at least 1 |
    /// | origins of CORS | the closure does not allow the origin |
    /// | the session of a CSRF token | `None` is rejected with 403 |
    /// | the key or the plan of a limit | the closure's value, for the empty route |
    #[must_use]
    pub fn route(&self) -> &'a str {
        self.known_route().unwrap_or_else(|| {
            self.route_missed.set(true);
            ""
        })
    }

    /// What outer layers and the server have left in the request.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The version of HTTP.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether it is an extended CONNECT, which has a `:protocol`, such as the handshake of a WebSocket
    /// over HTTP/2 (RFC 8441, sections 4 and 5) and HTTP/3 (RFC 9220).
    ///
    /// Servers keep the protocol in types of their own. But a CONNECT has a path only if it has a protocol
    /// (RFC 9113, section 8.5).
    pub(crate) fn is_extended_connect(&self) -> bool {
        *self.method == Method::CONNECT
            && self.version >= Version::HTTP_2
            && self.received.path_and_query().is_some()
    }

    /// The route, if it is known and fits the full path.
    pub(crate) fn known_route(&self) -> Option<&'a str> {
        matched_route(self.extensions).filter(|route| fits(route, self.path()))
    }

    /// Whether the route was asked for since the last call, and is not known.
    pub(crate) fn take_route_missed(&self) -> bool {
        self.route_missed.take()
    }
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            received: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
            route_missed: Cell::new(false),
        }
    }
}

impl<'a> From<&'a Parts> for RequestHead<'a> {
    fn from(head: &'a Parts) -> Self {
        Self {
            method: &head.method,
            received: &head.uri,
            version: head.version,
            headers: &head.headers,
            extensions: &head.extensions,
            route_missed: Cell::new(false),
        }
    }
}

/// Shows only the method: paths, fields and extensions may hold secrets.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The URI that the client has sent. `received` is that of the request here, from which axum's
/// routers remove the prefix of each nested one.
#[cfg(feature = "axum")]
pub(crate) fn original_uri<'a>(received: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
    use axum::extract::OriginalUri;

    let original: Option<&OriginalUri> = extensions.get();
    original.map_or(received, |OriginalUri(original)| original)
}

#[cfg(not(feature = "axum"))]
pub(crate) const fn original_uri<'a>(received: &'a Uri, _: &'a Extensions) -> &'a Uri {
    received
}

/// The route that axum's router has matched.
#[cfg(feature = "axum")]
pub(crate) fn matched_route(extensions: &Extensions) -> Option<&str> {
    use axum::extract::MatchedPath;

    let matched: Option<&MatchedPath> = extensions.get();
    matched.map(MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
pub(crate) const fn matched_route(_: &Extensions) -> Option<&str> {
    None
}

/// Whether a route can match a path: it has as many segments, or fewer before a parameter for the
/// rest. axum joins the routes of routers that have each matched the same path.
fn fits(route: &str, path: &str) -> bool {
    let segments = |text: &str| text.bytes().filter(|byte| *byte == b'/').count();
    match route.find("{*") {
        None => segments(route) == segments(path),
        Some(rest) => {
            let last = route.get(rest..).is_some_and(|rest| !rest.contains('/'));
            last && segments(route) <= segments(path)
        }
    }
}

/// The methods that the semantic conventions of OpenTelemetry list.
pub(crate) fn known_method(method: &Method) -> Option<&str> {
    let is_known = matches!(
        *method,
        Method::CONNECT
            | Method::DELETE
            | Method::GET
            | Method::HEAD
            | Method::OPTIONS
            | Method::PATCH
            | Method::POST
            | Method::PUT
            | Method::TRACE
    );
    is_known.then(|| method.as_str())
}

/// Where a layer outside of the router reads the route afterwards. It is in the extensions of requests that
/// have no route yet.
#[derive(Clone, Default)]
pub(crate) struct RouteSlot(Arc<OnceLock<Box<str>>>);

impl RouteSlot {
    /// The slot of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The route, if it has been found.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(|route| &**route)
    }

    /// Notes the route that was found.
    pub(crate) fn note(&self, route: &str) {
        self.0.get_or_init(|| route.into());
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_route_fits_the_paths_that_it_can_match() {
        let cases = [
            ("/", "/", true),
            ("/users", "/users", true),
            ("/users/{id}", "/users/7", true),
            ("/files/{*rest}", "/files/a", true),
            ("/files/{*rest}", "/files/a/b/", true),
            ("/a{{b", "/a{b", true),
            // In a nested service.
            ("/api/", "/api", false),
            ("/api//", "/api/", false),
            // Two routers have matched the whole path.
            ("/x/{*rest}/x/y", "/x/y", false),
            ("/x/{id}/x/{id}", "/x/y", false),
            ("/users", "/users/", false),
            ("/files/{*rest}", "/files", false),
            ("/", "", false),
        ];
        for (route, path, expected) in cases {
            assert_eq!(fits(route, path), expected, "{route} {path}");
        }
    }
}
