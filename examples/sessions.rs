//! Sessions in a store: a page to sign in, a page for signed-in users, and a way to sign out.
//!
//! `cargo run --example sessions --features session`, then open the address that it prints. The
//! password of every user is `open sesame`.

use std::{env, error::Error, net::SocketAddr};

use axum::{
    Form, Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use wythe::{
    Auth, CacheControl, Csrf, Problem, Quota, Session, SessionCookie, Sessions, StoredSessions,
    auth::{MemorySessions, SessionOwner},
    compose, with_auth, with_cache_control, with_csrf, with_presentation, with_rate_limit,
};

/// What a session stores about its user.
#[derive(Deserialize, Serialize)]
struct User {
    name: String,
}

type OfUser = Auth<Session<User>>;

#[derive(Deserialize)]
struct SignIn {
    name: String,
    password: String,
}

/// Greets a user, or asks a visitor to sign in. An expired session counts as none here.
async fn home(session: Option<OfUser>) -> Html<String> {
    let Some(Auth(session)) = session else {
        return Html(
            "<form method=post action=/login>\
               <input name=name placeholder=name> <input name=password type=password>\
               <button>Sign in</button></form>"
                .to_owned(),
        );
    };
    Html(format!(
        "<p>You are {}.</p><form method=post action=/logout><button>Sign out</button></form>",
        escaped(&session.name)
    ))
}

/// Starts a session. An existing one ends: its id is never reused.
async fn login(
    State(sessions): State<StoredSessions<User>>,
    old: Option<OfUser>,
    Form(SignIn { name, password }): Form<SignIn>,
) -> Result<Response, Problem> {
    // A real server compares with an argon2 hash, outside the async threads.
    let is_name = (1..=100).contains(&name.len());
    if !is_name || password != "open sesame" {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
            .detail("The name or the password is wrong."));
    }
    let user = User { name };
    let cookie = match old {
        Some(Auth(old)) => sessions.replace(&old, &user).await?,
        None => sessions.login(&user).await?,
    };
    Ok((cookie, Redirect::to("/")).into_response())
}

async fn whoami(Auth(session): OfUser) -> String {
    format!("You are {}.\n", session.name)
}

/// Ends the session in the store and in the browser; reports an error if the store fails.
async fn logout(
    State(sessions): State<StoredSessions<User>>,
    Auth(session): OfUser,
) -> Result<(SessionCookie, Redirect), Problem> {
    Ok((sessions.logout(&session).await?, Redirect::to("/")))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    // All sessions of a user can be ended at once: `store.remove_owned(..)`.
    let store = MemorySessions::default();
    let sessions = Sessions::stored(store)?
        .owned_by(|user: &User| SessionOwner::new(&user.name))
        // There is no TLS here. A real server omits this line.
        .dangerously_insecure_for_development()?;

    // Other sites can't make a browser sign in, sign out, or act as its user.
    let own_pages = with_csrf(Csrf::same_origin());
    let private = with_cache_control(CacheControl::no_store());
    let visitor = compose((
        own_pages.clone(),
        with_auth(sessions.clone()).optional(),
        private.clone(),
    ));
    // Without it, a program could try one password after the other.
    let sign_in = visitor
        .clone()
        .with(with_rate_limit(Quota::per_minute(10).by_peer()?));
    let user = compose((own_pages, with_auth(sessions.clone()), private));
    print!("{user}");
    print_help(&sessions, listener.local_addr()?).await?;
    let app = Router::new()
        .route("/", get(visitor.handler(home)))
        .route("/login", post(sign_in.handler(login)))
        .route("/whoami", get(user.clone().handler(whoami)))
        .route("/logout", post(user.handler(logout)))
        .layer(compose((with_presentation(),)))
        .with_state(sessions);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}

/// Signs a user in for the lines that need a session.
async fn print_help(sessions: &StoredSessions<User>, address: SocketAddr) -> Result<(), Problem> {
    let name = "alice".to_owned();
    let cookie = sessions.login(&User { name }).await?;
    let cookie = format!("-b '{}={}'", cookie.name(), cookie.value());
    println!("\nListening on http://{address}");
    let url = |path: &str| format!("'http://{address}{path}'");
    let (home, login, whoami, logout) = (url("/"), url("/login"), url("/whoami"), url("/logout"));
    println!("  curl -i {home}");
    println!("  curl -i {whoami}");
    println!("  curl -i -d 'name=bob&password=guess' {login}");
    println!("  curl -i -d 'name=bob' -d 'password=open sesame' {login}");
    println!("  curl -i {cookie} {whoami}");
    println!("  curl -i {cookie} -X POST -H 'Sec-Fetch-Site: cross-site' {logout}");
    println!("  curl -i {cookie} -X POST {logout}");
    println!("  curl -i {cookie} {whoami}");
    println!("  curl -i {cookie} {home}");
    Ok(())
}
