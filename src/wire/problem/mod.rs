//! Error responses: problem details, RFC 9457.

mod logged;
mod presentable;
#[cfg(feature = "request-id")]
mod request_id;

use std::{
    borrow::Cow,
    convert::Infallible,
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::{Map, Value};

use self::logged::Logged;
#[cfg(feature = "request-id")]
pub(crate) use self::request_id::add_request_id;
use crate::wire::{ConfigError, without_paths};

/// The media type of a problem's body.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error response: problem details for HTTP APIs, [RFC 9457].
///
/// Every refusal of this crate is a `Problem`, and handlers can return one too. Clones are cheap and
/// the body is rendered once, so build a problem that never changes once, and clone it.
///
/// The problem is also in the extensions of the response, where an outer layer, such as
/// `with_presentation`, can find it. It is logged once for each response; see [the
/// guide](crate::guide::logging).
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
/// The cause of [`because`](Self::because) goes to the log and never to the client.
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
#[derive(Clone)]
#[must_use]
pub struct Problem {
    inner: Arc<Inner>,
    /// The response that carries it has left its event. It is not part of `inner`, because a problem
    /// that is built once is logged for each response.
    is_logged: bool,
    /// The body of the response that carries it is not its own: an application has rendered it, or it
    /// has the id of the request.
    is_body_final: bool,
}

struct Inner {
    status: StatusCode,
    kind: Option<Cow<'static, str>>,
    title: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    instance: Option<Cow<'static, str>>,
    extensions: Extensions,
    headers: HeaderMap,
    cause: Option<Arc<dyn Error + Send + Sync>>,
    logged: Logged,
    body: OnceLock<Bytes>,
}

/// The extension members.
#[derive(Clone)]
enum Extensions {
    Values(Map<String, Value>),
    /// They are part of this body, and become values only if they are asked for.
    Written(Bytes, OnceLock<Map<String, Value>>),
}

impl Clone for Inner {
    /// A copy that will be changed, so the rendered body is not copied.
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
    /// A problem of type `about:blank`, which has the meaning of its status.
    pub fn new(status: StatusCode) -> Self {
        let inner = Arc::new(Inner {
            status,
            kind: None,
            title: None,
            detail: None,
            instance: None,
            extensions: Extensions::Values(Map::new()),
            headers: HeaderMap::new(),
            cause: None,
            logged: Logged::default(),
            body: OnceLock::new(),
        });
        Self {
            inner,
            is_logged: false,
            is_body_final: false,
        }
    }

    /// A 500 whose cause goes to the log and not to the client.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).because(cause)
    }

    /// The 500 of a handler whose `P` is missing, although its stack provides it.
    ///
    /// The compiler has proven that a layer provides it, so it is only missing if a layer outside the
    /// stack was assumed, or if it was taken out twice.
    pub(crate) fn not_provided<P>() -> Self {
        Self::without_provided(std::any::type_name::<P>())
    }

    pub(crate) fn without_provided(name: &str) -> Self {
        let name = without_paths(name);
        Self::misconfigured(format!(
            "the handler asks for `{name}`, which the request does not have: put the layer that \
             provides it around the router, after its routes (`.route(..).layer(stack)`); where a \
             layer is `.optional()` or has a condition, ask for an `Option`"
        ))
    }

    /// The 503 of section 5.2 of draft-ietf-httpapi-ratelimit-headers-11, which is part of the normal
    /// operation of a limit. Add [`retry_after`](Self::retry_after).
    pub(crate) fn reduced_capacity() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .kind("https://iana.org/assignments/http-problem-types#temporary-reduced-capacity")
            .title("Request cannot be satisfied due to temporary server capacity constraints")
            .detail("Wait for the time in `Retry-After`, then try again.")
            .expected()
    }

    /// The 408 to a body that does not arrive in time (RFC 9110, section 15.5.9).
    pub(crate) fn slow_body() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT)
            .reason("slow_body")
            .detail("The body did not arrive in time. Send the request again.")
    }

    /// The 413 to a body with more bytes than a policy allows (RFC 9110, section 15.5.14).
    pub(crate) fn large_body(max_bytes: impl Copy + fmt::Display + Into<Value>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE)
            .reason("too_large")
            .detail(format!(
                "The body must not be larger than {max_bytes} bytes."
            ))
            .extension("max_body_bytes", max_bytes)
    }

    /// The 415 to a body that is compressed (RFC 9110, section 15.5.16).
    pub(crate) fn coded_body() -> Self {
        let identity = HeaderValue::from_static("identity");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .reason("content_coding")
            .detail("The body must not have a content coding such as compression.")
            .header(header::ACCEPT_ENCODING, identity)
    }

    /// The 400 to a body that ends early.
    pub(crate) fn broken_body() -> Self {
        Self::new(StatusCode::BAD_REQUEST)
            .reason("broken_body")
            .detail("The body could not be read completely.")
    }

    /// With `Retry-After` in whole seconds, rounded up and at least one.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        self.header(header::RETRY_AFTER, retry_after(wait))
    }

    /// The URI of the problem's type (RFC 9457, section 3.1.1).
    pub fn kind(self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.change_body(|inner| inner.kind = Some(uri.into()))
    }

    /// A short summary of the problem's type (section 3.1.3). By default the reason phrase of the
    /// status.
    pub fn title(self, title: impl Into<Cow<'static, str>>) -> Self {
        self.change_body(|inner| inner.title = Some(title.into()))
    }

    /// An explanation of this occurrence, and what the client can do (section 3.1.4).
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.change_body(|inner| inner.detail = Some(detail.into()))
    }

    /// The URI of this occurrence (section 3.1.5).
    pub fn instance(self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.change_body(|inner| inner.instance = Some(uri.into()))
    }

    /// An extension member (section 3.2). The members of the standard have setters of their own, and
    /// take precedence over an extension of the same name.
    pub fn extension(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.change_body(|inner| {
            if let Extensions::Values(extensions) = &mut inner.extensions {
                extensions.insert(name.into(), value.into());
            }
        })
    }

    /// All extension members, as JSON: `write` adds them to the body by [`write_member`], in the order
    /// of their names. This avoids building the values of a problem that differs in each response.
    pub(crate) fn written_extensions(
        self,
        write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> Self {
        let standard = self.to_json();
        let mut body = Vec::with_capacity(INITIAL_CAPACITY);
        body.extend_from_slice(standard.strip_suffix(b"}").unwrap_or(&standard));
        if write(&mut body).is_err() {
            return self;
        }
        body.push(b'}');
        let written = Extensions::Written(Bytes::from(body), OnceLock::new());
        self.change(|inner| inner.extensions = written)
    }

    /// Adds a line of a header field to the response.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.change(|inner| {
            inner.headers.append(name, value);
        })
    }

    /// The cause, for the log only.
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.caused_by(Arc::from(cause.into()))
    }

    /// The same for a cause that is shared already.
    pub(crate) fn caused_by(self, cause: Arc<dyn Error + Send + Sync>) -> Self {
        self.change(|inner| inner.cause = Some(cause))
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status
    }

    /// The title, or the status's reason phrase.
    #[must_use]
    pub fn summary(&self) -> &str {
        let reason = reason_phrase(self.inner.status).unwrap_or("Unknown");
        self.inner.title.as_deref().unwrap_or(reason)
    }

    /// The explanation of this occurrence.
    #[must_use]
    pub fn explanation(&self) -> Option<&str> {
        self.inner.detail.as_deref()
    }

    /// The URI of the problem's type; `about:blank` unless it has one.
    #[must_use]
    pub fn kind_uri(&self) -> &str {
        self.inner.kind.as_deref().unwrap_or("about:blank")
    }

    /// The extension members.
    #[must_use]
    pub fn extensions(&self) -> &Map<String, Value> {
        match &self.inner.extensions {
            Extensions::Values(values) => values,
            Extensions::Written(body, values) => values.get_or_init(|| extensions_in(body)),
        }
    }

    /// The header fields of the response, without `Content-Type`.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// The cause.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.inner.cause.as_deref()
    }

    /// The body: a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        match &self.inner.extensions {
            Extensions::Values(_) => self.inner.body.get_or_init(|| self.render()).clone(),
            Extensions::Written(body, _) => body.clone(),
        }
    }

    /// The response: status, fields and body, with the problem in the extensions.
    #[must_use]
    pub fn into_response(mut self) -> Response<Bytes> {
        self.is_body_final = false;
        let mut response = Response::new(self.to_json());
        *response.status_mut() = self.inner.status;
        let headers = response.headers_mut();
        // Room for what layers further out add.
        headers.reserve(8);
        for (name, value) in &self.inner.headers {
            headers.append(name, value.clone());
        }
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response.extensions_mut().insert(self);
        response
    }

    fn render(&self) -> Bytes {
        let mut json = Vec::with_capacity(INITIAL_CAPACITY);
        // Strings, numbers and JSON values can always be serialized.
        serde_json::to_writer(&mut json, self)
            .map_or_else(|_| Bytes::from_static(b"{}"), |()| Bytes::from(json))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        let inner = Arc::make_mut(&mut self.inner);
        inner.body = OnceLock::new();
        change(inner);
        self
    }

    /// Changes what is part of the body.
    fn change_body(self, change: impl FnOnce(&mut Inner)) -> Self {
        let values = match self.inner.extensions {
            Extensions::Values(_) => return self.change(change),
            Extensions::Written(..) => self.extensions().clone(),
        };
        self.change(|inner| {
            inner.extensions = Extensions::Values(values);
            change(inner);
        })
    }
}

/// Most bodies fit, so that the buffer does not grow.
const INITIAL_CAPACITY: usize = 512;

/// The members of the standard (RFC 9457, section 3.1), in its order.
const MEMBERS: [&str; 5] = ["type", "title", "status", "detail", "instance"];

/// The extension members of a rendered body.
fn extensions_in(body: &[u8]) -> Map<String, Value> {
    let mut members: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    for name in MEMBERS {
        members.remove(name);
    }
    members
}

/// Writes a member of a JSON object that has been opened. The name needs no escapes.
pub(crate) fn write_member(
    json: &mut Vec<u8>,
    name: &'static str,
    value: &impl Serialize,
) -> serde_json::Result<()> {
    if !json.ends_with(b"{") {
        json.push(b',');
    }
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
    serde_json::to_writer(json, value)
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind_uri())?;
        map.serialize_entry("title", self.summary())?;
        map.serialize_entry("status", &self.status().as_u16())?;
        if let Some(detail) = self.explanation() {
            map.serialize_entry("detail", detail)?;
        }
        if let Some(instance) = &self.inner.instance {
            map.serialize_entry("instance", instance)?;
        }
        for (name, value) in self.extensions() {
            if !MEMBERS.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// Reads the problem of another server. Members of the standard whose values have another type are
/// ignored (RFC 9457, section 3.1); only the status is required, as a number from 100 to 999.
///
/// # Example: the answer of another service
///
/// ```
/// use wythe::Problem;
///
/// let body = r#"{"title":"Out of credit","status":403,"balance":30}"#;
/// let problem: Problem = serde_json::from_str(body)?;
/// assert_eq!(problem.status(), 403);
/// assert_eq!(problem.summary(), "Out of credit");
/// assert_eq!(problem.extensions()["balance"], 30);
/// # Ok::<(), serde_json::Error>(())
/// ```
impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members: Map<String, Value> = Map::deserialize(deserializer)?;
        let status = members.remove("status").as_ref().and_then(Value::as_u64);
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.ok_or_else(|| {
            de::Error::custom("the `status` of the problem is not a number from 100 to 999")
        })?;
        let mut text = |name| match members.remove(name) {
            Some(Value::String(text)) => Some(Cow::Owned(text)),
            _ => None,
        };
        let (kind, title) = (text("type"), text("title"));
        let (detail, instance) = (text("detail"), text("instance"));
        Ok(Self::new(status).change(|inner| {
            inner.kind = kind;
            inner.title = title;
            inner.detail = detail;
            inner.instance = instance;
            inner.extensions = Extensions::Values(members);
        }))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.inner.status.as_str(), self.summary())?;
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
    /// Never called: it lets a service that can't fail be used where errors become problems.
    fn from(error: Infallible) -> Self {
        match error {}
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::internal(error)
    }
}

/// The reason phrase of a status. Two are those of RFC 9110, which renamed them after `http` took
/// them from RFC 7231 and RFC 4918.
pub(crate) fn reason_phrase(status: StatusCode) -> Option<&'static str> {
    match status {
        // Section 15.5.14.
        StatusCode::PAYLOAD_TOO_LARGE => Some("Content Too Large"),
        // Section 15.5.21.
        StatusCode::UNPROCESSABLE_ENTITY => Some("Unprocessable Content"),
        status => status.canonical_reason(),
    }
}

/// A `Retry-After` in whole seconds, rounded up and at least one.
pub(crate) fn retry_after(wait: Duration) -> HeaderValue {
    let part = u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(wait.as_secs().saturating_add(part).max(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;
    use serde_json::json;

    use super::{Problem, write_member};

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        let cases = [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)];
        for (millis, seconds) in cases {
            let problem = Problem::reduced_capacity().retry_after(Duration::from_millis(millis));
            assert_eq!(problem.headers()["retry-after"], seconds.to_string());
        }
        let longest = Problem::reduced_capacity().retry_after(Duration::MAX);
        assert_eq!(longest.headers()["retry-after"], u64::MAX.to_string());
    }
    #[test]
    fn written_extensions_are_the_same_as_set_ones() {
        let problem = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail("Invalid.");
        let set = problem()
            .extension("count", 1)
            .extension("errors", json!(["\u{e9}\""]));
        let written = problem().written_extensions(|json| {
            write_member(json, "count", &1)?;
            write_member(json, "errors", &["\u{e9}\""])
        });
        let changes: [fn(Problem) -> Problem; 4] = [
            |problem| problem,
            |problem| problem.because("not in the body"),
            |problem| problem.extension("more", true),
            |problem| problem.title("Changed"),
        ];
        for change in changes {
            let (set, written) = (change(set.clone()), change(written.clone()));
            assert_eq!(set.to_json(), written.to_json());
            assert_eq!(set.extensions(), written.extensions());
        }
    }
}
