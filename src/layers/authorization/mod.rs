//! Lets only those requests pass that the principal is allowed to make.
//!
//! The principal is already known: an outer layer has left [`Auth<C>`](crate::Auth) in the request;
//! otherwise the stack does not compile.
//!
//! 1. [`with_scopes`](crate::with_scopes) requires that the principal was granted all of the listed
//!    scopes, or any of them. Scopes are compared as a whole, byte by byte.
//! 2. [`with_roles`](crate::with_roles) requires that the principal has all of the listed roles, or
//!    any of them.
//! 3. [`with_authorization`](crate::with_authorization) calls a closure with the principal and the
//!    request's head, which decides immediately or after asking a store.
//! 4. Other requests are answered 403, without a reason.
//! 5. If a check fails, for example because its store is down, the answer is 503, never 403, and the
//!    request never passes.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use http::{Method, Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::ServiceExt;
//! use wythe::{Auth, HasScopes, Scopes, assume, compose, with_authorization, with_scopes};
//!
//! #[derive(Clone)]
//! struct Claims {
//!     scope: String,
//!     staff: bool,
//! }
//!
//! impl HasScopes for Claims {
//!     fn has_scope(&self, scope: &str) -> bool {
//!         self.scope.has_scope(scope)
//!     }
//! }
//!
//! async fn orders(_: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
//!     Response::new(Full::from("orders"))
//! }
//!
//! let service = compose((
//!     assume::<Auth<Claims>>(), // or `with_auth(..)`, in the same stack
//!     with_scopes(Scopes::all(["orders:read"])?),
//!     with_authorization(|Auth(claims): &Auth<Claims>, head| {
//!         claims.staff || head.method() == Method::GET
//!     }),
//! ))
//! .service_fn(orders);
//!
//! let ask = |method: Method, scope: &str| {
//!     let claims = Claims { scope: scope.to_owned(), staff: false };
//!     let request = Request::builder().method(method).extension(Auth(claims));
//!     service.clone().oneshot(request.body(Full::default()).unwrap())
//! };
//!
//! let response = ask(Method::GET, "orders:read orders:write").await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let response = ask(Method::DELETE, "orders:read").await?;
//! assert_eq!(response.status(), StatusCode::FORBIDDEN);
//!
//! let response = ask(Method::GET, "orders:write").await?;
//! assert_eq!(response.status(), StatusCode::FORBIDDEN);
//! assert_eq!(
//!     response.headers()["www-authenticate"],
//!     r#"Bearer error="insufficient_scope", scope="orders:read""#
//! );
//! # Ok(()) }
//! ```
//!
//! # Responses
//!
//! | status | when | headers |
//! |---|---|---|
//! | 403 | a scope was not granted | `WWW-Authenticate: Bearer error="insufficient_scope", scope=".."` (RFC 6750, section 3.1), or with the name of the scheme by which `with_auth` has authenticated the request |
//! | 403 | a role is missing, the check denies the request, or it asks for a route that is unknown | |
//! | 503 | the check fails | |
//! | 500 | `Auth<C>` was [assumed](crate::assume) and is not there; the log says what to do | |
//! | the check's | the check returned `Err(problem)`; the description of the stack does not list this | the problem's |
//!
//! The problem type is `about:blank`. The log says which scope or role is missing, but never which
//! ones the principal has.
//!
//! # Order
//!
//! Stage [`Authorize`](crate::stage::Authorize): inside authentication, which provides the principal,
//! and outside per-principal limits and parsers, so that the body of a refused request is not read. A
//! stack may have several of these layers: all of them must let the request pass.
//!
//! `with_auth(..).optional()` provides `Option<Auth<C>>`, which is not enough: a guest has no scopes.
//!
//! ```compile_fail,E0277
//! # use http::{HeaderValue, request::Parts};
//! # use wythe::{Later, auth::{Authenticate, Verdict}};
//! # struct Badge;
//! # impl Authenticate for Badge {
//! #     type Principal = String;
//! #     fn challenge(&self) -> HeaderValue { HeaderValue::from_static("Badge") }
//! #     fn authenticate(&self, _: &Parts) -> Later<Verdict<String>> { Verdict::Missing.into() }
//! # }
//! use wythe::{Scopes, compose, with_auth, with_scopes};
//!
//! let stack = compose((with_auth(Badge).optional(), with_scopes(Scopes::all(["read"])?)));
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! # Security
//!
//! - A scope says what a client may do on behalf of a user, not what the user may do: a token with
//!   `orders:write` does not give access to every order. Check both.
//! - Whether a user may access a particular order can only be decided where the order is loaded: check
//!   it in the handler, preferably in the query itself (`where id = ? and owner = ?`). Otherwise
//!   anybody who changes the number in a path can read other users' orders.
//! - The claims of a token were true when it was issued. A user who loses a role keeps it until the
//!   token expires; if that is too long, ask a store in `with_authorization`.
//! - A 403 reveals that something exists. `Err(Problem::new(StatusCode::NOT_FOUND))` hides it.
//! - A path can be written in several ways (`/admin`, `/%61dmin`, `//admin`). Put a layer around
//!   the routes that it protects, or compare the [route](crate::RequestHead::route) in a check instead
//!   of the path.
//!
//! # Compared with
//!
//! - axum-login: `permission_required!` answers 403 when its store fails
//!   (`has_perm(..).await.unwrap_or(false)`), and when nobody is logged in; it asks the store once
//!   per permission.
//! - tower-http's `AsyncRequireAuthorizationLayer` runs a check and leaves everything else to the
//!   check: the principal, and the status, challenge and body of a refusal.

pub(crate) mod check;
mod required;
pub(crate) mod roles;
pub(crate) mod scopes;

pub use self::{
    check::{Authorization, Decided, Decision, Deferred, Immediate},
    required::{By, Itself},
    roles::GrantsRoles,
    scopes::GrantsScopes,
};

/// A session has the scopes of its data.
#[cfg(feature = "session")]
impl<D: scopes::HasScopes> scopes::HasScopes for crate::layers::auth::session::Session<D> {
    fn has_scope(&self, scope: &str) -> bool {
        self.data().has_scope(scope)
    }
}

/// A session has the roles of its data.
#[cfg(feature = "session")]
impl<D: roles::HasRoles> roles::HasRoles for crate::layers::auth::session::Session<D> {
    type Role = D::Role;

    fn has_role(&self, role: &D::Role) -> bool {
        self.data().has_role(role)
    }
}
