//! What the compiler says of the likeliest mistakes, as stored beside each of them.
//!
//! The texts are the compiler's and change with it, and the lists of "other types" in them change
//! with the features: they are held against one release, the default features and `openapi`. Elsewhere
//! the test says that it was skipped. `MESSAGES=overwrite cargo test --test messages` stores them again.
#![cfg(all(
    feature = "api",
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
    not(feature = "tower-http"),
))]

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use serde_json::Value;

/// The release whose messages are stored.
const RELEASE: &str = "rustc 1.95.";
/// What the mistakes may use.
const CRATES: [&str; 8] = [
    "axum",
    "garde",
    "http",
    "http_body_util",
    "schemars",
    "serde",
    "tower",
    "wythe",
];

#[test]
fn mistakes_are_answered_with_help() {
    let version = rustc().arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with(RELEASE) {
        assert!(
            env::var_os("WYTHE_REQUIRE_ALL").is_none(),
            "the stored messages are of {RELEASE}x, and this is {version}"
        );
        println!("skipped: the stored messages are of {RELEASE}x, and this is {version}");
        return;
    }
    let crates = crates();
    let mistakes = Mutex::new(mistakes());
    let wrong = Mutex::new(Vec::new());
    let check = || {
        loop {
            let next = mistakes.lock().unwrap().pop();
            let Some(mistake) = next else { return };
            let difference = difference(&mistake, &message(&mistake, &crates));
            wrong.lock().unwrap().extend(difference);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(check);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_shows_the_messages_as_they_are() {
    let readme = fs::read_to_string("README.md").unwrap();
    let blocks = readme.split("```text\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("\n```").next());
    let shown: Vec<_> = blocks.filter(|block| block.starts_with("error[")).collect();
    let stored = ["unguarded_route", "wrong_order"];
    assert_eq!(shown.len(), stored.len(), "{shown:?}");
    for (shown, stored) in shown.into_iter().zip(stored) {
        let stored = fs::read_to_string(format!("tests/messages/{stored}.stderr")).unwrap();
        for line in shown.lines() {
            assert!(stored.lines().any(|stored| stored == line), "{line}");
        }
    }
}

fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Arguments with the crates that this program is linked with. Cargo, which has just built them,
/// only says where they are.
fn crates() -> Vec<OsString> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--test", "messages", "--no-run", "--quiet"])
        .args(["--features=openapi", "--offline", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo: {}", output.status);
    let mut arguments = Vec::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let built: Value = serde_json::from_str(line).unwrap();
        // Warnings have a target as well.
        if built["reason"] != "compiler-artifact" {
            continue;
        }
        let name = built["target"]["name"].as_str().unwrap_or_default();
        if !CRATES.contains(&name) || built["target"]["kind"][0] != "lib" {
            continue;
        }
        let mut files = built["filenames"].as_array().into_iter().flatten();
        let library = files.find_map(|file| file.as_str().filter(|file| file.ends_with(".rlib")));
        let library = Path::new(library.expect("a library"));
        let mut dependencies = OsString::from("dependency=");
        dependencies.push(library.parent().unwrap());
        let mut path = OsString::from(format!("{name}="));
        path.push(library);
        arguments.extend(["-L".into(), dependencies, "--extern".into(), path]);
    }
    assert_eq!(arguments.len(), 4 * CRATES.len(), "{arguments:?}");
    arguments
}

fn mistakes() -> Vec<PathBuf> {
    let files = fs::read_dir("tests/messages").unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mistakes: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    assert!(!mistakes.is_empty());
    mistakes
}

/// What the compiler says of a mistake, without what differs between machines.
fn message(mistake: &Path, crates: &[OsString]) -> String {
    let output = rustc()
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata"])
        .args(["--out-dir", env!("CARGO_TARGET_TMPDIR")])
        .args(["--verbose", "--diagnostic-width=140", "-Adead_code"])
        .args(crates)
        .arg(mistake)
        .output()
        .expect("rustc runs");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{mistake:?} compiles: {text}");
    let of_this = format!("{}:", mistake.display());
    let diagnostics = text.trim_end().split("\n\n");
    let diagnostics = diagnostics.filter(|text| !is_summary(text));
    let diagnostics: Vec<_> = diagnostics.map(|text| unchanging(text, &of_this)).collect();
    diagnostics.join("\n")
}

/// Whether a paragraph only counts the errors, or says where to read on.
fn is_summary(text: &str) -> bool {
    [
        "error: aborting due to",
        "For more information",
        "Some errors have detailed",
    ]
    .iter()
    .any(|start| text.starts_with(start))
}

/// One diagnostic without the numbers of lines in other files, paths of this machine, versions, and
/// how many more types there are.
fn unchanging(diagnostic: &str, of_this: &str) -> String {
    let arrow =
        |line: &str| line.trim_start().starts_with("--> ") || line.trim_start().starts_with("::: ");
    // Line numbers stand right in a margin, as wide as the longest.
    let width = diagnostic
        .lines()
        .find(|line| arrow(line))
        .map_or(0, margin);
    let mut of_other = false;
    let mut lines = Vec::new();
    for line in diagnostic.lines() {
        let mut rest = line.to_owned();
        let mut number = None;
        of_other &=
            line.starts_with(|first: char| first == ' ' || first == '.' || first.is_ascii_digit());
        if arrow(line) {
            of_other = !line[width + 4..].starts_with(of_this);
            if of_other {
                rest = place(line);
            }
        }
        if let Some(start) = line.get(..width)
            && start
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_digit())
        {
            let digits = if of_other { "" } else { start.trim_start() };
            number = Some(digits.to_owned());
            rest.drain(..width);
        }
        lines.push((number, rest));
    }
    let longest = lines.iter().filter_map(|(number, _)| number.as_ref());
    let narrow = longest.map(String::len).max().unwrap_or_default();
    let gap = format!("...{}|", " ".repeat(width));
    let mut text = String::new();
    for (number, rest) in lines {
        let rest = match rest.strip_prefix(&gap) {
            Some(after) => format!("...{}|{after}", " ".repeat(narrow)),
            None => rest,
        };
        let number = number.map_or_else(String::new, |number| format!("{number:>narrow$}"));
        text.push_str(format!("{number}{rest}").trim_end());
        text.push('\n');
    }
    first_types(&text)
}

/// A place in another file: without line and column, nor where Cargo keeps the sources.
fn place(line: &str) -> String {
    let (start, path) = line.split_at(margin(line) + 4);
    let path = path.split(':').next().unwrap_or_default();
    let Some((_, path)) = path.split_once("/registry/src/") else {
        return format!("{start}{path}");
    };
    let mut parts = path.splitn(3, '/').skip(1);
    let [package, path] = [(); 2].map(|()| parts.next().unwrap_or_default());
    let name = package.rsplit_once('-').map_or(package, |(name, _)| name);
    format!("{start}$CARGO/{name}-$VERSION/{path}")
}

/// The first of a list of types, which is as long as the features that are on.
fn first_types(text: &str) -> String {
    const SHOWN: usize = 8;
    let mut first = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        first.push_str(line);
        first.push('\n');
        if !line.contains("the following other types implement trait") {
            continue;
        }
        let margin = lines.peek().copied().map_or(0, margin);
        let mut types = 0;
        while let Some(line) = lines.next_if(|line| self::margin(line) == margin) {
            types += 1;
            if types <= SHOWN {
                first.push_str(line);
                first.push('\n');
            }
        }
        if types > SHOWN {
            first.push_str(&format!("{}and $N others\n", " ".repeat(margin - 2)));
        }
    }
    first
}

fn margin(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// How a message differs from the stored one, which it replaces if the user wants so.
fn difference(mistake: &Path, message: &str) -> Option<String> {
    let stored = mistake.with_extension("stderr");
    if env::var_os("MESSAGES").is_some_and(|wanted| wanted == "overwrite") {
        fs::write(&stored, message).unwrap();
    }
    let expected = fs::read_to_string(&stored).unwrap_or_default();
    (expected != message).then(|| {
        let mistake = mistake.display();
        format!("{mistake}\n--- stored\n{expected}\n--- the compiler says\n{message}")
    })
}
