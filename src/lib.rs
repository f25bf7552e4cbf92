//! Routes that are guarded by default, and `with_*` layers to put around handlers of axum, hyper and
//! tower: auth, validation, rate limit, CORS, cache-control and more.
//!
//! ```
//! use axum::{Json, http::StatusCode};
//! use serde::Deserialize;
//! use wythe::{
//!     Api, Auth, ConfigError, Cors, FinishedApi, Jwt, Path, Quota, Valid, compose, with_auth,
//!     with_cors, with_presentation, with_rate_limit, with_validation,
//! };
//!
//! #[derive(Clone, Deserialize)]
//! struct Claims {
//!     sub: String,
//! }
//!
//! #[derive(Deserialize, garde::Validate)]
//! struct NewUser {
//!     #[garde(length(chars, min = 2, max = 50))]
//!     name: String,
//! }
//!
//! async fn show(Path(id): Path<u64>) -> String {
//!     format!("user {id}")
//! }
//!
//! async fn create(Auth(claims): Auth<Claims>, user: Valid<Json<NewUser>>) -> StatusCode {
//!     println!("{} creates {}", claims.sub, user.name);
//!     StatusCode::CREATED
//! }
//!
//! fn api(secret: &str) -> Result<FinishedApi<Auth<Claims>>, ConfigError> {
//!     let jwt = Jwt::<Claims>::hs256(secret)?.issuer("https://id.example.com").audience("api");
//!     let read = compose(with_auth(jwt.clone()));
//!     // The first listed layer is the outermost.
//!     let write = compose((
//!         with_rate_limit(Quota::per_minute(10).by_peer()?),
//!         with_auth(jwt),
//!         with_validation::<Json<NewUser>>(),
//!     ));
//!     // Every route provides `Auth<Claims>`, or says why not.
//!     Ok(Api::new("Users", "1.0.0")
//!         .around(compose((
//!             with_cors(Cors::origins(["https://app.example.com"])?.credentials()),
//!             with_presentation(),
//!         )))
//!         .get("/users/{id}", read.handler(show))
//!         .post("/users", write.handler(create))
//!         .public("probes have no credentials", |open| {
//!             open.get("/health", compose(()).handler(async || "healthy"))
//!         })
//!         .finish())
//! }
//! # api("only for trying it out: 32 bytes or more").unwrap().service(()).unwrap();
//! ```
//!
//! An [`Api`] has routes with their stacks; [`compose`](compose()) makes a stack. Put another stack
//! around `show`, without [`with_auth`], and the compiler says:
//!
//! ```text
//! error[E0277]: this route does not provide `Auth<Claims>`, which the `Api` demands of every route: add
//! the layer that provides it, or move the route into `.public("why", ..)`
//! ```
//!
//! - **A route that is not guarded does not compile**, unless it is public and says why.
//! - **A stack in the wrong order does not compile**, nor does a layer whose needs are not met: the
//!   compiler says which layer to move. The [stages](stage) explain the order.
//! - **A handler can't ask for what its stack does not provide.** [`Auth<Claims>`](Auth) without
//!   [`with_auth`] is a type error, not a 500. Extractors of any crate work as arguments, without a
//!   wrapper.
//! - **What no compiler can see is found at startup**, such as a cookie without protection from forged
//!   requests: see [`Concern`](api::Concern).
//! - **An API describes itself**: [`Api::audit`] is a table of who may call which route, within which
//!   limits, and `println!("{stack}")` prints every layer of a stack and what it can answer.
//!
//! [The page about `Api`](guide::guarded_routes) has more.
//!
//! # In axum's router
//!
//! A stack is also a layer and a handler for axum's own router:
//!
//! ```
//! # use axum::{Json, Router, http::StatusCode, routing::post};
//! # use serde::Deserialize;
//! # use wythe::{
//! #     Auth, CacheControl, ConfigError, Cors, Jwt, Problem, Quota, Valid, compose, with_auth,
//! #     with_cache_control, with_cors, with_presentation, with_rate_limit, with_validation,
//! # };
//! # #[derive(Clone, Deserialize)]
//! # struct Claims {
//! #     sub: String,
//! # }
//! # #[derive(Deserialize, garde::Validate)]
//! # struct NewUser {
//! #     #[garde(length(chars, min = 2, max = 50))]
//! #     name: String,
//! # }
//! # async fn create_user(
//! #     Auth(claims): Auth<Claims>,
//! #     user: Valid<Json<NewUser>>,
//! # ) -> Result<StatusCode, Problem> {
//! #     println!("{} creates {}", claims.sub, user.name);
//! #     Ok(StatusCode::CREATED)
//! # }
//! fn app(secret: &[u8]) -> Result<Router, ConfigError> {
//!     // Around every route.
//!     let base = compose((
//!         with_cors(Cors::origins(["https://app.example.com"])?.credentials()),
//!         with_presentation(),
//!     ));
//!     // Around one handler.
//!     let create = compose((
//!         with_rate_limit(Quota::per_minute(10).by_peer()?),
//!         with_auth(Jwt::<Claims>::hs256(secret)?.issuer("https://id.example.com").audience("api")),
//!         with_validation::<Json<NewUser>>(),
//!         with_cache_control(CacheControl::no_store()),
//!     ));
//!     println!("{create}");
//!     Ok(Router::new().route("/users", post(create.handler(create_user))).layer(base))
//! }
//! # app(b"thirty-two bytes of a secret, or more").unwrap();
//! ```
//!
//! It prints:
//!
//! ```text
//! layer               stage         answers and sets
//! with_rate_limit     Throttle      429 when a quota is spent ("10-per-minute": 10 requests per minute, one every 6 s)
//!                                   500 when the server does not provide the address of the peer
//!                                   sets retry-after, ratelimit, ratelimit-policy, access-control-expose-headers
//! with_auth           Authenticate  401 without credentials, or with invalid ones
//!                                   400 without a token after `Bearer`, or with several tokens
//!                                   sets www-authenticate
//! with_validation     Validate      400 when the body can't be read or parsed
//!                                   413 when the body has more than 1048576 bytes
//!                                   415 when the body has another content type, or a content coding
//!                                   422 when the input is well-formed but invalid
//!                                   sets accept, accept-encoding
//! with_cache_control  Cache         sets cache-control
//! ```
//!
//! # The layers
//!
//! | | stage | |
//! |---|---|---|
//! | [`with_trace`] | `Observe` | a span and a line in the access log for each request: [`TraceContext`] |
//! | [`with_metrics`] | `Observe` | durations, sizes and refusals, for Prometheus and others |
//! | [`with_request_id`] | `Observe` | an id for every request, in the response and in every problem: [`RequestId`] |
//! | [`with_lingering_close`] | `Observe` | lets early answers reach clients that write the whole body first; an [`Api`] has it |
//! | [`with_cors`] | `Cors` | tells browsers which origins may call |
//! | [`with_presentation`] | `Present` | gives every refusal one shape, and answers panics |
//! | [`with_security_headers`] | `Present` | content security policy, HSTS and the rest; [`CspNonce`] |
//! | [`with_drain`] | `Admit` | closes connections while the server stops, then answers 503; [`Background`] |
//! | [`with_https_only`] | `Entrance` | 403 or a redirect for requests over plain `http` |
//! | [`with_hosts`] | `Entrance` | 421 to hosts that are not served |
//! | [`with_compression`] | `Present` | compresses responses, and keeps their entity tags valid |
//! | [`with_load_shed`] | `Admit` | 503 when the service inside is not ready |
//! | [`with_concurrency_limit`] | `Admit`, or that of its key | 503 when too many requests are in progress |
//! | [`with_timeout`] | `Admit` | 503 when there is no response in time; handlers see the [`Deadline`] |
//! | [`with_client_ip`] | `Admit` | the address of the client, even behind proxies: [`ClientIp`] |
//! | [`with_ip_filter`] | `Admit` | 403 to networks that are not allowed |
//! | [`with_version`] | `Admit` | the version of the API that a request is for, by path, field or media type: [`ApiVersion`] |
//! | [`with_methods`] | `Method` | 405, 501, `OPTIONS` and `HEAD`; [`endpoint`] dispatches by method |
//! | [`with_rate_limit`] | `Throttle` | 429, `Retry-After`, the `RateLimit` fields |
//! | [`with_csrf`] | `Origin` | rejects requests that pages of other sites make browsers send |
//! | [`with_auth`] | `Authenticate` | the principal: [`Jwt`], [`ApiKey`], [`Basic`], [`Sessions`], your own scheme, [or several](auth::Authenticate::or) |
//! | [`with_scopes`], [`with_roles`], [`with_authorization`] | `Authorize` | 403 to principals without a scope, a role or a permission |
//! | [`with_body_limit`] | `Body` | 413 and 408: limits the size and the time of every body, however it is read |
//! | [`with_decompression`] | `Body` | accepts compressed bodies, within limits on the decompressed size |
//! | [`with_webhook`] | `Body` | events that another server has signed: [`Verified`] |
//! | [`with_idempotency`] | `Replay` | runs a request with an idempotency key once, and repeats its answer: [`IdempotencyKey`] |
//! | [`with_multipart`] | `Validate` | forms with files, received and validated: [`UploadedFile`] |
//! | [`with_media_types`], [`with_languages`] | `Validate` | what the client prefers: [`AcceptedMediaType`], [`AcceptedLanguage`] |
//! | [`with_validation`] | `Validate` | every part of a request, parsed and validated: [`Valid`] |
//! | [`with_cache_control`] | `Cache` | what caches may do with the response |
//! | [`with_conditional`] | `Cache` | 304, 412 and 428: [`ETag`], [`LastModified`], [`ExpectedVersion`] |
//! | [`with_deprecation`] | `Any` | `Deprecation`, `Sunset`, `Link`, and 410 after the end |
//! | [`with`], [`placed`], [`layer`](layer()) | yours | a [`Middleware`] or a layer of your own, or any other `tower::Layer` |
//!
//! # Around what
//!
//! | | |
//! |---|---|
//! | [`Stack::handler`] | an axum handler, for the routes of an [`Api`], and for `get(..)` and `post(..)` |
//! | [`Stack::service_fn`] | an async function, for hyper and tower |
//! | [`Stack::service`] | any tower service |
//! | `Router::layer`, `ServiceBuilder::layer` | a stack is a layer itself |
//! | [`proxy`](proxy()) | a handler that forwards requests to another server |
//!
//! Put CORS and the presentation of refusals around everything. In an [`Api`], that is
//! [`around`](Api::around). In axum, it is the whole router: axum answers a preflight to `post(..)`, an
//! unknown path and a wrong method before it calls the layers of a handler.
//!
//! # Features
//!
//! Each layer has a feature of the same name; `default` includes all layers of the table except
//! `api-key`, `basic` (with `basic-argon2` for [`Basic::argon2`], and `basic-bcrypt` for
//! [`Basic::argon2_or_bcrypt`]), `compression` (with `compression-br` and `compression-deflate`),
//! `concurrency-limit`, `conditional`, `decompression` (with `decompression-br` and
//! `decompression-deflate`), `deprecation`, `drain`, `hosts`, `https-only`, `idempotency`, `ip-filter`,
//! `load-shed`, `metrics`, `multipart`, `negotiation`, `proxy`, `request-id`, `security-headers`,
//! `timeout`, `trace`, `version` and `webhook`. With `jwks`, [`Jwt`] fetches the keys of an identity
//! provider: [`Jwks`]. With `csrf-token`, [`with_csrf`] can require tokens. With `public-suffix`, which
//! is recommended wherever [`with_cors`] or [`with_csrf`] has a pattern, the whole Public Suffix List
//! decides which patterns are too broad. `rate-limit-redis` shares limits between machines, `cookies`
//! provides [`Cookies`] and [`SetCookie`], `session` keeps [`Sessions`] in cookies, in
//! [`MemorySessions`](auth::MemorySessions) or in your own [`SessionStore`](auth::SessionStore),
//! `session-redis` in [`RedisSessions`](auth::RedisSessions). `webhook-ed25519` verifies the asymmetric
//! signatures of [`WebhookScheme::standard`](webhook::WebhookScheme::standard), and `webhook-redis`
//! records events in [`RedisWebhookStore`](webhook::RedisWebhookStore). `idempotency-redis` keeps the
//! answers of [`with_idempotency`] for all machines. `tonic` takes the address of the peer from the
//! gRPC server of that name. `tower-http` gives the layers of tower-http 0.7 a stage, and `api`
//! provides [`Api`]. With `openapi`, an `Api` has an [OpenAPI document](api::openapi), which [a
//! page](api::DocsPage) shows with `docs-page`; [`testing`] compares the document with its stored
//! version, and responses with the document. Without any feature, the crate has the middleware
//! contract, `compose` and [`Problem`].
//!
//! The [guide] has more: the order, paths and routes, refusals, the log, tests, a middleware of your
//! own, security, and a comparison. Two of its pages help you to get started:
//!
//! - [Coming from Next.js](guide::coming_from_nextjs): what `withAuth`, `[id]`, zod and the rest are
//!   called here.
//! - [An app that you already have](guide::existing_app): one layer at a time, with your own error
//!   shape, the state, nested routers, WebSocket connections and server-sent events.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "api")]
pub mod api;
mod compose;
mod contract;
pub mod guide;
mod integrations;
mod layers;
mod request;
mod support;
#[cfg(feature = "testing")]
pub mod testing;
mod wire;

#[cfg(feature = "api")]
pub use self::api::{
    builder::{Api, FinishedApi},
    path::{Path, RoutePath},
};
#[cfg(feature = "proxy")]
pub use self::integrations::axum::proxy::{self, client::proxy};
#[cfg(feature = "api")]
pub use self::integrations::axum::{Accepted, Created, NoContent};
#[cfg(feature = "axum")]
pub use self::integrations::axum::{FromLayer, Handled};
#[cfg(feature = "tower-http")]
pub use self::integrations::tower_http;
#[cfg(feature = "api-key")]
pub use self::layers::auth::api_key::ApiKey;
#[cfg(feature = "basic")]
pub use self::layers::auth::basic::Basic;
#[cfg(feature = "jwks")]
pub use self::layers::auth::jwt::Jwks;
#[cfg(feature = "jwt")]
pub use self::layers::auth::jwt::{Jwt, JwtIssuer, JwtKey, TokenCache};
#[cfg(feature = "session")]
pub use self::layers::auth::session::{Session, SessionCookie, Sessions, StoredSessions};
#[cfg(feature = "auth")]
pub use self::layers::auth::{self, layer::with_auth};
#[cfg(feature = "authorization")]
pub use self::layers::authorization::{
    self,
    check::with_authorization,
    roles::{HasRoles, Roles, with_roles},
    scopes::{HasScopes, Scopes, with_scopes},
};
pub use self::layers::body_adapter::with_body_adapter;
#[cfg(feature = "body-limit")]
pub use self::layers::body_limit::{
    self,
    policy::{BodyLimit, with_body_limit},
};
#[cfg(feature = "cache-control")]
pub use self::layers::cache_control::{self, caching::with_cache_control, policy::CacheControl};
#[cfg(feature = "client-ip")]
pub use self::layers::client_ip::{
    self,
    source::{ClientIpSource, with_client_ip},
};
#[cfg(feature = "compression")]
pub use self::layers::compression::{
    self,
    policy::{Compression, with_compression},
};
#[cfg(feature = "concurrency-limit")]
pub use self::layers::concurrency_limit::{
    self, limiter::with_concurrency_limit, policy::ConcurrencyLimit,
};
#[cfg(feature = "conditional")]
pub use self::layers::conditional::{
    self,
    layer::with_conditional,
    policy::Conditional,
    precondition::{ExpectedVersion, Precondition},
    validators::LastModified,
};
#[cfg(feature = "cors")]
pub use self::layers::cors::{
    self,
    policy::{Cors, with_cors},
};
#[cfg(feature = "csrf-token")]
pub use self::layers::csrf::token::{CsrfToken, CsrfTokens};
#[cfg(feature = "csrf")]
pub use self::layers::csrf::{
    self,
    policy::{Csrf, with_csrf},
};
#[cfg(feature = "decompression")]
pub use self::layers::decompression::{
    self,
    policy::{Decompression, with_decompression},
};
#[cfg(feature = "deprecation")]
pub use self::layers::deprecation::{
    self,
    policy::{Deprecation, with_deprecation},
};
#[cfg(feature = "drain")]
pub use self::layers::drain::{
    self,
    background::Background,
    policy::{Drain, with_drain},
};
#[cfg(feature = "hosts")]
pub use self::layers::hosts::{
    self,
    policy::{Hosts, with_hosts},
};
#[cfg(feature = "https-only")]
pub use self::layers::https_only::{
    self,
    policy::{HttpsOnly, with_https_only},
};
#[cfg(feature = "idempotency")]
pub use self::layers::idempotency::{
    self, key::IdempotencyKey, layer::with_idempotency, policy::Idempotency,
};
#[cfg(feature = "ip-filter")]
pub use self::layers::ip_filter::{
    self,
    filter::{IpFilter, with_ip_filter},
};
#[cfg(feature = "lingering-close")]
pub use self::layers::lingering_close::{
    self,
    layer::{LingeringClose, with_lingering_close},
};
#[cfg(feature = "load-shed")]
pub use self::layers::load_shed::{self, layer::with_load_shed};
#[cfg(feature = "method")]
pub use self::layers::method::{
    self,
    endpoint::{Endpoint, endpoint},
    guard::{Methods, with_methods},
};
#[cfg(feature = "metrics")]
pub use self::layers::metrics::{
    self,
    policy::{Metrics, with_metrics},
};
#[cfg(feature = "multipart")]
pub use self::layers::multipart::{
    self,
    file::UploadedFile,
    policy::{Multipart, with_multipart},
};
#[cfg(feature = "negotiation")]
pub use self::layers::negotiation::{
    self,
    languages::{AcceptedLanguage, Languages, with_languages},
    media_types::{AcceptedMediaType, MediaTypes, with_media_types},
};
#[cfg(feature = "presentation")]
pub use self::layers::presentation::{
    self,
    layer::{with_presentation, with_presentation_as},
};
#[cfg(feature = "rate-limit")]
pub use self::layers::rate_limit::{
    self, limiter::with_rate_limit, plan::RateLimitFields, policy::RateLimit, quota::Quota,
};
#[cfg(feature = "request-id")]
pub use self::layers::request_id::{
    self,
    policy::{RequestIds, with_request_id},
};
#[cfg(feature = "security-headers")]
pub use self::layers::security_headers::{
    self,
    csp::CspNonce,
    policy::{SecurityHeaders, with_security_headers},
};
#[cfg(feature = "timeout")]
pub use self::layers::timeout::{
    self,
    policy::{Deadline, Timeout, with_timeout},
};
#[cfg(feature = "trace")]
pub use self::layers::trace::{
    self,
    policy::{Trace, with_trace},
};
#[cfg(feature = "multipart")]
pub use self::layers::validation::input::Upload;
#[cfg(feature = "validation")]
pub use self::layers::validation::{
    self,
    input::{Binary, Cookie, Form, Header, Input, Json, JsonOrForm, Parsed, Query, Text, Valid},
    policy::{Validation, with_parsing, with_validation},
};
#[cfg(feature = "version")]
pub use self::layers::version::{
    self,
    policy::{ApiVersion, Versions, with_version},
};
#[cfg(feature = "webhook")]
pub use self::layers::webhook::{
    self,
    layer::{with_raw_webhook, with_webhook},
    verified::Verified,
};
#[cfg(feature = "trace")]
pub use self::request::TraceContext;
#[cfg(any(
    feature = "hosts",
    feature = "https-only",
    feature = "proxy",
    feature = "security-headers"
))]
pub use self::request::Transport;
#[cfg(any(
    feature = "concurrency-limit",
    feature = "idempotency",
    feature = "rate-limit"
))]
pub use self::request::key;
#[cfg(any(
    feature = "client-ip",
    feature = "hosts",
    feature = "https-only",
    feature = "ip-filter",
    feature = "proxy",
    feature = "request-id",
    feature = "security-headers",
    feature = "trace"
))]
pub use self::support::networks;
#[cfg(feature = "cookies")]
pub use self::wire::cookies::{self, request::Cookies, set_cookie::SetCookie};
#[cfg(feature = "conditional")]
pub use self::wire::field::entity_tag::ETag;
pub use self::{
    compose::{Describe, Reply, Stack, assume, compose, layer},
    contract::{
        Always, Description, Later, Middleware, Needed, Place, Placed, Provided, Provision,
        ReplyBody, Sometimes, Step, With, description, placed, stage, with,
    },
    request::{Auth, Authenticated, ClientIp, Either, PeerAddr, RequestHead, RequestId},
    support::clock::{Clock, ManualClock},
    wire::{
        Body, BoxError, ConfigError, PROBLEM_JSON, Problem, RequestBody, Secret, field::Challenge,
        response,
    },
};

/// Types that occur in signatures and compiler messages. The compiler infers them, so applications do
/// not name them.
pub mod types {
    #[cfg(feature = "openapi")]
    pub use crate::api::openapi::{
        arguments::{ArgumentTypes, DocumentArgument, DocumentArguments},
        input::{DocumentLayers, DocumentedAt, SchemaOfInput},
    };
    #[cfg(feature = "api")]
    pub use crate::api::{
        builder::{BeforeRoutes, Finished, InsideAround, InsideGuard, NotSet, Outer, TakesRoutes},
        documentation::{Documents, Nests, RouteTypes, TakesServices, Undocumented},
        mount::{Mount, Mounted},
        path::GivenByRoute,
        proof::{
            Enclose, Guarded, InOrder, MetAround, MetByGuard, MetByOne, MetByRoute, NoDemand,
            Nothing, Proven, Proves, StandsAround, StandsInside, Surroundings,
        },
    };
    pub use crate::compose::{
        Append, Assumed, Condition, Cons, Covers, Direct, ErasedHandler, FirstOf, Foreign,
        Function, Given, Gives, HandlerFuture, Has, Insert, InsertBefore, Inside, IntoList, Merge,
        Met, NeededAround, Nil, Offers, Ordered, Presumed, ProvidedBy, RouteList, SecondOf, When,
    };
    pub use crate::contract::{Breach, IntoPolicy, Marked, Wrapped, WrappedFuture};
    #[cfg(feature = "api")]
    pub use crate::integrations::axum::RouteHandler;
    #[cfg(feature = "axum")]
    pub use crate::integrations::axum::{
        Argument, Arguments, Erased, Extracted, ExtractedFromBody, FromHead, HandledFuture,
        HandlerFunction, LastArgument, PathUse,
    };
    pub use crate::layers::body_adapter::{BodyAdapter, BodyAdapterFuture, BodyAdapterService};
    #[cfg(feature = "conditional")]
    pub use crate::layers::conditional::layer::Comparison;
    #[cfg(feature = "lingering-close")]
    pub use crate::layers::lingering_close::layer::Watch;
    #[cfg(feature = "validation")]
    pub use crate::layers::validation::layer::ErasedValidation;
    #[cfg(feature = "webhook")]
    pub use crate::layers::webhook::{event::EventInProgress, layer::ErasedWebhook};
}

/// The README's example, compiled.
#[cfg(all(doctest, feature = "default"))]
#[doc = include_str!("../README.md")]
mod readme {}
