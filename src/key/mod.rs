//! Finds the key whose requests are counted together: one client, one user, one route.
//!
//! [`with_rate_limit`](crate::rate_limit) and `with_concurrency_limit` count by key. The keys of
//! this module are made with the methods of their builders, such as `by_client_ip()`; a tuple of
//! keys is a key, and a closure is one, see [`By`].
//!
//! Two keys are the same only if all of their parts are: every [`KeyPart`] is written with its
//! type and its length, so no text that a client sends can pretend to be two parts.
//!
//! # Security
//!
//! Memory holds a hash of 128 bits instead of the key, with a seed of the process: nobody can
//! choose keys that meet in it. Keys are not shown by `Debug` and not logged.

mod address;
mod by;
mod fingerprint;
mod header;
mod part;
mod parts;
#[cfg(feature = "auth")]
mod principal;
#[cfg(feature = "axum")]
mod route;
mod tuple;

use http::request::Parts;

pub(crate) use self::fingerprint::{Fingerprint, Seed};
#[cfg(feature = "auth")]
pub use self::principal::{ByPrincipal, ByPrincipalValue, principal, principal_value};
#[cfg(feature = "axum")]
pub use self::route::{ByPathParam, ByRoute, RoutePart, path_param, route};
pub use self::{
    address::{AddressPart, ByClientIp, ByPeer, client_ip, peer},
    by::{AfterAuth, By, by},
    header::{ByClientHeader, dangerously_client_header},
    part::{KeyPart, KeyWriter},
};
use crate::{describe::Description, problem::Problem, stage::Stage};

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
