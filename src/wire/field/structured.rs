//! Structured fields, RFC 9651: a syntax of its own, of which strings are written and read.

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

/// The text of a String and what follows it (section 4.2.5); `None` if it does not begin with one.
pub(crate) fn parse_string(input: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = input.strip_prefix(b"\"")?;
    let mut text = String::new();
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((text, rest)),
            b'\\' => {
                let (escaped, after) = rest.split_first()?;
                rest = after;
                if !matches!(escaped, b'"' | b'\\') {
                    return None;
                }
                text.push(char::from(*escaped));
            }
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{parse_string, string};

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

    #[test]
    fn strings_are_read_strictly() {
        let cases: [(&str, Option<(&str, &str)>); 9] = [
            (r#""daily""#, Some(("daily", ""))),
            (r#""""#, Some(("", ""))),
            (r#""a \"b\" \\c";x=1"#, Some((r#"a "b" \c"#, ";x=1"))),
            ("daily", None),
            (r#""daily"#, None),
            (r#""a\n""#, None),
            (r#""a\"#, None),
            ("\"tab\t\"", None),
            ("\"caf\u{e9}\"", None),
        ];
        for (input, read) in cases {
            let read = read.map(|(text, rest)| (text.to_owned(), rest.as_bytes()));
            assert_eq!(parse_string(input.as_bytes()), read, "{input}");
        }
    }

    proptest! {
        #[test]
        fn a_string_that_was_written_is_read_back(text in "[ -~]*", rest in "[ -~]*") {
            let written = string(&text).unwrap() + &rest;
            prop_assert_eq!(parse_string(written.as_bytes()), Some((text, rest.as_bytes())));
        }
    }
}
