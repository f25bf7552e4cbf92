//! A limit by user, with a quota that depends on their plan, and a page that shows what is left.
//!
//! `cargo run --example rate_limit_by_user`

use std::{env, error::Error};

use axum::{Json, Router, extract::State, routing::get};
use http::{HeaderValue, header, request::Parts};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wythe::{
    Auth, ConfigError, Later, Problem, Quota, RateLimit,
    auth::{Authenticate, Verdict},
    compose,
    rate_limit::{Handle, Limiter},
    with_auth, with_rate_limit,
};

#[derive(Clone, Copy, PartialEq)]
enum Plan {
    Free,
    Paid,
}

/// The user who sends a request.
#[derive(Clone)]
struct User {
    id: u64,
    plan: Plan,
}

/// Knows two users by their tokens. A real application verifies a JWT, or queries its database.
struct Tokens;

impl Authenticate for Tokens {
    type Principal = User;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Bearer")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<User>> {
        let Some(credentials) = head.headers.get(header::AUTHORIZATION) else {
            return Later::Ready(Verdict::Missing);
        };
        let (id, plan) = match credentials.as_bytes() {
            b"Bearer ada" => (1, Plan::Free),
            b"Bearer grace" => (2, Plan::Paid),
            _ => return Later::Ready(Verdict::refused("no such token")),
        };
        Later::Ready(Verdict::Verified(User { id, plan }))
    }
}

fn app() -> Result<Router, ConfigError> {
    let plans = RateLimit::plans([
        (Plan::Free, [Quota::per_minute(2).named("free")]),
        (Plan::Paid, [Quota::per_minute(1_000).named("paid")]),
    ])?;
    let limit = plans
        .chosen_by_principal(|user: &User| user.plan)
        .by_principal(|user: &User| &user.id);
    let limiter = Limiter::new(limit);
    let limits = Limits {
        free: limiter.handle(),
        paid: limiter.handle().plan(1)?,
    };

    // A limit by user inside the layer that authenticates the user: the other order does not
    // compile.
    let search = compose((with_auth(Tokens), with_rate_limit(limiter)));
    let account = compose((with_auth(Tokens),));
    print!("{search}");
    Ok(Router::new()
        .route("/search", get(search.handler(async || "found nothing\n")))
        .route("/limits", get(account.handler(left)))
        .with_state(limits))
}

/// Reads what the layer counts.
#[derive(Clone)]
struct Limits {
    free: Handle<u64>,
    paid: Handle<u64>,
}

/// What the user has left: reading it costs nothing.
async fn left(
    State(limits): State<Limits>,
    Auth(user): Auth<User>,
) -> Result<Json<Value>, Problem> {
    let handle = match user.plan {
        Plan::Free => &limits.free,
        Plan::Paid => &limits.paid,
    };
    let quotas = handle.remaining(&user.id).await?;
    let quotas = quotas.iter().map(|quota| {
        let next = quota.next().map(|next| next.as_secs());
        json!({ "quota": quota.name(), "left": quota.units(), "next_in_seconds": next })
    });
    Ok(Json(quotas.collect()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app()?;
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!("\nListening on http://{address}");
    for _ in 0..3 {
        println!("  curl -i -H 'Authorization: Bearer ada' 'http://{address}/search'");
    }
    println!("  curl -i -H 'Authorization: Bearer ada' 'http://{address}/limits'");
    println!("  curl -i -H 'Authorization: Bearer grace' 'http://{address}/search'");
    println!("  curl -i 'http://{address}/search'");
    axum::serve(listener, app).await?;
    Ok(())
}
