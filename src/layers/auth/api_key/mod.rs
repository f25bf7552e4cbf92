//! API keys: [`ApiKey`].

mod key;
mod refusal;
mod source;

use std::{error::Error, fmt, future::Future, sync::Arc};

use http::{HeaderValue, StatusCode, request::Parts};

use self::source::{KeyLocations, KeySource, Presented};
pub use self::{
    key::{ApiKeyFormat, ApiKeyHash, GeneratedKey},
    refusal::ApiKeyRefusal,
};
use super::{Authenticate, Verdict, credential_header};
use crate::{
    contract::{
        Description, Later,
        description::{Answer, SchemeKind, SecurityScheme},
    },
    wire::{BoxError, ConfigError},
};

/// Verifies an API key and looks up its owner, a `P`: a scheme for [`with_auth`](crate::with_auth).
///
/// The key comes in the field `X-Api-Key`, in [another field](Self::header), or
/// [as a bearer token](Self::bearer). It is valid if all of these conditions hold:
///
/// 1. It is the only key of the request.
/// 2. It is at most 256 bytes long ([`max_length`](Self::max_length)) and consists of the characters
///    of a bearer token: `A-Z a-z 0-9 - . _ ~ + /`, and `=` at its end.
/// 3. It has the [format](ApiKeyFormat) of this server's keys, if one is set: a key with another
///    prefix or a wrong checksum is refused without a lookup.
/// 4. The lookup by its hash finds an owner; or the lookup by its id finds an owner and a stored hash
///    that equals the key's.
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
/// use wythe::{ApiKey, Auth, auth::ApiKeyFormat, with_auth};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct Partner(&'static str);
///
/// let format = ApiKeyFormat::new("wy_live")?;
/// let key = format.generate()?;
/// // What the store has of the key.
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
/// | 400 | several keys, or a malformed one | |
/// | 401 | no key, or an invalid one | `ApiKey realm="api", header="x-api-key"` |
/// | 503 | the lookup fails | |
///
/// For bearer tokens, the responses are those of RFC 6750: a `Bearer` challenge with
/// `error="invalid_request"` for the 400 and `error="invalid_token"` for an invalid key. The cause of
/// the `Problem` is an [`ApiKeyRefusal`].
///
/// A 401 must have a challenge (RFC 9110, section 15.5.2), and IANA has registered no scheme for keys
/// in a custom field. No client understands `ApiKey`: this challenge is for people.
///
/// # Order
///
/// With [`or`](Authenticate::or), the first scheme that finds credentials decides. `Jwt` claims every
/// bearer token, and so does a scheme that reads keys from bearer tokens, unless it takes [only those
/// with its own prefix](Self::own_prefix_only). In that case list the keys first:
///
/// | schemes | keys are sent |
/// |---|---|
/// | `jwt.or(keys)` | in their own field |
/// | `keys.or_bearer().own_prefix_only()?.or(jwt)` | in their own field or as bearer tokens |
///
/// # Security
///
/// - The store has only hashes: somebody who reads it, from a backup or through an injection, gets no
///   key. [`ApiKeyHash`] explains why one round of SHA-256 is enough, and for which keys it is not.
/// - A lookup by hash may use an index, which does not compare in constant time. Its timing reveals at
///   most how many leading bits the hash of a guess shares with a stored hash, which does not help to
///   find a better guess. A lookup by id uses the index for the public part only; the layer compares
///   the hashes in constant time. Never look up by the key itself.
/// - A key is valid as long as the lookup finds it. To revoke a key, delete it. To let it expire, have
///   the lookup ignore it from then on.
/// - The key stays in the request's head, where handlers and inner layers see it, and a log of all
///   fields would contain it.
///
/// # Compared with
///
/// Most examples show a `HashMap` of plain keys, or compare them with `==`: this leaks the keys along
/// with the configuration, and the timing reveals how much of a guess is right.
#[must_use]
pub struct ApiKey<P> {
    source: Arc<KeySource>,
    lookup: Lookup<P>,
}

/// Finds the owner of a key. Nothing asynchronous starts before the future is polled.
struct Lookup<P> {
    find: Arc<dyn Fn(&Presented<'_>) -> Later<Found<P>> + Send + Sync>,
    /// Whether it asks a store, which can fail.
    is_async: bool,
}

/// The owner of the key, or why it is refused; or the error of the store.
type Found<P> = Result<Result<P, ApiKeyRefusal>, BoxError>;

impl<P> ApiKey<P> {
    /// A few keys that are known at start, for example from a configuration: the hash and the owner of
    /// each.
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
    /// If the list is empty, has more than 256 keys, or contains a key twice.
    pub fn list(keys: impl IntoIterator<Item = (ApiKeyHash, P)>) -> Result<Self, ConfigError>
    where
        P: Clone + Send + Sync + 'static,
    {
        let keys: Vec<_> = keys.into_iter().collect();
        // Each request scans the whole list.
        const MAX_KEYS: usize = 256;
        let error = |message| Err(ConfigError::new("ApiKey", message));
        if keys.is_empty() {
            return error("an empty list of keys would refuse every request");
        }
        if keys.len() > MAX_KEYS {
            return error("the list has more than 256 keys: use `lookup` instead");
        }
        let mut others = keys.iter();
        while let Some((hash, _)) = others.next() {
            if others.clone().any(|(other, _)| other == hash) {
                return error("the list contains a key twice");
            }
        }
        Ok(Self::new(None, move |key| {
            let mut found = None;
            // The scan does not stop at a match, so that the time does not reveal the position of the
            // key.
            for (hash, principal) in &keys {
                if *hash == key.hash {
                    found = Some(principal);
                }
            }
            found.cloned().ok_or(ApiKeyRefusal::Unknown)
        }))
    }

    /// Looks up the owner by the key's hash, in memory.
    pub fn lookup<F>(find: F) -> Self
    where
        F: Fn(&ApiKeyHash) -> Option<P> + Send + Sync + 'static,
    {
        Self::new(None, move |key| {
            find(&key.hash).ok_or(ApiKeyRefusal::Unknown)
        })
    }

    /// Looks up the owner by the key's hash, in a store. An error of the store is answered 503.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ApiKey, auth::ApiKeyHash};
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
        let find = Arc::new(find);
        Self::new_async(None, move |key| {
            let (find, hash) = (Arc::clone(&find), key.hash);
            Later::pending(async move {
                let found = find(hash).await.map_err(Into::into)?;
                Ok(found.ok_or(ApiKeyRefusal::Unknown))
            })
        })
    }

    /// Looks up the stored hash and the owner by the key's id, in memory. Only keys in this format
    /// with a correct checksum are looked up.
    pub fn lookup_id<F>(format: ApiKeyFormat, find: F) -> Self
    where
        F: Fn(&str) -> Option<(ApiKeyHash, P)> + Send + Sync + 'static,
    {
        Self::new(Some(format), move |key| compare(&key.hash, find(key.id)))
    }

    /// Looks up the stored hash and the owner by the key's id, in a store. An error of the store is
    /// answered 503.
    pub fn lookup_id_async<F, A, E>(format: ApiKeyFormat, find: F) -> Self
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<(ApiKeyHash, P)>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let find = Arc::new(find);
        Self::new_async(Some(format), move |key| {
            let (find, hash, id) = (Arc::clone(&find), key.hash, key.id.to_owned());
            Later::pending(async move {
                let stored = find(id).await.map_err(Into::into)?;
                Ok(compare(&hash, stored))
            })
        })
    }

    /// The name of the field that contains the key; by default `X-Api-Key`.
    ///
    /// # Errors
    ///
    /// If it is not a valid field name, if the field has its own syntax, such as `Authorization`, or
    /// after [`bearer`](Self::bearer), which reads no such field.
    pub fn header(self, name: &str) -> Result<Self, ConfigError> {
        if self.source.locations == KeyLocations::Bearer {
            let message = format!(
                "keys are read only from bearer tokens, not from `{}`: call `or_bearer` instead of \
                 `bearer`",
                name.escape_debug()
            );
            return Err(ConfigError::new("ApiKey", message));
        }
        let instead = "`Authorization` and `Cookie` contain more than a key: see `bearer`";
        let name = credential_header("ApiKey", name, instead)?;
        self.try_change(|source| source.header = name)
    }

    /// Reads keys from bearer tokens (RFC 6750) instead of from their own field.
    pub fn bearer(self) -> Self {
        self.change(|source| source.locations = KeyLocations::Bearer)
    }

    /// Reads keys from bearer tokens as well as from their own field.
    pub fn or_bearer(self) -> Self {
        self.change(|source| source.locations = KeyLocations::Either)
    }

    /// Accepts only bearer tokens with the prefix of the keys' [format](Self::format), and leaves
    /// others to another scheme, which must be listed after this one.
    ///
    /// A bearer token with the prefix is treated as a key, valid or not, and never passed on to the
    /// other scheme.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ApiKey, Jwt, auth::{ApiKeyFormat, Authenticate}, with_auth};
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
    /// If no format has been set, or bearer tokens are not read.
    ///
    /// # Security
    ///
    /// Without another scheme, a bearer token with another prefix counts as no credentials: it is
    /// answered 401, but where credentials are [optional](crate::With::optional) the request passes.
    pub fn own_prefix_only(self) -> Result<Self, ConfigError> {
        if self.source.format.is_none() {
            let message = "keys without a format have no prefix: call `format` first";
            return Err(ConfigError::new("ApiKey", message));
        }
        if self.source.locations == KeyLocations::Field {
            let message =
                "keys are read only from their own field: call `bearer` or `or_bearer` first";
            return Err(ConfigError::new("ApiKey", message));
        }
        Ok(self.change(|source| source.own_prefix_only = true))
    }

    /// The format of all keys: others are refused without a lookup.
    ///
    /// # Errors
    ///
    /// If its keys are longer than [`max_length`](Self::max_length).
    pub fn format(self, format: ApiKeyFormat) -> Result<Self, ConfigError> {
        self.change(|source| source.format = Some(format))
            .with_possible_length()
    }

    /// The maximum length of a key in bytes; by default 256.
    ///
    /// # Errors
    ///
    /// If it is 0, or less than the length of the keys of the [format](ApiKeyFormat).
    pub fn max_length(self, bytes: usize) -> Result<Self, ConfigError> {
        self.change(|source| source.max_length = bytes)
            .with_possible_length()
    }

    /// The realm of the challenges; by default `api`.
    ///
    /// # Errors
    ///
    /// If it contains anything but visible ASCII characters and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ConfigError> {
        self.try_change(|source| source.realm = realm.into())
    }

    fn new(
        format: Option<ApiKeyFormat>,
        find: impl Fn(&Presented<'_>) -> Result<P, ApiKeyRefusal> + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Arc::new(KeySource::new(format)),
            lookup: Lookup {
                find: Arc::new(move |key| Later::Ready(Ok(find(key)))),
                is_async: false,
            },
        }
    }

    fn new_async(
        format: Option<ApiKeyFormat>,
        find: impl Fn(&Presented<'_>) -> Later<Found<P>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Arc::new(KeySource::new(format)),
            lookup: Lookup {
                find: Arc::new(find),
                is_async: true,
            },
        }
    }

    fn change(mut self, change: impl FnOnce(&mut KeySource)) -> Self {
        change(Arc::make_mut(&mut self.source));
        self
    }

    /// Checks that a key can be as short as the maximum length.
    fn with_possible_length(self) -> Result<Self, ConfigError> {
        let KeySource {
            format, max_length, ..
        } = &*self.source;
        let shortest = format.as_ref().map_or(1, ApiKeyFormat::key_length);
        if *max_length < shortest {
            let message = format!(
                "a maximum length of {max_length} bytes would refuse every key: allow at least \
                 {shortest}"
            );
            return Err(ConfigError::new("ApiKey", message));
        }
        Ok(self)
    }

    /// Changes an option that the answers depend on, and rebuilds the answers.
    fn try_change(self, change: impl FnOnce(&mut KeySource)) -> Result<Self, ConfigError> {
        let Self { source, lookup } = self.change(change);
        let source = Arc::unwrap_or_clone(source).with_answers()?;
        Ok(Self {
            source: Arc::new(source),
            lookup,
        })
    }
}

/// The owner of the key, if its hash is the stored one.
fn compare<P>(hash: &ApiKeyHash, stored: Option<(ApiKeyHash, P)>) -> Result<P, ApiKeyRefusal> {
    let (stored, principal) = stored.ok_or(ApiKeyRefusal::Unknown)?;
    if stored == *hash {
        Ok(principal)
    } else {
        Err(ApiKeyRefusal::Secret)
    }
}

impl<P: Clone + Send + Sync + 'static> Authenticate for ApiKey<P> {
    type Principal = P;

    fn challenge(&self) -> HeaderValue {
        self.source.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<P>> {
        let (place, key) = match self.source.find(&head.headers) {
            Ok(Some(found)) => found,
            Ok(None) => return Later::Ready(Verdict::Missing),
            Err(refusal) => return Later::Ready(Verdict::Refused(refusal)),
        };
        let found = match self.source.parse(key) {
            Ok(key) => (self.lookup.find)(&key),
            Err(reason) => Later::Ready(Ok(Err(reason))),
        };
        let source = Arc::clone(&self.source);
        found.map(move |found| match found {
            Ok(Ok(principal)) => source.verified(place, principal),
            Ok(Err(reason)) => Verdict::Refused(source.refusal(place, reason)),
            // The store is down, which says nothing about the key.
            Err(cause) => Verdict::failed("ApiKey", cause),
        })
    }

    fn describe(&self, layer: Description) -> Description {
        let scheme = SecurityScheme::new(SchemeKind::ApiKey, "ApiKey");
        let scheme = self.source.carriers().fold(scheme, SecurityScheme::carrier);
        let malformed = self.source.malformed();
        let layer = layer
            .scheme(scheme)
            .reasons(StatusCode::UNAUTHORIZED, ApiKeyRefusal::INVALID)
            .answer(malformed.when("with several API keys, or a malformed one"));
        if !self.lookup.is_async {
            return layer;
        }
        let unavailable = Answer::unavailable().when("when the API key cannot be looked up");
        layer.answer(unavailable)
    }
}

impl<P> Clone for ApiKey<P> {
    fn clone(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            lookup: Lookup {
                find: Arc::clone(&self.lookup.find),
                is_async: self.lookup.is_async,
            },
        }
    }
}

impl<P> fmt::Debug for ApiKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &*self.source;
        f.debug_struct("ApiKey")
            .field("header", &source.header)
            .field("places", &source.locations)
            .field("format", &source.format)
            .field("own_prefix_only", &source.own_prefix_only)
            .field("max_length", &source.max_length)
            .finish_non_exhaustive()
    }
}
