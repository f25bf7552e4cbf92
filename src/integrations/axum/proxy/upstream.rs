//! The server behind this one, and what is forwarded to it: [`Upstream`].

use std::{borrow::Cow, fmt, time::Duration};

use http::{
    HeaderName, HeaderValue, Uri,
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};

use super::{
    NAME,
    fields::{ForwardedFields, is_of_connection},
    path::{Template, Unsafe},
};
use crate::{
    contract::{Description, description::Answer},
    request::{Transport, with_path_params},
    wire::{ConfigError, Problem, Secret, field::origin::is_loopback_address},
};

/// No call is meant to take longer, and no clock overflows before that.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A server to which [`proxy`](crate::proxy()) forwards requests, and which parts of them it gets.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use http::header;
/// use wythe::{Secret, proxy::{ForwardedFields, Upstream}};
///
/// let key = Secret::new("Bearer 0123456789".to_owned());
/// let maps = Upstream::new("https://maps.example.com/v1")?
///     .path("/tiles/{zoom}/{*rest}")?
///     .credential(header::AUTHORIZATION, &key)?
///     .forwarded(ForwardedFields::Nothing)
///     .timeout(Duration::from_secs(5))?
///     .max_response(1024 * 1024);
/// assert!(!format!("{maps:?}").contains("0123456789"));
///
/// // Without TLS, only a server on the same machine.
/// assert!(Upstream::new("http://127.0.0.1:4000").is_ok());
/// assert!(Upstream::new("http://maps.example.com").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    /// The path of the URL.
    base: String,
    path: Template,
    passes_query: bool,
    pub(super) roots: Option<Vec<u8>>,
    pub(super) keeps_host: bool,
    pub(super) forwarded: ForwardedFields,
    pub(super) transport: Option<Transport>,
    pub(super) request_fields: Vec<HeaderName>,
    pub(super) response_fields: Vec<HeaderName>,
    pub(super) written: Vec<(HeaderName, HeaderValue)>,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) idle: Duration,
    pub(super) max_response: Option<u64>,
    pub(super) websockets: bool,
}

impl Upstream {
    /// The server at this URL: `https`, or `http` on a loopback address. Every request goes to the path of
    /// the URL, unless there is a [`path`](Self::path).
    ///
    /// # Errors
    ///
    /// If it is not such a URL, or has a user name, a query or a fragment.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let upstream = Self::dangerously_plain(url)?;
        let host = upstream.authority.host();
        // Names under `localhost` may be resolved by DNS, so only the name itself is accepted.
        let is_local = host.eq_ignore_ascii_case("localhost") || is_loopback_address(host);
        if upstream.is_plain() && !is_local {
            return Err(error(
                "the URL is `http`, which is allowed for loopback addresses only: use `https`, or \
                 `dangerously_plain` in a network that you trust",
            ));
        }
        Ok(upstream)
    }

    /// The same, but the URL may be `http` for any address: everyone on the network can read and change
    /// what is sent.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn dangerously_plain(url: &str) -> Result<Self, ConfigError> {
        // `Uri` drops it.
        if url.contains('#') {
            return Err(error("the URL has a fragment: remove it"));
        }
        let uri: Uri = url
            .parse()
            .map_err(|source| error("this is not a valid URL").because(source))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(error("the URL is not absolute: write `https://host/path`"));
        };
        if *scheme != Scheme::HTTPS && *scheme != Scheme::HTTP {
            return Err(error("the URL is neither `https` nor `http`"));
        }
        if authority.as_str().contains('@') {
            return Err(error("the URL has a user name: use `credential`"));
        }
        if uri.query().is_some() {
            return Err(error("the URL has a query: remove it"));
        }
        Ok(Self {
            scheme: scheme.clone(),
            authority: authority.clone(),
            base: uri.path().to_owned(),
            path: Template::fixed(uri.path()).map_err(error)?,
            passes_query: true,
            roots: None,
            keeps_host: false,
            forwarded: ForwardedFields::default(),
            transport: None,
            request_fields: Vec::new(),
            response_fields: Vec::new(),
            written: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            max_response: None,
            websockets: false,
        })
    }

    /// The path of requests, behind the path of the URL, with parameters of the route by their names:
    /// `/users/{id}`, `/files/{*rest}`.
    ///
    /// A parameter is decoded and encoded again, and never becomes another path: a request whose `{id}`
    /// has a slash, or is a dot segment, in any encoding, is answered with 400.
    ///
    /// # Errors
    ///
    /// If it is not written as in a router, or has an empty segment or a dot segment.
    pub fn path(mut self, template: &str) -> Result<Self, ConfigError> {
        self.path = Template::parse(&self.base, template).map_err(error)?;
        Ok(self)
    }

    /// Drops the query of requests. By default it is forwarded unchanged.
    pub const fn without_query(mut self) -> Self {
        self.passes_query = false;
        self
    }

    /// The only certificate authorities that are trusted, in PEM. By default, they are those of the
    /// system. An error in the PEM shows in [`proxy`](crate::proxy()).
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Sends the `Host` that the client has sent. By default, it is that of the URL.
    ///
    /// The client chooses this value: list [`with_hosts`](crate::hosts) outside.
    pub const fn keep_host(mut self) -> Self {
        self.keeps_host = true;
        self
    }

    /// How the upstream learns who has sent a request. What clients send under these names is never
    /// forwarded: [`forward`](Self::forward) can't list them, unless this is
    /// [`ForwardedFields::Nothing`].
    pub const fn forwarded(mut self, fields: ForwardedFields) -> Self {
        self.forwarded = fields;
        self
    }

    /// How to tell whether a request came over TLS, for `X-Forwarded-Proto` and `Forwarded`. By default,
    /// the upstream is not told.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Forwards a field of requests that is withheld by default, such as `Cookie` or `Authorization`: see
    /// [the list](mod@crate::proxy#fields).
    ///
    /// # Errors
    ///
    /// If it is a field of the connection, which is never forwarded. A field that
    /// [`forwarded`](Self::forwarded) writes is an error of [`proxy`](crate::proxy()).
    pub fn forward(mut self, field: HeaderName) -> Result<Self, ConfigError> {
        check_field(&field)?;
        self.request_fields.push(field);
        Ok(self)
    }

    /// Gives back a field of responses that is withheld by default, such as `Set-Cookie`: see
    /// [the list](mod@crate::proxy#fields).
    ///
    /// # Errors
    ///
    /// If it is a field of the connection, which is never given back.
    pub fn give_back(mut self, field: HeaderName) -> Result<Self, ConfigError> {
        check_field(&field)?;
        self.response_fields.push(field);
        Ok(self)
    }

    /// The key of this server at the upstream, in this field of every request. It is not in any log, and a
    /// field of the same name from a client is dropped.
    ///
    /// # Errors
    ///
    /// If the field is one of the connection, or the key has a character that a field can't have.
    pub fn credential(mut self, field: HeaderName, key: &Secret) -> Result<Self, ConfigError> {
        check_field(&field)?;
        // Not with the cause, which could show the key.
        let mut value = HeaderValue::from_str(key.expose()).map_err(|_invalid| {
            error("the key has a character that is not allowed in a header field")
        })?;
        value.set_sensitive(true);
        self.written.retain(|(name, _)| *name != field);
        self.written.push((field, value));
        Ok(self)
    }

    /// The longest time until a TCP connection is made: 5 seconds by default. The handshake of TLS is
    /// part of [`timeout`](Self::timeout).
    ///
    /// # Errors
    ///
    /// If it is zero, or longer than a year.
    pub fn connect_timeout(mut self, time: Duration) -> Result<Self, ConfigError> {
        self.connect_timeout = checked(time, "connect_timeout")?;
        Ok(self)
    }

    /// The longest time in which the upstream neither answers nor takes more of the request's body: 30
    /// seconds by default. It ends with the head of the response. A [`Deadline`](crate::Deadline) that is
    /// earlier takes precedence.
    ///
    /// # Errors
    ///
    /// If it is zero, or longer than a year.
    pub fn timeout(mut self, time: Duration) -> Result<Self, ConfigError> {
        self.timeout = checked(time, "timeout")?;
        Ok(self)
    }

    /// The longest time between two pieces of the response's body: 60 seconds by default. It runs only
    /// while the client waits for more. A WebSocket connection without a byte is closed after one to two
    /// such times.
    ///
    /// # Errors
    ///
    /// If it is zero, or longer than a year.
    pub fn idle(mut self, time: Duration) -> Result<Self, ConfigError> {
        self.idle = checked(time, "idle")?;
        Ok(self)
    }

    /// The maximum size of a response's body, in bytes. A response that announces more is answered with
    /// 502; one that turns out to be longer is cut off. By default, there is no limit.
    pub const fn max_response(mut self, bytes: u64) -> Self {
        self.max_response = Some(bytes);
        self
    }

    /// Forwards WebSocket connections. By default, the upstream gets such a request without `Upgrade`.
    pub const fn websockets(mut self) -> Self {
        self.websockets = true;
        self
    }

    /// The URI at the upstream, for a request whose route has these parameters: decoded, without a query.
    ///
    /// # Errors
    ///
    /// The 400 of a request whose parameters could lead to another path.
    pub fn uri(&self, parameters: &[(&str, &str)]) -> Result<Uri, Problem> {
        let parameters = parameters.iter();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| (*name, Cow::Borrowed(*value)))
            .collect();
        self.uri_with(&parameters, None)
    }

    /// The URI at the upstream of this request.
    pub(super) fn uri_of(&self, head: &mut Parts) -> Result<Uri, Problem> {
        let has_parameters = self.path.names().next().is_some();
        let query = head.uri.query().filter(|_| self.passes_query);
        let query = query.map(str::to_owned);
        let uri = |parameters: &[(&str, Cow<'_, str>)]| self.uri_with(parameters, query.as_deref());
        if !has_parameters {
            return uri(&[]);
        }
        // Without a route, no parameter is known.
        with_path_params(head, uri)?.unwrap_or_else(|| uri(&[]))
    }

    fn uri_with(
        &self,
        parameters: &[(&str, Cow<'_, str>)],
        query: Option<&str>,
    ) -> Result<Uri, Problem> {
        let mut path = self
            .path
            .render(parameters)
            .map_err(|Unsafe| unsafe_parameter())?;
        if let Some(query) = query {
            path.push('?');
            path.push_str(query);
        }
        let path =
            PathAndQuery::try_from(path).map_err(|source| unsafe_parameter().because(source))?;
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path);
        uri.build().map_err(Problem::internal)
    }

    /// Checks that no field is taken from clients that this server writes itself.
    pub(super) fn check_forwarded(&self) -> Result<(), ConfigError> {
        let mut fields = self.request_fields.iter();
        match fields.find(|field| self.forwarded.writes(field)) {
            None => Ok(()),
            Some(field) => Err(error(format!(
                "`forward({field})`: `forwarded(..)` writes this field, so it is not taken from \
                 clients; remove it, or set `ForwardedFields::Nothing`"
            ))),
        }
    }

    /// The authority of the URL, as `Host`.
    pub(super) fn host(&self) -> Result<HeaderValue, ConfigError> {
        HeaderValue::from_str(self.authority.as_str())
            .map_err(|source| error("its host is not valid").because(source))
    }

    pub(super) fn is_plain(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    pub(super) fn describe(&self) -> Description {
        let described = "described";
        let answers = "the upstream answers";
        let failed = Answer::of(&Problem::bad_gateway(described).reason("upstream_failed"))
            .or(&Problem::bad_gateway(described).reason("upstream_unreachable"))
            .when("when the upstream can't be reached, or its response is not valid")
            .not_provoked(answers);
        let time = self.timeout;
        let late = Answer::of(&Problem::gateway_timeout(described).reason("upstream_timeout"))
            .when(format!(
                "when the upstream does not respond within {time:?}"
            ))
            .not_provoked(answers);
        let description = Description::new(NAME).answer(failed).answer(late);
        let names = self.path.names().map(str::to_owned);
        let description = names.fold(description, Description::path_parameter);
        if self.path.names().next().is_none() {
            return description;
        }
        let unsafe_parameter = Answer::of(&unsafe_parameter())
            .when("when a parameter of the path could lead to another path")
            .not_provoked("the parameters are valid");
        description.answer(unsafe_parameter)
    }
}

fn unsafe_parameter() -> Problem {
    Problem::new(http::StatusCode::BAD_REQUEST)
        .reason("unsafe_path_parameter")
        .detail("A parameter of the path has a slash, a dot segment or a character that is not accepted.")
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Upstream", message)
}

fn check_field(field: &HeaderName) -> Result<(), ConfigError> {
    if is_of_connection(field) {
        return Err(error(format!(
            "`{field}` belongs to one connection and is never forwarded"
        )));
    }
    Ok(())
}

fn checked(time: Duration, setter: &str) -> Result<Duration, ConfigError> {
    if time.is_zero() || time > MAX_TIMEOUT {
        return Err(error(format!(
            "`{setter}(..)` must be longer than zero and at most a year"
        )));
    }
    Ok(time)
}

/// Without keys.
impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.written.iter().map(|(name, _)| name).collect();
        f.debug_struct("Upstream")
            .field("scheme", &self.scheme)
            .field("authority", &self.authority)
            .field("path", &self.path)
            .field("passes_query", &self.passes_query)
            .field("keeps_host", &self.keeps_host)
            .field("forwarded", &self.forwarded)
            .field("transport", &self.transport)
            .field("request_fields", &self.request_fields)
            .field("response_fields", &self.response_fields)
            .field("credentials", &names)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("idle", &self.idle)
            .field("max_response", &self.max_response)
            .field("websockets", &self.websockets)
            .finish_non_exhaustive()
    }
}
