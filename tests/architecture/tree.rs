//! The modules of a crate, parsed from the text of its files: what each defines, what it imports by
//! `use`, and which paths it uses.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Attribute, ImplItem, Item, Macro, Stmt, TraitItem, UseTree, Visibility,
    visit::{self, Visit},
};

use crate::{
    tests_only::{self, only_in_tests},
    tokens,
};

/// The segments of a path, or the names of the modules from the root to one of them.
pub(crate) type Segments = Vec<String>;

#[derive(Default)]
pub(crate) struct Tree {
    /// By path from the root, which is empty for the root itself.
    pub(crate) modules: BTreeMap<Segments, Module>,
    /// These modules and everything below them are compiled for tests only.
    tests: BTreeSet<Segments>,
    /// Constructs that this reader does not follow, and therefore rejects.
    pub(crate) unreadable: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: String,
    /// A name has several meanings if a type, a function and a macro share it, or if `cfg` chooses.
    pub(crate) names: BTreeMap<String, Vec<Meaning>>,
    pub(crate) globs: Vec<Segments>,
    pub(crate) uses: BTreeSet<Used>,
}

pub(crate) enum Meaning {
    /// Defined here.
    Item,
    /// Imported by a `use`.
    Alias { path: Segments, reexport: bool },
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Used {
    pub(crate) path: Segments,
    /// By a `use` that is visible to others.
    pub(crate) reexport: bool,
}

impl Tree {
    /// Parses the `(path, text)` of each file, with paths from the root of the package.
    pub(crate) fn read<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Self {
        let mut tree = Self::default();
        for (file, text) in files {
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let at = module_of(file);
            if only_in_tests(&parsed.attrs) {
                tree.tests.insert(at.clone());
            }
            let mut reader = Reader {
                tree: &mut tree,
                file,
                at,
            };
            reader.module();
            reader.visit_file(&parsed);
        }
        tree
    }

    pub(crate) fn is_test(&self, module: &[String]) -> bool {
        (0..=module.len()).any(|names| self.tests.contains(&module[..names]))
    }
}

/// Files are where `mod` looks for them: `#[path]` is rejected.
fn module_of(file: &str) -> Segments {
    let names = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut names: Segments = names.split('/').map(str::to_owned).collect();
    names.pop_if(|last| matches!(last.as_str(), "lib" | "mod"));
    names
}

struct Reader<'t> {
    tree: &'t mut Tree,
    file: &'t str,
    at: Segments,
}

impl Reader<'_> {
    fn module(&mut self) -> &mut Module {
        let module = self.tree.modules.entry(self.at.clone()).or_default();
        self.file.clone_into(&mut module.file);
        module
    }

    fn define(&mut self, name: String, meaning: Meaning) {
        self.module().names.entry(name).or_default().push(meaning);
    }

    fn uses(&mut self, path: Segments, reexport: bool) {
        self.module().uses.insert(Used { path, reexport });
    }

    fn imports(&mut self, tree: &UseTree, reexport: bool) {
        for Import { path, name } in imports(tree) {
            self.uses(path.clone(), reexport);
            match name {
                Some(name) => self.define(name, Meaning::Alias { path, reexport }),
                None => self.module().globs.push(path),
            }
        }
    }

    /// A module's own file is parsed by itself: this adds only what its declaration says.
    fn declares(&mut self, module: &syn::ItemMod, in_tests: bool) {
        let mut child = self.at.clone();
        child.push(name(&module.ident));
        if in_tests {
            self.tree.tests.insert(child);
        } else if module.attrs.iter().any(|a| a.path().is_ident("path")) {
            let child = child.join("::");
            let file = self.file;
            self.tree
                .unreadable
                .push(format!("{file}: `#[path]` of `{child}`"));
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let in_tests = only_in_tests(tests_only::attributes(item));
        if let Item::Mod(module) = item {
            self.declares(module, in_tests);
        }
        if in_tests {
            return;
        }
        if let Some(defined) = defined(item) {
            self.define(name(defined), Meaning::Item);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let Some((_, items)) = &module.content else {
            return;
        };
        self.at.push(name(&module.ident));
        self.module();
        for item in items {
            self.visit_item(item);
        }
        self.at.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // `use ::http::..` is from another crate.
        if item.leading_colon.is_none() {
            self.imports(&item.tree, !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !only_in_tests(tests_only::attributes_in_impl(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !only_in_tests(tests_only::attributes_in_trait(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !only_in_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let attributes: &[Attribute] = match statement {
            Stmt::Local(local) => &local.attrs,
            Stmt::Macro(call) => &call.attrs,
            Stmt::Item(_) | Stmt::Expr(..) => &[],
        };
        if !only_in_tests(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| name(&segment.ident));
            self.uses(segments.collect(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        let paths = call.parse_body_with(tokens::paths);
        for path in paths.unwrap_or_else(|error| panic!("{}: {error}", self.file)) {
            self.uses(path, false);
        }
    }

    // Documentation and `cfg` name items without using them.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    // `pub(in ..)` only names an ancestor.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

const fn defined(item: &Item) -> Option<&syn::Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

pub(crate) struct Import {
    pub(crate) path: Segments,
    /// `None` for `*`.
    name: Option<String>,
}

/// The leaves of a `use`.
pub(crate) fn imports(tree: &UseTree) -> Vec<Import> {
    let mut found = Vec::new();
    leaves(tree, &mut Vec::new(), &mut found);
    found
}

fn leaves(tree: &UseTree, above: &mut Segments, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            above.push(name(&path.ident));
            leaves(&path.tree, above, found);
            above.pop();
        }
        UseTree::Name(leaf) => found.push(leaf_of(above, name(&leaf.ident), None)),
        UseTree::Rename(leaf) => {
            found.push(leaf_of(above, name(&leaf.ident), Some(name(&leaf.rename))));
        }
        UseTree::Glob(_) => found.push(Import {
            path: above.clone(),
            name: None,
        }),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, above, found);
            }
        }
    }
}

/// `a::{self}` is `a`.
fn leaf_of(above: &[String], last: String, rename: Option<String>) -> Import {
    let mut path = above.to_vec();
    if last != "self" || path.is_empty() {
        path.push(last);
    }
    let name = rename.or_else(|| path.last().cloned());
    Import { path, name }
}

/// Without the `r#` of a raw identifier.
pub(crate) fn name(ident: &syn::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}
