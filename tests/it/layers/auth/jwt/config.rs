//! `Jwt`: what is refused when it is built.

use std::{error::Error, time::Duration};

use serde_json::{Value, json};
use wythe::{ConfigError, Jwt, JwtIssuer, JwtKey, auth::JwtAlgorithm};

type Tokens = Jwt<Value>;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/vectors/jwt/",
            $name
        ))
    };
}

#[track_caller]
fn refused<T>(name: &str, built: Result<T, ConfigError>, words: &str) {
    let error = built
        .err()
        .unwrap_or_else(|| panic!("{name}: accepted"))
        .to_string();
    assert!(error.contains(words), "{name}: {error}");
}

#[track_caller]
fn accepted<T>(built: Result<T, ConfigError>) {
    if let Err(error) = built {
        panic!("{error}");
    }
}

/// A secret of this many bytes.
fn secret(length: u8) -> Vec<u8> {
    (0..length).collect()
}

#[test]
fn refuses_secrets_shorter_than_the_hash() {
    refused("empty", Tokens::hs256(""), "0 bytes, and needs at least 32");
    refused("31", Tokens::hs256(secret(31)), "HS256 has 31 bytes");
    refused("47", JwtKey::hs384(secret(47)), "needs at least 48");
    refused("63", JwtKey::hs512(secret(63)), "needs at least 64");
    accepted(Tokens::hs256(secret(32)));
    accepted(JwtKey::hs384(secret(48)));
    accepted(JwtKey::hs512(secret(64)));
    accepted(JwtKey::hs512(secret(200)));
}

#[test]
fn refuses_secrets_that_are_not_random() {
    refused("zeros", Tokens::hs256([0; 32]), "one byte repeated");
}

/// Who passes a public key as a secret, in whatever form it arrived, would accept what anyone signs.
#[test]
fn refuses_a_public_key_as_a_secret() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let pem = std::str::from_utf8(vector!("rsa.public.pem")).unwrap();
    let utf16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let jwk = r#"{ "kty" : "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }"#;
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("a PEM", pem.into(), "is a PEM"),
        ("after spaces", format!("\n  {pem}").into(), "is a PEM"),
        (
            "a byte order mark",
            format!("\u{feff}{pem}").into(),
            "is a PEM",
        ),
        (
            "after a comment",
            format!("# of 2026\n{pem}").into(),
            "is a PEM",
        ),
        ("in quotes", format!("\"{pem}\"").into(), "is a PEM"),
        (
            "without line breaks",
            pem.replace('\n', "\\n").into(),
            "is a PEM",
        ),
        ("UTF-16", utf16, "is a PEM"),
        ("base64", STANDARD.encode(pem).into(), "is a PEM in base64"),
        ("a JWK", jwk.into(), "is a JWK"),
    ];
    for (name, secret, words) in cases {
        refused(name, Tokens::hs256(&secret), words);
        refused(name, JwtKey::hs384(&secret), words);
        refused(name, JwtKey::hs512(&secret), words);
    }
}

#[test]
fn refuses_a_pem_of_the_wrong_kind() {
    let rsa = vector!("rsa.public.pem");
    let p256 = vector!("p256.public.pem");
    let p384 = vector!("p384.public.pem");
    let ed25519 = vector!("ed25519.public.pem");
    refused(
        "EC for RSA",
        JwtKey::pem(JwtAlgorithm::RS256, p256),
        "not a public key for RS256",
    );
    refused(
        "Ed25519 for RSA",
        JwtKey::pem(JwtAlgorithm::PS256, ed25519),
        "not a public key for PS256",
    );
    refused(
        "RSA for EC",
        JwtKey::pem(JwtAlgorithm::ES256, rsa),
        "not a public key for ES256",
    );
    refused(
        "P-384 for P-256",
        JwtKey::pem(JwtAlgorithm::ES256, p384),
        "not a public key for ES256",
    );
    refused(
        "P-256 for P-384",
        JwtKey::pem(JwtAlgorithm::ES384, p256),
        "not a public key for ES384",
    );
    refused(
        "Ed25519 for EC",
        JwtKey::pem(JwtAlgorithm::ES256, ed25519),
        "not a public key for ES256",
    );
    refused(
        "EC for Ed25519",
        JwtKey::pem(JwtAlgorithm::EdDSA, p256),
        "not a public key for EdDSA",
    );
    refused(
        "PKCS #1 for EC",
        JwtKey::pem(JwtAlgorithm::ES256, vector!("rsa.public.pkcs1.pem")),
        "ES256",
    );
    for (name, algorithm, pem) in [
        ("RSA", JwtAlgorithm::RS256, &vector!("rsa.private.pem")[..]),
        ("EC", JwtAlgorithm::ES256, &vector!("p256.private.pem")[..]),
        (
            "Ed25519",
            JwtAlgorithm::EdDSA,
            &vector!("ed25519.private.pem")[..],
        ),
    ] {
        refused(name, JwtKey::pem(algorithm, pem), "is a private key");
    }
    refused(
        "a certificate",
        JwtKey::pem(JwtAlgorithm::RS256, vector!("rsa.certificate.pem")),
        "is a certificate",
    );
    refused(
        "short",
        JwtKey::pem(JwtAlgorithm::RS256, vector!("rsa1024.public.pem")),
        "2048 to 8192 bits, not 1024",
    );
    refused(
        "for HMAC",
        JwtKey::pem(JwtAlgorithm::HS256, rsa),
        "takes a secret",
    );
}

#[test]
fn refuses_an_invalid_pem() {
    let pem = std::str::from_utf8(vector!("rsa.public.pem")).unwrap();
    let cases = [
        ("empty", String::new(), "must be one PEM block"),
        ("a path", "keys/rsa.pem".to_owned(), "must be one PEM block"),
        ("two", format!("{pem}{pem}"), "there are several"),
        (
            "of an .env file",
            pem.replace('\n', "\\n"),
            r"line breaks are the two characters `\n`",
        ),
        (
            "of an .env file, trimmed",
            pem.trim_end().replace('\n', "\\n"),
            r"line breaks are the two characters `\n`",
        ),
        (
            "after a byte order mark",
            format!("\u{feff}{pem}"),
            "begins with a byte order mark",
        ),
        ("in quotes", format!("\"{pem}\""), "in quotes"),
        ("in single quotes", format!("'{pem}'\n"), "in quotes"),
        (
            "after a comment",
            format!("# of 2026\n{pem}"),
            "other text before it, such as a comment",
        ),
        (
            "cut",
            pem[..pem.len() - 30].to_owned(),
            "must be one PEM block",
        ),
        (
            "without its body",
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned(),
            "RS256",
        ),
        (
            "with another end",
            pem.replace("END PUBLIC", "END RSA PUBLIC"),
            "must be one PEM block",
        ),
        ("not base64", pem.replace("MII", "M*I"), "base64"),
        (
            "of something else",
            pem.replace("PUBLIC KEY", "X509 CRL"),
            "`X509 CRL`",
        ),
    ];
    for (name, pem, words) in cases {
        refused(name, JwtKey::pem(JwtAlgorithm::RS256, pem), words);
    }
    let utf16: Vec<u8> = "\u{feff}"
        .chars()
        .chain(pem.chars())
        .flat_map(|c| (c as u16).to_le_bytes())
        .collect();
    refused(
        "UTF-16",
        JwtKey::pem(JwtAlgorithm::RS256, utf16),
        "in UTF-16",
    );
    refused(
        "bytes",
        JwtKey::pem(JwtAlgorithm::RS256, [0xff; 100]),
        "must be one PEM block",
    );
    // Windows line ends, and space around.
    accepted(JwtKey::pem(
        JwtAlgorithm::RS256,
        format!("\n {} \n", pem.replace('\n', "\r\n")),
    ));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn refuses_a_jwk_of_the_wrong_kind() {
    let oct = json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" });
    let ec = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let short = json!({ "kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw" });
    let small = json!({ "kty": "RSA", "e": "AQAB", "n": "rLewUfNG9bH8fBxaeDgiwiC5Gox3O5tBD3F8ztInMpP_G0UxAeqbHuwMSV03aYKvyt9Z_884D1qH7l1tuBCCAJj1nGozaLW9F4gz4Y0GKpevO9OcURdDZ0uQipxHDz8he35V0vPfcUcjGQAZTKLf-lMBitdb0H3n9oBSWdgHZ68" });
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let cases = [
        (
            "a symmetric key for RSA",
            JwtAlgorithm::RS256,
            oct.clone(),
            "not for RS256",
        ),
        (
            "a symmetric key for EC",
            JwtAlgorithm::ES256,
            oct.clone(),
            "not for ES256",
        ),
        (
            "a public key for HMAC",
            JwtAlgorithm::HS256,
            ec.clone(),
            "not for HS256",
        ),
        (
            "another curve",
            JwtAlgorithm::ES384,
            ec.clone(),
            "not for ES384",
        ),
        (
            "Ed25519 for EC",
            JwtAlgorithm::ES256,
            okp.clone(),
            "not for ES256",
        ),
        (
            "another alg",
            JwtAlgorithm::HS256,
            with(&oct, "alg", json!("HS512")),
            "`alg`",
        ),
        (
            "an unknown alg",
            JwtAlgorithm::ES256,
            with(&ec, "alg", json!("ES999")),
            "`alg`",
        ),
        (
            "for encryption",
            JwtAlgorithm::ES256,
            with(&ec, "use", json!("enc")),
            "`use`",
        ),
        (
            "for signing only",
            JwtAlgorithm::ES256,
            with(&ec, "key_ops", json!(["sign"])),
            "`key_ops`",
        ),
        (
            "a short secret",
            JwtAlgorithm::HS256,
            short,
            "16 bytes, and needs at least 32",
        ),
        (
            "a small modulus",
            JwtAlgorithm::RS256,
            small,
            "2048 to 8192 bits, not 1024",
        ),
        (
            "a point off the curve",
            JwtAlgorithm::ES256,
            with(&ec, "y", ec["x"].clone()),
            "ES256",
        ),
        (
            "a point that is cut",
            JwtAlgorithm::ES256,
            with(&ec, "y", json!("x_FE")),
            "ES256",
        ),
        (
            "invalid base64url",
            JwtAlgorithm::EdDSA,
            with(&okp, "x", json!("+++")),
            "can't be parsed",
        ),
    ];
    for (name, algorithm, key, words) in cases {
        refused(name, JwtKey::jwk(algorithm, key.to_string()), words);
    }
    let key = with(&ec, "kid", json!("2026"));
    let key = with(&key, "use", json!("sig"));
    let key = with(&key, "key_ops", json!(["verify"]));
    let key = JwtKey::jwk(
        JwtAlgorithm::ES256,
        with(&key, "alg", json!("ES256")).to_string(),
    )
    .unwrap();
    assert_eq!(key.key_id(), Some("2026"));
    assert_eq!(key.algorithm(), JwtAlgorithm::ES256);
}

#[test]
fn refuses_invalid_sets_of_keys() {
    let key = |first: u8| JwtKey::hs256((first..first + 32).collect::<Vec<u8>>()).unwrap();
    refused("none", Tokens::keys([]), "at least one key is required");
    refused(
        "a name twice",
        Tokens::keys([key(1).id("a"), key(2).id("a")]),
        "the id `a`",
    );
    refused("too many", Tokens::keys((0..33).map(key)), "more than 32");
    accepted(Tokens::keys((0..32).map(key)));
    // RFC 7517, section 4.5: keys of different algorithms may share an id.
    let other = JwtKey::hs512(secret(64)).unwrap().id("a");
    accepted(Tokens::keys([key(1).id("a"), other]));
}

#[test]
fn refuses_invalid_issuers() {
    let key = || JwtKey::hs256(secret(32)).unwrap();
    let issuer = |name: &str| JwtIssuer::new(name, [key()]);
    refused("no name", issuer(""), "an issuer needs a name");
    refused(
        "no keys",
        JwtIssuer::new("https://a", []),
        "at least one key is required",
    );
    refused(
        "two keys of one id",
        JwtIssuer::new("https://a", [key().id("1"), key().id("1")]),
        "the id `1`",
    );
    let issuers = |names: &[&str]| Tokens::issuers(names.iter().map(|name| issuer(name).unwrap()));
    refused("none", issuers(&[]), "at least one issuer is required");
    refused(
        "one twice",
        issuers(&["https://a", "https://b", "https://a"]),
        "the issuer `https://a` is listed twice",
    );
    accepted(issuers(&["https://a"]));
    accepted(issuers(&["https://a", "https://a/", "https://b"]));
}

#[test]
fn makes_a_key_for_each_allowed_algorithm_that_fits_a_jwk() {
    let rsa = json!({ "kty": "RSA", "kid": "1", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" });
    let allowed = [
        JwtAlgorithm::ES256,
        JwtAlgorithm::RS256,
        JwtAlgorithm::PS256,
        JwtAlgorithm::HS256,
    ];
    let keys = JwtKey::jwk_any_of(allowed, rsa.to_string()).unwrap();
    let made: Vec<_> = keys
        .iter()
        .map(|key| (key.algorithm(), key.key_id()))
        .collect();
    assert_eq!(
        made,
        [
            (JwtAlgorithm::RS256, Some("1")),
            (JwtAlgorithm::PS256, Some("1"))
        ]
    );
    accepted(Tokens::keys(keys));
    // A key with an `alg` is for no other.
    let mut named = rsa.clone();
    named["alg"] = json!("PS256");
    let keys = JwtKey::jwk_any_of(allowed, named.to_string()).unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].algorithm(), JwtAlgorithm::PS256);
    refused(
        "none allowed",
        JwtKey::jwk_any_of([], rsa.to_string()),
        "an empty list",
    );
    refused(
        "none fits",
        JwtKey::jwk_any_of([JwtAlgorithm::ES256, JwtAlgorithm::EdDSA], rsa.to_string()),
        "not for EdDSA",
    );
}

/// What is said of the algorithm that the key was meant for, wherever it stands in the list.
#[test]
fn says_of_a_jwk_what_is_wrong_with_it_for_the_algorithm_that_it_comes_closest_to() {
    let small = json!({ "kty": "RSA", "e": "AQAB", "n": "rLewUfNG9bH8fBxaeDgiwiC5Gox3O5tBD3F8ztInMpP_G0UxAeqbHuwMSV03aYKvyt9Z_884D1qH7l1tuBCCAJj1nGozaLW9F4gz4Y0GKpevO9OcURdDZ0uQipxHDz8he35V0vPfcUcjGQAZTKLf-lMBitdb0H3n9oBSWdgHZ68" });
    let with = |name: &str, value: &str| {
        let mut key = small.clone();
        key[name] = json!(value);
        key
    };
    let cases = [
        ("small", small.clone(), "2048 to 8192 bits, not 1024"),
        ("small, for RS256", with("alg", "RS256"), "not 1024"),
        ("for RS512", with("alg", "RS512"), "its `alg` is `RS512`"),
        ("to encrypt", with("use", "enc"), "its `use` is not `sig`"),
    ];
    let mut allowed = [
        JwtAlgorithm::ES256,
        JwtAlgorithm::RS256,
        JwtAlgorithm::PS256,
        JwtAlgorithm::EdDSA,
    ];
    for _ in 0..allowed.len() {
        allowed.rotate_left(1);
        for (name, key, words) in &cases {
            refused(name, JwtKey::jwk_any_of(allowed, key.to_string()), words);
            let set = json!({ "keys": [key, { "kty": "X" }] }).to_string();
            let error = JwtKey::jwk_set(allowed, set).unwrap_err();
            assert!(error.to_string().contains("2 keys"), "{name}: {error}");
            let source = error.source().unwrap().to_string();
            assert!(source.contains(words), "{name}: {source}");
        }
    }
}

const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

#[test]
fn accepts_numbers_of_a_jwk_with_zeros_before_them_or_padding() {
    use base64::{
        Engine, engine::general_purpose::URL_SAFE, engine::general_purpose::URL_SAFE_NO_PAD,
    };
    let n = URL_SAFE_NO_PAD.decode(MODULUS).unwrap();
    let with_zero = |bytes: &[u8]| URL_SAFE_NO_PAD.encode([&[0], bytes].concat());
    let rsa = |n: String, e: &str| json!({ "kty": "RSA", "n": n, "e": e }).to_string();
    let ec = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let y = URL_SAFE_NO_PAD.decode(ec["y"].as_str().unwrap()).unwrap();
    let with_y = |y: String| {
        let mut key = ec.clone();
        key["y"] = json!(y);
        key.to_string()
    };
    for jwk in [
        rsa(with_zero(&n), "AQAB"),
        rsa(URL_SAFE.encode(&n), "AQAB"),
        rsa(MODULUS.to_owned(), "AAEAAQ"),
        rsa(MODULUS.to_owned(), "AAEAAQ=="),
    ] {
        accepted(JwtKey::jwk(JwtAlgorithm::RS256, &jwk));
        accepted(JwtKey::jwk(JwtAlgorithm::PS512, &jwk));
    }
    accepted(JwtKey::jwk(JwtAlgorithm::ES256, with_y(with_zero(&y))));
    accepted(JwtKey::jwk(
        JwtAlgorithm::ES256,
        with_y(URL_SAFE.encode(&y)),
    ));
    refused(
        "a coordinate of another curve",
        JwtKey::jwk(JwtAlgorithm::ES256, with_y(URL_SAFE.encode([7; 48]))),
        "too long",
    );
    refused(
        "zeros that hide a short modulus",
        JwtKey::jwk(
            JwtAlgorithm::RS256,
            rsa(
                URL_SAFE.encode([&[0; 128][..], &[0xff; 128]].concat()),
                "AQAB",
            ),
        ),
        "2048 to 8192 bits, not 1024",
    );
}

#[test]
fn reads_the_keys_of_a_set_and_skips_those_that_do_not_fit() {
    let ec = json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let rsa = json!({ "kty": "RSA", "kid": "rsa", "n": MODULUS, "e": "AQAB" });
    let oct = json!({ "kty": "oct", "kid": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" });
    // One JSON text, in which some keys could not be read alone.
    let set = format!(
        r#"{{"keys":[7,null,[],{{}},{{"kty":"X"}},{{"kty":"RSA","n":1e999}},{{"kid":"\ud800"}},
            {{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}},{{"kty":"RSA","kty":"RSA"}},
            {},{rsa},{ec},{oct},{ec}],"other":1}}"#,
        "[".repeat(500) + &"]".repeat(500)
    );
    let made = |allowed: &[JwtAlgorithm]| {
        let keys = JwtKey::jwk_set(allowed.iter().copied(), &set).unwrap();
        let made = keys
            .iter()
            .map(|key| (key.algorithm(), key.key_id().unwrap().to_owned()));
        let made: Vec<_> = made.collect();
        accepted(Tokens::keys(keys));
        made
    };
    let rsa = |algorithm| (algorithm, "rsa".to_owned());
    let twice = || (JwtAlgorithm::ES256, "ec".to_owned());
    assert_eq!(
        made(&[
            JwtAlgorithm::RS256,
            JwtAlgorithm::PS256,
            JwtAlgorithm::ES256
        ]),
        [
            rsa(JwtAlgorithm::RS256),
            rsa(JwtAlgorithm::PS256),
            twice(),
            twice()
        ]
    );
    assert_eq!(
        made(&[JwtAlgorithm::HS256]),
        [(JwtAlgorithm::HS256, "oct".to_owned())]
    );
    let of = |set: &str| JwtKey::jwk_set([JwtAlgorithm::ES256], set);
    refused("not JSON", of("keys"), "can't be parsed");
    refused("a list", of("[]"), "can't be parsed");
    refused("one key", of(&ec.to_string()), "can't be parsed");
    refused("no key", of(r#"{"keys":[]}"#), "0 keys");
    refused(
        "none fits",
        of(&json!({ "keys": [oct] }).to_string()),
        "1 keys",
    );
    let many = json!({ "keys": vec![0; 2_001] }).to_string();
    refused("too many", of(&many), "2001 keys, more than 2000");
    refused(
        "none allowed",
        JwtKey::jwk_set([], json!({ "keys": [ec] }).to_string()),
        "1 keys",
    );
}

#[test]
fn refuses_invalid_header_and_cookie_names() {
    let jwt = || Tokens::hs256(secret(32)).unwrap();
    for name in ["", "a b", "a=b", "a;b", "caf\u{e9}", "a\r\nb"] {
        refused(name, jwt().cookie(name), "valid cookie name");
        refused(name, jwt().only_cookie(name), "valid cookie name");
    }
    for name in ["", "a b", "a:b", "caf\u{e9}", "a\r\nb"] {
        refused(name, jwt().header(name), "not a valid field name");
        refused(name, jwt().only_header(name), "not a valid field name");
    }
    for name in [
        "authorization",
        "Authorization",
        "Cookie",
        "proxy-authorization",
    ] {
        refused(name, jwt().header(name), "hold more than a token");
        refused(name, jwt().only_header(name), "hold more than a token");
    }
    accepted(jwt().header("X-Access-Token"));
    for realm in ["caf\u{e9}", "a\r\nSet-Cookie: b"] {
        refused(realm, jwt().realm(realm), "`realm`");
    }
    accepted(jwt().cookie("__Host-token"));
    accepted(jwt().realm(r#"any "visible" \ text"#));
}

#[test]
fn refuses_a_second_cookie_and_a_second_header() {
    let jwt = || Tokens::hs256(secret(32)).unwrap();
    let cookie = jwt().cookie("a").unwrap();
    refused(
        "a cookie",
        cookie.clone().cookie("b"),
        "from the cookie `a`",
    );
    let header = jwt().header("x-a").unwrap();
    refused(
        "a header",
        header.clone().header("x-b"),
        "from the header `x-a`",
    );
    accepted(cookie.clone().header("x-a"));
    accepted(header.clone().cookie("a"));
    // These replace all other places.
    accepted(cookie.only_cookie("b"));
    accepted(header.only_header("x-b"));
}

#[test]
fn errors_have_their_source() {
    let error = JwtKey::pem(JwtAlgorithm::RS256, vector!("p256.public.pem")).unwrap_err();
    assert_eq!(error.policy(), "JwtKey");
    assert!(error.source().is_some());
}

#[test]
fn refuses_limits_that_no_token_keeps() {
    let jwt = || Tokens::hs256(secret(32)).unwrap();
    refused("no length", jwt().max_length(0), "allow at least 68");
    refused("too short", jwt().max_length(67), "allow at least 68");
    refused("no age", jwt().max_age(Duration::ZERO), "every token");
    accepted(jwt().max_length(68));
    accepted(jwt().max_age(Duration::from_nanos(1)));
}

#[test]
fn never_prints_a_secret() {
    let secret = "the secret that is never printed";
    let key = JwtKey::hs256(secret).unwrap().id("2026");
    let printed = format!("{key:?} {:?}", Tokens::keys([key.clone()]).unwrap());
    assert!(
        printed.contains("HS256") && printed.contains("2026"),
        "{printed}"
    );
    assert!(
        !printed.contains("never") && !printed.contains("116, 104, 101"),
        "{printed}"
    );
}
