//! API keys: one is created at startup for the curl commands, others by users with permission.
//!
//! `cargo run --example api_key --features api-key`

use std::{
    collections::HashMap,
    env,
    error::Error,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use tokio::net::TcpListener;
use wythe::{
    ApiKey, Auth, CacheControl, Problem,
    auth::{ApiKeyFormat, ApiKeyHash, GeneratedKey},
    compose, with_auth, with_cache_control, with_presentation,
};

/// The owner of a key.
#[derive(Clone)]
struct Partner {
    name: String,
    may_make_keys: bool,
}

/// What the server stores of each key, by its id. A real application has a database table.
#[derive(Clone, Default)]
struct Keys(Arc<RwLock<HashMap<String, (ApiKeyHash, Partner)>>>);

impl Keys {
    fn find(&self, id: &str) -> Option<(ApiKeyHash, Partner)> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(id).cloned()
    }

    fn add(&self, key: &GeneratedKey, partner: Partner) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.id().to_owned(), (key.hash(), partner));
    }
}

#[derive(Clone)]
struct App {
    keys: Keys,
    format: ApiKeyFormat,
}

async fn whoami(Auth(partner): Auth<Partner>) -> String {
    format!("You are {}.\n", partner.name)
}

/// Responds with a new key, which can't be shown again.
async fn make_key(
    State(App { keys, format }): State<App>,
    Auth(partner): Auth<Partner>,
) -> Result<(StatusCode, String), Problem> {
    if !partner.may_make_keys {
        return Err(Problem::new(StatusCode::FORBIDDEN).detail("This key may not create keys."));
    }
    let key = format.generate().map_err(Problem::internal)?;
    let name = format!("a friend of {}", partner.name);
    keys.add(
        &key,
        Partner {
            name,
            may_make_keys: false,
        },
    );
    Ok((StatusCode::CREATED, format!("{}\n", key.secret().expose())))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let format = ApiKeyFormat::new("wy_test")?;
    let first = format.generate()?;
    let keys = Keys::default();
    let acme = Partner {
        name: "acme".to_owned(),
        may_make_keys: true,
    };
    keys.add(&first, acme);

    let known = keys.clone();
    let scheme = ApiKey::lookup_id(format.clone(), move |id| known.find(id)).or_bearer();
    let stack = compose((
        with_auth(scheme),
        // The response may contain a key.
        with_cache_control(CacheControl::no_store()),
    ));
    print!("{stack}");
    print_help(listener.local_addr()?, first.secret().expose());
    let app = Router::new()
        .route("/whoami", get(stack.clone().handler(whoami)))
        .route("/keys", post(stack.handler(make_key)))
        .layer(compose((with_presentation(),)))
        .with_state(App { keys, format });
    axum::serve(listener, app).await?;
    Ok(())
}

fn print_help(address: SocketAddr, key: &str) {
    println!("\nListening on http://{address}");
    let whoami = format!("'http://{address}/whoami'");
    println!("  curl -i -H 'X-Api-Key: {key}' {whoami}");
    println!("  curl -i {whoami}");
    println!("  curl -i -H 'X-Api-Key: {key}x' {whoami}");
    println!("  curl -i -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {key}' {whoami}");
    println!("  curl -i -X POST -H 'X-Api-Key: {key}' 'http://{address}/keys'");
    println!("  curl -i -X POST 'http://{address}/keys'");
    println!("  curl -i -H 'Authorization: Bearer {key}' {whoami}");
}
