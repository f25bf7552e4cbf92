//! What the API received, before any layer processed it.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header},
    middleware::Next,
    response::Response,
};
use tokio::sync::watch;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A request, and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) origin: Option<String>,
    /// The value of `Sec-Fetch-Site`.
    pub(crate) site: Option<String>,
    /// The names of its cookies.
    pub(crate) cookies: Vec<String>,
    pub(crate) status: u16,
}

/// The requests since the last [`clear`](Log::clear).
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(watch::Sender<Vec<Seen>>);

impl Log {
    pub(crate) fn clear(&self) {
        self.0.send_replace(Vec::new());
    }

    /// The requests that have been answered so far.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.borrow().clone()
    }

    /// The methods and paths of these requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |seen: &Seen| format!("{} {}", seen.method, seen.path);
        self.0.borrow().iter().map(line).collect()
    }

    /// Waits for a request with this method and path.
    pub(crate) async fn wait_for(&self, method: &str, path: &str) -> Seen {
        let mut log = self.0.subscribe();
        let wanted = |seen: &&Seen| seen.method == method && seen.path == path;
        let found = log.wait_for(|all| all.iter().any(|seen| wanted(&seen)));
        let found = tokio::time::timeout(TIMEOUT, found).await;
        let found = found.unwrap_or_else(|_| panic!("no {method} {path}: {:?}", self.lines()));
        found.unwrap().iter().find(wanted).unwrap().clone()
    }
}

/// Records a request.
pub(crate) async fn record(State(log): State<Log>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut seen = Seen {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        origin: text(headers, header::ORIGIN),
        site: text(headers, HeaderName::from_static("sec-fetch-site")),
        cookies: cookies(headers),
        status: 0,
    };
    let response = next.run(request).await;
    seen.status = response.status().as_u16();
    log.0.send_modify(|all| all.push(seen));
    response
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let line = text(headers, header::COOKIE).unwrap_or_default();
    let names = line.split("; ").filter_map(|pair| pair.split_once('='));
    let mut names: Vec<_> = names.map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names
}
