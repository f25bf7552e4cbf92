//! Selects a handler by the method of the request, without a framework.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use tower_service::Service;

use self::registered::{
    AtRunTime, Delete, Fallback, Get, Head, Lacks, Options, Patch, Post, Put, Query, Registered,
};
use super::{
    guard::{KNOWN, Methods},
    handler::IntoEndpoint,
};
use crate::{
    compose::{BoxedResponse, ErasedHandler},
    contract::{ReplyBody, finish, log_passing},
    request::RequestHead,
    wire::{ConfigError, head_method},
};

/// Selects a handler by the method of the request: a [`tower::Service`](tower_service::Service)
/// for hyper and tower.
///
/// A method without a handler is answered as [`with_methods`](crate::with_methods) answers it: 405
/// with `Allow`, 204 to `OPTIONS`, and 501. [`Endpoint::fallback`] replaces these answers. The handler of
/// `GET` also answers `HEAD`: it sees the method `HEAD`, and its response loses its body. It also gets the
/// extended `CONNECT` that opens a WebSocket over HTTP/2, unless `CONNECT` has a handler.
///
/// # Handlers
///
/// A handler is an async function or closure over the request that returns a `Response<R>` or a
/// `Result<Response<R>, E>`, or a service of requests, such as
/// `compose((..)).service(..)`. An error that a handler returns is answered as a
/// [`Problem`](crate::Problem), so an endpoint itself never fails, and hyper never drops a
/// connection because of it.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::ServiceExt;
/// use wythe::{Problem, endpoint};
///
/// type Body = Full<Bytes>;
///
/// async fn list(_: Request<Body>) -> Response<Body> {
///     Response::new(Full::from("[]"))
/// }
///
/// async fn create(_: Request<Body>) -> Result<Response<Body>, Problem> {
///     Err(Problem::new(StatusCode::CONFLICT).detail("the email is taken"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let users = endpoint().get(list).post(create);
///
/// let get = Request::get("/users").body(Full::default())?;
/// assert_eq!(users.clone().oneshot(get).await?.status(), 200);
///
/// let put = Request::put("/users").body(Full::default())?;
/// let response = users.oneshot(put).await?;
/// assert_eq!(response.status(), 405);
/// assert_eq!(response.headers()["allow"], "GET, HEAD, POST");
/// # Ok(())
/// # }
/// ```
///
/// # Example: a second handler for the same method does not compile
///
/// ```compile_fail
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # use wythe::endpoint;
/// # async fn list(_: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
/// #     Response::default()
/// # }
/// let users = endpoint().get(list).get(list);
/// ```
pub fn endpoint<B, R>() -> Endpoint<B, R> {
    Endpoint::from_handlers(Vec::new(), None)
}

/// Handlers by method; made by [`endpoint`], or by [`Endpoint::list`] at run time.
///
/// `B` is the type of request bodies, `R` that of response bodies. `M` lists the methods that have a
/// handler, so that a second handler for a method does not compile.
#[must_use]
pub struct Endpoint<B, R, M = ()> {
    inner: Arc<Handlers<B, R>>,
    registered: PhantomData<fn() -> M>,
}

struct Handlers<B, R> {
    methods: Methods,
    handlers: Vec<(Method, ErasedHandler<B, R>)>,
    fallback: Option<ErasedHandler<B, R>>,
}

macro_rules! for_each_method {
    ($($call:ident $name:ident $method:ident,)*) => {$(
        #[doc = concat!("Answers `", stringify!($method), "` with this handler.")]
        pub fn $call<H, I>(self, handler: H) -> Endpoint<B, R, ($name, M)>
        where
            H: IntoEndpoint<B, R, I>,
            M: Lacks<$name>,
        {
            self.add(Method::$method, handler.erase())
        }
    )*};
}

impl<B, R, M> Endpoint<B, R, M> {
    for_each_method! {
        get Get GET,
        head Head HEAD,
        post Post POST,
        put Put PUT,
        patch Patch PATCH,
        delete Delete DELETE,
        options Options OPTIONS,
        query Query QUERY,
    }

    /// Answers a method that has no setter here, `PROPFIND` for example, with this handler. On an endpoint
    /// that [`Endpoint::list`] has made, it answers any method.
    ///
    /// It returns a `Result`: write `?` after it.
    ///
    /// # Errors
    ///
    /// The method has a handler already: one of the two would never be called. Or it has a setter here
    /// (`.get(..)`), for which the compiler checks that, and the endpoint is not made by `Endpoint::list`.
    pub fn on<H, I>(self, method: Method, handler: H) -> Result<Self, ConfigError>
    where
        H: IntoEndpoint<B, R, I>,
        M: Registered,
    {
        let without_setter = [Method::TRACE, Method::CONNECT];
        if !M::AT_RUN_TIME && KNOWN.contains(&method) && !without_setter.contains(&method) {
            let call = method.as_str().to_ascii_lowercase();
            let message = format!(
                "use `.{call}(..)` for `{method}`, or start with `Endpoint::list(..)` if the \
                 methods are known only at run time"
            );
            return Err(ConfigError::new("Endpoint", message));
        }
        if self.inner.find(&method).is_some() {
            let message = format!("`{method}` already has a handler");
            return Err(ConfigError::new("Endpoint", message));
        }
        Ok(self.add(method, handler.erase()))
    }

    /// Answers every method that has no handler, including `OPTIONS` and unknown methods, instead of
    /// 405, 204 and 501. `HEAD` still goes to the handler of `GET`, if there is one.
    ///
    /// A 405 that the handler answers without `Allow` gets the methods that have a handler (RFC 9110,
    /// section 15.5.6).
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response, StatusCode};
    /// use http_body_util::Full;
    /// use tower::ServiceExt;
    /// use wythe::{Problem, endpoint};
    ///
    /// type Body = Full<Bytes>;
    ///
    /// async fn list(_: Request<Body>) -> Response<Body> {
    ///     Response::new(Full::from("[]"))
    /// }
    ///
    /// async fn others(request: Request<Body>) -> Result<Response<Body>, Problem> {
    ///     let detail = format!("A list of users has no {}.", request.method());
    ///     Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED).detail(detail))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let users = endpoint().get(list).fallback(others);
    ///
    /// let put = Request::put("/users").body(Full::default())?;
    /// let response = users.oneshot(put).await?;
    /// assert_eq!(response.status(), 405);
    /// assert_eq!(response.headers()["allow"], "GET, HEAD");
    /// # Ok(())
    /// # }
    /// ```
    pub fn fallback<H, I>(self, handler: H) -> Endpoint<B, R, (Fallback, M)>
    where
        H: IntoEndpoint<B, R, I>,
        M: Lacks<Fallback>,
    {
        Endpoint::from_handlers(self.inner.handlers.clone(), Some(handler.erase()))
    }

    fn add<N>(self, method: Method, handler: ErasedHandler<B, R>) -> Endpoint<B, R, N> {
        let mut handlers = self.inner.handlers.clone();
        handlers.push((method, handler));
        Endpoint::from_handlers(handlers, self.inner.fallback.clone())
    }

    fn from_handlers(
        handlers: Vec<(Method, ErasedHandler<B, R>)>,
        fallback: Option<ErasedHandler<B, R>>,
    ) -> Self {
        let listed = handlers.iter().map(|(method, _)| method.clone()).collect();
        Self {
            inner: Arc::new(Handlers {
                methods: Methods::new(listed),
                handlers,
                fallback,
            }),
            registered: PhantomData,
        }
    }
}

impl<B, R> Endpoint<B, R, AtRunTime> {
    /// An endpoint with these handlers, for methods that are known only at run time. [`on`](Self::on)
    /// adds others, of any type; setters such as `.get(..)` do not compile, because it is not known at
    /// compile time which methods have a handler.
    ///
    /// The handlers of a list have one type. Those of several types are boxed, as
    /// `tower::util::BoxCloneSyncService` for example, or added with `on`.
    ///
    /// # Errors
    ///
    /// A method is listed twice: one of the two handlers would never be called.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Method, Request, Response};
    /// use http_body_util::Full;
    /// use tower::ServiceExt;
    /// use wythe::Endpoint;
    ///
    /// type Body = Full<Bytes>;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // From a file of mock responses, for example.
    /// let configured = vec![("GET", "[]"), ("PUT", "saved")];
    /// let handlers = configured.into_iter().map(|(method, text)| {
    ///     let handler = move |_: Request<Body>| async move { Response::new(Body::from(text)) };
    ///     (method.parse::<Method>().unwrap(), handler)
    /// });
    /// let users = Endpoint::list(handlers)?;
    ///
    /// let put = Request::put("/users").body(Full::default())?;
    /// assert_eq!(users.clone().oneshot(put).await?.status(), 200);
    /// let delete = Request::delete("/users").body(Full::default())?;
    /// assert_eq!(users.oneshot(delete).await?.headers()["allow"], "GET, HEAD, PUT");
    /// # Ok(())
    /// # }
    /// ```
    pub fn list<H, I>(handlers: impl IntoIterator<Item = (Method, H)>) -> Result<Self, ConfigError>
    where
        H: IntoEndpoint<B, R, I>,
    {
        let none = Self::from_handlers(Vec::new(), None);
        let mut handlers = handlers.into_iter();
        handlers.try_fold(none, |endpoint, (method, handler)| {
            endpoint.on(method, handler)
        })
    }
}

impl<B, R> Handlers<B, R> {
    /// The handler for exactly this method.
    fn find(&self, method: &Method) -> Option<&ErasedHandler<B, R>> {
        let mut handlers = self.handlers.iter();
        handlers.find_map(|(known, handler)| (known == method).then_some(handler))
    }

    /// The handler for this request, if there is one.
    fn select(&self, request: &Request<B>) -> Option<&ErasedHandler<B, R>> {
        let method = request.method();
        let found = self.find(method).or_else(|| {
            // RFC 9110, section 9.1; RFC 8441, section 5.
            let is_get =
                *method == Method::HEAD || RequestHead::from(request).is_extended_connect();
            is_get.then(|| self.find(&Method::GET))?
        });
        found.or(self.fallback.as_ref())
    }
}

impl<B, R, M> Clone for Endpoint<B, R, M> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            registered: PhantomData,
        }
    }
}

impl<B, R, M> fmt::Debug for Endpoint<B, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.inner.handlers.iter().map(|(method, _)| method);
        f.write_str("Endpoint ")?;
        f.debug_list().entries(methods).finish()
    }
}

impl<B, R, M> Service<Request<B>> for Endpoint<B, R, M>
where
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = EndpointFuture<R>;

    /// Always ready: a handler that is a service is polled for readiness for each request, once the
    /// method has selected it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> EndpointFuture<R> {
        let is_head = *request.method() == Method::HEAD;
        let inner = &self.inner;
        let state = if let Some(handler) = inner.select(&request) {
            EndpointState::Calling {
                allow: inner.fallback.is_some().then(|| inner.methods.clone()),
                call: handler.respond(request),
                is_head,
            }
        } else {
            let reply = finish("endpoint", inner.methods.answer(request.method()), is_head);
            EndpointState::Replying { reply: Some(reply) }
        };
        EndpointFuture { state }
    }
}

/// The response future of [`Endpoint`].
///
/// It is not the future of a middleware: an endpoint has no inner service, and dispatches itself.
#[must_use = "futures do nothing unless polled"]
pub struct EndpointFuture<R> {
    state: EndpointState<R>,
}

enum EndpointState<R> {
    Calling {
        call: BoxedResponse<R>,
        is_head: bool,
        /// The value of `Allow` in a 405 without one, where a fallback may have answered it.
        allow: Option<Methods>,
    },
    Replying {
        reply: Option<Response<Bytes>>,
    },
}

impl<R> Future for EndpointFuture<R>
where
    R: ReplyBody,
{
    type Output = Result<Response<R>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            EndpointState::Calling {
                call,
                is_head,
                allow,
            } => {
                let mut response = ready!(call.as_mut().poll(cx));
                if let Some(methods) = allow
                    && response.status() == StatusCode::METHOD_NOT_ALLOWED
                {
                    let headers = response.headers_mut();
                    let allow = headers.entry(header::ALLOW);
                    allow.or_insert_with(|| methods.allow().clone());
                }
                log_passing(&mut response);
                if *is_head {
                    head_method::strip(&mut response);
                }
                Poll::Ready(Ok(response))
            }
            // It is pending if polled again after it was ready, which `Future` leaves open.
            EndpointState::Replying { reply } => reply
                .take()
                .map_or(Poll::Pending, |reply| Poll::Ready(Ok(reply.map(R::from)))),
        }
    }
}

impl<R> fmt::Debug for EndpointFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFuture").finish_non_exhaustive()
    }
}

/// The methods of an endpoint, listed in its type so that none has two handlers.
pub mod registered {
    macro_rules! registered {
        ($($name:ident $method:literal,)*) => {
            $(
                #[doc = concat!("The endpoint has a handler for `", $method, "`.")]
                #[derive(Clone, Copy, Debug)]
                #[non_exhaustive]
                pub struct $name;
            )*
            registered!(@pairs $($name)*);
        };
        (@pairs) => {};
        (@pairs $first:ident $($rest:ident)*) => {
            $(
                impl Other<$rest> for $first {}
                impl Other<$first> for $rest {}
            )*
            impl Other<Fallback> for $first {}
            impl Other<$first> for Fallback {}
            registered!(@pairs $($rest)*);
        };
    }

    /// The endpoint was filled at run time, so that its methods are not in its type; made by
    /// [`Endpoint::list`](super::Endpoint::list).
    #[derive(Clone, Copy, Debug)]
    #[non_exhaustive]
    pub struct AtRunTime;

    /// The endpoint has a handler for every other method.
    #[derive(Clone, Copy, Debug)]
    #[non_exhaustive]
    pub struct Fallback;

    /// How an endpoint was filled.
    pub trait Registered {
        /// Whether its methods are known only at run time.
        const AT_RUN_TIME: bool;
    }

    impl Registered for () {
        const AT_RUN_TIME: bool = false;
    }

    impl Registered for AtRunTime {
        const AT_RUN_TIME: bool = true;
    }

    impl<H, T: Registered> Registered for (H, T) {
        const AT_RUN_TIME: bool = T::AT_RUN_TIME;
    }

    registered! {
        Get "GET",
        Head "HEAD",
        Post "POST",
        Put "PUT",
        Patch "PATCH",
        Delete "DELETE",
        Options "OPTIONS",
        Query "QUERY",
    }

    /// A list of methods without `X`.
    #[diagnostic::on_unimplemented(
        message = "this endpoint already has a handler for `{X}`, or was made by `Endpoint::list(..)`",
        label = "a second handler for the same method",
        note = "only one of the two would be called: remove the other",
        note = "the methods of an endpoint from `Endpoint::list(..)` are known only at run time: \
                add another with `.on(Method::GET, handler)?`"
    )]
    pub trait Lacks<X> {}

    impl<X> Lacks<X> for () {}

    impl Lacks<Fallback> for AtRunTime {}

    #[diagnostic::do_not_recommend]
    impl<X, H: Other<X>, T: Lacks<X>> Lacks<X> for (H, T) {}

    /// A method other than `X`.
    pub trait Other<X> {}
}
