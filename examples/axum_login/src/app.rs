//! The application.

use axum::{
    Form, Router,
    http::StatusCode,
    routing::{get, post},
};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthnBackend, AuthzBackend};
use tower_sessions::{Expiry, MemoryStore, SessionManagerLayer, cookie::time::Duration};
use wythe::{
    Auth, ConfigError, Csrf, Problem, Quota, Scopes, compose, with_auth, with_authorization,
    with_csrf, with_presentation, with_rate_limit, with_scopes,
};

use crate::{LoggedIn, User, Users};

type Session = AuthSession<Users>;
type Credentials = <Users as AuthnBackend>::Credentials;

async fn log_in(
    mut session: Session,
    Form(credentials): Form<Credentials>,
) -> Result<StatusCode, Problem> {
    let user = session.authenticate(credentials).await;
    let Some(user) = user.map_err(Problem::internal)? else {
        return Err(
            Problem::new(StatusCode::FORBIDDEN).detail("The name or the password is wrong.")
        );
    };
    session.login(&user).await.map_err(Problem::internal)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn log_out(mut session: Session) -> Result<StatusCode, Problem> {
    session.logout().await.map_err(Problem::internal)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(Auth(user): Auth<User>) -> String {
    format!("the orders of {}\n", user.name())
}

async fn order() -> StatusCode {
    StatusCode::CREATED
}

async fn greet(user: Option<Auth<User>>) -> String {
    format!(
        "Hello, {}!\n",
        user.map_or("stranger", |Auth(user)| user.name())
    )
}

pub fn app(users: Users) -> Result<Router, ConfigError> {
    let logged_in = compose((
        with_csrf(Csrf::same_origin()),
        with_auth(LoggedIn::<Users>::new()),
    ));
    let reads = compose((
        logged_in.clone(),
        with_scopes(Scopes::all(["orders:read"])?.without_challenge()),
    ));
    let writes = compose((
        reads.clone(),
        with_scopes(Scopes::all(["orders:write"])?.without_challenge()),
    ));
    // axum-login's `permission_required!` answers 403 if the store is down: this is a 503.
    let permissions = users.clone();
    let reports = compose((
        logged_in.clone(),
        with_authorization(move |Auth(user): &Auth<User>, _| {
            let (permissions, user) = (permissions.clone(), user.clone());
            async move { permissions.has_perm(&user, "reports").await }
        }),
    ));
    let guests = compose((with_auth(LoggedIn::<Users>::new()).optional(),));
    // A user who signs in has no session yet, but a page of another site must not sign them in
    // either.
    let open = compose((
        // Without it, a program could try one password after the other.
        with_rate_limit(Quota::per_minute(10).by_peer()?),
        with_csrf(Csrf::same_origin()),
    ));
    print!("{writes}\n{reports}");

    // Outside every stack: the layers that load the session and the user.
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        .with_name("__Host-session")
        .with_expiry(Expiry::OnInactivity(Duration::hours(1)));
    let log_ins = AuthManagerLayerBuilder::new(users, sessions).build();
    Ok(Router::new()
        .route("/", get(guests.handler(greet)))
        .route("/login", post(open.handler(log_in)))
        .route("/logout", post(logged_in.handler(log_out)))
        .route(
            "/orders",
            get(reads.handler(list)).post(writes.handler(order)),
        )
        .route("/report", get(reports.handler(async || "a report\n")))
        .layer(log_ins)
        // Outermost, so that the empty 500 of axum-login gets the same format as all others.
        .layer(compose((with_presentation(),))))
}
