//! The OpenAPI document of an `Api`.

mod agreement;
mod document;
#[cfg(feature = "full")]
mod layers;
mod schemas;
mod serve;

use serde_json::{Value, json};

/// The schema at a pointer of a document, ready to check values against.
fn validator(document: &Value, pointer: &str) -> jsonschema::Validator {
    // A schema of its own that refers into the document.
    let mut whole = document.clone();
    whole["$ref"] = json!(format!("#{pointer}"));
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&whole)
        .unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

/// Each `$ref` of a document leads to something.
fn assert_references_resolve(document: &Value) {
    fn visit(document: &Value, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| visit(document, item)),
            Value::Object(members) => {
                for (name, member) in members {
                    if let (Some(reference), "$ref") = (member.as_str(), &**name) {
                        let pointer = reference.strip_prefix('#').expect("a local reference");
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    visit(document, member);
                }
            }
            _ => {}
        }
    }
    visit(document, document);
}
