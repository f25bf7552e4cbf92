//! The policy, [`Trace`], and the layer.

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap};
use tower_layer::Layer;
use tracing::Span;

use super::service::Traced;
use crate::{
    contract::{Always, Description, Place, Placed, placed, stage},
    request::{TraceContext, peer_addr},
    support::{
        clock::Clock,
        networks::{IntoNetwork, Networks},
    },
    wire::{ConfigError, field::trace_context::TraceParent},
};

const NAME: &str = "with_trace";

/// Opens a span for each request and writes an access log; see the [module](super).
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use wythe::{Trace, compose, with_trace};
///
/// let app: Router = Router::new()
///     .route("/", get(async || "hello"))
///     .layer(compose((with_trace(Trace::new()),)));
/// ```
pub const fn with_trace(trace: Trace) -> Placed<Trace> {
    placed(trace)
}

/// What is recorded about a request, and whose traces are continued: the policy of [`with_trace`].
///
/// # Example
///
/// ```
/// use wythe::Trace;
///
/// let public = Trace::new();
/// let behind_a_gateway = Trace::new().continue_from(["10.0.0.0/24"])?.scheme("https");
/// let with_pages = Trace::new().query(["page", "sort"]);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Trace(pub(super) Arc<Options>);

#[derive(Clone)]
pub(super) struct Options {
    continued: Continued,
    pub(super) exporter: Option<Arc<Exporter>>,
    pub(super) hides_path: bool,
    /// The query parameters whose values are recorded. If there are none, the query is not recorded.
    pub(super) query: Vec<String>,
    pub(super) scheme: &'static str,
    pub(super) clock: Clock,
}

type Exporter = dyn Fn(&Span, &TraceContext) -> Option<TraceParent> + Send + Sync;

/// Whose traces are continued.
#[derive(Clone)]
enum Continued {
    Nobodys,
    OfPeers(Networks),
    Everybodys,
}

impl Trace {
    /// A new trace for each request. The path is recorded, and the query is not.
    pub fn new() -> Self {
        Self(Arc::new(Options {
            continued: Continued::Nobodys,
            exporter: None,
            hides_path: false,
            query: Vec::new(),
            scheme: "http",
            clock: Clock::system(),
        }))
    }

    /// Continues the traces of peers in these networks: a gateway, or other services. Networks are written
    /// as for [`ClientIpSource::x_forwarded_for`](crate::ClientIpSource::x_forwarded_for).
    ///
    /// # Errors
    ///
    /// The list is empty, has every address of a version of IP, or has an element that is not a network.
    pub fn continue_from<I>(self, peers: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let peers = Networks::of_proxies(peers, "Trace", "leave `continue_from(..)` out")?;
        Ok(self.change(|options| options.continued = Continued::OfPeers(peers)))
    }

    /// Continues the trace of every caller: for a server that only services of the same system can
    /// reach.
    ///
    /// # Security
    ///
    /// If clients can reach the server, they choose the ids of traces, so they can mix theirs with
    /// those of others, and decide which requests are recorded.
    pub fn dangerously_continue_from_everybody(self) -> Self {
        self.change(|options| options.continued = Continued::Everybodys)
    }

    /// Calls a function with each span before it is entered, to tell an exporter which part of a trace
    /// the span continues. The function returns the ids that the exporter has given the span; handlers
    /// and the log then have the same. It is not called for a span that no subscriber wants.
    ///
    /// `examples/otlp` shows it with `tracing-opentelemetry`.
    pub fn exported_by<F>(self, exporter: F) -> Self
    where
        F: Fn(&Span, &TraceContext) -> Option<TraceParent> + Send + Sync + 'static,
    {
        self.change(|options| options.exporter = Some(Arc::new(exporter)))
    }

    /// Does not record the path, only the route: for paths that contain secrets, such as
    /// `/reset/{token}`.
    pub fn without_path(self) -> Self {
        self.change(|options| options.hides_path = true)
    }

    /// Records the query with the values of these parameters. Every other value is replaced by
    /// `REDACTED`.
    pub fn query(self, parameters: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let parameters = parameters.into_iter().map(Into::into).collect();
        self.change(|options| options.query = parameters)
    }

    /// The scheme of requests that do not name one, as in HTTP/1.1: `https` if a proxy, or the
    /// listener, terminates TLS. By default `http`.
    pub fn scheme(self, scheme: &'static str) -> Self {
        self.change(|options| options.scheme = scheme)
    }

    /// The clock that measures durations.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        self.change(|options| options.clock = clock)
    }

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// The request as a part of a trace.
    pub(super) fn context(&self, headers: &HeaderMap, extensions: &Extensions) -> TraceContext {
        let continues = match &self.continued {
            Continued::Nobodys => false,
            Continued::Everybodys => true,
            Continued::OfPeers(peers) => {
                peer_addr(extensions).is_some_and(|peer| peers.contains(peer.ip().to_canonical()))
            }
        };
        TraceContext::of(headers, continues)
    }
}

impl Place for Trace {
    type Stage = stage::Observe;
    type Provides = Always<TraceContext>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        Description::new(self.name())
    }
}

impl<S> Layer<S> for Trace {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced::new(self.clone(), inner)
    }
}

/// Without the networks.
impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &*self.0;
        match &options.continued {
            Continued::Nobodys => f.write_str("Trace(new traces"),
            Continued::OfPeers(peers) => {
                write!(f, "Trace(continued from {} networks", peers.listed())
            }
            Continued::Everybodys => f.write_str("Trace(continued from everybody"),
        }?;
        if options.exporter.is_some() {
            f.write_str(", exported")?;
        }
        f.write_str(")")
    }
}
