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

#[test]
fn bad_settings_are_errors_that_say_what_to_write() {
    let own = |format| WebhookScheme::custom("own", format, "a secret of this test");
    let unsigned_time = format("{body}").timestamp_field("x-time").unwrap();
    let unsigned_id = format("{body}").id_field("x-id").unwrap();
    let same_prefix = format("{timestamp}{body}").timestamp_element("s");
    let same_prefix = same_prefix.separator(',').unwrap().prefix("s=");
    let cases: Vec<(ConfigError, &str)> = vec![
        (
            WebhookScheme::stripe("").unwrap_err(),
            "the secret is empty",
        ),
        (
            WebhookScheme::github("too short").unwrap_err(),
            "9 bytes, and needs at least 16",
        ),
        (
            WebhookScheme::slack("a secret of this test\n").unwrap_err(),
            "white space",
        ),
        (
            WebhookScheme::stripe("sk_live_1234567890123").unwrap_err(),
            "`whsec_`",
        ),
        (
            WebhookScheme::standard("").unwrap_err(),
            "the secret is empty",
        ),
        (
            WebhookScheme::standard("whsec_not base64").unwrap_err(),
            "is not base64",
        ),
        (
            WebhookScheme::standard("whsec_C2FV").unwrap_err(),
            "3 bytes, and needs from 24 to 64",
        ),
        #[cfg(feature = "webhook-ed25519")]
        (
            WebhookScheme::standard("whpk_C2FV").unwrap_err(),
            "base64 of 32 bytes",
        ),
        #[cfg(feature = "webhook-ed25519")]
        (
            WebhookScheme::standard("whsk_C2FV").unwrap_err(),
            "base64 of 32 bytes, or of 64",
        ),
        (
            stripe().tolerance(Duration::ZERO).unwrap_err(),
            "less than a second",
        ),
        (
            stripe().tolerance(Duration::from_millis(999)).unwrap_err(),
            "less than a second",
        ),
        (
            WebhookScheme::github("a secret of this test")
                .unwrap()
                .tolerance(Duration::from_secs(60))
                .unwrap_err(),
            "github signs no timestamp",
        ),
        (stripe().or_key("short").unwrap_err(), "5 bytes"),
        (
            SignatureFormat::hex("x signature").unwrap_err(),
            "not the name of a header field",
        ),
        (
            SignatureFormat::base64("").unwrap_err(),
            "not the name of a header field",
        ),
        (
            format("{body}").id_field("x:id").unwrap_err(),
            "not the name of a header field",
        ),
        (
            format("{body}").separator('=').unwrap_err(),
            "can't separate",
        ),
        (
            format("{body}").separator('a').unwrap_err(),
            "can't separate",
        ),
        (
            format("{body}").separator('\u{e9}').unwrap_err(),
            "can't separate",
        ),
        (
            format("{body}").signs("{timestamp}").unwrap_err(),
            "does not contain `{body}`",
        ),
        (
            format("{body}").signs("{body}{body}").unwrap_err(),
            "`{body}` is not known",
        ),
        (
            format("{body}").signs("{url}.{body}").unwrap_err(),
            "`{url}` is not known",
        ),
        (
            format("{body}").signs("{id.{body}").unwrap_err(),
            "is not known",
        ),
        (
            format("{body}").signs("{id}{body}").unwrap_err(),
            "a character between `{id}`",
        ),
        (
            format("{body}").signs("{id}.{id}.{body}").unwrap_err(),
            "a name twice",
        ),
        (
            format("{body}").signs("{body}.{id}").unwrap_err(),
            "`{id}` before `{body}`",
        ),
        (
            own(unsigned_time).unwrap_err(),
            "the timestamp is not signed",
        ),
        (own(unsigned_id).unwrap_err(), "the id is not signed"),
        (
            own(format("{timestamp}.{body}")).unwrap_err(),
            "`{timestamp}` is signed: say",
        ),
        (
            own(format("{id}.{body}")).unwrap_err(),
            "`{id}` is signed: say",
        ),
        (own(same_prefix).unwrap_err(), "another prefix"),
        (
            own(format("{timestamp}{body}").timestamp_element("t=")).unwrap_err(),
            "needs a separator",
        ),
        (
            with_webhook::<Event>(stripe())
                .lease(Duration::ZERO)
                .unwrap_err(),
            "a lease of 0",
        ),
        (
            with_webhook::<Event>(stripe())
                .keep(Duration::from_secs(599))
                .unwrap_err(),
            "its signature is valid for 600s",
        ),
    ];
    for (error, text) in cases {
        assert!(error.to_string().contains(text), "{error}");
    }
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
