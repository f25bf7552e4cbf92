//! Which module may use which: a module uses only floors below its own.

use std::{collections::BTreeMap, fs, path::Path};

/// Lowest floor first. A module missing here fails the test.
const FLOORS: &[&[&str]] = &[
    // Values and pure functions.
    &[
        "authenticated",
        "clock",
        "config_error",
        "pause",
        "prehashed",
        "rotation",
        "secret",
    ],
    &["body", "head", "problem", "redis_server", "stage"],
    &["field", "networks", "reply"],
    // The contract: knows no policy.
    &["describe"],
    &["place"],
    &["address", "cookies", "principal"],
    &["key"],
    &["middleware", "placed"],
    // One middleware each, strangers to each other.
    &[
        "auth",
        "authorization",
        "cache_control",
        "concurrency_limit",
        "cors",
        "csrf",
        "load_shed",
        "client_ip",
        "cors",
        "ip_filter",
        "method",
        "one_body",
        "presentation",
        "rate_limit",
        "validation",
    ],
    // What puts the others together.
    &["compose", "session_grants"],
    &["axum", "tower_http_layers"],
    &["guide", "lib"],
];

#[test]
fn modules_use_only_lower_floors() {
    let floor_of: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let mut wrong = Vec::new();
    visit(Path::new("src"), &mut |path, module| {
        let Some(own) = floor_of.get(module) else {
            return wrong.push(format!("{module}: on no floor"));
        };
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for used in code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for (_, rest) in used
                .match_indices("crate::")
                .map(|(at, _)| used.split_at(at + 7))
            {
                let used = rest
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next();
                let used = used.unwrap_or_default();
                if used != module && floor_of.get(used).is_some_and(|floor| floor >= own) {
                    wrong.push(format!("{}: uses `crate::{used}`", path.display()));
                }
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Calls `each` with every source file and the top-level module it belongs to.
fn visit(dir: &Path, each: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, each);
        } else {
            let top = path.strip_prefix("src").unwrap().iter().next().unwrap();
            let top = Path::new(top).file_stem().unwrap().to_str().unwrap();
            each(&path, top);
        }
    }
}
