//! Lets only requests pass whose sender may do what they ask for.
//!
//! It is known already who sent the request: a layer outside has left [`Auth<C>`](crate::Auth),
//! or the stack does not compile. Then
//!
//! 1. [`with_scopes`] lets pass who was granted all of the listed scopes, and [`with_any_scope`]
//!    who was granted one of them. A scope is compared as a whole, byte by byte.
//! 2. [`with_roles`] lets pass who has all of the listed roles, and [`with_any_role`] who has one.
//! 3. [`with_authorization`] lets pass whom a closure allows, which sees the principal and the
//!    head of the request, and answers at once or after asking a store.
//! 4. Everybody else is answered 403, and told no more than that.
//! 5. If a check can't be made, because its store is down, the answer is 503: never a pass, and
//!    never a 403.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use http::{Method, Request, Response, StatusCode, request::Parts};
//! use http_body_util::Full;
//! use tower::ServiceExt;
//! use wythe::{Auth, HasScopes, assume, compose, with_authorization, with_scopes};
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
//!     with_scopes(["orders:read"])?,
//!     with_authorization(|Auth(claims): &Auth<Claims>, head: &Parts| {
//!         claims.staff || head.method == Method::GET
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
//! | 403 | a scope was not granted | `WWW-Authenticate: Bearer error="insufficient_scope", scope=".."` (RFC 6750, section 3.1) |
//! | 403 | a role is missing, or the check says no | |
//! | 503 | the check can't be made | |
//! | 500 | `Auth<C>` was [assumed](crate::assume) and is not there; the log says what to do | |
//! | the check's | it returned `Err(problem)`; the printed stack does not know of these | the problem's |
//!
//! The problem type is `about:blank`. The log gets which scope or role is missing, and never what
//! the principal has.
//!
//! # Order
//!
//! Stage [`Authorize`](crate::stage::Authorize): inside authentication, which says who it is, and
//! outside limits by principal and parsers, so that the body of a request that may not pass is not
//! read. Several of these layers may stand in one stack: all of them must let the request pass.
//!
//! `with_auth(..).optional()` provides `Option<Auth<C>>`, and does not do: a guest has no scopes.
//!
//! ```compile_fail,E0277
//! # use http::{HeaderValue, request::Parts};
//! # use wythe::{Authenticate, Verdict};
//! # struct Badge;
//! # impl Authenticate for Badge {
//! #     type Principal = String;
//! #     fn challenge(&self) -> HeaderValue { HeaderValue::from_static("Badge") }
//! #     fn authenticate(&self, _: &Parts) -> Verdict<String> { Verdict::Missing }
//! # }
//! use wythe::{compose, with_auth, with_scopes};
//!
//! let stack = compose((with_auth(Badge).optional(), with_scopes(["read"])?));
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! # Security
//!
//! - A scope says what a client may do for a user, not what the user may do: a token with
//!   `orders:write` does not make every order its own. Ask for both.
//! - Whether this user may touch this very order is known only where the order is: check it in the
//!   handler, best in the query itself (`where id = ? and owner = ?`). Without that check, whoever
//!   changes the number in a path reads the orders of others.
//! - What a token says was true when it was issued. Who lost a role keeps it until the token
//!   expires; ask a store by `with_authorization` where that is too long.
//! - A 403 tells that there is something. `Err(Problem::new(StatusCode::NOT_FOUND))` hides it.
//! - A path can be written in several ways (`/admin`, `/%61dmin`, `//admin`). Put a layer around
//!   the routes that it protects instead of comparing paths in a check.
//!
//! # Compared with
//!
//! - axum-login: `permission_required!` answers 403 when its store fails
//!   (`has_perm(..).await.unwrap_or(false)`), and when nobody is logged in; it asks the store once
//!   for each permission.
//! - tower-http's `AsyncRequireAuthorizationLayer` runs a check and leaves the rest to it: who the
//!   principal is, and status, challenge and body of a refusal.

mod check;
mod decision;
mod grant;
mod has_scopes;
mod required;
mod roles;
mod scopes;
#[cfg(feature = "session")]
mod session;

use std::{any::type_name, sync::Arc};

use http::request::Parts;

use self::required::HowMany;
pub use self::{
    check::Authorization,
    decision::{Decided, Decision, Later, Now},
    grant::{By, Itself},
    has_scopes::HasScopes,
    roles::{GrantsRoles, HasRoles, Roles},
    scopes::{GrantsScopes, Scopes},
};
use crate::{
    contract::{With, with},
    request::Auth,
    wire::{ConfigError, Problem},
};

/// Lets only principals pass that were granted all of these scopes; see the [module](self).
///
/// The principal's type is found in the stack, and says what it was granted: it implements
/// [`HasScopes`], or the layer is told [`by`](With::by) a closure.
///
/// # Errors
///
/// If the list is empty, or something in it is not a scope (RFC 6749, section 3.3).
///
/// # Example
///
/// ```
/// use wythe::{Auth, HasScopes, assume, compose, with_scopes};
///
/// #[derive(Clone)]
/// struct Claims {
///     scope: String,
/// }
///
/// impl HasScopes for Claims {
///     fn has_scope(&self, scope: &str) -> bool {
///         self.scope.has_scope(scope)
///     }
/// }
///
/// let stack = compose((assume::<Auth<Claims>>(), with_scopes(["orders:read"])?));
/// assert!(with_scopes::<Claims>(["orders read"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub fn with_scopes<C>(
    scopes: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<With<Scopes<C>>, ConfigError> {
    Ok(with(Scopes::new(scopes, HowMany::All)?))
}

/// Lets only principals pass that were granted at least one of these scopes; see the
/// [module](self).
///
/// The challenge of a refusal names the first of them: a client that then asks for it gets what it
/// needs, and no more. So list the one first that grants the least.
///
/// # Errors
///
/// If the list is empty, or something in it is not a scope (RFC 6749, section 3.3).
pub fn with_any_scope<C>(
    scopes: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<With<Scopes<C>>, ConfigError> {
    Ok(with(Scopes::new(scopes, HowMany::Any)?))
}

/// Lets only principals pass that have all of these roles; see the [module](self).
///
/// The principal's type is found in the stack, and says which it has: it implements [`HasRoles`],
/// or the layer is told [`by`](With::by) a closure.
///
/// # Errors
///
/// If the list is empty.
pub fn with_roles<C, R: ?Sized + std::fmt::Debug>(
    roles: impl IntoIterator<Item = impl Into<Arc<R>>>,
) -> Result<With<Roles<C, R>>, ConfigError> {
    Ok(with(Roles::new(roles, HowMany::All)?))
}

/// Lets only principals pass that have at least one of these roles; see the [module](self).
///
/// # Errors
///
/// If the list is empty.
pub fn with_any_role<C, R: ?Sized + std::fmt::Debug>(
    roles: impl IntoIterator<Item = impl Into<Arc<R>>>,
) -> Result<With<Roles<C, R>>, ConfigError> {
    Ok(with(Roles::new(roles, HowMany::Any)?))
}

/// Lets only requests pass that a check allows, which sees the principal and the request's head;
/// see the [module](self).
///
/// The check says `true` or `false`, or what else is a [`Decision`], at once or as a future.
///
/// # Example: at once
///
/// ```
/// use http::{Method, request::Parts};
/// use wythe::{Auth, with_authorization};
///
/// struct Claims {
///     admin: bool,
/// }
///
/// let layer = with_authorization(|auth: &Auth<Claims>, head: &Parts| {
///     auth.0.admin || head.method == Method::GET
/// });
/// ```
///
/// # Example: asking a store
///
/// The future owns what it needs: clone that before `async move`. One that borrows from the
/// principal or the head does not compile ("lifetime may not live long enough"), nor does an
/// `async |..|` closure. An error of the store is a 503.
///
/// ```
/// use http::request::Parts;
/// use wythe::{Auth, with_authorization};
///
/// #[derive(Clone)]
/// struct Store;
///
/// impl Store {
///     async fn is_member(&self, user: u64) -> Result<bool, std::io::Error> {
///         Ok(user == 7)
///     }
/// }
///
/// struct Claims {
///     user: u64,
/// }
///
/// let store = Store;
/// let layer = with_authorization(move |Auth(claims): &Auth<Claims>, _: &Parts| {
///     let (store, user) = (store.clone(), claims.user);
///     async move { store.is_member(user).await }
/// });
/// ```
pub fn with_authorization<C, F, D, K>(check: F) -> With<Authorization<C, F, K>>
where
    F: Fn(&Auth<C>, &Parts) -> D + Send + Sync + 'static,
    D: Decision<K>,
{
    with(Authorization::new(check))
}

/// The 500 of a layer that finds no principal, although its stack said that there is one.
fn missing<C>(layer: &str) -> Problem {
    let auth = type_name::<Auth<C>>();
    Problem::internal(format!(
        "`{layer}` finds no `{auth}` in the request's extensions: the layer that was assumed to \
         leave it there did not run; put `with_auth` outside `{layer}`"
    ))
}
