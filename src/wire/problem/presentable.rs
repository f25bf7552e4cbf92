//! Which error responses a presentation rewrites, so that layers inside it leave them readable.

use http::{HeaderValue, Response, header};

use super::Problem;

impl Problem {
    /// Whether a response is an error that a presentation may rewrite: it is a problem, or it has plain text,
    /// or content of no type.
    pub(crate) fn is_presentable<B>(response: &Response<B>) -> bool {
        let media_type = response.headers().get(header::CONTENT_TYPE);
        let is_problem = || response.extensions().get::<Self>().is_some();
        response.status().as_u16() >= 400
            && (media_type.is_none_or(Self::is_plain_text) || is_problem())
    }

    /// Whether a `Content-Type` is `text/plain`, with any parameters (RFC 9110, section 8.3.1).
    pub(crate) fn is_plain_text(media_type: &HeaderValue) -> bool {
        let essence = media_type.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"text/plain"))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use crate::Problem;

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
                Problem::is_plain_text(&HeaderValue::from_static(value)),
                expected,
                "{value}"
            );
        }
    }
}
