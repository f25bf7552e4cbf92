//! A bank: its API, pages of its own and of others that call it, and an API that everyone may read.

use std::{
    net::SocketAddr,
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
    middleware::from_fn_with_state,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wythe::{
    Auth, CacheControl, ConfigError, Cors, Csrf, Quota, Valid, compose, with_auth,
    with_cache_control, with_cors, with_csrf, with_presentation, with_rate_limit, with_scopes,
    with_validation,
};

use crate::{
    scheme::{Scheme, User},
    seen::{Log, record},
};

/// Where the API is.
pub(crate) const API: &str = "api.bank.localhost";
/// The page that CORS names: another origin of the same site.
pub(crate) const APP: &str = "app.bank.localhost";
/// A page of the same site that CORS does not name, as if somebody had taken it over.
pub(crate) const BLOG: &str = "blog.bank.localhost";
/// A page of another site.
pub(crate) const EVIL: &str = "evil.localhost";
/// The API by a name that is not this machine's to the browser, as if it came by plain `http`.
pub(crate) const PLAIN_API: &str = "api.bank.test";
/// A page of another site by plain `http`.
pub(crate) const PLAIN_EVIL: &str = "evil.test";

/// What Ann has at first.
pub(crate) const BALANCE: i64 = 1_000;

pub(crate) struct Settings {
    pub(crate) same_site: &'static str,
    pub(crate) preflight_age: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            same_site: "Strict",
            preflight_age: Duration::from_secs(600),
        }
    }
}

/// A bank that is open until the test's runtime ends.
pub(crate) struct Bank {
    pub(crate) log: Log,
    balance: Arc<AtomicI64>,
    api: u16,
    pages: u16,
    open: u16,
}

impl Bank {
    pub(crate) async fn open(settings: Settings) -> Self {
        let (api, api_port) = listen().await;
        let (pages, pages_port) = listen().await;
        let (open, open_port) = listen().await;
        let balance = Arc::new(AtomicI64::new(BALANCE));
        let log = Log::default();
        let state = Books {
            scheme: Scheme {
                same_site: settings.same_site,
            },
            balance: Arc::clone(&balance),
        };
        let app = format!("http://{APP}:{pages_port}");
        let api_app = router(&app, settings.preflight_age, state).unwrap();
        serve(api, api_app, &log);
        serve(open, open_router(), &log);
        let sign_in = SIGN_IN.replace("{api}", &format!("http://{API}:{api_port}"));
        let pages_app = Router::new()
            .route("/sign-in", get(Html(sign_in)))
            .fallback(async || Html(PAGE));
        serve(pages, pages_app, &Log::default());
        Self {
            log,
            balance,
            api: api_port,
            pages: pages_port,
            open: open_port,
        }
    }

    /// The address of something of the API.
    pub(crate) fn api(&self, path: &str) -> String {
        self.at(API, path)
    }

    /// The same by another name of the machine.
    pub(crate) fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.api)
    }

    /// The origin of the pages on a host; they are on another port than the API.
    pub(crate) fn page(&self, host: &str) -> String {
        format!("http://{host}:{}", self.pages)
    }

    /// What everyone may read.
    pub(crate) fn open_to_all(&self) -> String {
        format!("http://{API}:{}/rates", self.open)
    }

    /// What Ann has.
    pub(crate) fn balance(&self) -> i64 {
        self.balance.load(Ordering::SeqCst)
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn serve(listener: TcpListener, app: Router, log: &Log) {
    let app = app.layer(from_fn_with_state(log.clone(), record));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, app).await });
}

#[derive(Clone)]
struct Books {
    scheme: Scheme,
    balance: Arc<AtomicI64>,
}

/// The API. Its base is what the README shows: around every route, CORS outermost.
fn router(app: &str, preflight_age: Duration, books: Books) -> Result<Router, ConfigError> {
    let cors = Cors::origins([app])?
        .credentials()
        .methods(["GET", "POST", "PUT"])?
        .headers(["content-type", "x-note"])?
        .exposed_headers(["www-authenticate"])?
        .max_age(preflight_age)?;
    let csrf = Csrf::same_origin().trust_origins(cors.named_origins())?;
    let base = compose((with_cors(cors), with_presentation(), with_csrf(csrf)));

    let named = compose((with_validation::<Json<Name>>(),));
    let signed_in = compose((with_auth(books.scheme.policy()?),));
    let limited = compose((with_rate_limit(Quota::per_hour(1).by_peer()?),));
    let vault = compose((signed_in.clone(), with_scopes(["vault"])?));
    let renames = compose((signed_in.clone(), with_validation::<Json<Name>>()));
    let transfers = compose((signed_in.clone(), with_validation::<Form<Transfer>>()));
    let statement = compose((
        signed_in.clone(),
        with_cache_control(CacheControl::no_store()),
    ));

    Ok(Router::new()
        .route("/", get(Html(PAGE)))
        .route("/sign-in", post(named.handler(sign_in)))
        .route("/sign-out", post(sign_out))
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

fn open_router() -> Router {
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

async fn sign_in(State(books): State<Books>, name: Valid<Json<Name>>) -> (StatusCode, HeaderMap) {
    let fields = books.scheme.sign_in(name.name.clone());
    (StatusCode::NO_CONTENT, fields)
}

async fn sign_out(State(books): State<Books>) -> (StatusCode, HeaderMap) {
    (StatusCode::NO_CONTENT, books.scheme.sign_out())
}

/// Sets the cookies that are in the body, a line for each.
async fn set_cookie(body: String) -> (StatusCode, HeaderMap) {
    let lines = body
        .lines()
        .map(|line| HeaderValue::try_from(line).unwrap());
    let fields = HeaderMap::from_iter(lines.map(|line| (SET_COOKIE, line)));
    (StatusCode::NO_CONTENT, fields)
}

async fn account(Auth(user): Auth<User>, State(books): State<Books>) -> Json<Value> {
    let balance = books.balance.load(Ordering::SeqCst);
    Json(json!({"name": user.name(), "balance": balance}))
}

async fn rename(Auth(_): Auth<User>, name: Valid<Json<Name>>) -> Json<Value> {
    Json(json!({"name": name.name}))
}

async fn transfer(
    Auth(_): Auth<User>,
    State(books): State<Books>,
    transfer: Valid<Form<Transfer>>,
) -> &'static str {
    books.balance.fetch_sub(transfer.amount, Ordering::SeqCst);
    "sent"
}

async fn show(Auth(user): Auth<User>) -> Html<String> {
    Html(format!("{PAGE}The statement of {}", user.name()))
}

async fn socket(Auth(user): Auth<User>, upgrade: WebSocketUpgrade) -> Response {
    let hello = format!("hello {}", user.name());
    let answer = upgrade.on_upgrade(|mut socket| async move {
        drop(socket.send(Message::Text(hello.into())).await);
    });
    answer.into_response()
}

const PAGE: &str = r#"<!doctype html><link rel="icon" href="data:,"><title>page</title>"#;

/// A page that signs in at the API, as somebody would write it.
const SIGN_IN: &str = r#"<!doctype html><link rel="icon" href="data:,"><title>Sign in</title>
<form><input name="user"><button>Sign in</button></form><output></output>
<script>
    const form = document.querySelector("form");
    form.addEventListener("submit", async event => {
        event.preventDefault();
        const got = await fetch("{api}/sign-in", {
            method: "POST",
            credentials: "include",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ name: form.elements.user.value }),
        });
        document.querySelector("output").value = got.status;
    });
</script>"#;
