//! Builds a policy. An unsafe policy does not compile, or is an error here.

use std::{error::Error, fmt, marker::PhantomData, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};

use super::{
    origins::{Origins, error},
    policy::{Cors, CorsPolicy},
    preflight::{Headers, Methods, Preflight, PreflightRules, parse_exposed, parse_vary},
};
use crate::{
    request::RequestHead,
    wire::{ConfigError, field::Origin},
};

impl Cors {
    /// Allows the listed origins and patterns, to which
    /// [`credentials`](CorsBuilder::credentials) may be added.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not an origin (it has a path, or the default port), is
    /// plain `http` and not on this machine (see
    /// [`dangerously_allow_http_origins`](CorsBuilder::dangerously_allow_http_origins)), or is a pattern
    /// that spans a public suffix.
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
        F: Fn(&Origin<'_>, &RequestHead<'_>) -> bool + Send + Sync + 'static,
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
}

/// A policy that lists trusted origins; it may allow credentials.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trusted;

/// A policy for requests without credentials; it may allow any origin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Anonymous;

/// A builder of a [`Cors`] policy; `T` is [`Trusted`] or [`Anonymous`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use wythe::{Cors, with_cors};
///
/// let layer = with_cors(
///     Cors::origins(["https://app.example.com", "https://*.preview.example.com"])?
///         .credentials()
///         .methods(["GET", "POST", "DELETE"])?
///         .headers(["authorization", "content-type", "x-tenant"])?
///         .exposed_headers(["etag"])?
///         .max_age(Duration::from_secs(3600))?,
/// );
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct CorsBuilder<T> {
    /// `None` allows every origin.
    origins: Option<Origins>,
    with_credentials: bool,
    exposed: Option<HeaderValue>,
    /// The fields that closures read, besides `Origin`.
    vary: Vec<HeaderName>,
    preflight: PreflightRules,
    trust: PhantomData<T>,
}

impl<T> CorsBuilder<T> {
    fn new(origins: Option<Origins>) -> Self {
        Self {
            origins,
            with_credentials: false,
            exposed: None,
            vary: Vec::new(),
            preflight: PreflightRules::default(),
            trust: PhantomData,
        }
    }

    /// The methods that a preflight may ask for. By default GET, HEAD, POST, PUT, PATCH and DELETE.
    ///
    /// GET, HEAD and POST are always allowed, whether listed or not: browsers send them whatever the
    /// list says (Fetch, "CORS-safelisted method"). To reject them, use
    #[cfg_attr(feature = "method", doc = "[`with_methods`](crate::with_methods).")]
    #[cfg_attr(not(feature = "method"), doc = "`with_methods`.")]
    ///
    /// # Example: methods that are known at run time
    ///
    /// ```
    /// use wythe::{Cors, with_cors};
    ///
    /// # let configured = "PUT,DELETE";
    /// let methods: Vec<String> = configured.split(',').map(str::to_owned).collect();
    /// let layer = with_cors(Cors::origins(["https://app.example.com"])?.methods(methods)?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The list is empty, or contains something that is not a method, a method that browsers never
    /// send (`CONNECT`, `TRACE`), or a well-known method in the wrong case: methods are
    /// case-sensitive.
    pub fn methods<I>(mut self, methods: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.preflight.methods = Methods::parse(methods)?;
        Ok(self)
    }

    /// The request headers that a preflight may ask for, instead of the default: `Authorization` and
    /// `Content-Type`.
    ///
    /// Also list what the layers of the routes read: `If-Match` (`with_conditional`), `Idempotency-Key`
    /// (`with_idempotency`), the field of an `ApiKey` or of a CSRF token, such as `X-CSRF-Token`. A
    /// browser does not send a request with another one.
    ///
    /// # Errors
    ///
    /// The list contains something that is not a header name, or a header that scripts can't set.
    pub fn headers<I>(mut self, names: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
    {
        self.preflight.headers = Headers::parse(names)?;
        Ok(self)
    }

    /// Allows every request header that a preflight asks for, including `Authorization`, by
    /// repeating the list.
    pub fn mirrored_headers(mut self) -> Self {
        self.preflight.headers = Headers::Mirrored;
        self
    }

    /// The response headers that scripts may read, in addition to those that they always may read.
    ///
    /// Layers further in can expose more headers.
    ///
    /// # Errors
    ///
    /// The list contains something that is not a header name, or `Set-Cookie`, which scripts can't
    /// read.
    pub fn exposed_headers<I>(mut self, names: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
    {
        self.exposed = parse_exposed(names)?;
        Ok(self)
    }

    /// How long a browser may cache the answer to a preflight; browsers use 5 seconds by default.
    /// Zero disables caching.
    ///
    /// # Errors
    ///
    /// It is more than 86,400 seconds: no browser caches it for longer than a day.
    pub fn max_age(mut self, age: Duration) -> Result<Self, ConfigError> {
        if age > Duration::from_secs(86_400) {
            return Err(error(
                "no browser caches a preflight for longer than 86,400 seconds: use at most that",
            ));
        }
        self.preflight.max_age = Some(HeaderValue::from(age.as_secs()));
        Ok(self)
    }
}

impl CorsBuilder<Trusted> {
    /// Allows credentials: requests with cookies, client certificates or HTTP authentication.
    ///
    /// It is not needed for a token that a script puts into `Authorization`.
    pub const fn credentials(mut self) -> Self {
        self.with_credentials = true;
        self
    }

    /// Also allows an origin if the closure returns `true`.
    ///
    /// The closure is not called for `null`, nor for plain `http` origins that are not on this
    /// machine. It is called for every other scheme, including those of apps and browser extensions:
    /// a closure that checks only the host allows `any-app://app.example.com`. A host may end in a dot,
    /// as in `https://app.example.com.`, which is another origin. A closure that asks for a
    /// [route](RequestHead::route) that is not known does not allow the origin.
    ///
    /// If the closure reads fields other than `Origin` and `Host`, name them with [`vary`](Self::vary).
    ///
    /// # Example: one origin for each tenant
    ///
    /// ```
    /// use wythe::{Cors, with_cors};
    ///
    /// // A preflight has the path and the `Host` of the request, but none of its own fields.
    /// let layer = with_cors(Cors::origins_where(|origin, head| {
    ///     let host = head.headers().get("host").and_then(|host| host.to_str().ok());
    ///     let tenant = host.and_then(|host| host.strip_suffix(".api.example.com"));
    ///     origin.scheme() == "https"
    ///         && tenant.is_some_and(|tenant| origin.host() == format!("{tenant}.example.com"))
    /// }));
    /// ```
    pub fn allow_origins_where<F>(mut self, allows: F) -> Self
    where
        F: Fn(&Origin<'_>, &RequestHead<'_>) -> bool + Send + Sync + 'static,
    {
        self.origins.get_or_insert_default().add_predicate(allows);
        self
    }

    /// The request fields that a closure reads, besides `Origin` and the URL of the request: they are
    /// added to `Vary`, so that a cache does not send the response for one value to a request with
    /// another.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Cors, with_cors};
    ///
    /// // The proxy in front sets the field, in preflights too.
    /// let cors = Cors::origins_where(|origin, head| {
    ///     let host = head.headers().get("x-forwarded-host").and_then(|host| host.to_str().ok());
    ///     host.is_some_and(|host| origin.as_str() == format!("https://app.{host}"))
    /// });
    /// let layer = with_cors(cors.vary(["x-forwarded-host"])?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// A preflight has only the names of the fields that a script sets, not their values: a closure that
    /// reads such a field can't allow a preflight.
    ///
    /// # Errors
    ///
    /// The list contains something that is not a header name.
    pub fn vary<I>(mut self, names: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
    {
        self.vary = parse_vary(names)?;
        Ok(self)
    }

    /// The exact origins of the policy, in lower case, for use in another policy. Patterns and
    /// closures are not among them.
    ///
    /// # Example: trusting the same origins in a CSRF policy
    ///
    /// ```
    /// # #[cfg(feature = "csrf")] {
    /// use wythe::{Cors, Csrf, compose, with_cors, with_csrf};
    ///
    /// let cors = Cors::origins(["https://app.example.com"])?.credentials();
    /// let csrf = Csrf::same_origin().trust_origins(cors.named_origins())?;
    /// let stack = compose((with_cors(cors), with_csrf(csrf)));
    /// # }
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn named_origins(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().flat_map(Origins::named)
    }

    /// Also allows these origins, which may be plain `http`, even with credentials: exact origins,
    /// without patterns. Origins on this machine need no such call.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Cors, with_cors};
    ///
    /// let cors = Cors::origins(["https://app.example.com", "http://localhost:5173"])?
    ///     .dangerously_allow_http_origins(["http://kiosk.internal.example"])?
    ///     .credentials();
    /// let layer = with_cors(cors);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Security
    ///
    /// An attacker who can modify plain `http` traffic, on a public wireless network for example, can
    /// act as these origins, with the users' cookies.
    ///
    /// # Errors
    ///
    /// An element is not an origin (it has a path, or the default port), or is a pattern.
    pub fn dangerously_allow_http_origins<I>(mut self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let set = self.origins.get_or_insert_default();
        for origin in origins {
            set.add_insecure(origin.as_ref())?;
        }
        Ok(self)
    }

    /// Lets public sites call this server in a private network or on the user's own machine
    /// ([Private Network Access]).
    ///
    /// [Private Network Access]: https://wicg.github.io/private-network-access/
    pub const fn private_network(mut self) -> Self {
        self.preflight.private_network = true;
        self
    }
}

impl CorsBuilder<Anonymous> {
    /// Allows every method, with `*`.
    pub fn any_method(mut self) -> Self {
        self.preflight.methods = Methods::Any;
        self
    }

    /// Allows every request header except `Authorization`, with `*`, which does not cover it;
    /// [`mirrored_headers`](Self::mirrored_headers) does.
    pub fn any_header(mut self) -> Self {
        self.preflight.headers = Headers::Any;
        self
    }

    /// Lets scripts read every response header, with `*`.
    pub fn any_exposed_header(mut self) -> Self {
        self.exposed = Some(HeaderValue::from_static("*"));
        self
    }

    /// Allows the origin `null`, without credentials.
    ///
    /// # Security
    ///
    /// Any site can send it from a sandboxed frame, so for an attacker it equals [`Cors::any`].
    ///
    /// # Errors
    ///
    /// The policy already allows every origin.
    pub fn dangerously_allow_null_origin(mut self) -> Result<Self, ConfigError> {
        match &mut self.origins {
            Some(origins) => origins.add_exact("null")?,
            None => {
                return Err(error("`Cors::any()` already allows `null`"));
            }
        }
        Ok(self)
    }

    /// Lets public sites call this server in a private network or on the user's own machine
    /// ([Private Network Access]).
    ///
    /// # Security
    ///
    /// With [`Cors::any`], every site that a user opens can do so.
    ///
    /// [Private Network Access]: https://wicg.github.io/private-network-access/
    pub const fn dangerously_allow_private_network(mut self) -> Self {
        self.preflight.private_network = true;
        self
    }
}

impl<T> From<CorsBuilder<T>> for Cors {
    fn from(builder: CorsBuilder<T>) -> Self {
        let CorsBuilder {
            origins,
            with_credentials: credentials,
            exposed,
            vary,
            preflight,
            trust: _,
        } = builder;
        Self(Arc::new(CorsPolicy {
            fixed: match &origins {
                None => Some(HeaderValue::from_static("*")),
                Some(origins) => origins.only(),
            },
            preflight: Preflight::new(preflight, credentials, &vary),
            origins,
            credentials,
            exposed,
            vary,
        }))
    }
}

impl<T> fmt::Debug for CorsBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorsBuilder")
            .field("origins", &self.origins)
            .field("credentials", &self.with_credentials)
            .finish_non_exhaustive()
    }
}
