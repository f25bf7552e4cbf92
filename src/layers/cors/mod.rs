//! Lets scripts of other origins call this server: cross-origin resource sharing, as the [Fetch
//! standard] defines it.
//!
//! 1. A *preflight* (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) is answered here,
//!    and the inner service never sees it. The answer is a 204, which allows the request if the
//!    policy allows the origin, the method and each header, and allows nothing otherwise.
//! 2. Every other request passes, including any other `OPTIONS`, whatever its origin.
//! 3. Every response of the inner service, including refusals, gets the fields that let the origin
//!    read it if the policy allows the origin. Otherwise, it loses those that a handler has set.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{Cors, with_cors};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = with_cors(Cors::origins(["https://app.example.com"])?.credentials());
//! let service = layer.layer(service_fn(async |_: Request<Full<Bytes>>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//! let preflight = |origin: &str| {
//!     Request::options("/users")
//!         .header("origin", origin)
//!         .header("access-control-request-method", "POST")
//!         .header("access-control-request-headers", "content-type")
//!         .body(Full::default())
//! };
//!
//! let response = service.clone().oneshot(preflight("https://app.example.com")?).await?;
//! assert_eq!(response.status(), 204);
//! assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.com");
//! assert_eq!(response.headers()["access-control-allow-credentials"], "true");
//!
//! let response = service.oneshot(preflight("https://evil.example")?).await?;
//! assert_eq!(response.status(), 204);
//! assert!(!response.headers().contains_key("access-control-allow-origin"));
//! # Ok(())
//! # }
//! ```
//!
//! # Which origins
//!
//! | call | allows | credentials |
//! |---|---|---|
//! | [`Cors::origins`] | origins and patterns that are listed; plain `http` only on this machine | if [`credentials`](CorsBuilder::credentials) is called |
//! | [`Cors::origins_where`] | origins that a closure allows; plain `http` only on this machine | the same |
//! | [`Cors::anonymous`] | origins and patterns that are listed, including plain `http` | never |
//! | [`Cors::any`] | every origin | never |
//!
//! A pattern is `https://*.example.com` (every subdomain, at any depth, but not `example.com`
//! itself), `http://localhost:*` (every port), or both at once.
//!
//! # Responses
//!
//! | status | when | fields |
//! |---|---|---|
//! | 204 | a preflight that the policy allows | `Access-Control-Allow-Origin`, `-Methods`, `-Headers`, and as configured `-Credentials`, `-Private-Network`, `Access-Control-Max-Age`; `Vary` |
//! | 204 | a preflight that it does not allow | `Vary` |
//! | unchanged | every other request | `Access-Control-Allow-Origin`, and as configured `-Credentials` and `Access-Control-Expose-Headers`; `Vary: Origin` |
//!
//! The `Vary` of the answer to a preflight is `Origin, Access-Control-Request-Method,
//! Access-Control-Request-Headers`, and `Access-Control-Request-Private-Network` if the policy can
//! grant that. If the policy allows exactly one origin, or any origin, all other responses are the
//! same for every origin: each has `Access-Control-Allow-Origin`, whatever the origin of the
//! request, and no `Vary: Origin`, so that one cached copy serves all. In every other case each has
//! `Vary: Origin`, including those to origins that are not allowed.
//!
//! A layer further in that adds a field can add its name to `Access-Control-Expose-Headers`: it is
//! kept, in addition to the names of this policy, if the origin is allowed.
//!
//! # Order
//!
//! Stage [`Cors`](crate::stage::Cors): outside every layer that can reject a request, because
//! otherwise scripts can't read the refusal. A preflight carries no credentials, so it must be
//! answered outside authentication. A router that selects by method (axum's, for example) must let
//! `OPTIONS` reach this layer: put the layer around the router, or route `OPTIONS` as well.
//!
//! # Security
//!
//! CORS decides who may *read* a response. It does not stop anyone from sending a request: requests
//! that change something need protection against forgery (CSRF).
//!
//! An unsafe policy does not compile, or is a [`ConfigError`]: credentials for any origin, for
//! `null`, or for plain `http` origins that are not on this machine; `*` together with credentials;
//! patterns that span a public suffix. Public suffixes are detected without the whole Public Suffix
//! List: top-level domains, second-level domains of registries such as `co.uk` and `com.au`, and
//! about forty hosts that are shared by their customers, such as `github.io`. For other suffixes
//! (`https://*.city.kawasaki.jp`) you need to know who can register names.
//!
//! Origins and header names are processed in time proportional to their length; a preflight that
//! asks for more than 4,096 bytes of header names is rejected without reading them. A second `Origin`
//! line allows nothing.
//!
//! # Compared with
//!
//! The `CorsLayer` of tower-http 0.7 answers every `OPTIONS` request, including those meant for the
//! handler, and sends `Access-Control-Allow-Methods` to origins that are not allowed. It panics on
//! `*` with credentials when the service is created, and it has no patterns. It builds its fields for
//! each request, with about eight allocations; this layer builds them once and allocates nothing per
//! request. It supports asynchronous closures for origins, which this layer does not; write a
//! middleware of your own for that, see [`Later::pending`](crate::Later::pending).
//!
//! [Fetch standard]: https://fetch.spec.whatwg.org/#http-cors-protocol

mod builder;
mod origins;
mod preflight;
mod public_suffix;

use std::{borrow::Cow, fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};

pub use self::builder::{Anonymous, CorsBuilder, Trusted};
use self::{
    origins::Origins,
    preflight::{Headers, Methods, PreflightFields},
};
pub use crate::wire::field::Origin;
use crate::{
    contract::{Description, Later, Middleware, Place, ReplyBody, Step, With, stage, with},
    wire::{
        ConfigError,
        field::{only_line, vary},
    },
};

const NAME: &str = "with_cors";

/// Answers preflights, and lets the allowed origins read the responses; see the [module](self).
///
/// # Example
///
/// ```
/// use wythe::{Cors, with_cors};
///
/// let layer = with_cors(Cors::origins(["https://app.example.com"])?.credentials());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub fn with_cors(cors: impl Into<Cors>) -> With<Cors> {
    with(cors.into())
}

/// Which origins may call, and how: the policy of [`with_cors`].
///
/// Its functions start a [`CorsBuilder`], which [`with_cors`] converts into a `Cors`.
#[derive(Clone)]
#[must_use]
pub struct Cors(Arc<CorsPolicy>);

struct CorsPolicy {
    /// `None` allows every origin.
    origins: Option<Origins>,
    /// The value on every response, if it does not depend on the request: `*`, or the only origin.
    fixed: Option<HeaderValue>,
    credentials: bool,
    methods: Methods,
    headers: Headers,
    exposed: Option<HeaderValue>,
    private_network: bool,
    preflight: PreflightFields,
}

impl Cors {
    /// Allows the listed origins and patterns, to which
    /// [`credentials`](CorsBuilder::credentials) may be added.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not an origin (it has a path, or the default port), is
    /// plain `http` and not on this machine, or is a pattern that spans a public suffix.
    pub fn origins<I>(origins: I) -> Result<CorsBuilder<Trusted>, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let set = Origins::from_list(origins, false)?;
        Ok(CorsBuilder::new(Some(set)))
    }

    /// Allows an origin if the closure returns `true`; see
    /// [`allow_origins_where`](CorsBuilder::allow_origins_where).
    pub fn origins_where<F>(allows: F) -> CorsBuilder<Trusted>
    where
        F: Fn(&Origin<'_>, &Parts) -> bool + Send + Sync + 'static,
    {
        CorsBuilder::new(Some(Origins::default())).allow_origins_where(allows)
    }

    /// Allows the listed origins and patterns, including plain `http`, without credentials.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not an origin (it has a path, or the default port), or is
    /// a pattern that spans a public suffix.
    pub fn anonymous<I>(origins: I) -> Result<CorsBuilder<Anonymous>, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let set = Origins::from_list(origins, true)?;
        Ok(CorsBuilder::new(Some(set)))
    }

    /// Allows every origin, without credentials: for public content.
    ///
    /// # Example: credentials for any origin do not compile
    ///
    /// ```compile_fail
    /// use wythe::{Cors, with_cors};
    ///
    /// let layer = with_cors(Cors::any().credentials());
    /// ```
    pub fn any() -> CorsBuilder<Anonymous> {
        CorsBuilder::new(None)
    }

    fn build<T>(builder: CorsBuilder<T>) -> Self {
        let fixed = match &builder.origins {
            None => Some(HeaderValue::from_static("*")),
            Some(origins) => origins.only(),
        };
        Self(Arc::new(CorsPolicy {
            fixed,
            preflight: PreflightFields::new(&builder),
            origins: builder.origins,
            credentials: builder.with_credentials,
            methods: builder.methods,
            headers: builder.headers,
            exposed: builder.exposed,
            private_network: builder.in_private_network,
        }))
    }
}

impl Place for Cors {
    type Stage = stage::Cors;
    type Provides = ();
    type Needs = ();

    fn describe(&self) -> Description {
        Description::new(NAME)
            .answers(StatusCode::NO_CONTENT, "to a preflight")
            .adds(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .adds(header::VARY)
    }
}

impl<B> Middleware<B> for Cors {
    /// The value of `Access-Control-Allow-Origin`, if the origin is allowed.
    type Carry = Option<HeaderValue>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, Self::Carry>> {
        let Some(origins) = &self.0.origins else {
            let origin = request.headers().contains_key(header::ORIGIN);
            let origin = origin.then(|| HeaderValue::from_static("*"));
            return self.decide(request, origin);
        };
        let Some(origin) = only_origin(request.headers()) else {
            return self.decide(request, None);
        };
        let found = origins.find(origin);
        if found.is_some() || !origins.has_closures() {
            return self.decide(request, found);
        }
        let (head, body) = request.into_parts();
        let origin = only_origin(&head.headers);
        let found = origin.and_then(|origin| origins.find_by_closure(origin, &head));
        self.decide(Request::from_parts(head, body), found)
    }

    fn after<R>(&self, allowed: Self::Carry, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        let policy = &*self.0;
        let headers = response.headers_mut();
        if allowed.is_none() {
            headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        }
        if policy.fixed.is_none() {
            vary::add(headers, "Origin");
        }
        // Only the policy decides: fields that a handler has set are overwritten.
        let Some(origin) = allowed.or_else(|| policy.fixed.clone()) else {
            headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if policy.credentials {
            let value = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, value);
        } else {
            headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
        if let Some(exposed) = &policy.exposed {
            // In addition to the names that layers further in have added.
            headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }
}

impl Cors {
    /// Answers a preflight, and lets every other request pass.
    fn decide<B>(
        &self,
        request: Request<B>,
        allowed: Option<HeaderValue>,
    ) -> Later<Step<B, Option<HeaderValue>>> {
        let headers = request.headers();
        // Fetch, "CORS-preflight request". The handler gets every other OPTIONS request.
        if request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return Step::reply(self.answer(allowed, headers));
        }
        Step::next(request, allowed)
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Cors", message)
}

/// Browsers send one origin; several lines allow nothing.
fn only_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    only_line(headers, header::ORIGIN).ok()?
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &*self.0;
        f.debug_struct("Cors")
            .field("origins", &policy.origins)
            .field("credentials", &policy.credentials)
            .field("methods", &policy.methods)
            .field("headers", &policy.headers)
            .field("exposed", &policy.exposed)
            .field("private_network", &policy.private_network)
            .finish_non_exhaustive()
    }
}
