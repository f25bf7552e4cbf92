//! Refusals as gRPC clients read them: the status of gRPC and a message, and no body.

use std::fmt::Write;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE,
    header::RETRY_AFTER, response::Parts,
};

use crate::wire::Problem;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The longest message in bytes, before it is encoded. Clients accept 8 KiB of fields, often no more.
const MAX_MESSAGE: usize = 1024;

/// Whether a request is a call of gRPC: its type is `application/grpc`, with or without the format of
/// its messages. gRPC-Web has a type of its own.
pub(super) fn is_call(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = media_type.and_then(|media_type| {
        let (essence, rest) = media_type.split_at_checked(GRPC.as_bytes().len())?;
        essence
            .eq_ignore_ascii_case(GRPC.as_bytes())
            .then_some(rest)
    });
    rest.is_some_and(|rest| matches!(rest, [] | [b'+' | b';' | b' ', ..]))
}

/// The refusal as `Trailers-Only`: one block of fields, after which the stream ends. The other fields of
/// the response stay, and are its metadata.
pub(super) fn trailers_only<R: From<Bytes>>(mut head: Parts, problem: &Problem) -> Response<R> {
    head.status = StatusCode::OK;
    head.headers.insert(CONTENT_TYPE, GRPC);
    let code = HeaderValue::from(code(problem));
    head.headers.insert(STATUS, code);
    let message = problem.explanation().unwrap_or_else(|| problem.summary());
    if let Ok(message) = percent_encode(message).try_into() {
        head.headers.insert(MESSAGE, message);
    }
    // gRFC A6: the client's policy decides whether it calls again, this decides when.
    let wait = head.headers.get(RETRY_AFTER).and_then(milliseconds);
    if let Some(wait) = wait {
        head.headers.insert(PUSHBACK, wait.into());
    }
    Response::from_parts(head, R::from(Bytes::new()))
}

/// The status of gRPC.
///
/// The table "HTTP to gRPC Status Code Mapping" is for clients that get a response without one, from
/// something between them and the server that does not know gRPC. A layer of the server itself knows
/// more: what is wrong with the call (400), and that the caller has used up its quota (429), which is
/// `RESOURCE_EXHAUSTED`. The table has `UNAVAILABLE` for 429, with which many clients would call again
/// at once.
fn code(problem: &Problem) -> u16 {
    const UNKNOWN: u16 = 2;
    const INVALID_ARGUMENT: u16 = 3;
    const DEADLINE_EXCEEDED: u16 = 4;
    const PERMISSION_DENIED: u16 = 7;
    const RESOURCE_EXHAUSTED: u16 = 8;
    const FAILED_PRECONDITION: u16 = 9;
    const ABORTED: u16 = 10;
    const UNIMPLEMENTED: u16 = 12;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    const UNAUTHENTICATED: u16 = 16;

    // A 503 that comes after the work has begun. `UNAVAILABLE` would say that the call is safe to repeat.
    if problem.reason_code() == Some("timeout") {
        return DEADLINE_EXCEEDED;
    }
    match problem.status().as_u16() {
        400 | 422 => INVALID_ARGUMENT,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 | 405 | 501 => UNIMPLEMENTED,
        408 | 504 => DEADLINE_EXCEEDED,
        409 => ABORTED,
        412 | 428 => FAILED_PRECONDITION,
        413 | 429 | 431 => RESOURCE_EXHAUSTED,
        500 => INTERNAL,
        502 | 503 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// `Percent-Encoded` of the protocol: visible ASCII and spaces stay, except for `%`.
fn percent_encode(text: &str) -> String {
    let ends = (0..=text.len().min(MAX_MESSAGE)).rev();
    // A character has at most four bytes, so one of the last four ends is between two characters.
    let text = ends
        .take(4)
        .find_map(|end| text.get(..end))
        .unwrap_or_default();
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            // Writing into a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A `Retry-After` in seconds as milliseconds, at most what 32 bits can hold.
fn milliseconds(wait: &HeaderValue) -> Option<u32> {
    const MAX: u64 = i32::MAX.unsigned_abs() as u64;

    let seconds: u64 = wait.to_str().ok()?.parse().ok()?;
    u32::try_from(seconds.saturating_mul(1_000).min(MAX)).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
    use proptest::prelude::*;

    use super::{MAX_MESSAGE, code, is_call, milliseconds, percent_encode};
    use crate::wire::Problem;

    #[test]
    fn a_call_is_known_by_its_type() {
        for (media_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC+json", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grpcs", false),
            ("application/grp", false),
            ("application/json", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            assert_eq!(is_call(&headers), expected, "{media_type}");
        }
        assert!(!is_call(&HeaderMap::new()));
    }

    #[test]
    fn every_status_has_a_grpc_code() {
        let known = [
            (400, 3),
            (401, 16),
            (403, 7),
            (404, 12),
            (405, 12),
            (408, 4),
            (409, 10),
            (412, 9),
            (413, 8),
            (422, 3),
            (428, 9),
            (429, 8),
            (431, 8),
            (500, 13),
            (501, 12),
            (502, 14),
            (503, 14),
            (504, 4),
        ];
        for status in 400..600 {
            let expected = known.iter().find(|(known, _)| *known == status);
            let expected = expected.map_or(2, |(_, code)| *code);
            let problem = Problem::new(StatusCode::from_u16(status).unwrap());
            assert_eq!(code(&problem), expected, "{status}");
        }
        let late = Problem::new(StatusCode::SERVICE_UNAVAILABLE).reason("timeout");
        assert_eq!(code(&late), 4);
    }

    #[test]
    fn messages_are_percent_encoded_and_cut() {
        for (text, expected) in [
            ("Try again later.", "Try again later."),
            ("100 % of {~}", "100 %25 of {~}"),
            ("\u{7f}\r\n\0", "%7F%0D%0A%00"),
            ("f\u{fc}r \u{20ac}", "f%C3%BCr %E2%82%AC"),
            ("", ""),
        ] {
            assert_eq!(percent_encode(text), expected);
        }
        // A character is left out rather than cut.
        let long = format!("{}\u{20ac}", "x".repeat(MAX_MESSAGE - 1));
        assert_eq!(percent_encode(&long), "x".repeat(MAX_MESSAGE - 1));
    }

    fn decode(encoded: &str) -> Vec<u8> {
        let mut parts = encoded.split('%');
        let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let (hex, rest) = part.split_at(2);
            decoded.push(u8::from_str_radix(hex, 16).unwrap());
            decoded.extend_from_slice(rest.as_bytes());
        }
        decoded
    }

    proptest! {
        #[test]
        fn every_message_is_a_field_that_decodes_to_its_beginning(text in "\\PC{0,700}|(?s).{0,20}") {
            let encoded = percent_encode(&text);
            prop_assert!(HeaderValue::try_from(encoded.as_str()).is_ok());
            let decoded = String::from_utf8(decode(&encoded)).unwrap();
            prop_assert!(text.starts_with(&decoded));
            prop_assert!(decoded.len() == text.len() || decoded.len() > MAX_MESSAGE - 4);
        }
    }

    #[test]
    fn a_wait_is_in_milliseconds() {
        for (field, expected) in [
            ("1", Some(1_000)),
            ("0", Some(0)),
            ("99999999999999999999", None),
            ("18446744073709551615", Some(2_147_483_647)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
            ("-1", None),
        ] {
            assert_eq!(
                milliseconds(&HeaderValue::from_static(field)),
                expected,
                "{field}"
            );
        }
    }
}
