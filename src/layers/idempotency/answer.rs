//! The bytes in which a store keeps an answer.

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response::Parts};
use serde_json::{Map, Value};

use crate::wire::Problem;

/// Marks a repeated answer, as Stripe and others do.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer from a store.
pub(super) enum Stored {
    Whole(Response<Bytes>),
    /// The request was processed, but its answer was too long to keep.
    NotKept,
}

/// The version of the format, and the kind of the answer.
const NOT_KEPT: u8 = 1;
const WHOLE: u8 = 2;
/// The same, for an answer that is a [`Problem`].
const PROBLEM: u8 = 3;

/// An answer that is not kept.
pub(super) const fn not_kept() -> Bytes {
    Bytes::from_static(&[NOT_KEPT])
}

/// An answer that is kept: the status, the header fields, and the body.
pub(super) fn encode(head: &Parts, body: &[u8]) -> Bytes {
    let is_problem = head.extensions.get::<Problem>().is_some();
    let fields: Vec<_> = kept_fields(&head.headers).collect();
    let mut out = Vec::with_capacity(body.len().saturating_add(256));
    out.push(if is_problem { PROBLEM } else { WHOLE });
    out.extend_from_slice(&head.status.as_u16().to_be_bytes());
    write_length(&mut out, fields.len());
    for (name, value) in fields {
        for text in [name.as_str().as_bytes(), value.as_bytes()] {
            write_length(&mut out, text.len());
            out.extend_from_slice(text);
        }
    }
    out.extend_from_slice(body);
    out.into()
}

/// Reads an answer; `None` if it is something else.
pub(super) fn decode(mut stored: Bytes) -> Option<Stored> {
    let version = stored.try_get_u8().ok()?;
    if version == NOT_KEPT && stored.is_empty() {
        return Some(Stored::NotKept);
    }
    if version != WHOLE && version != PROBLEM {
        return None;
    }
    let status = StatusCode::from_u16(stored.try_get_u16().ok()?).ok()?;
    let mut headers = HeaderMap::new();
    for _ in 0..stored.try_get_u32().ok()? {
        let name = HeaderName::from_bytes(&read_text(&mut stored)?).ok()?;
        let value = HeaderValue::from_maybe_shared(read_text(&mut stored)?).ok()?;
        headers.try_append(name, value).ok()?;
    }
    let mut response = Response::new(stored);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if version == PROBLEM
        && let Some(problem) = problem(status, response.body())
    {
        response.extensions_mut().insert(problem);
    }
    Some(Stored::Whole(response))
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    // `http` allows no lengths that do not fit.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
}

fn read_text(stored: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(stored.try_get_u32().ok()?).ok()?;
    (length <= stored.len()).then(|| stored.split_to(length))
}

/// The fields that are kept. `Set-Cookie` could give a session to another client that repeats the
/// request. The connection's fields belong to the first connection (RFC 9110, section 7.6.1), and the
/// server sets the date and the length itself.
fn kept_fields(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    const NOT_REPLAYED: [HeaderName; 9] = [
        header::SET_COOKIE,
        header::CONNECTION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::DATE,
    ];
    let named: Vec<&str> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .collect();
    headers.iter().filter(move |(name, _)| {
        let is_named = named
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name.as_str()));
        !NOT_REPLAYED.contains(name) && **name != header::CONTENT_LENGTH && !is_named
    })
}

/// The problem in a body, so that layers further out find it in the extensions again.
fn problem(status: StatusCode, body: &[u8]) -> Option<Problem> {
    let mut members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let mut text = |name| match members.remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    };
    let mut problem = Problem::new(status).reason("replayed");
    if let Some(kind) = text("type").filter(|kind| kind != "about:blank") {
        problem = problem.kind(kind);
    }
    if let Some(title) = text("title") {
        problem = problem.title(title);
    }
    if let Some(detail) = text("detail") {
        problem = problem.detail(detail);
    }
    if let Some(instance) = text("instance") {
        problem = problem.instance(instance);
    }
    members.remove("status");
    Some(members.into_iter().fold(problem, |problem, (name, value)| {
        problem.extension(name, value)
    }))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
    use proptest::prelude::*;

    use super::{Stored, decode, encode, not_kept};
    use crate::wire::Problem;

    fn read_back(response: Response<Bytes>) -> Response<Bytes> {
        let (head, body) = response.into_parts();
        match decode(encode(&head, &body)) {
            Some(Stored::Whole(response)) => response,
            _ => panic!("it was written"),
        }
    }

    #[test]
    fn fields_of_the_connection_and_cookies_are_not_kept() {
        let mut response = Response::new(Bytes::from("paid"));
        *response.status_mut() = StatusCode::CREATED;
        for (name, value) in [
            ("content-type", "text/plain"),
            ("content-length", "4"),
            ("location", "/payments/1"),
            ("x-note", "a"),
            ("x-note", "b"),
            ("set-cookie", "session=secret"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
        ] {
            let name = HeaderName::from_static(name);
            response
                .headers_mut()
                .append(name, HeaderValue::from_static(value));
        }
        let replay = read_back(response);
        assert_eq!(replay.status(), 201);
        assert_eq!(replay.body(), "paid");
        let kept: Vec<_> = replay
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        assert_eq!(kept.len(), 4, "{kept:?}");
        assert_eq!(replay.headers()["location"], "/payments/1");
        assert_eq!(replay.headers().get_all("x-note").iter().count(), 2);
    }

    #[test]
    fn a_problem_is_restored() {
        let problem = Problem::new(StatusCode::PAYMENT_REQUIRED)
            .kind("https://example.com/probs/declined")
            .title("The card was declined.")
            .detail("Use another card.")
            .instance("/payments/1")
            .extension("code", "declined");
        let replay = read_back(problem.clone().into_response());
        let again: &Problem = replay.extensions().get().unwrap();
        assert_eq!(again.to_json(), problem.to_json());
        let plain = read_back(Problem::new(StatusCode::GONE).into_response());
        let again: &Problem = plain.extensions().get().unwrap();
        assert_eq!(again.to_json(), Problem::new(StatusCode::GONE).to_json());
    }

    #[test]
    fn an_answer_that_is_not_kept_is_read_as_such() {
        assert!(matches!(decode(not_kept()), Some(Stored::NotKept)));
    }

    proptest! {
        #[test]
        fn written_answers_are_read_back(
            status in 100_u16..1_000,
            fields in prop::collection::vec(("x-[a-z]{1,9}", "[ -~]{0,20}"), 0..9),
            body: Vec<u8>,
        ) {
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_str(value.trim()).unwrap(),
                );
            }
            *response.headers_mut() = headers;
            let replay = read_back(response.clone());
            prop_assert_eq!(replay.status(), response.status());
            prop_assert_eq!(replay.headers(), response.headers());
            prop_assert_eq!(replay.body(), response.body());
        }

        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            drop(decode(bytes.into()));
        }
    }
}
