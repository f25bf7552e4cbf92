//! What has changed between two documents, as data and as a report.

use std::{collections::BTreeMap, fmt, slice};

use serde_json::Value;

use super::document;

/// All changes between two OpenAPI documents.
///
/// [`Display`](fmt::Display) writes the report that [`assert_snapshot`](super::assert_snapshot) fails
/// with: one line per change, the breaking ones first. A change that several operations have in common,
/// such as that of a shared type, has one line, which names up to three of the others.
///
/// # Example
///
/// ```
/// use serde_json::json;
/// use wythe::testing::{ChangeKind, Differences, Location};
///
/// let document = |parameters| {
///     json!({"paths": {"/users": {"get": {"parameters": parameters, "responses": {}}}}})
/// };
/// let page = |required: bool| {
///     json!({"in": "query", "name": "page", "required": required, "schema": {"type": "integer"}})
/// };
/// let differences = Differences::between(&document(json!([page(false)])), &document(json!([page(true)])));
/// assert!(differences.is_breaking());
/// assert_eq!(
///     differences.to_string(),
///     "1 breaking change\n  \
///        GET /users  query parameter `page`  optional -> required (narrows the input)\n"
/// );
///
/// let difference = differences.iter().next().unwrap();
/// assert_eq!(difference.operation(), Some("GET /users"));
/// assert_eq!(difference.kind(), ChangeKind::Narrowed);
/// assert!(matches!(difference.location(), Location::Parameter { name, .. } if name == "page"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    list: Vec<Difference>,
}

impl Differences {
    /// Compares two documents of OpenAPI 3.1.
    ///
    /// It accepts any JSON: what is not a document has no operations, and whatever can't be understood
    /// in a schema is compared literally. It never panics.
    #[must_use]
    pub fn between(old: &Value, new: &Value) -> Self {
        Self {
            list: document::compare(old, new),
        }
    }

    /// Whether any of them breaks clients.
    #[must_use]
    pub fn is_breaking(&self) -> bool {
        self.list.iter().any(Difference::is_breaking)
    }

    /// Whether the documents say the same.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The changes, in the order of paths and methods.
    pub fn iter(&self) -> slice::Iter<'_, Difference> {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a Differences {
    type Item = &'a Difference;
    type IntoIter = slice::Iter<'a, Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no differences\n");
        }
        let (breaking, compatible): (Vec<_>, Vec<_>) =
            self.iter().partition(|difference| difference.is_breaking());
        let sections = [
            ("breaking", lines(&breaking)),
            ("compatible", lines(&compatible)),
        ];
        let all = || sections.iter().flat_map(|(_, lines)| lines);
        let left = width(all().map(|line| line.operation));
        let middle = width(all().map(|line| &*line.place));
        let mut gap = "";
        for (kind, lines) in &sections {
            if lines.is_empty() {
                continue;
            }
            let s = if lines.len() == 1 { "" } else { "s" };
            writeln!(f, "{gap}{} {kind} change{s}", lines.len())?;
            gap = "\n";
            for line in lines {
                line.write(f, left, middle)?;
            }
        }
        Ok(())
    }
}

/// The width of a column; a longer text shifts only its own line.
fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    const MAX_WIDTH: usize = 48;
    let widths = texts.map(|text| text.chars().count());
    widths
        .filter(|width| *width <= MAX_WIDTH)
        .max()
        .unwrap_or(0)
}

/// A line of the report.
struct Line<'a> {
    operation: &'a str,
    place: String,
    what: String,
    /// Further operations with the same change.
    others: Vec<&'a str>,
}

/// One line for each change, and one for the same change of several operations.
fn lines<'a>(differences: &[&'a Difference]) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    for difference in differences {
        let operation = difference.operation().unwrap_or_default();
        let (place, what) = (difference.place(), difference.what());
        // A route that is added or removed is a change of its own.
        if !place.is_empty() {
            let next = lines.len();
            let line = known.entry((place.clone(), what.clone())).or_insert(next);
            if let Some(line) = lines.get_mut(*line) {
                line.others.push(operation);
                continue;
            }
        }
        lines.push(Line {
            operation,
            place,
            what,
            others: Vec::new(),
        });
    }
    lines
}

impl Line<'_> {
    fn write(&self, f: &mut fmt::Formatter<'_>, left: usize, middle: usize) -> fmt::Result {
        /// How many of the other operations are named.
        const MAX_NAMED: usize = 3;

        let mut text = String::new();
        for (column, width) in [(self.operation, left), (&*self.place, middle)] {
            if width > 0 {
                text = format!("{text}  {column:width$}");
            }
        }
        text = format!("{text}  {}", self.what);
        let named: Vec<&str> = self.others.iter().copied().take(MAX_NAMED).collect();
        if !named.is_empty() {
            text = format!("{text}; also in {}", named.join(", "));
        }
        let more = self.others.len().saturating_sub(named.len());
        if more > 0 {
            text = format!("{text} and {more} more");
        }
        writeln!(f, "{text}")
    }
}

/// One change between two documents: where it is, what changed, and whether it breaks clients.
///
/// [`Display`](fmt::Display) writes it as a sentence of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Difference {
    operation: Option<String>,
    location: Location,
    change: Change,
}

impl Difference {
    pub(super) fn new(operation: Option<&str>, location: Location, change: Change) -> Self {
        Self {
            operation: operation.map(str::to_owned),
            location,
            change,
        }
    }

    /// The operation, such as `POST /users`; `None` for the document as a whole.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// The part of the operation.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// The place in a schema, such as `/address/street`: names of members, `*` for the items of an array
    /// and for other members, and `(name)` for an alternative of a `oneOf`. For
    /// [`Location::Document`], a JSON pointer. Empty for the part itself.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.change.pointer
    }

    /// How it has changed.
    #[must_use]
    pub const fn kind(&self) -> ChangeKind {
        self.change.kind
    }

    /// The keyword or the thing that changed, such as `maxLength` or `enum value`; empty if it is the
    /// place itself.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.change.subject
    }

    /// What the old document says, shortened.
    #[must_use]
    pub fn old_text(&self) -> Option<&str> {
        self.change.old.as_deref()
    }

    /// What the new document says, shortened.
    #[must_use]
    pub fn new_text(&self) -> Option<&str> {
        self.change.new.as_deref()
    }

    /// Whether a client of the old document can fail because of it.
    #[must_use]
    pub const fn is_breaking(&self) -> bool {
        self.change.is_breaking
    }

    /// The second column of the report.
    fn place(&self) -> String {
        let (location, pointer) = (self.location.to_string(), &self.change.pointer);
        match (&*location, &**pointer) {
            ("", pointer) => pointer.to_owned(),
            (_, "") => location,
            (_, pointer) => format!("{location} {pointer}"),
        }
    }

    /// The third column of the report.
    fn what(&self) -> String {
        let reason = self.reason();
        let change = &self.change;
        match reason {
            "" => change.to_string(),
            reason => format!("{change} ({reason})"),
        }
    }

    /// Why it is breaking, or not.
    fn reason(&self) -> &'static str {
        use ChangeKind::{Added, Narrowed, Removed, Renamed, Unclear, Widened};
        use Location::{Limit, Parameter, RequestBody, Response, ResponseHeader, Schema, Security};
        match (&self.location, self.change.kind) {
            (_, Unclear) => "can't tell",
            (_, Renamed) | (Schema { .. }, Removed) => "generated clients use the name",
            (Security, Narrowed) => "requires more",
            (Security, Widened) => "requires less",
            (Limit, Narrowed) => "lowers the limit",
            (Limit, Widened) => "raises the limit",
            (Parameter { .. } | RequestBody { .. }, Narrowed) => "narrows the input",
            (Parameter { .. } | RequestBody { .. }, Widened) => "widens the input",
            (Response { .. } | ResponseHeader { .. }, Narrowed) => "narrows the output",
            (Response { .. } | ResponseHeader { .. }, Widened) => "widens the output",
            (Response { status, .. }, Added)
                if self.is_breaking() && status.starts_with(['4', '5']) =>
            {
                "a new refusal"
            }
            _ => "",
        }
    }
}

/// `POST /users, request body /name: maxLength: 100 -> 50 (narrows the input)`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        let location = [self.operation.as_deref().unwrap_or_default(), &place];
        let location: Vec<&str> = location
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        write!(f, "{}: {}", location.join(", "), self.what())
    }
}

/// Where in an operation, or in the document, something has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Location {
    /// What belongs to no operation, and descriptive text: [`Difference::pointer`] is a JSON pointer.
    Document,
    /// The name of a schema in `components`.
    Schema {
        /// Its name.
        name: String,
    },
    /// The operation itself.
    Operation,
    /// A parameter of the request.
    Parameter {
        /// `path`, `query`, `header` or `cookie`.
        place: String,
        /// Its name.
        name: String,
    },
    /// The body of the request.
    RequestBody {
        /// The media type; `None` for the body as a whole.
        media_type: Option<String>,
    },
    /// A response.
    Response {
        /// The status as it is written in the document: `200`, `4XX` or `default`.
        status: String,
        /// The media type; `None` for the response as a whole.
        media_type: Option<String>,
    },
    /// A header field of a response.
    ResponseHeader {
        /// The status as it is written in the document.
        status: String,
        /// Its name.
        name: String,
    },
    /// The credentials that are required.
    Security,
    /// A limit: `x-rate-limit` or `x-max-body-bytes`.
    Limit,
}

/// `response 200`, `response 404 application/problem+json`: `application/json` is not named.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |media_type: &Option<String>| match media_type.as_deref() {
            None | Some("application/json") => String::new(),
            Some(other) => format!(" {other}"),
        };
        match self {
            Self::Document | Self::Operation => Ok(()),
            Self::Schema { name } => write!(f, "schema `{name}`"),
            Self::Parameter { place, name } => write!(f, "{place} parameter `{name}`"),
            Self::RequestBody { media_type } => write!(f, "request body{}", shown(media_type)),
            Self::Response { status, media_type } => {
                write!(f, "response {status}{}", shown(media_type))
            }
            Self::ResponseHeader { status, name } => write!(f, "response {status} header `{name}`"),
            Self::Security => f.write_str("security"),
            Self::Limit => f.write_str("limit"),
        }
    }
}

/// How something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// Only the new document has it.
    Added,
    /// Only the old document has it.
    Removed,
    /// Fewer values are possible. Breaking in a request.
    Narrowed,
    /// More values are possible. Breaking in a response.
    Widened,
    /// Some values are possible now, and others no longer. Breaking.
    Replaced,
    /// The comparison can't tell which values are possible now, such as after a change of a `pattern`.
    /// Breaking.
    Unclear,
    /// A name that is never sent, but that generated clients use. Breaking.
    Renamed,
    /// A text for readers, an example or an extension. Not breaking.
    Documentation,
}

/// What has changed at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) pointer: String,
    pub(super) subject: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    pub(super) kind: ChangeKind,
    pub(super) is_breaking: bool,
}

impl Change {
    pub(super) const fn new(kind: ChangeKind, is_breaking: bool) -> Self {
        Self {
            pointer: String::new(),
            subject: String::new(),
            old: None,
            new: None,
            kind,
            is_breaking,
        }
    }

    pub(super) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    pub(super) fn of(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    pub(super) fn values(mut self, old: Option<String>, new: Option<String>) -> Self {
        self.old = old.map(shortened);
        self.new = new.map(shortened);
        self
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &*self.subject;
        match (subject, &self.old, &self.new) {
            ("", Some(old), Some(new)) => write!(f, "{old} -> {new}"),
            (subject, Some(old), Some(new)) => write!(f, "{subject}: {old} -> {new}"),
            ("", None, Some(new)) if self.kind == ChangeKind::Documentation => {
                write!(f, "added: {new}")
            }
            ("", None, Some(new)) => write!(f, "added, {new}"),
            (subject, None, Some(new)) => write!(f, "{subject} added: {new}"),
            ("", Some(_), None) => f.write_str("removed"),
            (subject, Some(old), None) => write!(f, "{subject} removed: {old}"),
            ("", None, None) => f.write_str(match self.kind {
                ChangeKind::Added => "added",
                ChangeKind::Removed => "removed",
                _ => "changed",
            }),
            (subject, None, None) => f.write_str(subject),
        }
    }
}

/// One line of at most 60 characters.
fn shortened(text: String) -> String {
    const MAX_CHARS: usize = 60;
    let text = match text.contains(char::is_control) {
        true => text.replace(char::is_control, " "),
        false => text,
    };
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
