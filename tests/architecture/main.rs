//! Which files may use which: levels, and groups on them that do not use each other.

mod resolve;
mod rules;
mod synthetic;
mod tests_only;
mod tokens;
mod tree;

use std::{fs, path::Path};

use rules::{
    Exception, FolderRules,
    Level::{Isolated, Open},
    Rules, violations,
};

/// Lowest level first; a file that is on none of them fails the test.
const RULES: Rules = Rules {
    folders: &[
        FolderRules {
            folder: "src",
            levels: &[
                // What is sent over the wire: refusals, bodies, fields.
                Open(&["wire"]),
                // Time, networks, Redis.
                Open(&["support"]),
                // What a middleware is, and its place in a stack. Uses no policy.
                Open(&["contract"]),
                // What layers leave in a request for other layers.
                Open(&["request"]),
                Open(&["compose"]),
                // One group for each layer; groups do not use each other.
                Isolated(&["layers/*"]),
                Isolated(&["integrations/*"]),
                // Routes that know their stacks.
                Open(&["api"]),
                // What tests of an application hold an API against.
                Open(&["testing"]),
                Open(&["guide", "lib"]),
            ],
        },
        AUTH,
        RATE_LIMIT,
    ],
    exceptions: &[
        Exception {
            user: "layers/authorization",
            used: "layers/auth",
            reason: "what somebody may do follows from who they are",
        },
        Exception {
            user: "layers/multipart",
            used: "layers/validation",
            reason: "the fields of a form are read, checked and reported in one way",
        },
    ],
};

/// What all schemes share, and the schemes, which do not use each other.
const AUTH: FolderRules = FolderRules {
    folder: "src/layers/auth",
    levels: &[
        Open(&["*"]),
        Isolated(&["api_key", "basic", "jwt", "session"]),
    ],
};

/// From the arithmetic to the layer: no file is used by one that it uses.
const RATE_LIMIT: FolderRules = FolderRules {
    folder: "src/layers/rate_limit",
    levels: &[
        Open(&["quota"]),
        Open(&["gcra"]),
        Open(&["memory"]),
        Open(&["plan"]),
        Open(&["redis"]),
        Open(&["policy"]),
        Open(&["store"]),
        Open(&["limit"]),
        Open(&["*"]),
    ],
};

#[test]
fn files_use_only_lower_levels_and_their_own_groups() {
    let mut files = Vec::new();
    read(Path::new("src"), &mut files);
    let files = files.iter().map(|(path, text)| (&**path, &**text));
    let violations = violations(&RULES, files);
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// The path and the text of every source file.
fn read(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.to_str().unwrap().to_owned(), text));
        }
    }
}
