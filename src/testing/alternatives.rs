//! A schema as a list of alternatives, each of one type: so the many ways to write the same schema
//! become one, and two schemas can be compared keyword by keyword.
//!
//! `type: [string, null]`, `anyOf` with `null`, `$ref` with keywords beside it, `allOf`, and a `oneOf`
//! of constants in place of an `enum` all come out alike.

use std::{
    cell::Cell,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    ptr,
};

use serde_json::{Map, Number, Value};

/// A schema that has more alternatives is not compared.
const MOST_ALTERNATIVES: usize = 256;
/// References and compositions that are nested deeper are not followed.
const DEEPEST: usize = 64;
/// How many schemas are read for one request body, response or parameter.
const MOST_STEPS: usize = 20_000;

/// A document, in which references are followed.
pub(super) struct Document<'d> {
    pub(super) root: &'d Value,
    /// What is left of [`MOST_STEPS`]: a small document can describe a schema of any size.
    steps: Cell<usize>,
}

/// Schemas that all hold at one place.
pub(super) type Node<'d> = Vec<&'d Value>;

/// Which way a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Input,
    Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    Any,
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// One end of a range, such as `maximum: 10`.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) number: Number,
    pub(super) is_exclusive: bool,
}

/// What an object may have besides its properties.
#[derive(Clone, Debug)]
pub(super) enum OtherMembers<'d> {
    Allowed,
    Rejected,
    With(Node<'d>),
}

#[derive(Clone, Debug)]
pub(super) struct Alternative<'d> {
    pub(super) kind: Type,
    /// The name of the schema in `components`, if it has one.
    pub(super) name: Option<&'d str>,
    /// The values of `enum` and `const`, as JSON.
    pub(super) values: Option<BTreeSet<String>>,
    /// `minimum`, `maxLength` and the like; exclusive ones are under the name of the inclusive one.
    pub(super) bounds: BTreeMap<&'static str, Bound>,
    /// Keywords that are compared as they are: the value of each that holds, as JSON.
    pub(super) opaque: BTreeMap<&'static str, BTreeSet<String>>,
    pub(super) properties: BTreeMap<&'d str, Node<'d>>,
    pub(super) required: BTreeSet<&'d str>,
    pub(super) other_members: OtherMembers<'d>,
    /// The items that have a place of their own.
    pub(super) prefix: Vec<Node<'d>>,
    pub(super) items: Node<'d>,
}

impl<'d> Document<'d> {
    pub(super) const fn new(root: &'d Value) -> Self {
        Self {
            root,
            steps: Cell::new(MOST_STEPS),
        }
    }

    /// Another schema is read from here on.
    pub(super) fn restart(&self) {
        self.steps.set(MOST_STEPS);
    }

    /// `None` once too many steps were taken.
    fn step(&self, count: usize) -> Option<()> {
        self.steps.set(self.steps.get().checked_sub(count)?);
        Some(())
    }

    /// The alternatives of two schemas that both hold; `None` if they are too many.
    fn both(
        &self,
        one: &[Alternative<'d>],
        another: &[Alternative<'d>],
    ) -> Option<Vec<Alternative<'d>>> {
        let count = one.len().saturating_mul(another.len());
        self.step(count)?;
        if count > MOST_ALTERNATIVES {
            return None;
        }
        let pairs = one
            .iter()
            .flat_map(|one| another.iter().map(move |another| one.and(another)));
        Some(pairs.flatten().collect())
    }

    /// The value that a reference in this document names.
    pub(super) fn find(&self, reference: &str) -> Option<&'d Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// The object itself, if this is a reference to one.
    pub(super) fn resolve(&self, mut value: &'d Value) -> &'d Value {
        for _ in 0..DEEPEST {
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
        if depth > DEEPEST {
            return None;
        }
        let map = match schema {
            Value::Object(map) => map,
            Value::Bool(true) => return Some(vec![Alternative::new(Type::Any)]),
            Value::Bool(false) => return Some(Vec::new()),
            other => return Some(vec![Alternative::unknown("schema", other.to_string())]),
        };
        let mut all = self.own(map, direction);
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
                if some.len() > MOST_ALTERNATIVES {
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
        if let [one] = &mut *all {
            one.name = reference.rsplit('/').next();
        }
        Some(all)
    }

    /// What the keywords of one schema say, without those that contain alternatives.
    fn own(&self, map: &'d Map<String, Value>, direction: Direction) -> Vec<Alternative<'d>> {
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
            let mut one = Alternative::new(kind);
            if let Some(text) = &unknown {
                one.opaque.insert("type", BTreeSet::from([text.clone()]));
            }
            if let Some(values) = &values {
                let values = values.iter().filter(|value| kind.has(value));
                let values: BTreeSet<String> = values.map(|value| value.to_string()).collect();
                if values.is_empty() {
                    return None;
                }
                one.values = (kind != Type::Null).then_some(values);
            }
            one.read_bounds(map);
            self.read_opaque(&mut one, map);
            if matches!(kind, Type::Any | Type::Object) {
                self.read_object(&mut one, map, direction);
            }
            if matches!(kind, Type::Any | Type::Array) {
                one.read_array(map);
            }
            Some(one)
        });
        alternatives.collect()
    }

    fn read_opaque(&self, one: &mut Alternative<'d>, map: &'d Map<String, Value>) {
        const OF_ALL: &[&str] = &["not", "$dynamicRef"];
        let keywords: &[&'static str] = match one.kind {
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
        for keyword in OF_ALL.iter().chain(keywords) {
            if let Some(value) = map.get(*keyword)
                && *value != Value::Bool(false)
            {
                let value = self.written_out(value, 0);
                one.opaque
                    .insert(keyword, BTreeSet::from([value.to_string()]));
            }
        }
        if map.contains_key("if") {
            let parts = ["if", "then", "else"].map(|part| map.get(part));
            let parts = parts.map(|part| part.map(|part| self.written_out(part, 0)));
            let text = Value::from_iter(parts.map(Option::unwrap_or_default)).to_string();
            one.opaque.insert("if", BTreeSet::from([text]));
        }
    }

    /// A schema with the schemas that it refers to, as far as they are not nested too deep, and without
    /// texts for readers.
    fn written_out(&self, value: &Value, depth: usize) -> Value {
        const DEEPEST: usize = 6;
        match value {
            Value::Object(map) => {
                let target = map.get("$ref").and_then(Value::as_str);
                let target = target.filter(|_| depth < DEEPEST && self.step(1).is_some());
                let mut written: Map<String, Value> = map
                    .iter()
                    .filter(|(name, value)| !(value.is_string() && is_text(name)))
                    .map(|(name, value)| (name.clone(), self.written_out(value, depth)))
                    .collect();
                if let Some(target) = target.and_then(|target| self.find(target)) {
                    written.insert("$ref".to_owned(), self.written_out(target, depth + 1));
                }
                Value::Object(written)
            }
            Value::Array(values) => values
                .iter()
                .map(|value| self.written_out(value, depth))
                .collect(),
            other => other.clone(),
        }
    }

    fn read_object(
        &self,
        one: &mut Alternative<'d>,
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
        one.required = required.collect();
        if let Some(Value::Object(properties)) = map.get("properties") {
            for (name, schema) in properties {
                if is_hidden(schema) {
                    one.required.remove(&**name);
                } else {
                    one.properties.insert(name, vec![schema]);
                }
            }
        }
        let other = map.get("additionalProperties");
        one.other_members = match other.or_else(|| map.get("unevaluatedProperties")) {
            None | Some(Value::Bool(true)) => OtherMembers::Allowed,
            Some(Value::Bool(false)) => OtherMembers::Rejected,
            Some(Value::Object(map)) if map.is_empty() => OtherMembers::Allowed,
            Some(schema) => OtherMembers::With(vec![schema]),
        };
    }
}

/// Whether a keyword of a schema is a text for readers.
fn is_text(keyword: &str) -> bool {
    matches!(keyword, "description" | "title" | "$comment")
}

impl<'d> Alternative<'d> {
    pub(super) const fn new(kind: Type) -> Self {
        Self {
            kind,
            name: None,
            values: None,
            bounds: BTreeMap::new(),
            opaque: BTreeMap::new(),
            properties: BTreeMap::new(),
            required: BTreeSet::new(),
            other_members: OtherMembers::Allowed,
            prefix: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Any value, as far as a keyword allows that is compared as it is.
    fn unknown(keyword: &'static str, text: String) -> Self {
        let mut one = Self::new(Type::Any);
        one.opaque.insert(keyword, BTreeSet::from([text]));
        one
    }

    /// Whether only `values` restrict the type.
    fn is_plain(&self) -> bool {
        self.bounds.is_empty()
            && self.opaque.is_empty()
            && self.properties.is_empty()
            && self.required.is_empty()
            && matches!(self.other_members, OtherMembers::Allowed)
            && self.prefix.is_empty()
            && self.items.is_empty()
    }

    /// Whether every value of the type is possible.
    pub(super) fn is_free(&self) -> bool {
        self.values.is_none() && self.is_plain()
    }

    fn read_bounds(&mut self, map: &Map<String, Value>) {
        const NUMBER: &[(&str, &str, bool)] = &[
            ("minimum", "minimum", false),
            ("exclusiveMinimum", "minimum", true),
            ("maximum", "maximum", false),
            ("exclusiveMaximum", "maximum", true),
        ];
        const STRING: &[(&str, &str, bool)] = &[
            ("minLength", "minLength", false),
            ("maxLength", "maxLength", false),
        ];
        const ARRAY: &[(&str, &str, bool)] = &[
            ("minItems", "minItems", false),
            ("maxItems", "maxItems", false),
        ];
        const OBJECT: &[(&str, &str, bool)] = &[
            ("minProperties", "minProperties", false),
            ("maxProperties", "maxProperties", false),
        ];
        let groups: &[&[(&'static str, &'static str, bool)]] = match self.kind {
            Type::Any => &[NUMBER, STRING, ARRAY, OBJECT],
            Type::Integer | Type::Number => &[NUMBER],
            Type::String => &[STRING],
            Type::Array => &[ARRAY],
            Type::Object => &[OBJECT],
            Type::Null | Type::Boolean => &[],
        };
        for (keyword, name, is_exclusive) in groups.iter().copied().flatten() {
            let Some(Value::Number(number)) = map.get(*keyword) else {
                continue;
            };
            // A length of at least 0 says nothing.
            if name.starts_with("min") && *name != "minimum" && number.as_u64() == Some(0) {
                continue;
            }
            let mut bound = Bound {
                number: number.clone(),
                is_exclusive: *is_exclusive,
            };
            if self.kind == Type::Integer {
                bound.make_inclusive(name);
            }
            self.narrow(name, &bound);
        }
    }

    /// Keeps the tighter of two bounds.
    fn narrow(&mut self, name: &'static str, bound: &Bound) {
        let is_tighter = self
            .bounds
            .get(name)
            .is_none_or(|known| bound.tightness(name, known) == Ordering::Greater);
        if is_tighter {
            self.bounds.insert(name, bound.clone());
        }
    }

    fn read_array(&mut self, map: &'d Map<String, Value>) {
        let prefix = list(map, "prefixItems");
        self.prefix = prefix.map(|schema| vec![schema]).collect();
        match map.get("items") {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Object(map)) if map.is_empty() => {}
            // Older drafts.
            Some(Value::Array(items)) => self.prefix = items.iter().map(|one| vec![one]).collect(),
            Some(items) => self.items = vec![items],
        }
    }

    /// What both allow; `None` if that is nothing.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut all = self.clone();
        all.kind = match (self.kind, other.kind) {
            (one, Type::Any) | (Type::Any, one) => one,
            (Type::Integer, Type::Number) | (Type::Number, Type::Integer) => Type::Integer,
            (one, another) if one == another => one,
            _ => return None,
        };
        all.name = self.name.or(other.name);
        all.values = match (&self.values, &other.values) {
            (Some(one), Some(another)) => {
                let values: BTreeSet<String> = one.intersection(another).cloned().collect();
                if values.is_empty() {
                    return None;
                }
                Some(values)
            }
            (one, another) => one.as_ref().or(another.as_ref()).cloned(),
        };
        for (name, bound) in &other.bounds {
            all.narrow(name, bound);
        }
        for (keyword, texts) in &other.opaque {
            all.opaque
                .entry(keyword)
                .or_default()
                .extend(texts.iter().cloned());
        }
        for (name, node) in &other.properties {
            add(all.properties.entry(name).or_default(), node);
        }
        all.required.extend(&other.required);
        all.other_members = match (&self.other_members, &other.other_members) {
            (OtherMembers::Rejected, _) | (_, OtherMembers::Rejected) => OtherMembers::Rejected,
            (OtherMembers::Allowed, one) | (one, OtherMembers::Allowed) => one.clone(),
            (OtherMembers::With(one), OtherMembers::With(another)) => {
                let mut node = one.clone();
                add(&mut node, another);
                OtherMembers::With(node)
            }
        };
        for (index, node) in other.prefix.iter().enumerate() {
            match all.prefix.get_mut(index) {
                Some(known) => add(known, node),
                None => all.prefix.push(node.clone()),
            }
        }
        add(&mut all.items, &other.items);
        // Keywords that say nothing about the type that is left.
        if self.kind != other.kind {
            all.drop_foreign();
        }
        Some(all)
    }

    fn drop_foreign(&mut self) {
        let kind = self.kind;
        let is_number = matches!(kind, Type::Integer | Type::Number);
        self.bounds.retain(|name, _| match *name {
            "minimum" | "maximum" => is_number,
            "minLength" | "maxLength" => kind == Type::String,
            "minItems" | "maxItems" => kind == Type::Array,
            _ => kind == Type::Object,
        });
        self.opaque.retain(|keyword, _| match *keyword {
            "pattern" | "contentEncoding" | "contentMediaType" | "contentSchema" => {
                kind == Type::String
            }
            "format" => is_number || kind == Type::String,
            "multipleOf" => is_number,
            "uniqueItems" | "contains" | "minContains" | "maxContains" | "unevaluatedItems" => {
                kind == Type::Array
            }
            "patternProperties" | "propertyNames" | "dependentRequired" | "dependentSchemas" => {
                kind == Type::Object
            }
            _ => true,
        });
        if kind != Type::Object {
            self.properties.clear();
            self.required.clear();
            self.other_members = OtherMembers::Allowed;
        }
        if kind != Type::Array {
            self.prefix.clear();
            self.items.clear();
        }
    }
}

/// One `enum` for each type, and nothing that another alternative includes.
fn merged(all: Vec<Alternative<'_>>) -> Vec<Alternative<'_>> {
    let free: BTreeSet<Type> = all
        .iter()
        .filter(|one| one.is_free())
        .map(|one| one.kind)
        .collect();
    if free.contains(&Type::Any) {
        return vec![Alternative::new(Type::Any)];
    }
    let mut merged: Vec<Alternative<'_>> = Vec::new();
    for one in all {
        let kind = one.kind;
        let known = merged
            .iter_mut()
            .find(|known| known.kind == kind && known.is_plain());
        match (&one.values, known) {
            (Some(_), _) if free.contains(&kind) => {}
            (Some(values), Some(known)) if one.is_plain() => {
                if let Some(known) = &mut known.values {
                    known.extend(values.iter().cloned());
                    continue;
                }
                merged.push(one);
            }
            (None, Some(known)) if one.is_plain() && known.is_free() => {}
            _ => merged.push(one),
        }
    }
    merged
}

/// Adds schemas that are not there yet.
fn add<'d>(node: &mut Node<'d>, more: &[&'d Value]) {
    for schema in more {
        if !node.iter().any(|known| ptr::eq(*known, *schema)) {
            node.push(schema);
        }
    }
}

/// The values of an array; nothing if it is not one.
pub(super) fn list<'d>(
    map: &'d Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'d Value> + use<'d> {
    map.get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

impl Type {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    fn has(self, value: &Value) -> bool {
        let kind = Self::of(value);
        kind == self || self == Self::Any || self == Self::Number && kind == Self::Integer
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl Bound {
    /// `exclusiveMinimum: 0` of an integer is `minimum: 1`.
    fn make_inclusive(&mut self, name: &str) {
        let step = if name.starts_with("min") { 1 } else { -1 };
        let next = integer(&self.number).map(|number| number + step);
        if let (true, Some(next)) = (self.is_exclusive, next)
            && let Some(number) = Number::from_i128(next)
        {
            *self = Self {
                number,
                is_exclusive: false,
            };
        }
    }

    /// `Greater` if it allows less than the other.
    pub(super) fn tightness(&self, name: &str, other: &Self) -> Ordering {
        let order = match (integer(&self.number), integer(&other.number)) {
            (Some(one), Some(another)) => one.cmp(&another),
            _ => {
                let (one, another) = (self.number.as_f64(), other.number.as_f64());
                one.partial_cmp(&another).unwrap_or(Ordering::Equal)
            }
        };
        let order = if name.starts_with("min") {
            order
        } else {
            order.reverse()
        };
        order.then(self.is_exclusive.cmp(&other.is_exclusive))
    }
}

/// The number without a fraction, also of `1.0`.
fn integer(number: &Number) -> Option<i128> {
    /// Up to here every integer is a floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i128().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128)
    })
}
