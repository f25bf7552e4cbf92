//! Builds the API for WebAssembly and sends it requests from Node: `tests/edge.test.js`.
//!
//! Without Rust's `wasm32-unknown-unknown` or without Node the test is skipped, or fails if
//! `WYTHE_REQUIRE_ALL` is set.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

#[test]
fn the_api_runs_in_webassembly() {
    if let Some(missing) = missing() {
        assert!(
            env::var_os("WYTHE_REQUIRE_ALL").is_none(),
            "WYTHE_REQUIRE_ALL is set, and {missing} is not installed"
        );
        eprintln!("skipped: {missing} is not installed");
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let target = folder.join("edge");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--package", "example-edge", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target)
        .status();
    assert!(built.unwrap().success(), "the build fails");
    let package = folder.join("edge_package");
    Bindgen::new()
        .input_path(target.join(TARGET).join("debug/example_edge.wasm"))
        .nodejs(true)
        .unwrap()
        .generate(&package)
        .unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge.test.js");
    let tested = Command::new("node")
        .arg("--test")
        .arg(tests)
        .env("EDGE_PACKAGE", package.join("example_edge.js"))
        .status();
    assert!(tested.unwrap().success(), "a test in Node fails");
}

fn missing() -> Option<&'static str> {
    let runs = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    if !Path::new(libraries.trim()).is_dir() {
        return Some("Rust's wasm32-unknown-unknown");
    }
    (!runs("node")).then_some("Node")
}
