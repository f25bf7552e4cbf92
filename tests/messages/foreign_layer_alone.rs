//! A layer of another crate, alone and without `layer(..)` around it.

use tower::layer::util::Identity;
use wythe::compose;

fn main() {
    let stack = compose(Identity::new());
    println!("{stack}");
}
