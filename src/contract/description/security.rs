//! Which clients a layer accepts: authentication schemes, scopes and roles.

use std::{borrow::Cow, fmt};

use http::HeaderName;

/// The authentication schemes that a layer accepts. A request needs credentials of one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Security {
    schemes: Vec<SecurityScheme>,
    is_optional: bool,
}

impl Security {
    /// The schemes, in the order in which they are tried.
    pub fn schemes(&self) -> &[SecurityScheme] {
        &self.schemes
    }

    /// Whether a request without credentials is rejected.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        !self.is_optional
    }

    /// Whether a browser attaches credentials of one of the schemes by itself, even to a request that
    /// another site makes it send. `None` if this is not known of every scheme.
    #[must_use]
    pub fn is_sent_by_browser(&self) -> Option<bool> {
        any(self.schemes.iter().map(SecurityScheme::is_sent_by_browser))
    }

    pub(super) fn add(&mut self, scheme: SecurityScheme) {
        self.schemes.push(scheme);
    }

    pub(super) fn change(
        &mut self,
        from: usize,
        change: impl Fn(SecurityScheme) -> SecurityScheme,
    ) {
        for scheme in self.schemes.iter_mut().skip(from) {
            *scheme = change(scheme.clone());
        }
    }

    pub(super) const fn make_optional(&mut self) {
        self.is_optional = true;
    }
}

/// An authentication scheme: what its credentials are, and where they travel.
///
/// # Example: a badge in a field of its own
///
/// ```
/// # #[cfg(feature = "auth")] {
/// use http::{HeaderName, HeaderValue, request::Parts};
/// use wythe::{
///     Description, Later,
///     auth::{Authenticate, Verdict},
///     description::{Carrier, SchemeKind, SecurityScheme},
/// };
///
/// struct Badge;
///
/// impl Authenticate for Badge {
///     type Principal = u64;
///
///     fn challenge(&self) -> HeaderValue {
///         HeaderValue::from_static("Badge")
///     }
///
///     fn authenticate(&self, _: &Parts) -> Later<Verdict<u64>> {
///         Verdict::Missing.into()
///     }
///
///     fn describe(&self, layer: Description) -> Description {
///         let badge = SecurityScheme::new(SchemeKind::ApiKey, "Badge")
///             .carrier(Carrier::Header(HeaderName::from_static("x-badge")))
///             .scopes(["doors:open"]);
///         layer.scheme(badge)
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SecurityScheme {
    kind: SchemeKind,
    name: Cow<'static, str>,
    carriers: Vec<Carrier>,
    format: Option<Cow<'static, str>>,
    discovery_urls: Vec<String>,
    scopes: Option<Vec<Cow<'static, str>>>,
}

/// What the credentials of a scheme are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemeKind {
    /// A token that anyone who has it can use (RFC 6750).
    Bearer,
    /// A user name and a password (RFC 7617).
    Basic,
    /// A key of a client.
    ApiKey,
    /// A session that began when a user signed in.
    Session,
    /// Anything else.
    Other,
}

/// Where a credential travels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carrier {
    /// `Authorization`, with this scheme (RFC 9110, section 11.4): `Bearer`, `Basic`.
    Authorization(Cow<'static, str>),
    /// A header field of this name that contains nothing else.
    Header(HeaderName),
    /// A cookie of this name.
    Cookie(Cow<'static, str>),
    /// A query parameter of this name.
    Query(Cow<'static, str>),
    /// The certificate of the client's end of the connection.
    ClientCertificate,
}

impl SecurityScheme {
    /// A scheme of this kind and name, about which nothing else is known.
    pub fn new(kind: SchemeKind, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            name: name.into(),
            carriers: Vec::new(),
            format: None,
            discovery_urls: Vec::new(),
            scopes: None,
        }
    }

    /// Adds a place where the credential may travel.
    pub fn carrier(mut self, carrier: Carrier) -> Self {
        self.carriers.push(carrier);
        self
    }

    /// The format of a token: `JWT`.
    pub fn format(mut self, format: impl Into<Cow<'static, str>>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// Adds the address of a document about an issuer (OIDC Discovery 1.0, RFC 8414).
    pub fn discovery_url(mut self, url: impl Into<String>) -> Self {
        self.discovery_urls.push(url.into());
        self
    }

    /// All scopes that the scheme can grant. Without this call they are not known.
    pub fn scopes(
        mut self,
        scopes: impl IntoIterator<Item = impl Into<Cow<'static, str>>>,
    ) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// What the credentials are.
    #[must_use]
    pub const fn kind(&self) -> SchemeKind {
        self.kind
    }

    /// The name, as in the log: `Bearer`, `Basic`, `ApiKey`, `Cookie`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the credential may travel, in one of these places; empty if this is not known.
    #[must_use]
    pub fn carriers(&self) -> &[Carrier] {
        &self.carriers
    }

    /// The format of a token, if it has one.
    #[must_use]
    pub fn token_format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// The addresses of the documents about issuers, if their keys are discovered.
    #[must_use]
    pub fn discovery_urls(&self) -> &[String] {
        &self.discovery_urls
    }

    /// All scopes that the scheme can grant; `None` if they are not known.
    #[must_use]
    pub fn granted_scopes(&self) -> Option<&[Cow<'static, str>]> {
        self.scopes.as_deref()
    }

    /// Whether the scheme can grant these scopes; `None` if its scopes are not known.
    #[must_use]
    pub fn can_grant(&self, scopes: &NameList) -> Option<bool> {
        let granted = self.scopes.as_ref()?;
        let is_granted = |scope: &String| granted.iter().any(|granted| granted == scope);
        Some(match scopes {
            NameList::AllOf(scopes) => scopes.iter().all(is_granted),
            NameList::AnyOf(scopes) => scopes.iter().any(is_granted),
        })
    }

    /// Whether a browser attaches the credential by itself, even to a request that another site makes
    /// it send. `None` if it is not known where the credential travels.
    #[must_use]
    pub fn is_sent_by_browser(&self) -> Option<bool> {
        if self.carriers.is_empty() {
            return None;
        }
        let carriers = self.carriers.iter();
        any(carriers.map(|carrier| Some(carrier.is_sent_by_browser())))
    }
}

impl Carrier {
    /// Whether a browser attaches what travels there by itself, even to a request that another site
    /// makes it send.
    #[must_use]
    pub fn is_sent_by_browser(&self) -> bool {
        /// The schemes for which browsers ask users, and whose credentials they then keep.
        const BROWSER_SCHEMES: [&str; 4] = ["Basic", "Digest", "Negotiate", "NTLM"];

        match self {
            Self::Cookie(_) | Self::ClientCertificate => true,
            Self::Authorization(scheme) => BROWSER_SCHEMES
                .iter()
                .any(|kept| kept.eq_ignore_ascii_case(scheme)),
            Self::Header(_) | Self::Query(_) => false,
        }
    }
}

/// `Authorization: Bearer`, `x-api-key`, `cookie session`.
impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorization(scheme) => write!(f, "Authorization: {scheme}"),
            Self::Header(name) => f.write_str(name.as_str()),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Query(name) => write!(f, "query {name}"),
            Self::ClientCertificate => f.write_str("client certificate"),
        }
    }
}

/// Whether one of them is true; `None` if none is, and some are not known.
fn any(all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut are_known = true;
    for result in all {
        match result {
            Some(true) => return Some(true),
            Some(false) => {}
            None => are_known = false,
        }
    }
    are_known.then_some(false)
}

/// What a principal must have, or what a check decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// Scopes that were granted.
    Scopes(NameList),
    /// Roles.
    Roles(NameList),
    /// A check of the application, by its name.
    Check(String),
}

/// Names, all of which are needed, or any.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "all are needed, or one is enough")]
pub enum NameList {
    /// All of them.
    AllOf(Vec<String>),
    /// At least one of them.
    AnyOf(Vec<String>),
}

impl NameList {
    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::AllOf(names) | Self::AnyOf(names) => names,
        }
    }

    fn without(&self, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllOf(names) if names.len() == 1 => write!(f, "without the {what} ")?,
            Self::AllOf(_) => write!(f, "without the {what}s ")?,
            Self::AnyOf(_) => write!(f, "without one of the {what}s ")?,
        }
        for (at, name) in self.names().iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{name:?}")?;
        }
        Ok(())
    }
}

/// When a request is refused: `without the scope "read"`.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scopes(scopes) => scopes.without("scope", f),
            Self::Roles(roles) => roles.without("role", f),
            Self::Check(_) => f.write_str("when the check denies the request"),
        }
    }
}
