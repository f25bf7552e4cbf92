//! Expands a schema of a document into its alternatives: follows references, and combines what
//! compositions say.

use std::{cell::Cell, collections::BTreeSet};

use serde_json::{Map, Value};

use super::alternatives::{Alternative, OtherMembers, Type, list};

/// A schema that has more alternatives is not compared.
const MAX_ALTERNATIVES: usize = 256;
/// References and compositions that are nested deeper are not followed.
const MAX_DEPTH: usize = 64;
/// How many schemas are read for one request body, response or parameter.
const MAX_STEPS: usize = 20_000;

/// A document, in which references are followed.
pub(super) struct Document<'d> {
    pub(super) root: &'d Value,
    /// What is left of [`MAX_STEPS`]: a small document can describe a schema of any size.
    steps: Cell<usize>,
}

/// Which way a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Input,
    Output,
}

impl<'d> Document<'d> {
    pub(super) const fn new(root: &'d Value) -> Self {
        Self {
            root,
            steps: Cell::new(MAX_STEPS),
        }
    }

    /// Another schema is read from here on.
    pub(super) fn restart(&self) {
        self.steps.set(MAX_STEPS);
    }

    /// `None` once too many steps were taken.
    fn step(&self, count: usize) -> Option<()> {
        self.steps.set(self.steps.get().checked_sub(count)?);
        Some(())
    }

    /// The alternatives of two schemas that both hold; `None` if they are too many.
    fn both(
        &self,
        left: &[Alternative<'d>],
        right: &[Alternative<'d>],
    ) -> Option<Vec<Alternative<'d>>> {
        let count = left.len().saturating_mul(right.len());
        self.step(count)?;
        if count > MAX_ALTERNATIVES {
            return None;
        }
        let pairs = left
            .iter()
            .flat_map(|left| right.iter().map(move |right| left.and(right)));
        Some(pairs.flatten().collect())
    }

    /// The value that a reference in this document names.
    pub(super) fn find(&self, reference: &str) -> Option<&'d Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// The object itself, if this is a reference to one.
    pub(super) fn resolve(&self, mut value: &'d Value) -> &'d Value {
        for _ in 0..MAX_DEPTH {
            let reference = value.get("$ref").and_then(Value::as_str);
            match reference.and_then(|reference| self.find(reference)) {
                Some(target) => value = target,
                None => break,
            }
        }
        value
    }

    /// The alternatives of a schema; `None` if it is too large or too deep.
    pub(super) fn alternatives(
        &self,
        node: &[&'d Value],
        direction: Direction,
    ) -> Option<Vec<Alternative<'d>>> {
        let mut all = vec![Alternative::new(Type::Any)];
        for schema in node {
            all = self.both(&all, &self.expand(schema, direction, &mut Vec::new(), 0)?)?;
        }
        Some(merged(all))
    }

    fn expand(
        &self,
        schema: &'d Value,
        direction: Direction,
        references: &mut Vec<&'d str>,
        depth: usize,
    ) -> Option<Vec<Alternative<'d>>> {
        self.step(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let map = match schema {
            Value::Object(map) => map,
            Value::Bool(true) => return Some(vec![Alternative::new(Type::Any)]),
            Value::Bool(false) => return Some(Vec::new()),
            other => return Some(vec![Alternative::unknown("schema", other.to_string())]),
        };
        let mut all = self.own_keywords(map, direction);
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            let target = self.referenced(reference, direction, references, depth)?;
            all = self.both(&all, &target)?;
        }
        for part in list(map, "allOf") {
            all = self.both(&all, &self.expand(part, direction, references, depth + 1)?)?;
        }
        for keyword in ["anyOf", "oneOf"] {
            if !map.contains_key(keyword) {
                continue;
            }
            let mut some = Vec::new();
            for part in list(map, keyword) {
                some.extend(self.expand(part, direction, references, depth + 1)?);
                if some.len() > MAX_ALTERNATIVES {
                    return None;
                }
            }
            all = self.both(&all, &some)?;
        }
        Some(all)
    }

    fn referenced(
        &self,
        reference: &'d str,
        direction: Direction,
        references: &mut Vec<&'d str>,
        depth: usize,
    ) -> Option<Vec<Alternative<'d>>> {
        let target = self.find(reference);
        let Some(target) = target.filter(|_| !references.contains(&reference)) else {
            return Some(vec![Alternative::unknown("$ref", reference.to_owned())]);
        };
        references.push(reference);
        let mut all = self.expand(target, direction, references, depth + 1)?;
        references.pop();
        if let [alternative] = &mut *all {
            alternative.name = reference.rsplit('/').next();
        }
        Some(all)
    }

    /// What the keywords of one schema say, without those that contain alternatives.
    fn own_keywords(
        &self,
        map: &'d Map<String, Value>,
        direction: Direction,
    ) -> Vec<Alternative<'d>> {
        let values: Option<Vec<&Value>> = match (map.get("const"), map.get("enum")) {
            (Some(value), _) => Some(vec![value]),
            (None, Some(Value::Array(values))) => Some(values.iter().collect()),
            _ => None,
        };
        let mut unknown = None;
        let mut types: BTreeSet<Type> = match (map.get("type"), &values) {
            (Some(Value::String(name)), _) => Type::parse(name).into_iter().collect(),
            (Some(Value::Array(names)), _) => {
                let names = names.iter().filter_map(Value::as_str);
                names.filter_map(Type::parse).collect()
            }
            (None, Some(values)) => values.iter().map(|value| Type::of(value)).collect(),
            _ => BTreeSet::from([Type::Any]),
        };
        if let Some(written) = map.get("type")
            && types.is_empty()
        {
            unknown = Some(written.to_string());
            types.insert(Type::Any);
        }
        // OpenAPI 3.0 had it, and some tools still write it.
        if map.get("nullable") == Some(&Value::Bool(true)) {
            types.insert(Type::Null);
        }
        if types.contains(&Type::Number) {
            types.remove(&Type::Integer);
        }
        let alternatives = types.into_iter().filter_map(|kind| {
            let mut alternative = Alternative::new(kind);
            if let Some(text) = &unknown {
                alternative
                    .opaque
                    .insert("type", BTreeSet::from([text.clone()]));
            }
            if let Some(values) = &values {
                let values = values.iter().filter(|value| kind.has(value));
                let values: BTreeSet<String> = values.map(|value| value.to_string()).collect();
                if values.is_empty() {
                    return None;
                }
                alternative.values = (kind != Type::Null).then_some(values);
            }
            alternative.read_bounds(map);
            self.read_opaque(&mut alternative, map);
            if matches!(kind, Type::Any | Type::Object) {
                self.read_object(&mut alternative, map, direction);
            }
            if matches!(kind, Type::Any | Type::Array) {
                alternative.read_array(map);
            }
            Some(alternative)
        });
        alternatives.collect()
    }

    fn read_opaque(&self, alternative: &mut Alternative<'d>, map: &'d Map<String, Value>) {
        const COMMON: &[&str] = &["not", "$dynamicRef"];
        let keywords: &[&'static str] = match alternative.kind {
            Type::Any => &[
                "pattern",
                "format",
                "contentEncoding",
                "contentMediaType",
                "contentSchema",
                "multipleOf",
                "uniqueItems",
                "contains",
                "minContains",
                "maxContains",
                "unevaluatedItems",
                "patternProperties",
                "propertyNames",
                "dependentRequired",
                "dependentSchemas",
            ],
            Type::String => &[
                "pattern",
                "format",
                "contentEncoding",
                "contentMediaType",
                "contentSchema",
            ],
            Type::Integer | Type::Number => &["multipleOf", "format"],
            Type::Array => &[
                "uniqueItems",
                "contains",
                "minContains",
                "maxContains",
                "unevaluatedItems",
            ],
            Type::Object => &[
                "patternProperties",
                "propertyNames",
                "dependentRequired",
                "dependentSchemas",
            ],
            Type::Null | Type::Boolean => &[],
        };
        for keyword in COMMON.iter().chain(keywords) {
            if let Some(value) = map.get(*keyword)
                && *value != Value::Bool(false)
            {
                let value = self.inline_references(value, 0);
                alternative
                    .opaque
                    .insert(keyword, BTreeSet::from([value.to_string()]));
            }
        }
        if map.contains_key("if") {
            let parts = ["if", "then", "else"].map(|part| map.get(part));
            let parts = parts.map(|part| part.map(|part| self.inline_references(part, 0)));
            let text = Value::from_iter(parts.map(Option::unwrap_or_default)).to_string();
            alternative.opaque.insert("if", BTreeSet::from([text]));
        }
    }

    /// A schema with the schemas that it refers to, as far as they are not nested too deep, and without
    /// texts for readers.
    fn inline_references(&self, value: &Value, depth: usize) -> Value {
        const MAX_DEPTH: usize = 6;
        match value {
            Value::Object(map) => {
                let target = map.get("$ref").and_then(Value::as_str);
                let target = target.filter(|_| depth < MAX_DEPTH && self.step(1).is_some());
                let mut written: Map<String, Value> = map
                    .iter()
                    .filter(|(name, value)| !(value.is_string() && is_text(name)))
                    .map(|(name, value)| (name.clone(), self.inline_references(value, depth)))
                    .collect();
                if let Some(target) = target.and_then(|target| self.find(target)) {
                    written.insert("$ref".to_owned(), self.inline_references(target, depth + 1));
                }
                Value::Object(written)
            }
            Value::Array(values) => values
                .iter()
                .map(|value| self.inline_references(value, depth))
                .collect(),
            other => other.clone(),
        }
    }

    fn read_object(
        &self,
        alternative: &mut Alternative<'d>,
        map: &'d Map<String, Value>,
        direction: Direction,
    ) {
        // A server ignores what is `readOnly` in a request, and never sends what is `writeOnly`.
        let keyword = match direction {
            Direction::Input => "readOnly",
            Direction::Output => "writeOnly",
        };
        let is_hidden = |schema: &'d Value| {
            let is_set = |schema: &Value| schema.get(keyword) == Some(&Value::Bool(true));
            is_set(schema) || is_set(self.resolve(schema))
        };
        let required = list(map, "required").filter_map(Value::as_str);
        alternative.required = required.collect();
        if let Some(Value::Object(properties)) = map.get("properties") {
            for (name, schema) in properties {
                if is_hidden(schema) {
                    alternative.required.remove(&**name);
                } else {
                    alternative.properties.insert(name, vec![schema]);
                }
            }
        }
        let other = map.get("additionalProperties");
        alternative.other_members = match other.or_else(|| map.get("unevaluatedProperties")) {
            None | Some(Value::Bool(true)) => OtherMembers::Allowed,
            Some(Value::Bool(false)) => OtherMembers::Rejected,
            Some(Value::Object(map)) if map.is_empty() => OtherMembers::Allowed,
            Some(schema) => OtherMembers::With(vec![schema]),
        };
    }
}

/// One `enum` for each type, and no alternative that another one includes.
fn merged(all: Vec<Alternative<'_>>) -> Vec<Alternative<'_>> {
    let free: BTreeSet<Type> = all
        .iter()
        .filter(|alternative| alternative.is_unrestricted())
        .map(|alternative| alternative.kind)
        .collect();
    if free.contains(&Type::Any) {
        return vec![Alternative::new(Type::Any)];
    }
    let mut merged: Vec<Alternative<'_>> = Vec::new();
    for alternative in all {
        let kind = alternative.kind;
        let known = merged
            .iter_mut()
            .find(|known| known.kind == kind && known.is_plain());
        match (&alternative.values, known) {
            (Some(_), _) if free.contains(&kind) => {}
            (Some(values), Some(known)) if alternative.is_plain() => {
                if let Some(known) = &mut known.values {
                    known.extend(values.iter().cloned());
                    continue;
                }
                merged.push(alternative);
            }
            (None, Some(known)) if alternative.is_plain() && known.is_unrestricted() => {}
            _ => merged.push(alternative),
        }
    }
    merged
}

/// Whether a keyword of a schema is a text for readers.
fn is_text(keyword: &str) -> bool {
    matches!(keyword, "description" | "title" | "$comment")
}
