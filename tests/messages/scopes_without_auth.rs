//! Scopes are asked for, and no layer says whose.

use wythe::{ConfigError, compose, with_scopes};

fn main() -> Result<(), ConfigError> {
    let stack = compose((with_scopes(["orders:read"])?,));
    println!("{stack}");
    Ok(())
}
