//! One layer for an existing app: every refusal becomes problem+json.
//!
//! `cargo run --example existing_axum_app`

use std::{env, error::Error};

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use serde_json::Value;
use tokio::net::TcpListener;
use wythe::{compose, with_presentation};

/// An app that does not use wythe.
fn existing_app() -> Router {
    Router::new()
        .route("/users/{id}", get(user))
        .route("/echo", post(echo))
        .route("/crash", get(crash))
}

async fn user(Path(id): Path<u32>) -> String {
    format!("user {id}\n")
}

async fn echo(Json(body): Json<Value>) -> Json<Value> {
    Json(body)
}

#[expect(clippy::panic, reason = "shows how a panic is handled")]
async fn crash() -> &'static str {
    panic!("this is logged and not sent to the client")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let stack = compose((with_presentation(),));
    print!("{stack}");
    let app = existing_app().layer(stack);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!("\nListening on http://{address}");
    println!("  curl -i 'http://{address}/users/7'");
    println!("  curl -i 'http://{address}/users/seven'");
    println!("  curl -i 'http://{address}/nothing'");
    println!("  curl -i 'http://{address}/echo'");
    println!("  curl -i -H 'Content-Type: application/json' -d '{{' 'http://{address}/echo'");
    println!("  curl -i 'http://{address}/crash'");
    axum::serve(listener, app).await?;
    Ok(())
}
