//! The values of the other fields.

use std::{borrow::Cow, fmt, time::Duration};

use http::HeaderValue;

use crate::wire::{
    ConfigError,
    field::{origin::Origin, structured},
};

/// `Strict-Transport-Security` (RFC 6797): browsers use TLS for this host from now on.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::security_headers::Hsts;
///
/// let year = Duration::from_secs(365 * 24 * 60 * 60);
/// let hsts = Hsts::max_age(year)?.include_subdomains().preload()?;
/// assert_eq!(hsts.to_string(), "max-age=31536000; includeSubDomains; preload");
///
/// // The lists in browsers take hosts only with their subdomains, and for at least a year.
/// assert!(Hsts::max_age(year)?.preload().is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Hsts {
    seconds: u64,
    subdomains: bool,
    preload: bool,
}

impl Hsts {
    /// For how long browsers remember it, in whole seconds (section 6.1.1).
    ///
    /// Start with minutes and raise it: a browser that has seen the field does not use plain `http` for
    /// that long.
    ///
    /// # Errors
    ///
    /// If it is less than a second, which would make browsers forget the host: [`forget`](Self::forget)
    /// says so.
    pub fn max_age(time: Duration) -> Result<Self, ConfigError> {
        if time.as_secs() == 0 {
            return Err(hsts_error(
                "`max-age` must be at least a second: to make browsers forget the host, use \
                 `Hsts::forget()`",
            ));
        }
        Ok(Self {
            seconds: time.as_secs(),
            subdomains: false,
            preload: false,
        })
    }

    /// Makes browsers forget the host (section 6.1.1): `max-age=0`.
    pub const fn forget() -> Self {
        Self {
            seconds: 0,
            subdomains: false,
            preload: false,
        }
    }

    /// Also applies to all subdomains (section 6.1.2).
    pub const fn include_subdomains(mut self) -> Self {
        self.subdomains = true;
        self
    }

    /// Consents to the lists that browsers ship (hstspreload.org). It takes months to get out of them.
    ///
    /// # Errors
    ///
    /// The lists require `max-age` of at least a year, and
    /// [`include_subdomains`](Self::include_subdomains), which comes before this.
    pub fn preload(mut self) -> Result<Self, ConfigError> {
        const YEAR: u64 = 31_536_000;

        if self.seconds < YEAR || !self.subdomains {
            return Err(hsts_error(
                "`preload` requires a `max-age` of at least a year (31536000 seconds) and \
                 `include_subdomains()`",
            ));
        }
        self.preload = true;
        Ok(self)
    }
}

fn hsts_error(message: &'static str) -> ConfigError {
    ConfigError::new("Hsts", message)
}

/// The value of the field.
impl fmt::Display for Hsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-age={}", self.seconds)?;
        for (is_set, directive) in [
            (self.subdomains, "includeSubDomains"),
            (self.preload, "preload"),
        ] {
            if is_set {
                write!(f, "; {directive}")?;
            }
        }
        Ok(())
    }
}

/// Which features of the browser a page may use (`Permissions-Policy`, a dictionary of RFC 9651).
///
/// # Example
///
/// ```
/// use wythe::security_headers::PermissionsPolicy;
///
/// let policy = PermissionsPolicy::new()
///     .deny("camera")?
///     .this_origin("fullscreen")?
///     .origins("geolocation", ["https://maps.example.com"])?;
/// assert_eq!(
///     policy.to_string(),
///     r#"camera=(), fullscreen=(self), geolocation=(self "https://maps.example.com")"#
/// );
///
/// assert!(PermissionsPolicy::new().deny("Camera").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct PermissionsPolicy {
    features: Vec<(Cow<'static, str>, String)>,
}

impl PermissionsPolicy {
    /// Leaves every feature at the browser's default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nobody may use the feature.
    ///
    /// # Errors
    ///
    /// The name is not a key of a dictionary (RFC 9651, section 3.2): lowercase letters, digits and `-`.
    pub fn deny(self, feature: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        self.set(feature.into(), String::new())
    }

    /// The page may use the feature, and frames of its own origin.
    ///
    /// # Errors
    ///
    /// As for [`deny`](Self::deny).
    pub fn this_origin(self, feature: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        self.set(feature.into(), "self".to_owned())
    }

    /// The page may use the feature, and frames of its own and of these origins, if the page lets them.
    ///
    /// # Errors
    ///
    /// As for [`deny`](Self::deny), or a text is not an origin as browsers write it.
    pub fn origins<I>(
        self,
        feature: impl Into<Cow<'static, str>>,
        origins: I,
    ) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut list = "self".to_owned();
        for origin in origins {
            let origin = origin.as_ref();
            let invalid = |fault: &str| permissions_error(format!("`{origin}`: {fault}"));
            Origin::parse_exact(origin).map_err(|fault| invalid(&fault))?;
            let quoted = structured::string(origin).ok_or_else(|| invalid("not visible ASCII"))?;
            list.push(' ');
            list.push_str(&quoted);
        }
        self.set(feature.into(), list)
    }

    fn set(mut self, feature: Cow<'static, str>, list: String) -> Result<Self, ConfigError> {
        let in_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let starts = feature.starts_with(|first: char| first.is_ascii_lowercase());
        if !starts || !feature.bytes().all(in_key) {
            return Err(permissions_error(format!(
                "`{feature}` is not the name of a feature: it has lowercase letters, digits and `-`"
            )));
        }
        self.features.retain(|(known, _)| *known != feature);
        self.features.push((feature, list));
        Ok(self)
    }
}

fn permissions_error(message: String) -> ConfigError {
    ConfigError::new("PermissionsPolicy", message)
}

/// The value of the field.
impl fmt::Display for PermissionsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (feature, list)) in self.features.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{feature}=({list})")?;
        }
        Ok(())
    }
}

/// Enums whose variants are the values of a field.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident $value:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of_variant])* $variant,)*
        }

        impl $name {
            pub(super) const fn value(self) -> HeaderValue {
                match self {
                    $(Self::$variant => HeaderValue::from_static($value),)*
                }
            }
        }
    )*};
}

values! {
    /// How much of its address a page reveals to the targets of its links: `Referrer-Policy`.
    ReferrerPolicy {
        /// `no-referrer`: nothing.
        NoReferrer "no-referrer",
        /// `same-origin`: the address, within the origin only.
        SameOrigin "same-origin",
        /// `strict-origin`: the origin, and nothing from TLS to plain `http`.
        StrictOrigin "strict-origin",
        /// `strict-origin-when-cross-origin`: the address within the origin, and the origin elsewhere.
        StrictOriginWhenCrossOrigin "strict-origin-when-cross-origin",
    }

    /// Which pages share a process and `window.opener` with this one: `Cross-Origin-Opener-Policy`.
    OpenerPolicy {
        /// `same-origin`: only those of this origin.
        SameOrigin "same-origin",
        /// `same-origin-allow-popups`: also windows that this page opens, such as that of a sign-in.
        SameOriginAllowPopups "same-origin-allow-popups",
        /// `noopener-allow-popups`: not even those of this origin that have opened it.
        NoopenerAllowPopups "noopener-allow-popups",
        /// `unsafe-none`: any.
        UnsafeNone "unsafe-none",
    }

    /// What the page may embed without the consent of its owner: `Cross-Origin-Embedder-Policy`.
    EmbedderPolicy {
        /// `require-corp`: only what consents by CORS or `Cross-Origin-Resource-Policy`.
        RequireCorp "require-corp",
        /// `credentialless`: anything, but without cookies.
        Credentialless "credentialless",
        /// `unsafe-none`: anything.
        UnsafeNone "unsafe-none",
    }

    /// Which pages may embed the response without CORS: `Cross-Origin-Resource-Policy`.
    ResourcePolicy {
        /// `same-origin`: those of this origin.
        SameOrigin "same-origin",
        /// `same-site`: those of this site.
        SameSite "same-site",
        /// `cross-origin`: any.
        CrossOrigin "cross-origin",
    }
}
