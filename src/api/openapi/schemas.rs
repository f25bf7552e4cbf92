//! The schemas of types, and the one list that a document keeps of them.

use std::collections::BTreeMap;

use schemars::{
    JsonSchema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value, json};

use crate::wire::type_name;

const INPUTS: &str = "#/components/schemas/";

/// Until it is known which types look the same in both directions.
const OUTPUTS: &str = "#/components/outputs/";

/// Makes the schemas of types, for [`DocumentInput`](super::DocumentInput) and
/// [`DocumentResponse`](super::DocumentResponse).
///
/// A type may be read and written differently: a field with a default is optional in a request and
/// present in a response. The document then has both, and the second ends in `-Output`.
#[derive(Debug)]
pub struct Schemas {
    inputs: SchemaGenerator,
    outputs: SchemaGenerator,
    /// The names of generic types with their arguments, by the names that schemars gives them.
    generic_inputs: BTreeMap<String, String>,
    generic_outputs: BTreeMap<String, String>,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = |path: &'static str| {
            SchemaSettings::draft2020_12()
                .with(|settings| {
                    settings.meta_schema = None;
                    settings.definitions_path = path.trim_start_matches('#').into();
                })
                .with_transform(RecursiveTransform(bound_integers))
        };
        Self {
            inputs: settings(INPUTS).for_deserialize().into_generator(),
            outputs: settings(OUTPUTS).for_serialize().into_generator(),
            generic_inputs: BTreeMap::new(),
            generic_outputs: BTreeMap::new(),
        }
    }

    /// The schema of a type in a request.
    pub fn input<T: JsonSchema + ?Sized>(&mut self) -> Value {
        let schema = finished(self.inputs.subschema_for::<T>());
        self.generic_inputs
            .extend(generic_name::<T>(&schema, INPUTS));
        schema
    }

    /// The schema of a type in a response.
    pub fn output<T: JsonSchema + ?Sized>(&mut self) -> Value {
        let schema = finished(self.outputs.subschema_for::<T>());
        self.generic_outputs
            .extend(generic_name::<T>(&schema, OUTPUTS));
        schema
    }

    /// What a schema of a request refers to; the schema itself if it does not refer.
    pub(super) fn resolve(&self, schema: &Value) -> Value {
        let mut schema = schema.clone();
        // A reference to a reference; a cycle ends as well.
        for _ in 0..8 {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let name = reference.and_then(|reference| reference.strip_prefix(INPUTS));
            let Some(found) = name.and_then(|name| self.inputs.definitions().get(name)) else {
                break;
            };
            schema = found.clone();
        }
        bound(schema)
    }

    /// The list of all schemas that a document refers to. The references in the document are changed
    /// to the names in the list.
    pub(super) fn finish(mut self, document: &mut Value) -> Map<String, Value> {
        let mut list = self.inputs.take_definitions(true);
        keep_used(&mut list, INPUTS, document);
        rename(&mut list, document, INPUTS, &self.generic_inputs);
        let mut outputs = self.outputs.take_definitions(true);
        keep_used(&mut outputs, OUTPUTS, document);
        rename(&mut outputs, document, OUTPUTS, &self.generic_outputs);
        let names = output_names(&list, &outputs);
        for (name, mut schema) in outputs {
            if let Some(written) = names.get(&name) {
                rename_references(&mut schema, &names);
                list.entry(written.clone()).or_insert(schema);
            }
        }
        rename_references(document, &names);
        keep_valid_names(list, document)
    }
}

/// The name that schemars gives a generic type, and one with its arguments: `Page2`, `Page_Boat`.
/// schemars numbers generic types in the order in which it meets them, so that a new route would change
/// the names of others.
fn generic_name<T: ?Sized>(schema: &Value, prefix: &str) -> Option<(String, String)> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix(prefix)?;
    let with_arguments = type_name::<T>();
    let (own, _) = with_arguments.split_once('<')?;
    // Another name is one that the application has given it.
    let is_numbered = name
        .strip_prefix(own)?
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    let words = with_arguments.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    is_numbered.then(|| (name.to_owned(), words.join("_")))
}

/// Renames schemas, and the references to them, where the new name is free.
fn rename(
    list: &mut Map<String, Value>,
    document: &mut Value,
    prefix: &str,
    names: &BTreeMap<String, String>,
) {
    for (name, new) in names {
        if list.contains_key(new) {
            continue;
        }
        let Some(schema) = list.remove(name) else {
            continue;
        };
        list.insert(new.clone(), schema);
        let change = &mut |reference: &str| {
            (reference.strip_prefix(prefix)? == name).then(|| format!("{prefix}{new}"))
        };
        for_each_reference(document, change);
        for schema in list.values_mut() {
            for_each_reference(schema, change);
        }
    }
}

/// Removes the schemas that nothing refers to: those of queries, whose members are parameters.
fn keep_used(list: &mut Map<String, Value>, prefix: &str, document: &mut Value) {
    let mut names = Vec::new();
    add_names(document, prefix, &mut names);
    let mut used = Map::new();
    while let Some(name) = names.pop() {
        if let Some(mut schema) = list.remove(&name) {
            add_names(&mut schema, prefix, &mut names);
            used.insert(name, schema);
        }
    }
    used.sort_keys();
    *list = used;
}

/// The names of the schemas that a value refers to.
fn add_names(value: &mut Value, prefix: &str, names: &mut Vec<String>) {
    for_each_reference(value, &mut |reference| {
        names.extend(reference.strip_prefix(prefix).map(decoded));
        None
    });
}

/// The name in the list for each type in a response: its own if it looks the same in a request, or is
/// in none.
fn output_names(
    inputs: &Map<String, Value>,
    outputs: &Map<String, Value>,
) -> BTreeMap<String, String> {
    let same = outputs.keys().map(|name| (name.clone(), name.clone()));
    let mut names: BTreeMap<_, _> = same.collect();
    // A type differs if it refers to one that does.
    loop {
        let mut changed = false;
        for (name, schema) in outputs {
            let Some(input) = inputs.get(name) else {
                continue;
            };
            let mut renamed = schema.clone();
            rename_references(&mut renamed, &names);
            if renamed != *input && names.get(name) == Some(name) {
                names.insert(name.clone(), format!("{name}-Output"));
                changed = true;
            }
        }
        if !changed {
            return names;
        }
    }
}

fn rename_references(value: &mut Value, names: &BTreeMap<String, String>) {
    for_each_reference(value, &mut |reference| {
        let name = decoded(reference.strip_prefix(OUTPUTS)?);
        Some(format!("{INPUTS}{}", names.get(&name)?))
    });
}

/// Names of components are letters, digits, `.`, `-` and `_` (OpenAPI 3.1, section 4.8.7).
fn keep_valid_names(list: Map<String, Value>, document: &mut Value) -> Map<String, Value> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for name in list.keys() {
        let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let mut valid: String = name
            .chars()
            .map(|c| if is_valid(c) { c } else { '_' })
            .collect();
        while names.values().any(|other| *other == valid) {
            valid.push('_');
        }
        names.insert(name.clone(), valid);
    }
    let rename = &mut |reference: &str| {
        let name = decoded(reference.strip_prefix(INPUTS)?);
        Some(format!("{INPUTS}{}", names.get(&name)?))
    };
    for_each_reference(document, rename);
    let renamed = list.into_iter().map(|(name, mut schema)| {
        for_each_reference(&mut schema, rename);
        (names.get(&name).cloned().unwrap_or(name), schema)
    });
    renamed.collect()
}

/// schemars writes names as a part of a URI.
fn decoded(name: &str) -> String {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    name.replace("~1", "/").replace("~0", "~")
}

fn for_each_reference(value: &mut Value, rename: &mut dyn FnMut(&str) -> Option<String>) {
    match value {
        Value::Array(items) => {
            for item in items {
                for_each_reference(item, rename);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(reference) if name == "$ref" => {
                        if let Some(new) = rename(reference) {
                            *reference = new;
                        }
                    }
                    member => for_each_reference(member, rename),
                }
            }
        }
        _ => {}
    }
}

/// schemars applies transforms to definitions, and not to what it has inlined.
fn finished(schema: schemars::Schema) -> Value {
    bound(schema.to_value())
}

fn bound(schema: Value) -> Value {
    let Ok(mut schema) = schemars::Schema::try_from(schema.clone()) else {
        return schema;
    };
    RecursiveTransform(bound_integers).transform(&mut schema);
    schema.to_value()
}

/// serde rejects what does not fit into an integer, so the schema must reject it too.
fn bound_integers(schema: &mut schemars::Schema) {
    let (min, max) = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => (json!(i32::MIN), json!(i32::MAX)),
        Some("uint32") => (json!(0), json!(u32::MAX)),
        Some("int64" | "int") => (json!(i64::MIN), json!(i64::MAX)),
        Some("uint64" | "uint") => (json!(0), json!(u64::MAX)),
        _ => return,
    };
    // `0` that schemars has written is the same.
    schema.ensure_object().entry("minimum").or_insert(min);
    schema.ensure_object().entry("maximum").or_insert(max);
}

/// The schema of each parameter that this schema of an object has, and whether it is required.
pub(super) fn members(schema: &Value) -> Vec<(String, Value, bool)> {
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    properties
        .map(|(name, schema)| (name.clone(), schema.clone(), required(name)))
        .collect()
}
