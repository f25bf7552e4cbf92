//! Public suffixes: domains under which anyone can register names. A pattern must not span one.
//!
//! The whole Public Suffix List has about ten thousand entries and changes every week. This excerpt
//! needs no updates and finds the common mistakes; [`cors`](super) tells what it does not find.

use crate::wire::field::origin::Fault;

/// Second labels that registries use under a country's top-level domain: `co.uk`, `com.au`.
const REGISTRY_LABELS: &[&str] = &[
    "ac", "biz", "co", "com", "edu", "ed", "firm", "gen", "go", "gob", "gouv", "gov", "govt", "gv",
    "id", "ind", "inf", "info", "ltd", "mil", "mod", "name", "ne", "net", "nhs", "nic", "nom",
    "or", "org", "plc", "police", "res", "sch", "school", "web",
];

/// Hosts that give each customer a name, directly or one level deeper.
const SHARED_HOSTS: &[&str] = &[
    "amazonaws.com",
    "amplifyapp.com",
    "appspot.com",
    "azurestaticapps.net",
    "azurewebsites.net",
    "blogspot.com",
    "cloudapp.net",
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
    "run.app",
    "stackblitz.io",
    "surge.sh",
    "trycloudflare.com",
    "up.railway.app",
    "vercel.app",
    "vercel.dev",
    "web.app",
    "webcontainer.io",
    "windows.net",
    "wixsite.com",
    "workers.dev",
];

/// Rejects a host (in lower case) whose subdomains belong to different people.
pub(super) fn check(host: &str) -> Result<(), Fault> {
    let last = host.rsplit('.').next().unwrap_or(host);
    // Names under `localhost` stay on the machine.
    if last == "localhost" {
        return Ok(());
    }
    if host.starts_with('[') || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("an IP address has no subdomains");
    }
    let public = match host.rsplit_once('.') {
        None => true,
        Some((label, country)) => country.len() == 2 && REGISTRY_LABELS.contains(&label),
    };
    if public || SHARED_HOSTS.contains(&host) {
        return Err(
            "anyone can register a name under this domain, so the pattern would trust \
                    everyone: use your own subdomain",
        );
    }
    Ok(())
}

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
            "example.dev",
            "localhost",
            "app.localhost",
            "a.b.c.example.com.au",
        ];
        for host in own {
            assert!(check(host).is_ok(), "{host}");
        }
    }
}
