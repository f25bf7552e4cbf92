//! Finds the key whose requests are counted together: one client, one user, one route.
//!
//! [`with_rate_limit`](crate::rate_limit) and `with_concurrency_limit` count by key. Their builders
//! have the methods of this table, such as `by_client_ip()`; a tuple is made from the functions.
//!
//! | method | function | counts by | needs | stage |
//! |---|---|---|---|---|
//! | `by_client_ip` | [`client_ip`] | the address of the client, IPv6 by /64 | `with_client_ip` | `Throttle` |
//! | `by_peer` | [`peer`] | the other end of the connection, IPv6 by /64 | a server that provides it | `Throttle` |
//! | `by_principal` | `principal` | a part of the principal that `with_auth` has verified | `with_auth` | `Quota` |
//! | | `principal_value` | what a closure returns for the principal | `with_auth` | `Quota` |
//! | `by_route` | `route` | method and route of axum's router | | `Throttle` |
//! | `by_path_param` | `path_param` | a parameter of the path, decoded | a route that has it | `Throttle` |
//! | `by` | [`by`] | what a closure returns for the head | | `Throttle` |
//! | `dangerously_by_client_header` | [`dangerously_client_header`] | a field that the client chooses | | `Throttle` |
//! | `keyed` | a tuple of up to six | all of them together | what all of them need | the innermost |
//! | `keyed` | a [`Key`] of your own | its value | its `Needs` | its `Stage` |
//!
//! The compiler checks what a layer must provide: without `with_auth` before it, a limit by principal
//! does not compile. What the server or the router must provide is checked at each request: without
//! it, the answer is a 500, and the log says what to change. A request without a key never passes
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
//! Two keys are equal only if all of their parts are: every [`KeyPart`] is written with its kind and
//! its length, so no text that a client sends can be taken for two parts. What is written is the same
//! in every process and version, so that machines can share counts.
//!
//! # Security
//!
//! - A client that can choose its key has as many quotas as it likes, and fills the store with
//!   keys. It can choose a path parameter, a query, and any field that nobody has verified.
//! - Memory holds a hash of 128 bits instead of the key, with a seed of the process, so clients can't
//!   choose keys that collide. Keys are not shown by `Debug` and not logged.

mod address;
mod by;
mod header;
mod methods;
mod part;
mod principal;
#[cfg(feature = "axum")]
mod route;
mod values;

use http::request::Parts;

#[cfg(any(feature = "concurrency-limit", feature = "rate-limit"))]
pub(crate) use self::methods::key_methods;
#[cfg(any(feature = "idempotency", feature = "rate-limit-redis"))]
pub(crate) use self::part::KeySha256;
pub use self::principal::{ByPrincipal, ByPrincipalValue, principal, principal_value};
#[cfg(feature = "axum")]
pub use self::route::{ByPathParam, ByRoute, RoutePart, path_param, route};
pub use self::{
    address::{AddressPart, ByClientIp, ByPeer, client_ip, peer},
    by::{AfterAuth, By, by},
    header::{ByClientHeader, dangerously_client_header},
    part::{KeyPart, KeyWriter},
};
pub(crate) use self::{
    methods::ipv6_prefix,
    part::{Fingerprint, Seed},
};
use crate::{
    contract::{Description, stage::Stage},
    wire::{Problem, type_name},
};

/// Finds the key whose requests are counted together.
///
/// A closure is enough for most keys: see [`By`]. This trait is for keys that are used by many limits,
/// refuse requests without one, or need what another layer provides.
///
/// # Example: one quota for each tenant
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
    /// What another layer must provide: `()` or [`Needed<X>`](crate::Needed).
    type Needs;

    /// The key of a request, or the answer to a request that has none.
    ///
    /// The head is mutable because extractors need it to be; a key does not change it. In a nested
    /// axum router, `head.uri` lacks the prefix of that router; [`RequestHead`](crate::RequestHead)
    /// has the full path.
    ///
    /// # Errors
    ///
    /// If the request has no key. It is answered with the problem, and never passes unlimited.
    fn of(&self, head: &mut Parts) -> Result<Self::Value, Problem>;

    /// Writes the key of a request, or returns the answer to a request that has none.
    ///
    /// It writes the same as the value that [`of`](Self::of) returns. Implement it to avoid a copy
    /// of that value.
    ///
    /// # Errors
    ///
    /// Those of [`of`](Self::of).
    fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
        self.of(head)?.write(key);
        Ok(())
    }

    /// Adds the key to the description of a limit, in words, with the answer to a request that has none.
    /// By default, the name of the type is used, and there is no answer.
    fn describe(&self, layer: Description) -> Description {
        layer.counted_by(type_name::<Self>())
    }
}

/// Adds a key to the description of a limit. A key that has no words of its own is named as its type.
pub(crate) fn describe<K: Key>(key: &K, layer: Description) -> Description {
    let parts = |layer: &Description| layer.limits().last().map_or(0, |limit| limit.key().len());
    let before = parts(&layer);
    let layer = key.describe(layer);
    if parts(&layer) == before {
        return layer.counted_by(type_name::<K>());
    }
    layer
}
