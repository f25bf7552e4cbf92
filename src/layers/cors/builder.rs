//! Builds a policy; what a policy must not be cannot be written, or is an error here.

use std::{error::Error, fmt, marker::PhantomData, time::Duration};

use http::{HeaderName, HeaderValue, Method, request::Parts};

use super::{
    Cors, error,
    headers::{self, Headers},
    methods::{self, Methods},
    origins::Origins,
};
use crate::wire::{ConfigError, field::Origin};

/// A policy that names the origins it trusts: it may allow credentials.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trusted;

/// A policy for requests without cookies and other credentials: it may allow any origin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Anonymous;

/// A [`Cors`] policy that is being built; `T` is [`Trusted`] or [`Anonymous`].
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
    pub(super) origins: Option<Origins>,
    pub(super) with_credentials: bool,
    pub(super) methods: Methods,
    pub(super) headers: Headers,
    pub(super) exposed: Option<HeaderValue>,
    pub(super) max_age: Option<HeaderValue>,
    pub(super) in_private_network: bool,
    trust: PhantomData<T>,
}

impl<T> CorsBuilder<T> {
    pub(super) fn new(origins: Option<Origins>) -> Self {
        Self {
            origins,
            with_credentials: false,
            methods: Methods::default(),
            headers: Headers::default(),
            exposed: None,
            max_age: None,
            in_private_network: false,
            trust: PhantomData,
        }
    }

    /// The methods that a preflight may ask for, instead of GET, HEAD, POST, PUT, PATCH and DELETE.
    ///
    /// # Errors
    ///
    /// The list is empty, or holds what is no method, what browsers never send (`CONNECT`,
    /// `TRACE`), or a well-known method in the wrong case: methods are case-sensitive.
    pub fn methods<I>(mut self, methods: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: TryInto<Method, Error: Into<Box<dyn Error + Send + Sync>>>>,
    {
        self.methods = methods::parse(methods)?;
        Ok(self)
    }

    /// The request headers that a preflight may ask for, instead of `Authorization` and
    /// `Content-Type`.
    ///
    /// # Errors
    ///
    /// The list holds what is no header name, or a header that scripts can't set.
    pub fn headers<I>(mut self, names: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
    {
        self.headers = headers::parse(names)?;
        Ok(self)
    }

    /// Allows every request header that a preflight asks for, `Authorization` too, by repeating
    /// the list.
    pub fn mirrored_headers(mut self) -> Self {
        self.headers = Headers::Mirrored;
        self
    }

    /// The response headers that scripts may read, beside those that they always may.
    ///
    /// Layers further in can expose headers too; this list is beside theirs.
    ///
    /// # Errors
    ///
    /// The list holds what is no header name, or `Set-Cookie`, which no script may read.
    pub fn exposed_headers<I>(mut self, names: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
    {
        self.exposed = headers::parse_exposed(names)?;
        Ok(self)
    }

    /// How long a browser may remember a preflight's answer; without it, 5 seconds. Zero turns
    /// remembering off.
    ///
    /// # Errors
    ///
    /// It is more than 86,400 seconds: no browser remembers for longer than a day.
    pub fn max_age(mut self, age: Duration) -> Result<Self, ConfigError> {
        if age > Duration::from_secs(86_400) {
            return Err(error(
                "no browser remembers a preflight for longer than 86,400 seconds",
            ));
        }
        self.max_age = Some(HeaderValue::from(age.as_secs()));
        Ok(self)
    }
}

impl CorsBuilder<Trusted> {
    /// Allows credentials: requests with cookies, client certificates or HTTP authentication.
    ///
    /// A token that a script puts into `Authorization` itself needs none of this.
    pub const fn credentials(mut self) -> Self {
        self.with_credentials = true;
        self
    }

    /// Allows an origin if the closure says so, beside those that are listed.
    ///
    /// The closure is not asked about plain `http` origins, unless they are on this very machine,
    /// nor about `null`. It is asked about every other scheme, those of apps and browser extensions
    /// too: one that looks at the host alone allows `any-app://app.example.com`.
    ///
    /// # Example: one origin for each tenant
    ///
    /// ```
    /// use wythe::{Cors, with_cors};
    ///
    /// let layer = with_cors(Cors::origins_where(|origin, head| {
    ///     let tenant = head.headers.get("x-tenant").and_then(|tenant| tenant.to_str().ok());
    ///     origin.scheme() == "https"
    ///         && tenant.is_some_and(|tenant| origin.host() == format!("{tenant}.example.com"))
    /// }));
    /// ```
    pub fn allow_origins_where<F>(mut self, allows: F) -> Self
    where
        F: Fn(&Origin<'_>, &Parts) -> bool + Send + Sync + 'static,
    {
        self.origins.get_or_insert_default().add_predicate(allows);
        self
    }

    /// The origins that the policy names one by one, in lower case: what another policy can trust
    /// as well. Patterns and closures name none.
    ///
    /// # Example: forged requests are refused, those of named origins are not
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

    /// Allows plain `http` origins that are not on this machine, with credentials too.
    ///
    /// # Security
    ///
    /// Whoever can change what users receive over plain `http`, on a public wireless network for
    /// example, can act as these origins, with the users' cookies.
    ///
    /// # Errors
    ///
    /// As for [`Cors::origins`].
    pub fn dangerously_allow_insecure_origins<I>(mut self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let set = self.origins.get_or_insert_default();
        let before = std::mem::replace(&mut set.insecure, true);
        for origin in origins {
            set.add(origin.as_ref())?;
        }
        set.insecure = before;
        Ok(self)
    }

    /// Lets public sites call this server in a private network, or on the user's own machine
    /// ([Private Network Access]).
    ///
    /// [Private Network Access]: https://wicg.github.io/private-network-access/
    pub const fn private_network(mut self) -> Self {
        self.in_private_network = true;
        self
    }
}

impl CorsBuilder<Anonymous> {
    /// Allows every method, by `*`.
    pub fn any_method(mut self) -> Self {
        self.methods = Methods::Any;
        self
    }

    /// Allows every request header but `Authorization`, which the `*` that this sends never
    /// covers; [`mirrored_headers`](Self::mirrored_headers) covers it.
    pub fn any_header(mut self) -> Self {
        self.headers = Headers::Any;
        self
    }

    /// Lets scripts read every response header, by `*`.
    pub fn any_exposed_header(mut self) -> Self {
        self.exposed = Some(HeaderValue::from_static("*"));
        self
    }

    /// Allows the origin `null`, without credentials.
    ///
    /// # Security
    ///
    /// Any site can send it, from a sandboxed frame: it is [`Cors::any`] for an attacker.
    ///
    /// # Errors
    ///
    /// Every origin is allowed already.
    pub fn dangerously_allow_null_origin(mut self) -> Result<Self, ConfigError> {
        match &mut self.origins {
            Some(origins) => origins.add_exact("null")?,
            None => {
                return Err(error("`Cors::any()` allows `null` already"));
            }
        }
        Ok(self)
    }

    /// Lets public sites call this server in a private network, or on the user's own machine
    /// ([Private Network Access]).
    ///
    /// # Security
    ///
    /// Together with [`Cors::any`], every site that a user opens can.
    ///
    /// [Private Network Access]: https://wicg.github.io/private-network-access/
    pub const fn dangerously_allow_private_network(mut self) -> Self {
        self.in_private_network = true;
        self
    }
}

impl<T> From<CorsBuilder<T>> for Cors {
    fn from(builder: CorsBuilder<T>) -> Self {
        Self::build(builder)
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
