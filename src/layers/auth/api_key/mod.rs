//! Verifies API keys: [`ApiKey`].

mod base62;
mod format;
mod generated;
mod hash;
mod lookup;
mod refusal;
mod settings;
mod source;

use std::{error::Error, fmt, future::Future, sync::Arc};

use http::{HeaderValue, StatusCode, request::Parts};

pub use format::ApiKeyFormat;
pub use generated::GeneratedKey;
pub use hash::ApiKeyHash;
pub use refusal::ApiKeyRefusal;

use self::{
    lookup::{Found, Lookup},
    settings::Settings,
    source::Places,
};
use super::{Authenticate, Verdict, own_field::own_field};
use crate::{contract::Description, wire::ConfigError};

/// Verifies an API key and finds out whose it is, as a `P`: a scheme for
/// [`with_auth`](crate::with_auth).
///
/// The key comes in the field `X-Api-Key`, in [another one](Self::header), or
/// [as a bearer token](Self::bearer). It passes if all of this holds:
///
/// 1. it is the only key of the request;
/// 2. it is at most 256 bytes long ([`max_length`](Self::max_length)), of the characters that a
///    bearer token may have: `A-Z a-z 0-9 - . _ ~ + /`, and `=` at its end;
/// 3. it is of the [form](ApiKeyFormat) of this server's keys, if they have one: a key with another
///    prefix or a wrong checksum is refused without a lookup;
/// 4. the lookup knows it: by its hash, or by its id, and then its hash is the one that is stored.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::HashMap;
///
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{Layer, ServiceExt, service_fn};
/// use wythe::{ApiKey, ApiKeyFormat, Auth, with_auth};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct Partner(&'static str);
///
/// let format = ApiKeyFormat::new("wy_live")?;
/// let key = format.generate()?;
/// // What the store has of it.
/// let keys = HashMap::from([(key.id().to_owned(), (key.hash(), Partner("acme")))]);
///
/// let scheme = ApiKey::lookup_id(format, move |id| keys.get(id).cloned());
/// let service = with_auth(scheme).layer(service_fn(|request: Request<Full<Bytes>>| async move {
///     let partner = request.extensions().get::<Auth<Partner>>();
///     assert_eq!(partner.unwrap().0, Partner("acme"));
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("welcome")))
/// }));
///
/// let request = Request::get("/").header("x-api-key", key.secret().expose());
/// let response = service.clone().oneshot(request.body(Full::default())?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
///
/// let response = service.oneshot(Request::get("/").body(Full::default())?).await?;
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()["www-authenticate"], r#"ApiKey realm="api", header="x-api-key""#);
/// # Ok(()) }
/// ```
///
/// # Responses
///
/// | status | when | `WWW-Authenticate` |
/// |---|---|---|
/// | 400 | several keys, or what can't be one | |
/// | 401 | no key, or a wrong one | `ApiKey realm="api", header="x-api-key"` |
/// | 503 | the lookup fails | |
///
/// About keys that come as bearer tokens, the answers are those of RFC 6750: a challenge `Bearer`
/// with `error="invalid_request"` for the 400 and `error="invalid_token"` for a wrong key. The
/// cause of the `Problem` is an [`ApiKeyRefusal`].
///
/// A 401 must have a challenge (RFC 9110, section 15.5.2), and IANA has no scheme for keys in a
/// field of their own. `ApiKey` is none that clients know: it is there to be read.
///
/// # Order
///
/// With [`or`](Authenticate::or), the first scheme that finds credentials decides. `Jwt` takes every
/// bearer token for its own, and so do keys as bearer tokens, unless they take
/// [those of their prefix only](Self::own_prefix_only). Then list them first:
///
/// | | |
/// |---|---|
/// | `jwt.or(keys)` | keys in a field of their own |
/// | `keys.or_bearer().own_prefix_only()?.or(jwt)` | keys there and as bearer tokens |
///
/// # Security
///
/// - The store has hashes: whoever reads it, in a backup or by an injection, has no key. Why one
///   round of SHA-256 is enough, and for which keys it is not, says [`ApiKeyHash`].
/// - A lookup by hash may use an index that is no constant-time comparison. Its time tells at most
///   how far the hash of a guess agrees with a stored one, and from that nobody can find a better
///   guess. A lookup by id asks the index for what is public, and the hashes are compared here, in
///   constant time. Never look up by the key itself.
/// - A key is valid until the lookup no longer knows it: to revoke one, delete it; to let one
///   expire, do not find it any more.
/// - The key is still in the request's head, where handlers and layers further in see it, and where
///   a log of all fields would write it.
///
/// # Compared with
///
/// A `HashMap` of plain keys, or `==` over them, is what most examples show: it leaks the keys with
/// the configuration, and by its time how much of a guess is right.
#[must_use]
pub struct ApiKey<P> {
    settings: Arc<Settings>,
    lookup: Lookup<P>,
}

impl<P> ApiKey<P> {
    /// A few keys that are known at start, from a configuration: the hash of each and whose it is.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::ApiKey;
    ///
    /// // From the environment or a file; `printf %s "$KEY" | sha256sum` makes one.
    /// let hash = "af270d01f34fb7956eca6cee1547160574df0df89a16c2584b9adc2485071e53";
    /// let keys = ApiKey::list([(hash.parse()?, "acme")])?;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no key, more than 256, or one twice.
    pub fn list(keys: impl IntoIterator<Item = (ApiKeyHash, P)>) -> Result<Self, ConfigError>
    where
        P: Clone + Send + Sync + 'static,
    {
        Ok(Self::new(None, lookup::list(keys.into_iter().collect())?))
    }

    /// Finds out by the key's hash whose it is: in memory, without a wait.
    pub fn lookup<F>(find: F) -> Self
    where
        F: Fn(&ApiKeyHash) -> Option<P> + Send + Sync + 'static,
    {
        Self::new(None, lookup::by_hash(find))
    }

    /// Finds out by the key's hash whose it is: in a store. An error of the store is answered 503.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ApiKey, ApiKeyHash};
    /// # #[derive(Clone)] struct Partner;
    /// # #[derive(Clone)] struct Store;
    /// # impl Store {
    /// #     async fn partner(&self, _: &[u8; 32]) -> Result<Option<Partner>, std::io::Error> {
    /// #         Ok(None)
    /// #     }
    /// # }
    /// # let store = Store;
    ///
    /// let scheme = ApiKey::lookup_async(move |hash: ApiKeyHash| {
    ///     let store = store.clone();
    ///     // SELECT partner FROM api_keys WHERE hash = $1 AND expires > now()
    ///     async move { store.partner(hash.as_bytes()).await }
    /// });
    /// ```
    pub fn lookup_async<F, A, E>(find: F) -> Self
    where
        F: Fn(ApiKeyHash) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<P>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::new(None, lookup::by_hash_later(find))
    }

    /// Finds out by the key's id what is stored of it, its hash and whose it is: in memory, without
    /// a wait. Only keys of this form with a right checksum are looked up.
    pub fn lookup_id<F>(format: ApiKeyFormat, find: F) -> Self
    where
        F: Fn(&str) -> Option<(ApiKeyHash, P)> + Send + Sync + 'static,
    {
        Self::new(Some(format), lookup::by_id(find))
    }

    /// Finds out by the key's id what is stored of it: in a store. An error of the store is
    /// answered 503.
    pub fn lookup_id_async<F, A, E>(format: ApiKeyFormat, find: F) -> Self
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<(ApiKeyHash, P)>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::new(Some(format), lookup::by_id_later(find))
    }

    /// The name of the field that the key comes in; `X-Api-Key`, unless said.
    ///
    /// # Errors
    ///
    /// If it can't be a field's name, or is that of a field with a syntax of its own, such as
    /// `Authorization`.
    pub fn header(self, name: &str) -> Result<Self, ConfigError> {
        let instead = "`Authorization` and `Cookie` hold more than a key: see `bearer`";
        let name = own_field("ApiKey", name, instead)?;
        self.try_change(|settings| settings.name = name)
    }

    /// Takes keys as bearer tokens (RFC 6750) and no longer in a field of their own.
    pub fn bearer(self) -> Self {
        self.change(|settings| settings.places = Places::Bearer)
    }

    /// Takes keys as bearer tokens as well as in a field of their own.
    pub fn or_bearer(self) -> Self {
        self.change(|settings| settings.places = Places::Either)
    }

    /// Takes only bearer tokens that begin with the prefix of the keys' [form](Self::format), and
    /// leaves others to another scheme: list that one after this.
    ///
    /// A bearer token with the prefix is a key, right or wrong, and never the other scheme's.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ApiKey, ApiKeyFormat, Authenticate, Jwt, with_auth};
    ///
    /// #[derive(Clone, serde::Deserialize)]
    /// struct Caller {
    ///     sub: String,
    /// }
    ///
    /// # let secret = "a secret of at least 32 bytes for it";
    /// let keys = ApiKey::lookup_id(ApiKeyFormat::new("wy_live")?, |_| None);
    /// let jwt = Jwt::<Caller>::hs256(secret)?;
    /// let layer = with_auth(keys.bearer().own_prefix_only()?.or(jwt));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the keys have no form yet.
    ///
    /// # Security
    ///
    /// Without another scheme beside it, a bearer token with another prefix counts as none: it is
    /// answered 401 all the same, but passes where credentials are
    /// [optional](crate::With::optional).
    pub fn own_prefix_only(self) -> Result<Self, ConfigError> {
        if self.settings.format.is_none() {
            let message = "keys without a form have no prefix: call `format` before";
            return Err(ConfigError::new("ApiKey", message));
        }
        Ok(self.change(|settings| settings.own_prefix_only = true))
    }

    /// The form of all keys: others are refused without a lookup.
    pub fn format(self, format: ApiKeyFormat) -> Self {
        self.change(|settings| settings.format = Some(format))
    }

    /// The most bytes that a key may have; 256, unless said.
    pub fn max_length(self, bytes: usize) -> Self {
        self.change(|settings| settings.max_length = bytes)
    }

    /// The realm of the challenges; `api`, unless said.
    ///
    /// # Errors
    ///
    /// If it holds anything but visible ASCII characters and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ConfigError> {
        self.try_change(|settings| settings.realm = realm.into())
    }

    fn new(format: Option<ApiKeyFormat>, lookup: Lookup<P>) -> Self {
        Self {
            settings: Arc::new(Settings::new(format)),
            lookup,
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// A change of what the answers depend on.
    fn try_change(self, change: impl FnOnce(&mut Settings)) -> Result<Self, ConfigError> {
        let changed = self.change(change);
        let settings = Settings::clone(&changed.settings).answering()?;
        Ok(Self {
            settings: Arc::new(settings),
            lookup: changed.lookup,
        })
    }
}

impl<P: Send + 'static> Authenticate for ApiKey<P> {
    type Principal = P;

    fn challenge(&self) -> HeaderValue {
        self.settings.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<P> {
        let (place, key) = match self.settings.find(&head.headers) {
            Ok(None) => return Verdict::Missing,
            Ok(Some(found)) => found,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        let found = match self.settings.read(key) {
            Ok(key) => self.lookup.find(&key),
            Err(reason) => Found::Now(Err(reason)),
        };
        match found {
            Found::Now(Ok(principal)) => Verdict::Verified(principal),
            Found::Now(Err(reason)) => Verdict::Refused(self.settings.refusal(place, reason)),
            Found::Later(answer) => {
                let settings = Arc::clone(&self.settings);
                Verdict::wait(async move {
                    match answer.await {
                        Ok(Ok(principal)) => Verdict::Verified(principal),
                        Ok(Err(reason)) => Verdict::Refused(settings.refusal(place, reason)),
                        // The store is down, which says nothing of the key.
                        Err(cause) => Verdict::unchecked("ApiKey", cause),
                    }
                })
            }
        }
    }

    fn describe(&self, layer: Description) -> Description {
        let layer = layer.answers(
            StatusCode::BAD_REQUEST,
            "with several API keys, or what can't be one",
        );
        if self.lookup.waits() {
            return layer.answers(
                StatusCode::SERVICE_UNAVAILABLE,
                "when the API key can't be looked up",
            );
        }
        layer
    }
}

impl<P> Clone for ApiKey<P> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            lookup: self.lookup.clone(),
        }
    }
}

impl<P> fmt::Debug for ApiKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &*self.settings;
        f.debug_struct("ApiKey")
            .field("header", &settings.name)
            .field("places", &settings.places)
            .field("format", &settings.format)
            .field("own_prefix_only", &settings.own_prefix_only)
            .field("max_length", &settings.max_length)
            .finish_non_exhaustive()
    }
}
