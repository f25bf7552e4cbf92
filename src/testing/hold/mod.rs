//! Compares responses with the document: [`Holding`].

mod coverage;
mod operations;
mod service;
mod violation;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Method, Response, Uri, response};
use tower_layer::Layer;

use self::operations::DeclaredOperation;
pub(super) use self::operations::{Operations, Schema};
pub use self::{
    coverage::{Coverage, DeclaredResponse},
    service::HeldService,
    violation::{Violation, ViolationKind},
};
use crate::api::openapi::OpenApi;

/// The largest body that is compared with a schema.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Compares each response of a service with an OpenAPI document: a layer for tests.
///
/// For each request to an operation of the document:
///
/// 1. the status is listed, or a range (`3XX`), or `default`;
/// 2. the media type is listed, possibly as a range (`*/*`);
/// 3. header fields that the document requires are present; others may be added;
/// 4. content in JSON (`application/json`, `application/*+json`) is valid by the schema;
/// 5. a response that has no content in the document has none.
///
/// `HEAD` follows the rules of `GET`, without content. Requests to other paths, or with other methods,
/// are not looked at.
///
/// A violation panics in the task of the request, so no test can miss it. With
/// [`collecting`](Self::collecting), it is kept for [`violations`](Self::violations) instead. Clones
/// share what they have seen.
///
/// # Example
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::{Json, body::Body};
/// use http::{Request, Response};
/// use schemars::JsonSchema;
/// use serde::Serialize;
/// use tower::{Layer, ServiceExt, service_fn};
/// use wythe::{Api, compose, testing::Holding};
///
/// #[derive(Serialize, JsonSchema)]
/// struct User {
///     name: String,
/// }
///
/// async fn show_user() -> Json<User> {
///     Json(User { name: "Ada".into() })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), wythe::ConfigError> {
/// let api = Api::<()>::new("Users", "1.0.0")
///     .documented()
///     .get("/user", compose(()).handler(show_user));
/// let holding = Holding::new(&api.openapi()).collecting();
///
/// let service = holding.layer(api.service(())?);
/// let request = || Request::get("/user").body(Body::empty()).unwrap();
/// let Ok(response) = service.oneshot(request()).await;
/// assert_eq!(response.status(), 200);
/// holding.assert_no_violations();
///
/// // Another service, which does not do what the document says.
/// let other = service_fn(async |_: Request<Body>| {
///     let response = Response::builder().header("content-type", "application/json");
///     Ok::<_, Infallible>(response.body(Body::from(r#"{"name": 7}"#)).unwrap())
/// });
/// let Ok(_) = holding.layer(other).oneshot(request()).await;
/// assert_eq!(
///     holding.violations()[0].to_string(),
///     "GET /user 200: /name: 7 is not of type \"string\"\n  body: {\"name\": 7}"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Holding {
    operations: Arc<Operations>,
    records: Arc<Mutex<Records>>,
    is_collecting: bool,
    max_body_bytes: usize,
}

/// What has been seen so far.
#[derive(Default)]
struct Records {
    violations: Vec<Violation>,
    coverage: Coverage,
}

impl Holding {
    /// Compares responses with this document.
    pub fn new(document: &OpenApi) -> Self {
        let operations = Operations::new(document);
        let coverage = Coverage::new(&operations);
        Self {
            operations: Arc::new(operations),
            records: Arc::new(Mutex::new(Records {
                violations: Vec::new(),
                coverage,
            })),
            is_collecting: false,
            max_body_bytes: MAX_BODY_BYTES,
        }
    }

    /// Keeps violations for [`violations`](Self::violations), and does not panic.
    pub const fn collecting(mut self) -> Self {
        self.is_collecting = true;
        self
    }

    /// The largest body that is read to be compared with its schema, in bytes: 1 MiB by default. A
    /// larger one is a violation, because it can't be compared.
    pub const fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Compares a response that a client has received with the document, for tests that send their
    /// requests to a server in another process. Only the path of the URI counts.
    ///
    /// # Panics
    ///
    /// With the violation, if there is one, unless violations are [collected](Self::collecting).
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Method, Response, Uri};
    /// use wythe::{Api, NoContent, compose, testing::Holding};
    ///
    /// async fn log_out() -> NoContent {
    ///     NoContent
    /// }
    ///
    /// let api = Api::<()>::new("Users", "1.0.0")
    ///     .documented()
    ///     .post("/logout", compose(()).handler(log_out));
    /// let holding = Holding::new(&api.openapi());
    ///
    /// let uri = Uri::from_static("http://localhost:3000/logout");
    /// let response = Response::builder().status(204).body(Bytes::new()).unwrap();
    /// holding.check(&Method::POST, &uri, &response);
    /// assert_eq!(holding.report().seen().count(), 1);
    /// ```
    #[track_caller]
    pub fn check(&self, method: &Method, uri: &Uri, response: &Response<Bytes>) {
        let Some(operation) = self.operations.find(method, uri.path()) else {
            return;
        };
        let mut copy = Response::new(());
        *copy.status_mut() = response.status();
        *copy.headers_mut() = response.headers().clone();
        let (head, ()) = copy.into_parts();
        let body = Content::Whole(response.body().clone());
        self.check_response(operation, method, &head, &body);
    }

    /// What did not conform to the document, in the order in which it was seen.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.records().violations.clone()
    }

    /// Which responses of the document have been seen, and which have not.
    #[must_use]
    pub fn report(&self) -> Coverage {
        self.records().coverage.clone()
    }

    /// Fails a test if there was any violation.
    ///
    /// # Panics
    ///
    /// With the list of violations, if there are any.
    #[track_caller]
    pub fn assert_no_violations(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "{}", violation::list(&violations));
    }

    /// Compares one response with the operation.
    #[track_caller]
    fn check_response(
        &self,
        operation: &DeclaredOperation,
        method: &Method,
        head: &response::Parts,
        body: &Content,
    ) {
        let found = operation.violations(method, head, body);
        let mut records = self.records();
        records.coverage.count(operation, head.status);
        records.violations.extend(found.iter().cloned());
        drop(records);
        let is_accepted = self.is_collecting || found.is_empty();
        assert!(is_accepted, "{}", violation::list(&found));
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content of a response, as far as it has been read.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Whole(Bytes),
    /// It has more bytes than the limit for reading.
    TooLong(usize),
    /// It need not be read.
    NotRead,
}

impl<S> Layer<S> for Holding {
    type Service = HeldService<S>;

    fn layer(&self, inner: S) -> HeldService<S> {
        HeldService::new(self.clone(), inner)
    }
}

/// Shows how many violations there were.
impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holding")
            .field("violations", &self.records().violations.len())
            .finish_non_exhaustive()
    }
}
