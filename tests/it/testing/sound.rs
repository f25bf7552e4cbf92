//! A change that is not breaking breaks nothing: every value that the old schema of a request allows,
//! the new one allows as well, says a validator that knows nothing of the comparison.

use std::collections::BTreeSet;

use jsonschema::validator_for;
use proptest::{
    collection::{btree_set, vec},
    prelude::*,
    sample::select,
};
use serde_json::{Value, json};
use wythe::testing::{Differences, Location};

use super::document;

/// Closed objects, because a member that is added to an open one is not breaking by convention, although
/// an old client could send another value under its name.
fn schema() -> impl Strategy<Value = Value> {
    let types = btree_set(
        select(&["string", "integer", "number", "boolean", "null"][..]),
        1..3,
    );
    let leaf = prop_oneof![
        types.prop_map(|types| json!({ "type": types })),
        (0..4_u8, 0..4_u8, any::<bool>()).prop_map(|(low, size, is_exclusive)| {
            let name = if is_exclusive {
                "exclusiveMaximum"
            } else {
                "maximum"
            };
            json!({"type": "integer", "minimum": low, name: low + size})
        }),
        (0..3_u8, 0..3_u8).prop_map(|(low, size)| {
            json!({"type": ["string", "null"], "minLength": low, "maxLength": low + size})
        }),
        btree_set(select(&["", "a", "bb"][..]), 1..3).prop_map(|values| json!({ "enum": values })),
        select(&["a", "bb"][..]).prop_map(|value| json!({ "const": value })),
        (1..4_u8).prop_map(|of| json!({"type": "integer", "multipleOf": of})),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let members = vec((select(&["a", "b", "type"][..]), inner.clone(), any::<bool>()), 0..4);
        let object = members.prop_map(|members| {
            let required = members.iter().filter(|(_, _, required)| *required);
            let required: BTreeSet<&str> = required.map(|(name, ..)| *name).collect();
            let mut object = json!({"type": "object", "required": required, "additionalProperties": false});
            for (name, schema, _) in &members {
                object["properties"][*name] = schema.clone();
            }
            object
        });
        let list = (inner.clone(), 0..2_u8, 2..4_u8);
        prop_oneof![
            3 => object,
            1 => list.prop_map(|(items, min, max)| {
                json!({"type": "array", "items": items, "minItems": min, "maxItems": max})
            }),
            1 => inner.clone().prop_map(|other| json!({"type": "object", "additionalProperties": other})),
            2 => vec(inner.clone(), 1..4).prop_map(|all| json!({ "anyOf": all })),
            1 => vec(inner, 1..3).prop_map(|all| json!({ "allOf": all })),
        ]
    })
}

/// Values of the kind that [`schema`] allows.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..9_u8).prop_map(Value::from),
        Just(json!(1.5)),
        select(&["", "a", "bb", "ccc", "dddd"][..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let member = (select(&["a", "b", "type"][..]), inner.clone());
        prop_oneof![
            2 => vec(member, 0..4).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
            1 => vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

/// Replaces one of the schemas in a schema, counted from the outside.
fn replace(schema: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *schema = with.clone();
    }
    let Some(next) = at.checked_sub(1) else {
        return;
    };
    *at = next;
    let Value::Object(map) = schema else { return };
    for (name, value) in map {
        match (&**name, value) {
            ("properties", Value::Object(properties)) => {
                properties
                    .values_mut()
                    .for_each(|schema| replace(schema, at, with));
            }
            ("anyOf" | "allOf", Value::Array(all)) => {
                all.iter_mut().for_each(|schema| replace(schema, at, with));
            }
            ("items" | "additionalProperties", schema @ Value::Object(_)) => {
                replace(schema, at, with);
            }
            _ => {}
        }
    }
}

fn request(schema: &Value) -> Value {
    let content = json!({"application/json": {"schema": schema}});
    let body = json!({"required": true, "content": content});
    document(&json!({"requestBody": body, "responses": {}}), &json!({}))
}

proptest! {
    #[test]
    fn a_request_is_still_allowed_after_a_change_that_is_not_breaking(
        old in schema(),
        at in 0..6_usize,
        with in schema(),
        values in vec(value(), 24),
    ) {
        let mut new = old.clone();
        replace(&mut new, &mut at.clone(), &with);
        let differences = Differences::between(&request(&old), &request(&new));
        if !differences.is_breaking() {
            let (before, after) = (validator_for(&old).unwrap(), validator_for(&new).unwrap());
            for value in &values {
                prop_assert!(
                    !before.is_valid(value) || after.is_valid(value),
                    "{value}\nold {old:#}\nnew {new:#}\n{differences}"
                );
            }
        }
    }

    #[test]
    fn a_change_that_only_documents_allows_the_same(
        old in schema(),
        at in 0..6_usize,
        with in schema(),
        values in vec(value(), 24),
    ) {
        let mut new = old.clone();
        replace(&mut new, &mut at.clone(), &with);
        let differences = Differences::between(&request(&old), &request(&new));
        if differences.iter().all(|difference| *difference.location() == Location::Document) {
            let (before, after) = (validator_for(&old).unwrap(), validator_for(&new).unwrap());
            for value in &values {
                prop_assert_eq!(
                    before.is_valid(value), after.is_valid(value),
                    "{}\nold {:#}\nnew {:#}", value, &old, &new
                );
            }
        }
    }
}
