//! The policy, [`Versions`], the layer, and [`ApiVersion`].

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;

use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, Provided, ReplyBody, Step, With,
        description::{
            Answer, InputSource, NoVersion, RequestInput, VersionCarrier, VersionPolicy,
        },
        stage, with,
    },
    request::original_uri,
    wire::{ConfigError, Problem, field::vary},
};

const NAME: &str = "with_version";

/// Finds out which version of the API a request is for, and provides it as [`ApiVersion`]; see the
/// [module](super).
pub const fn with_version(versions: Versions) -> With<Versions> {
    with(versions)
}

/// The versions of an API, and where a request names one: the policy of [`with_version`].
///
/// # Example
///
/// ```
/// use wythe::Versions;
///
/// // `/api/v1/users`
/// let versions = Versions::by_path("/api", ["v1", "v2"])?;
/// // `Api-Version: 2`
/// let versions = Versions::by_field("api-version", ["1", "2"])?.default_version("1")?;
/// // `Accept: application/vnd.example.v2+json`
/// let versions = Versions::by_media_type("vnd.example", ["1", "2"])?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Versions(Arc<Inner>);

struct Inner {
    policy: VersionPolicy,
    versions: Vec<ApiVersion>,
    missing: Problem,
    unknown: Problem,
    unknown_content: Problem,
    several: Problem,
}

impl Versions {
    /// The version is the segment of the path after this prefix: with `/api`, the `v1` of
    /// `/api/v1/users`. The versions are listed oldest first, as they are written in the path.
    ///
    /// The prefix is that of the full path, even in nested routers.
    ///
    /// # Errors
    ///
    /// The prefix is neither empty nor of the form `/api`; the list is empty, or has a name twice, or one
    /// with characters other than letters, digits, `.`, `_` and `-`.
    pub fn by_path(
        prefix: &str,
        versions: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ConfigError> {
        Self::new(VersionCarrier::Path(prefix.to_owned()), versions)
    }

    /// The version is the value of this header field. The versions are listed oldest first.
    ///
    /// # Errors
    ///
    /// It is not the name of a field; the list is empty, has a name twice, or has one with characters
    /// other than letters, digits, `.`, `_` and `-`.
    pub fn by_field(
        field: &str,
        versions: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ConfigError> {
        let field: HeaderName = field.parse().map_err(|source| {
            ConfigError::new("Versions", format!("{field:?} is not the name of a field"))
                .because(source)
        })?;
        Self::new(VersionCarrier::Field(field), versions)
    }

    /// The version is part of the media type `application/<subtype>`, in `Accept` and `Content-Type`: with
    /// `vnd.example`, `application/vnd.example.v2+json` is version 2. The versions are listed oldest first.
    ///
    /// # Errors
    ///
    /// It is not a subtype without a suffix; the list is empty, has a name twice, or has one with
    /// characters other than letters, digits, `.`, `_` and `-`.
    pub fn by_media_type(
        subtype: &str,
        versions: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ConfigError> {
        Self::new(VersionCarrier::MediaType(subtype.to_owned()), versions)
    }

    /// The version of requests that name none. Without it, they are rejected.
    ///
    /// It should be the oldest: clients that name no version were written when there was only one.
    ///
    /// # Errors
    ///
    /// The version is not in the list, or the path names the version.
    pub fn default_version(self, name: &str) -> Result<Self, ConfigError> {
        let policy = self.0.policy.clone().with_default(name)?;
        Ok(Self::of(policy))
    }

    fn new(
        carrier: VersionCarrier,
        versions: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ConfigError> {
        VersionPolicy::new(carrier, versions).map(Self::of)
    }

    fn of(policy: VersionPolicy) -> Self {
        let names = policy.names();
        let supported = names.join(", ");
        let problem = |status: StatusCode, reason: &'static str, detail: String| {
            let problem = Problem::new(status)
                .reason(reason)
                .detail(format!("{detail} Supported: {supported}."))
                .extension("supported_versions", json!(names));
            match policy.varies_by() {
                Some(field) => problem.header(header::VARY, HeaderValue::from(field)),
                None => problem,
            }
        };
        let bad = StatusCode::BAD_REQUEST;
        let (missing, unknown, unknown_content, several) = match policy.carrier() {
            VersionCarrier::Path(_) => {
                let unknown = problem(
                    StatusCode::NOT_FOUND,
                    "unknown_version",
                    "The path has no supported version of the API.".to_owned(),
                );
                (unknown.clone(), unknown.clone(), unknown.clone(), unknown)
            }
            VersionCarrier::Field(field) => {
                let missing = format!("The version of the API is missing: send `{field}`.");
                let unknown = format!("The version of the API in `{field}` is not supported.");
                let several = format!("Send `{field}` once.");
                let unknown = problem(bad, "unknown_version", unknown);
                (
                    problem(bad, "no_version", missing),
                    unknown.clone(),
                    unknown,
                    problem(bad, "several_versions", several),
                )
            }
            VersionCarrier::MediaType(subtype) => {
                let example = format!("application/{subtype}.<version>+json");
                let types = names.iter().map(|name| {
                    let is_number = name.starts_with(|c: char| c.is_ascii_digit());
                    let v = if is_number { "v" } else { "" };
                    format!("application/{subtype}.{v}{name}+json")
                });
                let types = types.collect::<Vec<_>>().join(", ");
                let missing =
                    format!("The version of the API is missing: send `Accept: {example}`.");
                let unknown = "`Accept` has no supported version of the API.".to_owned();
                let content =
                    "The version of the API in `Content-Type` is not supported.".to_owned();
                let several =
                    "`Accept` and `Content-Type` have to name the same version of the API, once.";
                let content = problem(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unknown_version",
                    content,
                );
                // RFC 9110, section 15.5.16. Tokens are a valid value.
                let content = match HeaderValue::try_from(types) {
                    Ok(types) => content.header(header::ACCEPT, types),
                    Err(_) => content,
                };
                (
                    problem(bad, "no_version", missing),
                    problem(StatusCode::NOT_ACCEPTABLE, "unknown_version", unknown),
                    content,
                    problem(bad, "several_versions", several.to_owned()),
                )
            }
        };
        Self(Arc::new(Inner {
            versions: names
                .iter()
                .map(|name| ApiVersion(name.as_str().into()))
                .collect(),
            missing,
            unknown,
            unknown_content,
            several,
            policy,
        }))
    }
}

impl Inner {
    fn version_of<B>(&self, request: &Request<B>) -> Result<&ApiVersion, &Problem> {
        let path = original_uri(request.uri(), request.extensions()).path();
        let found = match self.policy.read(path, request.headers()) {
            // It is about the resource in all versions.
            Err(NoVersion::Missing) if *request.method() == Method::OPTIONS => {
                self.versions.last().ok_or(NoVersion::Missing)
            }
            found => found.and_then(|index| self.versions.get(index).ok_or(NoVersion::Unknown)),
        };
        found.map_err(|error| match error {
            NoVersion::Missing => &self.missing,
            NoVersion::Unknown => &self.unknown,
            NoVersion::UnknownContent => &self.unknown_content,
            NoVersion::Several => &self.several,
        })
    }
}

/// The version of the API that a request is for. [`with_version`] provides it.
///
/// # Example
///
/// ```
/// use wythe::ApiVersion;
///
/// async fn hello(version: ApiVersion) -> &'static str {
///     match version.as_str() {
///         "1" => "Hello!",
///         _ => "Hello, world!",
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiVersion(Arc<str>);

impl ApiVersion {
    /// The name, as the policy lists it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiVersion").field(&self.as_str()).finish()
    }
}

impl Provided for ApiVersion {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

impl Place for Versions {
    type Stage = stage::Admit;
    type Provides = Always<ApiVersion>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let Inner {
            policy,
            missing,
            unknown,
            unknown_content,
            several,
            ..
        } = &*self.0;
        let has_default = policy.default_name().is_some();
        let of = |problem: &Problem, when: &'static str| Answer::of(problem).when(when);
        let mut layer = Description::new(self.name()).versions(policy.clone());
        if let Some(field) = policy.varies_by() {
            layer = layer.field(header::VARY);
            if matches!(policy.carrier(), VersionCarrier::Field(_)) {
                let names = policy.names().iter().map(|name| name.replace('.', "\\."));
                let names = names.collect::<Vec<_>>().join("|");
                let input = RequestInput::parameter(InputSource::Header, field.as_str().to_owned())
                    .pattern(format!("^({names})$"))
                    .description("The version of the API.");
                layer = layer.reads(if has_default { input.optional() } else { input });
            }
        }
        let bad = match policy.carrier() {
            VersionCarrier::Path(_) => {
                return layer.answer(of(unknown, "when the path has no supported version"));
            }
            VersionCarrier::Field(_) => of(unknown, "without one supported version of the API"),
            VersionCarrier::MediaType(_) => {
                layer = layer
                    .answer(of(
                        unknown,
                        "when `Accept` has no supported version of the API",
                    ))
                    .answer(of(
                        unknown_content,
                        "when `Content-Type` has a version of the API that is not supported",
                    ));
                of(several, "without one version of the API")
            }
        };
        let bad = bad.or(several);
        layer.answer(if has_default { bad } else { bad.or(missing) })
    }
}

impl<B> Middleware<B> for Versions {
    type Carry = ();

    fn before(&self, mut request: Request<B>) -> Later<Step<B, ()>> {
        match self.0.version_of(&request) {
            Ok(version) => {
                let version = version.clone();
                request.extensions_mut().insert(version);
                Step::next(request, ())
            }
            Err(problem) => Step::reply(problem.clone()),
        }
    }

    fn after<R: ReplyBody>(&self, (): (), response: &mut Response<R>) {
        if let Some(field) = self.0.policy.varies_by() {
            vary::add_name(response.headers_mut(), &field);
        }
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Versions({}", self.0.policy)?;
        match self.0.policy.default_name() {
            Some(name) => write!(f, ", default {name})"),
            None => f.write_str(")"),
        }
    }
}
