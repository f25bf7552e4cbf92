//! Scopes are asked for, and no layer says whose.

use wythe::{ConfigError, Scopes, compose, with_scopes};

fn main() -> Result<(), ConfigError> {
    let stack = compose((with_scopes(Scopes::all(["orders:read"])?),));
    println!("{stack}");
    Ok(())
}
