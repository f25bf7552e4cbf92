//! A page that shows an OpenAPI document: [`DocsPage`].

mod swagger_ui;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use tower_service::Service;

use self::swagger_ui::{File, LICENSE, PAGE_STYLES, SCRIPT, STYLES};
use super::{html::escaped, public::PublicRoutes};
use crate::{
    compose::Describe,
    contract::finish,
    layers::method::guard::Methods,
    request::original_uri,
    wire::{ConfigError, Problem, field::Origin},
};

/// The name in errors and in the log.
const NAME: &str = "DocsPage";

/// What the page may load and where it may connect to. `connect-src` is last: origins are appended.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; img-src 'self' blob: data:; script-src 'self'; \
                      style-src 'self'; connect-src 'self'";

/// A page that shows an OpenAPI document, with Swagger UI.
///
/// Everything that it needs is in the binary: neither the build nor the browser loads anything from
/// another host. The document is read from a URL. It can be that of an [`Api`](crate::Api), or any
/// other document of OpenAPI 2.0, 3.0 or 3.1.
///
/// In an [`Api`](crate::Api), [`PublicRoutes::docs_page`] adds the page. In axum's router, it is a
/// service for `nest_service`.
///
/// # Example
///
/// ```
/// use axum::body::Body;
/// use http::Request;
/// use tower::ServiceExt;
/// use wythe::{Api, api::DocsPage, compose};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn document() -> ([(&'static str, &'static str); 1], &'static str) {
///     let json = r#"{"openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "paths": {}}"#;
///     ([("content-type", "application/json")], json)
/// }
///
/// let api = Api::<()>::new("Shop", "1.0.0").public("the documentation is public", |open| {
///     open.get("/openapi.json", compose(()).handler(document))
///         .docs_page("/docs", DocsPage::new("/openapi.json").title("Shop API"))
/// });
/// let service = api.service(())?;
///
/// let page = service.oneshot(Request::get("/docs").body(Body::empty())?).await?;
/// assert_eq!(page.status(), 200);
/// # Ok(())
/// # }
/// ```
///
/// In axum's router:
///
/// ```
/// use axum::Router;
/// use wythe::api::DocsPage;
///
/// let app: Router = Router::new().nest_service("/docs", DocsPage::new("/openapi.json"));
/// ```
///
/// # Responses
///
/// | path under the prefix | status | |
/// |---|---|---|
/// | none, or `/` | 200 | the page; `Cache-Control: no-cache`, and the policy below |
/// | the scripts and styles that the page names, with their checksum | 200 | may be cached for a year; compressed with gzip for clients that accept it |
/// | any other | 404 | `application/problem+json` |
/// | any, with a method other than `GET` or `HEAD` | 405, or 204 for `OPTIONS` | `Allow` |
///
/// # Content security policy
///
/// The page is sent with this policy, and Swagger UI works under it without a violation:
///
/// ```text
/// default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';
/// img-src 'self' blob: data:; script-src 'self'; style-src 'self'; connect-src 'self'
/// ```
///
/// If a proxy adds a policy of its own, it must allow the same. "Try it out" sends requests from the
/// page, by default only to its own origin: see [`connect_to`](Self::connect_to).
///
/// # Security
///
/// Everyone who can load the document can read about all routes. If it is not meant to be public, put
/// authentication that browsers support, such as a session or [`Basic`](crate::Basic), around both, in
/// axum's router for example: `.nest_service("/docs", stack.service(page))`.
///
/// Credentials that a user enters are kept in the memory of the page until it is closed.
///
/// # Size
///
/// Swagger UI adds 0.5 MB to a binary. It is stored and sent compressed. As soon as one client does not
/// accept gzip, a decompressed copy takes another 1.7 MB of memory.
///
/// # Licence
///
/// Swagger UI is licensed under the Apache License 2.0. A copy of it is served with the page.
///
/// # Compared with
///
/// Scalar, Redoc, RapiDoc and Stoplight Elements need a policy with `style-src 'unsafe-inline'`. The crates
/// for them load a script from another host, or add 1 to 5 MB to a binary.
#[derive(Clone, Debug)]
#[must_use]
pub struct DocsPage {
    document: Arc<str>,
    title: Arc<str>,
    policy: HeaderValue,
}

impl DocsPage {
    /// A page that shows the document at this URL.
    ///
    /// It is usually an absolute path, such as `/api/openapi.json`. A relative one starts at the prefix
    /// of the page: for a page at `/docs`, `../openapi.json` is `/openapi.json`. Use it if a proxy adds
    /// a prefix to both. A URL of another origin must be [allowed](Self::connect_to).
    pub fn new(document: impl Into<String>) -> Self {
        Self {
            document: document.into().into(),
            title: "API documentation".into(),
            policy: HeaderValue::from_static(POLICY),
        }
    }

    /// Sets the title of the page in the browser; by default, "API documentation".
    pub fn title(self, title: impl Into<String>) -> Self {
        Self {
            title: title.into().into(),
            ..self
        }
    }

    /// Allows the page to connect to another origin, for the document or for "Try it out". A server
    /// that the document lists is an example. That server must allow the page with CORS.
    ///
    /// # Errors
    ///
    /// The text is not an origin such as `https://api.example.com`.
    pub fn connect_to(self, origin: &str) -> Result<Self, ConfigError> {
        let error = |fault: &str| {
            let message =
                format!("{origin:?} is not an origin that a page can connect to: {fault}");
            ConfigError::new(NAME, message)
        };
        Origin::parse_exact(origin).map_err(|fault| error(&fault))?;
        let mut policy = self.policy.as_bytes().to_owned();
        policy.push(b' ');
        policy.extend_from_slice(origin.as_bytes());
        let policy = HeaderValue::from_maybe_shared(Bytes::from(policy))
            .map_err(|source| error("it can't be written into a header field").because(source))?;
        Ok(Self { policy, ..self })
    }

    /// The response to a request whose path lacks the prefix of the page.
    fn respond<B>(&self, request: &Request<B>) -> http::Response<Bytes> {
        let method = request.method();
        if method != Method::GET && method != Method::HEAD {
            return Methods::new(vec![Method::GET]).answer(method);
        }
        let path = request.uri().path();
        match path.strip_prefix('/').unwrap_or(path) {
            "" => self.page(original_uri(request.uri(), request.extensions())),
            "page.js" => crate_file("text/javascript", include_str!("page.js").into()),
            path => match File::find(path) {
                Some(file) => file.response(request.headers()),
                None => Problem::new(StatusCode::NOT_FOUND)
                    .detail("There is nothing at this path.")
                    .into_response(),
            },
        }
    }

    fn page(&self, uri: &Uri) -> http::Response<Bytes> {
        // What a relative reference is resolved against ends at the last slash (RFC 3986, section 5.2.3).
        let base = match uri.path().rsplit_once('/') {
            None | Some((_, "")) => "./".to_owned(),
            Some((_, last)) => format!("./{}/", escaped(last)),
        };
        let [script, styles, page_styles, license] =
            [&SCRIPT, &STYLES, &PAGE_STYLES, &LICENSE].map(|file| format!("{base}{}", file.path()));
        let (title, document) = (escaped(&self.title), escaped(&self.document));
        let page = format!(
            r#"<!doctype html>
<html lang="en">
<!-- Swagger UI: Copyright 2020-2021 SmartBear Software Inc., Apache License 2.0 -->
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="license" href="{license}">
<link rel="stylesheet" href="{styles}">
<link rel="stylesheet" href="{page_styles}">
</head>
<body>
<div id="swagger-ui" data-document="{document}"></div>
<noscript>This page needs JavaScript.</noscript>
<script src="{script}"></script>
<script src="{base}page.js"></script>
</body>
</html>
"#
        );
        let mut response = crate_file("text/html; charset=utf-8", page);
        let policy = self.policy.clone();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }
}

/// A file of this crate. Its path has no checksum, so caches must ask for it each time.
fn crate_file(content_type: &'static str, content: String) -> http::Response<Bytes> {
    let mut response = http::Response::new(content.into());
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

impl<B> Service<Request<B>> for DocsPage {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut response = self.respond(&request);
        let nosniff = HeaderValue::from_static("nosniff");
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        let head_only = request.method() == Method::HEAD;
        ready(Ok(finish(NAME, response, head_only).map(Body::from)))
    }
}

impl<S, A, M> PublicRoutes<S, A, M>
where
    S: Clone + Send + Sync + 'static,
    A: Describe + Clone + Send + Sync + 'static,
{
    /// Adds a page that shows an OpenAPI document, and the files that it needs, under a prefix such as
    /// `/docs`.
    ///
    /// The page is shown with and without a slash at the end.
    pub fn docs_page(self, prefix: &str, page: DocsPage) -> Self {
        let router = Router::new().fallback_service(page);
        self.add_router(prefix, router, Some("the page that shows the document"))
    }
}
