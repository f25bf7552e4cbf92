//! Small trees with one file that breaks the rules, which must be found, and trees that keep them.

use crate::rules::{
    Exception, FolderRules,
    Level::{Isolated, Open},
    Rules, violations,
};

const RULES: Rules = Rules {
    folders: &[
        FolderRules {
            folder: "src",
            levels: &[
                Open(&["wire"]),
                Open(&["contract"]),
                Isolated(&["layers/*"]),
                Open(&["lib"]),
            ],
        },
        FolderRules {
            folder: "src/layers/auth",
            levels: &[Open(&["*"]), Isolated(&["basic", "jwt"])],
        },
    ],
    exceptions: &[Exception {
        user: "layers/authorization",
        used: "layers/auth",
        reason: "asks who it is",
    }],
};

/// Correct as it is.
const TREE: &[(&str, &str)] = &[
    (
        "src/lib.rs",
        "mod contract; mod layers; mod wire;
         pub use layers::{auth::Jwt, csrf::Csrf as Origins, csrf::Csrf};
         pub use contract::*;
         pub use wire::{Problem, problem};
         pub mod types { pub use crate::layers::csrf::Csrf as Hidden; }",
    ),
    (
        "src/wire/mod.rs",
        "mod problem; pub use problem::{Problem, problem};",
    ),
    (
        "src/wire/problem.rs",
        "pub struct Problem; pub fn problem() {}",
    ),
    (
        "src/contract/mod.rs",
        "mod place; pub use self::place::Place; use crate::wire::Problem;",
    ),
    ("src/contract/place.rs", "pub struct Place;"),
    ("src/layers/mod.rs", "pub mod auth; pub mod csrf;"),
    ("src/layers/cors/mod.rs", "pub struct Cors;"),
    (
        "src/layers/csrf/mod.rs",
        "mod policy; pub use policy::Csrf; mod inner { pub(super) use super::policy::check; }
         pub use inner::check as checked;",
    ),
    (
        "src/layers/csrf/policy.rs",
        "pub struct Csrf; pub(crate) fn check() {} macro_rules! no { () => {} } pub(crate) use no;",
    ),
    (
        "src/layers/auth/mod.rs",
        "mod basic; mod jwt; mod scheme; pub use jwt::Jwt; pub use basic::Basic;",
    ),
    ("src/layers/auth/scheme.rs", "pub trait Authenticate {}"),
    (
        "src/layers/auth/jwt/mod.rs",
        "mod key; pub struct Jwt(key::Key); use super::scheme::Authenticate;",
    ),
    ("src/layers/auth/jwt/key.rs", "pub struct Key;"),
    ("src/layers/auth/basic.rs", "pub struct Basic;"),
    ("src/layers/authorization.rs", "use super::auth::Jwt;"),
];

/// The violations in the tree with `text` at `path`.
fn violations_with(path: &str, text: &str) -> Vec<String> {
    let tree = TREE.iter().copied().filter(|(other, _)| *other != path);
    violations(&RULES, tree.chain([(path, text)]))
}

#[track_caller]
fn finds(path: &str, text: &str, used: &str) {
    let violations = violations_with(path, text);
    let is_reported = |line: &String| line.starts_with(path) && line.contains(&format!("`{used}`"));
    assert!(
        violations.iter().any(is_reported),
        "{text}\n{violations:#?}"
    );
}

#[track_caller]
fn allows(path: &str, text: &str) {
    assert_eq!(violations_with(path, text), [""; 0], "{text}");
}

/// A file of the contract, which uses no layer.
const STEP: &str = "src/contract/step.rs";
const CORS: &str = "src/layers/cors/builder.rs";

#[test]
fn the_tree_is_correct() {
    allows(STEP, "");
}

#[test]
fn finds_an_upward_import() {
    finds(
        STEP,
        "use crate::layers::csrf::Csrf;",
        "crate::layers::csrf::Csrf",
    );
    finds(STEP, "use crate::layers::csrf;", "crate::layers::csrf");
    finds(STEP, "use crate as root;", "crate");
    let message = "src/contract/step.rs: uses `crate::layers::csrf::Csrf` of \
                   src/layers/csrf/policy.rs, of a higher level";
    let violations = violations_with(STEP, "use crate::layers::csrf::Csrf;");
    assert!(
        violations.iter().any(|line| line == message),
        "{violations:#?}"
    );
}

#[test]
fn finds_an_upward_import_in_a_group() {
    let group = "use crate::{wire::Problem, layers::csrf::Csrf};";
    finds(STEP, group, "crate::layers::csrf::Csrf");
    let group = "use crate::layers::{csrf::{self, Csrf}, cors};";
    finds(STEP, group, "crate::layers::csrf");
    finds(STEP, group, "crate::layers::cors");
}

#[test]
fn finds_an_upward_import_through_the_root() {
    finds(STEP, "use crate::{Csrf, Jwt};", "crate::Csrf");
    finds(STEP, "use crate::{Csrf, Jwt};", "crate::Jwt");
    finds(STEP, "use crate::Origins;", "crate::Origins");
    finds(STEP, "use crate::types::Hidden;", "crate::types::Hidden");
}

#[test]
fn finds_an_upward_import_through_super() {
    let path = "super::super::layers::csrf::Csrf";
    finds(STEP, &format!("use {path};"), path);
    let inline = "mod inner { use super::super::super::Csrf; }";
    finds(STEP, inline, "super::super::super::Csrf");
    finds(
        "src/contract/deep/step.rs",
        "use super::super::super::Csrf;",
        "super::super::super::Csrf",
    );
    finds(
        "src/wire/body.rs",
        "use self::super::super::Jwt;",
        "self::super::super::Jwt",
    );
}

#[test]
fn finds_a_renamed_upward_import() {
    let renamed = "use crate::layers::csrf::Csrf as Policy; fn of(_: Policy) {}";
    finds(STEP, renamed, "crate::layers::csrf::Csrf");
    let unnamed = "use crate::{wire::Problem as _, Csrf as _};";
    finds(STEP, unnamed, "crate::Csrf");
    finds(
        STEP,
        "use crate::layers as l; fn f() -> l::csrf::Csrf {}",
        "l::csrf::Csrf",
    );
}

#[test]
fn finds_an_upward_glob_import() {
    finds(STEP, "use crate::layers::csrf::*;", "crate::layers::csrf");
    finds(STEP, "use crate::*;", "crate");
    finds(
        CORS,
        "use crate::layers::*; fn f(_: csrf::Csrf) {}",
        "csrf::Csrf",
    );
}

#[test]
fn finds_an_upward_path_in_code() {
    let path = "crate::layers::csrf::check";
    finds(STEP, &format!("fn f() {{ {path}(); }}"), path);
    finds(STEP, "fn f() -> Vec<crate::Csrf> { vec![] }", "crate::Csrf");
    finds(STEP, "impl<T: crate::Jwt> Of for T {}", "crate::Jwt");
    finds(STEP, "impl From<crate::Csrf> for X {}", "crate::Csrf");
    finds(STEP, "type X = <crate::Csrf as Of>::Out;", "crate::Csrf");
    finds(STEP, "fn f() { use crate::Csrf; }", "crate::Csrf");
    finds(
        STEP,
        "fn f() { if let super::super::Csrf = x {} }",
        "super::super::Csrf",
    );
    finds(
        STEP,
        "fn f() { crate::layers::csrf::policy::no!() }",
        "crate::layers::csrf::policy::no",
    );
}

#[test]
fn finds_an_upward_path_in_a_macro() {
    finds(
        STEP,
        "fn f() { assert!(a, [crate::Csrf {}]); }",
        "crate::Csrf",
    );
    let rules = "macro_rules! m { ($($x:ident)*) => { $($x::of($crate::layers::csrf::Csrf))* } }";
    finds(STEP, rules, "crate::layers::csrf::Csrf");
    let rules = "macro_rules! m { () => { use crate::{wire::Problem, layers::csrf}; } }";
    finds(STEP, rules, "crate::layers::csrf");
    let rules = "macro_rules! m { ($x:ident) => { use crate::layers::{csrf, $x}; } }";
    finds(STEP, rules, "crate::layers");
    let spelled = "thread_local! { static X: Y = super::super::Csrf::<Z>::new(); }";
    finds(STEP, spelled, "super::super::Csrf");
}

#[test]
fn finds_an_upward_path_through_re_exports() {
    // From the root to `csrf`, to `inner`, to `policy`.
    let root =
        "mod layers; pub use middle::a; mod middle { pub use crate::layers::csrf::checked as a; }";
    let violations = violations(
        &RULES,
        TREE.iter()
            .map(|(path, text)| (*path, if *path == "src/lib.rs" { root } else { *text }))
            .chain([(STEP, "fn f() { crate::a() }")]),
    );
    let message =
        "src/contract/step.rs: uses `crate::a` of src/layers/csrf/policy.rs, of a higher level";
    assert_eq!(violations, [message]);
}

#[test]
fn finds_the_use_of_a_sibling() {
    finds(
        CORS,
        "use crate::layers::csrf::Csrf;",
        "crate::layers::csrf::Csrf",
    );
    finds(CORS, "use super::super::csrf;", "super::super::csrf");
    finds(CORS, "use crate::Csrf;", "crate::Csrf");
    finds("src/layers/auth/own.rs", "use crate::Csrf;", "crate::Csrf");
    // The exception is for one direction only.
    let path = "crate::layers::authorization";
    finds("src/layers/auth/own.rs", &format!("use {path};"), path);
}

#[test]
fn finds_a_lower_item_used_through_a_sibling() {
    let files = TREE
        .iter()
        .copied()
        .filter(|(path, _)| *path != "src/layers/csrf/mod.rs");
    let files = files.chain([
        (
            "src/layers/csrf/mod.rs",
            "mod policy; pub use policy::Csrf; pub use crate::wire::Problem;",
        ),
        (CORS, "use crate::layers::csrf::Problem;"),
    ]);
    let message = "src/layers/cors/builder.rs: uses `crate::layers::csrf::Problem` of \
                   src/layers/csrf/mod.rs, of another group";
    assert_eq!(violations(&RULES, files), [message]);
}

#[test]
fn finds_a_scheme_that_uses_another() {
    finds(
        "src/layers/auth/basic.rs",
        "use super::Jwt; pub struct Basic;",
        "super::Jwt",
    );
    finds("src/layers/auth/or.rs", "use super::Jwt;", "super::Jwt");
    finds("src/layers/auth/or.rs", "use super::jwt;", "super::jwt");
    let modules = "mod basic; mod jwt; mod scheme; pub use jwt::Jwt; pub use basic::Basic;";
    let text = format!("{modules} fn f() -> jwt::Jwt {{}}");
    finds("src/layers/auth/mod.rs", &text, "jwt::Jwt");
    // The re-export is allowed, its use is not.
    let text = format!("{modules} fn f() -> Jwt {{}}");
    finds("src/layers/auth/mod.rs", &text, "Jwt");
}

#[test]
fn tests_and_documentation_may_use_everything() {
    allows(
        STEP,
        "#[cfg(test)] mod tests { use crate::{Csrf, layers::csrf}; }",
    );
    allows(STEP, "#[cfg(test)] use crate::Csrf;");
    allows(STEP, "#[cfg(all(test, unix))] fn f() -> crate::Csrf {}");
    allows(STEP, "impl X { #[cfg(test)] fn f() -> crate::Csrf {} }");
    allows(STEP, "#![cfg(test)] use crate::Csrf;");
    allows(
        STEP,
        "//! [`Csrf`](crate::Csrf)\n\n/// [`Csrf`](crate::Csrf)\nfn f() {}",
    );
    allows(
        STEP,
        "macro_rules! m { () => { /** [`crate::Csrf`] */ struct X; } }",
    );
    let tested = TREE.iter().copied().chain([
        (STEP, "#[cfg(test)] mod tests;"),
        ("src/contract/step/tests/mod.rs", "mod more;"),
        ("src/contract/step/tests/more.rs", "use crate::Csrf;"),
    ]);
    assert_eq!(violations(&RULES, tested), [""; 0]);
}

#[test]
fn code_that_is_not_only_for_tests_counts() {
    let either = "#[cfg(any(feature = \"jwt\", test))] use crate::Csrf;";
    finds(STEP, either, "crate::Csrf");
    finds(STEP, "#[cfg(not(test))] use crate::Csrf;", "crate::Csrf");
}

#[test]
fn allows_downward_imports_and_those_of_the_same_group() {
    allows(
        STEP,
        "use crate::{Place, Problem, contract, wire::{self, Problem as P}};",
    );
    allows(
        STEP,
        "use super::{place::Place, super::wire}; fn f() { wire::problem() }",
    );
    allows(
        STEP,
        "use crate::problem; fn f() { crate::wire::problem::problem(); problem() }",
    );
    allows(
        CORS,
        "use super::Cors; use crate::layers::cors; pub(in crate::layers) struct X;",
    );
    allows(
        "src/layers/auth/jwt/key.rs",
        "use super::{super::scheme, Jwt}; pub struct Key;",
    );
    allows("src/layers/authorization.rs", "use crate::Jwt;");
    allows(
        STEP,
        "use ::layers::Csrf; fn f(layers: X) { m!(::layers::Csrf, layers) }",
    );
}

#[test]
fn finds_a_file_on_no_level() {
    let violations = violations_with("src/elsewhere/mod.rs", "");
    assert_eq!(violations, ["src/elsewhere/mod.rs: on no level"]);
}

#[test]
fn rejects_a_path_attribute() {
    let violations = violations_with(STEP, "#[path = \"x.rs\"] mod other;");
    assert_eq!(
        violations,
        ["src/contract/step.rs: `#[path]` of `contract::step::other`"]
    );
}

#[test]
fn finds_an_unused_line_of_the_table() {
    let violations = violations_with("src/layers/authorization.rs", "");
    assert_eq!(
        violations,
        ["layers/authorization may use layers/auth (asks who it is), but does not"]
    );
    let files = TREE
        .iter()
        .copied()
        .filter(|(path, _)| *path != "src/layers/auth/basic.rs");
    let violations = crate::rules::violations(&RULES, files);
    assert_eq!(violations, ["no file is at basic in src/layers/auth"]);
}
