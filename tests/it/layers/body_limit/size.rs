//! How many bytes pass.

use axum::body::Body;
use http::{Method, Request, StatusCode, Version, header};
use proptest::prelude::*;
use wythe::BodyLimit;

use super::{chunks, post, sent};
use crate::common;

#[tokio::test]
async fn a_body_passes_up_to_the_limit_whatever_is_announced() {
    // Announced, the frames, the limit, whether it passes, what the handler has had.
    let cases: &[(Option<&str>, &[usize], usize, bool, usize)] = &[
        (None, &[], 0, true, 0),
        (None, &[10], 10, true, 10),
        (None, &[11], 10, false, 0),
        (None, &[5, 5], 10, true, 10),
        (None, &[5, 5, 1], 10, false, 10),
        (None, &[0, 5, 0, 5, 0], 10, true, 10),
        (None, &[1], 0, false, 0),
        (None, &[10], usize::MAX, true, 10),
        (Some("10"), &[10], 10, true, 10),
        // Before any of it is read.
        (Some("11"), &[5, 5, 1], 10, false, 0),
        (Some("99999999999999999999999999"), &[5], 10, false, 0),
        // Lies.
        (Some("5"), &[5, 6], 10, false, 5),
        (Some("-1"), &[5, 6], 10, false, 5),
        (Some("x"), &[5], 10, true, 5),
    ];
    for (announced, sizes, limit, passes, expected) in cases {
        let case = format!("{announced:?} {sizes:?} of {limit}");
        let mut request = post(chunks(sizes));
        if let Some(length) = announced {
            let length = length.parse().unwrap();
            request.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        let (response, had) = sent(BodyLimit::bytes(*limit), request).await;
        assert_eq!(had, *expected, "{case}");
        let response = common::read(response).await;
        if *passes {
            assert_eq!(response.status(), StatusCode::OK, "{case}");
            assert_eq!(response.body(), "false", "{case}");
            assert!(!response.headers().contains_key("connection"), "{case}");
        } else {
            let problem = common::problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(problem["max_body_bytes"], *limit, "{case}");
            let detail = format!("The body must not be larger than {limit} bytes.");
            assert_eq!(problem["detail"], detail, "{case}");
            assert_eq!(response.headers()["connection"], "close", "{case}");
        }
    }
}

#[tokio::test]
async fn a_body_in_memory_is_rejected_by_its_length() {
    let (response, had) = sent(BodyLimit::bytes(3), post(Body::from("four"))).await;
    assert_eq!((response.status(), had), (StatusCode::PAYLOAD_TOO_LARGE, 0));
    let (response, had) = sent(BodyLimit::bytes(4), post(Body::from("four"))).await;
    assert_eq!((response.status(), had), (StatusCode::OK, 4));
}

#[tokio::test]
async fn the_connection_of_http_2_stays_open() {
    for body in [Body::from("four"), chunks(&[2, 2])] {
        let mut request = post(body);
        *request.version_mut() = Version::HTTP_2;
        let (response, _) = sent(BodyLimit::bytes(3), request).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(!response.headers().contains_key("connection"));
    }
}

#[tokio::test]
async fn the_answer_to_a_head_has_no_content() {
    for body in [Body::from("four"), chunks(&[2, 2])] {
        let mut request: Request<Body> = post(body);
        *request.method_mut() = Method::HEAD;
        let (response, _) = sent(BodyLimit::bytes(3), request).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(common::read(response).await.body(), "");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_split_into_frames_gives_more_than_the_limit(
        sizes in prop::collection::vec(0_usize..40, 0..20),
        limit in 0_usize..200,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (response, had) = runtime.block_on(sent(BodyLimit::bytes(limit), post(chunks(&sizes))));
        let all: usize = sizes.iter().sum();
        prop_assert!(had <= limit);
        prop_assert_eq!(response.status() == StatusCode::OK, all <= limit);
        if all <= limit {
            prop_assert_eq!(had, all);
        }
    }
}
