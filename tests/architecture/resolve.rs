//! Resolves a path, through modules and re-exports, to the module that defines the item.

use crate::tree::{Meaning, Segments, Tree, Used};

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Module(Segments),
    /// An item that this module defines.
    Item(Segments),
}

/// The names that are being resolved: a circular re-export resolves to nothing.
type Open = Vec<(Segments, String)>;

impl Tree {
    /// The files that a path in `user` depends on: the one that defines the item, and the module
    /// that the path spells out on the way.
    pub(crate) fn files_of(&self, user: &[String], used: &Used) -> Vec<&str> {
        let path = &used.path;
        if self.is_imported(user, path) {
            return Vec::new();
        }
        let mut modules: Vec<Segments> = self
            .follow(user, path, &mut Vec::new())
            .into_iter()
            .filter_map(|target| match target {
                // A single name that is also a module's is a variable, or the declaration of a
                // child module.
                Target::Module(_) if path.len() == 1 && anchor(user, path).is_none() => None,
                Target::Module(module) | Target::Item(module) => Some(module),
            })
            .collect();
        modules.extend(self.written(user, path));
        let mut files: Vec<&str> = modules.iter().map(|m| self.file(m)).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Whether the path starts with a name that a `use` imported. That `use` is counted already,
    /// unless it imported a module and the path continues from there, or is a re-export, which may
    /// be allowed.
    fn is_imported(&self, user: &[String], path: &[String]) -> bool {
        let names = self.modules.get(user).map(|module| &module.names);
        let meanings = names.zip(path.first()).and_then(|(n, first)| n.get(first));
        let is_alias =
            |meaning: &Meaning| matches!(meaning, Meaning::Alias { reexport, .. } if !reexport);
        let alias = meanings.is_some_and(|meanings| meanings.iter().any(is_alias));
        let starts = || self.follow(user, &path[..1], &mut Vec::new());
        alias && (path.len() == 1 || starts().iter().all(|t| matches!(t, Target::Item(_))))
    }

    fn file(&self, module: &[String]) -> &str {
        self.modules
            .get(module)
            .map_or("src/lib.rs", |module| &module.file)
    }

    /// The innermost module that the path spells out, before any re-export. The root and the user's
    /// ancestors are only on the way: every path may start there.
    fn written(&self, user: &[String], path: &[String]) -> Option<Segments> {
        let (mut module, rest) = anchor(user, path).unwrap_or_else(|| (user.to_vec(), path));
        for name in rest {
            let child = child(&module, name);
            if !self.modules.contains_key(&child) {
                break;
            }
            module = child;
        }
        (!user.starts_with(&module) && self.file(&module) != "src/lib.rs").then_some(module)
    }

    fn follow(&self, from: &[String], path: &[String], open: &mut Open) -> Vec<Target> {
        if let Some((start, rest)) = anchor(from, path) {
            return self.walk(Target::Module(start), rest, open);
        }
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let meanings = self.meanings(from, first, rest, open).into_iter();
        meanings
            .flat_map(|meaning| self.walk(meaning, rest, open))
            .collect()
    }

    fn walk(&self, at: Target, rest: &[String], open: &mut Open) -> Vec<Target> {
        let (Target::Module(module), Some((name, rest))) = (&at, rest.split_first()) else {
            return vec![at];
        };
        let found = self.meanings(module, name, rest, open);
        if found.is_empty() {
            // What a macro defines has no name here, but its module is known.
            return vec![Target::Item(module.clone())];
        }
        found
            .into_iter()
            .flat_map(|next| self.walk(next, rest, open))
            .collect()
    }

    /// What `name` means in `module` when `rest` follows: before more segments, a module hides a
    /// function of the same name.
    fn meanings(
        &self,
        module: &[String],
        name: &str,
        rest: &[String],
        open: &mut Open,
    ) -> Vec<Target> {
        let child = child(module, name);
        if !rest.is_empty() && self.modules.contains_key(&child) {
            return vec![Target::Module(child)];
        }
        self.named(module, name, open)
    }

    /// Everything that `name` means in `module`.
    fn named(&self, module: &[String], name: &str, open: &mut Open) -> Vec<Target> {
        let key = (module.to_vec(), name.to_owned());
        let Some(scope) = self.modules.get(module).filter(|_| !open.contains(&key)) else {
            return Vec::new();
        };
        open.push(key);
        let child = child(module, name);
        let mut found = Vec::new();
        if self.modules.contains_key(&child) {
            found.push(Target::Module(child));
        }
        for meaning in scope.names.get(name).into_iter().flatten() {
            let before = found.len();
            if let Meaning::Alias { path, .. } = meaning {
                found.extend(self.follow(module, path, open));
            }
            if found.len() == before {
                // Defined here, or in another crate and reached through this module.
                found.push(Target::Item(module.to_vec()));
            }
        }
        if found.is_empty() {
            found = self.in_globs(module, &scope.globs, name, open);
        }
        open.pop();
        found
    }

    fn in_globs(
        &self,
        module: &[String],
        globs: &[Segments],
        name: &str,
        open: &mut Open,
    ) -> Vec<Target> {
        let mut found = Vec::new();
        for glob in globs {
            for target in self.follow(module, glob, open) {
                if let Target::Module(inside) = target {
                    found.extend(self.named(&inside, name, open));
                }
            }
        }
        found
    }
}

/// The starting module of a path that names it explicitly, and the remaining segments.
fn anchor<'p>(from: &[String], path: &'p [String]) -> Option<(Segments, &'p [String])> {
    let (first, mut rest) = path.split_first()?;
    let mut start = match first.as_str() {
        "crate" => return Some((Vec::new(), rest)),
        "self" => from.to_vec(),
        "super" => parent(from),
        _ => return None,
    };
    while let Some(("super", after)) = rest.split_first().map(|(name, after)| (&**name, after)) {
        start = parent(&start);
        rest = after;
    }
    Some((start, rest))
}

fn parent(module: &[String]) -> Segments {
    module[..module.len().saturating_sub(1)].to_vec()
}

fn child(module: &[String], name: &str) -> Segments {
    let mut child = module.to_vec();
    child.push(name.to_owned());
    child
}
