//! Where the token is in the request.

use http::StatusCode;
use serde_json::json;
use wythe::{Problem, compose, with_auth};

use super::{Claims, NOW, answer, good, hs256, raw, request, token};
use crate::common::{problem, send};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn accepts_one_token_from_authorization_or_the_cookie() {
    let token = token(&good());
    let bearer = format!("Bearer {token}");
    let cookie = format!("lang=en; token={token}");
    let twice = format!("{cookie}; token={token}");
    let basic = "Basic dXNlcjpwYXNz";
    let missing = r#"Bearer realm="api""#;
    let bare = r#"Bearer realm="api", error="invalid_request", error_description="The Authorization header must contain one bearer token""#;
    let several = r#"Bearer realm="api", error="invalid_request", error_description="The request contains more than one access token""#;
    let invalid = r#"Bearer realm="api", error="invalid_token", error_description="The access token is invalid""#;
    let cases: &[(&str, &[(&str, &str)], u16, &str)] = &[
        ("the header", &[("authorization", &bearer)], 200, ""),
        ("the cookie", &[("cookie", &cookie)], 200, ""),
        (
            "the cookie in a second line",
            &[("cookie", "a=b"), ("cookie", &cookie)],
            200,
            "",
        ),
        (
            "another scheme and the cookie",
            &[("authorization", basic), ("cookie", &cookie)],
            200,
            "",
        ),
        (
            "the header and an emptied cookie",
            &[("authorization", &bearer), ("cookie", "token=")],
            200,
            "",
        ),
        ("nothing", &[], 401, missing),
        ("an emptied cookie", &[("cookie", "token=")], 401, missing),
        (
            "another cookie",
            &[("cookie", "TOKEN=abc; my-token=abc")],
            401,
            missing,
        ),
        ("another scheme", &[("authorization", basic)], 401, missing),
        (
            "a token under another scheme",
            &[("authorization", &format!("Token {token}"))],
            401,
            missing,
        ),
        (
            "a token without a scheme",
            &[("authorization", &token)],
            401,
            missing,
        ),
        ("no token", &[("authorization", "Bearer")], 400, bare),
        ("only a space", &[("authorization", "Bearer ")], 400, bare),
        (
            "two tokens in one line",
            &[("authorization", &format!("{bearer} {token}"))],
            400,
            bare,
        ),
        (
            "not ASCII",
            &[("authorization", "Bearer \u{e9}")],
            400,
            bare,
        ),
        (
            "two lines",
            &[("authorization", &bearer), ("authorization", &bearer)],
            400,
            several,
        ),
        (
            "two lines of two schemes",
            &[("authorization", basic), ("authorization", &bearer)],
            400,
            several,
        ),
        (
            "both",
            &[("authorization", &bearer), ("cookie", &cookie)],
            400,
            several,
        ),
        (
            "both, the cookie wrong",
            &[("authorization", &bearer), ("cookie", "token=x")],
            400,
            several,
        ),
        ("two cookies", &[("cookie", &twice)], 400, several),
        (
            "two cookies in two lines",
            &[("cookie", &cookie), ("cookie", &cookie)],
            400,
            several,
        ),
        ("a wrong cookie", &[("cookie", "token=x")], 401, invalid),
        (
            "a quoted cookie",
            &[("cookie", &format!("token=\"{token}\""))],
            401,
            invalid,
        ),
        (
            "a cookie that is not ASCII",
            &[("cookie", "token=\u{e9}")],
            401,
            invalid,
        ),
    ];
    for (name, fields, status, challenge) in cases {
        let jwt = hs256::<Claims>().cookie("token").unwrap();
        let response = answer(jwt, fields).await;
        assert_eq!(response.status(), *status, "{name}");
        let found = response.headers().get("www-authenticate");
        let found = found
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default();
        assert_eq!(found, *challenge, "{name}");
        if *status != 200 {
            problem(&response, StatusCode::from_u16(*status).unwrap());
        }
    }
}

#[tokio::test]
async fn accepts_one_token_from_a_header_of_its_own() {
    let token = token(&good());
    let bearer = format!("Bearer {token}");
    let cookie = format!("token={token}");
    let cases: &[(&str, &[(&str, &str)], u16)] = &[
        ("the field", &[("x-access-token", &token)], 200),
        ("Authorization", &[("authorization", &bearer)], 200),
        ("the cookie", &[("cookie", &cookie)], 200),
        ("nothing", &[], 401),
        ("with a scheme", &[("x-access-token", &bearer)], 401),
        ("empty", &[("x-access-token", "")], 401),
        ("not ASCII", &[("x-access-token", "\u{e9}")], 401),
        (
            "a list",
            &[("x-access-token", &format!("{token}, {token}"))],
            401,
        ),
        (
            "twice",
            &[("x-access-token", &token), ("x-access-token", &token)],
            400,
        ),
        (
            "and Authorization",
            &[("x-access-token", &token), ("authorization", &bearer)],
            400,
        ),
        (
            "and a wrong Authorization",
            &[("x-access-token", &token), ("authorization", "Bearer x")],
            400,
        ),
        (
            "and the cookie",
            &[("x-access-token", &token), ("cookie", &cookie)],
            400,
        ),
        (
            "empty, and the cookie",
            &[("x-access-token", ""), ("cookie", &cookie)],
            400,
        ),
        (
            "all three",
            &[
                ("x-access-token", &token),
                ("cookie", &cookie),
                ("authorization", &bearer),
            ],
            400,
        ),
    ];
    for (name, fields, status) in cases {
        let jwt = hs256::<Claims>().cookie("token").unwrap();
        let response = answer(jwt.header("X-Access-Token").unwrap(), fields).await;
        assert_eq!(response.status(), *status, "{name}");
        if *status != 200 {
            problem(&response, StatusCode::from_u16(*status).unwrap());
            assert!(
                response.headers().contains_key("www-authenticate"),
                "{name}"
            );
        }
    }
    // Cookies are ignored by default.
    let response = answer(hs256::<Claims>(), &[("x-access-token", &token)]).await;
    problem(&response, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn ignores_authorization_if_the_token_comes_from_elsewhere() {
    let token = token(&good());
    let bearer = format!("Bearer {token}");
    let cookie = format!("token={token}");
    for authorization in [&bearer, "Bearer of something else", "Bearer", "Basic Og=="] {
        let beside = ("authorization", authorization);
        let in_cookie = || hs256::<Claims>().only_cookie("token").unwrap();
        let in_field = || hs256::<Claims>().only_header("x-access-token").unwrap();
        let cases: &[(&str, _, &[(&str, &str)], u16)] = &[
            (
                "the cookie",
                in_cookie(),
                &[beside, ("cookie", &cookie)],
                200,
            ),
            ("no cookie", in_cookie(), &[beside], 401),
            (
                "a wrong cookie",
                in_cookie(),
                &[beside, ("cookie", "token=x")],
                401,
            ),
            (
                "the field",
                in_field(),
                &[beside, ("x-access-token", &token)],
                200,
            ),
            ("no field", in_field(), &[beside], 401),
            (
                "the cookie where the field is meant",
                in_field(),
                &[beside, ("cookie", &cookie)],
                401,
            ),
        ];
        for (name, jwt, fields, status) in cases {
            let response = answer(jwt.clone(), fields).await;
            assert_eq!(response.status(), *status, "{name} {authorization}");
        }
    }
}

#[tokio::test]
async fn ignores_cookies_by_default() {
    let cookie = format!("token={}", token(&good()));
    let response = answer(hs256::<Claims>(), &[("cookie", &cookie)]).await;
    problem(&response, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn scheme_names_are_case_insensitive() {
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        let credentials = format!("{scheme} {}", token(&good()));
        let response = answer(hs256::<Claims>(), &[("authorization", &credentials)]).await;
        assert_eq!(response.status(), StatusCode::OK, "{scheme}");
    }
}

#[tokio::test]
async fn optional_tokens_may_be_missing_but_not_invalid() {
    let layer = with_auth(hs256::<Claims>()).optional();
    let response = send(&layer, request(&[])).await;
    assert_eq!(response.status(), StatusCode::OK);
    let expired = format!("Bearer {}", token(&json!({ "sub": "ann", "exp": NOW })));
    let response = send(&layer, request(&[("authorization", &expired)])).await;
    problem(&response, StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Bearer realm="api", error="invalid_token", error_description="The access token expired""#
    );
}

/// A browser sends its cookies even to the page where users sign in.
#[tokio::test]
async fn a_dead_token_in_a_cookie_counts_as_none_if_tokens_are_optional() {
    let expired = token(&json!({ "sub": "ann", "exp": NOW }));
    let later = token(&json!({ "sub": "ann", "exp": NOW + 60, "nbf": NOW + 30 }));
    let (valid, forged) = (token(&good()), format!("{}A", token(&good())));
    let long = "x".repeat(9_000);
    for only in [false, true] {
        let jwt = match only {
            false => hs256::<Claims>().cookie("token").unwrap(),
            true => hs256::<Claims>().only_cookie("token").unwrap(),
        };
        let rejected = jwt.clone().check(|_| Err("signed out"));
        let cases: [(&str, _, String); 8] = [
            ("expired", &jwt, format!("token={expired}")),
            ("not yet valid", &jwt, format!("token={later}")),
            ("forged", &jwt, format!("token={forged}")),
            ("not a token", &jwt, "token=x".to_owned()),
            ("too long", &jwt, format!("token={long}")),
            ("rejected by a check", &rejected, format!("token={valid}")),
            ("two", &jwt, format!("token={valid}; token={valid}")),
            (
                "two that are dead",
                &jwt,
                format!("token={expired}; token=x"),
            ),
        ];
        for (name, jwt, cookie) in cases {
            let fields = [("cookie", cookie.as_str())];
            let response = send(&with_auth(jwt.clone()).optional(), request(&fields)).await;
            assert_eq!(response.status(), StatusCode::OK, "{name}, {only}");
            let status = answer(jwt.clone(), &fields).await.status();
            assert!([400, 401].contains(&status.as_u16()), "{name}, {only}");
        }
    }
    // What the client adds on purpose is refused, with and without a cookie beside it.
    let layer = with_auth(hs256::<Claims>().cookie("token").unwrap()).optional();
    let (bearer, cookie) = (format!("Bearer {expired}"), format!("token={valid}"));
    let response = send(&layer, request(&[("authorization", &bearer)])).await;
    problem(&response, StatusCode::UNAUTHORIZED);
    let both = [("authorization", &*bearer), ("cookie", &*cookie)];
    problem(&send(&layer, request(&both)).await, StatusCode::BAD_REQUEST);
    let in_field = hs256::<Claims>().header("x-access-token").unwrap();
    let layer = with_auth(in_field).optional();
    let response = send(&layer, request(&[("x-access-token", &expired)])).await;
    problem(&response, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tells_the_client_the_realm_and_no_more_than_it_needs() {
    let jwt = || {
        hs256::<Claims>()
            .issuer("https://id")
            .realm(r#"the "api""#)
            .unwrap()
    };
    let response = answer(jwt(), &[]).await;
    let expected = r#"Bearer realm="the \"api\"""#;
    assert_eq!(response.headers()["www-authenticate"], expected);
    // Which of the checks failed is not the client's business.
    let mut answers = Vec::new();
    for token in [
        token(&good()),
        format!("{}A", token(&good())),
        raw("{}", "{}"),
    ] {
        let response = answer(jwt(), &[("authorization", &format!("Bearer {token}"))]).await;
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        answers.push((body, response.headers()["www-authenticate"].clone()));
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
    assert!(answers[0].1.to_str().unwrap().starts_with(expected));
}

#[tokio::test]
async fn another_scheme_is_that_of_the_token_and_of_the_challenges() {
    let token = token(&good());
    let jwt = || hs256::<Claims>().scheme("Token").unwrap();
    let cookie = format!("token={token}");
    let cases: [(&str, String, u16, &str); 7] = [
        ("its token", format!("Token {token}"), 200, ""),
        ("in lower case", format!("token {token}"), 200, ""),
        ("a bearer token", format!("Bearer {token}"), 401, ""),
        ("nothing", "Basic Og==".to_owned(), 401, ""),
        (
            "no token",
            "Token".to_owned(),
            400,
            r#", error="invalid_request", error_description="The Authorization header must contain one token""#,
        ),
        (
            "two tokens",
            format!("Token {token} {token}"),
            400,
            r#", error="invalid_request", error_description="The Authorization header must contain one token""#,
        ),
        (
            "a wrong token",
            format!("Token {token}A"),
            401,
            r#", error="invalid_token", error_description="The access token is invalid""#,
        ),
    ];
    for (name, authorization, status, error) in cases {
        for jwt in [
            jwt().realm("inner").unwrap(),
            hs256().realm("inner").unwrap().scheme("Token").unwrap(),
        ] {
            let response = answer(jwt, &[("authorization", &authorization)]).await;
            assert_eq!(response.status().as_u16(), status, "{name}");
            if status != 200 {
                let challenge = &response.headers()["www-authenticate"];
                let expected = format!(r#"Token realm="inner"{error}"#);
                assert_eq!(challenge.to_str().unwrap(), expected, "{name}");
                let problem = response.extensions().get::<Problem>().unwrap();
                let logged = problem.scheme_name();
                assert_eq!(logged, (!error.is_empty()).then_some("Token"), "{name}");
            }
        }
    }
    let only_cookie = jwt().only_cookie("token").unwrap();
    let response = answer(only_cookie.clone(), &[("cookie", &cookie)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let response = answer(only_cookie, &[]).await;
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Token realm="api""#
    );
    for (name, words) in [
        ("", "not a token"),
        ("To ken", "not a token"),
        ("Token,", "not a token"),
        ("basic", "are not a token"),
        ("Digest", "are not a token"),
    ] {
        let error = hs256::<Claims>().scheme(name).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn another_scheme_is_described() {
    let text = compose((with_auth(hs256::<Claims>().scheme("Token").unwrap()),)).to_string();
    assert!(text.contains("without a token after `Token`"), "{text}");
    assert!(!text.contains("Bearer"), "{text}");
}
