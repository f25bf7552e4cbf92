//! What a caller may do: by the scopes of its token, by its role, by querying a store, and in the
//! handler, where the order is known.
//!
//! `cargo run --example scopes`

use std::{collections::BTreeMap, env, error::Error, io, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use http::StatusCode;
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use wythe::{
    Auth, ConfigError, HasRoles, HasScopes, Jwt, Problem, Roles, Scopes, compose, with_auth,
    with_authorization, with_roles, with_scopes,
};

/// A real application has it in its configuration, not in its source.
const SECRET: &str = "the secret of an example, known to everybody";

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize, Serialize)]
enum Role {
    Customer,
    Admin,
}

#[derive(Clone, Deserialize, Serialize)]
struct Claims {
    sub: String,
    scope: String,
    role: Role,
    exp: u64,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

impl HasRoles for Claims {
    type Role = Role;

    fn has_role(&self, role: &Role) -> bool {
        self.role >= *role
    }
}

/// The orders, by number, with their owners.
type Orders = Arc<BTreeMap<u32, &'static str>>;

async fn list(Auth(claims): Auth<Claims>, State(orders): State<Orders>) -> String {
    let own = orders.iter().filter(|(_, owner)| **owner == claims.sub);
    own.map(|(id, _)| format!("order {id}\n")).collect()
}

/// Only the orders say who owns one. Somebody else's order is not found.
async fn order(
    Auth(claims): Auth<Claims>,
    State(orders): State<Orders>,
    Path(id): Path<u32>,
) -> Result<String, Problem> {
    match orders.get(&id) {
        Some(owner) if *owner == claims.sub => Ok(format!("order {id} of {owner}\n")),
        _ => Err(Problem::new(StatusCode::NOT_FOUND)),
    }
}

async fn create() -> StatusCode {
    StatusCode::CREATED
}

async fn reset() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Knows who has a subscription, unless it is down.
async fn is_subscribed(user: String) -> Result<bool, io::Error> {
    match &*user {
        "ann" => Ok(true),
        "root" => Err(io::Error::other("the store is down")),
        _ => Ok(false),
    }
}

fn app() -> Result<Router, ConfigError> {
    let authenticated = compose((with_auth(Jwt::<Claims>::hs256(SECRET)?),));
    let reads = compose((
        authenticated.clone(),
        with_scopes(Scopes::all(["orders:read"])?),
    ));
    let writes = compose((reads.clone(), with_scopes(Scopes::all(["orders:write"])?)));
    let resets = compose((authenticated, with_roles(Roles::all([Role::Admin])?)));
    let reports = compose((
        reads.clone(),
        with_authorization(|Auth(claims): &Auth<Claims>, _| is_subscribed(claims.sub.clone())),
    ));
    print!("{writes}\n{reports}");

    let orders = [(7, "ann"), (8, "bob")].into_iter().collect();
    Ok(Router::new()
        .route(
            "/orders",
            get(reads.handler(list))
                .post(writes.handler(create))
                .delete(resets.handler(reset)),
        )
        .route("/orders/{id}", get(reads.handler(order)))
        .route("/report", get(reports.handler(async || "a report\n")))
        .with_state(Arc::new(orders)))
}

/// A curl line for a caller.
fn curl(sub: &str, scope: &str, role: Role, rest: &str) -> Result<String, Box<dyn Error>> {
    let claims = Claims {
        sub: sub.to_owned(),
        scope: scope.to_owned(),
        role,
        exp: get_current_timestamp().saturating_add(3_600),
    };
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::default(), &claims, &key)?;
    Ok(format!(
        "  curl -i -H 'Authorization: Bearer {token}' {rest}"
    ))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let app = app()?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("\nListening on {url}");

    let (read, write) = ("orders:read", "orders:read orders:write");
    let (customer, admin) = (Role::Customer, Role::Admin);
    println!("  curl -i '{url}/orders'");
    for (sub, scope, role, rest) in [
        ("ann", read, customer, format!("'{url}/orders'")),
        ("ann", read, customer, format!("-X POST '{url}/orders'")),
        ("ann", write, customer, format!("-X POST '{url}/orders'")),
        ("ann", write, customer, format!("-X DELETE '{url}/orders'")),
        ("root", "", admin, format!("-X DELETE '{url}/orders'")),
        ("ann", read, customer, format!("'{url}/orders/7'")),
        ("ann", read, customer, format!("'{url}/orders/8'")),
        ("ann", read, customer, format!("'{url}/report'")),
        ("bob", read, customer, format!("'{url}/report'")),
        ("root", read, admin, format!("'{url}/report'")),
    ] {
        println!("{}", curl(sub, scope, role, &rest)?);
    }
    axum::serve(listener, app).await?;
    Ok(())
}
