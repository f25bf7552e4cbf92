//! What authentication schemes say, alone and as alternatives.

use std::convert::Infallible;

use http::{HeaderName, HeaderValue, StatusCode, request::Parts};
use serde::Deserialize;
use wythe::{
    ApiKey, Basic, Description, Jwks, Jwt, Later, Place, Sessions,
    auth::{ApiKeyFormat, Authenticate, SessionKey, Verdict},
    description::{Answer, Carrier, NameList, SchemeKind, SecurityScheme},
    with_auth,
};

use super::check;

const SECRET: &str = "thirty-two bytes of a secret, or more";

#[derive(Clone, Deserialize)]
struct Claims {}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of schemes")]
fn schemes() {
    let jwt = || Jwt::<Claims>::hs256(SECRET).unwrap();
    check(
        &with_auth(jwt()),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long malformed critical_header type unknown_key \
             signature expired not_yet_valid too_old no_expiry missing_claim check issuer \
             audience claims",
            "  fields www-authenticate",
            "400 without a token after `Bearer`, or with several tokens",
            "  reasons several_tokens malformed_credentials",
            "  fields www-authenticate",
            "required Bearer Bearer in Authorization: Bearer as JWT",
        ],
    );
    check(
        &with_auth(jwt().cookie("__Host-token").unwrap()),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long malformed critical_header type unknown_key \
             signature expired not_yet_valid too_old no_expiry missing_claim check issuer \
             audience claims",
            "  fields www-authenticate",
            "400 without a token after `Bearer`, or with several tokens",
            "  reasons several_tokens malformed_credentials",
            "  fields www-authenticate",
            "required Bearer Bearer in Authorization: Bearer or cookie __Host-token as JWT, sent \
             by browsers",
        ],
    );
    let in_header = jwt().only_header("x-token").unwrap();
    let in_header = with_auth(in_header).describe();
    assert_eq!(
        in_header.answers()[1].to_string(),
        "400 with several tokens"
    );
    let keys = Jwks::discover("https://id.example.com").unwrap();
    check(
        &with_auth(Jwt::<Claims>::jwks(keys).unwrap()),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long malformed critical_header type unknown_key \
             signature expired not_yet_valid too_old no_expiry missing_claim check issuer \
             audience claims",
            "  fields www-authenticate",
            "400 without a token after `Bearer`, or with several tokens",
            "  reasons several_tokens malformed_credentials",
            "  fields www-authenticate",
            "503 while the keys can't be fetched",
            "  reasons unavailable",
            "required Bearer Bearer in Authorization: Bearer as JWT, see \
             https://id.example.com/.well-known/openid-configuration",
        ],
    );
    let format = ApiKeyFormat::new("wy").unwrap();
    let api_key = || ApiKey::lookup_id(format.clone(), |_| None::<(_, Claims)>);
    check(
        &with_auth(api_key().or_bearer()),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long format checksum unknown_key wrong_secret",
            "  fields www-authenticate",
            "400 with several API keys, or a malformed one",
            "  reasons several_keys malformed_credentials",
            "  fields www-authenticate",
            "required ApiKey ApiKey in x-api-key or Authorization: Bearer",
        ],
    );
    let check_password = |_, _| async { Ok::<Option<Claims>, Infallible>(None) };
    check(
        &with_auth(Basic::verify("a", check_password).unwrap()),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long base64 encoding control_character no_colon \
             wrong_password",
            "  fields www-authenticate",
            "400 with several `Authorization` fields",
            "  reasons several_credentials",
            "503 when the password cannot be checked",
            "  reasons busy unavailable",
            "  fields retry-after",
            "required Basic Basic in Authorization: Basic, sent by browsers",
        ],
    );
    let sessions = Sessions::<String>::encrypted([SessionKey::new(SECRET).unwrap()]);
    check(
        &with_auth(sessions.unwrap()),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long unreadable data expired idle unknown_session \
             not_yet_valid check",
            "  fields www-authenticate",
            "400 with the cookies of several sessions",
            "  reasons several_sessions",
            "sets set-cookie cache-control",
            "required Session Cookie in cookie __Host-session, sent by browsers",
        ],
    );
}

#[test]
fn schemes_of_an_application() {
    check(
        &with_auth(Unstated),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials wrong_credentials",
            "  fields www-authenticate",
            "503 when the credentials cannot be checked",
            "  reasons unavailable",
            "required Other Badge in an unknown place",
        ],
    );
    check(
        &with_auth(AnswersOnly),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials wrong_credentials",
            "  fields www-authenticate",
            "400 with half a token",
            "required Other Token in an unknown place",
        ],
    );
    let scheme = Stated(Carrier::Header(HeaderName::from_static("x-badge")));
    check(
        &with_auth(scheme.granting(["doors:open"])).optional(),
        &[
            "with_auth.optional()",
            "401 with invalid credentials",
            "  fields www-authenticate",
            "optional ApiKey Badge in x-badge, grants doors:open",
        ],
    );
}

#[test]
fn alternatives_are_alternatives() {
    let sessions = || Sessions::<String>::encrypted([SessionKey::new(SECRET).unwrap()]).unwrap();
    let jwt = || {
        Jwt::<Claims>::hs256(SECRET)
            .unwrap()
            .map(|_| "ann".to_owned())
    };
    let token = Carrier::Query("token".into());
    check(
        &with_auth(jwt().or(AnswersOnly).exclusive()),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long malformed critical_header type unknown_key \
             signature expired not_yet_valid too_old no_expiry missing_claim check issuer \
             audience claims wrong_credentials",
            "  fields www-authenticate",
            "400 without a token after `Bearer`, or with several tokens",
            "  reasons several_tokens malformed_credentials",
            "  fields www-authenticate",
            "400 with half a token",
            "400 with credentials of two schemes",
            "  reasons several_schemes",
            "required Bearer Bearer in Authorization: Bearer as JWT",
            "required Other Token in an unknown place",
        ],
    );
    check(
        &with_auth(sessions().either(jwt()).either(Stated(token))).optional(),
        &[
            "with_auth.optional()",
            "401 with invalid credentials",
            "  reasons too_long unreadable data expired idle unknown_session not_yet_valid check \
             malformed critical_header type unknown_key signature too_old no_expiry missing_claim \
             issuer audience claims",
            "  fields www-authenticate",
            "400 with the cookies of several sessions",
            "  reasons several_sessions",
            "400 without a token after `Bearer`, or with several tokens",
            "  reasons several_tokens malformed_credentials",
            "  fields www-authenticate",
            "sets set-cookie cache-control",
            "optional Session Cookie in cookie __Host-session, sent by browsers",
            "optional Bearer Bearer in Authorization: Bearer as JWT",
            "optional ApiKey Badge in query token",
        ],
    );
    let look_up = |_| async { Ok::<Option<String>, Infallible>(None) };
    check(
        &with_auth(jwt().granting(["a"]).or(Unstated).and_then(look_up)),
        &[
            "with_auth",
            "401 without credentials, or with invalid ones",
            "  reasons no_credentials too_long malformed critical_header type unknown_key \
             signature expired not_yet_valid too_old no_expiry missing_claim check issuer \
             audience claims wrong_credentials unknown_principal",
            "  fields www-authenticate",
            "400 without a token after `Bearer`, or with several tokens",
            "  reasons several_tokens malformed_credentials",
            "  fields www-authenticate",
            "503 when the credentials cannot be checked",
            "  reasons unavailable",
            "503 when the principal cannot be looked up",
            "  reasons look_up_failed",
            "required Bearer Bearer in Authorization: Bearer as JWT, grants a",
            "required Other Badge in an unknown place",
        ],
    );
}

#[test]
fn browsers_attach_cookies_and_passwords_by_themselves() {
    let sent = |carriers: &[Carrier]| {
        let scheme = SecurityScheme::new(SchemeKind::Other, "a");
        let carriers = carriers.iter().cloned();
        carriers
            .fold(scheme, SecurityScheme::carrier)
            .is_sent_by_browser()
    };
    let authorization = |scheme: &'static str| Carrier::Authorization(scheme.into());
    let cookie = || Carrier::Cookie("a".into());
    let cases: [(&[Carrier], Option<bool>); 8] = [
        (&[], None),
        (&[authorization("Bearer")], Some(false)),
        (&[authorization("basic")], Some(true)),
        (&[authorization("Negotiate")], Some(true)),
        (&[cookie()], Some(true)),
        (&[authorization("Bearer"), cookie()], Some(true)),
        (
            &[Carrier::Header(HeaderName::from_static("x-key"))],
            Some(false),
        ),
        (
            &[Carrier::Query("key".into()), Carrier::ClientCertificate],
            Some(true),
        ),
    ];
    for (carriers, expected) in cases {
        assert_eq!(sent(carriers), expected, "{carriers:?}");
    }
    // One unknown scheme makes an answer unknown, unless another one is known to be sent.
    let of = |layer: Description| layer.security().unwrap().is_sent_by_browser();
    let header = || Stated(Carrier::Header(HeaderName::from_static("x-key")));
    assert_eq!(of(with_auth(header().or(Unstated)).describe()), None);
    assert_eq!(of(with_auth(header().or(header())).describe()), Some(false));
    assert_eq!(
        of(with_auth(Unstated.or(Stated(cookie()))).describe()),
        Some(true)
    );
}

#[test]
fn a_scheme_can_grant_scopes_that_it_states() {
    let scheme = || SecurityScheme::new(SchemeKind::Bearer, "Bearer");
    let all = |names: &[&str]| NameList::AllOf(names.iter().map(ToString::to_string).collect());
    let any = |names: &[&str]| NameList::AnyOf(names.iter().map(ToString::to_string).collect());
    assert_eq!(scheme().can_grant(&all(&["a"])), None);
    let scheme = scheme().scopes(["a", "b"]);
    assert_eq!(scheme.can_grant(&all(&["a", "b"])), Some(true));
    assert_eq!(scheme.can_grant(&all(&["a", "c"])), Some(false));
    assert_eq!(scheme.can_grant(&any(&["a", "c"])), Some(true));
    assert_eq!(scheme.can_grant(&any(&["c"])), Some(false));
}
/// A scheme of an application that states nothing.
struct Unstated;

impl Authenticate for Unstated {
    type Principal = String;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge realm=\"office\"")
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<String>> {
        Verdict::Missing.into()
    }
}

/// One that describes its answers, but not itself.
struct AnswersOnly;

impl Authenticate for AnswersOnly {
    type Principal = String;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Token")
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<String>> {
        Verdict::Missing.into()
    }

    fn describe(&self, layer: Description) -> Description {
        layer.answer(Answer::new(StatusCode::BAD_REQUEST).when("with half a token"))
    }
}

/// One that states where its credentials travel.
struct Stated(Carrier);

impl Authenticate for Stated {
    type Principal = String;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge")
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<String>> {
        Verdict::Missing.into()
    }

    fn describe(&self, layer: Description) -> Description {
        let scheme = SecurityScheme::new(SchemeKind::ApiKey, "Badge");
        layer.scheme(scheme.carrier(self.0.clone()))
    }
}
