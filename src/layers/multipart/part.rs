//! The header of a part: its name, and the name of its file (RFC 7578, section 4.2).

use http::{HeaderMap, header};

/// What `Content-Disposition` says about a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: String,
    /// The client's name of the file; `None` for a text.
    pub(super) file_name: Option<String>,
}

/// Reads `Content-Disposition: form-data; name=".."; filename=".."`; `None` if it is missing or
/// malformed, or has no name.
///
/// `filename*` is not read: RFC 7578, section 4.2, forbids it in forms.
pub(super) fn disposition(headers: &HeaderMap) -> Option<Disposition> {
    let field = headers.get(header::CONTENT_DISPOSITION)?;
    let text = std::str::from_utf8(field.as_bytes()).ok()?;
    let (kind, mut rest) = text.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut file_name) = (None, None);
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.trim_end().to_owned(), after)
            }
        };
        let key = key.trim();
        // A parameter that stands there twice has no meaning.
        if key.eq_ignore_ascii_case("name") && name.replace(value.clone()).is_some()
            || key.eq_ignore_ascii_case("filename") && file_name.replace(value).is_some()
        {
            return None;
        }
        let after = after.trim();
        if after.is_empty() || after == ";" {
            break;
        }
        rest = after.strip_prefix(';')?;
    }
    Some(Disposition {
        name: name?,
        file_name,
    })
}

/// A text in quotes, and what follows. `\"` is a quote; any other backslash is one, as in the paths of
/// old browsers.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at.saturating_add(1)..)?)),
            '\\' if text.get(at..)?.starts_with("\\\"") => {
                // A quote that ends the parameter is not escaped: `filename="C:\"`.
                let after = text.get(at.saturating_add(2)..)?;
                if after.trim_start().is_empty() {
                    value.push('\\');
                    return Some((value, after));
                }
                value.push('"');
                chars.next();
            }
            c => value.push(c),
        }
    }
    None
}

/// The content type that a part declares, in lowercase and without parameters.
pub(super) fn declared_type(headers: &HeaderMap) -> Option<String> {
    let field = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = field.split(';').next().unwrap_or_default().trim();
    Some(essence.to_ascii_lowercase()).filter(|essence| !essence.is_empty())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::disposition;

    #[test]
    fn names_are_read_as_browsers_and_curl_write_them() {
        let cases: [(&str, Option<(&str, Option<&str>)>); 16] = [
            (r#"form-data; name="a""#, Some(("a", None))),
            (r#"form-data; name=a"#, Some(("a", None))),
            (
                r#"Form-Data;NAME="a" ; FileName="b.txt""#,
                Some(("a", Some("b.txt"))),
            ),
            (
                r#"form-data; filename="b.txt"; name="a""#,
                Some(("a", Some("b.txt"))),
            ),
            (
                r#"form-data; name="a"; filename="x\"y""#,
                Some(("a", Some("x\"y"))),
            ),
            (
                r#"form-data; name="a"; filename="C:\dir\b.txt""#,
                Some(("a", Some(r"C:\dir\b.txt"))),
            ),
            (
                r#"form-data; name="a;b=c"; filename="; name=x""#,
                Some(("a;b=c", Some("; name=x"))),
            ),
            ("form-data; name=\"\u{4f60}\"", Some(("\u{4f60}", None))),
            (
                r#"form-data; name="a"; filename*=UTF-8''x"#,
                Some(("a", None)),
            ),
            (
                r#"form-data; filename*=UTF-8''x; name="a"; filename="b""#,
                Some(("a", Some("b"))),
            ),
            (r#"form-data; name="a";"#, Some(("a", None))),
            (r#"form-data; name="""#, Some(("", None))),
            (r#"form-data; name="a"; name="b""#, None),
            (r#"form-data; filename="b""#, None),
            (r#"attachment; name="a""#, None),
            (r#"form-data; name="a"#, None),
        ];
        for (field, expected) in cases {
            let value = HeaderValue::from_bytes(field.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(header::CONTENT_DISPOSITION, value)]);
            let found = disposition(&headers);
            let found = found.as_ref();
            let found = found.map(|part| (&*part.name, part.file_name.as_deref()));
            assert_eq!(found, expected, "{field}");
        }
    }
}
