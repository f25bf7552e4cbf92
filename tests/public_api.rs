//! What the crate exports, held against `public-api.txt`, so that each change of it is seen.
//!
//! It needs `cargo install cargo-public-api` and a nightly toolchain, whose rustdoc writes the list
//! of items; where one is missing, the test says that it was skipped.
//! `PUBLIC_API=overwrite cargo test --test public_api` stores the list again.
#![cfg(feature = "full")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    process::Command,
    sync::LazyLock,
};

const STORED: &str = "public-api.txt";

#[test]
fn the_public_items_are_the_stored_ones() {
    let Some(items) = public_items() else {
        return;
    };
    if env::var("PUBLIC_API").is_ok_and(|value| value == "overwrite") {
        fs::write(STORED, items).expect("the list can be stored");
        return;
    }
    let stored = fs::read_to_string(STORED).expect("the stored list can be read");
    let only_in = |one: &str, other: &str, mark: &str| -> String {
        one.lines()
            .filter(|line| !other.lines().any(|known| known == *line))
            .map(|line| format!("{mark} {line}\n"))
            .collect()
    };
    let removed = only_in(&stored, items, "-");
    let added = only_in(items, &stored, "+");
    assert!(
        *items == stored,
        "the public items changed; if that is meant, store them with \
         `PUBLIC_API=overwrite cargo test --test public_api` and name the change in \
         CHANGELOG.md\n{removed}{added}"
    );
}

/// One line for each item of all features, without derived and automatic implementations.
fn public_items() -> Option<&'static String> {
    static ITEMS: LazyLock<Option<String>> = LazyLock::new(list);
    if ITEMS.is_none() {
        let skipped = "skipped: cargo-public-api or a nightly toolchain is not installed";
        assert!(env::var_os("WYTHE_REQUIRE_ALL").is_none(), "{skipped}");
        println!("{skipped}");
    }
    ITEMS.as_ref()
}

fn list() -> Option<String> {
    let present = |program: &str, arguments: &[&str]| {
        let run = Command::new(program).args(arguments).output();
        run.is_ok_and(|run| run.status.success())
    };
    if !present("cargo", &["public-api", "--version"])
        || !present("rustup", &["run", "nightly", "rustc", "--version"])
    {
        return None;
    }
    // Without the variables of this test, which would choose the stable toolchain and its files.
    let run = Command::new("rustup")
        .args(["run", "nightly", "cargo", "public-api", "--all-features"])
        .args(["-sss", "--color=never"])
        .env("CARGO_TARGET_DIR", "target/public-api")
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("RUSTDOC")
        .env_remove("RUSTUP_TOOLCHAIN")
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "cargo public-api failed:\n{errors}");
    Some(String::from_utf8(run.stdout).expect("the list is text"))
}

/// Different items of one kind that share a name, such as a stage and the layer that stands there.
const SHARED_NAMES: &[&str] = &["Body", "By", "Cors", "Origin", "Query", "Quota"];

#[test]
fn each_item_has_one_path() {
    let Some(items) = public_items() else {
        return;
    };
    let modules: BTreeSet<&str> = items
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
        .collect();
    let mut paths: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for line in items.lines() {
        let Some((kind, path)) = item(line) else {
            continue;
        };
        if let Some((module, name)) = path.rsplit_once("::")
            && modules.contains(module)
        {
            paths.entry((kind, name)).or_default().insert(path);
        }
    }
    assert!(paths.len() > 100, "only {} items were found", paths.len());
    let several: Vec<_> = paths
        .into_iter()
        .filter(|((_, name), paths)| paths.len() > 1 && !SHARED_NAMES.contains(name))
        .map(|((kind, _), paths)| format!("{kind}: {paths:?}"))
        .collect();
    assert!(several.is_empty(), "{}", several.join("\n"));
}

/// The kind and the path of an item of a module, such as `struct` and `wythe::Body`.
fn item(line: &str) -> Option<(&str, &str)> {
    let declaration = line.split_once("pub ")?.1;
    let declaration = declaration
        .trim_start_matches("const fn ")
        .trim_start_matches("async fn ");
    let (kind, rest) = match declaration.split_once(' ')? {
        (kind @ ("struct" | "enum" | "trait" | "fn" | "type" | "const" | "mod"), rest) => {
            (kind, rest)
        }
        (path, _) if path.starts_with("wythe::") && path.contains('(') => ("fn", declaration),
        _ => return None,
    };
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let path = rest.get(..end.unwrap_or(rest.len()))?;
    Some((kind, path.trim_end_matches(':')))
}
