//! What the compiler says of the likeliest mistakes, as stored beside each of them.
//!
//! The texts are the compiler's and change with it, and the lists of "other types" in them change
//! with the features: they are held against one release and the default features only. Elsewhere
//! the test says that it was skipped. `TRYBUILD=overwrite cargo test --test messages` stores anew.
#![cfg(all(
    feature = "auth",
    feature = "authorization",
    feature = "axum",
    feature = "cache-control",
    feature = "cors",
    feature = "jwt",
    feature = "method",
    feature = "presentation",
    feature = "rate-limit",
    feature = "validation",
    not(feature = "multipart"),
    not(feature = "tower-http"),
    not(feature = "ws"),
))]

use std::process::Command;

/// The release whose messages are stored.
const RELEASE: &str = "rustc 1.95.";

#[test]
fn mistakes_are_answered_with_help() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with(RELEASE) {
        assert!(
            std::env::var_os("WYTHE_REQUIRE_ALL").is_none(),
            "the stored messages are of {RELEASE}x, and this is {version}"
        );
        println!("skipped: the stored messages are of {RELEASE}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/messages/*.rs");
}
