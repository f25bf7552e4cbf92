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
fn reversed(difference: &Difference) -> String {
    let kind = match difference.kind() {
        ChangeKind::Added => ChangeKind::Removed,
        ChangeKind::Removed => ChangeKind::Added,
        ChangeKind::Narrowed => ChangeKind::Widened,
        ChangeKind::Widened => ChangeKind::Narrowed,
        other => other,
    };
    summary(
        difference,
        kind,
        [difference.new_text(), difference.old_text()],
    )
}

fn summary(difference: &Difference, kind: ChangeKind, texts: [Option<&str>; 2]) -> String {
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
fn assert_symmetric(old: &Value, new: &Value) {
    let forward = Differences::between(old, new);
    let backward = Differences::between(new, old);
    let mut forward: Vec<_> = forward.iter().map(reversed).collect();
    let mut backward: Vec<_> = backward
        .iter()
        .map(|change| {
            summary(
                change,
                change.kind(),
                [change.old_text(), change.new_text()],
            )
        })
        .collect();
    forward.sort();
    backward.sort();
    assert_eq!(forward, backward, "{old:#}\n{new:#}");
}
