//! Patterns of origins: `https://*.example.com`, `https://app-*.example.com`, `http://localhost:*`.

use std::fmt;

use super::{
    origin::{Fault, Origin},
    public_suffix,
};

/// Many origins at once, by a `*` in the host, instead of the port, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginPattern {
    scheme: String,
    host: Host,
    port: Port,
    is_insecure: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// One or more labels, a dot, and this name.
    Under(String),
    /// A part of one label, between these two.
    Between(String, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Port {
    Exactly(Option<u16>),
    Any,
}

impl OriginPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let (rest, any_port) = match text.strip_suffix(":*") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if rest.matches('*').count() > 1 {
            return Err(SYNTAX);
        }
        // A host with a letter instead of the `*` has the same labels.
        let example = rest.replace("://*.", "://").replace('*', "a");
        let origin = Origin::parse(&example)?;
        let scheme = origin.scheme().to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err("only `https` and `http` origins can contain a `*`");
        }
        let port = match (origin.port(), any_port) {
            (Some(_), true) => return Err("an origin has only one port"),
            (None, true) => Port::Any,
            (port, false) => Port::Exactly(port),
        };
        let authority = rest.split_once("://").map_or("", |(_, rest)| rest);
        Ok(Self {
            scheme,
            host: Host::parse(authority, &origin)?,
            port,
            is_insecure: origin.is_insecure(),
        })
    }

    /// Whether an attacker on the network could impersonate one of these origins.
    pub(crate) const fn is_insecure(&self) -> bool {
        self.is_insecure
    }

    /// Whether the only `*` stands for a part of a label.
    pub(crate) const fn is_inside_a_label(&self) -> bool {
        matches!(
            (&self.host, &self.port),
            (Host::Between(..), Port::Exactly(_))
        )
    }

    /// Scheme and host compare without regard to ASCII case (RFC 6454, section 4).
    pub(crate) fn matches(&self, origin: &Origin<'_>) -> bool {
        let port = match self.port {
            Port::Any => true,
            Port::Exactly(port) => origin.port() == port,
        };
        port && same(origin.scheme(), &self.scheme) && self.host.matches(origin.host())
    }
}

const SYNTAX: Fault = "a `*` stands for all subdomains (`https://*.example.com`), for a part of a \
                       label (`https://app-*.example.com`), or for any port (`http://localhost:*`)";

impl Host {
    /// `authority` is as written, `example` has the same host without the `*`.
    fn parse(authority: &str, example: &Origin<'_>) -> Result<Self, Fault> {
        let host = example.host().to_ascii_lowercase();
        if authority.starts_with("*.") {
            public_suffix::check(&host)?;
            return Ok(Self::Under(host));
        }
        let Some((before, _)) = authority.split_once('*') else {
            return Ok(Self::Exactly(host));
        };
        // The letter that replaces the `*` is at the same byte.
        let parts = host.split_at_checked(before.len());
        let parts = parts.and_then(|(before, rest)| Some((before, rest.strip_prefix('a')?)));
        let (before, after) = parts.ok_or(SYNTAX)?;
        let whole_label = (before.is_empty() || before.ends_with('.'))
            && (after.is_empty() || after.starts_with('.'));
        if whole_label {
            return Err(SYNTAX);
        }
        // What is under the name after the label belongs to one owner.
        let (_, parent) = after.split_once('.').ok_or(SYNTAX)?;
        public_suffix::check(parent)?;
        Ok(Self::Between(before.to_owned(), after.to_owned()))
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => same(host, name),
            // The dot distinguishes `evil.example.com` from `evilexample.com`.
            Self::Under(name) => split_end(host, name.len()).is_some_and(|(labels, end)| {
                labels.len() > 1 && labels.ends_with('.') && same(end, name)
            }),
            Self::Between(before, after) => {
                let split = host.split_at_checked(before.len());
                split.is_some_and(|(start, rest)| {
                    let parts = split_end(rest, after.len());
                    same(start, before)
                        && parts.is_some_and(|(part, end)| {
                            !part.is_empty() && !part.contains('.') && same(end, after)
                        })
                })
            }
        }
    }
}

/// Splits off the last bytes.
fn split_end(text: &str, length: usize) -> Option<(&str, &str)> {
    text.split_at_checked(text.len().checked_sub(length)?)
}

/// Browsers send lower case, so the first comparison usually decides.
fn same(one: &str, other: &str) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

/// As it is written in a policy.
impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match &self.host {
            Host::Exactly(host) => f.write_str(host)?,
            Host::Under(host) => write!(f, "*.{host}")?,
            Host::Between(before, after) => write!(f, "{before}*{after}")?,
        }
        match self.port {
            Port::Exactly(None) => Ok(()),
            Port::Exactly(Some(port)) => write!(f, ":{port}"),
            Port::Any => f.write_str(":*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_subdomains_and_ports_and_nothing_else() {
        let cases = [
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://A.Example.COM", true),
            ("https://*.EXAMPLE.com", "https://a.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            (
                "https://*.example.com",
                "https://a.example.com.evil.net",
                false,
            ),
            ("https://*.example.com", "https://a.example.org", false),
            ("https://*.example.com", "http://a.example.com", false),
            ("https://*.example.com", "https://a.example.com:8443", false),
            // To browsers, another origin.
            ("https://*.example.com", "https://a.example.com.", false),
            ("https://*.example.com.", "https://a.example.com.", true),
            ("https://*.example.com.", "https://a.example.com", false),
            (
                "https://*.example.com:8443",
                "https://a.example.com:8443",
                true,
            ),
            (
                "https://*.example.com:*",
                "https://a.example.com:8443",
                true,
            ),
            ("https://*.example.com:*", "https://a.example.com", true),
            ("http://localhost:*", "http://localhost:5173", true),
            ("http://localhost:*", "http://localhost", true),
            ("http://localhost:*", "https://localhost:5173", false),
            ("http://localhost:*", "http://a.localhost:5173", false),
            ("http://*.localhost:*", "http://a.localhost:5173", true),
            ("http://[::1]:*", "http://[::1]:3000", true),
            ("http://127.0.0.1:*", "http://127.0.0.1:3000", true),
        ];
        for (pattern, origin, matches) in cases {
            let parsed = OriginPattern::parse(pattern).unwrap();
            assert_eq!(parsed.to_string(), pattern.to_ascii_lowercase());
            let origin = Origin::parse(origin).unwrap();
            assert_eq!(parsed.matches(&origin), matches, "{pattern} {origin:?}");
        }
    }

    #[test]
    fn matches_a_part_of_one_label_and_nothing_else() {
        let cases: [(&str, &[&str], &[&str]); 5] = [
            (
                "https://app-*.example.app",
                &[
                    "https://app-17.example.app",
                    "https://APP-a-b.Example.app",
                    "https://app--.example.app",
                ],
                &[
                    "https://app-.example.app",
                    "https://app.example.app",
                    "https://example.app",
                    "https://evil-app-1.example.app",
                    "https://app-1.evil.example.app",
                    "https://evil.app-1.example.app",
                    "https://app-1.evilexample.app",
                    "https://app-1.example.app.evil.net",
                    "https://app-1.example.app.",
                    "https://app-1.example.app:8443",
                    "http://app-1.example.app",
                ],
            ),
            (
                "https://app-*.example.app:*",
                &[
                    "https://app-1.example.app:8443",
                    "https://app-1.example.app",
                ],
                &["https://app-.example.app:8443"],
            ),
            (
                "https://*-app.example.app",
                &["https://1-app.example.app"],
                &["https://-app.example.app", "https://a.1-app.example.app"],
            ),
            (
                "https://a-*-a.example.app",
                &["https://a-1-a.example.app"],
                &["https://a--a.example.app", "https://a-a.example.app"],
            ),
            (
                "https://api.pr-*.example.app",
                &["https://api.pr-7.example.app"],
                &["https://pr-7.example.app", "https://x.api.pr-7.example.app"],
            ),
        ];
        for (pattern, allowed, others) in cases {
            let parsed = OriginPattern::parse(pattern).unwrap();
            assert_eq!(parsed.to_string(), pattern);
            for origin in allowed.iter().chain(others) {
                let found = parsed.matches(&Origin::parse(origin).unwrap());
                assert_eq!(found, allowed.contains(origin), "{pattern} {origin}");
            }
        }
    }
}
