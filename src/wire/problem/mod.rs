//! Tells a client what went wrong: problem details, RFC 9457.

mod capacity;
mod logged;
mod render;

use std::{
    borrow::Cow,
    convert::Infallible,
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

pub(crate) use capacity::retry_after;

use self::logged::Logged;
use crate::wire::ConfigError;

/// The media type of a problem's body.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error answer: problem details for HTTP APIs, [RFC 9457].
///
/// Every refusal of this crate is one, and handlers return it too. A clone is cheap and the body
/// is rendered once, so a problem that never varies is best built once and cloned.
///
/// The problem lies in the response's extensions as well, where an outer layer (the
/// `with_presentation` of this crate, for example) finds it.
///
/// # Example
///
/// ```
/// use http::StatusCode;
/// use serde_json::json;
/// use wythe::Problem;
///
/// let problem = Problem::new(StatusCode::FORBIDDEN)
///     .kind("https://example.com/probs/out-of-credit")
///     .title("You do not have enough credit.")
///     .detail("Your current balance is 30, but that costs 50.")
///     .instance("/account/12345/msgs/abc")
///     .extension("balance", json!(30));
///
/// let response = problem.into_response();
/// assert_eq!(response.status(), StatusCode::FORBIDDEN);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// ```
///
/// # Security
///
/// What [`because`](Self::because) takes never leaves the server: it is for the log.
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
#[derive(Clone)]
#[must_use]
pub struct Problem(Arc<Inner>);

struct Inner {
    status: StatusCode,
    kind: Option<Cow<'static, str>>,
    title: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    instance: Option<Cow<'static, str>>,
    extensions: Map<String, Value>,
    headers: HeaderMap,
    cause: Option<Arc<dyn Error + Send + Sync>>,
    logged: Logged,
    body: OnceLock<Bytes>,
}

impl Clone for Inner {
    /// A copy that is about to be changed: what was rendered is left behind.
    fn clone(&self) -> Self {
        Self {
            status: self.status,
            kind: self.kind.clone(),
            title: self.title.clone(),
            detail: self.detail.clone(),
            instance: self.instance.clone(),
            extensions: self.extensions.clone(),
            headers: self.headers.clone(),
            cause: self.cause.clone(),
            logged: self.logged,
            body: OnceLock::new(),
        }
    }
}

impl Problem {
    /// A problem of type `about:blank`, which says no more than its status does.
    pub fn new(status: StatusCode) -> Self {
        Self(Arc::new(Inner {
            status,
            kind: None,
            title: None,
            detail: None,
            instance: None,
            extensions: Map::new(),
            headers: HeaderMap::new(),
            cause: None,
            logged: Logged::default(),
            body: OnceLock::new(),
        }))
    }

    /// A 500 whose cause goes to the log and not to the client.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).because(cause)
    }

    /// The 500 of a handler whose `P` is not there, although its stack said it would be.
    ///
    /// The stack has proven that a layer provides it, so it is only missing where something was
    /// assumed of a layer outside the stack, or where it was taken out twice.
    pub(crate) fn not_provided<P>() -> Self {
        let name = std::any::type_name::<P>();
        Self::internal(format!(
            "`{name}` is not in the request's extensions: the layer that was assumed to provide \
             it did not run before this handler, or something took it out already"
        ))
    }

    /// The URI of the problem's type (RFC 9457, section 3.1.1).
    pub fn kind(self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.change(|inner| inner.kind = Some(uri.into()))
    }

    /// A short summary of the problem's type (section 3.1.3). Without it, the status's reason
    /// phrase.
    pub fn title(self, title: impl Into<Cow<'static, str>>) -> Self {
        self.change(|inner| inner.title = Some(title.into()))
    }

    /// What is wrong this time, and what the client can do (section 3.1.4).
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.change(|inner| inner.detail = Some(detail.into()))
    }

    /// The URI of this occurrence (section 3.1.5).
    pub fn instance(self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.change(|inner| inner.instance = Some(uri.into()))
    }

    /// An extension member (section 3.2). The standard's own members have their own setters and
    /// win over an extension of the same name.
    pub fn extension(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.change(|inner| {
            inner.extensions.insert(name.into(), value.into());
        })
    }

    /// A header field of the response, beside those that the field already has.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.change(|inner| {
            inner.headers.append(name, value);
        })
    }

    /// What led to it, for the log only.
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.change(|inner| inner.cause = Some(Arc::from(cause.into())))
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The title, or the status's reason phrase.
    #[must_use]
    pub fn summary(&self) -> &str {
        let reason = self.0.status.canonical_reason().unwrap_or("Unknown");
        self.0.title.as_deref().unwrap_or(reason)
    }

    /// What is wrong this time.
    #[must_use]
    pub fn explanation(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The URI of the problem's type; `about:blank` unless it has one.
    #[must_use]
    pub fn kind_uri(&self) -> &str {
        self.0.kind.as_deref().unwrap_or("about:blank")
    }

    /// The extension members.
    #[must_use]
    pub fn extensions(&self) -> &Map<String, Value> {
        &self.0.extensions
    }

    /// The header fields of the response, without `Content-Type`.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// What led to it.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// The body: one JSON object.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        self.0.body.get_or_init(|| self.render()).clone()
    }

    /// The response: status, fields, body, and the problem itself in the extensions.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.to_json());
        *response.status_mut() = self.0.status;
        response.headers_mut().clone_from(&self.0.headers);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response.extensions_mut().insert(self);
        response
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.body = OnceLock::new();
        change(inner);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_str(), self.summary())?;
        self.explanation()
            .map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = self.to_json();
        f.debug_tuple("Problem")
            .field(&String::from_utf8_lossy(&json))
            .finish()
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().map(|cause| cause as _)
    }
}

impl From<Problem> for Response<Bytes> {
    fn from(problem: Problem) -> Self {
        problem.into_response()
    }
}

impl From<StatusCode> for Problem {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

impl From<Infallible> for Problem {
    /// Never happens: it lets a service that can't fail stand where errors become problems.
    fn from(error: Infallible) -> Self {
        match error {}
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::internal(error)
    }
}
