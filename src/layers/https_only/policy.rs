//! What happens to requests over plain `http`: [`with_https_only`] and its policy, [`HttpsOnly`].

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, uri::Scheme};

use crate::{
    contract::{
        Description, IntoPolicy, Later, Middleware, Place, Step, With, description::Answer, stage,
        with,
    },
    request::{RequestHead, Transport},
    wire::{
        ConfigError, Problem,
        field::{
            only_line,
            origin::{Origin, check_host},
        },
    },
};

/// The name of the layer.
const NAME: &str = "with_https_only";

/// Rejects or redirects requests over plain `http`; see [`https_only`](crate::https_only).
pub fn with_https_only(policy: impl IntoPolicy<HttpsOnly>) -> With<HttpsOnly> {
    with(policy.into_policy())
}

/// What happens to requests over plain `http`: the policy of [`with_https_only`].
///
/// # Example
///
/// ```
/// use wythe::{HttpsOnly, Transport, with_https_only};
///
/// // An API: 403.
/// let transport = Transport::x_forwarded_proto(["10.0.0.0/8"])?;
/// let api = with_https_only(HttpsOnly::by(transport.clone()));
///
/// // Pages: browsers are redirected.
/// let pages = HttpsOnly::by(transport).redirect_to(["example.com", "www.example.com"])?;
/// let pages = with_https_only(pages);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpsOnly(Arc<Redirection>);

#[derive(Clone)]
struct Redirection {
    transport: Transport,
    /// Hosts, each as `https://host` or `https://host:port`. Without any, nothing is redirected.
    hosts: Vec<String>,
    every_method: bool,
    status: StatusCode,
    refusal: Problem,
    misdirected: Problem,
}

impl HttpsOnly {
    /// Answers 403 to requests that, according to the [`Transport`], did not come over TLS.
    pub fn by(transport: Transport) -> Self {
        Self(Arc::new(Redirection {
            transport,
            hosts: Vec::new(),
            every_method: false,
            status: StatusCode::PERMANENT_REDIRECT,
            refusal: Problem::new(StatusCode::FORBIDDEN)
                .reason("https_required")
                .detail(
                    "HTTPS is required. The request was sent unencrypted: replace any credentials that it \
                     contained.",
                ),
            misdirected: Problem::new(StatusCode::MISDIRECTED_REQUEST)
                .reason("https_target")
                .detail("The target is an `https` URI, but the request was sent over plain HTTP."),
        }))
    }

    /// Redirects `GET` and `HEAD` requests with 308: to the same host, if it is in this list, and otherwise to
    /// the first host of the list. A host may have the port that TLS is on: `example.com:8443`.
    ///
    /// A request with `Authorization` still gets a 403: its credentials have been sent unencrypted, and
    /// after a redirect nobody would notice.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not a host as browsers write it.
    pub fn redirect_to<I>(mut self, hosts: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut all = Vec::new();
        for host in hosts {
            let host = host.as_ref();
            let origin = format!("https://{}", host.to_ascii_lowercase());
            let fault = |fault: &str| error(format!("`{host}`: {fault}"));
            let parsed = Origin::parse_exact(&origin).map_err(|cause| fault(&cause))?;
            check_host(parsed.host()).map_err(fault)?;
            all.push(origin);
        }
        if all.is_empty() {
            return Err(error(
                "without a host to redirect to, leave out `.redirect_to(..)`",
            ));
        }
        Arc::make_mut(&mut self.0).hosts = all;
        Ok(self)
    }

    /// Redirects with 307 instead, which browsers do not remember: while the set-up is new. Without
    /// [`redirect_to`](Self::redirect_to), it has no effect.
    pub fn temporarily(mut self) -> Self {
        Arc::make_mut(&mut self.0).status = StatusCode::TEMPORARY_REDIRECT;
        self
    }

    /// Redirects every method. A client sends the request again with its body (RFC 9110, section 15.4.9).
    /// Without [`redirect_to`](Self::redirect_to), it has no effect.
    ///
    /// # Security
    ///
    /// The body has been sent unencrypted already, and the client does not notice that it does so each
    /// time.
    pub fn dangerously_redirect_every_method(mut self) -> Self {
        Arc::make_mut(&mut self.0).every_method = true;
        self
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("HttpsOnly", message)
}

impl Redirection {
    /// Where the client should send the request, if it is redirected.
    fn location<B>(&self, request: &Request<B>) -> Option<HeaderValue> {
        let default = self.hosts.first()?;
        let may_redirect =
            self.every_method || matches!(*request.method(), Method::GET | Method::HEAD);
        if !may_redirect || request.headers().contains_key(header::AUTHORIZATION) {
            return None;
        }
        let head = RequestHead::from(request);
        let own = match head.uri().authority() {
            Some(authority) => Some(authority.as_str()),
            None => only_line(head.headers(), header::HOST)
                .ok()?
                .and_then(|host| host.to_str().ok()),
        };
        // The port is that of plain `http`.
        let name = |text: &str| host_name(text).to_ascii_lowercase();
        let own = own.map(name).unwrap_or_default();
        let listed = |origin: &&String| {
            let host = origin.strip_prefix("https://").unwrap_or(origin);
            host_name(host) == own
        };
        let origin = self.hosts.iter().find(listed).unwrap_or(default);
        let target = head
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        // `OPTIONS *` has no path.
        let target = if target.starts_with('/') { target } else { "/" };
        HeaderValue::from_maybe_shared(Bytes::from([origin, target].concat())).ok()
    }
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    }
}

impl Place for HttpsOnly {
    type Stage = stage::Entrance;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let Redirection {
            transport,
            hosts,
            status,
            refusal,
            misdirected,
            ..
        } = &*self.0;
        let mut description = Description::new(self.name());
        let mut refusal = Answer::of(refusal).when("over plain http");
        if let Some(plain) = transport.plain().filter(|_| hosts.is_empty()) {
            refusal = refusal.provoked_by(plain);
        } else {
            let reason = "it depends on the connection and the method of a request";
            let redirect = Answer::new(*status)
                .field(header::LOCATION)
                .when("over plain http, to read")
                .not_provoked(reason);
            refusal = refusal.not_provoked(reason);
            if !hosts.is_empty() {
                description = description.answer(redirect);
            }
        }
        description = description.answer(refusal);
        if transport.is_ever_plain() {
            let misdirected = Answer::of(misdirected)
                .when("over plain http, for an absolute `https` target")
                .not_provoked("it depends on the connection");
            description = description.answer(misdirected);
        }
        if transport.needs_peer() {
            let unknown = Answer::new(StatusCode::INTERNAL_SERVER_ERROR);
            let when = "when the server does not provide the address of the peer";
            description = description.answer(unknown.when(when));
        }
        description
    }
}

impl<B> Middleware<B> for HttpsOnly {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        match self.0.transport.is_secure(&request) {
            Ok(true) => return Step::next(request, ()),
            Ok(false) => {}
            Err(missing) => return Step::reply(Problem::misconfigured(missing)),
        }
        // A proxy in front may have received the `:scheme` of HTTP/2, or have chosen it.
        let is_https = request.uri().scheme() == Some(&Scheme::HTTPS);
        if is_https && request.version() <= Version::HTTP_11 {
            return Step::reply(self.0.misdirected.clone());
        }
        let Some(location) = self.0.location(&request) else {
            return Step::reply(self.0.refusal.clone());
        };
        let mut redirect = Response::new(Bytes::new());
        *redirect.status_mut() = self.0.status;
        redirect.headers_mut().insert(header::LOCATION, location);
        Step::reply(redirect)
    }
}

impl fmt::Debug for HttpsOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsOnly")
            .field("transport", &self.0.transport)
            .field("hosts", &self.0.hosts)
            .field("every_method", &self.0.every_method)
            .field("status", &self.0.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::host_name;

    #[test]
    fn reads_the_name_of_a_host() {
        let cases = [
            ("example.com", "example.com"),
            ("example.com:80", "example.com"),
            ("example.com:", "example.com"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("a:b", "a:b"),
            ("", ""),
        ];
        for (host, name) in cases {
            assert_eq!(host_name(host), name);
        }
    }
}
