//! Structured fields, RFC 9651: a syntax of its own, of which so far only strings are written.

/// A String (section 4.1.6), in its quotes; `None` if it has a character that none can have.
pub(crate) fn string(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        if !matches!(c, ' '..='~') {
            return None;
        }
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn strings_are_quoted_escaped_and_printable_ascii() {
        let cases = [
            ("daily", Some(r#""daily""#)),
            ("", Some(r#""""#)),
            (r#"a "b" \c"#, Some(r#""a \"b\" \\c""#)),
            (" ~", Some(r#"" ~""#)),
            ("tab\t", None),
            ("line\r\n", None),
            ("\u{7f}", None),
            ("caf\u{e9}", None),
        ];
        for (text, written) in cases {
            assert_eq!(string(text).as_deref(), written, "{text:?}");
        }
    }
}
