//! The operations of a document, and what each has: parameters, schemas, limits.

use std::{collections::BTreeMap, slice, time::Duration};

use serde_json::Value;

use super::{alternatives::list, expand::Document};
use crate::contract::description::Limit;

const METHODS: &[&str] = &[
    "get", "head", "post", "put", "patch", "delete", "options", "trace", "query",
];

/// What identifies an operation: its path, without the names of the parameters, and its method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'d> {
    pub(super) path: String,
    /// The index in [`METHODS`], so that they are sorted as they are read, and the method.
    pub(super) method: (usize, &'d str),
}

#[derive(Clone, Copy)]
pub(super) struct Operation<'d> {
    pub(super) path: &'d str,
    /// The parameters of all operations of the path.
    pub(super) path_item: &'d Value,
    pub(super) value: &'d Value,
}

impl Operation<'_> {
    pub(super) fn name(&self, (_, method): (usize, &str)) -> String {
        format!("{} {}", method.to_uppercase(), self.path)
    }
}

pub(super) fn operations<'d>(document: &Document<'d>) -> BTreeMap<Key<'d>, Operation<'d>> {
    let mut operations = BTreeMap::new();
    let paths = document.root.get("paths").and_then(Value::as_object);
    for (path, path_item) in paths.into_iter().flatten() {
        let path_item = document.resolve(path_item);
        let Value::Object(map) = path_item else {
            continue;
        };
        let known = METHODS
            .iter()
            .filter_map(|method| map.get_key_value(*method));
        // OpenAPI 3.2 has a map for other methods; for 3.1, the documents of this crate have `x-purge`.
        let more = map.get("additionalOperations").and_then(Value::as_object);
        let extensions = map.iter().filter_map(|(name, value)| {
            let method = name.strip_prefix("x-").filter(|_| is_operation(value))?;
            Some((method, value))
        });
        let all = known.chain(more.into_iter().flatten());
        let all = all.map(|(name, value)| (&**name, value));
        for (method, value) in all.chain(extensions) {
            let index = METHODS
                .iter()
                .position(|known| known.eq_ignore_ascii_case(method));
            let method = (index.unwrap_or(METHODS.len()), method);
            let operation = Operation {
                path,
                path_item,
                value,
            };
            let key = Key {
                path: without_names(path),
                method,
            };
            // Two paths that differ only by the names of their parameters are not allowed, and compared
            // by their names.
            let key = match operations.contains_key(&key) {
                true => Key {
                    path: path.clone(),
                    ..key
                },
                false => key,
            };
            operations.insert(key, operation);
        }
    }
    operations
}

/// Whether an extension of a path is an operation.
pub(super) fn is_operation(value: &Value) -> bool {
    value.get("responses").is_some_and(Value::is_object)
}

/// `/users/{}` for `/users/{id}`.
fn without_names(path: &str) -> String {
    let mut parts = path.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('{');
        text.push_str(
            part.find('}')
                .and_then(|end| part.get(end..))
                .unwrap_or(part),
        );
    }
    text
}

/// The names of the parameters of a path, in their order.
fn names_in_path(path: &str) -> Vec<&str> {
    let parts = path.split('{').skip(1);
    parts
        .filter_map(|part| Some(part.split_once('}')?.0))
        .collect()
}

/// The parameters of an operation and of its path, by their location and their name; those of the path
/// by their position in it.
pub(super) fn parameters<'d>(
    document: &Document<'d>,
    operation: &Operation<'d>,
) -> BTreeMap<(&'d str, String), &'d Value> {
    let names = names_in_path(operation.path);
    let mut parameters = BTreeMap::new();
    for value in [operation.path_item, operation.value] {
        let Value::Object(map) = value else { continue };
        for parameter in list(map, "parameters") {
            let parameter = document.resolve(parameter);
            let member = |name: &str| parameter.get(name).and_then(Value::as_str);
            let (Some(location), Some(name)) = (member("in"), member("name")) else {
                continue;
            };
            let key = match (location, names.iter().position(|known| *known == name)) {
                ("path", Some(position)) => format!("{position:02}"),
                // Names of fields are case-insensitive: RFC 9110, section 5.1.
                ("header", _) => name.to_lowercase(),
                _ => name.to_owned(),
            };
            parameters.insert((location, key), parameter);
        }
    }
    parameters
}

/// The members of an object in an object.
pub(super) fn by_name<'d>(value: &'d Value, name: &str) -> BTreeMap<String, &'d Value> {
    let map = value.get(name).and_then(Value::as_object);
    let map = map.into_iter().flatten();
    map.map(|(name, value)| (name.clone(), value)).collect()
}

/// The schema of a parameter, a header or a media type.
pub(super) fn schema_of(value: &Value) -> &Value {
    static ANYTHING: Value = Value::Bool(true);
    let content = || {
        let content = value.get("content").and_then(Value::as_object)?;
        content.values().next()?.get("schema")
    };
    value.get("schema").or_else(content).unwrap_or(&ANYTHING)
}

/// The name of a limit that has been given none.
fn name_of_numbers(limit: &Value) -> Option<String> {
    let period = limit.get("period-seconds")?.as_f64()?;
    let period = Duration::try_from_secs_f64(period).ok()?;
    Some(Limit::name_of(limit.get("limit")?.as_u64()?, period))
}

/// The limits of an operation, by their names.
pub(super) fn limits(operation: &Value) -> BTreeMap<String, &Value> {
    let written = operation.get("x-rate-limit");
    let listed = match written {
        Some(Value::Array(limits)) => &**limits,
        Some(limit) => slice::from_ref(limit),
        None => &[],
    };
    let mut limits = BTreeMap::new();
    for limit in listed {
        let name = limit.get("name").map(text);
        // A name that is made of the numbers is another when they change.
        let name = name.filter(|name| Some(name) != name_of_numbers(limit).as_ref());
        let name = name.unwrap_or_else(|| "default".to_owned());
        let same = limits
            .keys()
            .filter(|known: &&String| known.starts_with(&name))
            .count();
        // Two layers can have a limit of the same name.
        let name = match limits.contains_key(&name) {
            true => format!("{name} {}", same + 1),
            false => name,
        };
        limits.insert(name, limit);
    }
    limits
}

/// A JSON value as text: strings without quotes.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
