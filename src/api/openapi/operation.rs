//! One route as an operation (OpenAPI 3.1, section 4.8.10).

use std::{borrow::Cow, collections::BTreeMap};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    arguments::ArgumentTypes,
    options::OperationOptions,
    problem::ProblemSchemas,
    response::ResponseTypes,
    responses::{Errors, Responses},
    schemas::{Schemas, members},
    security::Schemes,
};
use crate::{
    api::route::Route,
    contract::{
        Description,
        description::{Answer, InputSource, Limit, NameList, RequestInput, Requirement},
    },
    integrations::axum::{HANDLER_STAGE, ParameterKind},
    request::parameter_names,
};

/// What an operation is made from.
pub(super) struct Operation<'a> {
    method: &'a Method,
    path: &'a str,
    name: &'static str,
    options: Cow<'a, OperationOptions>,
    tag: Option<&'a str>,
    undocumented: Option<&'a str>,
    is_documented: bool,
    /// The layers that act on the route, with the schemas of what they read.
    layers: Vec<(&'a Description, Vec<Value>)>,
    arguments: ArgumentTypes,
    /// What serde tells about the parameters of the path, for those without a schema.
    kinds: Vec<(String, ParameterKind)>,
    responses: Responses,
}

/// An input that a layer reads.
struct LayerInput<'a> {
    described: &'a RequestInput,
    schema: Value,
    /// The layer lets some requests pass without it.
    is_conditional: bool,
}

impl<'a> Operation<'a> {
    pub(super) fn new(method: &'a Method, route: &'a Route, schemas: &mut Schemas) -> Self {
        let types = route.document.types.documented;
        let mut inputs = Vec::new();
        let mut arguments = ArgumentTypes::default();
        let mut responses = Responses::default();
        let options = route.options.document();
        if let Some(types) = types {
            (types.inputs)(&mut inputs);
            (types.arguments)(&mut arguments, schemas);
            let mut list = ResponseTypes::new(schemas);
            (types.response)(&mut list);
            responses.add_handler(list);
        } else {
            responses.add_unknown("Not documented.");
        }
        for answer in &options.answers {
            responses.add_answer(answer, true);
        }
        // The schemas are those of the route's own layers: the innermost ones, around the handler.
        let layers = route.layers.iter();
        let around_handler = layers.clone().filter(|(stage, _)| *stage != HANDLER_STAGE);
        let outer = around_handler.count().saturating_sub(inputs.len());
        let inputs = std::iter::repeat_n(None, outer).chain(inputs);
        let acting = layers.zip(inputs.chain(std::iter::once(None)));
        let acting = acting.filter(|((_, layer), _)| route.is_acting(layer));
        let layers: Vec<_> = acting
            .map(|((_, layer), schema)| {
                (
                    layer,
                    schema.map_or_else(Vec::new, |schema| schema(schemas)),
                )
            })
            .collect();
        let names = parameter_names(&route.path);
        Self {
            method,
            path: &route.path,
            name: route.document.handler_name,
            options,
            tag: route.document.group.as_deref(),
            undocumented: route.document.undocumented.as_deref(),
            is_documented: types.is_some(),
            layers,
            arguments,
            kinds: route
                .path_use
                .kinds
                .iter()
                .flat_map(|kinds| kinds(&names))
                .collect(),
            responses,
        }
    }

    /// What the operation is called, if the route says it, and by the name of the handler otherwise:
    /// the shortest name first, then longer ones.
    pub(super) fn ids(&self) -> Vec<String> {
        if let Some(id) = &self.options.operation_id {
            return vec![id.clone()];
        }
        let (path, _) = self.name.split_once('<').unwrap_or((self.name, ""));
        if self.name.contains("{{") {
            // A closure has no name.
            return Vec::new();
        }
        let segments: Vec<&str> = path.rsplit("::").collect();
        let lengths = 1..=segments.len();
        lengths
            .filter_map(|length| {
                let words: Vec<&str> = segments.get(..length)?.iter().rev().copied().collect();
                Some(words.join("_"))
            })
            .collect()
    }

    /// Whether the application says what the operation is called.
    pub(super) fn has_given_id(&self) -> bool {
        self.options.operation_id.is_some()
    }

    pub(super) fn tags(&self) -> Vec<&str> {
        if self.options.tags.is_empty() {
            return self.tag.into_iter().collect();
        }
        self.options.tags.iter().map(String::as_str).collect()
    }

    pub(super) fn into_value(
        mut self,
        id: &str,
        schemas: &mut Schemas,
        schemes: &mut Schemes,
        problems: &mut ProblemSchemas,
    ) -> Value {
        let mut operation = Map::new();
        let tags = self.tags();
        if !tags.is_empty() {
            operation.insert("tags".into(), json!(tags));
        }
        operation.insert("operationId".into(), id.into());
        let summary = self.options.summary.clone();
        let summary = summary.unwrap_or_else(|| humanize(self.ids().first().map_or(id, |id| id)));
        operation.insert("summary".into(), summary.into());
        if let Some(text) = &self.options.description {
            operation.insert("description".into(), text.clone().into());
        }
        let mut layers = self.layers.iter();
        if self.options.is_deprecated || layers.any(|(layer, _)| layer.deprecation().is_some()) {
            operation.insert("deprecated".into(), true.into());
        }
        if let Some(reason) = self.undocumented {
            operation.insert("x-undocumented".into(), reason.into());
        } else if !self.is_documented {
            operation.insert("x-undocumented".into(), true.into());
        }
        let parameters = self.parameters(schemas);
        if !parameters.is_empty() {
            operation.insert("parameters".into(), parameters.into());
        }
        if let Some(body) = self.request_body(schemas) {
            operation.insert("requestBody".into(), body);
        }
        self.add_limits(&mut operation);
        self.add_security(&mut operation, schemes);
        let layers = std::mem::take(&mut self.layers);
        let mut makes_problems = false;
        for (layer, _) in &layers {
            for member in layer.problem_members() {
                problems.add_member(member);
            }
            for answer in self.answers(layer) {
                let status = answer.status();
                let is_error = status.is_client_error() || status.is_server_error();
                if makes_problems && is_error && answer.kind_uri().is_none() {
                    let problem = answer.clone().kind("about:blank");
                    self.responses.add_answer(&problem, false);
                } else {
                    self.responses.add_answer(answer, false);
                }
            }
            makes_problems |= layer.is_problem_renderer();
        }
        if self.arguments.path.is_some() {
            let invalid = Answer::new(StatusCode::BAD_REQUEST);
            let invalid = invalid.when("when a parameter of the path is invalid");
            self.responses.add_answer(&invalid, true);
        }
        if self.arguments.may_refuse {
            self.responses.add_unknown("The request is refused.");
        }
        let fields: Vec<_> = layers
            .iter()
            .flat_map(|(layer, _)| layer.fields())
            .collect();
        if layers.iter().any(|(layer, _)| !layer.is_known()) {
            self.responses
                .add_unknown("Anything that is not described here.");
        }
        let errors = if layers.iter().any(|(layer, _)| layer.is_refusal_renderer()) {
            Errors::Rendered
        } else if makes_problems {
            Errors::Problems
        } else {
            Errors::AsSent
        };
        let has_pages = layers.iter().any(|(layer, _)| layer.is_page_renderer());
        let responses = self
            .responses
            .into_value(&fields, errors, has_pages, problems);
        operation.insert("responses".into(), responses);
        operation.into()
    }

    /// What a layer answers to requests of this method: not to preflights, to methods that it does not
    /// list, or, as protection from forged requests, to safe methods.
    fn answers<'l>(
        &self,
        layer: &'l Description,
    ) -> impl Iterator<Item = &'l Answer> + use<'l, 'a> {
        let answers_others = layer.cors().is_some()
            || layer
                .methods()
                .is_some_and(|methods| methods.contains(self.method));
        let is_idle = layer.is_csrf_protection() && self.method.is_safe();
        let method = self.method;
        let given = layer.answers().iter();
        given
            .filter(move |answer| answer.is_given_to(method))
            .filter(move |answer| !is_idle && (!answers_others || !is_to_another_method(answer)))
    }

    fn parameters(&self, schemas: &mut Schemas) -> Vec<Value> {
        let names = parameter_names(self.path);
        let mut list = ParameterList::new(&names);
        for (index, name) in names.iter().enumerate() {
            let schema = self.path_parameter(index, name, names.len());
            let is_rest = self.path.contains(&format!("{{*{name}}}"));
            let text = is_rest.then_some("The rest of the path: it may contain `/`.");
            list.add("path", name, true, &schema, text);
        }
        for (source, location) in [
            (InputSource::Query, "query"),
            (InputSource::Header, "header"),
            (InputSource::Cookie, "cookie"),
        ] {
            for input in self.inputs(source) {
                list.add_input(location, &input, schemas);
            }
        }
        for (layer, _) in &self.layers {
            if let Some(field) = layer.csrf().and_then(|csrf| csrf.token_field()) {
                let text = "The CSRF token of the session, against requests that other sites \
                            forge.";
                let schema = json!({ "type": "string" });
                list.add("header", field.as_str(), false, &schema, Some(text));
            }
        }
        for parameter in &self.options.parameters {
            let schema = (parameter.schema)(schemas);
            let text = parameter.description.as_deref();
            let (name, is_required) = (&parameter.name, parameter.is_required);
            list.add(parameter.location, name, is_required, &schema, text);
        }
        list.into_values()
    }

    fn path_parameter(&self, index: usize, name: &str, count: usize) -> Value {
        let any = || {
            let kind = self.kinds.iter().find(|(known, _)| known == name);
            kind.map_or_else(
                || json!({ "type": "string" }),
                |(_, kind)| schema_of_kind(*kind),
            )
        };
        let mut validated = self.inputs(InputSource::Path);
        let validated = validated.pop().map(|input| input.schema);
        let Some(types) = self.arguments.path.as_ref().or(validated.as_ref()) else {
            return any();
        };
        let by_name = types.get("properties").and_then(|all| all.get(name));
        let by_index = types.get("prefixItems").and_then(|all| all.get(index));
        match by_name.or(by_index) {
            Some(schema) => schema.clone(),
            None if count == 1 && types.get("properties").is_none() => types.clone(),
            None => any(),
        }
    }

    /// The inputs that layers read from this part of the request.
    fn inputs(&self, source: InputSource) -> Vec<LayerInput<'a>> {
        let mut inputs = Vec::new();
        for (layer, schemas) in &self.layers {
            let is_conditional = layer.may_be_bypassed();
            let mut schemas = schemas.iter();
            for described in layer.inputs() {
                // Where nothing is known, any value is valid.
                let schema = match described.name() {
                    Some(_) => None,
                    None => schemas.next().cloned(),
                };
                if described.source() == source && described.is_read_of(self.method) {
                    inputs.push(LayerInput {
                        described,
                        schema: schema.unwrap_or_else(|| json!({})),
                        is_conditional,
                    });
                }
            }
        }
        inputs
    }

    fn request_body(&self, schemas: &mut Schemas) -> Option<Value> {
        let mut content = Map::new();
        let mut is_required = true;
        let bounds = self.unconditional_layers();
        let bounds = bounds.filter_map(|layer| layer.body_bound()?.max_body_bytes());
        // The smallest limit wins.
        let mut max_bytes = bounds.min();
        for input in self.inputs(InputSource::Body) {
            let LayerInput {
                described, schema, ..
            } = input;
            is_required &= !input.is_conditional && !described.is_optional();
            max_bytes = max_bytes
                .into_iter()
                .chain(described.max_body_bytes())
                .min();
            let any = ["*/*".into()];
            let media_types = match described.media_types() {
                [] => &any,
                listed => listed,
            };
            for media_type in media_types {
                let schema = if *media_type == FORM {
                    without_nulls(schemas, &schema)
                } else {
                    schema.clone()
                };
                let form = schemas.resolve(&schema);
                let mut described_as = json!({ "schema": schema });
                if described.rejects_unknown_names() && form.get("properties").is_some() {
                    described_as["schema"]["unevaluatedProperties"] = false.into();
                }
                if described.has_nested_keys() && *media_type == FORM {
                    let nested = members(&form)
                        .into_iter()
                        .filter(|(_, schema, _)| is_object(schemas, &without_null(schema.clone())));
                    let style = json!({ "style": "deepObject", "explode": true });
                    let nested: Map<String, Value> =
                        nested.map(|(name, ..)| (name, style.clone())).collect();
                    if !nested.is_empty() {
                        described_as["encoding"] = nested.into();
                    }
                }
                content.insert(media_type.clone().into(), described_as);
            }
        }
        for (media_type, schema) in &self.options.bodies {
            let schema = schema(schemas);
            content.insert(media_type.clone().into(), json!({ "schema": schema }));
        }
        if content.is_empty() {
            // A handler that takes the whole request may read a body, but one of a GET, HEAD or DELETE has no
            // meaning (RFC 9110, sections 9.3.1, 9.3.2 and 9.3.5).
            let has_no_meaning = [Method::GET, Method::HEAD, Method::DELETE].contains(self.method);
            let may_be_read = self.arguments.takes_request && !has_no_meaning;
            if !self.arguments.extracts_body && !may_be_read {
                return None;
            }
            content.insert("*/*".into(), json!({}));
            is_required = false;
        }
        let mut body = json!({ "required": is_required, "content": content });
        if let (Some(bytes), Some(body)) = (max_bytes, body.as_object_mut()) {
            body.insert("x-max-body-bytes".into(), bytes.into());
        }
        Some(body)
    }

    /// The layers that act on every request to this operation.
    fn unconditional_layers(&self) -> impl Iterator<Item = &'a Description> {
        let layers = self.layers.iter().map(|(layer, _)| *layer);
        layers.filter(|layer| !layer.may_be_bypassed())
    }

    fn add_limits(&self, operation: &mut Map<String, Value>) {
        let limits = self.layers.iter().flat_map(|(layer, _)| {
            let is_conditional = layer.may_be_bypassed();
            layer
                .limits()
                .iter()
                .map(move |one| limit(one, is_conditional))
        });
        let limits: Vec<_> = limits.collect();
        if !limits.is_empty() {
            operation.insert("x-rate-limit".into(), limits.into());
        }
        // The shortest time wins.
        let times = self.unconditional_layers();
        if let Some(time) = times.filter_map(Description::time_limit).min() {
            let seconds = match time.subsec_nanos() {
                0 => time.as_secs().into(),
                _ => time.as_secs_f64().into(),
            };
            operation.insert("x-timeout-seconds".into(), seconds);
        }
    }

    fn add_security(&self, operation: &mut Map<String, Value>, schemes: &mut Schemes) {
        let layers = self.layers.iter().map(|(layer, _)| *layer);
        let security = schemes.requirement(layers);
        operation.insert("security".into(), security.unwrap_or_else(|| json!([])));
        let mut roles = Vec::new();
        let mut checks = Vec::new();
        // What only some requests need is not what the operation requires.
        for requirement in self
            .unconditional_layers()
            .flat_map(Description::requirements)
        {
            match requirement {
                Requirement::Roles(NameList::AllOf(names)) => roles.push(json!({ "allOf": names })),
                Requirement::Roles(NameList::AnyOf(names)) => roles.push(json!({ "anyOf": names })),
                Requirement::Check(name) => checks.push(name),
                Requirement::Scopes(_) => {}
            }
        }
        if !roles.is_empty() {
            operation.insert("x-roles".into(), roles.into());
        }
        if !checks.is_empty() {
            operation.insert("x-checks".into(), json!(checks));
        }
    }
}

/// The parameters of an operation: those of the path first, in its order.
struct ParameterList<'n> {
    path_names: &'n [&'n str],
    list: BTreeMap<(usize, String), Value>,
    /// Those of a query that have members: `address[city]`.
    nested: Vec<String>,
}

impl<'n> ParameterList<'n> {
    const fn new(path_names: &'n [&'n str]) -> Self {
        Self {
            path_names,
            list: BTreeMap::new(),
            nested: Vec::new(),
        }
    }

    fn add(
        &mut self,
        location: &str,
        name: &str,
        required: bool,
        schema: &Value,
        text: Option<&str>,
    ) {
        let mut names = self.path_names.iter();
        let after = self.path_names.len();
        let order = match location {
            "path" => names.position(|known| *known == name).unwrap_or(after),
            "query" => after + 1,
            "header" => after + 2,
            _ => after + 3,
        };
        let parameter = parameter(location, name, required, schema, text);
        self.list.insert((order, name.to_owned()), parameter);
    }

    /// Adds what a layer reads: one parameter, or one for each member of a type.
    fn add_input(&mut self, location: &str, input: &LayerInput<'_>, schemas: &Schemas) {
        let LayerInput { described, .. } = input;
        let is_required = !input.is_conditional && !described.is_optional();
        if let Some(name) = described.name() {
            let mut schema = json!({ "type": "string" });
            if let Some(pattern) = described.value_pattern() {
                schema["pattern"] = pattern.into();
            }
            return self.add(location, name, is_required, &schema, described.text());
        }
        let schema = schemas.resolve(&input.schema);
        let members = members(&schema);
        if members.is_empty() && schema.get("properties").is_none() {
            // Not a plain list of members: an enum, for example.
            return self.add(location, location, is_required, &schema, None);
        }
        for (mut name, schema, required) in members {
            if described.source() == InputSource::Header {
                // A field `accept_language` is read from `accept-language`.
                name = name.replace('_', "-");
            }
            let text = schema.get("description").and_then(Value::as_str);
            let text = text.map(str::to_owned);
            let schema = without_null(schema);
            self.add(
                location,
                &name,
                required && is_required,
                &schema,
                text.as_deref(),
            );
            if described.has_nested_keys() && is_object(schemas, &schema) {
                self.nested.push(name);
            }
        }
    }

    fn into_values(self) -> Vec<Value> {
        let mut list: Vec<Value> = self.list.into_values().collect();
        for parameter in &mut list {
            let mut nested = self.nested.iter();
            if parameter["in"] == "query" && nested.any(|name| parameter["name"] == **name) {
                // OpenAPI, "Style Values": `address[city]=London`.
                parameter["style"] = "deepObject".into();
                parameter["explode"] = true.into();
            }
        }
        list
    }
}

fn is_object(schemas: &Schemas, schema: &Value) -> bool {
    let schema = schemas.resolve(schema);
    schema.get("properties").is_some() || schema.get("type").is_some_and(|kind| kind == "object")
}

fn schema_of_kind(kind: ParameterKind) -> Value {
    match kind {
        ParameterKind::Unknown | ParameterKind::Text { format: None } => {
            json!({ "type": "string" })
        }
        ParameterKind::Text { format } => json!({ "type": "string", "format": format }),
        // The bounds of 128 bits are more than a number of JSON holds.
        ParameterKind::Integer { minimum, maximum } => {
            match (i64::try_from(minimum), u64::try_from(maximum)) {
                (Ok(minimum), Ok(maximum)) => {
                    json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
                }
                _ => json!({ "type": "integer" }),
            }
        }
        ParameterKind::Number => json!({ "type": "number" }),
        ParameterKind::Boolean => json!({ "type": "boolean" }),
        ParameterKind::Character => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        ParameterKind::OneOf(texts) => json!({ "enum": texts }),
    }
}

/// Whether a layer that looks at methods gives this answer because of the method.
fn is_to_another_method(answer: &Answer) -> bool {
    matches!(
        answer.status(),
        StatusCode::NO_CONTENT
            | StatusCode::OK
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED
    )
}

const FORM: &str = "application/x-www-form-urlencoded";

fn parameter(
    location: &str,
    name: &str,
    required: bool,
    schema: &Value,
    text: Option<&str>,
) -> Value {
    let mut parameter = json!({ "in": location, "name": name, "schema": schema });
    if required {
        parameter["required"] = true.into();
    }
    if let Some(text) = text {
        parameter["description"] = text.into();
    }
    parameter
}

/// The schema of a form: itself, if none of its fields can be `null`.
fn without_nulls(schemas: &Schemas, schema: &Value) -> Value {
    let mut form = schemas.resolve(schema);
    let before = form.clone();
    if let Some(Value::Object(fields)) = form.get_mut("properties") {
        for field in fields.values_mut() {
            *field = without_null(field.take());
        }
    }
    if form == before { schema.clone() } else { form }
}

/// There is no `null` in a query or a form.
fn without_null(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else {
        return schema;
    };
    for either in ["anyOf", "oneOf"] {
        let Some(Value::Array(schemas)) = members.get_mut(either) else {
            continue;
        };
        schemas.retain(|schema| schema.get("type").is_none_or(|kind| kind != "null"));
        if let [schema] = &**schemas {
            let schema = schema.as_object().cloned().unwrap_or_default();
            members.remove(either);
            members.extend(schema);
        }
    }
    if let Some(Value::Array(kinds)) = members.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &**kinds {
            let kind = kind.clone();
            members.insert("type".into(), kind);
        }
    }
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
    schema
}

/// `list_users` becomes "List users".
fn humanize(id: &str) -> String {
    let mut words = id.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

fn limit(limit: &Limit, is_conditional: bool) -> Value {
    let mut object =
        json!({ "name": limit.name(), "limit": limit.count(), "burst": limit.most_at_once() });
    if let Some(object) = object.as_object_mut() {
        if let Some(period) = limit.period() {
            object.insert("period-seconds".into(), json!(period.as_secs_f64()));
        }
        if !limit.key().is_empty() {
            object.insert("key".into(), json!(limit.key()));
        }
        if limit.is_weighted() {
            object.insert("unit".into(), "units".into());
        }
        if limit.is_of_plan() {
            object.insert("of-plan".into(), true.into());
        }
        if is_conditional {
            object.insert("conditional".into(), true.into());
        }
    }
    object
}
