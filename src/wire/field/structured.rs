//! Structured fields, RFC 9651: the parts of the syntax that are used here.

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

/// The values of these keys in a Dictionary (section 4.2.2) whose values are Byte Sequences, as they are
/// written between the colons; `None` if it is malformed, or has a member with another value. The last of
/// two members with the same key counts.
pub(crate) fn parse_byte_sequences<'a, const N: usize>(
    input: &'a str,
    keys: [&str; N],
) -> Option<[Option<&'a str>; N]> {
    let mut values = [None; N];
    let mut rest = input.trim_matches(' ');
    while !rest.is_empty() {
        let (member, after) = key(rest)?;
        let (value, after) = after.strip_prefix("=:")?.split_once(':')?;
        for (key, found) in keys.iter().zip(&mut values) {
            if *key == member {
                *found = Some(value);
            }
        }
        let after = skip_parameters(after)?.trim_start_matches([' ', '\t']);
        if after.is_empty() {
            break;
        }
        rest = after.strip_prefix(',')?.trim_start_matches([' ', '\t']);
        // A comma at the end is an error.
        if rest.is_empty() {
            return None;
        }
    }
    Some(values)
}

/// A key (section 4.2.3.3), and what follows it.
fn key(input: &str) -> Option<(&str, &str)> {
    let is_first = |c: char| c.is_ascii_lowercase() || c == '*';
    let is_next = |c: char| is_first(c) || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    if !input.starts_with(is_first) {
        return None;
    }
    let end = input.find(|c| !is_next(c)).unwrap_or(input.len());
    Some(input.split_at(end))
}

/// What follows the parameters of an item (section 4.2.3.2). Their values are not read.
fn skip_parameters(mut rest: &str) -> Option<&str> {
    while let Some(after) = rest.strip_prefix(';') {
        let (_, after) = key(after.trim_start_matches(' '))?;
        rest = match after.strip_prefix('=') {
            None => after,
            Some(value) if value.starts_with('"') => {
                let (_, after) = parse_string(value.as_bytes())?;
                value.get(value.len().checked_sub(after.len())?..)?
            }
            Some(value) => value.get(value.find([';', ',', ' ', '\t']).unwrap_or(value.len())..)?,
        };
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{parse_byte_sequences, parse_string, string};

    #[test]
    fn dictionaries_of_byte_sequences_are_read_or_malformed() {
        let cases = [
            ("a=:YQ==:", Some([Some("YQ=="), None])),
            ("sha-256=:YQ==:", Some([None, None])),
            ("a=:YQ==:, b=::", Some([Some("YQ=="), Some("")])),
            (
                "a=:YQ==:;q=1;s=\"x, y\" \t,\tb=:YQ==:",
                Some([Some("YQ=="), Some("YQ==")]),
            ),
            ("a=:YQ==:, a=:Yg==:", Some([Some("Yg=="), None])),
            ("", Some([None, None])),
            ("a=:YQ==:,", None),
            ("a=:YQ==", None),
            ("a=1", None),
            ("a", None),
            ("A=:YQ==:", None),
            ("a=:YQ==: b=:YQ==:", None),
        ];
        for (field, expected) in cases {
            assert_eq!(parse_byte_sequences(field, ["a", "b"]), expected, "{field}");
        }
    }

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
