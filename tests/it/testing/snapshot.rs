//! The document in a file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

use serde_json::{Value, json};
use wythe::testing::{assert_snapshot, check_snapshot};

/// A file in a folder of its own, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("wythe-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("openapi.json")
    }

    fn with(name: &str, document: &Value) -> Self {
        let folder = Self::new(name);
        fs::write(folder.file(), document.to_string()).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn document(paths: &[&str]) -> Value {
    let paths = paths
        .iter()
        .map(|path| ((*path).to_owned(), json!({"get": {"responses": {}}})));
    json!({"openapi": "3.1.0", "paths": paths.collect::<serde_json::Map<_, _>>()})
}

#[test]
fn the_same_document_passes_in_any_layout() {
    let folder = Folder::new("layout");
    let text = r#"{"paths":{"/a":{"get":{"responses":{}}}},   "openapi":"3.1.0"}"#;
    fs::write(folder.file(), text).unwrap();
    assert_snapshot(folder.file(), &document(&["/a"]));
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), text);
}

#[test]
fn a_missing_file_says_how_to_create_it() {
    let folder = Folder::new("missing");
    let error = check_snapshot(folder.file(), &document(&[])).unwrap_err();
    assert!(error.is_missing());
    let path = folder.file();
    assert_eq!(
        error.to_string(),
        format!(
            "{} does not exist; run this test with `WYTHE_SNAPSHOT=overwrite` to create it",
            path.display()
        )
    );
}

#[test]
fn another_document_fails_with_the_report() {
    let folder = Folder::with("report", &document(&["/a"]));
    let error = check_snapshot(folder.file(), &document(&["/b"])).unwrap_err();
    assert!(error.differences().unwrap().is_breaking());
    let path = folder.file();
    assert_eq!(
        error.to_string(),
        format!(
            "the API differs from {}\n\n\
             1 breaking change\n  GET /a  removed\n\n\
             1 compatible change\n  GET /b  added\n\n\
             if this is intended, run this test with `WYTHE_SNAPSHOT=overwrite`",
            path.display()
        )
    );
}

#[test]
fn a_file_that_is_not_json_fails() {
    let folder = Folder::new("json");
    fs::write(folder.file(), "{").unwrap();
    let error = check_snapshot(folder.file(), &document(&[])).unwrap_err();
    assert!(error.differences().is_none() && !error.is_missing());
    assert!(
        error
            .to_string()
            .contains("openapi.json: EOF while parsing")
    );
}

/// Runs [`compares_what_it_is_told`] in a process with another environment, and gives back whether it
/// passes.
fn passes(accept: &str, file: &Path, document: &Value) -> bool {
    let run = Command::new(env::current_exe().unwrap())
        .args(["testing::snapshot::compares_what_it_is_told", "--exact"])
        .env("WYTHE_SNAPSHOT", accept)
        .env("SNAPSHOT_FILE", file)
        .env("SNAPSHOT_DOCUMENT", document.to_string())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(output.contains("running 1 test"), "{output}");
    run.status.success()
}

/// A document of its own, unless [`passes`] tells it another.
#[test]
fn compares_what_it_is_told() {
    if let Some(file) = env::var_os("SNAPSHOT_FILE") {
        let document: Value = env::var("SNAPSHOT_DOCUMENT").unwrap().parse().unwrap();
        assert_snapshot(file, &document);
        return;
    }
    let folder = Folder::new("own");
    let document = document(&["/a"]);
    fs::write(folder.file(), document.to_string()).unwrap();
    assert_snapshot(folder.file(), &document);
}

fn stored(folder: &Folder) -> Value {
    fs::read_to_string(folder.file()).unwrap().parse().unwrap()
}

#[test]
fn overwrite_stores_any_document() {
    let folder = Folder::new("overwrite");
    for document in [document(&["/a"]), document(&["/b"])] {
        assert!(passes("overwrite", &folder.file(), &document));
        assert_eq!(stored(&folder), document);
    }
    fs::write(folder.file(), "{").unwrap();
    assert!(passes("overwrite", &folder.file(), &document(&[])));
    let text = "{\n  \"openapi\": \"3.1.0\",\n  \"paths\": {}\n}\n";
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), text);
}

#[test]
fn compatible_stores_what_breaks_nothing() {
    let folder = Folder::new("compatible");
    assert!(passes("compatible", &folder.file(), &document(&["/a"])));
    assert!(passes(
        "compatible",
        &folder.file(),
        &document(&["/a", "/b"])
    ));
    assert!(!passes("compatible", &folder.file(), &document(&["/b"])));
    assert_eq!(stored(&folder), document(&["/a", "/b"]));
}

#[test]
fn another_value_of_the_variable_fails() {
    let folder = Folder::with("variable", &document(&["/a"]));
    assert!(!passes("1", &folder.file(), &document(&["/a"])));
    assert!(passes("", &folder.file(), &document(&["/a"])));
}
