//! A scheme that may be invalid, without `?`.

use wythe::{Jwt, compose, with_auth};

fn main() {
    let _stack = compose(with_auth(Jwt::<String>::hs256("a secret of 32 bytes at the very least")));
}
