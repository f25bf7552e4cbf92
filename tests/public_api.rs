//! What the crate exports, held against `public-api.txt`, so that each change of it is seen.
//!
//! It needs `cargo install cargo-public-api` and a nightly toolchain, whose rustdoc writes the list
//! of items; where one is missing, the test says that it was skipped.
//! `PUBLIC_API=overwrite cargo test --test public_api` stores the list again.
#![cfg(feature = "full")]

use std::{env, fs, process::Command};

const STORED: &str = "public-api.txt";

#[test]
fn the_public_items_are_the_stored_ones() {
    let Some(items) = public_items() else {
        let skipped = "skipped: cargo-public-api or a nightly toolchain is not installed";
        assert!(env::var_os("WYTHE_REQUIRE_ALL").is_none(), "{skipped}");
        println!("{skipped}");
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
    let removed = only_in(&stored, &items, "-");
    let added = only_in(&items, &stored, "+");
    assert!(
        items == stored,
        "the public items changed; if that is meant, store them with \
         `PUBLIC_API=overwrite cargo test --test public_api` and name the change in \
         CHANGELOG.md\n{removed}{added}"
    );
}

/// One line for each item of all features, without derived and automatic implementations.
fn public_items() -> Option<String> {
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
