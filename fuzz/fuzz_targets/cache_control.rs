//! `Cache-Control`: a parsed policy is written so that it parses to the same policy; every response
//! that a policy applies to has a valid field, and keeps what the handler set.
#![no_main]

use std::time::Duration;

use http::{HeaderName, Request, StatusCode, header};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::{CacheControl, with_cache_control};
use wythe_fuzz::{Handler, fields, send};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    authenticated: bool,
    status: u8,
    seconds: u64,
    /// The policy is in the first line, and the handler's fields are in the others.
    text: &'a str,
}

/// How a parsed policy is written; parsing that must not change it.
fn round_trip(text: &str) -> String {
    let first: CacheControl = text.parse().unwrap();
    let second: CacheControl = first.to_string().parse().unwrap();
    assert_eq!(first.to_string(), second.to_string());
    second.to_string()
}

/// Whether shared caches must not store a response with this field, ignoring field names in
/// directives.
fn is_kept_from_others(field: &str) -> bool {
    let unquoted: String = field.split('"').step_by(2).collect();
    let mut names = unquoted.split(", ");
    names.any(|name| name == "private" || name == "no-store")
}

fuzz_target!(|input: Input<'_>| {
    let (text, set) = input.text.split_once('\n').unwrap_or((input.text, ""));
    let time = Duration::from_secs(input.seconds);
    let typed = CacheControl::public()
        .max_age(time)
        .s_maxage(time / 2)
        .stale_if_error(time);
    round_trip(&typed.to_string());
    let Ok(read) = text.parse::<CacheControl>() else {
        return;
    };
    round_trip(&read.to_string());

    let set = fields(set.as_bytes());
    let codes = [200, 204, 206, 304, 404, 500];
    let status = StatusCode::from_u16(codes[usize::from(input.status) % codes.len()]).unwrap();
    let mut request = Request::new(Default::default());
    if input.authenticated {
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, "Bearer token".parse().unwrap());
    }
    let policy = read
        .cdn(typed)
        .for_status(StatusCode::NOT_FOUND, CacheControl::no_store());
    let handler = Handler {
        status,
        headers: set.clone(),
    };
    let response = send(&with_cache_control(policy), request, handler);

    let headers = response.headers();

    for (name, value) in &set {
        let mut kept = headers.get_all(name).iter();
        assert!(kept.any(|kept| kept == value), "{name} is lost");
    }
    if set.contains_key(header::CACHE_CONTROL) {
        assert_eq!(*headers, set);
        return;
    }
    assert!(!input.authenticated || headers.contains_key(header::CACHE_CONTROL));
    for name in [header::CACHE_CONTROL, CDN_CACHE_CONTROL] {
        let fields = Vec::from_iter(headers.get_all(&name));
        if set.contains_key(&name) || fields.is_empty() {
            continue;
        }
        assert_eq!(fields.len(), 1);
        let field = fields[0].to_str().unwrap();
        assert_eq!(round_trip(field), field);
        assert!(
            !input.authenticated || is_kept_from_others(field),
            "{field}"
        );
    }
});
