//! Changes of schemas, in a request and in a response, one way and the other.

use serde_json::{Value, json};
use wythe::testing::{
    ChangeKind::{self, Narrowed, Replaced, Unclear, Widened},
    Differences,
};

use super::{assert_symmetric, document, shown};

fn request(schema: &Value, components: &Value) -> Value {
    let content = json!({"application/json": {"schema": schema}});
    let body = json!({"required": true, "content": content});
    document(&json!({"requestBody": body, "responses": {}}), components)
}

fn response(schema: &Value, components: &Value) -> Value {
    let content = json!({"application/json": {"schema": schema}});
    document(
        &json!({"responses": {"200": {"content": content}}}),
        components,
    )
}

/// Compares two schemas in both directions. `expected` are the changes as they are written, without
/// the reason.
#[track_caller]
fn check(name: &str, [old, new]: [&Value; 2], kind: ChangeKind, expected: &str) {
    let none = json!({});
    check_with(name, [old, new], [&none, &none], kind, expected);
}

#[track_caller]
fn check_with(
    name: &str,
    [old, new]: [&Value; 2],
    [old_parts, new_parts]: [&Value; 2],
    kind: ChangeKind,
    expected: &str,
) {
    let documents = [
        (
            request(old, old_parts),
            request(new, new_parts),
            "request body",
            "input",
        ),
        (
            response(old, old_parts),
            response(new, new_parts),
            "response 200",
            "output",
        ),
    ];
    for (old, new, place, what) in documents {
        let (is_breaking, reason) = match (kind, what) {
            (Narrowed, "input") => (true, " (narrows the input)"),
            (Narrowed, _) => (false, " (narrows the output)"),
            (Widened, "input") => (false, " (widens the input)"),
            (Widened, _) => (true, " (widens the output)"),
            (Unclear, _) => (true, " (can't tell)"),
            _ => (true, ""),
        };
        let mark = if is_breaking { "! " } else { "" };
        let expected = format!("{mark}POST /things, {place}{expected}{reason}");
        assert_eq!(
            shown(&Differences::between(&old, &new)),
            [expected],
            "{name}"
        );
        assert_symmetric(&old, &new);
    }
}

#[track_caller]
fn is_same([old, new]: [&Value; 2]) {
    for (old, new) in [
        (request(old, &json!({})), request(new, &json!({}))),
        (response(old, &json!({})), response(new, &json!({}))),
    ] {
        let same = "#: written in another way, with the same meaning";
        assert_eq!(shown(&Differences::between(&old, &new)), [same]);
        assert_symmetric(&old, &new);
    }
}

#[test]
fn ranges_and_lengths_narrow_and_widen() {
    for (keyword, loose, tight) in [
        ("maximum", 10, 5),
        ("minimum", 1, 2),
        ("exclusiveMaximum", 10, 5),
        ("exclusiveMinimum", 1, 2),
    ] {
        let [old, new] = [loose, tight].map(|bound| json!({"type": "number", keyword: bound}));
        let subject = keyword.to_lowercase().replace("exclusive", "");
        let exclusive = if keyword == subject {
            ""
        } else {
            " (exclusive)"
        };
        let expected = format!(": {subject}: {loose}{exclusive} -> {tight}{exclusive}");
        check(keyword, [&old, &new], Narrowed, &expected);
        let expected = format!(": {subject}: {tight}{exclusive} -> {loose}{exclusive}");
        check(keyword, [&new, &old], Widened, &expected);
        let expected = format!(": {subject} added: {tight}{exclusive}");
        check(
            keyword,
            [&json!({"type": "number"}), &new],
            Narrowed,
            &expected,
        );
    }
    for (kind, keyword, loose, tight) in [
        ("string", "maxLength", 10, 5),
        ("string", "minLength", 1, 2),
        ("array", "maxItems", 10, 5),
        ("array", "minItems", 1, 2),
        ("object", "maxProperties", 10, 5),
        ("object", "minProperties", 1, 2),
    ] {
        let [old, new] = [loose, tight].map(|bound| json!({"type": kind, keyword: bound}));
        let expected = format!(": {keyword}: {loose} -> {tight}");
        check(keyword, [&old, &new], Narrowed, &expected);
        let expected = format!(": {keyword} removed: {tight}");
        check(keyword, [&new, &json!({"type": kind})], Widened, &expected);
    }
}

#[test]
fn an_exclusive_bound_is_tighter_than_an_inclusive_one() {
    check(
        "a number",
        [
            &json!({"type": "number", "minimum": 1}),
            &json!({"type": "number", "exclusiveMinimum": 1}),
        ],
        Narrowed,
        ": minimum: 1 -> 1 (exclusive)",
    );
}

#[test]
fn types_narrow_and_widen() {
    let of = |types: Value| json!({ "type": types });
    for (name, old, new, kind, expected) in [
        (
            "other",
            json!("string"),
            json!("boolean"),
            Replaced,
            "string -> boolean",
        ),
        (
            "to number",
            json!("integer"),
            json!("number"),
            Widened,
            "integer -> number",
        ),
        (
            "to integer",
            json!("number"),
            json!("integer"),
            Narrowed,
            "number -> integer",
        ),
        (
            "nullable",
            json!("string"),
            json!(["string", "null"]),
            Widened,
            "string -> string or null",
        ),
        (
            "not nullable",
            json!(["null", "string"]),
            json!(["string"]),
            Narrowed,
            "string or null -> string",
        ),
        (
            "overlapping",
            json!(["string", "integer"]),
            json!(["string", "boolean"]),
            Replaced,
            "integer or string -> boolean or string",
        ),
    ] {
        check(
            name,
            [&of(old), &of(new)],
            kind,
            &format!(": type: {expected}"),
        );
    }
    check(
        "any",
        [&json!({}), &of(json!("string"))],
        Narrowed,
        ": type: any -> string",
    );
    check(
        "true",
        [&json!(true), &of(json!("array"))],
        Narrowed,
        ": type: any -> array",
    );
    check(
        "false",
        [&json!(false), &of(json!("null"))],
        Widened,
        ": type: nothing -> null",
    );
}

#[test]
fn enums_narrow_and_widen_value_by_value() {
    let of = |values: Value| json!({"type": "string", "enum": values});
    let (one, two) = (of(json!(["a"])), of(json!(["a", "b"])));
    let any = json!({"type": "string"});
    let constant = json!({"const": "a"});
    check("added", [&one, &two], Widened, r#": enum value added: "b""#);
    check(
        "removed",
        [&two, &one],
        Narrowed,
        r#": enum value removed: "b""#,
    );
    check(
        "closed",
        [&any, &two],
        Narrowed,
        r#": enum added: "a", "b""#,
    );
    check(
        "opened",
        [&two, &any],
        Widened,
        r#": enum removed: "a", "b""#,
    );
    check(
        "const to enum",
        [&constant, &two],
        Widened,
        r#": enum value added: "b""#,
    );
    check(
        "const added",
        [&any, &constant],
        Narrowed,
        r#": enum added: "a""#,
    );
    check(
        "null among the values",
        [&json!({"enum": ["a"]}), &json!({"enum": ["a", null]})],
        Widened,
        ": type: string -> string or null",
    );
}

#[test]
fn formats_of_integers_are_ranges() {
    let of = |format: &str| json!({"type": "integer", "format": format});
    for (old, new, kind) in [
        ("int32", "int64", Widened),
        ("uint32", "uint8", Narrowed),
        ("uint8", "int16", Widened),
        ("int32", "uint32", Replaced),
        ("int64", "epoch", Unclear),
        ("uint", "uint64", Unclear),
    ] {
        if (old, new) == ("uint", "uint64") {
            // The same range by another name.
            continue;
        }
        let expected = format!(r#": format: "{old}" -> "{new}""#);
        check(old, [&of(old), &of(new)], kind, &expected);
    }
    let [float, double] = ["float", "double"].map(|of| json!({"type": "number", "format": of}));
    check(
        "float",
        [&float, &double],
        Widened,
        r#": format: "float" -> "double""#,
    );
    let plain = json!({"type": "string"});
    let date = json!({"type": "string", "format": "date"});
    check(
        "added",
        [&plain, &date],
        Narrowed,
        r#": format added: "date""#,
    );
    check(
        "removed",
        [&date, &plain],
        Widened,
        r#": format removed: "date""#,
    );
}

#[test]
fn a_changed_pattern_is_unclear_and_an_added_one_narrows() {
    let plain = json!({"type": "string"});
    let [letters, digits] =
        ["^[a-z]$", "^[0-9]$"].map(|of| json!({"type": "string", "pattern": of}));
    check(
        "added",
        [&plain, &letters],
        Narrowed,
        r#": pattern added: "^[a-z]$""#,
    );
    check(
        "removed",
        [&letters, &plain],
        Widened,
        r#": pattern removed: "^[a-z]$""#,
    );
    let expected = r#": pattern: "^[a-z]$" -> "^[0-9]$""#;
    check("changed", [&letters, &digits], Unclear, expected);
}

#[test]
fn other_keywords_are_compared_as_they_are() {
    for (keyword, one, another, kind) in [
        ("multipleOf", json!(2), json!(4), Narrowed),
        ("multipleOf", json!(4), json!(2), Widened),
        ("multipleOf", json!(4), json!(6), Unclear),
        ("not", json!({"const": 1}), json!({"const": 2}), Unclear),
        (
            "contains",
            json!({"const": 1}),
            json!({"const": 2}),
            Unclear,
        ),
        (
            "patternProperties",
            json!({"^x": {}}),
            json!({"^y": {}}),
            Unclear,
        ),
        (
            "propertyNames",
            json!({"maxLength": 1}),
            json!({"maxLength": 2}),
            Unclear,
        ),
        (
            "dependentRequired",
            json!({"a": ["b"]}),
            json!({"a": ["c"]}),
            Unclear,
        ),
        ("contentEncoding", json!("base64"), json!("base32"), Unclear),
    ] {
        let kind_of = match keyword {
            "multipleOf" | "not" => "integer",
            "contains" => "array",
            "contentEncoding" => "string",
            _ => "object",
        };
        let [old, new] = [&one, &another].map(|value| json!({"type": kind_of, keyword: value}));
        check(
            keyword,
            [&old, &new],
            kind,
            &format!(": {keyword}: {one} -> {another}"),
        );
        let without = json!({"type": kind_of});
        check(
            keyword,
            [&without, &old],
            Narrowed,
            &format!(": {keyword} added: {one}"),
        );
    }
    let unique = json!({"type": "array", "uniqueItems": true});
    check(
        "unique",
        [&json!({"type": "array"}), &unique],
        Narrowed,
        ": uniqueItems added: true",
    );
}

#[test]
fn a_schema_below_a_keyword_that_is_compared_as_it_is_is_found_by_reference() {
    let schema =
        json!({"type": "object", "patternProperties": {"^x": {"$ref": "#/components/schemas/X"}}});
    let parts = |kind: &str| json!({"schemas": {"X": {"type": kind, "description": kind}}});
    let (old, new) = (parts("string"), parts("integer"));
    let differences = Differences::between(&request(&schema, &old), &request(&schema, &new));
    assert!(
        shown(&differences)[0].starts_with("! POST /things, request body: patternProperties: ")
    );
}

#[test]
fn members_are_required_or_optional() {
    let of = |required: Value| json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": required});
    let (optional, required) = (of(json!([])), of(json!(["name"])));
    check(
        "required",
        [&optional, &required],
        Narrowed,
        " /name: optional -> required",
    );
    check(
        "optional",
        [&required, &optional],
        Widened,
        " /name: required -> optional",
    );
}

#[test]
fn members_are_added_and_removed() {
    let of = |required: Value| json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": required});
    let none = json!({});
    let nothing = json!({"type": "object"});
    for (required, word, breaks_requests) in [
        (json!([]), "optional", false),
        (json!(["name"]), "required", true),
    ] {
        let with = of(required);
        let mark = if breaks_requests { "! " } else { "" };
        let added = |place: &str| format!("POST /things, {place} /name: added, {word}");
        let removed = |place: &str| format!("! POST /things, {place} /name: removed");
        let compare = |make: fn(&Value, &Value) -> Value, old: &Value, new: &Value| {
            assert_symmetric(&make(old, &none), &make(new, &none));
            shown(&Differences::between(&make(old, &none), &make(new, &none)))
        };
        assert_eq!(
            compare(request, &nothing, &with),
            [format!("{mark}{}", added("request body"))]
        );
        assert_eq!(compare(request, &with, &nothing), [removed("request body")]);
        assert_eq!(compare(response, &nothing, &with), [added("response 200")]);
        assert_eq!(
            compare(response, &with, &nothing),
            [removed("response 200")]
        );
    }
}

#[test]
fn other_members_break_only_requests_that_send_them() {
    let open = json!({"type": "object"});
    let closed = json!({"type": "object", "additionalProperties": false});
    let none = json!({});
    let compare = |make: fn(&Value, &Value) -> Value, old: &Value, new: &Value| {
        assert_symmetric(&make(old, &none), &make(new, &none));
        shown(&Differences::between(&make(old, &none), &make(new, &none)))
    };
    assert_eq!(
        compare(request, &open, &closed),
        ["! POST /things, request body: other members: allowed -> rejected (narrows the input)"]
    );
    assert_eq!(
        compare(request, &closed, &open),
        ["POST /things, request body: other members: rejected -> allowed (widens the input)"]
    );
    assert_eq!(
        compare(response, &closed, &open),
        ["POST /things, response 200: other members: rejected -> allowed (widens the output)"]
    );
    let map = |kind: &str| json!({"type": "object", "additionalProperties": {"type": kind}});
    check(
        "a map",
        [&map("number"), &map("integer")],
        Narrowed,
        " /*: type: number -> integer",
    );
    check(
        "a map",
        [&open, &map("integer")],
        Narrowed,
        " /*: type: any -> integer",
    );
}

#[test]
fn items_have_a_place() {
    let list = |kind: &str| json!({"type": "array", "items": {"type": kind}});
    check(
        "items",
        [&list("number"), &list("integer")],
        Narrowed,
        " /*: type: number -> integer",
    );
    let array = json!({"type": "array"});
    check(
        "any items",
        [&list("string"), &array],
        Widened,
        " /*: type: string -> any",
    );
    let pair = |second: &str| json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": second}]});
    check(
        "a tuple",
        [&pair("number"), &pair("integer")],
        Narrowed,
        " /1: type: number -> integer",
    );
}

#[test]
fn the_same_schema_can_be_written_in_many_ways() {
    let text = json!({"type": "string", "maxLength": 5});
    for [one, another] in [
        [
            json!({"type": ["string", "null"], "maxLength": 5}),
            json!({"anyOf": [text, {"type": "null"}]}),
        ],
        [
            json!({"type": "string", "maxLength": 5, "nullable": true}),
            json!({"anyOf": [text, {"type": "null"}]}),
        ],
        [
            json!({"type": "string", "enum": ["a", "b"]}),
            json!({"oneOf": [
                {"type": "string", "const": "a", "description": "The first."},
                {"const": "b", "description": "The second."},
            ]}),
        ],
        [
            text.clone(),
            json!({"allOf": [{"type": "string"}, {"maxLength": 5}]}),
        ],
        [
            text.clone(),
            json!({"allOf": [{"maxLength": 7}, {"type": "string", "maxLength": 5}, true]}),
        ],
        [
            json!({"type": "string", "minLength": 0}),
            json!({"type": "string"}),
        ],
        [
            json!({"type": "integer", "minimum": 1}),
            json!({"type": "integer", "exclusiveMinimum": 0}),
        ],
        [
            json!({"type": "integer", "minimum": 1}),
            json!({"type": "integer", "minimum": 1.0}),
        ],
        [json!({}), json!(true)],
        [json!({"anyOf": [{}, {"type": "string"}]}), json!({})],
        [
            json!({"type": "object", "properties": {"a": text, "b": text}, "required": ["b"]}),
            json!({"allOf": [
                {"type": "object", "properties": {"a": text}},
                {"type": "object", "properties": {"b": text}, "required": ["b"]},
            ]}),
        ],
        [
            json!({"type": "object", "additionalProperties": {}}),
            json!({"type": "object"}),
        ],
        [
            json!({"type": "array", "uniqueItems": false}),
            json!({"type": "array", "items": true}),
        ],
        [
            json!({"type": "object", "unevaluatedProperties": false}),
            json!({"type": "object", "additionalProperties": false}),
        ],
    ] {
        is_same([&one, &another]);
    }
}

#[test]
fn a_reference_is_what_it_refers_to() {
    let none = json!({});
    let parts = json!({"schemas": {"Name": {"type": "string", "maxLength": 5}}});
    let reference = json!({"$ref": "#/components/schemas/Name"});
    let shorter = json!({"$ref": "#/components/schemas/Name", "maxLength": 3});
    let inline = json!({"type": "string", "maxLength": 5});
    check_with(
        "beside",
        [&reference, &shorter],
        [&parts, &parts],
        Narrowed,
        ": maxLength: 5 -> 3",
    );
    let old = request(&reference, &parts);
    let new = request(&inline, &none);
    assert_eq!(
        shown(&Differences::between(&old, &new)),
        ["! schema `Name`: removed (generated clients use the name)"]
    );
    let longer = json!({"schemas": {"Name": {"type": "string", "maxLength": 9}}});
    check_with(
        "behind",
        [&reference, &reference],
        [&parts, &longer],
        Widened,
        ": maxLength: 5 -> 9",
    );
}

#[test]
fn a_recursive_schema_is_compared_once() {
    let parts = |kind: &str| {
        json!({"schemas": {"Tree": {
            "type": "object",
            "properties": {
                "value": {"type": kind},
                "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            },
        }}})
    };
    let tree = json!({"$ref": "#/components/schemas/Tree"});
    check_with(
        "a tree",
        [&tree, &tree],
        [&parts("integer"), &parts("number")],
        Widened,
        " /value: type: integer -> number",
    );
}

#[test]
fn read_only_members_are_no_input_and_write_only_members_no_output() {
    let of = |keyword: &str, kind: &str| json!({"type": "object", "required": ["id"], "properties": {"id": {"type": kind, keyword: true}}});
    let none = json!({});
    let compare = |make: fn(&Value, &Value) -> Value, keyword: &str| {
        let [old, new] = ["string", "integer"].map(|kind| make(&of(keyword, kind), &none));
        shown(&Differences::between(&old, &new))
    };
    let same = "#: written in another way, with the same meaning";
    assert_eq!(compare(request, "readOnly"), [same]);
    assert_eq!(compare(response, "writeOnly"), [same]);
    assert_eq!(
        compare(request, "writeOnly"),
        ["! POST /things, request body /id: type: string -> integer"]
    );
    assert_eq!(
        compare(response, "readOnly"),
        ["! POST /things, response 200 /id: type: string -> integer"]
    );
}

/// `Card` and `Cash`, as serde writes an enum with the tag `type`.
fn tagged(cash_limit: u64) -> [Value; 2] {
    [
        json!({
            "type": "object",
            "properties": {"type": {"const": "card"}, "number": {"type": "string"}},
            "required": ["type", "number"],
        }),
        json!({
            "type": "object",
            "properties": {"type": {"const": "cash"}, "amount": {"type": "integer", "maximum": cash_limit}},
            "required": ["type", "amount"],
        }),
    ]
}

#[test]
fn alternatives_are_matched_by_their_tag() {
    let [card, cash] = tagged(10);
    let [_, less] = tagged(5);
    let both = json!({"oneOf": [card, cash]});
    check(
        "changed, and in another order",
        [&both, &json!({"oneOf": [less, card]})],
        Narrowed,
        r#" (type="cash")/amount: maximum: 10 -> 5"#,
    );
    let voucher = json!({
        "type": "object",
        "properties": {"type": {"const": "voucher"}, "number": {"type": "string"}},
        "required": ["type", "number"],
    });
    check(
        "added",
        [&both, &json!({"oneOf": [voucher, cash, card]})],
        Widened,
        r#": alternative added: type="voucher""#,
    );
    check(
        "removed",
        [&json!({"oneOf": [card, voucher, cash]}), &both],
        Narrowed,
        r#": alternative removed: type="voucher""#,
    );
}

#[test]
fn alternatives_are_matched_by_their_only_member() {
    let of = |name: &str, kind: &str| {
        json!({
            "type": "object",
            "properties": {name: {"type": kind}},
            "required": [name],
            "additionalProperties": false,
        })
    };
    check(
        "changed",
        [
            &json!({"oneOf": [of("card", "string"), of("cash", "number")]}),
            &json!({"oneOf": [of("cash", "integer"), of("card", "string")]}),
        ],
        Narrowed,
        " (cash)/cash: type: number -> integer",
    );
}

#[test]
fn alternatives_are_matched_by_the_name_of_their_schema() {
    let parts = |kind: &str| {
        let of = |kind: &str| json!({"type": "object", "properties": {"a": {"type": kind}, "b": {"type": "null"}}});
        json!({"schemas": {"One": of("string"), "Two": of(kind)}})
    };
    let [one, two] =
        ["One", "Two"].map(|name| json!({"$ref": format!("#/components/schemas/{name}")}));
    check_with(
        "untagged",
        [&json!({"anyOf": [one, two]}), &json!({"anyOf": [two, one]})],
        [&parts("number"), &parts("integer")],
        Narrowed,
        " (Two)/a: type: number -> integer",
    );
}

#[test]
fn alternatives_without_a_name_are_matched_by_what_they_have_in_common() {
    let of = |names: [&str; 2], kind: &str| json!({"type": "object", "properties": {names[0]: {"type": kind}, names[1]: {"type": kind}}});
    check(
        "one is alike, and the others share members",
        [
            &json!({"anyOf": [of(["a", "b"], "string"), of(["c", "d"], "string")]}),
            &json!({"anyOf": [of(["c", "d"], "string"), of(["a", "b"], "string"), of(["e", "f"], "string")]}),
        ],
        Widened,
        ": alternative added: object",
    );
}

#[test]
fn alternatives_of_other_types_are_types() {
    let text = json!({"type": "string"});
    let list = json!({"type": "array", "items": {"type": "string"}});
    check(
        "a list as well",
        [&text, &json!({"anyOf": [text, list]})],
        Widened,
        ": type: string -> string or array",
    );
}
