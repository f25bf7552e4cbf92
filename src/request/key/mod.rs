//! Finds the key whose requests are counted together: one client, one user, one route.
//!
//! [`with_rate_limit`](crate::rate_limit) and `with_concurrency_limit` count by key. Their builders
//! have a method for each of these, such as `by_client_ip()`; a tuple is made of the functions.
//!
//! | method | function | counts by | needs | stage |
//! |---|---|---|---|---|
//! | `by_client_ip` | [`client_ip`] | the address of the client, IPv6 by /64 | `with_client_ip` | `Throttle` |
//! | `by_peer` | [`peer`] | the other end of the connection, IPv6 by /64 | a server that says it | `Throttle` |
//! | `by_principal` | `principal` | a part of whom `with_auth` has verified | `with_auth` | `Quota` |
//! | | `principal_value` | what a closure makes of it | `with_auth` | `Quota` |
//! | `by_route` | `route` | method and route of axum's router | | `Throttle` |
//! | `by_path_param` | `path_param` | a parameter of the path, decoded | a route that has it | `Throttle` |
//! | `by` | [`by`] | what a closure makes of the head | | `Throttle` |
//! | `dangerously_by_client_header` | [`dangerously_client_header`] | a field that the client chooses | | `Throttle` |
//! | `keyed` | a tuple of up to six | all of them together | what all of them need | the innermost |
//! | `keyed` | a [`Key`] of your own | what you say | what you say | what you say |
//!
//! What a layer must provide is checked by the compiler: without `with_auth` before it, a limit by
//! principal does not compile. What the server or the router must is found at the first request,
//! which is answered with 500 and a cause, in the log, that names the fix; it is never let through
//! unlimited.
//!
//! # Example: each user, on each route
//!
//! ```
//! # #[cfg(all(feature = "rate-limit", feature = "auth", feature = "axum"))] {
//! use wythe::{Quota, RateLimit, compose, key, with_rate_limit};
//!
//! #[derive(Clone)]
//! struct Claims {
//!     sub: String,
//! }
//!
//! let user_and_route = (key::principal(|claims: &Claims| &claims.sub), key::route());
//! let limit = RateLimit::of([Quota::per_minute(60)])?.keyed(user_and_route);
//! let layer = with_rate_limit(limit); // inside `with_auth`
//! # }
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! Two keys are the same only if all of their parts are: every [`KeyPart`] is written with its
//! kind and its length, so no text that a client sends can pretend to be two parts. What is
//! written is the same in every process and version, so that machines can share counts.
//!
//! # Security
//!
//! - A client that can choose its key has as many quotas as it likes, and fills the store with
//!   keys. A path parameter alone, a query, and any field that nobody has verified are its choice.
//! - Memory holds a hash of 128 bits instead of the key, with a seed of the process: nobody can
//!   choose keys that meet in it. Keys are not shown by `Debug` and not logged.

mod address;
mod by;
mod fingerprint;
mod header;
mod part;
mod parts;
mod principal;
#[cfg(feature = "axum")]
mod route;
mod tuple;

use http::request::Parts;

pub(crate) use self::fingerprint::{Fingerprint, Seed};
pub use self::principal::{ByPrincipal, ByPrincipalValue, principal, principal_value};
#[cfg(feature = "axum")]
pub use self::route::{ByPathParam, ByRoute, RoutePart, path_param, route};
pub use self::{
    address::{AddressPart, ByClientIp, ByPeer, client_ip, peer},
    by::{AfterAuth, By, by},
    header::{ByClientHeader, dangerously_client_header},
    part::{KeyPart, KeyWriter},
};
use crate::{
    contract::{Description, stage::Stage},
    wire::Problem,
};

/// Finds the key whose requests are counted together.
///
/// A closure does as well, see [`By`]; this trait is for keys that are used by many limits,
/// refuse requests without one, or need what another layer provides.
///
/// # Example: one budget for each tenant, refused without one
///
/// ```
/// # #[cfg(feature = "rate-limit")] {
/// use http::{StatusCode, request::Parts};
/// use wythe::{Needed, Problem, Quota, RateLimit, key::Key, stage, with_rate_limit};
///
/// #[derive(Clone)]
/// struct Tenant(u64);
///
/// struct ByTenant;
///
/// impl Key for ByTenant {
///     type Value = u64;
///     type Stage = stage::Quota;
///     type Needs = Needed<Tenant>;
///
///     fn of(&self, head: &mut Parts) -> Result<u64, Problem> {
///         let tenant: Option<&Tenant> = head.extensions.get();
///         tenant
///             .map(|tenant| tenant.0)
///             .ok_or_else(|| Problem::internal("no layer has left the tenant"))
///     }
/// }
///
/// let layer = with_rate_limit(RateLimit::of([Quota::per_minute(600)])?.keyed(ByTenant));
/// # }
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub trait Key: Send + Sync + 'static {
    /// The key of a request.
    type Value: KeyPart;
    /// Where a limit by this key stands: [`stage::Throttle`](crate::stage::Throttle), or
    /// [`stage::Quota`](crate::stage::Quota) if the key is known only after authentication.
    type Stage: Stage;
    /// What another layer must provide: `()`, or [`Needed<X>`](crate::Needed).
    type Needs;

    /// The key of a request, or the answer to a request that has none.
    ///
    /// The head can be changed because extractors ask for that; a key leaves it as it is.
    ///
    /// # Errors
    ///
    /// If the request has no key. It is answered with the problem, never let through unlimited.
    fn of(&self, head: &mut Parts) -> Result<Self::Value, Problem>;

    /// Writes the key of a request, or returns the answer to a request that has none.
    ///
    /// It writes the same as the value that [`of`](Self::of) returns. Implement it where that would
    /// be copied only to be written.
    ///
    /// # Errors
    ///
    /// Those of [`of`](Self::of).
    fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
        self.of(head)?.write(key);
        Ok(())
    }

    /// Adds to the layer's description what a request without a key is answered.
    fn describe(&self, layer: Description) -> Description {
        layer
    }
}
