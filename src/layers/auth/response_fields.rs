//! Adds the fields of a verdict to the response.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, EXPIRES, Entry, SET_COOKIE},
};

use crate::wire::field::cache_control::directives;

/// Appends the fields to the response. A cookie that the handler itself sets or removes is left alone,
/// and no cookie is added to a response that a shared cache may store: the cache would send it to
/// other clients (RFC 9111, section 7.3).
pub(super) fn add<R>(mut fields: HeaderMap, response: &mut Response<R>) {
    let sharing = if fields.contains_key(SET_COOKIE) {
        Sharing::of(response)
    } else {
        Sharing::Forbidden
    };
    if sharing == Sharing::Allowed {
        fields.remove(SET_COOKIE);
    }
    let headers = response.headers_mut();
    if join(fields, headers) && sharing == Sharing::Unspecified {
        append(headers, &CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// Appends the fields to `headers`, and says whether a cookie was among them. A cookie that `headers`
/// already sets or removes is left alone; the fields themselves may have several cookies of one name,
/// for several domains and paths.
pub(super) fn join(fields: HeaderMap, headers: &mut HeaderMap) -> bool {
    let before = headers.get_all(SET_COOKIE).iter().count();
    let mut sets = false;
    let mut last = None;
    for (name, value) in fields {
        // `HeaderMap` yields the name only with the first of several values.
        last = name.or(last);
        let Some(name) = &last else { continue };
        if *name == SET_COOKIE {
            let mut set = headers.get_all(SET_COOKIE).iter().take(before);
            if set.any(|other| cookie_name(other) == cookie_name(&value)) {
                continue;
            }
            sets = true;
        }
        append(headers, name, value);
    }
    sets
}

fn append(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    match headers.entry(name) {
        Entry::Occupied(mut entry) => entry.append(value),
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
    }
}

fn cookie_name(cookie: &HeaderValue) -> &[u8] {
    let name = cookie.as_bytes().split(|byte| *byte == b'=').next();
    name.unwrap_or_default().trim_ascii()
}

/// Whether shared caches may store a response.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Allowed,
    Forbidden,
    /// The response does not explicitly allow or forbid it.
    Unspecified,
}

/// Fields that some caches follow instead of `Cache-Control` (RFC 9213).
const TARGETED: [&str; 2] = ["cdn-cache-control", "surrogate-control"];

impl Sharing {
    /// Assumes that it is allowed if in doubt.
    fn of<R>(response: &Response<R>) -> Self {
        let headers = response.headers();
        // The fields of a 304 change those of the response that a cache has stored (section 3.2).
        if response.status() == StatusCode::NOT_MODIFIED
            || TARGETED.iter().any(|name| headers.contains_key(*name))
        {
            return Self::Allowed;
        }
        let (mut forbidden, mut timed) = (false, headers.contains_key(EXPIRES));
        for line in headers.get_all(CACHE_CONTROL) {
            let Ok(line) = line.to_str() else {
                return Self::Allowed;
            };
            for directive in directives(line.as_bytes()) {
                let Ok(directive) = directive else {
                    return Self::Allowed;
                };
                let argument = directive.argument.unwrap_or_default();
                // `private=".."` leaves the rest of the response to shared caches.
                if directive.is("public") || directive.is("s-maxage") || argument.contains(&b'"') {
                    return Self::Allowed;
                }
                forbidden |= directive.is("private") || directive.is("no-store");
                timed |= directive.is("max-age")
                    && !argument.trim_ascii().iter().all(|byte| *byte == b'0');
            }
        }
        match (forbidden, timed) {
            (true, _) => Self::Forbidden,
            (false, true) => Self::Allowed,
            (false, false) => Self::Unspecified,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{CACHE_CONTROL, SET_COOKIE},
    };

    fn fields(cookies: &[&'static str]) -> HeaderMap {
        let cookies = cookies.iter().map(|text| HeaderValue::from_static(text));
        cookies.map(|cookie| (SET_COOKIE, cookie)).collect()
    }

    #[test]
    fn keeps_a_cookie_that_the_handler_sets() {
        let cases: [(&[&str], &[&str], &[&str]); 6] = [
            (&[], &["a=1", "b=2"], &["a=1", "b=2"]),
            (
                &[],
                &["a=1; Path=/", "a=; Path=/old"],
                &["a=1; Path=/", "a=; Path=/old"],
            ),
            (
                &["a=2; Path=/"],
                &["a=1; Path=/", "a=; Path=/old"],
                &["a=2; Path=/"],
            ),
            (&["a=; Max-Age=0"], &["a=1"], &["a=; Max-Age=0"]),
            (&["b=; Max-Age=0"], &["a=1"], &["b=; Max-Age=0", "a=1"]),
            (&["a2=2"], &["a=1; Path=/"], &["a2=2", "a=1; Path=/"]),
        ];
        for (set, added, expected) in cases {
            let mut response = Response::new(());
            *response.headers_mut() = fields(&Vec::from(set));
            super::add(fields(&Vec::from(added)), &mut response);
            let all: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn adds_no_cookie_that_a_shared_cache_could_store() {
        // The handler's fields, and the expected `Cache-Control`; `None` if no cookie is added.
        let cases: [(&[(&str, &str)], Option<&[&str]>); 15] = [
            (&[], Some(&["private"])),
            (&[("cache-control", "no-store")], Some(&["no-store"])),
            (
                &[("cache-control", "max-age=60, Private")],
                Some(&["max-age=60, Private"]),
            ),
            (
                &[("cache-control", "no-cache")],
                Some(&["no-cache", "private"]),
            ),
            (
                &[("cache-control", "max-age=0")],
                Some(&["max-age=0", "private"]),
            ),
            (&[("cache-control", "private=\"a, private, b\"")], None),
            (&[("cache-control", "public")], None),
            (&[("cache-control", "public, private")], None),
            (
                &[
                    ("cache-control", "private"),
                    ("cache-control", "S-MaxAge=1"),
                ],
                None,
            ),
            (&[("cache-control", "max-age=60")], None),
            (
                &[("cache-control", "max-age=00")],
                Some(&["max-age=00", "private"]),
            ),
            (&[("cache-control", "\u{fc}")], None),
            (&[("expires", "Thu, 01 Jan 2099 00:00:00 GMT")], None),
            (
                &[
                    ("cache-control", "no-store"),
                    ("cdn-cache-control", "max-age=60"),
                ],
                None,
            ),
            (
                &[
                    ("cache-control", "no-store"),
                    ("surrogate-control", "max-age=60"),
                ],
                None,
            ),
        ];
        for (given, expected) in cases {
            let mut response = Response::new(());
            for (name, value) in given {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                response.headers_mut().append(*name, value);
            }
            super::add(fields(&["a=1", "b=2"]), &mut response);
            let cookies = response.headers().get_all(SET_COOKIE).iter().count();
            assert_eq!(cookies, if expected.is_some() { 2 } else { 0 }, "{given:?}");
            if let Some(expected) = expected {
                let caches = response.headers().get_all(CACHE_CONTROL);
                let caches: Vec<_> = caches.iter().collect();
                assert_eq!(caches, expected, "{given:?}");
            }
        }
    }

    #[test]
    fn adds_no_cookie_to_a_304() {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        super::add(fields(&["a=1"]), &mut response);
        assert!(response.headers().is_empty());
    }

    #[test]
    fn adds_other_fields_whatever_caches_do() {
        let mut response = Response::new(());
        let public = HeaderValue::from_static("public");
        response.headers_mut().insert(CACHE_CONTROL, public);
        let field = (
            "authentication-info".parse().unwrap(),
            HeaderValue::from_static("a=1"),
        );
        super::add(HeaderMap::from_iter([field]), &mut response);
        assert_eq!(response.headers()["authentication-info"], "a=1");
        assert_eq!(response.headers()[CACHE_CONTROL], "public");
    }
}
