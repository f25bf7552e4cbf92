//! The rules: which file is on which floor, and which files may use which.

use std::collections::BTreeSet;

use crate::tree::{Tree, Used};

/// The floors of one folder, lowest first. A file uses its own floor and those below.
///
/// Names are paths in the folder, without `.rs`. A name covers the file and the folder with
/// everything in it; `*` covers every name that no other line of the table has.
pub(crate) struct House {
    pub(crate) folder: &'static str,
    pub(crate) floors: &'static [Floor],
}

pub(crate) enum Floor {
    /// All files on this floor may use each other.
    Shared(&'static [&'static str]),
    /// Each name is a room, and no room uses another.
    Rooms(&'static [&'static str]),
}

/// Uses that the floors forbid and that are allowed as exceptions. Paths are relative to `src`,
/// without `.rs`.
pub(crate) struct Exception {
    pub(crate) user: &'static str,
    pub(crate) used: &'static str,
    pub(crate) reason: &'static str,
}

pub(crate) struct Plan {
    pub(crate) houses: &'static [House],
    pub(crate) exceptions: &'static [Exception],
}

impl Floor {
    const fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Shared(names) | Self::Rooms(names) => names,
        }
    }
}

impl House {
    /// The path of a file relative to this folder, without `.rs`.
    fn inside<'f>(&self, file: &'f str) -> Option<&'f str> {
        let path = file.strip_prefix(self.folder)?.strip_prefix('/')?;
        path.strip_suffix(".rs")
    }

    /// The floor of a path and its room there, by the most specific name that matches.
    fn place<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        let fits = self.floors.iter().enumerate().flat_map(|(floor, names)| {
            let names = names.names().iter();
            names.filter_map(move |name| Some((exactness(name), floor, room(name, path)?)))
        });
        let (_, floor, room) = fits.max_by_key(|(exact, ..)| *exact)?;
        Some((floor, room))
    }

    /// Why `user` may not use `used`.
    fn objection(&self, user: &str, used: &str) -> Option<&'static str> {
        let (user, used) = (self.inside(user)?, self.inside(used)?);
        let ((own, room), (other, its_room)) = (self.place(user)?, self.place(used)?);
        if other > own {
            return Some("of a higher floor");
        }
        let strangers = matches!(self.floors[own], Floor::Rooms(_)) && room != its_room;
        (other == own && strangers).then_some("of another room")
    }
}

fn exactness(name: &str) -> usize {
    name.split('/').filter(|part| *part != "*").count()
}

/// The part of `path` that `name` covers.
fn room<'p>(name: &str, path: &'p str) -> Option<&'p str> {
    let mut end = 0;
    let mut parts = path.split('/');
    for wanted in name.split('/') {
        let part = parts.next()?;
        if wanted != "*" && wanted != part {
            return None;
        }
        end += part.len() + 1;
    }
    path.get(..end - 1)
}

impl Exception {
    fn holds(&self, user: &str, used: &str) -> bool {
        let is = |name, file: &str| {
            let path = file
                .strip_prefix("src/")
                .and_then(|f| f.strip_suffix(".rs"));
            path.is_some_and(|path| room(name, path).is_some())
        };
        is(self.user, user) && is(self.used, used)
    }
}

/// The violations in a set of files, one line each.
pub(crate) fn wrong<'f>(
    plan: &Plan,
    files: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> Vec<String> {
    let tree = Tree::read(files);
    let mut wrong = homeless(plan, &tree);
    wrong.extend(tree.unreadable.iter().cloned());
    let mut exceptions = vec![false; plan.exceptions.len()];
    for (user, used, file) in dependencies(&tree) {
        let path = used.path.join("::");
        let Some(why) = plan.houses.iter().find_map(|h| h.objection(user, file)) else {
            continue;
        };
        match plan.exceptions.iter().position(|e| e.holds(user, file)) {
            Some(exception) => exceptions[exception] = true,
            None => wrong.push(format!("{user}: uses `{path}` of {file}, {why}")),
        }
    }
    let idle = plan.exceptions.iter().zip(exceptions);
    wrong.extend(idle.filter(|(_, used)| !used).map(|(exception, _)| {
        let Exception { user, used, reason } = exception;
        format!("{user} may use {used} ({reason}), but does not")
    }));
    wrong
}

/// User, path and used file, except for tests and for re-exports of the user's own items.
fn dependencies(tree: &Tree) -> Vec<(&str, &Used, &str)> {
    let mut found = Vec::new();
    let modules = tree
        .modules
        .iter()
        .filter(|(names, _)| !tree.is_test(names));
    for (names, module) in modules {
        for used in &module.uses {
            let files = tree.files_of(names, used).into_iter();
            let others = files.filter(|file| !own(&module.file, used, file));
            found.extend(others.map(|file| (&*module.file, used, file)));
        }
    }
    found
}

/// `mod.rs` and `lib.rs` re-export what their folder has.
fn own(user: &str, used: &Used, file: &str) -> bool {
    let mut faces = ["mod.rs", "lib.rs"].iter();
    let folder = faces.find_map(|face| user.strip_suffix(face));
    user == file || used.reexport && folder.is_some_and(|folder| file.starts_with(folder))
}

/// Files that are on no floor, and names in the table without a file.
fn homeless(plan: &Plan, tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for house in plan.houses {
        let files = tree.modules.values().map(|module| &*module.file);
        let paths: BTreeSet<&str> = files.filter_map(|file| house.inside(file)).collect();
        for path in &paths {
            if house.place(path).is_none() {
                wrong.push(format!("{}/{path}.rs: on no floor", house.folder));
            }
        }
        for name in house.floors.iter().flat_map(|floor| floor.names()) {
            if !paths.iter().any(|path| room(name, path).is_some()) {
                wrong.push(format!("no file is at {name} in {}", house.folder));
            }
        }
    }
    wrong
}
