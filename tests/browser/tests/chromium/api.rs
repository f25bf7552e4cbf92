//! The bank's API, and one that is public.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Form, Json, Router,
    extract::{State, WebSocketUpgrade, ws::Message},
    http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use wythe::{
    Auth, CacheControl, ConfigError, Cors, Csrf, Problem, Quota, Scopes, Valid, compose, with_auth,
    with_cache_control, with_cors, with_csrf, with_presentation, with_rate_limit, with_scopes,
    with_validation,
};

use crate::{
    bank::PAGE,
    scheme::{Principal, Scheme},
};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) scheme: Scheme,
    pub(crate) balance: Arc<AtomicI64>,
}

/// The API. Its base is the one in the README: around every route, CORS outermost.
pub(crate) fn router(
    app: &str,
    preflight_age: Duration,
    books: Books,
) -> Result<Router, ConfigError> {
    let cors = Cors::origins([app])?
        .credentials()
        .methods(["GET", "POST", "PUT"])?
        .headers(["content-type", "x-note"])?
        .exposed_headers(["www-authenticate"])?
        .max_age(preflight_age)?;
    let csrf = Csrf::same_origin().trust_origins(cors.named_origins())?;
    let base = compose((with_cors(cors), with_presentation(), with_csrf(csrf)));

    let named = compose((with_validation::<Json<Name>>(),));
    let signed_in = compose((with_auth(books.scheme.policy()),));
    let limited = compose((with_rate_limit(Quota::per_hour(1).by_peer()?),));
    // Nobody may do more than a customer may.
    let nobody = |_: &Principal, _: &str| false;
    let vault = compose((
        signed_in.clone(),
        with_scopes(Scopes::all(["vault"])?.by(nobody)),
    ));
    let renames = compose((signed_in.clone(), with_validation::<Json<Name>>()));
    let transfers = compose((signed_in.clone(), with_validation::<Form<Transfer>>()));
    let statement = compose((
        signed_in.clone(),
        with_cache_control(CacheControl::no_store()),
    ));

    Ok(Router::new()
        .route("/", get(Html(PAGE)))
        .route("/sign-in", post(named.handler(sign_in)))
        .route("/sign-out", post(signed_in.handler(sign_out)))
        .route("/set-cookie", post(set_cookie))
        .route(
            "/account",
            get(signed_in.handler(account)).put(renames.handler(rename)),
        )
        .route("/transfers", post(transfers.handler(transfer)))
        .route("/vault", get(vault.handler(async || "gold")))
        .route("/limited", get(limited.handler(async || "passed")))
        .route("/statement", get(statement.handler(show)))
        .route("/brochure", get(signed_in.handler(show)))
        .route("/socket", get(signed_in.handler(socket)))
        .with_state(books)
        .layer(base))
}

/// A public API.
pub(crate) fn open_router() -> Router {
    let base = compose((with_cors(Cors::any()),));
    let rates = get(async || "1.08").put(async || "changed");
    Router::new().route("/rates", rates).layer(base)
}

#[derive(Deserialize, garde::Validate)]
struct Name {
    #[garde(length(chars, min = 2, max = 20))]
    name: String,
}

#[derive(Deserialize, garde::Validate)]
struct Transfer {
    #[garde(range(min = 1))]
    amount: i64,
}

type Answer = Result<(StatusCode, HeaderMap), Problem>;

async fn sign_in(State(books): State<Books>, name: Valid<Json<Name>>) -> Answer {
    let fields = books.scheme.sign_in(&name.name).await?;
    Ok((StatusCode::NO_CONTENT, fields))
}

async fn sign_out(State(books): State<Books>, Auth(user): Auth<Principal>) -> Answer {
    let fields = books.scheme.sign_out(&user).await?;
    Ok((StatusCode::NO_CONTENT, fields))
}

/// Sets the cookies in the body, one a line.
async fn set_cookie(body: String) -> (StatusCode, HeaderMap) {
    let lines = body
        .lines()
        .map(|line| HeaderValue::try_from(line).unwrap());
    let fields = HeaderMap::from_iter(lines.map(|line| (SET_COOKIE, line)));
    (StatusCode::NO_CONTENT, fields)
}

async fn account(Auth(user): Auth<Principal>, State(books): State<Books>) -> Json<Value> {
    let balance = books.balance.load(Ordering::SeqCst);
    Json(json!({"name": user.name(), "balance": balance}))
}

async fn rename(Auth(_): Auth<Principal>, name: Valid<Json<Name>>) -> Json<Value> {
    Json(json!({"name": name.name}))
}

async fn transfer(
    Auth(_): Auth<Principal>,
    State(books): State<Books>,
    transfer: Valid<Form<Transfer>>,
) -> &'static str {
    books.balance.fetch_sub(transfer.amount, Ordering::SeqCst);
    "sent"
}

async fn show(Auth(user): Auth<Principal>) -> Html<String> {
    Html(format!("{PAGE}The statement of {}", user.name()))
}

async fn socket(Auth(user): Auth<Principal>, upgrade: WebSocketUpgrade) -> Response {
    let hello = format!("hello {}", user.name());
    let answer = upgrade.on_upgrade(|mut socket| async move {
        drop(socket.send(Message::Text(hello.into())).await);
    });
    answer.into_response()
}
