//! The policy, [`RequestIds`], and the layer.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{Extensions, HeaderMap, HeaderName, Request, Response};

#[cfg(feature = "trace")]
use crate::request::RequestSpan;
use crate::{
    contract::{Always, Description, Later, Middleware, Place, ReplyBody, Step, With, stage, with},
    request::{RequestId, peer_addr},
    support::{
        clock::Clock,
        networks::{IntoNetwork, Networks},
        random,
    },
    wire::{ConfigError, add_request_id, field::only_line},
};

const NAME: &str = "with_request_id";

/// Gives every request an id and provides it as [`RequestId`]; see the [module](super).
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use wythe::{RequestId, RequestIds, compose, with_request_id};
///
/// let stack = compose((with_request_id(RequestIds::new()),));
/// let app: Router =
///     Router::new().route("/", get(stack.handler(async |id: RequestId| id.to_string())));
/// ```
pub const fn with_request_id(ids: RequestIds) -> With<RequestIds> {
    with(ids)
}

/// Where the ids of requests come from, and in which field they are: the policy of
/// [`with_request_id`].
///
/// # Example
///
/// ```
/// use wythe::RequestIds;
///
/// let own = RequestIds::new();
/// let behind_nginx = RequestIds::new().from_proxies(["10.0.0.5"])?.field("x-correlation-id")?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RequestIds(Arc<Options>);

#[derive(Clone)]
struct Options {
    field: HeaderName,
    trusted: Trusted,
    clock: Clock,
}

/// Whose ids are used.
#[derive(Clone)]
enum Trusted {
    Nobody,
    Proxies(Networks),
    Everybody,
}

impl RequestIds {
    /// A new UUID of version 7 for each request, in `X-Request-Id`.
    pub fn new() -> Self {
        Self(Arc::new(Options {
            field: HeaderName::from_static("x-request-id"),
            trusted: Trusted::Nobody,
            clock: Clock::system(),
        }))
    }

    /// The id that a peer in one of these networks has sent, if it has the
    /// [syntax](super). Networks are written as for
    /// [`ClientIpSource::x_forwarded_for`](crate::ClientIpSource::x_forwarded_for).
    ///
    /// # Errors
    ///
    /// The list is empty, has every address of a version of IP, or has an element that is not a network.
    pub fn from_proxies<I>(self, proxies: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let proxies = Networks::of_proxies(proxies, POLICY, "leave `from_proxies(..)` out")?;
        Ok(self.change(|options| options.trusted = Trusted::Proxies(proxies)))
    }

    /// The id that any peer has sent, if it has the [syntax](super): for a server that only proxies with
    /// changing addresses can reach.
    ///
    /// # Security
    ///
    /// If clients can reach the server, or a proxy passes their field on, they choose their ids.
    pub fn dangerously_from_everybody(self) -> Self {
        self.change(|options| options.trusted = Trusted::Everybody)
    }

    /// The field of requests and responses with the id: `X-Correlation-Id`, for example.
    ///
    /// # Errors
    ///
    /// It is not a field name, or the name of a field with a meaning in HTTP, such as `Content-Type`.
    pub fn field(self, name: &str) -> Result<Self, ConfigError> {
        let field: HeaderName = name
            .parse()
            .map_err(|source| error(format!("`{name}` is not a field name")).because(source))?;
        if is_taken(&field) {
            return Err(error(format!(
                "`{field}` has another meaning in HTTP: use a field such as `x-request-id`"
            )));
        }
        Ok(self.change(|options| options.field = field))
    }

    /// The clock for the time in new ids.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        self.change(|options| options.clock = clock)
    }

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

const POLICY: &str = "RequestIds";

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(POLICY, message)
}

/// Whether HTTP gives the field a meaning that an id would break.
fn is_taken(field: &HeaderName) -> bool {
    const FIELDS: [&str; 40] = [
        "accept",
        "age",
        "allow",
        "alt-svc",
        "authorization",
        "cache-control",
        "cdn-cache-control",
        "connection",
        "cookie",
        "date",
        "etag",
        "expect",
        "expires",
        "forwarded",
        "from",
        "host",
        "idempotency-key",
        "keep-alive",
        "last-modified",
        "link",
        "location",
        "max-forwards",
        "origin",
        "pragma",
        "range",
        "referer",
        "retry-after",
        "server",
        "set-cookie",
        "strict-transport-security",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "via",
        "www-authenticate",
    ];
    const FAMILIES: [&str; 7] = [
        "accept-",
        "access-control-",
        "content-",
        "if-",
        "proxy-",
        "sec-",
        "x-forwarded-",
    ];
    let name = field.as_str();
    FIELDS.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

impl Options {
    fn id(&self, headers: &HeaderMap, extensions: &Extensions) -> RequestId {
        self.received(headers, extensions).unwrap_or_else(|| {
            let random = [random::bits(), random::bits()];
            RequestId::of_version_7(self.clock.since_epoch(), random)
        })
    }

    /// The id of a trusted peer.
    fn received(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<RequestId> {
        let trusts = match &self.trusted {
            Trusted::Nobody => false,
            Trusted::Everybody => true,
            Trusted::Proxies(proxies) => {
                peer_addr(extensions).is_some_and(|peer| proxies.contains(peer.ip().to_canonical()))
            }
        };
        if !trusts {
            return None;
        }
        // Which of several lines the proxy has written is not known.
        RequestId::received(only_line(headers, &self.field).ok()??)
    }
}

impl Place for RequestIds {
    type Stage = stage::Observe;
    type Provides = Always<RequestId>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        Description::new(self.name())
            .field(self.0.field.clone())
            .problem_member("request_id")
    }
}

impl<B> Middleware<B> for RequestIds {
    type Carry = RequestId;

    fn before(&self, mut request: Request<B>) -> Later<Step<B, RequestId>> {
        if let Some(id) = request.extensions().get::<RequestId>() {
            // A layer outside has given it one.
            let id = id.clone();
            return Step::next(request, id);
        }
        let id = self.0.id(request.headers(), request.extensions());
        #[cfg(feature = "trace")]
        if let Some(span) = RequestSpan::of(request.extensions()) {
            span.record_request_id(&id);
        }
        request.extensions_mut().insert(id.clone());
        Step::next(request, id)
    }

    fn after<R: ReplyBody>(&self, id: RequestId, response: &mut Response<R>) {
        if response.status().as_u16() >= 400 {
            add_request_id(response, id.as_str());
        }
        let field = self.0.field.clone();
        response.headers_mut().insert(field, id.to_header_value());
    }
}

/// Without the networks.
impl fmt::Debug for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { field, trusted, .. } = &*self.0;
        match trusted {
            Trusted::Nobody => write!(f, "RequestIds({field})"),
            Trusted::Proxies(networks) => {
                let count = networks.listed();
                write!(f, "RequestIds({field}, from {count} networks of proxies)")
            }
            Trusted::Everybody => write!(f, "RequestIds({field}, from everybody)"),
        }
    }
}
