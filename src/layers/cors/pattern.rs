//! Origins with a `*` in them: any subdomain, any port.

use super::public_suffix;
use crate::wire::field::{Origin, origin::Fault};

/// `https://*.example.com`, `http://localhost:*`, or both at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    scheme: String,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// One label or more before a dot and this.
    Under(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Port {
    Exactly(Option<u16>),
    Any,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let (rest, any_port) = match text.strip_suffix(":*") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (rest, subdomains) = match rest.split_once("://*.") {
            Some((scheme, host)) => (format!("{scheme}://{host}"), true),
            None => (rest.to_owned(), false),
        };
        if rest.contains('*') {
            return Err(
                "a `*` stands for all subdomains (`https://*.example.com`) or for \
                        any port (`http://localhost:*`)",
            );
        }
        let origin = Origin::parse(&rest)?;
        let scheme = origin.scheme().to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err("only `https` and `http` origins can have a `*`");
        }
        let host = origin.host().to_ascii_lowercase();
        let host = if subdomains {
            public_suffix::check(&host)?;
            Host::Under(host)
        } else {
            Host::Exactly(host)
        };
        let port = match (origin.port(), any_port) {
            (Some(_), true) => return Err("an origin has one port"),
            (None, true) => Port::Any,
            (port, false) => Port::Exactly(port),
        };
        Ok(Self { scheme, host, port })
    }

    /// Whether an attacker on the network could be one of these origins.
    pub(super) fn is_insecure(&self) -> bool {
        let (Host::Exactly(host) | Host::Under(host)) = &self.host;
        let origin = format!("{}://{host}", self.scheme);
        Origin::parse(&origin).is_ok_and(|origin| origin.is_insecure())
    }

    /// Scheme and host compare without regard to ASCII case (RFC 6454, section 4).
    pub(super) fn matches(&self, origin: &Origin<'_>) -> bool {
        let port = match self.port {
            Port::Any => true,
            Port::Exactly(port) => origin.port() == port,
        };
        port && same(origin.scheme(), &self.scheme)
            && match &self.host {
                Host::Exactly(host) => same(origin.host(), host),
                Host::Under(parent) => is_under(origin.host(), parent),
            }
    }
}

fn is_under(host: &str, parent: &str) -> bool {
    let at = host.len().checked_sub(parent.len());
    let split = at.and_then(|at| host.split_at_checked(at));
    // The dot is what keeps `evilexample.com` apart from `example.com`.
    split
        .is_some_and(|(labels, end)| labels.len() > 1 && labels.ends_with('.') && same(end, parent))
}

/// Browsers send lower case, so the first comparison is the one that counts.
fn same(asked: &str, allowed: &str) -> bool {
    asked == allowed || asked.eq_ignore_ascii_case(allowed)
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
            let parsed = Pattern::parse(pattern).unwrap();
            let origin = Origin::parse(origin).unwrap();
            assert_eq!(parsed.matches(&origin), matches, "{pattern} {origin:?}");
        }
    }
}
