//! Public suffixes: domains under which anyone can register names. A pattern must not span one.
//!
//! With the feature `public-suffix`, the whole [Public Suffix List](https://publicsuffix.org) decides.
//! It has about ten thousand entries and changes every week. Without the feature, an excerpt finds the
//! common mistakes. The documentation of `cors` lists what it does not find.

use super::origin::Fault;

/// Rejects a host (in lower case) whose subdomains belong to different people.
pub(super) fn check(host: &str) -> Result<(), Fault> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    // Names under `localhost` stay on the machine.
    if last == "localhost" {
        return Ok(());
    }
    if host.starts_with('[') || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("an IP address has no subdomains");
    }
    let is_deep = DEEP_HOSTS.iter().any(|deep| {
        let rest = host.strip_suffix(deep);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    if is_public(host) || SHARED_HOSTS.contains(&host) || is_deep {
        return Err(
            "anyone can register a name under this domain, so the pattern would trust \
                    everyone: use your own subdomain",
        );
    }
    Ok(())
}

/// Whether the list has this domain, or all names directly under it (`*.ck`).
#[cfg(feature = "public-suffix")]
fn is_public(host: &str) -> bool {
    let under = format!("x.{host}");
    [host, &under].into_iter().any(|name| {
        let suffix = psl::suffix(name.as_bytes());
        suffix.is_some_and(|suffix| suffix.as_bytes().len() == name.len())
    })
}

/// Whether it is a top-level domain, or the domain of a registry under a country's.
#[cfg(not(feature = "public-suffix"))]
fn is_public(host: &str) -> bool {
    match host.rsplit_once('.') {
        None => true,
        Some((label, country)) => country.len() == 2 && REGISTRY_LABELS.contains(&label),
    }
}

/// Second labels that registries use under a country's top-level domain: `co.uk`, `com.au`.
#[cfg(not(feature = "public-suffix"))]
const REGISTRY_LABELS: &[&str] = &[
    "ac", "biz", "co", "com", "edu", "ed", "firm", "gen", "go", "gob", "gouv", "gov", "govt", "gv",
    "id", "ind", "inf", "info", "ltd", "mil", "mod", "name", "ne", "net", "nhs", "nic", "nom",
    "or", "org", "plc", "police", "res", "sch", "school", "web",
];

/// Hosts that give each customer a name. The list has only the deeper domains of some of them, which a
/// pattern of the host would span.
const SHARED_HOSTS: &[&str] = &[
    "amplifyapp.com",
    "appspot.com",
    "azurestaticapps.net",
    "azurewebsites.net",
    "blogspot.com",
    "cloudfront.net",
    "codesandbox.io",
    "deno.dev",
    "elasticbeanstalk.com",
    "firebaseapp.com",
    "fly.dev",
    "github.dev",
    "github.io",
    "githubpreview.dev",
    "gitlab.io",
    "glitch.me",
    "herokuapp.com",
    "hf.space",
    "lovable.app",
    "myshopify.com",
    "netlify.app",
    "ngrok.app",
    "ngrok.io",
    "ngrok-free.app",
    "ngrok-free.dev",
    "onrender.com",
    "pages.dev",
    "railway.app",
    "replit.app",
    "repl.co",
    "stackblitz.io",
    "surge.sh",
    "trycloudflare.com",
    "up.railway.app",
    "vercel.app",
    "vercel.dev",
    "web.app",
    "webcontainer.io",
    "wixsite.com",
    "workers.dev",
];

/// Hosts whose customers have names at several depths: `s3.eu-west-1.amazonaws.com`.
const DEEP_HOSTS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "cloudapp.azure.com",
    "cloudapp.net",
    "on.aws",
    "run.app",
    "windows.net",
];

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn rejects_domains_under_which_anyone_can_register_names() {
        let public = [
            "com",
            "dev",
            "uk",
            "co.uk",
            "com.au",
            "or.jp",
            "gov.br",
            "github.io",
            "vercel.app",
            "pages.dev",
            "github.io.",
            "amazonaws.com",
            "s3.amazonaws.com",
            "s3.eu-west-1.amazonaws.com",
            "uc.a.run.app",
            "10.0.0.1",
            "[::1]",
        ];
        for host in public {
            assert!(check(host).is_err(), "{host}");
        }
        let own = [
            "example.com",
            "example.co.uk",
            "me.github.io",
            "example.com.",
            "myamazonaws.com",
            "example.dev",
            "localhost",
            "app.localhost",
            "a.b.c.example.com.au",
        ];
        for host in own {
            assert!(check(host).is_ok(), "{host}");
        }
    }

    #[cfg(feature = "public-suffix")]
    #[test]
    fn knows_the_whole_list() {
        for host in [
            "ck",
            "kawasaki.jp",
            "pvt.k12.ma.us",
            "s3.dualstack.eu-central-1.amazonaws.com",
            "translate.goog",
            "wpenginepowered.com",
            "xn--p1ai",
        ] {
            assert!(check(host).is_err(), "{host}");
        }
        // Domains that registries do not own, and exceptions of the list.
        for host in ["web.de", "or.example", "www.ck", "city.kawasaki.jp"] {
            assert!(check(host).is_ok(), "{host}");
        }
    }
}
