//! The methods by which the builders of limits choose a key, written once.

/// Adds `by_peer`, `by_client_ip`, .. to a builder. `$keyed<K>` is what they return, `$limit<K>` the
/// limit with a key, and `$finish` makes a `Result` of the limit from `$keyed`. The builder has a
/// private `with_key`. The part before it documents the errors of all methods.
#[cfg(any(feature = "concurrency-limit", feature = "rate-limit"))]
macro_rules! key_methods {
    ($(#[$errors:meta])* $builder:ident => $keyed:ident, $limit:ident, $finish:path) => {
        impl $builder {
            /// Counts by the address of the peer, the other end of the connection; see
            /// [`key::peer`](crate::key::peer).
            ///
            /// Behind a proxy the peer is the proxy: all of its clients are counted together. IPv6
            /// addresses count by their /64 network; see `ipv6_prefix`.
            ///
            $(#[$errors])*
            pub fn by_peer(self) -> $keyed<crate::request::key::ByPeer> {
                self.with_key(crate::request::key::peer())
            }

            /// Counts by the address of the client, which `with_client_ip` provides: the peer's, or
            /// what a trusted proxy says; see [`key::client_ip`](crate::key::client_ip).
            ///
            /// The stack does not compile unless a layer listed before the limit provides
            /// [`ClientIp`](crate::ClientIp). IPv6 addresses count by their /64 network; see
            /// `ipv6_prefix`.
            ///
            $(#[$errors])*
            pub fn by_client_ip(self) -> $keyed<crate::request::key::ByClientIp> {
                self.with_key(crate::request::key::client_ip())
            }

            /// Counts by a part of the principal, which `with_auth` provides; see
            /// [`key::principal`](crate::key::principal).
            ///
            /// The stack does not compile unless `with_auth` of these claims is listed before the
            /// limit, which stands at stage [`Quota`](crate::stage::Quota). The closure returns a
            /// reference, so nothing is copied; for a computed value there is
            /// [`key::principal_value`](crate::key::principal_value), and for two parts a tuple of
            /// [`key::principal`](crate::key::principal).
            ///
            $(#[$errors])*
            #[cfg(feature = "auth")]
            pub fn by_principal<C, V, F>(self, part: F) -> $keyed<crate::request::key::ByPrincipal<C, F>>
            where
                C: Send + Sync + 'static,
                F: Fn(&C) -> &V + Send + Sync + 'static,
                V: crate::request::key::KeyPart + ToOwned<Owned: crate::request::key::KeyPart> + ?Sized,
            {
                self.with_key(crate::request::key::principal(part))
            }

            /// Counts by a parameter of the path, for all clients together; see
            /// [`key::path_param`](crate::key::path_param).
            ///
            $(#[$errors])*
            #[cfg(feature = "axum")]
            pub fn by_path_param(
                self,
                name: impl Into<std::borrow::Cow<'static, str>>,
            ) -> $keyed<crate::request::key::ByPathParam> {
                self.with_key(crate::request::key::path_param(name))
            }

            /// Counts by method and route, for all clients together; see
            /// [`key::route`](crate::key::route).
            ///
            $(#[$errors])*
            #[cfg(feature = "axum")]
            pub fn by_route(self) -> $keyed<crate::request::key::ByRoute> {
                self.with_key(crate::request::key::route())
            }

            /// Counts by what a closure returns for the head of the request; see
            /// [`key::by`](crate::key::by).
            ///
            /// `Option` is a value like any other: all requests without a key are counted together,
            /// and never pass unlimited.
            ///
            /// # Security
            ///
            /// A client that can choose its key has as many limits as it likes, and fills memory
            /// with keys: do not use a header field that nobody has verified.
            ///
            $(#[$errors])*
            pub fn by<F, V>(self, key: F) -> $keyed<crate::request::key::By<F>>
            where
                F: Fn(&crate::request::RequestHead<'_>) -> V + Send + Sync + 'static,
                V: crate::request::key::KeyPart,
            {
                self.with_key(crate::request::key::by(key))
            }

            /// Counts by a header field as the client has sent it.
            ///
            /// # Security
            ///
            /// A client that can choose its key has as many limits as it likes, and fills memory
            /// with keys: see
            /// [`key::dangerously_client_header`](crate::key::dangerously_client_header).
            ///
            /// # Errors
            ///
            /// If it is not the name of a header field, or the limit itself is impossible.
            pub fn dangerously_by_client_header(
                self,
                name: &str,
            ) -> Result<$limit<crate::request::key::ByClientHeader>, crate::wire::ConfigError> {
                let key = crate::request::key::dangerously_client_header(name)?;
                $finish(self.with_key(key))
            }
        }
    };
}

/// Adds `ipv6_prefix` to the limits whose key is an address.
macro_rules! ipv6_prefix {
    ($limit:ident) => {
        ipv6_prefix!(@ $limit ByPeer);
        ipv6_prefix!(@ $limit ByClientIp);
    };
    (@ $limit:ident $key:ident) => {
        impl $limit<crate::request::key::$key> {
            /// How many bits of an IPv6 address count, by default 64: the smallest network that a
            /// provider gives to one customer, who has all addresses in it.
            ///
            /// # Errors
            ///
            /// If it is not 1 to 128.
            pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, crate::wire::ConfigError> {
                self.key = self.key.ipv6_prefix(bits)?;
                Ok(self)
            }
        }
    };
}

pub(crate) use ipv6_prefix;
#[cfg(any(feature = "concurrency-limit", feature = "rate-limit"))]
pub(crate) use key_methods;
