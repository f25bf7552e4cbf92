//! What the person on call and the monitoring see: metrics and health, on a listener of their own.
//!
//! They are not beside the API, because they show more than clients should know, and because they must answer
//! when the API is overloaded or stops: no limit and no stack of the API stands in front of them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use sqlx::AnyPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
    time::timeout,
};
use wythe::{
    Drain,
    metrics::{DURATION, DURATION_BUCKETS, SIZE_BUCKETS},
};

use crate::{BoxError, state::AppState};

/// Installs the recorder of the metrics. Call it before the first request.
pub fn record_metrics() -> Result<PrometheusHandle, BoxError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &DURATION_BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Suffix("_body_size_bytes".to_owned()),
            &SIZE_BUCKETS,
        )?
        .install_recorder()?;
    let handle = recorder.clone();
    tokio::spawn(async move {
        // Without it, samples would pile up while nobody scrapes.
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            recorder.run_upkeep();
        }
    });
    Ok(handle)
}

/// `GET /metrics`, `GET /health/live` and `GET /health/ready`.
pub fn operation(state: &AppState, metrics: PrometheusHandle) -> Router {
    let health = Health {
        drain: state.drain.clone(),
        pool: state.pool.clone(),
        last: Arc::default(),
    };
    let metrics = get(async move || {
        let text = "text/plain; version=0.0.4; charset=utf-8";
        ([(header::CONTENT_TYPE, text)], metrics.render())
    });
    Router::new()
        .route("/metrics", metrics)
        .route("/health/live", get(live))
        .route("/health/ready", get(ready).with_state(health))
}

/// Asks the server that listens there whether it is ready.
pub async fn ask_readiness(mut server: SocketAddr) -> Result<(), BoxError> {
    if server.ip().is_unspecified() {
        server.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let ask = async {
        let mut connection = TcpStream::connect(server).await?;
        connection
            .write_all(b"GET /health/ready HTTP/1.0\r\n\r\n")
            .await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = timeout(2 * LIMIT, ask).await?;
    let answer = answer.map_err(|error| format!("OPERATION_PORT: {server}: {error}"))?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(answer.into()),
    }
}

/// The process answers. A check that asks the database here would make the platform restart every
/// instance when the database is down.
async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// What readiness depends on, and the last answer of the checks.
#[derive(Clone)]
struct Health {
    drain: Drain,
    pool: AnyPool,
    last: Arc<Mutex<Option<(Instant, Check)>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Ok,
    Failed,
    TimedOut,
}

/// How long a check may take.
const LIMIT: Duration = Duration::from_secs(1);

/// How long an answer is reused, so that many probes are not a load.
const FRESH: Duration = Duration::from_secs(1);

/// Whether the load balancer should send requests. The causes of failures are in the log only.
async fn ready(State(health): State<Health>) -> Response {
    let database = health.database().await;
    let stopping = !health.drain.is_ready();
    let is_ready = database == Check::Ok && !stopping;
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let checks = json!({
        "database": database.text(),
        "server": if stopping { "stopping" } else { "ok" },
    });
    let body = json!({
        "status": if is_ready { "ok" } else { "unavailable" },
        "checks": checks,
    });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

impl Health {
    /// Asks the database, at most once a second. Probes that come meanwhile wait for the same answer.
    async fn database(&self) -> Check {
        let mut last = self.last.lock().await;
        if let Some((when, check)) = *last
            && when.elapsed() < FRESH
        {
            return check;
        }
        let ask = sqlx::query("SELECT 1").execute(&self.pool);
        let check = match timeout(LIMIT, ask).await {
            Ok(Ok(_)) => Check::Ok,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database does not answer the health check");
                Check::Failed
            }
            Err(_) => {
                tracing::warn!("the database does not answer the health check in time");
                Check::TimedOut
            }
        };
        *last = Some((Instant::now(), check));
        check
    }
}

impl Check {
    const fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
        }
    }
}
