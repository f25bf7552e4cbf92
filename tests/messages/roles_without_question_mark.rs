//! Roles that may be invalid, without `?`.

use wythe::{Auth, Roles, assume, compose, with_roles};

fn main() {
    let roles = Roles::any(["editor"]).by(|user: &String, role: &str| user == role);
    let _stack = compose((assume::<Auth<String>>(), with_roles(roles)));
}
