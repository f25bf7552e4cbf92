//! The requests of a test: one that is valid, to be changed.

use std::net::IpAddr;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header, request::Parts};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{Credentials, Supplied, sample};
use crate::{
    api::routes::DescribedRoute,
    contract::description::{VersionCarrier, VersionPolicy},
    request::parameter_names,
    testing::{expand::Document, hold::Schema},
};

/// Browsers set it (Fetch Metadata, section 2.3).
pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request that can be changed, and sent more than once.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The index of the credentials that it has.
    pub(super) credentials: Option<usize>,
    pub(super) change: Option<fn(&mut Parts)>,
    /// That of the peer; one of its own if there is none.
    pub(super) address: Option<IpAddr>,
}

impl Draft {
    pub(super) fn new(method: Method, path: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        headers.insert(SEC_FETCH_SITE, HeaderValue::from_static("same-origin"));
        Self {
            method,
            path,
            query: String::new(),
            headers,
            body: Bytes::new(),
            credentials: None,
            change: None,
            address: None,
        }
    }

    /// The same request with this field instead of all of its name.
    pub(super) fn field(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The same request with another line of a field.
    pub(super) fn line(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// The same request with these cookies, in one line, as browsers send them.
    pub(super) fn cookies(mut self, cookies: &[(String, String)]) -> Self {
        let pairs = cookies.iter().map(|(name, value)| {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            format!("{name}={value}")
        });
        self.headers.remove(header::COOKIE);
        match &*pairs.collect::<Vec<_>>().join("; ") {
            "" => self,
            line => self.line(header::COOKIE, line),
        }
    }

    /// The same request in this version of the API. A version in the path is part of the route.
    pub(super) fn version(mut self, policy: &VersionPolicy, version: &str) -> Self {
        let named = match policy.carrier() {
            VersionCarrier::Field(name) => Some((name.clone(), version.to_owned())),
            VersionCarrier::MediaType(subtype) => {
                Some((header::ACCEPT, media_type_of(subtype, version)))
            }
            VersionCarrier::Path(_) => None,
        };
        if let Some((name, value)) = named
            && let Ok(value) = HeaderValue::try_from(value)
        {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The request; `None` if the path is not that of a URI.
    pub(super) fn request(&self, credentials: &[Credentials]) -> Option<Request<Body>> {
        let uri = match &*self.query {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        };
        let request = Request::builder().method(self.method.clone()).uri(uri);
        let (mut parts, ()) = request.body(()).ok()?.into_parts();
        parts.headers = self.headers.clone();
        let credentials = self.credentials.and_then(|index| credentials.get(index));
        if let Some(credentials) = credentials {
            (credentials.add)(&mut parts);
        }
        if let Some(change) = self.change {
            change(&mut parts);
        }
        Some(Request::from_parts(parts, Body::from(self.body.clone())))
    }
}

/// A valid request to an operation, and what would make it invalid.
pub(super) struct Sample {
    pub(super) draft: Draft,
    /// What the application has to supply, because it could not be made.
    pub(super) missing: Option<String>,
    /// The path with a parameter that its schema rejects.
    pub(super) invalid_path: Option<String>,
    /// The path with parameters that their schemas reject, for a layer that validates them.
    pub(super) invalid_paths: Vec<String>,
    /// The path with a parameter that is not UTF-8.
    pub(super) malformed_path: Option<String>,
    /// Header fields that the schemas reject; `None` for one that is missing.
    pub(super) invalid_fields: Vec<Vec<(HeaderName, Option<HeaderValue>)>>,
    /// Cookies that the schemas reject.
    pub(super) invalid_cookies: Vec<Vec<(String, String)>>,
    /// Queries that the schemas reject.
    pub(super) invalid_queries: Vec<String>,
    /// Bodies that the schema rejects.
    pub(super) invalid_bodies: Vec<Bytes>,
    pub(super) media_type: Option<String>,
}

impl Sample {
    pub(super) fn new(
        route: &DescribedRoute,
        operation: &Value,
        document: &Value,
        supplied: &Supplied,
    ) -> Self {
        let id = operation
            .get("operationId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let parameters = Parameters::new(operation, document);
        let mut missing = None;
        let Paths {
            valid: path,
            invalid: invalid_path,
            all_invalid: invalid_paths,
            malformed: malformed_path,
        } = Paths::new(&route.path, &parameters, supplied, &mut missing);
        let queries = parameters.invalid("query");
        let mut sample = Self {
            draft: Draft::new(route.method.clone(), path),
            missing,
            invalid_path,
            invalid_paths,
            malformed_path,
            invalid_fields: parameters.invalid_fields(),
            invalid_cookies: parameters.invalid("cookie"),
            invalid_queries: queries.iter().map(|pairs| encoded(pairs)).collect(),
            invalid_bodies: Vec::new(),
            media_type: None,
        };
        match (supplied.queries.get(id), parameters.valid("query")) {
            (Some(query), _) => sample.draft.query.clone_from(query),
            (None, Ok(pairs)) => sample.draft.query = encoded(&pairs),
            (None, Err(name)) => {
                sample.report_missing(format!("a query with `{name}`: `query(\"{id}\", ..)`"));
            }
        }
        if let Ok(pairs) = parameters.valid("header") {
            for (name, value) in pairs {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    sample.draft = sample.draft.line(name, &value);
                }
            }
        }
        if let Ok(pairs) = parameters.valid("cookie")
            && !pairs.is_empty()
        {
            sample.draft = sample.draft.cookies(&pairs);
        }
        sample.add_body(id, operation, document, supplied.bodies.get(id));
        sample
    }

    fn report_missing(&mut self, what: String) {
        self.missing.get_or_insert(what);
    }

    fn add_body(
        &mut self,
        id: &str,
        operation: &Value,
        document: &Value,
        supplied: Option<&Value>,
    ) {
        let content = operation
            .pointer("/requestBody/content")
            .and_then(Value::as_object);
        let Some((media_type, content)) = content.and_then(|content| {
            let json = content.get_key_value("application/json");
            json.or_else(|| content.iter().next())
        }) else {
            return;
        };
        let schema = content.get("schema").cloned().unwrap_or_else(|| json!({}));
        let made = sample::valid(&schema, document);
        let valid = supplied.or(made.as_ref());
        let media_type = match &**media_type {
            "*/*" => "application/json",
            listed => listed,
        };
        let write = |value: &Value| written(media_type, value);
        match valid.and_then(write) {
            Some(body) => self.draft.body = body,
            None => self.report_missing(format!("a body: `body(\"{id}\", ..)`")),
        }
        let invalid = if is_form(media_type) {
            let parameters = Parameters::of_object(&schema, document);
            let forms = parameters.invalid("query");
            forms.iter().map(|pairs| encoded(pairs).into()).collect()
        } else {
            let invalid = sample::invalid(&schema, valid, document);
            invalid.iter().filter_map(write).collect()
        };
        self.invalid_bodies = invalid;
        self.media_type = Some(media_type.to_owned());
        if let Ok(value) = HeaderValue::from_str(media_type) {
            self.draft.headers.insert(header::CONTENT_TYPE, value);
        }
    }
}

/// The media type of a version of an API.
pub(super) fn media_type_of(subtype: &str, version: &str) -> String {
    format!("application/{subtype}.{version}+json")
}

pub(super) fn is_form(media_type: &str) -> bool {
    media_type == "application/x-www-form-urlencoded"
}

fn written(media_type: &str, value: &Value) -> Option<Bytes> {
    if is_form(media_type) {
        let mut pairs = Vec::new();
        for (name, value) in value.as_object()? {
            pairs.extend(texts(value).into_iter().map(|text| (name.clone(), text)));
        }
        return Some(encoded(&pairs).into());
    }
    if media_type == "application/json" || media_type.ends_with("+json") {
        return Some(value.to_string().into());
    }
    // Of other media types only the text is known.
    value
        .as_str()
        .map(|text| Bytes::copy_from_slice(text.as_bytes()))
}

/// The path with values for its parameters.
struct Paths {
    valid: String,
    invalid: Option<String>,
    all_invalid: Vec<String>,
    malformed: Option<String>,
}

impl Paths {
    fn new(
        route: &str,
        parameters: &Parameters,
        supplied: &Supplied,
        missing: &mut Option<String>,
    ) -> Self {
        let fill = |values: &[(String, String)]| {
            let mut path = route.to_owned();
            for (name, value) in values {
                for written in [format!("{{*{name}}}"), format!("{{{name}}}")] {
                    path = path.replace(&written, value);
                }
            }
            path.replace("{{", "{").replace("}}", "}")
        };
        let mut values = Vec::new();
        let mut invalid = None;
        for name in parameter_names(route) {
            let found = parameters
                .0
                .iter()
                .find(|parameter| parameter.location == "path" && parameter.name == name);
            if found.is_some_and(|parameter| !parameter.schema.allows(&json!("not-valid"))) {
                invalid = Some(name);
            }
            let made = || found.and_then(|parameter| texts(parameter.valid.as_ref()?).pop());
            let value = supplied.path_parameters.get(name).cloned().or_else(made);
            if value.is_none() {
                missing.get_or_insert(format!("a parameter: `path_parameter(\"{name}\", ..)`"));
            }
            let value = value.unwrap_or_else(|| "a".to_owned());
            let value = utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string();
            values.push((name.to_owned(), value));
        }
        let valid = fill(&values);
        let with = |name: &str, value: &str| {
            let mut values = values.clone();
            for (other, given) in &mut values {
                if other == name {
                    value.clone_into(given);
                }
            }
            fill(&values)
        };
        let mut all_invalid = Vec::new();
        for (name, _) in &values {
            let of_path = parameters.of("path");
            let mut found = of_path.filter(|parameter| parameter.name == *name);
            // An empty segment is another path.
            let texts = found.by_ref().flat_map(Parameter::invalid_texts);
            let texts = texts.filter(|text| !text.is_empty());
            all_invalid.extend(texts.map(|text| with(name, &text)));
        }
        Self {
            invalid: invalid.map(|invalid| with(invalid, "not-valid")),
            malformed: values.first().map(|(name, _)| with(name, "%ff")),
            all_invalid,
            valid,
        }
    }
}

/// The parameters of an operation.
struct Parameters(Vec<Parameter>);

struct Parameter {
    location: String,
    name: String,
    is_required: bool,
    is_number: bool,
    schema: Schema,
    valid: Option<Value>,
}

impl Parameters {
    fn new(operation: &Value, document: &Value) -> Self {
        let list = operation.get("parameters").and_then(Value::as_array);
        let list = list.into_iter().flatten().filter_map(|parameter| {
            let text = |name| parameter.get(name).and_then(Value::as_str);
            let is_required = parameter.get("required").and_then(Value::as_bool);
            let any = json!({});
            let schema = parameter.get("schema").unwrap_or(&any);
            let name = text("name")?;
            Some(Parameter::new(
                text("in")?,
                name,
                is_required,
                schema,
                document,
            ))
        });
        Self(list.collect())
    }

    /// The fields of a form.
    fn of_object(schema: &Value, document: &Value) -> Self {
        let schema = Document::new(document).resolve(schema);
        let required = schema.get("required").and_then(Value::as_array);
        let properties = schema.get("properties").and_then(Value::as_object);
        let none = Map::new();
        let list = properties.unwrap_or(&none).iter().map(|(name, schema)| {
            let is_required = required.map(|names| names.iter().any(|required| required == name));
            Parameter::new("query", name, is_required, schema, document)
        });
        Self(list.collect())
    }

    fn of(&self, location: &str) -> impl Iterator<Item = &Parameter> {
        self.0
            .iter()
            .filter(move |parameter| parameter.location == location)
    }

    /// The required ones, or the name of one that can't be made.
    fn valid(&self, location: &str) -> Result<Vec<(String, String)>, String> {
        let mut pairs = Vec::new();
        for parameter in self.of(location).filter(|parameter| parameter.is_required) {
            let value = parameter
                .valid
                .as_ref()
                .ok_or_else(|| parameter.name.clone())?;
            pairs.extend(
                texts(value)
                    .into_iter()
                    .map(|text| (parameter.name.clone(), text)),
            );
        }
        Ok(pairs)
    }

    /// What a query, the cookies or the fields must not be: without what is required, and with values
    /// that are not allowed.
    fn invalid(&self, location: &str) -> Vec<Vec<(String, String)>> {
        let mut lists = Vec::new();
        if self.of(location).any(|parameter| parameter.is_required) {
            lists.push(Vec::new());
        }
        let valid = self.valid(location).unwrap_or_default();
        for parameter in self.of(location) {
            for text in parameter.invalid_texts() {
                let mut pairs = valid.clone();
                pairs.retain(|(name, _)| *name != parameter.name);
                pairs.push((parameter.name.clone(), text));
                lists.push(pairs);
            }
        }
        lists.truncate(8);
        lists
    }

    fn invalid_fields(&self) -> Vec<Vec<(HeaderName, Option<HeaderValue>)>> {
        let required = self.of("header").filter(|parameter| parameter.is_required);
        let names = required.filter_map(|parameter| HeaderName::try_from(&parameter.name).ok());
        let missing = names.map(|name| vec![(name, None)]);
        let wrong = self.of("header").flat_map(|parameter| {
            let texts = parameter.invalid_texts().into_iter();
            texts.filter_map(|text| {
                let name = HeaderName::try_from(&parameter.name).ok()?;
                Some(vec![(name, Some(HeaderValue::try_from(text).ok()?))])
            })
        });
        missing.chain(wrong).take(8).collect()
    }
}

impl Parameter {
    /// The texts that the schema rejects.
    fn invalid_texts(&self) -> Vec<String> {
        let long = "a".repeat(10_000);
        let texts = ["", "x", "-1", "0", "99999999999999999999", &long].into_iter();
        let rejected = texts.filter(|text| {
            let number = text.parse::<i128>().ok().filter(|_| self.is_number);
            let value = match number.map(i64::try_from) {
                Some(Ok(number)) => json!(number),
                Some(Err(_)) => json!(1e20),
                None => json!(text),
            };
            !self.schema.allows(&value)
        });
        rejected.map(str::to_owned).collect()
    }

    fn new(
        location: &str,
        name: &str,
        is_required: Option<bool>,
        schema: &Value,
        document: &Value,
    ) -> Self {
        let valid = sample::valid(schema, document);
        Self {
            location: location.to_owned(),
            name: name.to_owned(),
            is_required: is_required.unwrap_or(false),
            is_number: valid.as_ref().is_some_and(Value::is_number),
            schema: Schema::new(schema, document),
            valid,
        }
    }
}

/// The texts that stand for a value in a path, a query or a form: one for each item of an array.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

fn encoded(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
