//! A bank: the servers of its API, and of the pages that call it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state, response::Html, routing::get};
use tokio::net::TcpListener;

use crate::{
    api::{self, Books},
    scheme::Scheme,
    seen::{Log, record},
};

/// Where the API is.
pub(crate) const API: &str = "api.bank.localhost";
/// The page that CORS allows: another origin of the same site.
pub(crate) const APP: &str = "app.bank.localhost";
/// A page of the same site that CORS does not allow, as if an attacker had taken it over.
pub(crate) const BLOG: &str = "blog.bank.localhost";
/// A page of another site.
pub(crate) const EVIL: &str = "evil.localhost";
/// The API under a name that the browser does not trust, as if it were plain `http`.
pub(crate) const PLAIN_API: &str = "api.bank.test";
/// A page of another site over plain `http`.
pub(crate) const PLAIN_EVIL: &str = "evil.test";

/// Ann's initial balance.
pub(crate) const BALANCE: i64 = 1_000;

/// What differs between the tests.
pub(crate) struct Settings {
    /// The `SameSite` attribute of the session cookie.
    pub(crate) same_site: &'static str,
    /// How long a browser may cache a preflight response.
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

impl Settings {
    /// A cookie that is sent with every request, so that only the layers reject requests.
    pub(crate) fn cookie_for_all_sites() -> Self {
        Self {
            same_site: "None",
            ..Self::default()
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
            scheme: Scheme::new(settings.same_site).unwrap(),
            balance: Arc::clone(&balance),
        };
        let app = format!("http://{APP}:{pages_port}");
        let api_app = api::router(&app, settings.preflight_age, state).unwrap();
        serve(api, api_app, &log);
        serve(open, api::open_router(), &log);
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

    /// The URL of a path of the API.
    pub(crate) fn api(&self, path: &str) -> String {
        self.at(API, path)
    }

    /// The same under another name of this machine.
    pub(crate) fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.api)
    }

    /// The origin of the pages on a host; their port is not the API's.
    pub(crate) fn page(&self, host: &str) -> String {
        format!("http://{host}:{}", self.pages)
    }

    /// The URL of the public API.
    pub(crate) fn open_to_all(&self) -> String {
        format!("http://{API}:{}/rates", self.open)
    }

    /// Ann's balance.
    pub(crate) fn balance(&self) -> i64 {
        self.balance.load(Ordering::SeqCst)
    }
}

pub(crate) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

pub(crate) fn serve(listener: TcpListener, app: Router, log: &Log) {
    let app = app.layer(from_fn_with_state(log.clone(), record));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, app).await });
}

pub(crate) const PAGE: &str =
    r#"<!doctype html><link rel="icon" href="data:,"><title>page</title>"#;

/// A page that signs in at the API, as a developer would write it.
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
