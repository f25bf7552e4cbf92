//! What a document declares about each operation, and whether a response conforms to it.

use std::{collections::BTreeMap, sync::OnceLock};

use http::{HeaderMap, Method, StatusCode, header, response};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::{
    Content,
    violation::{Violation, ViolationKind, excerpt, shortened},
};
use crate::api::openapi::{OpenApi, template};

/// At most this many errors of one body are reported.
const MAX_ERRORS: usize = 5;

/// The operations of a document, by path and method.
pub(in crate::testing) struct Operations {
    tree: matchit::Router<String>,
    by_path: BTreeMap<String, Vec<DeclaredOperation>>,
}

impl Operations {
    pub(in crate::testing) fn new(document: &OpenApi) -> Self {
        let routes: BTreeMap<String, &String> = document
            .routes()
            .iter()
            .map(|path| (template(path), path))
            .collect();
        let document = document.to_value();
        let paths = document.get("paths").and_then(Value::as_object);
        let paths = || paths.into_iter().flatten();
        let mut tree = matchit::Router::new();
        // First the paths of a merged document, of which the `Api` may have only a common prefix.
        let merged = paths().filter(|(path, _)| !routes.contains_key(*path));
        let merged = merged.map(|(path, _)| (path, path));
        for (template, path) in
            merged.chain(routes.iter().map(|(template, path)| (template, *path)))
        {
            // Two routes of an `Api` never collide.
            drop(tree.insert(path.clone(), template.clone()));
        }
        let by_path = paths().map(|(path, item)| {
            let members = item.as_object().into_iter().flatten();
            let operations = members.filter(|(_, operation)| operation.get("responses").is_some());
            let operations = operations
                .map(|(key, operation)| DeclaredOperation::new(path, key, operation, &document));
            (path.clone(), operations.collect())
        });
        Self {
            by_path: by_path.collect(),
            tree,
        }
    }

    pub(in crate::testing) fn iter(&self) -> impl Iterator<Item = &DeclaredOperation> {
        self.by_path.values().flatten()
    }

    /// Whether a route has this path.
    pub(in crate::testing) fn has_path(&self, path: &str) -> bool {
        self.tree.at(path).is_ok()
    }

    /// The operation of a request. `HEAD` is answered by that of `GET` (RFC 9110, section 9.3.2).
    pub(in crate::testing) fn find(
        &self,
        method: &Method,
        path: &str,
    ) -> Option<&DeclaredOperation> {
        let operations = self.by_path.get(self.tree.at(path).ok()?.value)?;
        // Methods are case-sensitive (RFC 9110, section 9.1).
        let of = |method: &Method| {
            let mut operations = operations.iter();
            operations.find(|operation| operation.method == method.as_str())
        };
        of(method).or_else(|| (method == Method::HEAD).then(|| of(&Method::GET))?)
    }
}

/// One operation.
pub(in crate::testing) struct DeclaredOperation {
    method: String,
    name: String,
    responses: BTreeMap<String, ResponseRules>,
}

struct ResponseRules {
    /// The names of the header fields that are required.
    fields: Vec<String>,
    /// By media type.
    content: Vec<(String, Schema)>,
}

impl DeclaredOperation {
    fn new(path: &str, key: &str, operation: &Value, document: &Value) -> Self {
        let responses = operation.get("responses").and_then(Value::as_object);
        let responses = responses
            .into_iter()
            .flatten()
            .map(|(status, response)| (status.clone(), ResponseRules::new(response, document)));
        let method = key.strip_prefix("x-").unwrap_or(key).to_ascii_uppercase();
        Self {
            name: format!("{method} {path}"),
            method,
            responses: responses.collect(),
        }
    }

    /// The method and the path: `GET /users/{id}`.
    pub(in crate::testing) fn name(&self) -> &str {
        &self.name
    }

    /// The statuses, as they are written in the document.
    pub(in crate::testing) fn statuses(&self) -> impl Iterator<Item = &str> {
        self.responses.keys().map(String::as_str)
    }

    /// How the status is written in the document (OpenAPI 3.1, section 4.8.16): itself, its range,
    /// or `default`.
    pub(in crate::testing) fn declared_as(&self, status: StatusCode) -> Option<&str> {
        self.rules(status).map(|(key, _)| key)
    }

    fn rules(&self, status: StatusCode) -> Option<(&str, &ResponseRules)> {
        let range = format!("{}XX", status.as_u16() / 100);
        let keys = [status.as_str(), &range, "default"];
        let found = keys
            .iter()
            .find_map(|key| self.responses.get_key_value(*key));
        found.map(|(key, rules)| (&**key, rules))
    }

    /// How many bytes of the content decide whether the response conforms, at most; `None` if the
    /// content does not matter.
    pub(in crate::testing) fn bytes_to_read(
        &self,
        head: &response::Parts,
        limit: usize,
    ) -> Option<usize> {
        let (_, rules) = self.rules(head.status)?;
        if rules.content.is_empty() {
            return Some(0);
        }
        let media_type = media_type(&head.headers)?;
        let schema = rules.schema(&media_type)?;
        (is_json(&media_type) && !schema.allows_everything()).then_some(limit)
    }

    /// What is wrong with a response.
    pub(in crate::testing) fn violations(
        &self,
        method: &Method,
        head: &response::Parts,
        body: &Content,
    ) -> Vec<Violation> {
        let faults = match self.rules(head.status) {
            None => vec![self.undeclared_status()],
            Some((key, rules)) => {
                let missing = rules.missing_fields(&head.headers);
                missing
                    .chain(rules.content_faults(key, method, head, body))
                    .collect()
            }
        };
        let violation = |(kind, text)| Violation {
            operation: self.name.clone(),
            status: head.status,
            kind,
            text,
            excerpt: match body {
                Content::Whole(body) => excerpt(body),
                _ => String::new(),
            },
        };
        faults.into_iter().map(violation).collect()
    }

    fn undeclared_status(&self) -> Fault {
        let declared: Vec<_> = self.statuses().collect();
        let declared = declared.join(", ");
        let text = format!("the status is not declared (declared: {declared})");
        (ViolationKind::UndeclaredStatus, text)
    }
}

/// What is wrong with one response.
type Fault = (ViolationKind, String);

impl ResponseRules {
    fn missing_fields(&self, headers: &HeaderMap) -> impl Iterator<Item = Fault> {
        let missing = self.fields.iter();
        let missing = missing.filter(|name| !headers.contains_key(name.as_str()));
        missing.map(|name| {
            let text = format!("the required header field `{name}` is missing");
            (ViolationKind::MissingField, text)
        })
    }

    /// What is wrong with the content of a response that is declared as `key`.
    fn content_faults(
        &self,
        key: &str,
        method: &Method,
        head: &response::Parts,
        body: &Content,
    ) -> Vec<Fault> {
        let is_empty = matches!(body, Content::Whole(body) if body.is_empty());
        let has_none = method == Method::HEAD || never_has_content(head.status);
        if self.content.is_empty() {
            let is_read = !matches!(body, Content::NotRead);
            let text = format!("no content is declared for `{key}`, and the response has some");
            let fault = (ViolationKind::UndeclaredContent, text);
            return Vec::from_iter((!is_empty && is_read).then_some(fault));
        }
        if is_empty && !has_none {
            let text = format!("content is declared for `{key}`, and the response has none");
            let fault = (ViolationKind::MissingContent, text);
            return Vec::from_iter((!self.may_be_empty(key)).then_some(fault));
        }
        let Some(media_type) = media_type(&head.headers) else {
            let text = "the content has no `Content-Type`".to_owned();
            let fault = (ViolationKind::UndeclaredMediaType, text);
            let needs_one = !has_none && self.schema_of_anything().is_none();
            return Vec::from_iter(needs_one.then_some(fault));
        };
        let Some(schema) = self.schema(&media_type) else {
            return vec![self.undeclared_media_type(&media_type)];
        };
        if has_none || !is_json(&media_type) {
            return Vec::new();
        }
        match head.headers.get(header::CONTENT_ENCODING) {
            Some(coding) => vec![not_compared(format!(
                "the content has the coding {coding:?}, and is not compared with its schema: send the \
                 request without `Accept-Encoding`"
            ))],
            None => schema_faults(schema, body),
        }
    }

    /// An empty text is a text, and `default` has statuses with content and without.
    fn may_be_empty(&self, key: &str) -> bool {
        self.schema_of_anything().is_some() || self.has_text() || key == "default"
    }

    fn undeclared_media_type(&self, media_type: &str) -> Fault {
        let declared: Vec<_> = self.content.iter().map(|(name, _)| &**name).collect();
        let declared = declared.join(", ");
        let text = format!("the media type `{media_type}` is not declared (declared: {declared})");
        (ViolationKind::UndeclaredMediaType, text)
    }

    fn new(response: &Value, document: &Value) -> Self {
        let reference = response.get("$ref").and_then(Value::as_str);
        let found = reference.and_then(|reference| document.pointer(reference.strip_prefix('#')?));
        let response = found.unwrap_or(response);
        let members = |name| {
            response
                .get(name)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        let fields = members("headers").filter(|(_, field)| {
            field
                .get("required")
                .and_then(Value::as_bool)
                .unwrap_or(false)
        });
        let content = members("content").map(|(media_type, content)| {
            let schema = content.get("schema").cloned().unwrap_or_else(|| json!({}));
            (media_type.clone(), Schema::new(&schema, document))
        });
        Self {
            fields: fields.map(|(name, _)| name.clone()).collect(),
            content: content.collect(),
        }
    }

    /// The schema of a media type: the most specific one (OpenAPI 3.1, section 4.8.14).
    fn schema(&self, media_type: &str) -> Option<&Schema> {
        let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
        let range = format!("{kind}/*");
        let of = |name: &str| {
            let mut content = self.content.iter();
            let found = content.find(|(declared, _)| essence(declared) == name);
            found.map(|(_, schema)| schema)
        };
        of(media_type).or_else(|| of(&range)).or_else(|| of("*/*"))
    }

    fn has_text(&self) -> bool {
        self.content
            .iter()
            .any(|(name, _)| name.starts_with("text/"))
    }

    /// The schema of `*/*`, which stands for content about which nothing is known.
    fn schema_of_anything(&self) -> Option<&Schema> {
        let found = self.content.iter().find(|(name, _)| name == "*/*");
        found.map(|(_, schema)| schema)
    }
}

/// What is wrong with JSON of this schema.
fn schema_faults(schema: &Schema, body: &Content) -> Vec<Fault> {
    match body {
        Content::Whole(body) => match serde_json::from_slice(body) {
            Ok(value) => schema.errors(&value),
            Err(error) => {
                let text = format!("the content is not JSON: {error}");
                vec![(ViolationKind::NotJson, text)]
            }
        },
        Content::TooLong(limit) => vec![not_compared(format!(
            "the content has more than {limit} bytes, and is not compared with its schema: raise \
             `max_body_bytes`"
        ))],
        Content::NotRead => Vec::new(),
    }
}

const fn not_compared(text: String) -> Fault {
    (ViolationKind::NotCompared, text)
}

/// RFC 9110, section 6.4.1.
fn never_has_content(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The media type of the content, without parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(essence(text))
}

fn essence(media_type: &str) -> String {
    let (essence, _) = media_type.split_once(';').unwrap_or((media_type, ""));
    essence.trim().to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// A schema of a document, compiled when it is first needed.
pub(in crate::testing) struct Schema {
    schema: Value,
    compiled: OnceLock<Result<Validator, String>>,
}

impl Schema {
    /// The schema may refer to the components of the document.
    pub(in crate::testing) fn new(schema: &Value, document: &Value) -> Self {
        let components = document.get("components").cloned().unwrap_or_default();
        Self {
            schema: json!({ "components": components, "allOf": [schema] }),
            compiled: OnceLock::new(),
        }
    }

    /// Whether a value is valid.
    pub(in crate::testing) fn allows(&self, value: &Value) -> bool {
        let compiled = self.compiled().as_ref();
        compiled.is_ok_and(|compiled| compiled.is_valid(value))
    }

    fn allows_everything(&self) -> bool {
        let schema = self.schema.pointer("/allOf/0");
        schema
            .and_then(Value::as_object)
            .is_some_and(serde_json::Map::is_empty)
    }

    /// What is wrong with a value.
    fn errors(&self, value: &Value) -> Vec<Fault> {
        let validator = match self.compiled() {
            Ok(validator) => validator,
            Err(error) => {
                return vec![not_compared(format!("the schema can't be used: {error}"))];
            }
        };
        let errors = validator.iter_errors(value).take(MAX_ERRORS);
        let texts = errors.map(|error| {
            let text = shortened(&error.to_string());
            let text = match error.instance_path().as_str() {
                "" => text,
                pointer => format!("{pointer}: {text}"),
            };
            (ViolationKind::InvalidContent, text)
        });
        texts.collect()
    }

    fn compiled(&self) -> &Result<Validator, String> {
        self.compiled.get_or_init(|| {
            jsonschema::options()
                .with_draft(Draft::Draft202012)
                .should_validate_formats(true)
                .build(&self.schema)
                .map_err(|error| error.to_string())
        })
    }
}
