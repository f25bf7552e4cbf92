//! Who may do what, as stored in `AUDIT.md`: a change of a stack is a change of that file, which a
//! review sees.
//!
//! `AUDIT=overwrite cargo test -p example-api --test audit` stores it.

mod support;

use std::{env, fs};

const STORED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/AUDIT.md");

#[tokio::test]
async fn the_stored_audit_is_that_of_the_routes() {
    let audit = support::application().await.routes.audit().to_string();
    if env::var("AUDIT").is_ok_and(|value| value == "overwrite") {
        fs::write(STORED, &audit).unwrap();
    }
    let stored = fs::read_to_string(STORED).unwrap_or_default();
    for (stored, line) in stored.lines().zip(audit.lines()) {
        assert_eq!(line, stored);
    }
    assert_eq!(
        audit, stored,
        "who may do what has changed; if it is intended, store it with \
         `AUDIT=overwrite cargo test -p example-api --test audit`"
    );
}
