//! Which versions of an API there are, and how a request names one: [`VersionPolicy`]; and what is
//! announced about the end of a version: [`DeprecationNotice`].

use std::{fmt, time::SystemTime};

use http::{HeaderMap, HeaderName, header};

use crate::wire::{
    ConfigError,
    field::{
        accept::{MediaRange, ranges},
        http_date::HttpDate,
        is_token_byte, only_line,
    },
};

/// The versions of an API, and where a request names one of them.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "version")] {
/// use wythe::{Place, Versions, description::VersionCarrier, with_version};
///
/// let layer = with_version(Versions::by_field("api-version", ["1", "2"])?.default_version("1")?);
/// let description = layer.describe();
/// let policy = description.version_policy().unwrap();
/// assert_eq!(policy.names(), ["1", "2"]);
/// assert_eq!(policy.default_name(), Some("1"));
/// assert_eq!(*policy.carrier(), VersionCarrier::Field("api-version".parse().unwrap()));
/// # }
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct VersionPolicy {
    carrier: VersionCarrier,
    names: Vec<String>,
    default: Option<usize>,
}

/// Where a request names the version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionCarrier {
    /// The segment of the path after this prefix: `/api` for `/api/v1/users`.
    Path(String),
    /// This header field.
    Field(HeaderName),
    /// A media type with this subtype, in `Accept` and `Content-Type`: `vnd.example` for
    /// `application/vnd.example.v2+json` and `application/vnd.example+json;version=2`.
    MediaType(String),
}

/// Why a request has no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoVersion {
    /// It names none, and there is no default.
    Missing,
    /// It names one that is not supported.
    Unknown,
    /// Its content is of a version that is not supported.
    UnknownContent,
    /// It names several.
    Several,
}

impl VersionPolicy {
    pub(crate) fn new(
        carrier: VersionCarrier,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ConfigError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let error = |message: String| Err(ConfigError::new("Versions", message));
        if names.is_empty() {
            return error("the list of versions is empty".to_owned());
        }
        for (at, name) in names.iter().enumerate() {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if name.is_empty() || name.len() > 32 || !name.bytes().all(is_name) {
                return error(format!(
                    "{name:?} is not the name of a version: use 1 to 32 letters, digits, `.`, `_` \
                     and `-`"
                ));
            }
            let mut before = names.iter().take(at);
            if before.any(|other| other.eq_ignore_ascii_case(name)) {
                return error(format!("the version {name:?} is listed twice"));
            }
        }
        match &carrier {
            VersionCarrier::Path(prefix) => {
                let is_prefix = prefix.is_empty() || prefix.starts_with('/');
                if !is_prefix || prefix.ends_with('/') || prefix.contains(['{', '}', '?', '#']) {
                    return error(format!(
                        "{prefix:?} is not a prefix: write `/api` for `/api/v1/users`, and an \
                         empty string for `/v1/users`"
                    ));
                }
            }
            VersionCarrier::MediaType(subtype) => {
                if subtype.is_empty()
                    || !subtype
                        .bytes()
                        .all(|byte| is_token_byte(byte) && byte != b'+')
                {
                    return error(format!(
                        "{subtype:?} is not a subtype without a suffix: write `vnd.example` for \
                         `application/vnd.example+json`"
                    ));
                }
            }
            VersionCarrier::Field(_) => {}
        }
        Ok(Self {
            carrier,
            names,
            default: None,
        })
    }

    pub(crate) fn with_default(mut self, name: &str) -> Result<Self, ConfigError> {
        let error = |message: String| Err(ConfigError::new("Versions", message));
        if matches!(self.carrier, VersionCarrier::Path(_)) {
            return error(
                "a version in the path can't have a default: remove `.default_version(..)`"
                    .to_owned(),
            );
        }
        let Some(index) = self.names.iter().position(|known| known == name) else {
            return error(format!("the default version {name:?} is not in the list"));
        };
        self.default = Some(index);
        Ok(self)
    }

    /// The names of the versions, oldest first.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The version of a request that names none.
    #[must_use]
    pub fn default_name(&self) -> Option<&str> {
        self.default
            .and_then(|index| self.names.get(index))
            .map(String::as_str)
    }

    /// Where a request names the version.
    #[must_use]
    pub const fn carrier(&self) -> &VersionCarrier {
        &self.carrier
    }

    /// The field that responses depend on.
    pub(crate) fn varies_by(&self) -> Option<HeaderName> {
        match &self.carrier {
            VersionCarrier::Path(_) => None,
            VersionCarrier::Field(name) => Some(name.clone()),
            VersionCarrier::MediaType(_) => Some(header::ACCEPT),
        }
    }

    /// The version of a request with this full path and these fields, as an index into the names.
    pub(crate) fn read(&self, path: &str, headers: &HeaderMap) -> Result<usize, NoVersion> {
        match &self.carrier {
            VersionCarrier::Path(prefix) => self.of_path(prefix, path),
            VersionCarrier::Field(name) => match only_line(headers, name) {
                Ok(Some(value)) => self
                    .index(value.as_bytes().trim_ascii())
                    .ok_or(NoVersion::Unknown),
                Ok(None) => self.default.ok_or(NoVersion::Missing),
                Err(_) => Err(NoVersion::Several),
            },
            VersionCarrier::MediaType(subtype) => self.of_media_types(subtype, headers),
        }
    }

    /// The version in a path, also in that of a route.
    pub(crate) fn of_path(&self, prefix: &str, path: &str) -> Result<usize, NoVersion> {
        let rest = path.strip_prefix(prefix);
        let rest = rest.and_then(|rest| rest.strip_prefix('/'));
        let segment = rest.and_then(|rest| rest.split('/').next());
        let segment = segment.ok_or(NoVersion::Missing)?;
        // A path is case-sensitive, and the routes are.
        let mut names = self.names.iter();
        names
            .position(|name| name == segment)
            .ok_or(NoVersion::Unknown)
    }

    fn of_media_types(&self, subtype: &str, headers: &HeaderMap) -> Result<usize, NoVersion> {
        let content = only_line(headers, header::CONTENT_TYPE);
        let content = content.or(Err(NoVersion::Several))?;
        let content = content.and_then(|value| MediaRange::parse(value.as_bytes()));
        let content = match content.and_then(|content| version_in(&content, subtype)) {
            Some(Some(name)) => Some(self.index_in_type(&name).ok_or(NoVersion::UnknownContent)?),
            _ => None,
        };
        let accepted = self.accepted(subtype, headers, content)?;
        match (content, accepted) {
            (Some(content), Some(accepted)) if content != accepted => Err(NoVersion::Several),
            (Some(version), _) | (None, Some(version)) => Ok(version),
            (None, None) => self.default.ok_or(NoVersion::Missing),
        }
    }

    /// The version that the client prefers; of several, the first that it lists. With content of a
    /// version, that version is preferred among equals.
    fn accepted(
        &self,
        subtype: &str,
        headers: &HeaderMap,
        content: Option<usize>,
    ) -> Result<Option<usize>, NoVersion> {
        let lines = headers.get_all(header::ACCEPT).iter();
        let mut best: Option<(u16, usize)> = None;
        let mut names_unknown = false;
        let mut takes_others = false;
        for range in ranges(lines.map(|line| line.as_bytes())) {
            if range.weight == 0 {
                continue;
            }
            let Some(Some(name)) = version_in(&range, subtype) else {
                takes_others = true;
                continue;
            };
            let Some(version) = self.index_in_type(&name) else {
                names_unknown = true;
                continue;
            };
            if best.is_none_or(|(weight, before)| {
                range.weight > weight
                    || range.weight == weight && content == Some(version) && content != Some(before)
            }) {
                best = Some((range.weight, version));
            }
        }
        match best {
            Some((_, version)) => Ok(Some(version)),
            None if names_unknown && !takes_others => Err(NoVersion::Unknown),
            None => Ok(None),
        }
    }

    /// Names are compared without regard to case, as media types are.
    fn index(&self, name: &[u8]) -> Option<usize> {
        let mut names = self.names.iter();
        names.position(|known| known.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The same for the name in a media type, which may have a `v` before it.
    fn index_in_type(&self, name: &[u8]) -> Option<usize> {
        let number = match name {
            [b'v' | b'V', number @ ..] => number,
            name => name,
        };
        self.index(name).or_else(|| self.index(number))
    }
}

/// The version that a media type names, if it is one of the API: `None` for other types.
#[expect(
    clippy::option_option,
    reason = "another type, one without a version, or one with it"
)]
fn version_in(range: &MediaRange<'_>, subtype: &str) -> Option<Option<Vec<u8>>> {
    if !range.kind.eq_ignore_ascii_case(b"application") {
        return None;
    }
    let mut parts = range.subtype.split(|byte| *byte == b'+');
    let name = parts.next().unwrap_or_default();
    let is_json = range.subtype.eq_ignore_ascii_case(b"json");
    let (ours, rest) = name.split_at_checked(subtype.len()).unwrap_or((name, b""));
    let is_ours = ours.eq_ignore_ascii_case(subtype.as_bytes());
    if is_ours && let Some(version) = rest.strip_prefix(b".").filter(|rest| !rest.is_empty()) {
        return Some(Some(version.to_vec()));
    }
    if !(is_json || is_ours && rest.is_empty()) {
        return None;
    }
    let parameter = range
        .parameters()
        .find(|(name, _)| name.eq_ignore_ascii_case(b"version"));
    let version = parameter.map(|(_, value)| value.bytes().collect());
    (version.is_some() || is_ours).then_some(version)
}

/// The names, and where a request has one of them.
impl fmt::Display for VersionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join(", "))?;
        match &self.carrier {
            VersionCarrier::Path(prefix) => write!(f, " in the path after `{prefix}/`"),
            VersionCarrier::Field(name) => write!(f, " in `{name}`"),
            VersionCarrier::MediaType(subtype) => write!(f, " in `application/{subtype}`"),
        }
    }
}

/// What is announced about the end of a route or a version.
///
/// # Example
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use wythe::description::DeprecationNotice;
///
/// let since = UNIX_EPOCH + Duration::from_secs(1_688_169_599);
/// let notice = DeprecationNotice::new(since).successor("/api/hello");
/// assert_eq!(
///     notice.to_string(),
///     "since Fri, 30 Jun 2023 23:59:59 GMT, in favor of `/api/hello`"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct DeprecationNotice {
    since: HttpDate,
    sunset: Option<HttpDate>,
    successor: Option<String>,
}

impl DeprecationNotice {
    /// Deprecated since this time.
    pub fn new(since: SystemTime) -> Self {
        Self {
            since: HttpDate::from_time(since),
            sunset: None,
            successor: None,
        }
    }

    pub(crate) const fn of(since: HttpDate, sunset: Option<HttpDate>) -> Self {
        Self {
            since,
            sunset,
            successor: None,
        }
    }

    /// It is expected to end at this time.
    pub fn sunset(mut self, time: SystemTime) -> Self {
        self.sunset = Some(HttpDate::from_time(time));
        self
    }

    /// What to use instead: a URI.
    pub fn successor(mut self, uri: impl Into<String>) -> Self {
        self.successor = Some(uri.into());
        self
    }

    /// Since when it is deprecated, as an HTTP date.
    #[must_use]
    pub fn since_date(&self) -> String {
        date(self.since)
    }

    /// When it is expected to end, as an HTTP date.
    #[must_use]
    pub fn sunset_date(&self) -> Option<String> {
        self.sunset.map(date)
    }

    /// The URI of what to use instead.
    #[must_use]
    pub fn successor_uri(&self) -> Option<&str> {
        self.successor.as_deref()
    }
}

fn date(date: HttpDate) -> String {
    String::from_utf8_lossy(date.to_value().as_bytes()).into_owned()
}

/// In words.
impl fmt::Display for DeprecationNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}", self.since_date())?;
        if let Some(sunset) = self.sunset_date() {
            write!(f, ", until {sunset}")?;
        }
        match &self.successor {
            Some(uri) => write!(f, ", in favor of `{uri}`"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, header};

    use super::{NoVersion, VersionCarrier, VersionPolicy};

    fn policy(carrier: VersionCarrier, names: [&str; 2]) -> VersionPolicy {
        VersionPolicy::new(carrier, names).unwrap()
    }

    #[test]
    fn a_path_names_the_version_in_one_segment() {
        let versions = policy(VersionCarrier::Path("/api".into()), ["v1", "v2"]);
        let cases = [
            ("/api/v1", Ok(0)),
            ("/api/v2/users/7", Ok(1)),
            ("/api/v3/users", Err(NoVersion::Unknown)),
            ("/api/V1/users", Err(NoVersion::Unknown)),
            ("/api/v1%2fusers", Err(NoVersion::Unknown)),
            ("/api//v1", Err(NoVersion::Unknown)),
            ("/api", Err(NoVersion::Missing)),
            ("/apiv1", Err(NoVersion::Missing)),
            ("/v1", Err(NoVersion::Missing)),
        ];
        for (path, expected) in cases {
            assert_eq!(versions.read(path, &HeaderMap::new()), expected, "{path}");
        }
    }

    #[test]
    fn a_field_names_the_version_once() {
        let name = HeaderName::from_static("api-version");
        let versions = policy(VersionCarrier::Field(name.clone()), ["1", "2024-06-01"]);
        let cases: [(&[&str], _); 6] = [
            (&["1"], Ok(0)),
            (&[" 2024-06-01 "], Ok(1)),
            (&["2"], Err(NoVersion::Unknown)),
            (&["1, 2024-06-01"], Err(NoVersion::Unknown)),
            (&[""], Err(NoVersion::Unknown)),
            (&["1", "1"], Err(NoVersion::Several)),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(&name, HeaderValue::from_str(line.trim()).unwrap());
            }
            assert_eq!(versions.read("/", &headers), expected, "{lines:?}");
        }
        let none = HeaderMap::new();
        assert_eq!(versions.read("/", &none), Err(NoVersion::Missing));
        let versions = versions.with_default("2024-06-01").unwrap();
        assert_eq!(versions.read("/", &none), Ok(1));
    }

    #[test]
    fn media_types_name_the_version() {
        let versions = policy(VersionCarrier::MediaType("vnd.example".into()), ["1", "2"]);
        // `Accept`, `Content-Type`, and what they name.
        let cases = [
            ("application/vnd.example.v2+json", "", Ok(1)),
            ("application/vnd.example.2+json", "", Ok(1)),
            ("Application/VND.Example.V2+JSON", "", Ok(1)),
            ("application/vnd.example+json;version=2", "", Ok(1)),
            ("application/vnd.example+json; Version=\"2\"", "", Ok(1)),
            ("application/json;version=1", "", Ok(0)),
            // The weight decides, then the order.
            (
                "application/vnd.example.v1+json;q=0.5, application/vnd.example.v2+json",
                "",
                Ok(1),
            ),
            (
                "application/vnd.example.v1+json, application/vnd.example.v2+json",
                "",
                Ok(0),
            ),
            (
                "application/vnd.example.v9+json, application/vnd.example.v2+json;q=0.1",
                "",
                Ok(1),
            ),
            (
                "application/vnd.example.v1+json;q=0, application/vnd.example.v2+json;q=0.1",
                "",
                Ok(1),
            ),
            (
                "application/vnd.example.v9+json",
                "",
                Err(NoVersion::Unknown),
            ),
            ("application/json;version=9", "", Err(NoVersion::Unknown)),
            (
                "application/vnd.example.v9+json, */*;q=0.1",
                "",
                Err(NoVersion::Missing),
            ),
            ("application/vnd.other.v1+json", "", Err(NoVersion::Missing)),
            (
                "application/vnd.examples.v1+json",
                "",
                Err(NoVersion::Missing),
            ),
            ("text/html;version=1", "", Err(NoVersion::Missing)),
            ("*/*", "", Err(NoVersion::Missing)),
            ("", "", Err(NoVersion::Missing)),
            ("", "application/vnd.example.v2+json", Ok(1)),
            ("*/*", "application/vnd.example.v2+json", Ok(1)),
            (
                "*/*",
                "application/vnd.example.v9+json",
                Err(NoVersion::UnknownContent),
            ),
            ("*/*", "application/json", Err(NoVersion::Missing)),
            (
                "application/vnd.example.v1+json",
                "application/vnd.example.v2+json",
                Err(NoVersion::Several),
            ),
            (
                "application/vnd.example.v1+json, application/vnd.example.v2+json",
                "application/vnd.example.v2+json",
                Ok(1),
            ),
        ];
        for (accept, content, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::ACCEPT, accept), (header::CONTENT_TYPE, content)] {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_str(value).unwrap());
                }
            }
            assert_eq!(versions.read("/", &headers), expected, "{accept} {content}");
        }
    }

    #[test]
    fn impossible_policies_are_errors() {
        let field = || VersionCarrier::Field(HeaderName::from_static("api-version"));
        let path = |prefix: &str| VersionCarrier::Path(prefix.into());
        let media_type = |name: &str| VersionCarrier::MediaType(name.into());
        let cases: [(VersionCarrier, &[&str]); 10] = [
            (field(), &[]),
            (field(), &[""]),
            (field(), &["1 2"]),
            (field(), &["v1", "V1"]),
            (field(), &["a/b"]),
            (path("api"), &["v1"]),
            (path("/api/"), &["v1"]),
            (path("/{tenant}"), &["v1"]),
            (media_type("vnd.example+json"), &["1"]),
            (media_type(""), &["1"]),
        ];
        for (carrier, names) in cases {
            let shown = format!("{carrier:?} {names:?}");
            assert!(
                VersionPolicy::new(carrier, names.iter().copied()).is_err(),
                "{shown}"
            );
        }
        let versions = policy(field(), ["1", "2"]);
        versions.with_default("3").unwrap_err();
        let versions = policy(path(""), ["v1", "v2"]);
        versions.with_default("v1").unwrap_err();
    }
}
