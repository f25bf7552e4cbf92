//! Tokens of users or keys of partners in one application: as one principal, or as either of two.
//!
//! `cargo run --example either_auth --features api-key`

use std::{env, error::Error};

use axum::{Router, routing::get};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use wythe::{
    ApiKey, Auth, ConfigError, Either, HasScopes, Jwt, Scopes,
    auth::{ApiKeyFormat, Authenticate, GeneratedKey, Refusal},
    compose, with_auth, with_presentation, with_scopes,
};

/// A real application has it in its configuration, not in its source.
const SECRET: &str = "the secret of an example, known to everybody";

/// The claims of a user's token.
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

/// The owner of a key, and its scopes.
#[derive(Clone)]
struct Partner {
    company: &'static str,
    scopes: &'static [&'static str],
}

impl HasScopes for Partner {
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.has_scope(scope)
    }
}

/// The caller, for handlers that need not know which credentials were used.
#[derive(Clone)]
struct Caller(String);

async fn me(Auth(Caller(name)): Auth<Caller>) -> String {
    format!("You are {name}.\n")
}

async fn orders(Auth(caller): Auth<Either<Claims, Partner>>) -> String {
    match caller {
        Either::First(claims) => format!("the orders of {}\n", claims.sub),
        Either::Second(partner) => format!("the orders that {} delivers\n", partner.company),
    }
}

fn app(format: ApiKeyFormat, key: &GeneratedKey) -> Result<Router, ConfigError> {
    let (id, hash) = (key.id().to_owned(), key.hash());
    let acme = Partner {
        company: "acme",
        scopes: &["deliveries:write"],
    };
    let keys = ApiKey::lookup_id(format, move |asked| {
        (asked == id).then(|| (hash, acme.clone()))
    });
    let jwt = Jwt::<Claims>::hs256(SECRET)?;

    // One principal for both. Keys may be sent as bearer tokens too: then their scheme comes first,
    // because it takes only tokens with their prefix, and `Jwt` takes all.
    let partners = keys.clone().or_bearer().own_prefix_only()?;
    let partners = partners.map(|partner| Caller(partner.company.to_owned()));
    // Additional requirements on a user's token are checked here.
    let users = jwt.clone().try_map(|claims| match &*claims.sub {
        "" => Err(Refusal::new("a token without a user").reason("no_user")),
        name => Ok(Caller(name.to_owned())),
    });
    let callers = compose((with_auth(partners.or(users)),));

    // Either of two, each with its own scopes, and never both.
    let readers = compose((
        with_auth(jwt.either(keys).exclusive()),
        with_scopes(Scopes::all(["orders:read"])?),
    ));
    print!("{callers}\n{readers}");
    Ok(Router::new()
        .route("/me", get(callers.handler(me)))
        .route("/orders", get(readers.handler(orders)))
        .layer(compose((with_presentation(),))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let format = ApiKeyFormat::new("wy_test")?;
    let key = format.generate()?;
    let app = app(format, &key)?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let url = format!("http://{}", listener.local_addr()?);

    let claims = Claims {
        sub: "ann".to_owned(),
        scope: "orders:read".to_owned(),
        exp: get_current_timestamp().saturating_add(3_600),
    };
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::default(), &claims, &secret)?;
    let key = key.secret().expose();
    println!("\nListening on {url}");
    println!("  curl -i -H 'Authorization: Bearer {token}' '{url}/me'");
    println!("  curl -i -H 'Authorization: Bearer {key}' '{url}/me'");
    println!("  curl -i -H 'X-Api-Key: {key}' '{url}/me'");
    println!("  curl -i '{url}/me'");
    println!("  curl -i -H 'Authorization: Bearer {key}x' '{url}/me'");
    println!("  curl -i -H 'Authorization: Bearer {token}' '{url}/orders'");
    println!("  curl -i -H 'X-Api-Key: {key}' '{url}/orders'");
    println!("  curl -i -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}' '{url}/orders'");
    axum::serve(listener, app).await?;
    Ok(())
}
