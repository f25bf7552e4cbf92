//! Starts the API.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    process::{self, ExitCode},
};

use example_api::{
    App, AppState, BoxError, Config, Startup, Stopped, app, ask_readiness, operation,
    record_metrics, serve,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal, task,
    time::timeout,
};
use tracing_subscriber::{filter::LevelFilter, fmt::format::debug_fn};

/// Hashes of passwords take 19 MiB each, which glibc keeps for every thread that has had some: up to 900 MB after a
/// burst of sign-ins. With the allocator of musl, the program takes half as long again to start.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    start_log();
    let (outcome, failure) = if is_given("--healthy") {
        (ask_whether_ready().await, "is not ready")
    } else {
        (run().await, "can't start")
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("example-api {failure}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_given(option: &str) -> bool {
    env::args().any(|argument| argument == option)
}

/// `--healthy`: the health check of a container that has no `curl`.
async fn ask_whether_ready() -> Result<(), BoxError> {
    ask_readiness(Config::from_env()?.operation).await
}

async fn run() -> Result<(), BoxError> {
    // From now on, a signal does not end the process at once.
    let interrupted = interrupted();
    let config = Config::from_env()?;
    // It measures the clock of the machine for some milliseconds, in which the routes are made.
    let metrics = task::spawn_blocking(record_metrics);
    let state = AppState::new(&config).await?;
    let App {
        routes,
        document,
        payments,
    } = app(&state, &config.time_limits)?;
    if is_given("--audit") {
        return say(routes.audit());
    }
    if is_given("--openapi") {
        return say(format_args!("{document}\n"));
    }
    let listener = listen(&config)
        .map_err(|error| format!("{}: {error}; PORT=.. chooses another port", config.address))?;
    let metrics = metrics.await??;
    let for_operators = TcpListener::bind(config.operation)
        .await
        .map_err(|error| format!("OPERATION_PORT: {}: {error}", config.operation))?;
    say(Startup {
        config: &config,
        address: listener.local_addr()?,
        operation: for_operators.local_addr()?,
        api: &routes,
    })?;
    // It answers until the process ends.
    let operators = operation(&state, metrics);
    tokio::spawn(async move { axum::serve(for_operators, operators).await });
    let (drain, background) = (state.drain.clone(), state.background.clone());
    let limits = &config.time_limits;
    let api = routes.service(state)?;
    let Stopped { connections, left } = serve(listener, api, limits, &drain, interrupted).await;
    let payments_end = timeout(left, payments.wait_idle());
    let (tasks, _) = tokio::join!(background.finish(left), payments_end);
    let payments = payments.running();
    if connections + tasks + payments > 0 {
        tracing::warn!(
            connections,
            tasks,
            payments,
            "cut off what has not ended in time"
        );
    }
    eprintln!("Stopped.");
    Ok(())
}

/// Prints something at once. A closed pipe is not an error: the reader may have read enough.
fn say(what: impl Display) -> Result<(), BoxError> {
    match io::stdout().write_all(what.to_string().as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Listens where the configuration says.
fn listen(config: &Config) -> io::Result<TcpListener> {
    let socket = match config.address.is_ipv4() {
        true => TcpSocket::new_v4()?,
        false => TcpSocket::new_v6()?,
    };
    #[cfg(unix)]
    {
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(config.reuse_port)?;
    }
    socket.bind(config.address)?;
    socket.listen(1024)
}

/// Waits for Ctrl-C, or for `SIGTERM`, which platforms send, from when it is called.
fn interrupted() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use signal::unix::{SignalKind, signal};
        [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
    };
    async {
        #[cfg(unix)]
        match signals {
            [Ok(mut interrupted), Ok(mut terminated)] => {
                tokio::select! {
                    _ = interrupted.recv() => {}
                    _ = terminated.recv() => {}
                }
                tokio::spawn(async move {
                    interrupted.recv().await;
                    process::exit(130)
                });
            }
            // Without signals, the only way to stop is to be killed.
            _ => std::future::pending().await,
        }
        #[cfg(not(unix))]
        if signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
        eprintln!("\nStopping after the requests in progress; Ctrl-C does not wait for them.");
    }
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
