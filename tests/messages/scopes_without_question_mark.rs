//! Scopes that may be invalid, without `?`.

use wythe::{Auth, Scopes, assume, compose, with_scopes};

fn main() {
    let _stack = compose((
        assume::<Auth<String>>(),
        with_scopes(Scopes::all(["orders:read"])),
    ));
}
