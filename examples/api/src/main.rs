//! Starts the API.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use example_api::{App, AppState, BoxError, Config, Startup, app, serve};
use tokio::{net::TcpListener, signal};
use tracing_subscriber::{filter::LevelFilter, fmt::format::debug_fn};

#[tokio::main]
async fn main() -> ExitCode {
    start_log();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("example-api can't start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxError> {
    let config = Config::from_env()?;
    let state = AppState::new(&config).await?;
    let App { routes, document } = app(&state, &config.time_limits)?;
    if env::args().any(|argument| argument == "--audit") {
        return say(routes.audit());
    }
    if env::args().any(|argument| argument == "--openapi") {
        return say(format_args!("{document}\n"));
    }
    let listener = TcpListener::bind(config.address)
        .await
        .map_err(|error| format!("{}: {error}; PORT=.. chooses another port", config.address))?;
    say(Startup {
        config: &config,
        address: listener.local_addr()?,
        api: &routes,
    })?;
    let api = routes.service(state)?;
    serve(listener, api, &config.time_limits, interrupted()).await;
    eprintln!("Stopped.");
    Ok(())
}

/// Prints something. A closed pipe is not an error: the reader may have read enough.
fn say(what: impl Display) -> Result<(), BoxError> {
    match write!(io::stdout(), "{what}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Waits for Ctrl-C.
async fn interrupted() {
    if signal::ctrl_c().await.is_err() {
        // Without the signal, the only way to stop is to be killed.
        std::future::pending::<()>().await;
    }
    eprintln!("\nStopping after the requests in progress.");
}

/// Logs to stderr; `RUST_LOG=debug` shows every refusal with its reason.
///
/// A line shows what a person looks for in a request: its id, its method, its path and its client.
fn start_log() {
    const HIDDEN: [&str; 9] = [
        "caller_trace_id",
        "http.route",
        "network.",
        "otel.",
        "server.",
        "span_id",
        "trace_id",
        "url.scheme",
        "user_agent.",
    ];
    let fields = debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{value:?}"),
        "request_id" => write!(writer, "id={value:?}"),
        name if HIDDEN.iter().any(|hidden| name.starts_with(hidden)) => Ok(()),
        name => write!(writer, " {name}={value:?}"),
    });
    let level = env::var("RUST_LOG").ok();
    let level = level.and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .fmt_fields(fields)
        .with_writer(std::io::stderr)
        .init();
}
