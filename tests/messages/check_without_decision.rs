//! A check returns what says neither yes nor no.

use wythe::{Auth, with_authorization};

struct Claims {
    admin: bool,
}

fn main() {
    let layer = with_authorization(|auth: &Auth<Claims>, _| auth.0.admin.then_some("yes"));
    println!("{layer:?}");
}
