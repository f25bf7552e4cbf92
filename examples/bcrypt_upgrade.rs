//! Users whose passwords are stored as bcrypt hashes, as most tutorials store them. Each hash is replaced
//! by one of argon2 when its user sends the right password.
//!
//! `cargo run --example bcrypt_upgrade --features basic-bcrypt`

use std::{
    collections::HashMap,
    convert::Infallible,
    env,
    error::Error,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use wythe::{
    Auth, Basic, ConfigError, Quota, auth::HashUpgrade, compose, with_auth, with_presentation,
    with_rate_limit,
};

#[derive(Clone)]
struct User {
    name: String,
    /// What the hash begins with, for this example only.
    hashed_with: String,
}

/// What the server stores: the hash of each user. A real application has a database table.
#[derive(Clone)]
struct Users(Arc<RwLock<HashMap<String, String>>>);

impl Users {
    /// The table of an application from before, by PHP: `password_hash($password, PASSWORD_BCRYPT)`.
    fn of_before() -> Self {
        let hash = "$2y$10$N9qo8uLOickgx2ZMRZoMyehtJ/whDdsI.d1w/JqKiOrDw8pCT0JLG";
        let users = HashMap::from([("ada".to_owned(), hash.to_owned())]);
        Self(Arc::new(RwLock::new(users)))
    }

    // SELECT password_hash FROM users WHERE name = $1
    fn find(&self, name: String) -> Option<(String, User)> {
        let users = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let hash = users.get(&name)?.clone();
        let hashed_with = hash.split('$').nth(1).unwrap_or_default().to_owned();
        Some((hash, User { name, hashed_with }))
    }

    // UPDATE users SET password_hash = $3 WHERE name = $1 AND password_hash = $2
    fn replace(&self, upgrade: HashUpgrade) {
        let mut users = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = users.get_mut(&upgrade.user) {
            // Unless the password has been changed since.
            if *hash == upgrade.old {
                *hash = upgrade.new;
            }
        }
    }
}

fn scheme(users: Users) -> Result<Basic<User>, ConfigError> {
    let table = users.clone();
    let look_up = move |name: String| {
        let found = users.find(name);
        async move { Ok::<_, Infallible>(found) }
    };
    let replace = move |upgrade: HashUpgrade| {
        table.replace(upgrade);
        async { Ok::<_, Infallible>(()) }
    };
    // The cost of the hashes in the table.
    Basic::argon2_or_bcrypt("example", look_up, replace)?.bcrypt_cost(10)
}

async fn whoami(Auth(user): Auth<User>) -> String {
    let User { name, hashed_with } = user;
    format!(
        "You are {name}. The hash that your password was compared with begins with ${hashed_with}$.\n"
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let stack = compose((
        // Each password costs the server much more than the client.
        with_rate_limit(Quota::per_minute(30).by_peer()?),
        with_auth(scheme(Users::of_before())?),
    ));
    print!("{stack}");
    let address = listener.local_addr()?;
    println!("\nListening on http://{address}");
    let url = format!("'http://{address}/whoami'");
    // The first is compared with bcrypt, the second with argon2.
    println!("  curl -i -u 'ada:correct horse battery staple' {url}");
    println!("  curl -i -u 'ada:correct horse battery staple' {url}");
    println!("  curl -i -u 'ada:wrong' {url}");
    println!("  curl -i -u 'bob:correct horse battery staple' {url}");
    println!("  curl -i {url}");
    let app = Router::new()
        .route("/whoami", get(stack.handler(whoami)))
        .layer(compose((with_presentation(),)));
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await?;
    Ok(())
}
