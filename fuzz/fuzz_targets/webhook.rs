//! What a scheme signs is valid, with each of its keys; with one bit changed, in the body or in a field,
//! it is not. No other fields are valid, and none of them make it panic.
#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::webhook::{SignatureFormat, WebhookScheme};
use wythe_fuzz::NOW;

const SECRET: &str = "a secret of this target";
const OTHER: &str = "another secret of this target";

/// Each scheme, with another key beside its own, and the same with only the other key.
static SCHEMES: LazyLock<Vec<(WebhookScheme, WebhookScheme)>> = LazyLock::new(|| {
    let own = || {
        SignatureFormat::hex("x-signature")
            .and_then(|format| format.separator(';'))
            .map(|format| format.prefix("s=").timestamp_element("t="))
            .and_then(|format| format.id_field("x-id"))
            .and_then(|format| format.signs("{id}\n{timestamp}{body}:end"))
            .unwrap()
    };
    let plain: [fn(&'static str) -> WebhookScheme; 4] = [
        |secret| WebhookScheme::stripe(secret).unwrap(),
        |secret| WebhookScheme::github(secret).unwrap(),
        |secret| WebhookScheme::slack(secret).unwrap(),
        |secret| WebhookScheme::shopify(secret).unwrap(),
    ];
    let standard = |key: &str| WebhookScheme::standard(key).unwrap();
    // The secret of the libraries of Standard Webhooks, and the key of RFC 8032, section 7.1.
    let symmetric = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let private = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let custom = |secret| WebhookScheme::custom("own", own(), secret).unwrap();
    let mut schemes: Vec<_> = plain
        .into_iter()
        .map(|scheme| (scheme(SECRET).or_key(OTHER).unwrap(), scheme(OTHER)))
        .collect();
    schemes.push((custom(SECRET).or_key(OTHER).unwrap(), custom(OTHER)));
    let both = |first: &str, second| standard(first).or_key(second).unwrap();
    schemes.push((both(symmetric, private), standard(private)));
    schemes.push((both(private, symmetric), standard(symmetric)));
    let clock = |scheme: WebhookScheme| scheme.clock(now);
    schemes
        .into_iter()
        .map(|(scheme, other)| (clock(scheme), clock(other)))
        .collect()
});

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.into())
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    scheme: u8,
    id: &'a str,
    /// How far from now it is signed, in seconds.
    away: i16,
    body: &'a [u8],
    /// The index of the bit that is changed.
    at: u16,
    bit: u8,
    raw: [&'a [u8]; 3],
}

fuzz_target!(|input: Input<'_>| {
    let (scheme, other) = &SCHEMES[usize::from(input.scheme) % SCHEMES.len()];
    let verifies = |fields: &HeaderMap, body: &[u8]| {
        let verified = scheme.verify(fields, Bytes::copy_from_slice(body));
        let verified = verified.inspect_err(|problem| assert_eq!(problem.status(), 400));
        verified.ok()
    };
    let away = Duration::from_secs(input.away.unsigned_abs().into());
    let time = if input.away < 0 {
        now() - away
    } else {
        now() + away
    };
    let Ok(fields) = scheme.sign(input.id, time, input.body) else {
        return;
    };
    let has_time = scheme.clone().tolerance(Duration::from_secs(300)).is_ok();
    let in_time = !has_time || away <= Duration::from_secs(300);
    let event = verifies(&fields, input.body);
    assert_eq!(event.is_some(), in_time);
    if let Some(event) = event {
        assert_eq!(event.bytes(), input.body);
        assert_eq!(event.timestamp(), has_time.then_some(time));
        assert!(event.id().is_none_or(|id| id == input.id));
    }
    // By the other key.
    let others = other.sign(input.id, time, input.body).unwrap();
    assert_eq!(verifies(&others, input.body).is_some(), in_time);
    assert!(
        other
            .verify(&fields, Bytes::copy_from_slice(input.body))
            .is_err()
    );

    let flip = |bytes: &[u8]| {
        let mut changed = bytes.to_vec();
        let at = usize::from(input.at) % changed.len();
        changed[at] ^= 1 << (input.bit % 8);
        changed
    };
    if !input.body.is_empty() {
        assert!(verifies(&fields, &flip(input.body)).is_none());
    }
    assert!(verifies(&fields, &[input.body, b"\0"].concat()).is_none());
    for (name, value) in &fields {
        if let Ok(changed) = HeaderValue::from_bytes(&flip(value.as_bytes())) {
            let mut fields = fields.clone();
            fields.insert(name, changed);
            assert!(verifies(&fields, input.body).is_none(), "{fields:?}");
        }
    }

    // Nobody signed this, unless it is what was signed.
    let names: Vec<&HeaderName> = fields.keys().collect();
    let raw = names.iter().zip(input.raw);
    let raw: HeaderMap = raw
        .filter_map(|(name, value)| Some(((*name).clone(), HeaderValue::from_bytes(value).ok()?)))
        .collect();
    assert!(raw == fields || verifies(&raw, input.body).is_none());
});
