//! The guard: which methods pass, and the answers to the others.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::{
    contract::{
        Description, IntoPolicy, Later, Middleware, Place, ReplyBody, Step, With,
        description::Answer, stage, with,
    },
    request::RequestHead,
    wire::{ConfigError, Problem, head_method},
};

const NAME: &str = "with_methods";

/// The methods of HTTP (RFC 9110, RFC 5789, RFC 10008).
pub(super) const KNOWN: [Method; 10] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::QUERY,
    Method::TRACE,
    Method::CONNECT,
];

/// Lets the listed methods pass, and answers all others.
///
/// It takes an array, or [`Methods::list`] for a list that is only known at run time. See
/// the [module](super) for what passes and what is rejected.
///
/// # Example
///
/// ```
/// use http::Method;
/// use wythe::with_methods;
///
/// let layer = with_methods([Method::GET, Method::POST]);
/// ```
///
/// # Example: an empty list does not compile
///
/// ```compile_fail
/// use wythe::with_methods;
///
/// let layer = with_methods([]);
/// ```
pub fn with_methods(methods: impl IntoPolicy<Methods>) -> With<Methods> {
    with(methods.into_policy())
}

/// The methods that a resource supports.
#[derive(Clone)]
#[must_use]
pub struct Methods(Arc<MethodGuard>);

struct MethodGuard {
    listed: Vec<Method>,
    allow: HeaderValue,
    not_allowed: Problem,
    not_implemented: Problem,
}

impl Methods {
    /// These methods, in this order.
    ///
    /// # Errors
    ///
    /// The list is empty: no request would pass.
    ///
    /// # Example
    ///
    /// ```
    /// use http::Method;
    /// use wythe::{Methods, with_methods};
    ///
    /// let read_only = true;
    /// let mut methods = vec![Method::GET];
    /// if !read_only {
    ///     methods.push(Method::PUT);
    /// }
    /// let layer = with_methods(Methods::list(methods)?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn list(methods: impl IntoIterator<Item = Method>) -> Result<Self, ConfigError> {
        let listed: Vec<Method> = methods.into_iter().collect();
        if listed.is_empty() {
            let message = "the list is empty, so no request would pass: list a method";
            return Err(ConfigError::new("Methods", message));
        }
        Ok(Self::new(listed))
    }

    pub(crate) fn new(listed: Vec<Method>) -> Self {
        let allow = allow(&listed);
        let not_allowed = Problem::new(StatusCode::METHOD_NOT_ALLOWED)
            .reason("method")
            .detail("This resource does not support the request method; see the `Allow` field.")
            .header(header::ALLOW, allow.clone());
        let not_implemented = Problem::new(StatusCode::NOT_IMPLEMENTED)
            .reason("unknown_method")
            .expected()
            .detail("The request method is not known. Methods are case-sensitive.");
        Self(Arc::new(MethodGuard {
            listed,
            allow,
            not_allowed,
            not_implemented,
        }))
    }

    fn allows(&self, method: &Method) -> bool {
        let listed = &self.0.listed;
        // RFC 9110, section 9.1: GET and HEAD go together.
        listed.contains(method) || *method == Method::HEAD && listed.contains(&Method::GET)
    }

    /// A WebSocket is opened with GET over HTTP/1.1, with an extended CONNECT later (RFC 8441, section 5).
    fn opens_websocket<B>(&self, request: &Request<B>) -> bool {
        self.0.listed.contains(&Method::GET) && RequestHead::from(request).is_extended_connect()
    }

    /// The value of `Allow`.
    pub(super) fn allow(&self) -> &HeaderValue {
        &self.0.allow
    }

    /// The answer to a method that does not pass.
    pub(crate) fn answer(&self, method: &Method) -> Response<Bytes> {
        let guard = &*self.0;
        if *method == Method::OPTIONS {
            // RFC 9110, section 9.3.7.
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            let headers = response.headers_mut();
            headers.insert(header::ALLOW, guard.allow.clone());
            return response;
        }
        // RFC 9110, sections 15.5.6 and 15.6.2.
        let problem = if KNOWN.contains(method) {
            &guard.not_allowed
        } else {
            &guard.not_implemented
        };
        problem.clone().into_response()
    }
}

/// The methods that pass, each once. RFC 9110, section 9.1: GET and HEAD go together.
fn supported(listed: &[Method]) -> Vec<Method> {
    let mut methods = Vec::new();
    for method in listed {
        let with_head = *method == Method::GET && !listed.contains(&Method::HEAD);
        for method in [Some(method.clone()), with_head.then_some(Method::HEAD)] {
            methods.extend(method.filter(|method| !methods.contains(method)));
        }
    }
    methods
}

/// The value of `Allow` (RFC 9110, section 10.2.1); it may be empty.
fn allow(listed: &[Method]) -> HeaderValue {
    let methods = supported(listed);
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    // Methods are tokens, so the value is always valid.
    HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl<const N: usize> From<[Method; N]> for Methods {
    fn from(methods: [Method; N]) -> Self {
        const { assert!(N > 0, "`with_methods` takes at least one method") }
        Self::new(methods.into())
    }
}

impl Place for Methods {
    type Stage = stage::Method;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let guard = &*self.0;
        let mut layer = Description::new(self.name());
        if !self.allows(&Method::OPTIONS) {
            let options = Answer::new(StatusCode::NO_CONTENT).when("to OPTIONS");
            layer = layer.answer(options.field(header::ALLOW));
        }
        let unknown = Answer::of(&guard.not_implemented).when("to an unknown method");
        layer
            .supports(supported(&guard.listed), Answer::of(&guard.not_allowed))
            .answer(unknown)
    }
}

impl<B> Middleware<B> for Methods {
    /// Whether the request is a `HEAD`.
    type Carry = bool;

    fn before(&self, request: Request<B>) -> Later<Step<B, bool>> {
        let method = request.method();
        if !self.allows(method) && !self.opens_websocket(&request) {
            return Step::reply(self.answer(method));
        }
        let is_head = *method == Method::HEAD;
        Step::next(request, is_head)
    }

    fn after<R>(&self, is_head: bool, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        if is_head {
            head_method::strip(response);
        }
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Methods").field(&self.0.listed).finish()
    }
}
