//! Messages for inputs of the wrong type, without the names of Rust.

use std::borrow::Cow;

use super::{
    encoding::Encoding,
    errors::{self, InputError, excerpt},
    reader::REPEATED,
    trace::PathSegment,
};

/// A well-formed input that is not of its type: 422.
pub(super) fn invalid(message: &str, mut path: Vec<PathSegment>, encoding: Encoding) -> InputError {
    // serde locates these at the object; clients look for the field.
    for start in ["missing field `", "duplicate field `"] {
        let field = message
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix('`'));
        path.extend(field.map(|name| PathSegment::Key(name.to_owned())));
    }
    let text = match path.last() {
        // The name of a header field is not that of the field in Rust.
        Some(PathSegment::Key(name)) if message.starts_with("missing field ") => {
            format!("missing field `{}`", excerpt(&encoding.name_of(name))).into()
        }
        _ => without_rust_types(message),
    };
    InputError {
        encoding,
        message: text,
        path,
        code: errors::rule(&RULES, message, INVALID).into(),
    }
}

/// A type of the application rejects the value by itself.
pub(super) const INVALID: &str = "invalid";

/// The start of each message of serde, and what the log says instead.
pub(super) const RULES: [(&str, &str); 13] = [
    ("data did not match any variant", "unknown_variant"),
    ("duplicate field ", "duplicate_field"),
    ("invalid length ", "length"),
    ("invalid type: ", "type"),
    ("invalid value: ", "value"),
    ("missing field ", "missing_field"),
    ("no variant of enum ", "unknown_variant"),
    ("number out of range", "value"),
    (OVERFLOW, "value"),
    (REPEATED, "duplicate_field"),
    ("unknown field ", errors::UNKNOWN_FIELD),
    ("unknown variant ", "unknown_variant"),
    ("wanted exactly 1 element", "type"),
];

/// A number does not fit into a time of the standard library, whose type follows.
const OVERFLOW: &str = "overflow deserializing ";

/// The message of serde without the names of Rust's types.
fn without_rust_types(message: &str) -> Cow<'static, str> {
    if let Some((start, _)) = message.split_once(" of untagged enum ")
        && start == "data did not match any variant"
    {
        return "does not match any of the variants".into();
    }
    if message.starts_with("no variant of enum ") {
        return "does not match any of the variants".into();
    }
    if message.starts_with(OVERFLOW) {
        return "invalid value: the time is out of range".into();
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return excerpt(message).into_owned().into();
    };
    let found = match found.strip_prefix("invalid type: ") {
        Some("map") => "invalid type: object",
        Some("sequence") => "invalid type: array",
        Some("unit value") => "invalid type: null",
        Some("unit variant") => "invalid type: string",
        None if found == "invalid value: map" => "invalid value: object",
        // A number beyond 64 bits.
        _ => found
            .strip_suffix("` as i128")
            .or_else(|| found.strip_suffix("` as u128"))
            .map_or(found, |number| {
                found.get(..number.len().saturating_add(1)).unwrap_or(found)
            }),
    };
    format!("{}, expected {}", excerpt(found), expectation(expected)).into()
}

fn expectation(expected: &str) -> Cow<'_, str> {
    let (kind, name) = expected.split_once(' ').unwrap_or((expected, ""));
    let elements = name.split_once(" with ").map(|(_, elements)| elements);
    Cow::Borrowed(match (kind, name) {
        ("i8", "") => "an integer from -128 to 127",
        ("i16", "") => "an integer from -32768 to 32767",
        ("i32", "") => "an integer from -2147483648 to 2147483647",
        ("i64" | "i128" | "isize", "") => "an integer",
        ("u8", "") => "an integer from 0 to 255",
        ("u16", "") => "an integer from 0 to 65535",
        ("u32", "") => "an integer from 0 to 4294967295",
        ("u64" | "u128" | "usize", "") => "an integer that is not negative",
        ("a", name) if name.starts_with("nonzero i") => "an integer other than 0",
        ("a", name) if name.starts_with("nonzero u") => "an integer above 0",
        ("f32" | "f64", "") => "a number",
        ("unit", "") => "null",
        ("a", "borrowed string") => "a string",
        ("struct" | "enum" | "tuple" | "newtype" | "unit", _) if elements.is_some() => {
            return format!("an array of {}", elements.unwrap_or_default()).into();
        }
        ("unit", _) => "null",
        ("enum", _) => "one of the variants",
        ("internally" | "adjacently", name) if name.starts_with("tagged enum ") => {
            "an object with a tag"
        }
        ("struct" | "newtype", _) | ("a", "map") => "an object",
        ("tuple", _) | ("a", "sequence") => "an array",
        ("field", "identifier") => "the name of a field",
        ("variant", "identifier") => "the name of a variant",
        ("string", "or map") => "a string or an object",
        ("map", "with a single key") => "an object with one member",
        ("variant", name) if name.starts_with("of enum ") => "the name of a variant",
        _ => return excerpt(expected),
    })
}

#[cfg(test)]
mod tests {
    use super::without_rust_types;

    #[test]
    fn messages_do_not_contain_the_names_of_types() {
        let cases = [
            (
                "invalid type: map, expected a string",
                "invalid type: object, expected a string",
            ),
            (
                "invalid type: string \", expected u8\", expected struct NewUser",
                "invalid type: string \", expected u8\", expected an object",
            ),
            (
                "invalid length 1, expected struct Point with 2 elements",
                "invalid length 1, expected an array of 2 elements",
            ),
            (
                "invalid value: integer `300`, expected u8",
                "invalid value: integer `300`, expected an integer from 0 to 255",
            ),
            (
                "invalid type: integer `1`, expected internally tagged enum Shape",
                "invalid type: integer `1`, expected an object with a tag",
            ),
            (
                "invalid type: null, expected struct variant Shape::Circle",
                "invalid type: null, expected an object",
            ),
            (
                "invalid type: integer `0`, expected a nonzero u8",
                "invalid type: integer `0`, expected an integer above 0",
            ),
            (
                "data did not match any variant of untagged enum Shape",
                "does not match any of the variants",
            ),
            (
                "invalid type: integer `1`, expected variant of enum Shape",
                "invalid type: integer `1`, expected the name of a variant",
            ),
            (
                "invalid type: integer `18446744073709551616` as u128, expected u8",
                "invalid type: integer `18446744073709551616`, expected an integer from 0 to 255",
            ),
            (
                "invalid type: unit variant, expected newtype variant",
                "invalid type: string, expected an object",
            ),
            (
                "invalid type: null, expected string or map",
                "invalid type: null, expected a string or an object",
            ),
            (
                "invalid value: map, expected map with a single key",
                "invalid value: object, expected an object with one member",
            ),
            (
                "overflow deserializing Duration",
                "invalid value: the time is out of range",
            ),
            (
                "unknown variant `x`, expected one of `a`, `b`",
                "unknown variant `x`, expected one of `a`, `b`",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(without_rust_types(message), expected);
        }
    }
}
