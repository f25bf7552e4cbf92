//! How the differences are written.

use serde_json::{Value, json};
use wythe::testing::Differences;

#[test]
fn a_change_of_many_operations_is_one_line() {
    let document = |operations: usize, maximum: u32| -> Value {
        let body = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Name"}}}});
        let paths = (0..operations).map(|index| {
            (
                format!("/{index}"),
                json!({"put": {"requestBody": body, "responses": {}}}),
            )
        });
        json!({
            "paths": paths.collect::<serde_json::Map<_, _>>(),
            "components": {"schemas": {"Name": {"type": "string", "maxLength": maximum}}},
        })
    };
    let differences = Differences::between(&document(6, 10), &document(6, 5));
    assert_eq!(differences.iter().count(), 6);
    assert_eq!(
        differences.to_string(),
        "1 breaking change\n  \
           PUT /0  request body  maxLength: 10 -> 5 (narrows the input); also in PUT /1, PUT /2, PUT /3 \
         and 2 more\n"
    );
    let differences = Differences::between(&document(2, 10), &document(2, 5));
    assert!(differences.to_string().ends_with("; also in PUT /1\n"));
}

#[test]
fn long_values_are_shortened_to_one_line() {
    let document = |text: &str| json!({"info": {"title": text}, "paths": {}});
    let differences = Differences::between(&document("a\nb"), &document(&"ä".repeat(80)));
    let expected = format!(
        "1 compatible change\n  #/info/title  \"a\\nb\" -> \"{}...\n",
        "ä".repeat(59)
    );
    assert_eq!(differences.to_string(), expected);
}

#[test]
fn nothing_changed_is_said() {
    let document = json!({"paths": {}});
    assert_eq!(
        Differences::between(&document, &document).to_string(),
        "no differences\n"
    );
}

#[test]
fn the_readme_shows_the_report_of_the_example() {
    // The example of the module compares it with what is written.
    let page = include_str!("../../../src/testing/mod.rs");
    let (_, report) = page.split_once("\"\\\n").expect("the report");
    let (report, _) = report.split_once("//! \"\n").expect("its end");
    let lines = report.lines().map(|line| line.trim_start_matches("//!"));
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```text\n{}\n```\n", lines.join("\n"))));
}
