//! Methods that are known at run time only.

use http::Method;
use wythe::{compose, with_methods};

fn main() {
    let methods: Vec<Method> = vec![Method::GET];
    let _stack = compose(with_methods(methods));
}
