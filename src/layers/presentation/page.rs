//! Refusals as pages for browsers: [`HtmlTemplate`].

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::wire::{
    ConfigError, Problem,
    field::accept::{BEST, MediaRange, ranges},
};

/// The media type of a page.
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// An HTML page for a problem, with placeholders for its members: `{{status}}`, `{{title}}`,
/// `{{detail}}`, `{{type}}` and `{{request_id}}`.
///
/// The members are escaped, so they can be used in text and in quoted attributes. Do not put them into
/// scripts, styles or URLs. A member that the problem does not have is empty.
///
/// # Example
///
/// ```
/// use wythe::{presentation::HtmlTemplate, with_presentation};
///
/// let page = HtmlTemplate::new(
///     "<!doctype html><title>{{title}}</title><h1>{{status}} {{title}}</h1><p>{{detail}}</p>",
/// )?;
/// let layer = with_presentation().html(page);
/// assert!(HtmlTemplate::new("<h1>{{tilte}}</h1>").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct HtmlTemplate(Arc<[Part]>);

enum Part {
    Text(String),
    Status,
    Title,
    Detail,
    Type,
    RequestId,
}

impl HtmlTemplate {
    /// The template.
    ///
    /// # Errors
    ///
    /// A placeholder has another name, or `{{` has no `}}`.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        let error = |message: String| ConfigError::new("HtmlTemplate", message);
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let placeholder = after.split_once("}}");
            let (name, after) = placeholder.ok_or_else(|| error("`{{` has no `}}`".to_owned()))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name.trim_ascii() {
                "status" => Part::Status,
                "title" => Part::Title,
                "detail" => Part::Detail,
                "type" => Part::Type,
                "request_id" => Part::RequestId,
                _ => {
                    return Err(error(format!(
                        "`{{{{{name}}}}}` is not a known placeholder: use `status`, `title`, \
                         `detail`, `type` or `request_id`"
                    )));
                }
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts.into()))
    }

    pub(super) fn render(&self, problem: &Problem, request_id: Option<&str>) -> Bytes {
        let mut page = String::new();
        for part in &*self.0 {
            match part {
                Part::Text(text) => page.push_str(text),
                Part::Status => page.push_str(problem.status().as_str()),
                Part::Title => escape(problem.summary(), &mut page),
                Part::Detail => escape(problem.explanation().unwrap_or_default(), &mut page),
                Part::Type => escape(problem.kind_uri(), &mut page),
                Part::RequestId => escape(request_id.unwrap_or_default(), &mut page),
            }
        }
        page.into()
    }
}

fn escape(text: &str, page: &mut String) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}

/// Whether a client prefers HTML to JSON (RFC 9110, section 12.5.1). With `*/*`, or without the field,
/// it has no preference, and gets JSON.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let weight = |name: &[u8]| {
        let lines = headers.get_all(header::ACCEPT).iter();
        let offer = MediaRange::parse(name)?;
        let ranges = ranges(lines.map(HeaderValue::as_bytes));
        let fitting = ranges.filter_map(|range| Some((range.specificity(&offer)?, range.weight)));
        // Of equally specific ranges the first counts, as for media types.
        let best = fitting.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, weight)| weight.min(BEST))
    };
    let html = weight(b"text/html").unwrap_or(0);
    let json = [&b"application/problem+json"[..], b"application/json"];
    html > json.into_iter().filter_map(weight).max().unwrap_or(0)
}

impl fmt::Debug for HtmlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HtmlTemplate").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode, header};

    use super::{HtmlTemplate, prefers_html};
    use crate::wire::Problem;

    #[test]
    fn clients_that_prefer_html_get_it() {
        let cases: [(&[&'static str], bool); 12] = [
            (&[], false),
            (&["*/*"], false),
            (&["text/html"], true),
            (&["text/*"], true),
            // Firefox and Chromium.
            (
                &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
                true,
            ),
            (&["application/json, text/html"], false),
            (&["application/json;q=0.5", "text/html;q=0.6"], true),
            (&["application/problem+json, text/html"], false),
            (&["text/html;q=0"], false),
            (&["text/html;q=0, */*"], false),
            (&["text/html;q=0.1, */*;q=0.2"], false),
            (&["text/html;q=2"], false),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::ACCEPT, HeaderValue::from_static(line));
            }
            assert_eq!(prefers_html(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn members_are_escaped_and_placeholders_are_checked() {
        let page = HtmlTemplate::new(
            "<p title=\"{{ type }}\">{{status}} {{title}}: {{detail}} {{request_id}}",
        );
        let problem = Problem::new(StatusCode::NOT_FOUND).detail("<script>'\"&</script>{{status}}");
        assert_eq!(
            page.unwrap().render(&problem, Some("7")),
            "<p title=\"about:blank\">404 Not Found: \
             &lt;script&gt;&#39;&quot;&amp;&lt;/script&gt;{{status}} 7"
        );
        for text in ["{{", "{{status}", "{{code}}", "{{}}"] {
            assert!(HtmlTemplate::new(text).is_err(), "{text}");
        }
        let plain = HtmlTemplate::new("} {").unwrap();
        assert_eq!(plain.render(&problem, None), "} {");
    }
}
