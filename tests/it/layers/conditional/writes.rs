//! Preconditions of other methods: what is performed, and what handlers are given.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    Conditional, ETag, ExpectedVersion, LastModified, Precondition, Problem, Provided,
    conditional::Validators, with_conditional,
};

use super::{AFTER, BEFORE, MODIFIED, answer, request, with_fields};
use crate::common::{self, Body};

fn seven() -> Validators {
    Validators::from(ETag::version(7)).last_modified(LastModified::unix(784_111_777))
}

/// What a handler is given, in a word.
fn shown(expected: &ExpectedVersion) -> String {
    match (
        expected.version(),
        expected.is_absent(),
        expected.is_present(),
    ) {
        (Ok(Some(version)), false, false) => version.to_string(),
        (Ok(None), true, false) => "absent".into(),
        (Ok(None), false, true) => "present".into(),
        (Ok(None), false, false) => "anything".into(),
        other => panic!("{other:?}"),
    }
}

/// The status, or what the handler is given.
async fn outcome(policy: Conditional<ExpectedVersion>, request: Request<Body>) -> String {
    let handler = service_fn(|request: Request<Body>| async move {
        let mut extensions = request.into_parts().0.extensions;
        let expected = ExpectedVersion::from_extensions(&mut extensions).unwrap();
        Ok::<_, Infallible>(Response::new(Body::from(shown(&expected))))
    });
    let service = with_conditional(policy).layer(handler);
    let response = common::read(service.oneshot(request).await.unwrap()).await;
    match response.status() {
        StatusCode::OK => String::from_utf8(response.into_body().to_vec()).unwrap(),
        status => status.as_str().to_owned(),
    }
}

#[tokio::test]
async fn writes_are_compared_with_the_current_version() {
    type Fields = &'static [(&'static str, &'static str)];
    // Request, with a current version, without one.
    let cases: &[(Fields, &str, &str)] = &[
        (&[], "anything", "anything"),
        // 13.1.1
        (&[("if-match", "\"7\"")], "7", "412"),
        (&[("if-match", "\"6\", \"7\"")], "7", "412"),
        (&[("if-match", "\"6\"")], "412", "412"),
        (&[("if-match", "W/\"7\"")], "412", "412"),
        (&[("if-match", "*")], "present", "412"),
        // 13.1.2: a match is 412.
        (&[("if-none-match", "*")], "412", "absent"),
        (&[("if-none-match", "\"7\"")], "412", "absent"),
        (&[("if-none-match", "W/\"7\"")], "412", "absent"),
        (&[("if-none-match", "\"6\"")], "7", "absent"),
        // 13.1.3: it has no effect.
        (&[("if-modified-since", AFTER)], "anything", "anything"),
        // 13.1.4
        (&[("if-unmodified-since", MODIFIED)], "7", "anything"),
        (&[("if-unmodified-since", AFTER)], "7", "anything"),
        (&[("if-unmodified-since", BEFORE)], "412", "anything"),
        (
            &[("if-unmodified-since", "yesterday")],
            "anything",
            "anything",
        ),
        // 13.2.2
        (
            &[("if-match", "\"7\""), ("if-unmodified-since", BEFORE)],
            "7",
            "412",
        ),
        (
            &[("if-match", "*"), ("if-none-match", "\"7\"")],
            "412",
            "412",
        ),
        (&[("if-match", "*"), ("if-none-match", "\"6\"")], "7", "412"),
        // What can't be read is not performed.
        (&[("if-match", "7")], "400", "400"),
        (&[("if-match", "")], "400", "400"),
        (&[("if-match", "\"7\", *")], "400", "400"),
        (
            &[("if-match", "\"7\""), ("if-none-match", "x")],
            "400",
            "400",
        ),
        (&[("if-none-match", "*, *")], "400", "400"),
    ];
    for method in ["PUT", "PATCH", "DELETE", "POST", "PURGE"] {
        for (fields, there, absent) in cases {
            let policy = Conditional::new().current(|_| Some(seven()));
            assert_eq!(
                outcome(policy, request(method, fields)).await,
                *there,
                "{method} {fields:?}"
            );
            let policy = Conditional::new().current(|_| None::<ETag>);
            assert_eq!(
                outcome(policy, request(method, fields)).await,
                *absent,
                "{method} {fields:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_required_precondition_is_one_that_can_be_evaluated() {
    // RFC 6585, section 3.
    let required = |current: Option<Validators>| {
        Conditional::new()
            .current(move |_| current.clone())
            .require_precondition()
    };
    let tag_only = Some(Validators::from(ETag::version(7)));
    let cases: &[(&[(&str, &str)], _, &str)] = &[
        (&[], Some(seven()), "428"),
        (&[("if-modified-since", AFTER)], Some(seven()), "428"),
        (
            &[("if-unmodified-since", "yesterday")],
            Some(seven()),
            "428",
        ),
        (&[("if-unmodified-since", AFTER)], Some(seven()), "7"),
        // It is ignored, because there is no time of change, and must not open the way.
        (&[("if-unmodified-since", AFTER)], tag_only.clone(), "428"),
        (&[("if-unmodified-since", AFTER)], None, "428"),
        (&[("if-match", "\"7\"")], tag_only, "7"),
        (&[("if-match", "*")], Some(seven()), "present"),
        (&[("if-none-match", "*")], None, "absent"),
    ];
    for (fields, current, expected) in cases {
        let got = outcome(required(current.clone()), request("PUT", fields)).await;
        assert_eq!(got, *expected, "{fields:?}");
    }
    let read = outcome(required(None), request("GET", &[])).await;
    assert_eq!(read, "anything");
}

#[tokio::test]
async fn the_current_version_is_asked_for_only_where_it_matters() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let policy = Conditional::new().current(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Some(ETag::version(7))
    });
    let layer = with_conditional(policy);
    for (method, fields, count) in [
        ("GET", &[("if-match", "\"7\"")][..], 0),
        ("PUT", &[], 0),
        ("PUT", &[("if-match", "7")], 0),
        ("PUT", &[("if-match", "\"7\"")], 1),
    ] {
        answer(&layer, request(method, fields), with_fields(204, &[], "")).await;
        assert_eq!(asked.load(Ordering::SeqCst), count, "{method} {fields:?}");
    }
}

#[tokio::test]
async fn the_current_version_may_come_later_or_fail() {
    let put = || request("PUT", &[("if-match", "\"7\"")]);
    let later = Conditional::new().current(|_| async { Some(ETag::version(7)) });
    assert_eq!(outcome(later, put()).await, "7");

    let down = Conditional::new()
        .current(|_| async { Err::<Option<ETag>, _>(io::Error::other("the store is down")) });
    assert_eq!(outcome(down, put()).await, "503");

    let gone =
        Conditional::new().current(|_| Err::<Option<ETag>, _>(Problem::new(StatusCode::NOT_FOUND)));
    assert_eq!(outcome(gone, put()).await, "404");

    // No route is known here, so nothing that the closure returns counts.
    let by_route = Conditional::new().current(|head| match head.route() {
        "" => None,
        _ => Some(ETag::version(7)),
    });
    assert_eq!(
        outcome(by_route, request("PUT", &[("if-none-match", "*")])).await,
        "412"
    );
}

#[tokio::test]
async fn a_handler_can_check_the_preconditions_itself() {
    let handler = service_fn(|request: Request<Body>| async move {
        let mut extensions = request.into_parts().0.extensions;
        let precondition = Precondition::from_extensions(&mut extensions).unwrap();
        let shown = match precondition.check(Some(&seven())) {
            Ok(expected) => shown(&expected),
            Err(problem) => problem.status().as_u16().to_string(),
        };
        Ok::<_, Infallible>(Response::new(Body::from(shown)))
    });
    let optional = with_conditional(Conditional::new()).layer(handler);
    let required = with_conditional(Conditional::new().require_precondition()).layer(handler);
    let cases: &[(&[(&str, &str)], &str, &str)] = &[
        (&[], "anything", "428"),
        (&[("if-match", "\"7\"")], "7", "7"),
        (&[("if-match", "\"6\"")], "412", "412"),
        (&[("if-unmodified-since", BEFORE)], "412", "412"),
        (&[("if-none-match", "\"7\"")], "412", "412"),
    ];
    for (fields, one, other) in cases {
        for (service, expected) in [(&optional, one), (&required, other)] {
            let response = service
                .clone()
                .oneshot(request("PUT", fields))
                .await
                .unwrap();
            let response = common::read(response).await;
            let got = match response.status() {
                StatusCode::OK => String::from_utf8(response.body().to_vec()).unwrap(),
                status => status.as_u16().to_string(),
            };
            assert_eq!(got, **expected, "{fields:?}");
        }
    }
}

#[tokio::test]
async fn a_version_that_is_not_a_number_is_never_taken_for_no_version() {
    let handler = service_fn(|request: Request<Body>| async move {
        let mut extensions = request.into_parts().0.extensions;
        let expected = ExpectedVersion::from_extensions(&mut extensions).unwrap();
        assert!(expected.unchanged().is_some());
        let status = expected.version().unwrap_err().status();
        let response = Response::builder().status(status);
        Ok::<_, Infallible>(response.body(common::empty()).unwrap())
    });
    let tag = Validators::from(ETag::strong("abc").unwrap());
    let time = Validators::from(LastModified::unix(784_111_777));
    for (current, fields) in [
        (tag, [("if-match", "\"abc\"")]),
        (time, [("if-unmodified-since", AFTER)]),
    ] {
        let layer = with_conditional(Conditional::new().current(move |_| Some(current.clone())));
        let response = layer.layer(handler).oneshot(request("PUT", &fields)).await;
        assert_eq!(response.unwrap().status(), 500);
    }
}
