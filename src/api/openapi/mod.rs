//! Describes an [`Api`](crate::Api) as an OpenAPI 3.1 document: its routes, and every answer that its
//! layers declare.
//!
//! 1. A route is an operation: its path, parameters, bodies and answers; the refusals of each layer of
//!    its stack with problem type, header fields and members; security schemes with scopes; limits as
//!    `x-rate-limit`, the largest body as `x-max-body-bytes`, the time until the response as
//!    `x-timeout-seconds`.
//!    Where a closure lets requests bypass a layer (`when`, `except`, `exempt`), its credentials and its
//!    input are optional, its limits are `conditional`, and what else it demands is left out.
//! 2. The schemas are those of [`schemars`], which reads the attributes of `serde` and `garde`: a rule
//!    is written once.
//! 3. [`Api::documented`](crate::Api::documented) demands that the types of all routes have schemas;
//!    [`Api::undocumented`](crate::Api::undocumented) is the exception, with a reason. Without
//!    `documented`, the document has the routes and what their layers say, but no schemas. A function
//!    returns a documented `Api` as `FinishedApi<G, S, Documented>`.
//!
//! # Example
//!
//! ```
//! use axum::Json;
//! use garde::Validate;
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use wythe::{Api, Created, Path, Valid, compose, with_validation};
//!
//! #[derive(Deserialize, Validate, JsonSchema)]
//! struct NewUser {
//!     #[garde(length(chars, min = 2, max = 50))]
//!     name: String,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! struct User {
//!     id: u64,
//!     name: String,
//! }
//!
//! async fn create_user(input: Valid<wythe::Json<NewUser>>) -> Created<User> {
//!     let name = input.into_inner().0.name;
//!     Created::at("/users/7", User { id: 7, name })
//! }
//!
//! async fn show_user(Path(id): Path<u64>) -> Json<User> {
//!     Json(User { id, name: "Ada".into() })
//! }
//!
//! let create = compose(with_validation::<wythe::Json<NewUser>>());
//! let api = Api::<()>::new("Users", "1.0.0")
//!     .documented()
//!     .post("/users", create.handler(create_user))
//!     .get("/users/{id}", compose(()).handler(show_user));
//!
//! let document = api.openapi().to_value();
//! assert_eq!(document["paths"]["/users"]["post"]["operationId"], "create_user");
//! assert_eq!(document["components"]["schemas"]["NewUser"]["properties"]["name"]["minLength"], 2);
//! assert!(document["paths"]["/users"]["post"]["responses"]["422"].is_object());
//! ```
//!
//! A route whose types have no schemas does not compile:
//!
//! ```compile_fail,E0277
//! # use axum::Json;
//! # use wythe::{Api, compose};
//! #[derive(serde::Serialize)]
//! struct User {
//!     id: u64,
//! }
//!
//! async fn show_user() -> Json<User> {
//!     Json(User { id: 7 })
//! }
//!
//! let api = Api::<()>::new("Users", "1.0.0")
//!     .documented()
//!     .get("/user", compose(()).handler(show_user));
//! ```
//!
//! # What is in the document
//!
//! | part | comes from |
//! |---|---|
//! | `operationId`, `summary` | the name of the handler, or [`Handled::operation_id`](crate::Handled::operation_id) and so on |
//! | `tags` | the title of the [nested](crate::Api::nest) `Api`, or [`Handled::tag`](crate::Handled::tag) |
//! | parameters of the path | [`Path<T>`](crate::Path) |
//! | parameters of the query, bodies | [`with_validation`](crate::with_validation), other layers at its stage that implement [`DocumentInput`] |
//! | what extractors read | [`Handled::parameter`](crate::Handled::parameter), [`Handled::request_body`](crate::Handled::request_body) |
//! | answers of the handler | its return type: [`DocumentResponse`]; [`Handled::answers`](crate::Handled::answers) |
//! | answers and fields of layers, security, limits | the [`Description`](crate::Description) of each layer |
//! | types of problems | `x-problem-types`; [`OpenApi::problem_types`] makes a page of them |
//!
//! `default` stands for what is not known: `Result<_, Problem>` may be any problem, an extractor may
//! refuse the request, and a layer that does not describe itself, such as one of another crate, may answer
//! anything. A method that
//! OpenAPI 3.1 does not know, such as `QUERY`, is an `x-query` of its path. Services and routers of other
//! crates are not in the document; the [audit](crate::Api::audit) lists them.
//!
//! # What a schema says about a rule
//!
//! | rule of garde | in the schema |
//! |---|---|
//! | `length(chars, ..)`, `range`, `pattern`, `email`, `url`, `ip`, `required`, `contains` | the same |
//! | `length(..)` of a `String` without `chars` | the same numbers, but a schema counts characters, and garde bytes |
//! | `inner(..)` of a `Vec` | the same, for the items |
//! | `inner(..)` of an `Option` | nothing: write the rule without `inner`, which garde applies to the value too |
//! | `custom(..)`, `credit_card`, `phone_number`, `matches(..)` | nothing |
//!
//! For a struct, serde also accepts an array with its fields in order, and for a unit variant of an
//! enum, an object with `null`; their schemas do not. Integers have the bounds of their type. A number
//! such as `89.0` is an integer for a schema, and so it is for [`with_validation`](crate::with_validation)
//! in JSON, but not in a query, a form or a path.
//!
//! The schema of a generic type has its arguments in its name: `Page_User`. Two types of the same name
//! are numbered in the order of the routes, as are generic types inside others: `Item`, `Item2`.
//! `#[schemars(rename = "..")]` gives them names that stay.
//!
//! # Compared with
//!
//! - [`aide`](https://docs.rs/aide) documents the handlers and extractors of axum, by schemars too. Its
//!   routes know nothing about layers, so the answers, fields and schemes of layers are written by
//!   hand.
//! - [`utoipa`](https://docs.rs/utoipa) describes each operation in an attribute beside it, which
//!   nothing checks against the code. [`OpenApi::merge`] puts such a document and this one together.

pub(crate) mod arguments;
pub(crate) mod input;
pub(crate) mod operation;
pub(crate) mod options;
mod problem;
mod problem_types;
pub(crate) mod response;
mod responses;
pub(super) mod schemas;
mod security;
mod serve;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use http::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use self::{
    input::DocumentInput,
    options::Parameter,
    problem_types::ProblemTypes,
    response::{DocumentParts, DocumentResponse, ResponseTypes},
    schemas::Schemas,
    serve::ServedDocument,
};
use self::{
    operation::Operation, problem::ProblemSchemas, problem_types::ProblemType, security::Schemes,
};
pub use super::documentation::Documented;
use super::{
    finding::Finding,
    route::{Matches, Route},
    routes::Routes,
};
use crate::{
    contract::description::{VersionCarrier, VersionPolicy},
    request::parameter_names,
    wire::ConfigError,
};

/// An OpenAPI 3.1 document; made by [`Api::openapi`](crate::Api::openapi). It prints itself as JSON.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct OpenApi {
    document: Map<String, Value>,
    problem_types: BTreeMap<String, ProblemType>,
    /// The paths of all routes, as they are written in a router, including those that are not in the
    /// document.
    routes: Vec<String>,
}

impl OpenApi {
    /// Of all versions, or of one.
    pub(super) fn new(routes: &Routes, version: Option<&str>) -> Self {
        let mut schemas = Schemas::new();
        let mut schemes = Schemes::default();
        let mut problems = ProblemSchemas::default();
        let mut operations = Vec::new();
        for route in &routes.list {
            if !is_in_document(route, &routes.list, version) {
                continue;
            }
            // Of a service, or of a router of another crate, the methods are not known.
            // Nor has a template a way to write a brace.
            let has_brace = route.path.contains("{{") || route.path.contains("}}");
            if let Matches::Method(method) = &route.matches
                && !has_brace
            {
                operations.push((method, route, Operation::new(method, route, &mut schemas)));
            }
        }
        let ids = unique_ids(&operations);
        let mut tags = BTreeSet::new();
        let mut paths: BTreeMap<String, Value> = BTreeMap::new();
        for ((method, route, operation), id) in operations.into_iter().zip(ids) {
            tags.extend(operation.tags().into_iter().map(str::to_owned));
            let mut operation =
                operation.into_value(&id, &mut schemas, &mut schemes, &mut problems);
            if let (Some(version), Some(policy)) = (version, route.version_policy()) {
                narrow_version(&mut operation, policy, version);
            }
            let path = paths
                .entry(template(&route.path))
                .or_insert_with(|| json!({}));
            if let Value::Object(path) = path {
                path.insert(operation_key(method), operation);
            }
        }
        // `json!` would copy all of it.
        let paths = Value::Object(paths.into_iter().collect());
        let mut document = Value::Object(Map::from_iter([("paths".to_owned(), paths)]));
        let mut components = Map::new();
        let mut list = schemas.finish(&mut document);
        let problem_types = problems.add_to(&mut list);
        components.insert("schemas".into(), list.into());
        let schemes = schemes.into_map();
        if !schemes.is_empty() {
            components.insert("securitySchemes".into(), schemes.into());
        }
        let mut document = match document {
            Value::Object(document) => document,
            _ => Map::new(),
        };
        document.insert("openapi".into(), "3.1.0".into());
        let named = version.unwrap_or(&routes.version);
        let info = json!({ "title": routes.title, "version": named });
        document.insert("info".into(), info);
        document.insert("servers".into(), json!([{ "url": "/" }]));
        document.insert("components".into(), components.into());
        if !tags.is_empty() {
            let tags: Vec<_> = tags.iter().map(|name| json!({ "name": name })).collect();
            document.insert("tags".into(), tags.into());
        }
        if !problem_types.is_empty() {
            let types = problem_types::extension(&problem_types);
            document.insert("x-problem-types".into(), types);
        }
        Self {
            document,
            problem_types,
            routes: routes.list.iter().flat_map(Route::paths).collect(),
        }
    }

    /// The paths of all routes, as they are written in a router.
    #[cfg(feature = "testing")]
    pub(crate) fn routes(&self) -> &[String] {
        &self.routes
    }

    /// What the API is for; CommonMark.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.info("description", text.into().into());
        self
    }

    /// The licence of the API, and its identifier in the list of SPDX.
    pub fn license(mut self, name: impl Into<String>, identifier: impl Into<String>) -> Self {
        let license = json!({ "name": name.into(), "identifier": identifier.into() });
        self.info("license", license);
        self
    }

    /// Whom to ask about the API.
    pub fn contact(mut self, name: impl Into<String>, url: impl Into<String>) -> Self {
        self.info("contact", json!({ "name": name.into(), "url": url.into() }));
        self
    }

    /// Adds a server. Without one, it is `/`: the server that serves the document. An API whose router is
    /// nested under a prefix needs one with the prefix: `/api`.
    pub fn server(mut self, url: impl Into<String>, description: impl Into<String>) -> Self {
        let server = json!({ "url": url.into(), "description": description.into() });
        let servers = self.document.entry("servers").or_insert_with(|| json!([]));
        if let Value::Array(servers) = servers {
            servers.retain(|server| server.get("url").is_none_or(|url| url != "/"));
            servers.push(server);
        }
        self
    }

    /// What the tag of this name groups.
    pub fn tag_description(mut self, name: &str, text: impl Into<String>) -> Self {
        let tags = self.document.entry("tags").or_insert_with(|| json!([]));
        if let Value::Array(tags) = tags {
            let text = text.into();
            let found = tags
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .find(|tag| tag.get("name").is_some_and(|known| known == name));
            match found {
                Some(tag) => drop(tag.insert("description".into(), text.into())),
                None => tags.push(json!({ "name": name, "description": text })),
            }
        }
        self
    }

    /// Adds the paths, components and tags of another document: of routes that another crate
    /// describes. Everything else, such as the title, stays that of this one.
    ///
    /// # Errors
    ///
    /// If the other is not an OpenAPI document of version 3.1, or both have an operation, an
    /// `operationId` or a component of the same name that are not the same.
    ///
    /// # Example: with utoipa
    ///
    /// ```
    /// use utoipa::OpenApi;
    /// use wythe::{Api, NoContent, compose};
    ///
    /// async fn ping() -> NoContent {
    ///     NoContent
    /// }
    ///
    /// #[utoipa::path(get, path = "/legacy", responses((status = 200)))]
    /// async fn legacy() {}
    ///
    /// #[derive(OpenApi)]
    /// #[openapi(paths(legacy))]
    /// struct Theirs;
    ///
    /// let api = Api::<()>::new("Ping", "1.0.0").documented().get("/ping", compose(()).handler(ping));
    /// let document = api.openapi().merge(&Theirs::openapi())?.to_value();
    /// assert!(document["paths"]["/ping"]["get"].is_object());
    /// assert!(document["paths"]["/legacy"]["get"].is_object());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn merge(mut self, other: &impl Serialize) -> Result<Self, ConfigError> {
        let error = |message: String| ConfigError::new("OpenApi::merge", message);
        let other = serde_json::to_value(other).map_err(|source| {
            error("the other document can't be serialized as JSON".into()).because(source)
        })?;
        let version = other.get("openapi").and_then(Value::as_str);
        if !version.is_some_and(|version| version.starts_with("3.1")) {
            let found = version.unwrap_or("none");
            let message = format!("the other document must be OpenAPI 3.1, not {found}");
            return Err(error(message));
        }
        let mut ids: BTreeSet<String> = operation_ids(&self.document).collect();
        let theirs = other.as_object().into_iter().flat_map(operation_ids);
        for id in theirs {
            if !ids.insert(id.clone()) {
                return Err(error(format!(
                    "both documents have the `operationId` `{id}`: change one of them"
                )));
            }
        }
        for part in ["paths", "components"] {
            let Some(theirs) = other.get(part).and_then(Value::as_object) else {
                continue;
            };
            let ours = self.document.entry(part).or_insert_with(|| json!({}));
            for (outer, members) in theirs {
                for (name, value) in members.as_object().into_iter().flatten() {
                    let section = ours
                        .as_object_mut()
                        .map(|ours| ours.entry(outer.clone()).or_insert_with(|| json!({})))
                        .and_then(Value::as_object_mut);
                    let Some(section) = section else { continue };
                    let found = section.entry(name.clone()).or_insert_with(|| value.clone());
                    if found != value {
                        let message = format!(
                            "both documents have `{name}` in `{part}/{outer}`, with different \
                             content: remove or rename one of them"
                        );
                        return Err(error(message));
                    }
                }
            }
        }
        if let Some(Value::Array(theirs)) = other.get("tags") {
            let ours = self.document.entry("tags").or_insert_with(|| json!([]));
            if let Value::Array(ours) = ours {
                for tag in theirs {
                    if ours.iter().all(|own| own.get("name") != tag.get("name")) {
                        ours.push(tag.clone());
                    }
                }
            }
        }
        Ok(self)
    }

    /// The types of problems that the API answers.
    pub fn problem_types(&self) -> ProblemTypes {
        let info = self.document.get("info");
        let title = info
            .and_then(|info| info.get("title"))
            .and_then(Value::as_str);
        ProblemTypes::new(title.unwrap_or_default(), self.problem_types.clone())
    }

    /// The document as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.document.clone())
    }

    fn info(&mut self, name: &str, value: Value) {
        let info = self.document.entry("info").or_insert_with(|| json!({}));
        if let Value::Object(info) = info {
            info.insert(name.to_owned(), value);
        }
    }
}

/// JSON in lines, for a file.
impl fmt::Display for OpenApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string_pretty(&self.document).or(Err(fmt::Error))?;
        f.write_str(&json)
    }
}

impl Serialize for OpenApi {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

/// A name for each operation that no other has: the one that the application gives it, or else the name
/// of the handler, with as many of its modules as are needed, or the method and the path. Those that are
/// still equal are numbered.
fn unique_ids(operations: &[(&Method, &Route, Operation<'_>)]) -> Vec<String> {
    let candidates: Vec<Vec<String>> = operations
        .iter()
        .map(|(_, route, operation)| {
            let mut ids = operation.ids();
            if !operation.has_given_id() {
                ids.push(words_of(route));
            }
            ids
        })
        .collect();
    let mut chosen = vec![0; candidates.len()];
    loop {
        let ids: Vec<String> = chosen
            .iter()
            .zip(&candidates)
            .map(|(index, ids): (&usize, &Vec<String>)| {
                ids.get(*index)
                    .or_else(|| ids.last())
                    .cloned()
                    .unwrap_or_default()
            })
            .collect();
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for id in &ids {
            *counts.entry(id).or_default() += 1;
        }
        let mut is_done = true;
        for ((index, id), ids) in chosen.iter_mut().zip(&ids).zip(&candidates) {
            if counts.get(id).is_some_and(|count| *count > 1) && *index + 1 < ids.len() {
                *index += 1;
                is_done = false;
            }
        }
        if is_done {
            let given = operations.iter();
            let given = given.map(|(_, _, operation)| operation.has_given_id());
            return numbered(ids, &given.collect::<Vec<_>>());
        }
    }
}

/// The method and the words of the path: `get_users_id`.
fn words_of(route: &Route) -> String {
    let name = route.name().to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// Numbers ids that are equal: those that are made before those that are given.
fn numbered(mut ids: Vec<String>, is_given: &[bool]) -> Vec<String> {
    let mut taken: BTreeSet<String> = ids.iter().cloned().collect();
    let mut seen = BTreeSet::new();
    for turn in [true, false] {
        let in_turn = ids.iter_mut().zip(is_given);
        for (id, _) in in_turn.filter(|(_, is_given)| **is_given == turn) {
            if seen.insert(id.clone()) {
                continue;
            }
            let mut free = (2_usize..).map(|number| format!("{id}_{number}"));
            if let Some(free) = free.find(|free| !taken.contains(free)) {
                taken.insert(free.clone());
                *id = free;
            }
        }
    }
    ids
}

/// Whether the document of this version describes a route. In that of all versions, a method of a path is
/// described as it is in its newest version.
fn is_in_document(route: &Route, all: &[Route], version: Option<&str>) -> bool {
    if let Some(version) = version {
        let versions = route.versions();
        return versions.is_empty() || versions.contains(&version);
    }
    let Some(policy) = route.version_policy() else {
        return true;
    };
    let newest = |route: &Route| {
        let index = |name: &String| policy.names().iter().position(|known| known == name);
        route.options.versions.iter().filter_map(index).max()
    };
    let mut others = all
        .iter()
        .filter(|other| other.path == route.path && other.matches == route.matches);
    !others.any(|other| newest(other) > newest(route))
}

/// In the document of one version, the field that names the version has that value.
fn narrow_version(operation: &mut Value, policy: &VersionPolicy, version: &str) {
    let VersionCarrier::Field(field) = policy.carrier() else {
        return;
    };
    let is_default = policy.default_name() == Some(version);
    let parameters = operation.get_mut("parameters");
    let parameters = parameters.and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let is_field = parameter
            .get("in")
            .is_some_and(|location| location == "header")
            && parameter
                .get("name")
                .is_some_and(|name| name == field.as_str());
        if is_field && let Some(parameter) = parameter.as_object_mut() {
            parameter.insert(
                "schema".into(),
                json!({ "type": "string", "const": version }),
            );
            if !is_default {
                parameter.insert("required".into(), true.into());
            }
        }
    }
}

/// Two routes that were given the same `operationId`. Names that are made are numbered.
pub(super) fn check_operation_ids(routes: &Routes, findings: &mut Vec<Finding>) {
    let mut by_id: BTreeMap<String, Vec<&Route>> = BTreeMap::new();
    for route in &routes.list {
        let options = route.options.document();
        let Some(id) = &options.operation_id else {
            continue;
        };
        let same = by_id.entry(id.clone()).or_default();
        let other = same.iter().find(|other| other.shares_version(route));
        let other = other.map(|other| other.name());
        same.push(route);
        if let Some(other) = other {
            findings.push(Finding::fault(
                route.name(),
                format!("its `operationId` `{id}` is also that of {other}"),
                "give one of them another",
            ));
        }
    }
}

/// All `operationId`s of a document.
fn operation_ids(document: &Map<String, Value>) -> impl Iterator<Item = String> {
    let paths = document.get("paths").and_then(Value::as_object);
    let operations = paths
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_object);
    let ids = operations.flat_map(Map::values);
    ids.filter_map(|operation| Some(operation.get("operationId")?.as_str()?.to_owned()))
}

/// The path as a template: `/files/{*rest}` is `/files/{rest}`.
pub(crate) fn template(path: &str) -> String {
    let mut template = path.to_owned();
    for name in parameter_names(path) {
        template = template.replace(&format!("{{*{name}}}"), &format!("{{{name}}}"));
    }
    template
}

/// The member of a Path Item: `get`, or `x-query` for a method that OpenAPI 3.1 does not know.
pub(crate) fn operation_key(method: &Method) -> String {
    const KNOWN: [&str; 8] = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace",
    ];
    let name = method.as_str().to_ascii_lowercase();
    if KNOWN.contains(&&*name) {
        return name;
    }
    format!("x-{name}")
}

/// The options of routes about which lower floors know nothing.
impl crate::integrations::axum::RouteOptions {
    pub(super) fn document(&self) -> Cow<'_, options::OperationOptions> {
        let found = self.more.get::<options::OperationOptions>();
        found.map_or_else(Cow::default, Cow::Borrowed)
    }
}
