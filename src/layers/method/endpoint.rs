//! Chooses a handler by the method of the request, without a framework.

use std::{fmt, marker::PhantomData, sync::Arc};

use http::Method;

use super::{
    KNOWN, Methods,
    handler::{Erased, IntoEndpoint},
    registered::{Delete, Get, Head, Lacks, Options, Patch, Post, Put, Query},
};
use crate::wire::ConfigError;

/// Chooses a handler by the method of the request: a [`tower::Service`](tower_service::Service)
/// for hyper and tower.
///
/// What has no handler is answered as [`with_methods`](super::with_methods) answers it: 405 with
/// `Allow`, `OPTIONS`, `HEAD` by the handler of `GET`, and 501. A handler of `GET` sees a `HEAD`
/// as what it is; what it answers loses its body.
///
/// # Handlers
///
/// A handler is an async function or closure over the request that returns a `Response<R>` or a
/// `Result<Response<R>, E>`, or a service of requests, such as
/// `compose((..)).service(..)`. What a handler returns as an error is answered as a
/// [`Problem`](crate::Problem), so that an endpoint itself never fails, and hyper never drops a
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
    Endpoint::from_handlers(Vec::new())
}

/// Handlers by method; made by [`endpoint`].
///
/// `B` is the body of requests, `R` that of responses, and `M` lists the methods that have a
/// handler, so that the compiler finds a second one.
#[must_use]
pub struct Endpoint<B, R, M = ()> {
    pub(super) inner: Arc<Inner<B, R>>,
    registered: PhantomData<fn() -> M>,
}

pub(super) struct Inner<B, R> {
    pub(super) methods: Methods,
    handlers: Vec<(Method, Erased<B, R>)>,
}

macro_rules! for_each_method {
    ($($call:ident $name:ident $method:ident,)*) => {$(
        #[doc = concat!("Answers `", stringify!($method), "` by this handler.")]
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

    /// Answers a method that has no function here, `PROPFIND` for example, by this handler.
    ///
    /// # Errors
    ///
    /// The method has a function here, which the compiler can check (`.get(..)`), or has a handler
    /// already: one of the two would never be called.
    pub fn on<H, I>(self, method: Method, handler: H) -> Result<Self, ConfigError>
    where
        H: IntoEndpoint<B, R, I>,
    {
        let by_name_only = [Method::TRACE, Method::CONNECT];
        if KNOWN.contains(&method) && !by_name_only.contains(&method) {
            let call = method.as_str().to_ascii_lowercase();
            let message = format!("`{method}` has a function of its own: `.{call}(..)`");
            return Err(ConfigError::new("Endpoint", message));
        }
        if self.inner.find(&method).is_some() {
            let message = format!("`{method}` has a handler already");
            return Err(ConfigError::new("Endpoint", message));
        }
        Ok(self.add(method, handler.erase()))
    }

    fn add<N>(self, method: Method, handler: Erased<B, R>) -> Endpoint<B, R, N> {
        let mut handlers = self.inner.handlers.clone();
        handlers.push((method, handler));
        Endpoint::from_handlers(handlers)
    }

    fn from_handlers(handlers: Vec<(Method, Erased<B, R>)>) -> Self {
        let listed = handlers.iter().map(|(method, _)| method.clone()).collect();
        Self {
            inner: Arc::new(Inner {
                methods: Methods::new(listed),
                handlers,
            }),
            registered: PhantomData,
        }
    }
}

impl<B, R> Inner<B, R> {
    /// The handler of exactly this method.
    pub(super) fn find(&self, method: &Method) -> Option<&Erased<B, R>> {
        let mut handlers = self.handlers.iter();
        handlers.find_map(|(one, handler)| (one == method).then_some(handler))
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
