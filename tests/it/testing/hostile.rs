//! Documents that nobody should write, and random ones.

use std::time::{Duration, Instant};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use wythe::testing::Differences;

use super::{assert_symmetric, document, shown};

/// Compares both ways, and in a reasonable time.
fn survives(old: &Value, new: &Value) {
    let start = Instant::now();
    for (one, another) in [(old, new), (new, old)] {
        assert!(!Differences::between(one, another).to_string().is_empty());
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

fn with_schemas(schemas: &Value, first: &Value) -> Value {
    let content = json!({"application/json": {"schema": first}});
    let operation =
        json!({"requestBody": {"content": content}, "responses": {"200": {"content": content}}});
    document(&operation, &json!({ "schemas": schemas }))
}

fn reference(name: impl std::fmt::Display) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[test]
fn references_that_lead_nowhere_or_in_circles() {
    let schemas = json!({
        "Self": reference("Self"),
        "A": {"allOf": [reference("B"), {"type": "object"}]},
        "B": {"anyOf": [reference("A"), reference("B")]},
        "Missing": reference("Nobody"),
        "Elsewhere": {"$ref": "https://example.com/schema.json"},
        "Slashes": {"$ref": "#/components/schemas/~2~"},
        "Number": {"$ref": 7},
    });
    for name in [
        "Self",
        "A",
        "B",
        "Missing",
        "Elsewhere",
        "Slashes",
        "Number",
        "Nobody",
    ] {
        let old = with_schemas(&schemas, &reference(name));
        survives(&old, &with_schemas(&json!({}), &reference(name)));
        survives(&old, &with_schemas(&schemas, &json!({"type": "string"})));
        survives(&old, &with_schemas(&schemas, &reference("A")));
    }
    let operation = |parameter: &str| {
        json!({
            "parameters": [{"$ref": parameter}],
            "requestBody": {"$ref": "#/components/requestBodies/Self"},
            "responses": {"200": {"$ref": "#/components/responses/Self"}},
        })
    };
    let parts = json!({
        "parameters": {"Self": {"$ref": "#/components/parameters/Self"}},
        "requestBodies": {"Self": {"$ref": "#/components/requestBodies/Self"}},
        "responses": {"Self": {"$ref": "#/components/responses/Self"}},
    });
    let [one, another] = ["#/components/parameters/Self", "#/nowhere"];
    survives(
        &document(&operation(one), &parts),
        &document(&operation(another), &json!({})),
    );
}

#[test]
fn types_that_double_with_each_reference() {
    for keyword in ["anyOf", "allOf", "oneOf"] {
        let schemas = |last: &str| {
            let mut schemas = Map::new();
            for index in 0..40 {
                let next = reference(format!("S{}", index + 1));
                schemas.insert(
                    format!("S{index}"),
                    json!({keyword: [next, next, {"minLength": index}]}),
                );
            }
            schemas.insert("S40".to_owned(), json!({ "type": last }));
            Value::Object(schemas)
        };
        let old = with_schemas(&schemas("string"), &reference("S0"));
        survives(&old, &with_schemas(&schemas("integer"), &reference("S0")));
    }
}

#[test]
fn alternatives_within_alternatives() {
    fn nested(depth: usize, last: &str) -> Value {
        if depth == 0 {
            return json!({ "type": last });
        }
        let of = |name: &str| {
            json!({"type": "object", "properties": {
                name: nested(depth - 1, last), "a": {"type": "string"}, "b": {"type": "string"},
            }})
        };
        json!({"anyOf": [of("x"), of("y"), of("z")]})
    }
    let [old, new] = ["string", "integer"].map(|last| with_schemas(&json!({}), &nested(6, last)));
    survives(&old, &new);
}

#[test]
fn a_chain_of_types_is_longer_than_the_stack() {
    let schemas = |last: &str| {
        let mut schemas = Map::new();
        for index in 0..5_000 {
            let next = reference(format!("S{}", index + 1));
            schemas.insert(
                format!("S{index}"),
                json!({"type": "object", "properties": {"n": next}}),
            );
        }
        schemas.insert("S5000".to_owned(), json!({ "type": last }));
        Value::Object(schemas)
    };
    let [old, new] =
        ["string", "integer"].map(|last| with_schemas(&schemas(last), &reference("S0")));
    survives(&old, &new);
    let aliases = |last: &str| {
        let mut schemas = Map::new();
        for index in 0..5_000 {
            schemas.insert(format!("S{index}"), reference(format!("S{}", index + 1)));
        }
        schemas.insert("S5000".to_owned(), json!({ "type": last }));
        Value::Object(schemas)
    };
    let [old, new] =
        ["string", "integer"].map(|last| with_schemas(&aliases(last), &reference("S0")));
    survives(&old, &new);
    assert!(
        shown(&Differences::between(&old, &new))[0]
            .ends_with("too complex to compare (can't tell)")
    );
}

#[test]
fn a_schema_that_is_too_complex_is_the_same_if_it_is_written_alike() {
    let mut schemas = Map::new();
    for index in 0..5_000 {
        schemas.insert(format!("S{index}"), reference(format!("S{}", index + 1)));
    }
    let schemas = Value::Object(schemas);
    let old = with_schemas(&schemas, &reference("S0"));
    let mut new = old.clone();
    new["paths"]["/new"] = json!({"get": {"responses": {}}});
    assert_eq!(
        shown(&Differences::between(&old, &new)),
        ["GET /new: added"]
    );
}

#[test]
fn a_document_differs_in_something_whenever_it_is_another() {
    for (old, new) in [
        (json!(1), json!(2)),
        (json!({}), json!([])),
        (json!({"paths": []}), json!({"paths": {}})),
        (
            json!({"paths": {"/a": 1}}),
            json!({"paths": {"/a": {"get": 1}}}),
        ),
        (json!({"unknown": 1}), json!({})),
        (
            json!({"components": {"headers": {"A": {}}}}),
            json!({"components": {}}),
        ),
    ] {
        assert!(!Differences::between(&old, &new).is_empty(), "{old} {new}");
        assert_symmetric(&old, &new);
    }
}

/// Names of members where they have a meaning, and values that fit them, or not.
fn json_like() -> impl Strategy<Value = Value> {
    const NAMES: &[&str] = &[
        "paths",
        "/a",
        "/a/{b}",
        "get",
        "post",
        "x-query",
        "parameters",
        "in",
        "name",
        "required",
        "requestBody",
        "responses",
        "200",
        "404",
        "default",
        "content",
        "application/json",
        "schema",
        "headers",
        "security",
        "bearer",
        "components",
        "schemas",
        "A",
        "$ref",
        "type",
        "properties",
        "items",
        "prefixItems",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "additionalProperties",
        "minimum",
        "exclusiveMaximum",
        "maxLength",
        "pattern",
        "format",
        "not",
        "if",
        "servers",
        "url",
        "x-rate-limit",
        "limit",
        "x-max-body-bytes",
        "operationId",
        "description",
        "readOnly",
    ];
    const TEXTS: &[&str] = &[
        "",
        "string",
        "integer",
        "number",
        "object",
        "array",
        "null",
        "query",
        "path",
        "#",
        "#/paths",
        "#/components/schemas/A",
        "#/components/schemas/B",
        "int32",
        "uint8",
        "~",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 120, 6, |inner| {
        let member = (select(NAMES), inner.clone());
        prop_oneof![
            3 => vec(member, 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
            1 => vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

/// Schemas as they are written.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        select(&["string", "integer", "number", "boolean", "null"][..])
            .prop_map(|kind| json!({"type": kind})),
        (0..4_u8, 4..9_u8)
            .prop_map(|(low, high)| json!({"type": "integer", "minimum": low, "maximum": high})),
        (1..4_u8).prop_map(|length| json!({"type": ["string", "null"], "maxLength": length})),
        vec(select(&["a", "b", "c"][..]), 1..3).prop_map(|values| json!({"enum": values})),
        select(&["A", "B"][..]).prop_map(reference),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let members = vec(
            (
                select(&["a", "b", "type"][..]),
                inner.clone(),
                any::<bool>(),
            ),
            0..4,
        );
        let object = (members, any::<bool>()).prop_map(|(members, is_open)| {
            let required = members.iter().filter(|(_, _, required)| *required);
            let required: Vec<&str> = required.map(|(name, ..)| *name).collect();
            let mut object = json!({"type": "object", "required": required});
            for (name, schema, _) in &members {
                object["properties"][*name] = schema.clone();
            }
            if !is_open {
                object["additionalProperties"] = json!(false);
            }
            object
        });
        prop_oneof![
            3 => object,
            1 => inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            1 => vec(inner.clone(), 1..4).prop_map(|all| json!({ "anyOf": all })),
            1 => vec(inner, 1..3).prop_map(|all| json!({ "allOf": all })),
        ]
    })
}

fn with_random_schemas() -> impl Strategy<Value = Value> {
    (schema(), schema(), schema())
        .prop_map(|(first, a, b)| with_schemas(&json!({"A": a, "B": b}), &first))
}

proptest! {
    #[test]
    fn any_json_is_compared(old in json_like(), new in json_like()) {
        prop_assert!(Differences::between(&old, &old).is_empty());
        prop_assert_eq!(old == new, Differences::between(&old, &new).is_empty());
    }

    #[test]
    fn a_document_does_not_differ_from_itself(document in with_random_schemas()) {
        prop_assert!(Differences::between(&document, &document).is_empty());
        // Not even if it is compared thoroughly, because a text has changed.
        let mut other = document.clone();
        other["info"]["title"] = json!("Other things");
        let differences = Differences::between(&document, &other);
        prop_assert_eq!(shown(&differences).len(), 1, "{}", differences);
        let mut deep = document.clone();
        for name in ["A", "B"] {
            if let Some(schema) = deep["components"]["schemas"][name].as_object_mut() {
                schema.insert("description".to_owned(), json!("A text."));
            }
        }
        let differences = Differences::between(&document, &deep);
        prop_assert!(!differences.is_breaking(), "{}\n{:#}", differences, document);
    }

    #[test]
    fn what_is_added_one_way_is_removed_the_other_way(
        old in with_random_schemas(),
        new in with_random_schemas(),
    ) {
        assert_symmetric(&old, &new);
    }
}

/// The pointers of all members of a document.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                let pointer = format!("{pointer}/{name}");
                pointers(member, &pointer, found);
                found.push(pointer);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_deleted_member_of_a_large_document_is_an_added_one_the_other_way() {
    let whole = include_str!("../../../examples/api/openapi.json");
    let whole: Value = whole.parse().unwrap();
    let mut found = Vec::new();
    pointers(&whole, "", &mut found);
    // All of them take minutes.
    for pointer in found.iter().step_by(199) {
        let mut other = whole.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/").replace("~0", "~");
        let parent = other.pointer_mut(parent).unwrap();
        parent.as_object_mut().unwrap().remove(&name);
        assert!(
            !Differences::between(&whole, &other).is_empty(),
            "{pointer}"
        );
        assert_symmetric(&whole, &other);
    }
}
