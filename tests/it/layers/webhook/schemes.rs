//! Signatures: published ones, those of our own, and those that are not valid.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use wythe::{
    ManualClock, Problem,
    webhook::{SignatureFormat, WebhookScheme},
};

use super::{NOW, at};

const STANDARD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// The message of the libraries of Standard Webhooks.
const STANDARD_ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const STANDARD_TIME: u64 = 1_649_367_553;
const STANDARD_BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;
const STANDARD_SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
/// The request in Slack's documentation.
const SLACK_BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
    &channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
    &command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F\
    T1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
    &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

const OWN: &str = "a secret that only the two of us know";

fn own() -> WebhookScheme {
    let format = SignatureFormat::hex("X-Acme-Signature")
        .and_then(|format| format.separator(';'))
        .map(|format| format.prefix("s=").timestamp_element("t="))
        .and_then(|format| format.id_field("x-acme-delivery"))
        .and_then(|format| format.signs("acme:{id}:{timestamp}\n{body}\nend"));
    WebhookScheme::custom("acme", format.unwrap(), OWN).unwrap()
}

/// A scheme, and a published request that it accepts: its time, fields and body.
struct Vector {
    name: &'static str,
    scheme: WebhookScheme,
    id: &'static str,
    time: u64,
    fields: Vec<(&'static str, String)>,
    body: &'static str,
}

fn vectors() -> Vec<Vector> {
    vec![
        Vector {
            name: "standard webhooks",
            scheme: WebhookScheme::standard(STANDARD).unwrap(),
            id: STANDARD_ID,
            time: STANDARD_TIME,
            fields: vec![
                ("webhook-id", STANDARD_ID.into()),
                ("webhook-timestamp", STANDARD_TIME.to_string()),
                ("webhook-signature", STANDARD_SIGNATURE.into()),
            ],
            body: STANDARD_BODY,
        },
        Vector {
            name: "stripe",
            scheme: WebhookScheme::stripe("whsec_test_secret").unwrap(),
            id: "",
            time: 1_492_774_577,
            fields: vec![(
                "stripe-signature",
                "t=1492774577,v1=691252e266ce41cb94d709c84e9580d4172b117a510bbc81723f657d2cd5d215"
                    .into(),
            )],
            body: r#"{"id":"evt_test","object":"event"}"#,
        },
        Vector {
            name: "github",
            scheme: WebhookScheme::github("It's a Secret to Everybody").unwrap(),
            id: "",
            time: NOW,
            fields: vec![(
                "x-hub-signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17".into(),
            )],
            body: "Hello, World!",
        },
        Vector {
            name: "slack",
            scheme: WebhookScheme::slack("8f742231b10e8888abcd99yyyzzz85a5").unwrap(),
            id: "",
            time: 1_531_420_618,
            fields: vec![
                ("x-slack-request-timestamp", "1531420618".into()),
                (
                    "x-slack-signature",
                    "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503".into(),
                ),
            ],
            body: SLACK_BODY,
        },
    ]
}

fn headers(fields: &[(&'static str, String)]) -> HeaderMap {
    let fields = fields.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_str(value).unwrap())
    });
    fields.collect()
}

fn reason(problem: &Problem) -> String {
    assert_eq!(problem.status(), 400);
    problem.explanation().unwrap_or_default().to_owned()
}

/// What a client is told of an event that is not valid.
fn rejects(scheme: &WebhookScheme, fields: &HeaderMap, body: impl Into<Bytes>) -> String {
    reason(&scheme.verify(fields, body.into()).unwrap_err())
}

/// Schemes of all kinds.
fn all() -> Vec<WebhookScheme> {
    let mut all: Vec<_> = vectors().into_iter().map(|vector| vector.scheme).collect();
    all.push(WebhookScheme::shopify("hush, a secret of Shopify").unwrap());
    all.push(own());
    #[cfg(feature = "webhook-ed25519")]
    all.push(WebhookScheme::standard(PRIVATE).unwrap());
    let clock = ManualClock::new(at(NOW));
    all.into_iter().map(|scheme| scheme.clock(&clock)).collect()
}

/// The key pair of RFC 8032, section 7.1, test 1.
#[cfg(feature = "webhook-ed25519")]
const PRIVATE: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
#[cfg(feature = "webhook-ed25519")]
const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

#[test]
fn published_signatures_are_accepted_and_reproduced() {
    for Vector {
        name,
        scheme,
        id,
        time,
        fields,
        body,
    } in vectors()
    {
        let scheme = scheme.clock(ManualClock::new(at(time)));
        let fields = headers(&fields);
        let event = scheme.verify(&fields, body.into()).expect(name);
        assert_eq!(event.bytes(), body, "{name}");
        assert_eq!(event.event(), body, "{name}");
        assert_eq!(scheme.sign(id, at(time), body).unwrap(), fields, "{name}");
    }
}

#[test]
fn a_signed_event_is_accepted_and_any_change_of_it_is_not() {
    for scheme in all() {
        for body in ["", "{}", r#"{"id":"evt_1"}"#, "\0\u{ff}.:1.2"] {
            let fields = scheme.sign("msg_1", at(NOW), body).unwrap();
            scheme.verify(&fields, body.into()).unwrap();

            let mut longer = body.as_bytes().to_vec();
            longer.push(b'1');
            rejects(&scheme, &fields, longer);
            for at in 0..body.len() {
                let mut changed = body.as_bytes().to_vec();
                changed[at] ^= 1;
                rejects(&scheme, &fields, changed);
            }
            for name in fields.keys() {
                let value = fields[name].as_bytes();
                for at in 0..value.len() {
                    for bit in [1, 0x20] {
                        let mut changed = value.to_vec();
                        changed[at] ^= bit;
                        let Ok(changed) = HeaderValue::from_bytes(&changed) else {
                            continue;
                        };
                        let mut fields = fields.clone();
                        fields.insert(name, changed);
                        let verified = scheme.verify(&fields, body.into());
                        assert!(verified.is_err(), "{fields:?}");
                    }
                }
                let mut missing = fields.clone();
                missing.remove(name);
                let text = rejects(&scheme, &missing, body);
                assert_eq!(text, format!("The header field `{name}` is missing."));
                let mut repeated = fields.clone();
                repeated.append(name, fields[name].clone());
                let text = rejects(&scheme, &repeated, body);
                assert!(text.contains("occurs more than once"), "{text}");
            }
        }
    }
}

#[test]
fn only_the_keys_of_a_scheme_are_accepted_and_the_first_one_signs() {
    let others = [
        ["whsec_an_old_secret", "whsec_a_new_secret"],
        ["whsec_a_new_secret", "whsec_an_old_secret"],
    ];
    let clock = ManualClock::new(at(NOW));
    let alone = |secret: &str| WebhookScheme::stripe(secret).unwrap().clock(&clock);
    for [first, second] in others {
        let both = alone(first).or_key(second).unwrap();
        for secret in [first, second] {
            let fields = alone(secret).sign("", at(NOW), "{}").unwrap();
            both.verify(&fields, "{}".into()).unwrap();
        }
        let fields = both.sign("", at(NOW), "{}").unwrap();
        alone(first).verify(&fields, "{}".into()).unwrap();
        rejects(&alone(second), &fields, "{}");
    }
}

#[test]
fn timestamps_are_accepted_up_to_the_tolerance_on_both_sides() {
    let cases = [
        (-301_i64, "old"),
        (-300, "ok"),
        (0, "ok"),
        (300, "ok"),
        (301, "future"),
        (-1_000_000, "old"),
        (1_000_000_000_000, "future"),
    ];
    for scheme in all() {
        let has_time =
            format!("{:?}", scheme.sign("a", at(NOW), "").unwrap()).contains("1795190400");
        for (away, expected) in cases {
            let sent = at(NOW.saturating_add_signed(away));
            let fields = scheme.sign("a", sent, "").unwrap();
            match scheme.verify(&fields, "".into()) {
                Ok(event) => {
                    assert!(expected == "ok" || !has_time, "{away}");
                    assert_eq!(event.timestamp(), has_time.then_some(sent));
                }
                Err(problem) => {
                    assert_ne!(expected, "ok", "{away}");
                    let text = reason(&problem);
                    assert!(text.contains("more than 300 seconds"), "{text}");
                }
            }
        }
    }
    let minute = std::time::Duration::from_secs(60);
    let clock = ManualClock::new(at(NOW));
    let narrow = WebhookScheme::standard(STANDARD).unwrap().clock(&clock);
    let narrow = narrow.tolerance(minute).unwrap();
    for (away, passes) in [(-61_i64, false), (-60, true), (60, true), (61, false)] {
        let sent = at(NOW.saturating_add_signed(away));
        let fields = narrow.sign("a", sent, "").unwrap();
        assert_eq!(narrow.verify(&fields, "".into()).is_ok(), passes, "{away}");
    }
}

/// The fields of other requests of Stripe, and what is wrong with them.
#[test]
fn stripes_field_is_read_as_its_libraries_read_it() {
    let scheme = WebhookScheme::stripe("whsec_test_secret").unwrap();
    let scheme = scheme.clock(ManualClock::new(at(1_492_774_577)));
    let good = "691252e266ce41cb94d709c84e9580d4172b117a510bbc81723f657d2cd5d215";
    let bad = "0000000000000000000000000000000000000000000000000000000000000000";
    let body = r#"{"id":"evt_test","object":"event"}"#;
    let many = format!("t=1492774577,{}v1={good}", "v0=x,".repeat(15));
    let cases = [
        (format!("t=1492774577,v1={bad},v1={good}"), "ok"),
        (format!("t=1492774577,v1={good},v1={bad}"), "ok"),
        (format!("v1={good},t=1492774577"), "ok"),
        (format!("t=1492774577, v1={good}"), "ok"),
        (format!("t=1492774577,v0={bad},v1={good},v9=new"), "ok"),
        (format!("t=1492774577,v1={bad}"), "signature"),
        (format!("t=1492774577,v0={good}"), "signature"),
        (
            format!("t=1492774577,v1={}", good.to_uppercase()),
            "signature",
        ),
        (format!("t=1492774577,v1={}", &good[..62]), "signature"),
        (format!("t=1492774577,v1={good}00"), "signature"),
        ("t=1492774577".into(), "signature"),
        ("t=1492774577,v1=".into(), "signature"),
        (format!("t=01492774577,v1={good}"), "malformed"),
        (format!("v1={good}"), "malformed"),
        (format!("t=1492774577,t=1492774577,v1={good}"), "malformed"),
        (format!("t=,v1={good}"), "malformed"),
        (format!("t=-1,v1={good}"), "malformed"),
        (format!("t=+1492774577,v1={good}"), "malformed"),
        (format!("t=1492774577.0,v1={good}"), "malformed"),
        (format!("t=99999999999999999999,v1={good}"), "malformed"),
        (many, "malformed"),
        (String::new(), "malformed"),
    ];
    for (field, expected) in cases {
        let fields = headers(&[("stripe-signature", field.clone())]);
        let found = match scheme.verify(&fields, body.into()) {
            Ok(_) => "ok",
            Err(problem) if reason(&problem).contains("signature is not valid") => "signature",
            Err(problem) if reason(&problem).contains("malformed") => "malformed",
            Err(problem) => panic!("{field}: {problem:?}"),
        };
        assert_eq!(found, expected, "{field}");
    }
}

#[test]
fn standard_webhooks_have_several_signatures_of_several_versions() {
    let scheme = WebhookScheme::standard(STANDARD).unwrap();
    let scheme = scheme.clock(ManualClock::new(at(STANDARD_TIME)));
    let other = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let asymmetric = format!("v1a,{}", "A".repeat(86) + "==");
    let cases = [
        (format!("{other} {STANDARD_SIGNATURE}"), true),
        (format!("{STANDARD_SIGNATURE} {other}"), true),
        (format!("v2,x {asymmetric} {STANDARD_SIGNATURE}"), true),
        (format!("  {STANDARD_SIGNATURE}  "), true),
        (STANDARD_SIGNATURE.replace("v1,", "v1a,"), false),
        (STANDARD_SIGNATURE.replace("v1,", "v2,"), false),
        (STANDARD_SIGNATURE.replace("v1,", ""), false),
        (STANDARD_SIGNATURE.trim_end_matches('=').into(), false),
        // The same bytes, with a stray bit.
        (STANDARD_SIGNATURE.replace("kw=", "kx="), false),
        (asymmetric, false),
        (other.into(), false),
    ];
    for (signatures, passes) in cases {
        let fields = headers(&[
            ("webhook-id", STANDARD_ID.into()),
            ("webhook-timestamp", STANDARD_TIME.to_string()),
            ("webhook-signature", signatures.clone()),
        ]);
        let verified = scheme.verify(&fields, STANDARD_BODY.into());
        assert_eq!(verified.is_ok(), passes, "{signatures}");
    }
}

#[cfg(feature = "webhook-ed25519")]
#[test]
fn asymmetric_signatures_of_standard_webhooks_are_accepted_by_the_public_key() {
    let clock = ManualClock::new(at(NOW));
    let private = WebhookScheme::standard(PRIVATE).unwrap().clock(&clock);
    let public = WebhookScheme::standard(PUBLIC).unwrap().clock(&clock);
    let fields = private.sign("msg_1", at(NOW), "{}").unwrap();
    assert!(
        fields["webhook-signature"]
            .to_str()
            .unwrap()
            .starts_with("v1a,")
    );
    assert_eq!(
        public.verify(&fields, "{}".into()).unwrap().id(),
        Some("msg_1")
    );
    private.verify(&fields, "{}".into()).unwrap();
    public.sign("msg_1", at(NOW), "{}").unwrap_err();

    // The seed and the public key, as most libraries write a private key.
    let pair = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
    let pair = WebhookScheme::standard(pair).unwrap();
    assert_eq!(pair.sign("msg_1", at(NOW), "{}").unwrap(), fields);

    // A secret and a public key, while a sender moves from one to the other.
    let both = WebhookScheme::standard(STANDARD).unwrap().clock(&clock);
    let both = both.or_key(PUBLIC).unwrap();
    both.verify(&fields, "{}".into()).unwrap();
    let symmetric = both.sign("msg_1", at(NOW), "{}").unwrap();
    both.verify(&symmetric, "{}".into()).unwrap();
    rejects(&public, &symmetric, "{}");
}

#[test]
fn one_signature_is_not_valid_for_two_messages() {
    let scheme = own().clock(ManualClock::new(at(NOW)));
    let standard = WebhookScheme::standard(STANDARD).unwrap();
    for id in ["a:b", "", &"i".repeat(257), "\u{e9}", "a\nb"] {
        assert!(scheme.sign(id, at(NOW), "").is_err(), "{id}");
    }
    standard.sign("a.b", at(NOW), "").unwrap_err();
    // `msg.1795190400.1795190401.{}`, cut at another place.
    let standard = standard.clock(ManualClock::new(at(NOW)));
    let body = "1795190401.{}";
    let mut fields = standard.sign("msg", at(NOW), body).unwrap();
    standard.verify(&fields, body.into()).unwrap();
    fields.insert("webhook-id", HeaderValue::from_static("msg.1795190400"));
    fields.insert("webhook-timestamp", HeaderValue::from_static("1795190401"));
    let text = rejects(&standard, &fields, "{}");
    assert!(text.contains("`webhook-id` is malformed"), "{text}");
    // `amount=1000.1795190400`, where the zeros belong to the body.
    let format = SignatureFormat::hex("x-signature").unwrap();
    let format = format.timestamp_field("x-time").unwrap();
    let format = format.signs("{body}.{timestamp}").unwrap();
    let trailing = WebhookScheme::custom("trailing", format, OWN).unwrap();
    let trailing = trailing.clock(ManualClock::new(at(NOW)));
    let body = "amount=10.00";
    let mut fields = trailing.sign("", at(NOW), body).unwrap();
    trailing.verify(&fields, body.into()).unwrap();
    fields.insert("x-time", HeaderValue::from_static("001795190400"));
    let text = rejects(&trailing, &fields, "amount=10");
    assert!(text.contains("`x-time` is malformed"), "{text}");
}
