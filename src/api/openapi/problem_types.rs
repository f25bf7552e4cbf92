//! The types of the problems of an API, each with a text: [`ProblemTypes`].

use std::{
    collections::BTreeMap,
    fmt,
    future::{Ready, ready},
};

use axum::response::Html;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{api::html::escaped, contract::description::Answer};

/// The types of the problems that an API answers, as a page to which the `type` of a problem can lead
/// (RFC 9457, section 3.1.1); made by
/// [`OpenApi::problem_types`](super::OpenApi::problem_types).
///
/// `about:blank` is not listed: the status of such a problem says it all.
///
/// # Example
///
/// ```
/// use http::StatusCode;
/// use wythe::{Api, Created, Problem, compose, description::Answer};
///
/// const NAME_TAKEN: &str = "https://api.example.com/problems#name-taken";
///
/// async fn create() -> Result<Created<u64>, Problem> {
///     Err(Problem::new(StatusCode::CONFLICT).kind(NAME_TAKEN))
/// }
///
/// let taken = Answer::new(StatusCode::CONFLICT).kind(NAME_TAKEN).when("when the name is taken");
/// let api = Api::<()>::new("Users", "1.0.0")
///     .documented()
///     .put("/users", compose(()).handler(create).answers(taken));
/// let types = api.openapi().problem_types().describe(NAME_TAKEN, "Names are unique. Choose another.");
/// assert!(types.to_string().contains(r#"<section id="name-taken">"#));
///
/// // The page behind the URI:
/// let service = api.get("/problems", compose(()).handler(types.handler())).service(())?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ProblemTypes {
    title: String,
    list: BTreeMap<String, ProblemType>,
}

/// One type of problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProblemType {
    statuses: Vec<u16>,
    conditions: Vec<String>,
    members: Vec<String>,
    text: Option<String>,
}

impl ProblemType {
    /// Adds what an answer says of its type.
    pub(super) fn note(list: &mut BTreeMap<String, Self>, answer: &Answer) {
        let Some(uri) = answer.kind_uri().filter(|uri| *uri != "about:blank") else {
            return;
        };
        let kind = list.entry(uri.to_owned()).or_default();
        add(&mut kind.statuses, answer.status().as_u16());
        if !answer.condition().is_empty() {
            add(&mut kind.conditions, answer.condition().to_owned());
        }
        for member in answer.members() {
            add(&mut kind.members, member.clone().into_owned());
        }
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// For the document: `x-problem-types`.
pub(super) fn extension(list: &BTreeMap<String, ProblemType>) -> Value {
    let list = list.iter().map(
        |(uri, kind)| json!({ "type": uri, "statuses": kind.statuses, "when": kind.conditions }),
    );
    list.collect()
}

impl ProblemTypes {
    pub(super) fn new(title: &str, list: BTreeMap<String, ProblemType>) -> Self {
        Self {
            title: title.to_owned(),
            list,
        }
    }

    /// What a client should know about this type, in a sentence or two. It adds the type if the
    /// document does not have it.
    pub fn describe(mut self, uri: impl Into<String>, text: impl Into<String>) -> Self {
        self.list.entry(uri.into()).or_default().text = Some(text.into());
        self
    }

    /// The URIs of the types, in alphabetical order.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.list.keys().map(String::as_str)
    }

    /// A handler that sends the page, for a route of an [`Api`](crate::Api).
    pub fn handler(&self) -> impl Fn() -> Ready<Html<Bytes>> + Clone + Send + Sync + 'static {
        let page = Bytes::from(self.to_string());
        move || ready(Html(page.clone()))
    }
}

/// The page, in HTML. Each type has a section, whose `id` is the fragment of its URI, or the last
/// segment of the path.
impl fmt::Display for ProblemTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = escaped(&self.title);
        write!(
            f,
            "<!doctype html>\n\
             <html lang=\"en\">\n\
             <head>\n\
             <meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}: problems</title>\n\
             </head>\n\
             <body>\n\
             <h1>{title}: problems</h1>\n\
             <p>Errors are <code>application/problem+json</code> (RFC 9457). These are the values \
             of their <code>type</code>; for <code>about:blank</code>, the status says it \
             all.</p>\n\
             "
        )?;
        for (uri, kind) in &self.list {
            let (_, name) = uri.rsplit_once(['#', '/']).unwrap_or(("", uri));
            let uri = escaped(uri);
            write!(
                f,
                "<section id=\"{}\">\n<h2><code>{uri}</code></h2>\n",
                escaped(name)
            )?;
            if let Some(text) = &kind.text {
                writeln!(f, "<p>{}</p>", escaped(text))?;
            }
            let statuses: Vec<_> = kind.statuses.iter().map(u16::to_string).collect();
            if !statuses.is_empty() {
                writeln!(f, "<p>Status: {}</p>", statuses.join(", "))?;
            }
            if !kind.conditions.is_empty() {
                writeln!(f, "<ul>")?;
                for condition in &kind.conditions {
                    writeln!(f, "<li>{}</li>", escaped(condition))?;
                }
                writeln!(f, "</ul>")?;
            }
            if !kind.members.is_empty() {
                let members = kind
                    .members
                    .iter()
                    .map(|name| format!("<code>{}</code>", escaped(name)));
                let members: Vec<_> = members.collect();
                writeln!(f, "<p>Members: {}</p>", members.join(", "))?;
            }
            writeln!(f, "</section>")?;
        }
        f.write_str("</body>\n</html>\n")
    }
}
