//! The schemas of problems (RFC 9457).

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::problem_types::ProblemType;
use crate::{contract::description::Answer, wire::reason_phrase};

/// The schema of every problem.
pub(super) const PROBLEM: &str = "#/components/schemas/Problem";

/// An entry of `errors`.
const INPUT_ERROR: &str = "#/components/schemas/InputError";

/// The schemas of the problems of a document, by name: many routes have the same ones.
#[derive(Debug, Default)]
pub(super) struct ProblemSchemas {
    schemas: BTreeMap<String, Value>,
    types: BTreeMap<String, ProblemType>,
    /// Members that some layer adds to every problem.
    members: BTreeSet<String>,
}

impl ProblemSchemas {
    pub(super) fn add_member(&mut self, name: &str) {
        if !self.members.contains(name) {
            self.members.insert(name.to_owned());
        }
    }

    /// A reference to the schema of these problems, all of one status.
    pub(super) fn add(&mut self, problems: &[Answer]) -> Value {
        for problem in problems {
            ProblemType::note(&mut self.types, problem);
        }
        let schema = problem_schema(problems);
        let reason = problems.first().map_or(StatusCode::OK, Answer::status);
        let reason = reason_phrase(reason).unwrap_or("Other");
        // By what it has, so that it keeps its name when other routes come and go.
        let mut members: Vec<_> = problems
            .iter()
            .flat_map(Answer::members)
            .filter(|member| *member != "error_count")
            .map(|member| in_pascal_case(member))
            .collect();
        members.sort_unstable();
        members.dedup();
        let mut name = format!("{}Problem", in_pascal_case(reason));
        if !members.is_empty() {
            name = format!("{name}With{}", members.concat());
        }
        let mut numbered = name.clone();
        let mut number = 2;
        while self
            .schemas
            .get(&numbered)
            .is_some_and(|other| *other != schema)
        {
            numbered = format!("{name}{number}");
            number += 1;
        }
        let reference = json!({ "$ref": format!("#/components/schemas/{numbered}") });
        self.schemas.insert(numbered, schema);
        reference
    }

    /// Adds the schemas to those of Rust types. The rest is the types of problems.
    pub(super) fn add_to(self, list: &mut Map<String, Value>) -> BTreeMap<String, ProblemType> {
        for (name, schema) in self.schemas {
            list.insert(name, schema);
        }
        let mut problem = problem();
        for name in self.members {
            problem["properties"][name] = json!({ "type": "string" });
        }
        list.insert("Problem".into(), problem);
        list.insert("InputError".into(), input_error());
        self.types
    }
}

fn in_pascal_case(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.map(|word| {
        let mut word = word.to_owned();
        if let Some(first) = word.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        word
    });
    words.collect()
}

/// The component behind [`PROBLEM`].
fn problem() -> Value {
    json!({
        "type": "object",
        "title": "Problem",
        "description": "An error (RFC 9457).",
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "The kind of problem; `about:blank` if the status says it all."
            },
            "title": { "type": "string", "description": "The kind of problem, in words." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What is wrong with this request." },
            "instance": { "type": "string", "format": "uri-reference" }
        },
        "required": ["type", "title", "status"]
    })
}

/// The schema of the problems of one status.
fn problem_schema(problems: &[Answer]) -> Value {
    let mut kinds: Vec<&str> = problems.iter().filter_map(Answer::kind_uri).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut properties = Map::new();
    let kind = match &*kinds {
        [one] => json!({ "const": one }),
        several => json!({ "enum": several }),
    };
    properties.insert("type".into(), kind);
    if let Some(problem) = problems.first() {
        let status = problem.status().as_u16();
        properties.insert("status".into(), json!({ "const": status }));
    }
    for member in problems.iter().flat_map(Answer::members) {
        properties.insert(member.clone().into(), member_schema(member));
    }
    json!({ "allOf": [{ "$ref": PROBLEM }, { "properties": properties }] })
}

/// The component behind [`INPUT_ERROR`].
fn input_error() -> Value {
    #[cfg(feature = "validation")]
    let codes: Vec<_> = crate::layers::validation::error_codes().collect();
    #[cfg(feature = "validation")]
    let code = json!({
        "type": "string",
        "description": "The rule that is broken: one of the examples, or one that the application \
                        defines.",
        "examples": codes,
    });
    #[cfg(not(feature = "validation"))]
    let code = json!({ "type": "string", "description": "The rule that is broken." });
    json!({
        "type": "object",
        "title": "InputError",
        "description": "One rule that an input breaks.",
        "properties": {
            "code": code,
            "detail": { "type": "string", "description": "What is wrong." },
            "pointer": {
                "type": "string",
                "description": "Where in a JSON body: a JSON pointer in a fragment (RFC 6901)."
            },
            "name": {
                "type": "string",
                "description": "The name of the field of a form, of a parameter, a header field or a cookie."
            },
            "in": {
                "description": "The part of the request.",
                "enum": ["body", "cookie", "header", "path", "query"]
            },
            "index": {
                "type": "integer",
                "minimum": 0,
                "description": "Which value it is, if the name is repeated, counted from 0."
            }
        },
        "required": ["code", "detail", "in"]
    })
}

/// The schema of a member that the layers of this crate add; any value for others.
fn member_schema(name: &str) -> Value {
    let count = |text: &str| json!({ "type": "integer", "minimum": 0, "description": text });
    match name {
        "errors" => json!({
            "type": "array",
            "description": "What is wrong with the input, one entry for each rule that is broken.",
            "items": { "$ref": INPUT_ERROR }
        }),
        "error_count" => count("The number of errors, including those that `errors` leaves out."),
        "line" => count("The line in the body, counted from 1."),
        "column" => count("The column in the line, counted from 1."),
        "byte" => count("The byte in the query or the form, counted from 0."),
        "max_values" => count("The maximum number of values that an input may have."),
        "max_body_bytes" => count("The largest body that is accepted, in bytes."),
        "violated-policies" => json!({
            "type": "array",
            "items": { "type": "string" },
            "description": "The names of the quotas that are spent."
        }),
        _ => json!({}),
    }
}
