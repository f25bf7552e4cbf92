//! The 422: lists what is wrong with an input.

use std::{borrow::Cow, error::Error, fmt};

use garde::Report;
use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    field_path::{FieldPaths, PathSegment},
    parse::Encoding,
};
use crate::wire::{Problem, field::json_pointer};

/// The longest message of one error: messages of serde quote what the client sent.
const MAX_TEXT: usize = 240;

/// The rule that the type has no such field.
pub(super) const UNKNOWN_FIELD: &str = "unknown_field";

/// The longest pointer, in bytes of the fragment. An error further down is reported at its parent.
const MAX_POINTER: usize = 1024;

/// One error: what the client gets, and what the log gets.
pub(super) struct InputError {
    listed: Value,
    broken: BrokenRule,
}

/// The rule that a field breaks.
struct BrokenRule {
    encoding: Encoding,
    path: Vec<PathSegment>,
    rule: &'static str,
}

impl InputError {
    pub(super) fn new(
        encoding: Encoding,
        message: &str,
        path: Vec<PathSegment>,
        rule: &'static str,
    ) -> Self {
        Self {
            listed: entry(encoding, message, &path),
            broken: BrokenRule {
                encoding,
                path,
                rule,
            },
        }
    }
}

/// One element of `errors`, with the `detail` and `pointer` of RFC 9457, section 3. Forms and queries
/// have parameters instead of pointers.
fn entry(encoding: Encoding, message: &str, path: &[PathSegment]) -> Value {
    let mut entry = Map::new();
    entry.insert("detail".to_owned(), excerpt(message).into());
    if encoding == Encoding::Json {
        entry.insert("pointer".to_owned(), pointer(path).into());
        return Value::Object(entry);
    }
    if let Some(PathSegment::Key(parameter)) = path.first() {
        entry.insert("parameter".to_owned(), excerpt(parameter).into());
    }
    if let Some(PathSegment::Index(index)) = path.get(1) {
        entry.insert("index".to_owned(), (*index).into());
    }
    Value::Object(entry)
}

/// The 422 for a report of garde.
pub(super) fn refuse(report: &Report, paths: &FieldPaths, max_listed: usize) -> Problem {
    let entries = report.iter().take(max_listed).map(|(path, error)| {
        let path = serde_json::to_value(path).unwrap_or_default();
        let path = paths.as_sent(&segments(&path));
        let message = error.message();
        InputError::new(
            paths.encoding(),
            message,
            path,
            rule(&RULES, message, "custom"),
        )
    });
    list(entries.collect(), report.iter().count())
}

/// garde writes a path as `[["key", "address"], ["index", "0"]]`.
fn segments(path: &Value) -> Vec<PathSegment> {
    let segments = path.as_array().map(Vec::as_slice).unwrap_or_default();
    segments
        .iter()
        .filter_map(|segment| {
            let name = segment.get(1)?.as_str()?;
            match segment.get(0)?.as_str()? {
                "key" => Some(PathSegment::Key(name.to_owned())),
                "index" => Some(PathSegment::Index(name.parse().ok()?)),
                _ => None,
            }
        })
        .collect()
}

/// The 422: some errors, and how many there are.
pub(super) fn list(errors: Vec<InputError>, total: usize) -> Problem {
    let mut rules = Vec::with_capacity(errors.len().min(BrokenRules::MOST));
    let mut listed = Vec::with_capacity(errors.len());
    for error in errors {
        listed.push(error.listed);
        if rules.len() < BrokenRules::MOST {
            rules.push(error.broken);
        }
    }
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
        .reason("invalid")
        .because(BrokenRules { rules, total })
        .detail("The request is well-formed but its content is invalid.")
        .extension("errors", listed)
        .extension("error_count", total)
}

fn pointer(path: &[PathSegment]) -> String {
    let texts: Vec<Cow<'_, str>> = path
        .iter()
        .map(|segment| match segment {
            PathSegment::Key(key) => Cow::Borrowed(key.as_str()),
            PathSegment::Index(index) => Cow::Owned(index.to_string()),
        })
        .collect();
    // At most three bytes for each byte, and the `/`.
    let mut left = MAX_POINTER;
    let short = texts.iter().map_while(|text| {
        left = left.checked_sub(text.len().saturating_mul(3).saturating_add(1))?;
        Some(&**text)
    });
    json_pointer::fragment(short)
}

/// The start of each message of garde's rules, and the name of the rule.
const RULES: [(&str, &str); 16] = [
    ("does not contain ", "contains"),
    ("does not end with ", "suffix"),
    ("does not match pattern ", "pattern"),
    ("does not match ", "matches"),
    ("greater than ", "range"),
    ("length is ", "length"),
    ("lower than ", "range"),
    ("not a valid IP", "ip"),
    ("not a valid credit card ", "credit_card"),
    ("not a valid email", "email"),
    ("not a valid phone number", "phone_number"),
    ("not a valid url", "url"),
    ("not alphanumeric", "alphanumeric"),
    ("not ascii", "ascii"),
    ("not set", "required"),
    ("value does not begin with ", "prefix"),
];

/// The name of the rule that a message belongs to. The log gets it in place of the message, because
/// the message of an application's own rule may quote the value.
pub(super) fn rule(
    rules: &[(&str, &'static str)],
    message: &str,
    otherwise: &'static str,
) -> &'static str {
    let found = rules.iter().find(|(start, _)| message.starts_with(start));
    found.map_or(otherwise, |(_, rule)| rule)
}

/// The place of an error for the log: a pointer, or the name of a parameter.
///
/// The keys of a map are data of the client and look like names of fields. Those that can't be a name
/// (an address, a number, a token) are `*`, and a field that does not exist is not named.
fn place(encoding: Encoding, path: &[PathSegment], rule: &str) -> String {
    let known = match path {
        [parent @ .., PathSegment::Key(_)] if rule == UNKNOWN_FIELD => parent,
        _ => path,
    };
    let known = known.iter().map(|segment| match segment {
        PathSegment::Key(key) if !is_name(key) => PathSegment::Key("*".to_owned()),
        segment => segment.clone(),
    });
    let known: Vec<_> = known.collect();
    match known.first() {
        Some(PathSegment::Key(parameter)) if encoding != Encoding::Json => parameter.clone(),
        _ => pointer(&known),
    }
}

fn is_name(key: &str) -> bool {
    key.len() <= 40
        && !key.starts_with(|first: char| first.is_ascii_digit())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The cause for the log: the place and the rule of the first errors, without values.
///
/// It becomes text only where it is logged.
struct BrokenRules {
    rules: Vec<BrokenRule>,
    total: usize,
}

impl BrokenRules {
    const MOST: usize = 8;
}

impl fmt::Display for BrokenRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for broken in &self.rules {
            let place = place(broken.encoding, &broken.path, broken.rule);
            write!(f, "{separator}{place} ({})", broken.rule)?;
            separator = ", ";
        }
        match self.total.saturating_sub(self.rules.len()) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

/// As it is logged: the names of a map's keys may be values of the client.
impl fmt::Debug for BrokenRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for BrokenRules {}

/// The text, or its beginning and its end, where serde says what it expected.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let head = text.char_indices().nth(100).map_or(0, |(at, _)| at);
    let tail = text.char_indices().rev().nth(99).map_or(0, |(at, _)| at);
    let (head, tail) = (text.get(..head), text.get(tail..));
    let (head, tail) = (head.unwrap_or_default(), tail.unwrap_or_default());
    Cow::Owned(format!("{head} .. {tail}"))
}

#[cfg(test)]
mod tests {
    use garde::Validate;

    use super::{MAX_POINTER, PathSegment, RULES, excerpt, pointer, rule};

    #[test]
    fn long_texts_keep_their_beginning_and_their_end() {
        let long = format!(
            "invalid type: string \"{}\", expected u8",
            "\u{e9}".repeat(9999)
        );
        let short = excerpt(&long);
        assert!(short.starts_with("invalid type: string \"\u{e9}"));
        assert!(short.ends_with("\u{e9}\", expected u8"));
        assert!(short.chars().count() < 240);
        assert_eq!(excerpt("short"), "short");
    }

    /// It fails when garde changes a message.
    #[test]
    fn each_message_of_garde_belongs_to_its_rule() {
        #[derive(Validate)]
        struct Checked {
            #[garde(contains("x"))]
            contains: &'static str,
            #[garde(suffix("x"))]
            suffix: &'static str,
            #[garde(matches(contains))]
            matches: &'static str,
            #[garde(range(max = 1))]
            range: u8,
            #[garde(length(max = 1))]
            length: &'static str,
            #[garde(range(min = 3))]
            lower: u8,
            #[garde(ip)]
            ip: &'static str,
            #[garde(email)]
            email: &'static str,
            #[garde(alphanumeric)]
            alphanumeric: &'static str,
            #[garde(ascii)]
            ascii: &'static str,
            #[garde(required)]
            required: Option<u8>,
            #[garde(prefix("x"))]
            prefix: &'static str,
        }
        let checked = Checked {
            contains: "a",
            suffix: "a",
            matches: "b",
            range: 2,
            length: "ab",
            lower: 2,
            ip: "a",
            email: "a",
            alphanumeric: "-",
            ascii: "\u{e9}",
            required: None,
            prefix: "a",
        };
        let report = checked.validate().unwrap_err();
        assert_eq!(report.iter().count(), 12);
        for (path, error) in report.iter() {
            let field = path.to_string();
            let expected = if field == "lower" { "range" } else { &field };
            assert_eq!(rule(&RULES, error.message(), "custom"), expected);
        }
    }

    #[test]
    fn a_pointer_stops_before_a_name_that_is_too_long() {
        let path = ["a".to_owned(), "b".repeat(MAX_POINTER), "c".to_owned()];
        assert_eq!(pointer(&path.map(PathSegment::Key)), "#/a");
    }
}
