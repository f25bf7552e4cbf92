//! Routes that are guarded by default: a public one has to say why it is public.
//!
//! `cargo run --example guarded_routes`

use std::{env, error::Error};

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use wythe::{
    Api, Auth, ConfigError, Cors, FinishedApi, HasScopes, Jwt, Path, Scopes, assume, compose,
    with_auth, with_cors, with_presentation, with_scopes,
};

/// A real application has it in its configuration, not in its source.
const SECRET: &str = "the secret of an example, known to everybody";

#[derive(Clone, Deserialize, Serialize)]
struct Claims {
    sub: String,
    scope: String,
    exp: u64,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

async fn order(Auth(claims): Auth<Claims>, Path(id): Path<u32>) -> String {
    format!("order {id} of {}\n", claims.sub)
}

async fn health() -> &'static str {
    "healthy\n"
}

async fn user(Path(name): Path<String>) -> String {
    format!("user {name}\n")
}

/// Each route has to provide `Auth<Claims>`: without the guard, `/orders/{id}` does not compile.
fn api() -> Result<FinishedApi<Auth<Claims>>, ConfigError> {
    let jwt = Jwt::<Claims>::hs256(SECRET)?;
    // The guard provides what the handlers of these routes ask for.
    let signed_in = compose(assume::<Auth<Claims>>());
    Ok(Api::new("Orders", "1.0.0")
        .around(compose((
            with_cors(Cors::origins(["https://app.example.com"])?),
            with_presentation(),
        )))
        .guard(compose(with_auth(jwt.clone())))
        .get("/orders/{id}", signed_in.handler(order))
        .public("probes have no credentials", |open| {
            open.get("/health", compose(()).handler(health))
        })
        .nest("/admin", admin(jwt)?)
        .finish())
}

/// It has a guard of its own, and the same layers around it.
fn admin(jwt: Jwt<Claims>) -> Result<FinishedApi<Auth<Claims>>, ConfigError> {
    let scopes = with_scopes(Scopes::all(["users:read"])?);
    Ok(Api::new("Administration", "1.0.0")
        .guard(compose((with_auth(jwt), scopes)))
        .get("/users/{name}", compose(()).handler(user))
        .finish())
}

fn token(sub: &str, scope: &str) -> Result<String, jsonwebtoken::errors::Error> {
    let claims = Claims {
        sub: sub.to_owned(),
        scope: scope.to_owned(),
        exp: get_current_timestamp().saturating_add(3_600),
    };
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::default(), &claims, &key)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let service = api()?.service(())?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("Listening on {url}");

    let [ann, root] = [token("ann", "")?, token("root", "users:read")?]
        .map(|token| format!("-H 'Authorization: Bearer {token}'"));
    for rest in [
        format!("'{url}/health'"),
        format!("'{url}/orders/7'"),
        format!("{ann} '{url}/orders/7'"),
        format!("{ann} '{url}/orders/seven'"),
        format!("{ann} '{url}/admin/users/bob'"),
        format!("{root} '{url}/admin/users/bob'"),
        format!("-X OPTIONS '{url}/orders/7'"),
        format!("-X PUT '{url}/orders/7'"),
        format!("'{url}/nothing'"),
    ] {
        println!("  curl -i {rest}");
    }
    service.serve(listener).await?;
    Ok(())
}
