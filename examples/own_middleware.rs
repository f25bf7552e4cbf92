//! A middleware of your own: rejects requests while the site is under maintenance.
//!
//! `cargo run --example own_middleware`

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    routing::{get, put},
};
use http::{HeaderValue, Request, StatusCode, header::RETRY_AFTER};
use tokio::net::TcpListener;
use wythe::{
    CacheControl, Description, Later, Middleware, Place, Problem, Step, compose,
    description::Answer, stage, with, with_cache_control,
};

/// Whether the site is under maintenance. Clones share it.
#[derive(Clone, Debug, Default)]
struct Maintenance(Arc<AtomicBool>);

/// Its stage in a stack, and how it describes itself.
impl Place for Maintenance {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        "maintenance"
    }

    fn describe(&self) -> Description {
        let closed = Answer::of(&closed()).when("during maintenance");
        Description::new(self.name()).answer(closed)
    }
}

/// What it does.
impl<B> Middleware<B> for Maintenance {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        if self.0.load(Ordering::Relaxed) {
            return Step::reply(closed());
        }
        Step::next(request, ())
    }
}

fn closed() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE)
        .detail("The site is under maintenance.")
        .header(RETRY_AFTER, HeaderValue::from_static("600"))
}

async fn hello() -> &'static str {
    "hello\n"
}

async fn switch(State(maintenance): State<Maintenance>) -> &'static str {
    let was_on = maintenance.0.fetch_xor(true, Ordering::Relaxed);
    if was_on { "off\n" } else { "on\n" }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let maintenance = Maintenance::default();
    let stack = compose((
        with(maintenance.clone()),
        with_cache_control(CacheControl::no_store()),
    ));
    print!("{stack}");
    let app = Router::new()
        .route("/", get(stack.handler(hello)))
        .route("/maintenance", put(switch))
        .with_state(maintenance);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!("\nListening on http://{address}");
    println!("  curl -i 'http://{address}/'");
    println!("  curl -i -X PUT 'http://{address}/maintenance'");
    println!("  curl -i 'http://{address}/'");
    axum::serve(listener, app).await?;
    Ok(())
}
