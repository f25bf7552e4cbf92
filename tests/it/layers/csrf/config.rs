//! Policies that are rejected when they are built, and what `Debug` shows of a policy.

use wythe::{ConfigError, Csrf, compose, with_csrf};

#[track_caller]
fn assert_refused<T>(built: Result<T, ConfigError>, name: &str, says: &str) {
    let Err(error) = built else {
        panic!("{name}: was built");
    };
    assert_eq!(error.policy(), "Csrf", "{name}");
    assert!(error.to_string().contains(says), "{name}: {error}");
}

#[test]
fn rejects_trusted_origins_that_are_not_exact_and_secure() {
    let cases = [
        ("a star", "*", "list each origin"),
        ("subdomains", "https://*.example.com", "list each origin"),
        ("ports", "http://localhost:*", "list each origin"),
        (
            "a label and ports",
            "https://app-*.example.com:*",
            "list each origin",
        ),
        (
            "a label in the middle",
            "https://app.*.example.com",
            "part of a label",
        ),
        (
            "a label under a suffix",
            "https://app-*.vercel.app",
            "anyone",
        ),
        ("a label of a suffix", "https://app-*.com", "anyone"),
        (
            "a label, plain http",
            "http://app-*.example.com",
            "plain `http`",
        ),
        ("null", "null", "sandboxed"),
        ("nothing", "", "scheme://host"),
        ("no scheme", "example.com", "scheme://host"),
        ("a slash", "https://example.com/", "path"),
        ("a user", "https://me@example.com", "user name"),
        (
            "the default port",
            "https://example.com:443",
            "default port",
        ),
        ("not ASCII", "https://b\u{fc}cher.example", "xn--"),
        (
            "a long form of IPv6",
            "https://[2001:db8:0:0:0:0:0:1]",
            "[2001:db8::1]",
        ),
        (
            "plain http",
            "http://example.com",
            "dangerously_trust_insecure_origins",
        ),
    ];
    for (name, origin, says) in cases {
        assert_refused(Csrf::same_origin().trust_origins([origin]), name, says);
        if !origin.starts_with("http://e") {
            let says = if origin.contains('*') {
                "without a `*`"
            } else {
                says
            };
            let csrf = Csrf::same_origin().dangerously_trust_insecure_origins([origin]);
            assert_refused(csrf, name, says);
            assert_refused(Csrf::same_origin().own_origins([origin]), name, says);
        }
    }
    let none: [&str; 0] = [];
    assert_refused(
        Csrf::same_origin().trust_origins(none),
        "none",
        "the list of origins is empty",
    );
    assert_refused(
        Csrf::same_origin().own_origins(none),
        "none",
        "the list of origins is empty",
    );
    let app = Csrf::same_origin().own_origins(["app://example.com"]);
    assert_refused(app, "an app", "`https` or `http`");
}

#[test]
fn accepts_exact_origins() {
    let origins = [
        "https://example.com",
        "http://localhost:5173",
        "http://[::1]:1",
        "app://a",
        "https://example.com.",
        "https://app-*.example.com",
        "http://app-*.localhost:3000",
    ];
    let _csrf = Csrf::same_origin().trust_origins(origins).unwrap();
    let insecure = ["http://example.com"];
    let csrf = Csrf::same_origin().dangerously_trust_insecure_origins(insecure);
    let _csrf = csrf.unwrap().own_origins(insecure).unwrap();
}

#[test]
fn exempts_routes_and_exact_paths() {
    let cases = [
        ("nothing", "", "start with `/`"),
        ("no slash", "hooks", "start with `/`"),
        ("an address", "https://example.com/hooks", "start with `/`"),
        ("a query", "/hooks?x", "without query and fragment"),
        ("a fragment", "/hooks#x", "without query and fragment"),
        ("a star", "/hooks/*", "write `{*rest}`"),
        ("a star in a name", "/hooks/*rest", "write `{*rest}`"),
        ("two stars", "/{*a}/*", "not at its end"),
        ("a colon", "/hooks/:name", "write `{name}`"),
    ];
    for (name, route, says) in cases {
        assert_refused(Csrf::same_origin().exempt([route]), name, says);
    }
    let routes = ["/", "/hooks", "/hooks/{name}", "/files/{*rest}", "/hooks"];
    let _csrf = Csrf::same_origin().exempt(routes).unwrap();
}

#[test]
fn describes_what_it_answers() {
    let stack = compose((with_csrf(Csrf::same_origin()),));
    let printed = stack.to_string();
    assert!(
        printed.contains("with_csrf  Origin  403 when a page of another site sent the request"),
        "{printed}"
    );
}

#[cfg(feature = "cors")]
#[test]
fn takes_over_the_origins_that_a_cors_policy_lists_and_no_others() {
    use wythe::Cors;

    let origins = [
        "https://app.example.com",
        "https://*.example.com",
        "http://localhost:5173",
    ];
    let cors = Cors::origins(origins).unwrap().credentials();
    let cors = cors.allow_origins_where(|_, _| true);
    let named: Vec<_> = cors.named_origins().collect();
    assert_eq!(named, ["http://localhost:5173", "https://app.example.com"]);
    let _csrf = Csrf::same_origin().trust_origins(named).unwrap();

    let patterns = Cors::origins(["https://*.example.com"]).unwrap();
    let csrf = Csrf::same_origin().trust_origins(patterns.named_origins());
    assert_refused(csrf, "patterns", "not included");
    let closure = Cors::origins_where(|_, _| true);
    let csrf = Csrf::same_origin().trust_origins(closure.named_origins());
    assert_refused(csrf, "a closure", "not included");
    let insecure = patterns
        .dangerously_allow_http_origins(["http://example.com"])
        .unwrap();
    let csrf = Csrf::same_origin().trust_origins(insecure.named_origins());
    assert_refused(csrf, "plain http", "plain `http`");
}
