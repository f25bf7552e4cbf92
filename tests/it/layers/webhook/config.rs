//! Settings that are rejected, and what the error says.

use std::time::Duration;

use wythe::{
    ConfigError, Secret,
    webhook::{SignatureFormat, WebhookScheme},
    with_webhook,
};

use super::{Event, stripe};

fn format(signs: &'static str) -> SignatureFormat {
    let format = SignatureFormat::hex("x-signature").unwrap();
    format.signs(signs).unwrap()
}

/// Each of these errors contains its text.
fn say(cases: impl IntoIterator<Item = (ConfigError, &'static str)>) {
    for (error, text) in cases {
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn bad_keys_are_errors_that_say_what_to_write() {
    let standard = |key: &str| WebhookScheme::standard(key).unwrap_err();
    let github = |secret: &str| WebhookScheme::github(secret).unwrap_err();
    say([
        (github(""), "the secret is empty"),
        (github("too short"), "9 bytes, and needs at least 16"),
        (github("a secret of this test\n"), "white space"),
        (github("aaaaaaaaaaaaaaaa"), "one byte repeated"),
        (
            standard("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            "one byte repeated",
        ),
        (stripe().or_key("short").unwrap_err(), "5 bytes"),
        (
            stripe().or_key("sk_live_1234567890123").unwrap_err(),
            "`whsec_`",
        ),
        (standard(""), "the secret is empty"),
        (standard("whsec_not base64"), "is not base64"),
        (standard("whsec_C2FV"), "3 bytes, and needs from 24 to 64"),
        #[cfg(feature = "webhook-ed25519")]
        (standard("whpk_C2FV"), "base64 of 32 bytes"),
        #[cfg(feature = "webhook-ed25519")]
        (standard("whsk_C2FV"), "base64 of 32 bytes, or of 64"),
        #[cfg(not(feature = "webhook-ed25519"))]
        (standard("whpk_C2FV"), "the feature `webhook-ed25519`"),
    ]);
}

#[test]
fn bad_formats_are_errors_that_say_what_to_write() {
    let own = |format| {
        let scheme = WebhookScheme::custom("own", format, "a secret of this test");
        scheme.unwrap_err()
    };
    let body = || format("{body}");
    let signs = |template| body().signs(template).unwrap_err();
    let separator = |separator| body().separator(separator).unwrap_err();
    let same_prefix = format("{timestamp}{body}").timestamp_element("s");
    let same_prefix = same_prefix.separator(',').unwrap().prefix("s=");
    let alone = format("{timestamp}{body}").timestamp_element("t=");
    let no_field = "not the name of a header field";
    say([
        (SignatureFormat::hex("x signature").unwrap_err(), no_field),
        (SignatureFormat::base64("").unwrap_err(), no_field),
        (body().id_field("x:id").unwrap_err(), no_field),
        (body().timestamp_field("x time").unwrap_err(), no_field),
        (separator('='), "can't separate"),
        (separator('a'), "can't separate"),
        (separator('\u{e9}'), "can't separate"),
        (signs("{timestamp}"), "does not contain `{body}`"),
        (signs("{body}{body}"), "`{body}` once"),
        (signs("{url}.{body}"), "`{url}` is not known"),
        (signs("{id.{body}"), "is not known"),
        (signs("{id}{body}"), "a character between `{id}`"),
        (signs("{id}.{id}.{body}"), "a name twice"),
        (signs("{body}.{id}"), "`{id}` before `{body}`"),
        (
            signs("{body}{timestamp}"),
            "between `{body}` and `{timestamp}`",
        ),
        (
            signs("{body}00{timestamp}"),
            "between `{body}` and `{timestamp}`",
        ),
        (
            own(body().timestamp_field("x-time").unwrap()),
            "the timestamp is not signed",
        ),
        (
            own(body().id_field("x-id").unwrap()),
            "the id is not signed",
        ),
        (
            own(format("{timestamp}.{body}")),
            "`{timestamp}` is signed: say",
        ),
        (own(format("{id}.{body}")), "`{id}` is signed: say"),
        (own(same_prefix), "a prefix other than"),
        (own(alone), "needs a separator"),
    ]);
}

#[test]
fn bad_times_are_errors_that_say_what_to_write() {
    let github = WebhookScheme::github("a secret of this test").unwrap();
    let tolerance = |milliseconds| {
        let tolerance = Duration::from_millis(milliseconds);
        stripe().tolerance(tolerance).unwrap_err()
    };
    let layer = || with_webhook::<Event>(stripe());
    say([
        (tolerance(0), "less than a second"),
        (tolerance(999), "less than a second"),
        (
            github
                .clone()
                .tolerance(Duration::from_secs(60))
                .unwrap_err(),
            "github signs no timestamp",
        ),
        (layer().lease(Duration::ZERO).unwrap_err(), "a lease of 0"),
        (
            layer().keep(Duration::from_secs(599)).unwrap_err(),
            "its signature is valid for 600s",
        ),
        (
            with_webhook::<Event>(github)
                .keep(Duration::ZERO)
                .unwrap_err(),
            "remembered for 0ns",
        ),
    ]);
}

#[test]
fn at_most_eight_keys_are_compared() {
    let mut scheme = stripe();
    for _ in 1..8 {
        scheme = scheme.or_key("another secret of this test").unwrap();
    }
    let error = scheme.or_key("another secret of this test").unwrap_err();
    assert!(error.to_string().contains("at most 8"), "{error}");
}

#[test]
fn secrets_are_not_shown() {
    let secret = Secret::new("whsec_hunter2_hunter2".to_owned());
    let scheme = WebhookScheme::stripe(&secret).unwrap();
    let layer = with_webhook::<Event>(scheme.clone());
    let shown = format!("{secret:?} {scheme:?} {layer:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let error = WebhookScheme::standard(&secret).unwrap_err();
    assert!(
        !format!("{error:?} {error}").contains("hunter2"),
        "{error:?}"
    );
}
