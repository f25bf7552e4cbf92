//! A schema as a list of alternatives, each of one type. The many ways to write the same schema become
//! one, so that two schemas can be compared keyword by keyword.
//!
//! `type: [string, null]`, `anyOf` with `null`, `$ref` with keywords beside it, `allOf`, and a `oneOf`
//! of constants instead of an `enum` all get the same form.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    ptr,
};

use serde_json::{Map, Number, Value};

/// Schemas that all hold at one place.
pub(super) type Node<'d> = Vec<&'d Value>;

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
    /// Keywords that are compared literally: the value of each that holds, as JSON.
    pub(super) opaque: BTreeMap<&'static str, BTreeSet<String>>,
    pub(super) properties: BTreeMap<&'d str, Node<'d>>,
    pub(super) required: BTreeSet<&'d str>,
    pub(super) other_members: OtherMembers<'d>,
    /// The items that have a place of their own.
    pub(super) prefix: Vec<Node<'d>>,
    pub(super) items: Node<'d>,
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

    /// Any value that this keyword allows. The keyword is compared literally.
    pub(super) fn unknown(keyword: &'static str, text: String) -> Self {
        let mut alternative = Self::new(Type::Any);
        alternative.opaque.insert(keyword, BTreeSet::from([text]));
        alternative
    }

    /// Whether only `values` restrict the type.
    pub(super) fn is_plain(&self) -> bool {
        self.bounds.is_empty()
            && self.opaque.is_empty()
            && self.properties.is_empty()
            && self.required.is_empty()
            && matches!(self.other_members, OtherMembers::Allowed)
            && self.prefix.is_empty()
            && self.items.is_empty()
    }

    /// Whether every value of the type is possible.
    pub(super) fn is_unrestricted(&self) -> bool {
        self.values.is_none() && self.is_plain()
    }

    pub(super) fn read_bounds(&mut self, map: &Map<String, Value>) {
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

    pub(super) fn read_array(&mut self, map: &'d Map<String, Value>) {
        let prefix = list(map, "prefixItems");
        self.prefix = prefix.map(|schema| vec![schema]).collect();
        match map.get("items") {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Object(map)) if map.is_empty() => {}
            // Older drafts.
            Some(Value::Array(items)) => {
                self.prefix = items.iter().map(|item| vec![item]).collect();
            }
            Some(items) => self.items = vec![items],
        }
    }

    /// What both allow; `None` if that is nothing.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let mut all = self.clone();
        all.kind = match (self.kind, other.kind) {
            (kind, Type::Any) | (Type::Any, kind) => kind,
            (Type::Integer, Type::Number) | (Type::Number, Type::Integer) => Type::Integer,
            (left, right) if left == right => left,
            _ => return None,
        };
        all.name = self.name.or(other.name);
        all.values = match (&self.values, &other.values) {
            (Some(left), Some(right)) => {
                let values: BTreeSet<String> = left.intersection(right).cloned().collect();
                if values.is_empty() {
                    return None;
                }
                Some(values)
            }
            (left, right) => left.as_ref().or(right.as_ref()).cloned(),
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
            (OtherMembers::Allowed, rest) | (rest, OtherMembers::Allowed) => rest.clone(),
            (OtherMembers::With(left), OtherMembers::With(right)) => {
                let mut node = left.clone();
                add(&mut node, right);
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
        // Keywords that say nothing about the remaining type.
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
    pub(super) fn parse(name: &str) -> Option<Self> {
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

    pub(super) fn of(value: &Value) -> Self {
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

    pub(super) fn has(self, value: &Value) -> bool {
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
            (Some(left), Some(right)) => left.cmp(&right),
            _ => {
                let (left, right) = (self.number.as_f64(), other.number.as_f64());
                left.partial_cmp(&right).unwrap_or(Ordering::Equal)
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
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i128().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= MAX_EXACT).then_some(float as i128)
    })
}
