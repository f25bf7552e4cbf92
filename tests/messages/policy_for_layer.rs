//! A policy where its layer is meant.

use wythe::{ConfigError, Cors, compose};

fn main() -> Result<(), ConfigError> {
    let stack = compose((Cors::origins(["https://app.example.com"])?,));
    println!("{stack}");
    Ok(())
}
