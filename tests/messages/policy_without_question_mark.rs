//! A policy that may be invalid, without `?`.

use wythe::{Cors, compose, with_cors};

fn main() {
    let _stack = compose(with_cors(Cors::origins(["https://app.example.com"])));
}
