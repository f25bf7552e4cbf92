//! Says whether shared caches may keep a response: just so much of RFC 9111 as a cookie needs.

use http::{
    Response, StatusCode,
    header::{CACHE_CONTROL, EXPIRES},
};

use crate::wire::field::cache_control::directives;

/// What a response says of shared caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caches {
    /// They may keep it.
    Shared,
    /// They must not.
    Private,
    /// Nothing that would have them keep it, and nothing against it.
    Unsaid,
}

/// Fields that caches of a certain kind go by in place of `Cache-Control` (RFC 9213).
const TARGETED: [&str; 2] = ["cdn-cache-control", "surrogate-control"];

impl Caches {
    /// In doubt, shared.
    pub(super) fn of<R>(response: &Response<R>) -> Self {
        let headers = response.headers();
        // The fields of a 304 change those of the response that a cache has stored (section 3.2).
        if response.status() == StatusCode::NOT_MODIFIED
            || TARGETED.iter().any(|name| headers.contains_key(*name))
        {
            return Self::Shared;
        }
        let (mut forbidden, mut timed) = (false, headers.contains_key(EXPIRES));
        for line in headers.get_all(CACHE_CONTROL) {
            let Ok(line) = line.to_str() else {
                return Self::Shared;
            };
            for directive in directives(line.as_bytes()) {
                let Ok(directive) = directive else {
                    return Self::Shared;
                };
                let argument = directive.argument.unwrap_or_default();
                // `private="..."` leaves the rest of the response to shared caches.
                if directive.is("public") || directive.is("s-maxage") || argument.contains(&b'"') {
                    return Self::Shared;
                }
                forbidden |= directive.is("private") || directive.is("no-store");
                timed |= directive.is("max-age")
                    && !argument.trim_ascii().iter().all(|byte| *byte == b'0');
            }
        }
        match (forbidden, timed) {
            (true, _) => Self::Private,
            (false, true) => Self::Shared,
            (false, false) => Self::Unsaid,
        }
    }
}
