//! Finds the route of a request, and answers for the paths themselves: [`ApiService`].

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use axum::{Router, body::Body, extract::MatchedPath, response::Response};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use tower_service::Service;

use super::{
    mount::{Mounted, answer},
    route::{Matches, Params, Route, State},
    routes::{Routes, Scope, TrailingSlash},
};
#[cfg(not(feature = "server"))]
use crate::request::PeerAddr;
#[cfg(feature = "trace")]
use crate::request::RequestSpan;
#[cfg(feature = "metrics")]
use crate::request::RouteSlot;
use crate::{
    compose::BoxedResponse,
    contract::{description::VersionPolicy, finish},
    layers::{
        lingering_close::layer::{LingeringClose, Watch},
        method::guard::Methods,
    },
    request::{PathParams, RequestHead, original_uri, parameter_names},
    wire::{BoxError, ConfigError, Problem},
};

/// The name in the log of what answers where no handler does.
const NAME: &str = "Api";

impl Routes {
    pub(super) fn service(&self, state: &State) -> Result<ApiService, ConfigError> {
        self.refuse(Scope::Whole)?;
        Ok(ApiService::new(self, state))
    }

    pub(super) fn router(&self, state: &State) -> Result<Router, ConfigError> {
        self.refuse(Scope::Part)?;
        Ok(router(self, state))
    }
}

/// The routes of an [`Api`](crate::Api) as a service; made by [`Api::service`](crate::Api::service).
///
/// Clones share the routes. A request costs the same whatever the number of routes.
///
/// In a router of axum, nest the [router](crate::Api::router) instead. A service inside `nest_service`
/// can't know the prefix, so [`RoutePath`](crate::RoutePath) lacks it, and [`Path`](crate::Path) lacks its
/// parameters.
///
/// # Example: served by axum
///
/// ```no_run
/// use tokio::net::TcpListener;
/// use wythe::{Api, compose};
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// async fn hello() -> &'static str {
///     "hello"
/// }
///
/// let api = Api::<()>::new("Hello", "1.0.0").get("/", compose(()).handler(hello));
/// let listener = TcpListener::bind("127.0.0.1:3000").await?;
/// api.service(())?.serve(listener).await?;
/// # Ok(())
/// # }
/// ```
///
/// After an early answer, the unread rest of the body is still read for a while, so that the client
/// gets the answer: see [`lingering_close`](crate::lingering_close).
#[derive(Clone)]
pub struct ApiService {
    table: Arc<Table>,
    lingering: LingeringClose,
}

/// The paths, and what answers a request to each of them.
struct Table {
    tree: matchit::Router<usize>,
    paths: Vec<PathTable>,
    not_found: Mounted,
}

/// What answers a request to one path.
struct PathTable {
    /// As axum leaves it in a request, for layers and handlers that look for it there.
    matched: Option<MatchedPath>,
    /// The names of the parameters.
    names: Arc<[Box<str>]>,
    methods: Vec<MethodEntry>,
    by_version: Option<ByVersion>,
    /// Every other method.
    others: Mounted,
}

/// What answers a request of one method.
struct MethodEntry {
    method: Method,
    /// As indexes into the names of the versions; all if there are none.
    versions: Vec<usize>,
    mounted: Mounted,
}

/// Which version of a path a request is for.
struct ByVersion {
    policy: VersionPolicy,
    /// The method has a route in other versions only.
    not_in_version: Mounted,
}

impl ApiService {
    pub(super) fn new(routes: &Routes, state: &State) -> Self {
        let mut table = Table {
            tree: matchit::Router::new(),
            paths: Vec::new(),
            not_found: not_found(routes, state, Params::Own),
        };
        for (paths, entry) in path_tables(routes, state, Params::Own) {
            for path in paths {
                // Collisions have been found before.
                drop(table.tree.insert(path, table.paths.len()));
            }
            table.paths.push(entry);
        }
        Self {
            table: Arc::new(table),
            lingering: LingeringClose::new(),
        }
    }

    /// Sets how much of a body is still read after an early answer, and for how long.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Api, LingeringClose, compose};
    ///
    /// let api = Api::<()>::new("Hello", "1.0.0").get("/", compose(()).handler(async || "hello"));
    /// let service = api
    ///     .service(())?
    ///     .lingering_close(LingeringClose::new().max_bytes(4 * 1024 * 1024));
    /// # drop(service);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    #[must_use]
    pub fn lingering_close(self, lingering: LingeringClose) -> Self {
        Self { lingering, ..self }
    }

    /// The service of one connection, which adds the address of the peer to each request, as
    /// `serve` does. It is for servers that accept connections themselves.
    ///
    /// # Example
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use axum::{body::Body, extract::ConnectInfo};
    /// use http::Request;
    /// use tower::ServiceExt;
    /// use wythe::{Api, compose};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), wythe::ConfigError> {
    /// async fn hello(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    ///     format!("Hello, {peer}!")
    /// }
    ///
    /// let api = Api::<()>::new("Hello", "1.0.0").get("/", compose(()).handler(hello));
    /// let connection = api.service(())?.connected(([203, 0, 113, 9], 50123).into());
    ///
    /// let Ok(response) = connection.oneshot(Request::new(Body::empty())).await;
    /// assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn connected(self, peer: SocketAddr) -> ConnectedApi {
        ConnectedApi { api: self, peer }
    }
}

/// The same routes as a router of axum.
pub(super) fn router(routes: &Routes, state: &State) -> Router {
    let mut router = Router::new();
    for (paths, entry) in path_tables(routes, state, Params::Axum) {
        let service = PathService(Arc::new(entry));
        router = match &*paths {
            // axum removes the prefix, for which only `nest_service` has a way.
            [prefix, _, _] => router.nest_service(prefix, service),
            paths => paths.iter().fold(router, |router, path| {
                router.route_service(path, service.clone())
            }),
        };
    }
    if routes.not_found || routes.fallback.is_some() {
        let not_found = not_found(routes, state, Params::Axum);
        router = router.fallback_service(PathService(Arc::new(PathTable::of_all(not_found))));
    }
    router
}

/// What answers for each path, with the paths as they are written in a router: three for a prefix.
fn path_tables(routes: &Routes, state: &State, params: Params) -> Vec<(Vec<String>, PathTable)> {
    let mut by_path: Vec<(&str, Vec<&Route>)> = Vec::new();
    for route in &routes.list {
        match by_path.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, group)) => group.push(route),
            None => by_path.push((&route.path, vec![route])),
        }
    }
    let mut tables = Vec::new();
    let mut tree = matchit::Router::new();
    let mut redirects = Vec::new();
    for (path, group) in &by_path {
        let [first, ..] = &**group else { continue };
        let paths = first.paths();
        let has_twin = first.matches != Matches::Prefix && !path.contains("{*");
        if has_twin && routes.trailing_slash == TrailingSlash::Redirect {
            redirects.extend(toggle_trailing_slash(path).map(|twin| (twin, &first.around)));
        }
        for path in &paths {
            // Collisions have been found before.
            drop(tree.insert(path.clone(), ()));
        }
        tables.push((paths, PathTable::new(path, group, first, state, params)));
    }
    for (twin, around) in redirects {
        // A route is never taken by a redirect.
        let unescaped = twin.replace("{{", "{").replace("}}", "}");
        if tree.at(&unescaped).is_err() && tree.insert(twin.clone(), ()).is_ok() {
            let redirect = PathTable::of_all(around.put(answer(redirect)));
            tables.push((vec![twin], redirect));
        }
    }
    tables
}

/// The path with a slash at the end, or without the one that it has.
fn toggle_trailing_slash(path: &str) -> Option<String> {
    Some(match path.strip_suffix('/') {
        Some("") => return None,
        Some(path) => path.to_owned(),
        None => format!("{path}/"),
    })
}

/// The permanent redirect from the other spelling of a path (RFC 9110, section 15.4.9).
fn redirect(request: &Request<Body>) -> Response {
    let uri = original_uri(request.uri(), request.extensions());
    let location = toggle_trailing_slash(uri.path())
        // A browser would take `//host` and `/\host` for another site.
        .filter(|path| !path.starts_with("//") && !path.starts_with("/\\"))
        .and_then(|path| match uri.query() {
            Some(query) => HeaderValue::from_str(&format!("{path}?{query}")).ok(),
            None => HeaderValue::from_str(&path).ok(),
        });
    let Some(location) = location else {
        return no_route(request);
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// What answers where no route is.
fn not_found(routes: &Routes, state: &State, params: Params) -> Mounted {
    match &routes.fallback {
        Some(route) => (route.build)(state, params, &route.path),
        None => routes.around.put(answer(no_route)),
    }
}

fn no_route(request: &Request<Body>) -> Response {
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        // About the server, not about a path (RFC 9110, section 9.3.7).
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    let problem = Problem::new(StatusCode::NOT_FOUND).detail("There is nothing at this path.");
    let head_only = request.method() == Method::HEAD;
    finish(NAME, problem.into_response(), head_only).map(Body::from)
}

impl Table {
    fn call(&self, mut request: Request<Body>) -> BoxedResponse<Body> {
        let path = request.uri().path();
        let Ok(found) = self.tree.at(path) else {
            return self.not_found.call(request);
        };
        let Some(table) = self.paths.get(*found.value) else {
            return self.not_found.call(request);
        };
        let params = (!table.names.is_empty()).then(|| {
            // The rest of a path under a prefix has no name.
            let named = table.names.len();
            let values = || found.params.iter().take(named).map(|(_, value)| value);
            let length = values().map(str::len).sum();
            PathParams::new(&table.names, values(), length)
        });
        let extensions = request.extensions_mut();
        if let Some(params) = params {
            extensions.insert(params);
        }
        if let Some(matched) = &table.matched {
            extensions.insert(matched.clone());
        }
        #[cfg(feature = "trace")]
        if let Some(span) = RequestSpan::of(request.extensions())
            && let Some(route) = RequestHead::from(&request).known_route()
        {
            span.record_route(request.method(), route);
        }
        #[cfg(feature = "metrics")]
        if let Some(slot) = RouteSlot::of(request.extensions())
            && let Some(route) = RequestHead::from(&request).known_route()
        {
            slot.note(route);
        }
        table.call(request)
    }
}

impl PathTable {
    fn new(path: &str, group: &[&Route], first: &Route, state: &State, params: Params) -> Self {
        let built = |route: &Route| (route.build)(state, params, path);
        let mut routes = group.iter();
        let policy = routes
            .find(|route| !route.options.versions.is_empty())
            .and_then(|route| route.version_policy());
        let methods: Vec<_> = group
            .iter()
            .filter_map(|route| match &route.matches {
                Matches::Method(method) => Some(MethodEntry {
                    method: method.clone(),
                    versions: policy.map_or_else(Vec::new, |policy| {
                        let versions = route.options.versions.iter();
                        let index = |name| policy.names().iter().position(|known| known == name);
                        versions.filter_map(index).collect()
                    }),
                    mounted: built(route),
                }),
                _ => None,
            })
            .collect();
        let names = parameter_names(path).into_iter().map(Box::from).collect();
        if methods.is_empty() {
            return Self {
                matched: matched_path(path),
                names,
                ..Self::of_all(built(first))
            };
        }
        let mut allowed: Vec<Method> = Vec::new();
        for entry in &methods {
            if !allowed.contains(&entry.method) {
                allowed.push(entry.method.clone());
            }
        }
        let allowed = Methods::new(allowed);
        let others = answer(move |request| {
            let head_only = request.method() == Method::HEAD;
            finish(NAME, allowed.answer(request.method()), head_only).map(Body::from)
        });
        Self {
            matched: matched_path(path),
            names,
            methods,
            others: first.around.put(others),
            by_version: policy.map(|policy| ByVersion {
                policy: policy.clone(),
                not_in_version: first.around.put(answer(not_in_version)),
            }),
        }
    }

    /// One answer to all requests.
    fn of_all(answer: Mounted) -> Self {
        Self {
            matched: None,
            names: Arc::default(),
            methods: Vec::new(),
            others: answer,
            by_version: None,
        }
    }

    fn call(&self, request: Request<Body>) -> BoxedResponse<Body> {
        let found = match &self.by_version {
            None => self.find(&request, |_| true),
            Some(by_version) => {
                let path = original_uri(request.uri(), request.extensions()).path();
                match by_version.policy.read(path, request.headers()) {
                    // The layer that reads the version rejects the request, in the stack of each route.
                    Err(_) => self.find(&request, |_| true),
                    Ok(version) => {
                        let is_in = |entry: &MethodEntry| {
                            entry.versions.is_empty() || entry.versions.contains(&version)
                        };
                        self.find(&request, is_in).or_else(|| {
                            let in_another = self.find(&request, |_| true);
                            in_another.map(|_| &by_version.not_in_version)
                        })
                    }
                }
            }
        };
        found.unwrap_or(&self.others).call(request)
    }

    fn find(
        &self,
        request: &Request<Body>,
        is_in: impl Fn(&MethodEntry) -> bool,
    ) -> Option<&Mounted> {
        let of = |method: &Method| {
            let mut entries = self.methods.iter();
            entries.find(|entry| entry.method == *method && is_in(entry))
        };
        let method = request.method();
        let found = of(method).or_else(|| {
            // RFC 9110, section 9.3.2. A WebSocket is opened with GET over HTTP/1.1, with an extended CONNECT
            // later (RFC 8441, section 5).
            let is_get =
                *method == Method::HEAD || RequestHead::from(request).is_extended_connect();
            is_get.then(|| of(&Method::GET))?
        });
        found.map(|entry| &entry.mounted)
    }
}

fn not_in_version(request: &Request<Body>) -> Response {
    let problem = Problem::new(StatusCode::NOT_FOUND)
        .reason("not_in_version")
        .detail("There is nothing at this path in this version of the API.");
    let head_only = request.method() == Method::HEAD;
    finish(NAME, problem.into_response(), head_only).map(Body::from)
}

/// What axum's router leaves in a request that it has matched by this path. Only that router can make
/// it, so one does, of a request made up for this.
fn matched_path(path: &str) -> Option<MatchedPath> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let handler = answer(move |request| {
        drop(sender.send(request.extensions().get().cloned()));
        Response::default()
    });
    let segments = path
        .split('/')
        .map(|segment| match segment.replace("{{", "__").rfind('{') {
            Some(open) => {
                let literal = segment.get(..open).unwrap_or_default();
                format!("{}x", literal.replace("{{", "{").replace("}}", "}"))
            }
            None => segment.replace("{{", "{").replace("}}", "}"),
        });
    let uri: Uri = segments.collect::<Vec<_>>().join("/").parse().ok()?;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    let call = std::pin::pin!(Router::new().route_service(path, handler).call(request));
    // Nothing in there waits.
    drop(call.poll(&mut Context::from_waker(Waker::noop())));
    receiver.try_recv().ok().flatten()
}

impl<B> Service<Request<B>> for ApiService
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ApiFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ApiFuture {
        let (request, watch) = self.lingering.watch(request.map(Body::new));
        ApiFuture {
            response: self.table.call(request),
            watch,
        }
    }
}

impl fmt::Debug for ApiService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiService")
            .field("paths", &self.table.paths.len())
            .finish_non_exhaustive()
    }
}

/// One path of a router of axum.
#[derive(Clone)]
struct PathService(Arc<PathTable>);

impl Service<Request<Body>> for PathService {
    type Response = Response;
    type Error = Infallible;
    type Future = ApiFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> ApiFuture {
        // axum leaves no route in requests to a prefix.
        let extensions = request.extensions_mut();
        if let Some(matched) = &self.0.matched
            && extensions.get::<MatchedPath>().is_none()
        {
            extensions.insert(matched.clone());
        }
        ApiFuture {
            response: self.0.call(request),
            watch: None,
        }
    }
}

/// The response future of [`ApiService`].
#[must_use = "futures do nothing unless polled"]
pub struct ApiFuture {
    response: BoxedResponse<Body>,
    watch: Option<Watch>,
}

impl Future for ApiFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.response.as_mut().poll(cx));
        if let Some(watch) = self.watch.take() {
            watch.finish(&mut response);
        }
        Poll::Ready(Ok(response))
    }
}

impl fmt::Debug for ApiFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiFuture").finish_non_exhaustive()
    }
}

/// The service of one connection: it adds the address of the peer to each request.
#[derive(Clone, Debug)]
pub struct ConnectedApi {
    api: ApiService,
    peer: SocketAddr,
}

impl<B> Service<Request<B>> for ConnectedApi
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ApiFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> ApiFuture {
        let extensions = request.extensions_mut();
        // For axum's extractor; with either, the layers find it.
        #[cfg(feature = "server")]
        extensions.insert(axum::extract::ConnectInfo(self.peer));
        #[cfg(not(feature = "server"))]
        extensions.insert(PeerAddr(self.peer));
        self.api.call(request)
    }
}
