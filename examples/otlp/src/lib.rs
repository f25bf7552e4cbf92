//! An API whose spans are exported by OTLP.
//!
//! ```text
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 cargo run -p example-otlp
//! ```

use std::num::{NonZeroU64, NonZeroU128};

use axum::http::StatusCode;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Registry, layer::SubscriberExt};
use wythe::{
    Api, ConfigError, Path, RequestIds, Trace, TraceContext, api::ApiService, compose, trace,
    with_presentation, with_request_id, with_trace,
};

/// Sends spans to a collector: `http://localhost:4318`.
///
/// # Errors
///
/// The address is not a URI.
pub fn exporter(collector: &str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{collector}/v1/traces"))
        .build()?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build())
}

/// The subscriber whose spans go to the exporter.
pub fn subscriber(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync + use<> {
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("example-otlp"));
    Registry::default().with(layer)
}

/// The routes. `gateways` are the peers whose traces are continued.
///
/// # Errors
///
/// `gateways` has no networks.
pub fn api(gateways: &[&str]) -> Result<ApiService, ConfigError> {
    let trace = Trace::new()
        .continue_from(gateways.iter().copied())?
        .exported_by(continue_trace);
    Api::<()>::new("Orders", "1.0.0")
        .around(compose((
            with_request_id(RequestIds::new()),
            with_trace(trace),
            with_presentation(),
        )))
        .get("/orders/{id}", compose(()).handler(show_order))
        .service(())
}

async fn show_order(Path(id): Path<u32>) -> Result<String, StatusCode> {
    match id {
        0 => Err(StatusCode::INTERNAL_SERVER_ERROR),
        id => Ok(format!("order {id}")),
    }
}

/// Tells the exporter which trace a span continues, and the log which ids it has given the span.
fn continue_trace(span: &Span, context: &TraceContext) -> Option<trace::TraceParent> {
    if let Some(parent) = context.parent_id() {
        let flags = TraceFlags::default().with_sampled(context.is_sampled());
        let trace_id = TraceId::from_bytes(context.trace_id().to_bytes());
        let span_id = SpanId::from_bytes(parent.to_bytes());
        let remote = SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE);
        let parent = opentelemetry::Context::new().with_remote_span_context(remote);
        // Without the layer of `tracing-opentelemetry` there is no parent to set.
        drop(span.set_parent(parent));
    }
    let exported = span.context();
    let exported = exported.span().span_context().clone();
    let trace_id = NonZeroU128::new(u128::from_be_bytes(exported.trace_id().to_bytes()))?;
    let span_id = NonZeroU64::new(u64::from_be_bytes(exported.span_id().to_bytes()))?;
    Some(trace::TraceParent::new(
        trace::TraceId::new(trace_id),
        trace::SpanId::new(span_id),
        exported.is_sampled(),
    ))
}
