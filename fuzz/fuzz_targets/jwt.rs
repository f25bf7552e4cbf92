//! A correctly signed token passes if and only if its claims satisfy the policy; with one byte
//! changed it is rejected, and so is any other text.
#![no_main]

use std::{sync::LazyLock, time::Duration};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use serde_json::{Map, Value, json};
use wythe::Jwt;
use wythe_fuzz::{Claims, NOW, authenticate, issuers, scheme, token};

const HEADER: &[u8] = br#"{"alg":"HS256"}"#;
const LEEWAY: u32 = 30;

static SCHEME: LazyLock<Jwt<Claims>> = LazyLock::new(|| {
    let scheme = scheme().issuer("us").issuer("them").audience("api");
    scheme.leeway(Duration::from_secs(LEEWAY.into()))
});

const MAX_AGE: u32 = 1;

/// The same with two issuers, one of which signed the token, and with every other requirement.
static STRICT: LazyLock<Jwt<Claims>> = LazyLock::new(|| {
    let scheme = issuers().audience("api").required_claims(["sub", "nbf"]);
    let scheme = scheme.leeway(Duration::from_secs(LEEWAY.into()));
    let scheme = scheme.max_age(Duration::from_secs(MAX_AGE.into()));
    scheme.unwrap()
});

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// `exp`, `nbf`, `iss`, `aud`, `sub` and `iat`.
    claims: [Option<Claim>; 6],
    /// The index of a byte of the token, and its new value.
    at: u16,
    to: u8,
    raw: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Claim {
    /// In quarters of a second from now.
    Date(i8),
    Name(u8),
    Names(Vec<u8>),
}

impl Claim {
    fn json(&self) -> Value {
        let names = [
            json!("us"),
            json!("them"),
            json!("api"),
            json!(1),
            Value::Null,
        ];
        let name = |index: &u8| names[usize::from(*index) % names.len()].clone();
        match self {
            Self::Date(quarters) if quarters % 4 == 0 => {
                json!(i64::from(NOW) + i64::from(quarters / 4))
            }
            Self::Date(quarters) => json!(f64::from(NOW) + f64::from(*quarters) / 4.0),
            Self::Name(index) => name(index),
            Self::Names(indices) => indices.iter().map(name).collect(),
        }
    }
}

/// Whether these claims satisfy the policy.
fn satisfy(claims: &Value) -> bool {
    let (now, leeway) = (f64::from(NOW), f64::from(LEEWAY));
    let has_come = |start: f64| start - leeway <= now;
    let nbf = &claims["nbf"];
    let by_us = claims["iss"] == "us" || claims["iss"] == "them";
    let for_us = match &claims["aud"] {
        Value::Array(names) => names.iter().all(Value::is_string) && names.contains(&json!("api")),
        name => name == "api",
    };
    claims.is_object()
        && claims["exp"]
            .as_f64()
            .is_some_and(|expiry| now < expiry + leeway)
        && (nbf.is_null() || nbf.as_f64().is_some_and(has_come))
        && (by_us && for_us && claims["sub"].is_string())
}

/// Whether claims that satisfy the policy also satisfy the strict one.
fn satisfy_all(claims: &Value) -> bool {
    let (now, leeway) = (f64::from(NOW), f64::from(LEEWAY));
    let is_new = |issued: f64| issued - leeway <= now && now < issued + f64::from(MAX_AGE) + leeway;
    claims["iss"] == "us" && !claims["nbf"].is_null() && claims["iat"].as_f64().is_some_and(is_new)
}

fn passes(token: &[u8]) -> bool {
    passes_in(&SCHEME, token)
}

fn passes_in(scheme: &Jwt<Claims>, token: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(&[b"Bearer ", token].concat()) else {
        return false;
    };
    authenticate(scheme, HeaderMap::from_iter([(AUTHORIZATION, value)])).is_ok()
}

fuzz_target!(|input: Input<'_>| {
    let names = ["exp", "nbf", "iss", "aud", "sub", "iat"].map(str::to_owned);
    let claims = names.into_iter().zip(&input.claims);
    let claims = claims.filter_map(|(name, claim)| Some((name, claim.as_ref()?.json())));
    let claims = Value::from(Map::from_iter(claims));
    let right = token(HEADER, claims.to_string().as_bytes());
    assert_eq!(passes(right.as_bytes()), satisfy(&claims), "{claims}");
    let strictly = satisfy(&claims) && satisfy_all(&claims);
    assert_eq!(passes_in(&STRICT, right.as_bytes()), strictly, "{claims}");

    let good = json!({"sub": "ann", "exp": NOW + 1, "iss": "us", "aud": "api"}).to_string();
    let mut changed = token(HEADER, good.as_bytes()).into_bytes();
    assert!(passes(&changed));
    let at = usize::from(input.at) % changed.len();
    if changed[at] != input.to {
        changed[at] = input.to;
        assert!(!passes(&changed));
    }
    assert!(!passes(input.raw));

    // Correctly signed, whatever the claims. In what a type does not name, serde accepts more than
    // `Value`.
    let signed = token(HEADER, input.raw);
    if passes(signed.as_bytes()) {
        assert!(serde_json::from_slice(input.raw).map_or(true, |claims| satisfy(&claims)));
    }
    if passes_in(&STRICT, signed.as_bytes()) {
        assert!(passes(signed.as_bytes()));
        assert!(serde_json::from_slice(input.raw).map_or(true, |claims| satisfy_all(&claims)));
    }
    if passes(token(input.raw, good.as_bytes()).as_bytes()) {
        let header = serde_json::from_slice(input.raw).unwrap_or(json!({"alg": "HS256"}));
        let typ = header["typ"].as_str().unwrap_or("JWT").to_ascii_lowercase();
        assert!(
            header["alg"] == "HS256" && header.get("crit").is_none() && typ.ends_with("jwt"),
            "{header}"
        );
    }
});
