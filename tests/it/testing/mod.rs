//! Tests of the tools for tests.

#[cfg(feature = "full")]
mod api;
mod hold;
mod hostile;
mod operations;
#[cfg(feature = "full")]
mod provoke;
mod report;
mod schemas;
mod snapshot;
mod sound;

use serde_json::{Value, json};
use wythe::testing::{ChangeKind, Difference, Differences};

/// A document with one operation, and components.
fn document(operation: &Value, components: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1.0.0"},
        "paths": {"/things": {"post": operation}},
        "components": components,
    })
}

/// `!` in front of what is breaking.
fn shown(differences: &Differences) -> Vec<String> {
    let shown = differences.iter().map(|difference| {
        let mark = if difference.is_breaking() { "! " } else { "" };
        format!("{mark}{difference}")
    });
    shown.collect()
}

/// What a difference says, with old and new swapped.
fn swapped(difference: &Difference) -> String {
    let kind = match difference.kind() {
        ChangeKind::Added => ChangeKind::Removed,
        ChangeKind::Removed => ChangeKind::Added,
        ChangeKind::Narrowed => ChangeKind::Widened,
        ChangeKind::Widened => ChangeKind::Narrowed,
        other => other,
    };
    said(
        difference,
        kind,
        [difference.new_text(), difference.old_text()],
    )
}

fn said(difference: &Difference, kind: ChangeKind, texts: [Option<&str>; 2]) -> String {
    format!(
        "{:?} {} {} {} {kind:?} {texts:?}",
        difference.operation(),
        difference.location(),
        difference.pointer(),
        difference.subject(),
    )
}

/// What is added one way is removed the other way.
#[track_caller]
fn swaps(old: &Value, new: &Value) {
    let there = Differences::between(old, new);
    let back = Differences::between(new, old);
    let mut there: Vec<_> = there.iter().map(swapped).collect();
    let mut back: Vec<_> = back
        .iter()
        .map(|one| said(one, one.kind(), [one.old_text(), one.new_text()]))
        .collect();
    there.sort();
    back.sort();
    assert_eq!(there, back, "{old:#}\n{new:#}");
}
