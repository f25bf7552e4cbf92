//! Chooses the key of a limit: by whom requests are counted.

#[cfg(feature = "axum")]
use std::borrow::Cow;

use http::request::Parts;

use super::{
    policy::{Options, Quotas, RateLimit},
    quota::Quota,
};
#[cfg(feature = "auth")]
use crate::request::key::ByPrincipal;
#[cfg(feature = "axum")]
use crate::request::key::{ByPathParam, ByRoute};
use crate::{
    request::key::{self, AfterAuth, By, ByClientHeader, ByClientIp, ByPeer, Key, KeyPart},
    wire::ConfigError,
};

impl Quota {
    /// Counts by the address of the peer; see [`Quotas::by_peer`](super::Quotas::by_peer).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    pub fn by_peer(self) -> Result<RateLimit<ByPeer>, ConfigError> {
        Ok(RateLimit::of([self])?.by_peer())
    }

    /// Counts by the address of the client; see [`Quotas::by_client_ip`](super::Quotas::by_client_ip).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    pub fn by_client_ip(self) -> Result<RateLimit<ByClientIp>, ConfigError> {
        Ok(RateLimit::of([self])?.by_client_ip())
    }

    /// Counts by a part of the principal; see [`Quotas::by_principal`](super::Quotas::by_principal).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    #[cfg(feature = "auth")]
    pub fn by_principal<C, V, F>(self, part: F) -> Result<RateLimit<ByPrincipal<C, F>>, ConfigError>
    where
        C: Send + Sync + 'static,
        F: Fn(&C) -> &V + Send + Sync + 'static,
        V: KeyPart + ToOwned<Owned: KeyPart> + ?Sized,
    {
        Ok(RateLimit::of([self])?.by_principal(part))
    }

    /// Counts by a parameter of the path; see
    /// [`Quotas::by_path_param`](super::Quotas::by_path_param).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    #[cfg(feature = "axum")]
    pub fn by_path_param(
        self,
        name: impl Into<Cow<'static, str>>,
    ) -> Result<RateLimit<ByPathParam>, ConfigError> {
        Ok(RateLimit::of([self])?.by_path_param(name))
    }

    /// Counts by method and route; see [`Quotas::by_route`](super::Quotas::by_route).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    #[cfg(feature = "axum")]
    pub fn by_route(self) -> Result<RateLimit<ByRoute>, ConfigError> {
        Ok(RateLimit::of([self])?.by_route())
    }

    /// Counts by what the client says that it is; see
    /// [`Quotas::dangerously_by_client_header`](super::Quotas::dangerously_by_client_header).
    ///
    /// # Errors
    ///
    /// If the quota is impossible, see [`RateLimit::of`], or no field can have that name.
    pub fn dangerously_by_client_header(
        self,
        name: &str,
    ) -> Result<RateLimit<ByClientHeader>, ConfigError> {
        RateLimit::of([self])?.dangerously_by_client_header(name)
    }

    /// Counts by what a closure returns; see [`Quotas::by`](super::Quotas::by).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    pub fn by<F, V>(self, key: F) -> Result<RateLimit<By<F>>, ConfigError>
    where
        F: Fn(&Parts) -> V + Send + Sync + 'static,
        V: KeyPart,
    {
        Ok(RateLimit::of([self])?.by(key))
    }
}

impl Quotas {
    /// Counts by the address of the peer, the other end of the connection.
    ///
    /// It is found in the extensions of the request: as axum's `ConnectInfo<SocketAddr>` or as
    /// [`PeerAddr`](crate::PeerAddr). Without it the answer is a 500 whose cause, in the log,
    /// says what to do. IPv4 addresses mapped into IPv6 count as IPv4; of IPv6 addresses the /64
    /// network counts, see [`ipv6_prefix`](RateLimit::ipv6_prefix).
    ///
    /// # Security
    ///
    /// Behind a proxy the peer is the proxy: all of its clients share one quota.
    pub fn by_peer(self) -> RateLimit<ByPeer> {
        self.keyed(key::peer())
    }

    /// Counts by the address of the client, which `with_client_ip` provides: the peer's, or what a
    /// proxy that you trust says of it.
    ///
    /// The stack does not compile unless something listed before the limit provides
    /// [`ClientIp`](crate::ClientIp). Of IPv6 addresses the /64 network counts, see
    /// [`ipv6_prefix`](RateLimit::ipv6_prefix).
    pub fn by_client_ip(self) -> RateLimit<ByClientIp> {
        self.keyed(key::client_ip())
    }

    /// Counts by a part of the principal, which `with_auth` provides.
    ///
    /// The stack does not compile unless `with_auth` of these claims is listed before the limit,
    /// which stands at stage [`Quota`](crate::stage::Quota). The closure refers to the part, so
    /// nothing is copied; for what has to be computed there is
    /// [`key::principal_value`](crate::key::principal_value), and for two parts a tuple of
    /// [`key::principal`](crate::key::principal).
    ///
    /// # Example
    ///
    /// ```
    /// use serde::Deserialize;
    /// use wythe::{Jwt, Quota, compose, with_auth, with_rate_limit};
    ///
    /// #[derive(Clone, Deserialize)]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// let stack = compose((
    ///     with_auth(Jwt::<Claims>::hs256(b"thirty-two bytes of a secret, or more")?),
    ///     with_rate_limit(Quota::per_minute(60).by_principal(|claims: &Claims| &claims.sub)?),
    /// ));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    #[cfg(feature = "auth")]
    pub fn by_principal<C, V, F>(self, part: F) -> RateLimit<ByPrincipal<C, F>>
    where
        C: Send + Sync + 'static,
        F: Fn(&C) -> &V + Send + Sync + 'static,
        V: KeyPart + ToOwned<Owned: KeyPart> + ?Sized,
    {
        self.keyed(key::principal(part))
    }

    /// Counts by a parameter of the path, whoever sends the request; see
    /// [`key::path_param`](crate::key::path_param).
    #[cfg(feature = "axum")]
    pub fn by_path_param(self, name: impl Into<Cow<'static, str>>) -> RateLimit<ByPathParam> {
        self.keyed(key::path_param(name))
    }

    /// Counts by method and route, whoever sends the request; see
    /// [`key::route`](crate::key::route).
    ///
    /// # Example
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use wythe::{Quota, compose, with_rate_limit};
    ///
    /// // Each route for itself: 50 a second, of all clients together.
    /// let limits = compose((with_rate_limit(Quota::per_second(50).by_route()?),));
    /// let app: Router = Router::new()
    ///     .route("/users/{id}", get(async || "a user"))
    ///     .route("/orders", get(async || "orders"))
    ///     .layer(limits);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    #[cfg(feature = "axum")]
    pub fn by_route(self) -> RateLimit<ByRoute> {
        self.keyed(key::route())
    }

    /// Counts by a header field as the client has sent it.
    ///
    /// # Security
    ///
    /// A client that picks its key has as many quotas as it likes, and fills the store with keys:
    /// see [`key::dangerously_client_header`](crate::key::dangerously_client_header).
    ///
    /// # Errors
    ///
    /// If no field can have that name.
    pub fn dangerously_by_client_header(
        self,
        name: &str,
    ) -> Result<RateLimit<ByClientHeader>, ConfigError> {
        Ok(self.keyed(key::dangerously_client_header(name)?))
    }

    /// Counts by what a closure makes of the head of the request.
    ///
    /// Requests for which it returns the same value are counted together. `Option` is a value
    /// like any other: all requests without a key share one quota and are never let through
    /// unlimited.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// // All requests to one path together.
    /// let layer = with_rate_limit(Quota::per_second(50).by(|head| head.uri.path().to_owned())?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Security
    ///
    /// A client that can choose its key has as many quotas as it likes, and fills the memory with
    /// keys: do not use a header field that nobody has verified.
    pub fn by<F, V>(self, key: F) -> RateLimit<By<F>>
    where
        F: Fn(&Parts) -> V + Send + Sync + 'static,
        V: KeyPart,
    {
        self.keyed(key::by(key))
    }

    /// Counts by a [`Key`] of your own.
    pub fn keyed<K: Key>(self, key: K) -> RateLimit<K> {
        RateLimit {
            key,
            options: Options::new(self.0),
        }
    }
}

macro_rules! ipv6_prefix {
    ($($key:ident)*) => {$(
        impl RateLimit<$key> {
            /// The bits of an IPv6 address that count, 64 unless told: the least that a provider
            /// gives to one customer, who has all the addresses in it.
            ///
            /// # Errors
            ///
            /// If it is not 1 to 128.
            pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
                self.key = self.key.ipv6_prefix(bits)?;
                Ok(self)
            }
        }
    )*};
}
ipv6_prefix!(ByPeer ByClientIp);

impl<K: Key> RateLimit<K> {
    /// Stands inside authentication, at stage [`Quota`](crate::stage::Quota), because the key is
    /// made from what is known only there.
    pub fn after_auth(self) -> RateLimit<AfterAuth<K>> {
        RateLimit {
            key: AfterAuth(self.key),
            options: self.options,
        }
    }
}
