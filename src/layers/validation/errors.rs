//! The 422: lists what is wrong with the inputs of a request.

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    sync::{Arc, LazyLock},
};

use garde::{Report, error::Path};
use http::StatusCode;

use super::{encoding::Encoding, trace::PathSegment};
use crate::{
    contract::description::InputSource,
    wire::{Problem, field::json_pointer, write_member},
};

/// How many errors a 422 lists by default.
pub(super) const MAX_LISTED_ERRORS: usize = 32;

/// The longest message of one error: messages of serde quote what the client sent.
const MAX_TEXT: usize = 240;

/// A rule of the application's own.
pub(super) const CUSTOM: &str = "custom";

/// The rule that the type has no such field.
pub(super) const UNKNOWN_FIELD: &str = "unknown_field";

/// The longest pointer, in bytes of the fragment. An error further down is reported at its parent.
const MAX_POINTER: usize = 1024;

/// The most bytes of all listed errors: none is added to a list that is longer.
const MAX_LIST: usize = 8 * 1024;

/// One error: what is wrong with a value, where it is, and which rule it breaks.
pub(super) struct InputError {
    pub(super) encoding: Encoding,
    pub(super) message: Cow<'static, str>,
    pub(super) path: Vec<PathSegment>,
    pub(super) code: Cow<'static, str>,
}

/// All errors of a request, of which some are listed.
pub(super) struct ErrorList {
    errors: Vec<InputError>,
    total: usize,
    max: usize,
    /// The line and the column of a single error in JSON.
    pub(super) position: Option<(usize, usize)>,
}

impl ErrorList {
    pub(super) const fn new(max: usize) -> Self {
        Self {
            errors: Vec::new(),
            total: 0,
            max,
            position: None,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many more are listed.
    pub(super) const fn room(&self) -> usize {
        self.max.saturating_sub(self.errors.len())
    }

    pub(super) fn add(&mut self, error: InputError) {
        self.count_more(1);
        if self.room() > 0 {
            self.errors.push(error);
        }
    }

    /// Counts errors that are not listed.
    pub(super) const fn count_more(&mut self, errors: usize) {
        self.total = self.total.saturating_add(errors);
    }

    /// Gives each error another text, where there is one.
    pub(super) fn reword(&mut self, text: impl Fn(&FieldError<'_>) -> Option<String>) {
        for error in &mut self.errors {
            if let Some(text) = text(&FieldError(error)) {
                error.message = text.into();
            }
        }
    }

    /// The 422.
    pub(super) fn into_problem(self) -> Problem {
        static INVALID: LazyLock<Problem> = LazyLock::new(|| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
                .reason("invalid")
                .detail("The request is well-formed but its content is invalid.")
        });
        INVALID
            .clone()
            .written_extensions(|json| self.write(json))
            .caused_by(Arc::new(BrokenRules::of(self)))
    }

    /// Writes the extension members, in the order of their names.
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let position = self.position.filter(|_| self.total == 1);
        let (line, column) = position.unzip();
        if let Some(column) = column {
            write_member(json, "column", &column)?;
        }
        write_member(json, "error_count", &self.total)?;
        json.extend_from_slice(b",\"errors\":[");
        let start = json.len();
        for (before, error) in self.errors.iter().enumerate() {
            if json.len().saturating_sub(start) > MAX_LIST {
                break;
            }
            if before > 0 {
                json.push(b',');
            }
            error.write(json)?;
        }
        json.push(b']');
        if let Some(line) = line {
            write_member(json, "line", &line)?;
        }
        Ok(())
    }
}

/// The first errors of a report, with their paths in Rust. The encoding is set where it is known.
pub(super) fn listed(report: &Report, max: usize) -> impl Iterator<Item = InputError> {
    report.iter().take(max).map(|(path, error)| {
        let (code, message) = match own_code(error.message()) {
            Some((code, message)) => (Cow::Owned(code.to_owned()), message),
            None => (
                rule(&RULES, error.message(), CUSTOM).into(),
                error.message(),
            ),
        };
        InputError {
            encoding: Encoding::Json,
            message: excerpt(message).into_owned().into(),
            path: segments(path),
            code,
        }
    })
}

/// The 422 for a report of garde where no client has sent the value: names are those of Rust.
pub(super) fn refuse(report: &Report, encoding: Encoding, max: usize) -> Problem {
    let mut list = ErrorList::new(max);
    for error in listed(report, max) {
        list.add(InputError { encoding, ..error });
    }
    list.count_more(report.iter().count().saturating_sub(max));
    list.into_problem()
}

/// What a rule of your own says with a code of its own; see [`rule_error`].
const CODE: char = '\u{1f}';

/// An error of a rule of your own, with a `code` for programs: `taken`, for example. The code of
/// [`garde::Error::new`] is `custom`.
///
/// # Example
///
/// ```
/// use wythe::validation::rule_error;
///
/// fn is_free(name: &str, _: &()) -> garde::Result {
///     if name == "admin" {
///         return Err(rule_error("reserved", "this name is reserved"));
///     }
///     Ok(())
/// }
///
/// #[derive(serde::Deserialize, garde::Validate)]
/// struct NewTeam {
///     #[garde(custom(is_free))]
///     name: String,
/// }
///
/// let team = wythe::Json(NewTeam { name: "admin".into() });
/// let problem = wythe::Valid::check(team).err().unwrap();
/// assert_eq!(problem.extensions()["errors"][0]["code"], "reserved");
/// ```
#[must_use]
pub fn rule_error(code: &'static str, detail: impl fmt::Display) -> garde::Error {
    garde::Error::new(format!("{CODE}{code}{CODE}{detail}"))
}

fn own_code(message: &str) -> Option<(&str, &str)> {
    message.strip_prefix(CODE)?.split_once(CODE)
}

/// One error of an input, where an application writes the texts.
pub struct FieldError<'a>(&'a InputError);

impl FieldError<'_> {
    /// The rule that is broken: `length`, `missing_field`, or a code of your own.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, by default.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.message
    }

    /// The part of the request.
    #[must_use]
    pub const fn source(&self) -> InputSource {
        self.0.encoding.source()
    }

    /// Where in that part, as a JSON pointer without `#`: `/items/0/price`. For a form, a query and the
    /// like, the first segment is the name of the parameter.
    #[must_use]
    pub fn pointer(&self) -> String {
        let pointer = pointer(&self.0.path);
        pointer.strip_prefix('#').unwrap_or_default().to_owned()
    }
}

impl fmt::Debug for FieldError<'_> {
    /// Without the detail: it may quote the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldError")
            .field("code", &self.code())
            .field("source", &self.source())
            .field("pointer", &self.pointer())
            .finish_non_exhaustive()
    }
}

fn segments(path: &Path) -> Vec<PathSegment> {
    // The text of a path with one segment is the name, or an index in brackets.
    if path.len() == 1 {
        let name = path.to_string();
        if !name.is_empty() && !name.starts_with('[') {
            return vec![PathSegment::Key(name)];
        }
    }
    // Any other is clear only as garde serializes it: `[["key", "address"], ["index", "0"]]`.
    let written = serde_json::to_vec(path).unwrap_or_default();
    let segments: Vec<(&str, String)> = serde_json::from_slice(&written).unwrap_or_default();
    segments
        .into_iter()
        .filter_map(|(kind, name)| match kind {
            "key" => Some(PathSegment::Key(name)),
            "index" => Some(PathSegment::Index(name.parse().ok()?)),
            _ => None,
        })
        .collect()
}

impl InputError {
    /// Writes an element of `errors`: the `detail` and `pointer` of RFC 9457, section 3, the part of the
    /// request, and the rule as its `code`. Only JSON has pointers; other inputs have names.
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        json.push(b'{');
        write_member(json, "code", &self.code)?;
        write_member(json, "detail", &excerpt(&self.message))?;
        let part = match self.encoding.source() {
            InputSource::Body => "body",
            InputSource::Cookie => "cookie",
            InputSource::Header => "header",
            InputSource::Path => "path",
            InputSource::Query => "query",
        };
        write_member(json, "in", &part)?;
        if self.encoding == Encoding::Json {
            write_member(json, "pointer", &pointer(&self.path))?;
        } else {
            let (name, index) = self.name();
            if let Some(index) = index {
                write_member(json, "index", &index)?;
            }
            if let Some(name) = name {
                write_member(json, "name", &excerpt(&name))?;
            }
        }
        json.push(b'}');
        Ok(())
    }

    /// The name of a parameter as it is sent, and the index of a repeated one.
    fn name(&self) -> (Option<Cow<'_, str>>, Option<usize>) {
        match self.path.as_slice() {
            [] | [PathSegment::Index(_), ..] => (None, None),
            [PathSegment::Key(name)] => (Some(self.encoding.name_of(name)), None),
            [PathSegment::Key(name), PathSegment::Index(index)] => {
                (Some(self.encoding.name_of(name)), Some(*index))
            }
            [PathSegment::Key(name), nested @ ..] => {
                let mut key = name.clone();
                for segment in nested {
                    if key.len() > MAX_TEXT {
                        break;
                    }
                    match segment {
                        PathSegment::Key(name) => key.push_str(&format!("[{name}]")),
                        PathSegment::Index(index) => key.push_str(&format!("[{index}]")),
                    }
                }
                (Some(Cow::Owned(key)), None)
            }
        }
    }
}

fn pointer(path: &[PathSegment]) -> String {
    let mut left = MAX_POINTER;
    json_pointer::fragment(path.iter().map_while(|segment| {
        let text = match segment {
            PathSegment::Key(key) => Cow::Borrowed(key.as_str()),
            PathSegment::Index(index) => Cow::Owned(index.to_string()),
        };
        // At most three bytes for each byte, and the `/`.
        left = left.checked_sub(text.len().saturating_mul(3).saturating_add(1))?;
        Some(text)
    }))
}

/// The start of each message of garde's rules, and the name of the rule.
pub(super) const RULES: [(&str, &str); 16] = [
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

/// The name of the rule that a message belongs to. The log gets it instead of the message, because the
/// message of an application's own rule may quote the value.
pub(super) fn rule(
    rules: &[(&str, &'static str)],
    message: &str,
    otherwise: &'static str,
) -> &'static str {
    let found = rules.iter().find(|(start, _)| message.starts_with(start));
    found.map_or(otherwise, |(_, rule)| rule)
}

/// The location of an error for the log: a pointer, or the name of a parameter.
///
/// The keys of a map are data of the client and look like names of fields. Those that can't be a name
/// (an address, a number, a token) are `*`, and a field that does not exist is not named.
fn location(encoding: Encoding, path: &[PathSegment], rule: &str) -> String {
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

struct BrokenRule {
    encoding: Encoding,
    path: Vec<PathSegment>,
    rule: Cow<'static, str>,
}

impl BrokenRules {
    const MAX_MESSAGES: usize = 8;

    fn of(list: ErrorList) -> Self {
        let first = list.errors.into_iter().take(Self::MAX_MESSAGES);
        let rules = first.map(|error| BrokenRule {
            encoding: error.encoding,
            path: error.path,
            rule: error.code,
        });
        Self {
            rules: rules.collect(),
            total: list.total,
        }
    }
}

impl fmt::Display for BrokenRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for broken in &self.rules {
            let location = location(broken.encoding, &broken.path, &broken.rule);
            write!(f, "{separator}{location} ({})", broken.rule)?;
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
