//! The rules: which file is on which level, and which files may use which.

use std::collections::BTreeSet;

use crate::tree::{Tree, Used};

/// The levels of one folder, lowest first. A file uses its own level and those below.
///
/// Names are paths in the folder, without `.rs`. A name covers the file and the folder with
/// everything in it; `*` covers every name that no other line of the table has.
pub(crate) struct FolderRules {
    pub(crate) folder: &'static str,
    pub(crate) levels: &'static [Level],
}

pub(crate) enum Level {
    /// All files on this level may use each other.
    Open(&'static [&'static str]),
    /// Each name is a group, and no group uses another.
    Isolated(&'static [&'static str]),
}

/// Uses that the levels forbid and that are allowed as exceptions. Paths are relative to `src`,
/// without `.rs`.
pub(crate) struct Exception {
    pub(crate) user: &'static str,
    pub(crate) used: &'static str,
    pub(crate) reason: &'static str,
}

pub(crate) struct Rules {
    pub(crate) folders: &'static [FolderRules],
    pub(crate) exceptions: &'static [Exception],
}

impl Level {
    const fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Open(names) | Self::Isolated(names) => names,
        }
    }
}

impl FolderRules {
    /// The path of a file relative to this folder, without `.rs`.
    fn inside<'f>(&self, file: &'f str) -> Option<&'f str> {
        let path = file.strip_prefix(self.folder)?.strip_prefix('/')?;
        path.strip_suffix(".rs")
    }

    /// The level of a path and its group there, by the most specific name that matches.
    fn locate<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        let fits = self.levels.iter().enumerate().flat_map(|(level, names)| {
            let names = names.names().iter();
            names.filter_map(move |name| Some((specificity(name), level, group(name, path)?)))
        });
        let (_, level, group) = fits.max_by_key(|(exact, ..)| *exact)?;
        Some((level, group))
    }

    /// Why `user` may not use `used`.
    fn violation(&self, user: &str, used: &str) -> Option<&'static str> {
        let (user, used) = (self.inside(user)?, self.inside(used)?);
        let ((own, group), (other, other_group)) = (self.locate(user)?, self.locate(used)?);
        if other > own {
            return Some("of a higher level");
        }
        let in_other_group = matches!(self.levels[own], Level::Isolated(_)) && group != other_group;
        (other == own && in_other_group).then_some("of another group")
    }
}

fn specificity(name: &str) -> usize {
    name.split('/').filter(|part| *part != "*").count()
}

/// The part of `path` that `name` covers.
fn group<'p>(name: &str, path: &'p str) -> Option<&'p str> {
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
            path.is_some_and(|path| group(name, path).is_some())
        };
        is(self.user, user) && is(self.used, used)
    }
}

/// The violations in a set of files, one line each.
pub(crate) fn violations<'f>(
    rules: &Rules,
    files: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> Vec<String> {
    let tree = Tree::read(files);
    let mut violations = unassigned(rules, &tree);
    violations.extend(tree.unreadable.iter().cloned());
    let mut exceptions = vec![false; rules.exceptions.len()];
    for (user, used, file) in dependencies(&tree) {
        let path = used.path.join("::");
        let Some(violation) = rules
            .folders
            .iter()
            .find_map(|folder| folder.violation(user, file))
        else {
            continue;
        };
        match rules.exceptions.iter().position(|e| e.holds(user, file)) {
            Some(exception) => exceptions[exception] = true,
            None => violations.push(format!("{user}: uses `{path}` of {file}, {violation}")),
        }
    }
    let exceptions = rules.exceptions.iter().zip(exceptions);
    violations.extend(exceptions.filter(|(_, used)| !used).map(|(exception, _)| {
        let Exception { user, used, reason } = exception;
        format!("{user} may use {used} ({reason}), but does not")
    }));
    violations
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
            let others = files.filter(|file| !is_own(&module.file, used, file));
            found.extend(others.map(|file| (&*module.file, used, file)));
        }
    }
    found
}

/// `mod.rs` and `lib.rs` re-export what their folder has.
fn is_own(user: &str, used: &Used, file: &str) -> bool {
    let mut module_files = ["mod.rs", "lib.rs"].iter();
    let folder = module_files.find_map(|name| user.strip_suffix(name));
    user == file || used.reexport && folder.is_some_and(|folder| file.starts_with(folder))
}

/// Files that are on no level, and names in the table without a file.
fn unassigned(rules: &Rules, tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for folder in rules.folders {
        let files = tree.modules.values().map(|module| &*module.file);
        let paths: BTreeSet<&str> = files.filter_map(|file| folder.inside(file)).collect();
        for path in &paths {
            if folder.locate(path).is_none() {
                violations.push(format!("{}/{path}.rs: on no level", folder.folder));
            }
        }
        for name in folder.levels.iter().flat_map(|level| level.names()) {
            if !paths.iter().any(|path| group(name, path).is_some()) {
                violations.push(format!("no file is at {name} in {}", folder.folder));
            }
        }
    }
    violations
}
