//! A request as a part of a trace: [`TraceContext`].

use std::num::{NonZeroU64, NonZeroU128};

use http::{Extensions, HeaderMap, HeaderValue};

use crate::{
    contract::Provided,
    support::random,
    wire::field::trace_context::{
        SpanId, TRACEPARENT, TRACESTATE, TraceId, TraceParent, trace_state,
    },
};

/// A request as a part of a trace ([W3C Trace Context]): its ids, and how to propagate them.
/// [`with_trace`](crate::with_trace) provides it.
///
/// # Example: a call to another service
///
/// ```
/// use http::Request;
/// use wythe::TraceContext;
///
/// async fn price(context: TraceContext) -> Result<(), http::Error> {
///     let mut call = Request::get("http://prices.internal/7").body(())?;
///     context.child().write_to(call.headers_mut());
///     // ..
///     Ok(())
/// }
/// ```
///
/// [W3C Trace Context]: https://www.w3.org/TR/trace-context-1/
#[derive(Clone, Debug)]
pub struct TraceContext {
    own: TraceParent,
    parent: Option<SpanId>,
    caller: Option<TraceParent>,
    /// Only in a trace that is continued.
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// A part of the trace of the caller, if it has sent one and `continues`; otherwise the first part of
    /// a new trace.
    pub(crate) fn of(headers: &HeaderMap, continues: bool) -> Self {
        let caller = TraceParent::of(headers);
        match caller.filter(|_| continues) {
            Some(parent) => Self {
                own: part_of(&parent),
                parent: Some(parent.span_id()),
                caller,
                state: trace_state(headers),
            },
            None => Self {
                own: TraceParent::new(new_trace(), new_span(), false),
                parent: None,
                caller,
                state: None,
            },
        }
    }

    /// The same part, with the ids of an exporter.
    pub(crate) fn with_ids(self, own: TraceParent) -> Self {
        Self { own, ..self }
    }

    /// The id of the trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.own.trace_id()
    }

    /// The id of this part of it.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.own.span_id()
    }

    /// The id of the part of the caller, if its trace is continued.
    #[must_use]
    pub const fn parent_id(&self) -> Option<SpanId> {
        self.parent
    }

    /// Whether the trace is recorded somewhere. In a trace that is continued, the caller decides it; a new
    /// one is not, unless an [exporter](crate::Trace::exported_by) says so.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.own.is_sampled()
    }

    /// What the caller has sent in `traceparent`, even if its trace is not continued. Any client can
    /// send it.
    #[must_use]
    pub const fn caller(&self) -> Option<&TraceParent> {
        self.caller.as_ref()
    }

    /// This part, as the field `traceparent` says it.
    #[must_use]
    pub const fn traceparent(&self) -> &TraceParent {
        &self.own
    }

    /// The field `tracestate`, if the trace is continued and has one: at most 512 characters.
    #[must_use]
    pub const fn tracestate(&self) -> Option<&HeaderValue> {
        self.state.as_ref()
    }

    /// A new part inside this one, such as a call to another service.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            own: part_of(&self.own),
            parent: Some(self.own.span_id()),
            caller: None,
            state: self.state.clone(),
        }
    }

    /// Sets `traceparent` and `tracestate` of an outgoing request.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.own.to_header_value());
        match &self.state {
            Some(state) => headers.insert(TRACESTATE, state.clone()),
            None => headers.remove(TRACESTATE),
        };
    }
}

/// A new part of the same trace.
fn part_of(other: &TraceParent) -> TraceParent {
    TraceParent::new(other.trace_id(), new_span(), other.is_sampled())
}

fn new_trace() -> TraceId {
    let number = (u128::from(random::bits()) << 64) | u128::from(random::bits());
    TraceId::new(NonZeroU128::new(number).unwrap_or(NonZeroU128::MIN))
}

fn new_span() -> SpanId {
    SpanId::new(NonZeroU64::new(random::bits()).unwrap_or(NonZeroU64::MIN))
}

impl Provided for TraceContext {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}
