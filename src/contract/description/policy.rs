//! What a layer reads, whom it shares responses with, and what it tells caches.

use std::{borrow::Cow, fmt};

use http::{HeaderName, Method};

use super::answer::Methods;
use crate::wire::field::cache_control::directives;

/// The input that a layer reads from a request.
///
/// # Example
///
/// ```
/// use wythe::description::{RequestInput, InputSource};
///
/// let input = RequestInput::new(InputSource::Body, "Upload")
///     .media_type("image/png")
///     .media_type("image/jpeg")
///     .max_bytes(5_000_000);
/// assert_eq!(input.media_types(), ["image/png", "image/jpeg"]);
/// assert_eq!(input.when_too_large(), "when the body has more than 5000000 bytes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RequestInput {
    source: InputSource,
    type_name: Cow<'static, str>,
    name: Option<Cow<'static, str>>,
    media_types: Vec<Cow<'static, str>>,
    max_bytes: Option<u64>,
    is_optional: bool,
    description: Option<Cow<'static, str>>,
    pattern: Option<Cow<'static, str>>,
    path_check: Option<PathCheck>,
    has_nested_keys: bool,
    rejects_unknown_names: bool,
    methods: Methods,
}

/// Says why path parameters with these names do not fit an input.
#[derive(Clone, Copy)]
struct PathCheck(fn(&[&str]) -> Result<(), String>);

impl PartialEq for PathCheck {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for PathCheck {}

impl fmt::Debug for PathCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PathCheck(..)")
    }
}

/// The part of a request that is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InputSource {
    /// The body.
    Body,
    /// Cookies.
    Cookie,
    /// Header fields.
    Header,
    /// The parameters of the path.
    Path,
    /// The query of the URI.
    Query,
}

impl RequestInput {
    /// An input that becomes a value of the type of this name.
    pub fn new(source: InputSource, type_name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            source,
            type_name: type_name.into(),
            name: None,
            media_types: Vec::new(),
            max_bytes: None,
            is_optional: false,
            description: None,
            pattern: None,
            path_check: None,
            has_nested_keys: false,
            rejects_unknown_names: false,
            methods: Methods::ALL,
        }
    }

    /// A single text with this name: a header field, a cookie, or a parameter of the query.
    pub fn parameter(source: InputSource, name: impl Into<Cow<'static, str>>) -> Self {
        let mut input = Self::new(source, "String");
        input.name = Some(name.into());
        input
    }

    /// The request may lack the input.
    pub const fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// The layer reads the input only of requests whose method the function accepts.
    pub const fn to_methods(mut self, accepts: fn(&Method) -> bool) -> Self {
        self.methods = Methods(accepts);
        self
    }

    /// Whether the layer reads the input of requests of this method.
    #[must_use]
    pub fn is_read_of(&self, method: &Method) -> bool {
        self.methods.contain(method)
    }

    /// What a single text means, for the document.
    pub fn description(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// The names of a form or a query may be nested: `address[city]`.
    pub const fn nested_keys(mut self) -> Self {
        self.has_nested_keys = true;
        self
    }

    /// Names that the type does not have are rejected.
    pub const fn reject_unknown_names(mut self) -> Self {
        self.rejects_unknown_names = true;
        self
    }

    /// A regular expression (ECMA-262) for the values of a single text.
    pub fn pattern(mut self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// Adds a media type that is accepted.
    pub fn media_type(mut self, media_type: impl Into<Cow<'static, str>>) -> Self {
        self.media_types.push(media_type.into());
        self
    }

    /// The largest body that is read, in bytes.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// How an [`Api`](crate::Api) checks at startup that a route has the parameters that the input
    /// takes: the function gets their names, and returns the reason why they do not fit.
    pub const fn path_check(mut self, check: fn(&[&str]) -> Result<(), String>) -> Self {
        self.path_check = Some(PathCheck(check));
        self
    }

    /// Whether the input can be made from path parameters with these names.
    ///
    /// # Errors
    ///
    /// The reason why it can't: a parameter is missing, for example.
    pub fn fits_path(&self, names: &[&str]) -> Result<(), String> {
        self.path_check
            .map_or(Ok(()), |PathCheck(check)| check(names))
    }

    /// The part of the request.
    #[must_use]
    pub const fn source(&self) -> InputSource {
        self.source
    }

    /// The name of a single text; `None` for an input whose names are those of its schema.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the request may lack the input.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// Whether the names of a form or a query may be nested.
    #[must_use]
    pub const fn has_nested_keys(&self) -> bool {
        self.has_nested_keys
    }

    /// Whether names that the type does not have are rejected.
    #[must_use]
    pub const fn rejects_unknown_names(&self) -> bool {
        self.rejects_unknown_names
    }

    /// What a single text means.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// A regular expression for the values of a single text.
    #[must_use]
    pub fn value_pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    /// The name of the type, without the paths of modules: `Json<NewUser>`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The media types of a body that are accepted; any if the list is empty. `application/json` stands
    /// for all `application/*+json` as well.
    #[must_use]
    pub fn media_types(&self) -> &[Cow<'static, str>] {
        &self.media_types
    }

    /// The largest body that is read, in bytes.
    #[must_use]
    pub const fn max_body_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// When a body is too large, in the words of an [`Answer`](super::Answer).
    #[must_use]
    pub fn when_too_large(&self) -> String {
        self.max_bytes.map_or_else(
            || "when the body is too large".to_owned(),
            |bytes| format!("when the body has more than {bytes} bytes"),
        )
    }
}

/// Protection from cross-site request forgery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CsrfProtection {
    exempt_routes: Vec<String>,
    trusted_origins: Vec<String>,
    token_field: Option<HeaderName>,
}

impl CsrfProtection {
    /// Protects every route.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route that is not protected.
    pub fn exempt(mut self, route: impl Into<String>) -> Self {
        self.exempt_routes.push(route.into());
        self
    }

    /// Adds an origin whose pages may send requests: one that is trusted, or one of the server. It may be a
    /// pattern for a part of a label, as in `https://app-*.example.com`.
    pub fn trust(mut self, origin: impl Into<String>) -> Self {
        self.trusted_origins.push(origin.into());
        self
    }

    /// The header field of a token that requests need, or may need.
    pub fn token(mut self, field: HeaderName) -> Self {
        self.token_field = Some(field);
        self
    }

    /// The routes that are not protected, as they are written in the router.
    #[must_use]
    pub fn exempt_routes(&self) -> &[String] {
        &self.exempt_routes
    }

    /// The origins whose pages may send requests, as they are written in `Origin`, or as patterns. Those of
    /// the same origin always may, and are not listed.
    #[must_use]
    pub fn trusted_origins(&self) -> &[String] {
        &self.trusted_origins
    }

    /// The header field of a token that requests need, or may need.
    #[must_use]
    pub const fn token_field(&self) -> Option<&HeaderName> {
        self.token_field.as_ref()
    }
}

/// What pages of other origins may do: cross-origin resource sharing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct CrossOriginAccess {
    origins: Cow<'static, str>,
    listed_origins: Vec<String>,
    methods: Option<Vec<Method>>,
    allows_credentials: bool,
}

impl CrossOriginAccess {
    /// Access for these origins, in words: `any origin`, `https://app.example.com`. All methods are
    /// allowed, without credentials.
    pub fn new(origins: impl Into<Cow<'static, str>>) -> Self {
        Self {
            origins: origins.into(),
            listed_origins: Vec::new(),
            methods: None,
            allows_credentials: false,
        }
    }

    /// Adds an exact origin that is allowed.
    pub fn listed_origin(mut self, origin: impl Into<String>) -> Self {
        self.listed_origins.push(origin.into());
        self
    }

    /// The only methods that preflights allow.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = Some(methods.into_iter().collect());
        self
    }

    /// Requests may have credentials.
    pub const fn credentials(mut self) -> Self {
        self.allows_credentials = true;
        self
    }

    /// The origins, in words.
    #[must_use]
    pub fn origins(&self) -> &str {
        &self.origins
    }

    /// The exact origins that are allowed, as they are written in `Origin`. Patterns and functions may
    /// allow others.
    #[must_use]
    pub fn listed_origins(&self) -> &[String] {
        &self.listed_origins
    }

    /// The methods that preflights allow; `None` if they allow any. A browser sends no preflight for
    /// GET, HEAD and some POST requests.
    #[must_use]
    pub fn allowed_methods(&self) -> Option<&[Method]> {
        self.methods.as_deref()
    }

    /// Whether a preflight allows this method.
    #[must_use]
    pub fn allows_method(&self, method: &Method) -> bool {
        let methods = self.methods.as_ref();
        methods.is_none_or(|methods| methods.contains(method))
    }

    /// Whether requests may have credentials.
    #[must_use]
    pub const fn allows_credentials(&self) -> bool {
        self.allows_credentials
    }
}

/// What a layer tells caches.
///
/// # Example
///
/// ```
/// use wythe::description::{CachePolicy, CacheScope};
///
/// let policy = CachePolicy::new("public, max-age=60").when_authenticated("private, max-age=60");
/// assert_eq!(policy.scope(), CacheScope::Public);
/// assert_eq!(policy.scope_when_authenticated(), CacheScope::Private);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct CachePolicy {
    directives: String,
    when_authenticated: String,
    scope: CacheScope,
    scope_when_authenticated: CacheScope,
}

/// Which caches may store a response, from none to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CacheScope {
    /// None: `no-store`.
    Nothing,
    /// That of the client: `private`.
    Private,
    /// The directives do not say it: it depends on the request and the rest of the response (RFC 9111,
    /// section 3).
    Unspecified,
    /// All: `public`, `s-maxage`.
    Public,
}

impl CachePolicy {
    /// A policy with these directives of `Cache-Control`, for authenticated requests as well.
    pub fn new(directives: impl Into<String>) -> Self {
        let directives = directives.into();
        let scope = CacheScope::of(&directives);
        Self {
            when_authenticated: directives.clone(),
            directives,
            scope,
            scope_when_authenticated: scope,
        }
    }

    /// Other directives for authenticated requests.
    pub fn when_authenticated(mut self, directives: impl Into<String>) -> Self {
        self.when_authenticated = directives.into();
        self.scope_when_authenticated = CacheScope::of(&self.when_authenticated);
        self
    }

    /// Adds a policy that applies to some responses or caches: to those of one status, or to a CDN. The
    /// scope becomes the wider of the two.
    pub fn or(mut self, other: &Self) -> Self {
        self.scope = self.scope.max(other.scope);
        let authenticated = other.scope_when_authenticated;
        self.scope_when_authenticated = self.scope_when_authenticated.max(authenticated);
        self
    }

    /// The directives, as they are sent; may be empty.
    #[must_use]
    pub fn directives(&self) -> &str {
        &self.directives
    }

    /// The directives for authenticated requests.
    #[must_use]
    pub fn directives_when_authenticated(&self) -> &str {
        &self.when_authenticated
    }

    /// Which caches may store a response.
    #[must_use]
    pub const fn scope(&self) -> CacheScope {
        self.scope
    }

    /// Which caches may store the response to an authenticated request.
    #[must_use]
    pub const fn scope_when_authenticated(&self) -> CacheScope {
        self.scope_when_authenticated
    }
}

impl CacheScope {
    /// The scope of these directives. An argument of `private` names fields and leaves the rest of the
    /// response to all caches (RFC 9111, section 5.2.2.7).
    fn of(text: &str) -> Self {
        let found: Vec<_> = directives(text.as_bytes()).flatten().collect();
        let has = |name: &str| found.iter().any(|directive| directive.is(name));
        if has("no-store") {
            Self::Nothing
        } else if has("public") || has("s-maxage") {
            Self::Public
        } else if found
            .iter()
            .any(|directive| directive.is("private") && directive.argument.is_none())
        {
            Self::Private
        } else {
            Self::Unspecified
        }
    }
}

/// `public`, `private`, `no-store` or `unspecified`.
impl fmt::Display for CacheScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "no-store",
            Self::Private => "private",
            Self::Unspecified => "unspecified",
            Self::Public => "public",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::CacheScope;

    #[test]
    fn directives_tell_which_caches_may_store() {
        let cases = [
            ("", CacheScope::Unspecified),
            ("no-store", CacheScope::Nothing),
            ("must-understand, no-store, max-age=60", CacheScope::Nothing),
            ("Private, max-age=60", CacheScope::Private),
            (
                "private=\"set-cookie\", max-age=60",
                CacheScope::Unspecified,
            ),
            ("max-age=60", CacheScope::Unspecified),
            ("max-age=60, s-maxage=90", CacheScope::Public),
            ("public", CacheScope::Public),
        ];
        for (text, scope) in cases {
            assert_eq!(CacheScope::of(text), scope, "{text}");
        }
    }
}
