//! Which files may use which: floors, and rooms on them that do not use each other.

mod floors;
mod planted;
mod resolve;
mod tests_only;
mod tokens;
mod tree;

use std::{fs, path::Path};

use floors::{
    Exception,
    Floor::{Rooms, Shared},
    House, Plan, wrong,
};

/// Lowest floor first; a file that is on none of them fails the test.
const PLAN: Plan = Plan {
    houses: &[
        House {
            folder: "src",
            floors: &[
                // What is sent over the wire: refusals, bodies, fields.
                Shared(&["wire"]),
                // Time, networks, Redis.
                Shared(&["support"]),
                // What a middleware is, and its place in a stack. Uses no policy.
                Shared(&["contract"]),
                // What layers leave in a request for other layers.
                Shared(&["request"]),
                Shared(&["compose"]),
                // One room for each layer; rooms do not use each other.
                Rooms(&["layers/*"]),
                Rooms(&["integrations/*"]),
                // Routes that know their stacks.
                Shared(&["api"]),
                // What tests of an application hold an API against.
                Shared(&["testing"]),
                Shared(&["guide", "lib"]),
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
const AUTH: House = House {
    folder: "src/layers/auth",
    floors: &[
        Shared(&["*"]),
        Rooms(&["api_key", "basic", "jwt", "session"]),
    ],
};

/// From the arithmetic to the layer: no file is used by one that it uses.
const RATE_LIMIT: House = House {
    folder: "src/layers/rate_limit",
    floors: &[
        Shared(&["quota"]),
        Shared(&["gcra"]),
        Shared(&["memory"]),
        Shared(&["plan"]),
        Shared(&["redis"]),
        Shared(&["policy"]),
        Shared(&["store"]),
        Shared(&["limit"]),
        Shared(&["*"]),
    ],
};

#[test]
fn files_use_only_lower_floors_and_their_own_rooms() {
    let mut files = Vec::new();
    read(Path::new("src"), &mut files);
    let files = files.iter().map(|(path, text)| (&**path, &**text));
    let wrong = wrong(&PLAN, files);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
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
