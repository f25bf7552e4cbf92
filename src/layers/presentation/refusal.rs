//! Tells a refusal that needs a shape from a response that has its own.

use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body;

use crate::wire::Problem;

/// The longest text that is read to become a problem's detail.
const LONGEST_TEXT: u64 = 8 * 1024;

/// How a response refuses.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Not at all, or in a form of the application's own.
    Own,
    /// By a problem.
    Problem(Problem),
    /// By its status alone.
    Silent,
    /// By plain text, of this length if it can be read.
    Text(Option<usize>),
}

impl Refusal {
    pub(super) fn of<R: Body>(response: &Response<R>) -> Self {
        if response.status().as_u16() < 400 {
            return Self::Own;
        }
        if let Some(problem) = response.extensions().get::<Problem>() {
            return Self::Problem(problem.clone());
        }
        let length = response.body().size_hint().exact();
        match response.headers().get(header::CONTENT_TYPE) {
            None if length == Some(0) || response.body().is_end_stream() => Self::Silent,
            Some(media_type) if is_plain_text(media_type) => Self::Text(
                length
                    .filter(|length| *length <= LONGEST_TEXT && is_as_sent(response.headers()))
                    .and_then(|length| usize::try_from(length).ok()),
            ),
            _ => Self::Own,
        }
    }
}

/// Whether the body is not compressed.
fn is_as_sent(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::CONTENT_ENCODING)
}

/// Whether a `Content-Type` is `text/plain`, with whatever parameters (RFC 9110, section 8.3.1).
fn is_plain_text(media_type: &HeaderValue) -> bool {
    let essence = media_type.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"text/plain"))
}

/// Removes the fields that describe a body which is about to be replaced.
pub(super) fn forget_body(headers: &mut HeaderMap) {
    const OF_THE_BODY: [&str; 8] = [
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "repr-digest",
        "trailer",
        "transfer-encoding",
    ];
    for field in OF_THE_BODY {
        headers.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::is_plain_text;

    #[test]
    fn knows_plain_text_by_its_type_alone() {
        let cases = [
            ("text/plain", true),
            ("text/plain; charset=utf-8", true),
            ("Text/PLAIN ;charset=\"utf-8\"", true),
            ("text/plainer", false),
            ("text/html", false),
            ("application/json; was=text/plain", false),
            ("", false),
        ];
        for (value, expected) in cases {
            assert_eq!(
                is_plain_text(&HeaderValue::from_static(value)),
                expected,
                "{value}"
            );
        }
    }
}
