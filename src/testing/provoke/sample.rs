//! Values that a schema allows, and values that it rejects.

use serde_json::{Map, Number, Value, json};

use crate::testing::{expand::Document, hold::Schema};

/// How deep a value is made.
const DEPTH: usize = 16;

/// A small value that the schema allows; `None` if none could be made.
pub(super) fn valid(schema: &Value, document: &Value) -> Option<Value> {
    let value = make(schema, document, DEPTH)?;
    Schema::new(schema, document)
        .allows(&value)
        .then_some(value)
}

/// Values that the schema rejects, made from one that it allows, if there is one.
pub(super) fn invalid(schema: &Value, valid: Option<&Value>, document: &Value) -> Vec<Value> {
    let mut values = vec![json!({})];
    if let Some(Value::Object(members)) = valid {
        for name in members.keys() {
            let mut without = members.clone();
            without.remove(name);
            values.push(without.into());
            for wrong in [json!(""), json!({}), json!(-1), json!("a".repeat(10_000))] {
                let mut changed = members.clone();
                changed.insert(name.clone(), wrong);
                values.push(changed.into());
            }
        }
    }
    values.extend([json!([]), json!(""), json!(-1), Value::Null]);
    let compiled = Schema::new(schema, document);
    values.retain(|value| !compiled.allows(value));
    values.truncate(8);
    values
}

fn make(schema: &Value, document: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let schema = Document::new(document).resolve(schema);
    let Some(members) = schema.as_object() else {
        // `true` allows everything.
        return (schema == &json!(true)).then(|| json!({}));
    };
    let first = |name: &str| members.get(name).and_then(Value::as_array)?.first();
    let given = first("examples").or_else(|| members.get("example"));
    let given = given.or_else(|| members.get("default").filter(|value| !value.is_null()));
    let given = given
        .or_else(|| members.get("const"))
        .or_else(|| first("enum"));
    if let Some(value) = given {
        return Some(value.clone());
    }
    if let Some(parts) = members.get("allOf").and_then(Value::as_array) {
        return all_of(members, parts, document, depth);
    }
    for name in ["anyOf", "oneOf"] {
        if let Some(alternatives) = members.get(name).and_then(Value::as_array) {
            let alternatives = alternatives
                .iter()
                .filter(|schema| kind(schema) != Some("null"));
            let mut made = alternatives.filter_map(|schema| make(schema, document, depth));
            let value = made.next()?;
            return Some(match (value, members.contains_key("properties")) {
                (Value::Object(value), true) => {
                    let mut object = object(members, document, depth)?;
                    object.extend(value);
                    object.into()
                }
                (value, _) => value,
            });
        }
    }
    let inferred = || {
        let of = |name: &str| members.contains_key(name);
        match () {
            () if of("items") || of("prefixItems") => "array",
            () => "object",
        }
    };
    match kind(schema).unwrap_or_else(inferred) {
        "object" => object(members, document, depth).map(Value::Object),
        "array" => array(members, document, depth),
        "string" => string(schema, document),
        "integer" => Some(number(members, 1.0)),
        "number" => Some(number(members, 0.5)),
        "boolean" => Some(Value::Bool(true)),
        _ => Some(Value::Null),
    }
}

/// The type, or the first of several that is not `null`.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds
                .clone()
                .find(|kind| *kind != "null")
                .or_else(|| kinds.next())
        }
        _ => None,
    }
}

fn all_of(
    members: &Map<String, Value>,
    parts: &[Value],
    document: &Value,
    depth: usize,
) -> Option<Value> {
    let mut whole = object(members, document, depth)?;
    let mut other = None;
    for part in parts {
        match make(part, document, depth)? {
            Value::Object(members) => whole.extend(members),
            value => other = Some(value),
        }
    }
    Some(other.unwrap_or(Value::Object(whole)))
}

/// The required members.
fn object(
    members: &Map<String, Value>,
    document: &Value,
    depth: usize,
) -> Option<Map<String, Value>> {
    let required = members.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let made = names.map(|name| {
        let schema = members.get("properties").and_then(|all| all.get(name));
        let value = match schema {
            Some(schema) => make(schema, document, depth)?,
            None => json!("a"),
        };
        Some((name.to_owned(), value))
    });
    made.collect()
}

fn array(members: &Map<String, Value>, document: &Value, depth: usize) -> Option<Value> {
    let min = members.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    let first = members.get("prefixItems").and_then(Value::as_array);
    let first = first.map_or(&[][..], Vec::as_slice);
    let min = usize::try_from(min).ok().filter(|min| *min <= 100)?;
    let items = (0..min.max(first.len())).map(|index| {
        let schema = first.get(index).or_else(|| members.get("items"));
        schema.map_or(Some(Value::Null), |schema| make(schema, document, depth))
    });
    Some(Value::Array(items.collect::<Option<_>>()?))
}

fn string(schema: &Value, document: &Value) -> Option<Value> {
    const TEXTS: [&str; 13] = [
        "a",
        "A",
        "1",
        "a1",
        "A1",
        "ab1",
        "AB1",
        "aaaaaaaa",
        "13345678",
        "+13025550133",
        "2026-01-31",
        "00000000-0000-4000-8000-000000000000",
        // `If-Match`
        "*",
    ];
    let of_format = match schema.get("format").and_then(Value::as_str) {
        Some("email") => "ada@example.com",
        Some("uri" | "url" | "iri") => "https://example.com/",
        Some("uri-reference") => "/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("date") => "2026-01-31",
        Some("time") => "12:00:00Z",
        Some("duration") => "PT1M",
        Some("ipv4" | "ip") => "203.0.113.9",
        Some("ipv6") => "2001:db8::9",
        Some("hostname") => "example.com",
        _ => "a",
    };
    let min = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
    let min = usize::try_from(min).ok().filter(|min| *min <= 10_000)?;
    let compiled = Schema::new(schema, document);
    let texts = std::iter::once(of_format).chain(TEXTS);
    let padded = texts.flat_map(|text| {
        let padding = "a".repeat(min.saturating_sub(text.len()));
        [format!("{padding}{text}"), format!("{text}{padding}")]
    });
    padded
        .map(Value::String)
        .find(|value| compiled.allows(value))
}

/// The number that is nearest to this one and allowed.
fn number(members: &Map<String, Value>, preferred: f64) -> Value {
    let bound = |name: &str| members.get(name).and_then(Value::as_f64);
    let step = bound("multipleOf").unwrap_or(1.0);
    let min = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|min| min + step));
    let max = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|max| max - step));
    let mut number = min.map_or(preferred, |min| preferred.max(min));
    number = max.map_or(number, |max| number.min(max));
    if members.contains_key("multipleOf") {
        number = (number / step).ceil() * step;
    }
    let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    let whole = is_whole.then_some(number as i64);
    whole.map_or_else(
        || Number::from_f64(number).map_or(Value::Null, Value::Number),
        Value::from,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{invalid, valid};

    #[test]
    fn a_valid_value_is_small_and_an_invalid_one_is_close_to_it() {
        let document = json!({ "components": { "schemas": {
            "Node": {
                "type": "object",
                "properties": { "next": { "$ref": "#/components/schemas/Node" }, "id": { "type": "integer" } },
                "required": ["id"],
            },
        } } });
        let cases = [
            (
                json!({ "type": "string", "minLength": 3, "maxLength": 4 }),
                json!("aaa"),
            ),
            (
                json!({ "type": "string", "format": "email" }),
                json!("ada@example.com"),
            ),
            (
                json!({ "type": "string", "pattern": "^[a-z]+[0-9]$" }),
                json!("a1"),
            ),
            (
                json!({ "type": ["null", "integer"], "minimum": 18 }),
                json!(18),
            ),
            (
                json!({ "type": "integer", "exclusiveMaximum": -2 }),
                json!(-3),
            ),
            (
                json!({ "type": "number", "multipleOf": 0.25, "minimum": 0.6 }),
                json!(0.75),
            ),
            (json!({ "enum": ["b", "a"] }), json!("b")),
            (
                json!({ "type": "string", "examples": ["Ada"] }),
                json!("Ada"),
            ),
            (
                json!({ "$ref": "#/components/schemas/Node" }),
                json!({ "id": 1 }),
            ),
            (
                json!({ "allOf": [
                    { "$ref": "#/components/schemas/Node" },
                    { "type": "object", "properties": { "on": { "type": "boolean" } }, "required": ["on"] },
                ] }),
                json!({ "id": 1, "on": true }),
            ),
            (
                json!({ "anyOf": [{ "type": "null" }, { "type": "array", "minItems": 2, "items": { "type": "boolean" } }] }),
                json!([true, true]),
            ),
            (json!({}), json!({})),
        ];
        for (schema, value) in cases {
            assert_eq!(valid(&schema, &document), Some(value.clone()), "{schema}");
            let rejected = invalid(&schema, Some(&value), &document);
            assert_eq!(
                rejected.is_empty(),
                schema == json!({}),
                "{schema}: {rejected:?}"
            );
        }
    }

    #[test]
    fn no_value_is_made_where_none_is_found() {
        let circle = json!({ "components": { "schemas": { "Circle": {
            "type": "object",
            "properties": { "circle": { "$ref": "#/components/schemas/Circle" } },
            "required": ["circle"],
        } } } });
        for schema in [
            json!({ "$ref": "#/components/schemas/Circle" }),
            json!({ "type": "string", "pattern": "^neither$" }),
            json!(false),
            json!({ "type": "integer", "minimum": 3, "maximum": 2 }),
        ] {
            assert_eq!(valid(&schema, &circle), None::<Value>, "{schema}");
        }
    }
}
