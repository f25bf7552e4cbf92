//! An API in WebAssembly (`wasm32-unknown-unknown`), for hosts that run JavaScript: Cloudflare Workers,
//! Deno Deploy, Fastly with a shim, browsers, Node. The host calls [`handle`] for each request.
//!
//! ```text
//! cargo build --release -p example-edge --target wasm32-unknown-unknown
//! wasm-bindgen --target nodejs --out-dir examples/edge/pkg \
//!     target/wasm32-unknown-unknown/release/example_edge.wasm
//! ```
//!
//! `cargo test -p example-edge` does the same without `wasm-bindgen-cli`, and runs it in Node.
//!
//! There is no server, no socket and no tokio here: the host has accepted the connection, says whose it
//! is, and drives the future.

use std::{net::IpAddr, sync::OnceLock};

use axum::{Json, body::Body};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tower_service::Service;
use wasm_bindgen::prelude::wasm_bindgen;
use wythe::{
    Api, Auth, CacheControl, ConfigError, Cors, Jwt, JwtKey, Quota, Valid, api::ApiService,
    auth::JwtAlgorithm, compose, with_auth, with_cache_control, with_cors, with_presentation,
    with_rate_limit, with_validation,
};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Serialize)]
struct Profile {
    user: String,
}

#[derive(Deserialize, garde::Validate)]
struct Note {
    #[garde(length(chars, min = 1, max = 100))]
    text: String,
}

async fn show_profile(Auth(claims): Auth<Claims>) -> Json<Profile> {
    Json(Profile { user: claims.sub })
}

async fn create_note(note: Valid<Json<Note>>) -> String {
    format!("{} characters", note.text.chars().count())
}

/// The routes, for tokens that this key verifies: a JWK for ES256.
fn api(jwk: &str) -> Result<ApiService, ConfigError> {
    let key = JwtKey::jwk(JwtAlgorithm::ES256, jwk)?;
    let jwt = Jwt::<Claims>::keys([key])?
        .issuer("https://id.example.com")
        .audience("edge");
    let read = compose((
        with_auth(jwt.clone()),
        with_cache_control(CacheControl::no_store()),
    ));
    let write = compose((
        // Each instance counts by itself; the host runs many.
        with_rate_limit(Quota::per_minute(3).by_peer()?),
        with_auth(jwt),
        with_validation::<Json<Note>>(),
    ));
    Api::<Auth<Claims>>::new("Edge", "1.0.0")
        .around(compose((
            with_cors(Cors::origins(["https://app.example.com"])?),
            with_presentation(),
        )))
        .get("/me", read.handler(show_profile))
        .post("/notes", write.handler(create_note))
        .public("probes have no credentials", |open| {
            open.get("/health", compose(()).handler(async || "healthy"))
        })
        .service(())
}

static API: OnceLock<ApiService> = OnceLock::new();

/// Builds the API. The host calls it once, with its configuration.
///
/// # Errors
///
/// The configuration is invalid; the text says what to write instead.
#[wasm_bindgen]
pub fn start(jwk: &str) -> Result<(), String> {
    let service = api(jwk).map_err(|error| error.to_string())?;
    // Only the first call counts.
    API.get_or_init(|| service);
    Ok(())
}

/// An answer: its status, its fields as a list of names and values in turn, and its body.
#[wasm_bindgen(getter_with_clone)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<String>,
    pub body: Vec<u8>,
}

/// Answers a request. `fields` has the names and the values of its header fields in turn, `client` is
/// the address that the host has accepted the connection from.
///
/// # Errors
///
/// The host passed what is not a request, or has not called [`start`].
#[wasm_bindgen]
pub async fn handle(
    method: String,
    target: String,
    fields: Vec<String>,
    body: Vec<u8>,
    client: String,
) -> Result<Answer, String> {
    let service = API.get().ok_or("`start` has not been called")?.clone();
    let client: IpAddr = client.parse().map_err(|_| "`client` is not an address")?;
    let mut request = axum::http::Request::builder().method(&*method).uri(target);
    for field in fields.chunks_exact(2) {
        if let [name, value] = field {
            request = request.header(name, value);
        }
    }
    let request = request.body(Body::from(body));
    let request = request.map_err(|error| error.to_string())?;
    let mut connection = service.connected((client, 0).into());
    let Ok(response) = connection.call(request).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?;
    let mut fields = Vec::new();
    for (name, value) in &head.headers {
        fields.push(name.as_str().to_owned());
        fields.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    Ok(Answer {
        status: head.status.as_u16(),
        fields,
        body: body.to_bytes().into(),
    })
}
