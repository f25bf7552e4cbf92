//! The responses of an operation, by status (OpenAPI 3.1, section 4.8.16).

use std::collections::BTreeMap;

use http::{HeaderName, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    problem::{PROBLEM, ProblemSchemas},
    response::{ResponseTypes, Status},
};
use crate::{contract::description::Answer, wire::reason_phrase};

/// The responses of an operation, by status.
#[derive(Default)]
pub(super) struct Responses {
    by_status: BTreeMap<String, Response>,
}

/// All responses of one status.
#[derive(Default)]
struct Response {
    /// Each on a line of its own.
    texts: Vec<String>,
    content: BTreeMap<String, Vec<Value>>,
    fields: Vec<HeaderName>,
    problems: Vec<Answer>,
    /// It may be a problem that is not listed.
    is_any_problem: bool,
    /// The handler may give an error without content, or in plain text: inside a layer that makes
    /// problems of errors, that is one.
    may_be_plain_error: bool,
}

/// What becomes of errors on their way to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    AsSent,
    /// They are problems, whatever they were.
    Problems,
    /// They have a form of the application's own.
    Rendered,
}

impl Responses {
    pub(super) fn add_handler(&mut self, list: ResponseTypes<'_>) {
        for response in list.into_list() {
            if let (Some(problem), Status::One(_)) = (&response.problem, response.status) {
                self.add_answer(problem, true);
                continue;
            }
            let entry = match response.status {
                Status::One(status) => self.entry(status.as_str()),
                Status::Redirection => self.entry("3XX"),
                Status::Any => self.entry("default"),
            };
            let text = match response.status {
                Status::One(status) => reason_phrase(status).unwrap_or("Answered").to_owned(),
                Status::Redirection => "The client is sent to another URI.".to_owned(),
                Status::Any if response.problem.is_some() => "Any other problem.".to_owned(),
                Status::Any => "Any other answer.".to_owned(),
            };
            entry.add_text(text);
            let may_be_error = match response.status {
                Status::One(status) => status.is_client_error() || status.is_server_error(),
                Status::Redirection => false,
                Status::Any => true,
            };
            let is_plain = response
                .content
                .as_ref()
                .is_none_or(|(name, _)| name == TEXT);
            entry.may_be_plain_error |= may_be_error && is_plain && response.problem.is_none();
            if let Some((media_type, schema)) = response.content {
                entry.add_content(&media_type, schema);
            } else if response.problem.is_some() {
                entry.is_any_problem = true;
            }
            if response.has_any_media_type {
                entry.add_content("*/*", json!({}));
            }
            entry.add_fields(&response.fields);
        }
    }

    pub(super) fn add_answer(&mut self, answer: &Answer, is_of_handler: bool) {
        let entry = self.entry(answer.status().as_str());
        entry.add_text(sentence(answer));
        entry.add_fields(answer.fields());
        if answer.kind_uri().is_some() {
            entry.problems.push(answer.clone());
        } else if let Some(media_type) = answer.media_type() {
            let schema = match media_type {
                "application/json" => json!({ "type": "object" }),
                _ => json!({}),
            };
            entry.add_content(media_type, schema);
        } else if is_of_handler && has_content(answer.status()) {
            entry.add_content("*/*", json!({}));
        }
    }

    pub(super) fn add_unknown(&mut self, text: &str) {
        let entry = self.entry("default");
        entry.add_text(text.to_owned());
        entry.add_content("*/*", json!({}));
    }

    fn entry(&mut self, status: &str) -> &mut Response {
        self.by_status.entry(status.to_owned()).or_default()
    }

    /// With the fields that layers add to every response.
    pub(super) fn into_value(
        self,
        fields: &[&HeaderName],
        errors: Errors,
        has_pages: bool,
        problems: &mut ProblemSchemas,
    ) -> Value {
        let responses = self.by_status.into_iter().map(|(status, mut response)| {
            for field in fields {
                response.add_fields(std::slice::from_ref(*field));
            }
            let value = response.into_value(status != "default", errors, has_pages, problems);
            (status, value)
        });
        Value::Object(responses.collect())
    }
}

impl Response {
    fn add_text(&mut self, text: String) {
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    fn add_content(&mut self, media_type: &str, schema: Value) {
        let schemas = self.content.entry(media_type.to_owned()).or_default();
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }

    fn add_fields(&mut self, fields: &[HeaderName]) {
        for field in fields {
            // It is given by the media type, and has no place among the fields.
            if *field != header::CONTENT_TYPE && !self.fields.contains(field) {
                self.fields.push(field.clone());
            }
        }
    }

    /// `is_listed` says that all responses have the same status.
    fn into_value(
        mut self,
        is_listed: bool,
        errors: Errors,
        has_pages: bool,
        problems: &mut ProblemSchemas,
    ) -> Value {
        let is_replaced = self.may_be_plain_error && errors != Errors::AsSent;
        if is_replaced && is_listed {
            self.content.remove(TEXT);
        }
        let is_error = self.is_any_problem || is_replaced;
        if errors == Errors::Rendered && (is_error || !self.problems.is_empty()) {
            self.add_content("*/*", json!({}));
        } else {
            if is_error {
                self.add_content(PROBLEM_JSON, json!({ "$ref": PROBLEM }));
            }
            if !self.problems.is_empty() {
                let schema = problems.add(&self.problems);
                self.add_content(PROBLEM_JSON, schema);
            }
        }
        if has_pages && self.content.contains_key(PROBLEM_JSON) {
            self.add_content("text/html", json!({ "type": "string" }));
        }
        let mut response = Map::new();
        let text = match &*self.texts {
            [] => String::from("Answered."),
            [one] => one.clone(),
            several => several.iter().map(|text| format!("- {text}\n")).collect(),
        };
        response.insert("description".into(), text.trim_end().into());
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|field| {
                let name = field_name(field);
                (name, json!({ "schema": field_schema(field) }))
            });
            response.insert("headers".into(), Value::Object(fields.collect()));
        }
        if !self.content.is_empty() {
            let content = self.content.into_iter().map(|(media_type, mut schemas)| {
                let schema = match schemas.len() {
                    1 => schemas.remove(0),
                    _ => json!({ "anyOf": schemas }),
                };
                (media_type, json!({ "schema": schema }))
            });
            response.insert("content".into(), Value::Object(content.collect()));
        }
        response.into()
    }
}

const PROBLEM_JSON: &str = "application/problem+json";
const TEXT: &str = "text/plain";

/// Whether a response of this status has content (RFC 9110, section 6.4.1).
fn has_content(status: StatusCode) -> bool {
    !status.is_informational()
        && ![
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::NOT_MODIFIED,
        ]
        .contains(&status)
}

/// The status, and when it is given: "Too Many Requests: when a quota is spent."
fn sentence(answer: &Answer) -> String {
    let status = answer.status();
    let reason = reason_phrase(status).unwrap_or("Refused");
    match answer.condition() {
        "" => format!("{reason}."),
        when => format!("{reason}, {when}."),
    }
}

/// As it is usually written: `Retry-After`.
fn field_name(field: &HeaderName) -> String {
    let special = match field.as_str() {
        "www-authenticate" => "WWW-Authenticate",
        "etag" => "ETag",
        "ratelimit" => "RateLimit",
        "ratelimit-policy" => "RateLimit-Policy",
        _ => "",
    };
    if !special.is_empty() {
        return special.to_owned();
    }
    let words = field.as_str().split('-').map(|word| {
        let mut word = word.to_owned();
        if let Some(first) = word.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        word
    });
    words.collect::<Vec<_>>().join("-")
}

fn field_schema(field: &HeaderName) -> Value {
    if *field == header::RETRY_AFTER {
        return json!({ "type": "integer", "minimum": 0, "description": "Seconds." });
    }
    match field.as_str() {
        "deprecation" => json!({
            "type": "string",
            "pattern": "^@-?[0-9]+$",
            "description": "When it was or will be deprecated, in seconds since 1970 (RFC 9745).",
        }),
        "sunset" => json!({
            "type": "string",
            "description": "When it is expected to end: an HTTP date (RFC 8594).",
        }),
        _ => json!({ "type": "string" }),
    }
}
