//! Changes of what operations have besides schemas. Each case is also compared the other way.

use serde_json::{Value, json};
use wythe::testing::Differences;

use super::{assert_symmetric, document, shown};

#[track_caller]
fn check(name: &str, [old, new]: [&Value; 2], there: &[&str], back: &[&str]) {
    assert_eq!(shown(&Differences::between(old, new)), there, "{name}");
    assert_eq!(
        shown(&Differences::between(new, old)),
        back,
        "{name}, the other way"
    );
    assert_symmetric(old, new);
}

/// Compares two operations; `POST /things` is not repeated.
#[track_caller]
fn operations(name: &str, [old, new]: [&Value; 2], there: &str, back: &str) {
    let all = |lines: &str| -> Vec<String> {
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        let with_operation = |line: &str| match line.strip_prefix("! ") {
            Some(line) => format!("! POST /things{line}"),
            None => format!("POST /things{line}"),
        };
        lines.map(with_operation).collect()
    };
    let components = json!({"securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "same_key": {"type": "apiKey", "in": "header", "name": "x-key"},
    }});
    let [old, new] = [old, new].map(|operation| document(operation, &components));
    assert_eq!(
        shown(&Differences::between(&old, &new)),
        all(there),
        "{name}"
    );
    assert_eq!(
        shown(&Differences::between(&new, &old)),
        all(back),
        "{name}, the other way"
    );
    assert_symmetric(&old, &new);
}

#[test]
fn routes_and_methods() {
    let paths = |paths: Value| json!({ "paths": paths });
    let operation = json!({"responses": {}});
    let get = json!({"get": operation});
    check(
        "a path",
        [
            &paths(json!({"/a": get})),
            &paths(json!({"/a": get, "/b": get})),
        ],
        &["GET /b: added"],
        &["! GET /b: removed"],
    );
    check(
        "a method",
        [
            &paths(json!({"/a": get})),
            &paths(json!({"/a": {"post": operation}})),
        ],
        &["! GET /a: removed", "POST /a: added"],
        &["GET /a: added", "! POST /a: removed"],
    );
    check(
        "a method that OpenAPI 3.1 does not know",
        [
            &paths(json!({"/a": get})),
            &paths(json!({"/a": {"get": operation, "x-query": operation}})),
        ],
        &["QUERY /a: added"],
        &["! QUERY /a: removed"],
    );
    let by = |name: &str| {
        let parameter = json!({"in": "path", "name": name, "required": true, "schema": {}});
        let mut paths = json!({});
        paths[format!("/a/{{{name}}}")] =
            json!({"get": {"parameters": [parameter], "responses": {}}});
        json!({ "paths": paths })
    };
    let differences = Differences::between(&by("id"), &by("key"));
    assert_eq!(
        shown(&differences),
        ["! GET /a/{key}, path parameter `key`: name: id -> key (generated clients use the name)"]
    );
}

#[test]
fn names_of_generated_clients() {
    operations(
        "operationId",
        [
            &json!({"operationId": "create", "responses": {}}),
            &json!({"operationId": "add", "responses": {}}),
        ],
        "! : operationId: create -> add (generated clients use the name)",
        "! : operationId: add -> create (generated clients use the name)",
    );
    operations(
        "a first operationId",
        [
            &json!({"responses": {}}),
            &json!({"operationId": "add", "responses": {}}),
        ],
        ": operationId added: add (generated clients use the name)",
        "! : operationId removed: add (generated clients use the name)",
    );
    let schemas = |schemas: Value| json!({"paths": {}, "components": {"schemas": schemas}});
    check(
        "a schema",
        [&schemas(json!({})), &schemas(json!({"User": {}}))],
        &["schema `User`: added"],
        &["! schema `User`: removed (generated clients use the name)"],
    );
}

#[test]
fn parameters() {
    let of = |parameters: Value| json!({"parameters": parameters, "responses": {}});
    let page = |place: &str, required: bool, schema: Value| json!({"in": place, "name": "Page", "required": required, "schema": schema});
    let number = || json!({"type": "integer"});
    let none = of(json!([]));
    for place in ["query", "header", "cookie"] {
        operations(
            "optional",
            [&none, &of(json!([page(place, false, number())]))],
            &format!(", {place} parameter `Page`: added, optional"),
            &format!("! , {place} parameter `Page`: removed"),
        );
        operations(
            "required",
            [&none, &of(json!([page(place, true, number())]))],
            &format!("! , {place} parameter `Page`: added, required"),
            &format!("! , {place} parameter `Page`: removed"),
        );
        operations(
            "presence",
            [
                &of(json!([page(place, false, number())])),
                &of(json!([page(place, true, number())])),
            ],
            &format!("! , {place} parameter `Page`: optional -> required (narrows the input)"),
            &format!(", {place} parameter `Page`: required -> optional (widens the input)"),
        );
        operations(
            "schema",
            [
                &of(json!([page(place, false, number())])),
                &of(json!([page(
                    place,
                    false,
                    json!({"type": "integer", "maximum": 9})
                )])),
            ],
            &format!("! , {place} parameter `Page`: maximum added: 9 (narrows the input)"),
            &format!(", {place} parameter `Page`: maximum removed: 9 (widens the input)"),
        );
    }
    operations(
        "another place",
        [
            &of(json!([page("query", false, number())])),
            &of(json!([page("header", false, number())])),
        ],
        ", header parameter `Page`: added, optional
         ! , query parameter `Page`: removed",
        "! , header parameter `Page`: removed
         , query parameter `Page`: added, optional",
    );
    let mut exploded = page("query", false, number());
    exploded["explode"] = json!(false);
    operations(
        "style",
        [
            &of(json!([page("query", false, number())])),
            &of(json!([exploded])),
        ],
        "! , query parameter `Page`: style: form, explode true -> form, explode false (can't tell)",
        "! , query parameter `Page`: style: form, explode false -> form, explode true (can't tell)",
    );
}

#[test]
fn parameters_of_a_path_belong_to_each_operation() {
    let page = |required: bool| json!([{"in": "query", "name": "page", "required": required}]);
    let operation = json!({"responses": {}});
    let paths = |path: Value| json!({"paths": {"/a": path}});
    check(
        "inherited and overridden",
        [
            &paths(
                json!({"parameters": page(false), "get": operation, "put": {"parameters": page(true), "responses": {}}}),
            ),
            &paths(json!({"parameters": page(true), "get": operation, "put": operation})),
        ],
        &["! GET /a, query parameter `page`: optional -> required (narrows the input)"],
        &["GET /a, query parameter `page`: required -> optional (widens the input)"],
    );
}

#[test]
fn request_bodies() {
    let of = |required: bool, content: Value| json!({"requestBody": {"required": required, "content": content}, "responses": {}});
    let none = json!({"responses": {}});
    let json = || json!({"application/json": {}});
    operations(
        "optional",
        [&none, &of(false, json())],
        ", request body: added, optional",
        "! , request body: removed",
    );
    operations(
        "required",
        [&none, &of(true, json())],
        "! , request body: added, required",
        "! , request body: removed",
    );
    operations(
        "presence",
        [&of(false, json()), &of(true, json())],
        "! , request body: optional -> required (narrows the input)",
        ", request body: required -> optional (widens the input)",
    );
    let both = json!({"application/json": {}, "application/x-www-form-urlencoded": {}});
    operations(
        "a media type",
        [&of(true, json()), &of(true, both)],
        ", request body application/x-www-form-urlencoded: added",
        "! , request body application/x-www-form-urlencoded: removed",
    );
    operations(
        "encoding",
        [
            &of(true, json!({"multipart/form-data": {}})),
            &of(
                true,
                json!({"multipart/form-data": {"encoding": {"a": {"contentType": "text/csv"}}}}),
            ),
        ],
        "! , request body multipart/form-data: encoding (can't tell)",
        "! , request body multipart/form-data: encoding (can't tell)",
    );
}

#[test]
fn statuses() {
    let of = |statuses: &[&str]| {
        let responses = statuses
            .iter()
            .map(|status| ((*status).to_owned(), json!({})));
        json!({"responses": responses.collect::<serde_json::Map<_, _>>()})
    };
    for status in [
        "403", "404", "409", "410", "412", "422", "428", "429", "451",
    ] {
        operations(
            "a refusal of valid requests",
            [&of(&["200"]), &of(&["200", status])],
            &format!("! , response {status}: added (a new refusal)"),
            &format!(", response {status}: removed"),
        );
    }
    for status in [
        "304", "400", "405", "406", "408", "411", "413", "414", "415", "431", "500", "503",
    ] {
        operations(
            "an answer that valid requests do not get",
            [&of(&["200"]), &of(&["200", status])],
            &format!(", response {status}: added"),
            &format!(", response {status}: removed"),
        );
    }
    for status in ["201", "204", "2XX"] {
        operations(
            "another success",
            [&of(&["200"]), &of(&["200", status])],
            &format!("! , response {status}: added"),
            &format!("! , response {status}: removed"),
        );
    }
    operations(
        "a redirection",
        [&of(&["200"]), &of(&["200", "303"])],
        "! , response 303: added",
        ", response 303: removed",
    );
    operations(
        "in the range",
        [&of(&["200", "4XX"]), &of(&["200", "4XX", "409"])],
        ", response 409: added",
        ", response 409: removed",
    );
    operations(
        "in the default",
        [&of(&["200", "default"]), &of(&["200", "409", "default"])],
        ", response 409: added",
        ", response 409: removed",
    );
    let mut guarded = of(&["200"]);
    guarded["security"] = json!([{"bearer": []}]);
    let mut says_so = of(&["200", "401"]);
    says_so["security"] = json!([{"bearer": []}]);
    operations(
        "credentials were required before",
        [&guarded, &says_so],
        ", response 401: added",
        ", response 401: removed",
    );
}

#[test]
fn content_and_fields_of_responses() {
    let of = |content: Value, headers: Value| json!({"responses": {"200": {"content": content, "headers": headers}}});
    let none = || json!({});
    operations(
        "a media type",
        [&of(none(), none()), &of(json!({"text/csv": {}}), none())],
        ", response 200 text/csv: added",
        "! , response 200 text/csv: removed",
    );
    operations(
        "a field",
        [&of(none(), none()), &of(none(), json!({"ETag": {}}))],
        ", response 200 header `ETag`: added",
        "! , response 200 header `ETag`: removed",
    );
    operations(
        "presence of a field",
        [
            &of(none(), json!({"ETag": {"required": true}})),
            &of(none(), json!({"etag": {"required": false}})),
        ],
        "! , response 200 header `etag`: required -> optional (widens the output)",
        ", response 200 header `etag`: optional -> required (narrows the output)",
    );
}

#[test]
fn the_schema_of_a_field_is_an_output() {
    let of = |kind: &str| json!({"responses": {"429": {"headers": {"Retry-After": {"schema": {"type": kind}}}}}});
    operations(
        "a field",
        [&of("integer"), &of("number")],
        "! , response 429 header `Retry-After`: type: integer -> number (widens the output)",
        ", response 429 header `Retry-After`: type: number -> integer (narrows the output)",
    );
}

#[test]
fn security() {
    let of = |security: Value| json!({"security": security, "responses": {}});
    let open = json!({"responses": {}});
    let bearer = |scopes: &[&str]| json!({ "bearer": scopes });
    operations(
        "credentials",
        [&open, &of(json!([bearer(&[])]))],
        "! , security: none -> bearer (requires more)",
        ", security: bearer -> none (requires less)",
    );
    operations(
        "optional credentials",
        [&of(json!([bearer(&[]), {}])), &of(json!([bearer(&[])]))],
        "! , security: alternative removed: none",
        ", security: alternative added: none",
    );
    operations(
        "a scope",
        [
            &of(json!([bearer(&["read"])])),
            &of(json!([bearer(&["read", "write"])])),
        ],
        "! , security: scope of `bearer` added: write (requires more)",
        ", security: scope of `bearer` removed: write (requires less)",
    );
    operations(
        "a second way",
        [
            &of(json!([bearer(&[])])),
            &of(json!([bearer(&[]), {"key": []}])),
        ],
        ", security: alternative added: key",
        "! , security: alternative removed: key",
    );
    operations(
        "a second credential",
        [
            &of(json!([bearer(&[])])),
            &of(json!([{"bearer": [], "key": []}])),
        ],
        "! , security: bearer -> key and bearer (requires more)",
        ", security: key and bearer -> bearer (requires less)",
    );
    operations(
        "another scheme",
        [&of(json!([bearer(&[])])), &of(json!([{"key": []}]))],
        "! , security: bearer -> key",
        "! , security: key -> bearer",
    );
    operations(
        "the same scheme by another name",
        [&of(json!([{"key": []}])), &of(json!([{"same_key": []}]))],
        ", security: name of the scheme: key -> same_key",
        ", security: name of the scheme: same_key -> key",
    );
    let roles = |roles: Value| json!({"x-roles": roles, "responses": {}});
    operations(
        "a role",
        [
            &roles(json!([])),
            &roles(json!([{"anyOf": ["admin", "owner"]}])),
        ],
        "! , security: role added: admin or owner (requires more)",
        ", security: role removed: admin or owner (requires less)",
    );
}

#[test]
fn security_of_the_document_holds_unless_an_operation_has_its_own() {
    let of = |document: Value, operation: Value| {
        json!({"security": document, "paths": {"/a": {
            "get": {"responses": {}},
            "put": {"security": operation, "responses": {}},
        }}})
    };
    check(
        "of the document",
        [
            &of(json!([]), json!([{"key": []}])),
            &of(json!([{"key": []}]), json!([{"key": []}])),
        ],
        &["! GET /a, security: none -> key (requires more)"],
        &["GET /a, security: key -> none (requires less)"],
    );
}

#[test]
fn a_changed_security_scheme_is_another_scheme() {
    let of = |header: &str| {
        let scheme = json!({"type": "apiKey", "in": "header", "name": header});
        document(
            &json!({"security": [{"key": []}], "responses": {}}),
            &json!({"securitySchemes": {"key": scheme}}),
        )
    };
    check(
        "the field of an API key",
        [&of("X-Key"), &of("X-Api-Key")],
        &["! POST /things, security: key -> key"],
        &["! POST /things, security: key -> key"],
    );
}

#[test]
fn limits() {
    let of = |limits: Value| json!({"x-rate-limit": limits, "responses": {}});
    let limit = |count: u64, seconds: f64| json!({"name": "hourly", "limit": count, "burst": 5, "period-seconds": seconds});
    let none = json!({"responses": {}});
    operations(
        "a limit",
        [&none, &of(json!([limit(10, 60.0)]))],
        "! , limit: x-rate-limit `hourly` added: 10 in 60 s (lowers the limit)",
        ", limit: x-rate-limit `hourly` removed: 10 in 60 s (raises the limit)",
    );
    operations(
        "its count",
        [&of(json!([limit(10, 60.0)])), &of(json!([limit(8, 60.0)]))],
        "! , limit: x-rate-limit `hourly` limit: 10 -> 8 (lowers the limit)",
        ", limit: x-rate-limit `hourly` limit: 8 -> 10 (raises the limit)",
    );
    operations(
        "its period",
        [&of(json!([limit(10, 60.0)])), &of(json!([limit(10, 90.0)]))],
        "! , limit: x-rate-limit `hourly` period-seconds: 60.0 -> 90.0 (lowers the limit)",
        ", limit: x-rate-limit `hourly` period-seconds: 90.0 -> 60.0 (raises the limit)",
    );
    let named =
        |count: u64| of(json!([{"name": "per-second", "limit": count, "period-seconds": 1.0}]));
    operations(
        "a count whose name is a time",
        [&named(10), &named(5)],
        "! , limit: x-rate-limit `per-second` limit: 10 -> 5 (lowers the limit)",
        ", limit: x-rate-limit `per-second` limit: 5 -> 10 (raises the limit)",
    );
    let sometimes = |is_conditional: bool| {
        let mut limit = limit(10, 60.0);
        if is_conditional {
            limit["conditional"] = json!(true);
        }
        of(json!([limit]))
    };
    operations(
        "a condition",
        [&sometimes(true), &sometimes(false)],
        "! , limit: x-rate-limit `hourly` conditional removed: true (lowers the limit)",
        ", limit: x-rate-limit `hourly` conditional added: true (raises the limit)",
    );
    let keyed = |key: &str| {
        let mut keyed = limit(10, 60.0);
        keyed["key"] = json!([key]);
        of(json!([keyed]))
    };
    operations(
        "its key",
        [&keyed("principal"), &keyed("peer address")],
        r#"! , limit: x-rate-limit `hourly` key: ["principal"] -> ["peer address"] (can't tell)"#,
        r#"! , limit: x-rate-limit `hourly` key: ["peer address"] -> ["principal"] (can't tell)"#,
    );
    let bytes = |bytes: Option<u64>| {
        let mut body = json!({"content": {}});
        if let Some(bytes) = bytes {
            body["x-max-body-bytes"] = json!(bytes);
        }
        json!({"requestBody": body, "responses": {}})
    };
    operations(
        "the size of a body",
        [&bytes(Some(2048)), &bytes(Some(1024))],
        "! , limit: x-max-body-bytes: 2048 -> 1024 (lowers the limit)",
        ", limit: x-max-body-bytes: 1024 -> 2048 (raises the limit)",
    );
    operations(
        "a size of a body",
        [&bytes(None), &bytes(Some(1024))],
        "! , limit: x-max-body-bytes added: 1024 (lowers the limit)",
        ", limit: x-max-body-bytes removed: 1024 (raises the limit)",
    );
}

#[test]
fn the_document_as_a_whole() {
    let of = |servers: Value| json!({"servers": servers, "paths": {}});
    let (one, two) = (
        json!({"url": "https://a.example"}),
        json!({"url": "https://b.example"}),
    );
    check(
        "a server",
        [&of(json!([one])), &of(json!([one, two]))],
        &["#/servers: server added: https://b.example"],
        &["! #/servers: server removed: https://b.example"],
    );
    check(
        "webhooks",
        [
            &json!({"paths": {}}),
            &json!({"paths": {}, "webhooks": {"created": {}}}),
        ],
        &["! #/webhooks: changed (can't tell)"],
        &["! #/webhooks: changed (can't tell)"],
    );
    check(
        "the version",
        [
            &json!({"info": {"version": "1.0.0"}, "paths": {}}),
            &json!({"info": {"version": "1.1.0"}, "paths": {}}),
        ],
        &[r##"#/info/version: "1.0.0" -> "1.1.0""##],
        &[r##"#/info/version: "1.1.0" -> "1.0.0""##],
    );
}

#[test]
fn texts_break_nothing() {
    for (member, old, new) in [
        ("summary", json!("One"), json!("Two")),
        ("description", json!("One"), json!("Two")),
        ("tags", json!(["a"]), json!(["b"])),
        ("deprecated", json!(false), json!(true)),
        ("x-note", json!({"a": 1}), json!({"a": 2})),
    ] {
        let of = |value: &Value| json!({"responses": {}, member: value});
        operations(
            member,
            [&of(&old), &of(&new)],
            &format!(", #/{member}: {old} -> {new}"),
            &format!(", #/{member}: {new} -> {old}"),
        );
    }
    let of = |text: &str| {
        json!({"schemas": {"User": {"type": "object", "description": text, "properties": {
            "description": {"type": "string", "title": text, "examples": [text], "default": text},
        }}}})
    };
    let [old, new] = ["One", "Two"].map(|text| document(&json!({"responses": {}}), &of(text)));
    let path = "#/components/schemas/User";
    let expected = [
        format!(r#"{path}/description: "One" -> "Two""#),
        format!(r#"{path}/properties/description/default: "One" -> "Two""#),
        format!(r#"{path}/properties/description/examples: ["One"] -> ["Two"]"#),
        format!(r#"{path}/properties/description/title: "One" -> "Two""#),
    ];
    assert_eq!(shown(&Differences::between(&old, &new)), expected);
    assert_symmetric(&old, &new);
}
