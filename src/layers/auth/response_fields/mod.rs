//! Adds what a scheme wants to say to a client whose credentials are right.

mod caches;

use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{CACHE_CONTROL, Entry, SET_COOKIE},
};

use self::caches::Caches;

/// Appends the fields to the response. A cookie that the handler sets or takes back itself stays
/// as the handler says, and none is added to what a shared cache may keep: it would go to whomever
/// the cache serves next (RFC 9111, section 7.3).
pub(super) fn add<R>(mut fields: HeaderMap, response: &mut Response<R>) {
    let caches = if fields.contains_key(SET_COOKIE) {
        Caches::of(response)
    } else {
        Caches::Private
    };
    if caches == Caches::Shared {
        fields.remove(SET_COOKIE);
    }
    let headers = response.headers_mut();
    if join(fields, headers) && caches == Caches::Unsaid {
        append(headers, &CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// Appends the fields to others, and says whether a cookie was among them. One that is set or taken
/// back there already stays as it is.
pub(super) fn join(fields: HeaderMap, headers: &mut HeaderMap) -> bool {
    let mut sets = false;
    let mut last = None;
    for (name, value) in fields {
        // Only the first of several values comes with the name.
        last = name.or(last);
        let Some(name) = &last else { continue };
        if *name == SET_COOKIE {
            if sets_cookie(headers, &value) {
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

/// Whether a cookie of the same name is set there already.
fn sets_cookie(headers: &HeaderMap, cookie: &HeaderValue) -> bool {
    let mut set = headers.get_all(SET_COOKIE).iter();
    set.any(|other| name_of(other) == name_of(cookie))
}

fn name_of(cookie: &HeaderValue) -> &[u8] {
    let name = cookie.as_bytes().split(|byte| *byte == b'=').next();
    name.unwrap_or_default().trim_ascii()
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
    fn a_cookie_that_the_handler_sets_stays_as_it_is() {
        let cases: [(&[&str], &[&str], &[&str]); 4] = [
            (&[], &["a=1", "b=2"], &["a=1", "b=2"]),
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
    fn no_cookie_goes_into_a_shared_cache() {
        // What the handler says of caches, and then the answer; none where no cookie is added.
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
        for (said, expected) in cases {
            let mut response = Response::new(());
            for (name, value) in said {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                response.headers_mut().append(*name, value);
            }
            super::add(fields(&["a=1", "b=2"]), &mut response);
            let cookies = response.headers().get_all(SET_COOKIE).iter().count();
            assert_eq!(cookies, if expected.is_some() { 2 } else { 0 }, "{said:?}");
            if let Some(expected) = expected {
                let caches = response.headers().get_all(CACHE_CONTROL);
                let caches: Vec<_> = caches.iter().collect();
                assert_eq!(caches, expected, "{said:?}");
            }
        }
    }

    #[test]
    fn no_cookie_changes_what_a_cache_has_stored() {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        super::add(fields(&["a=1"]), &mut response);
        assert!(response.headers().is_empty());
    }

    #[test]
    fn other_fields_are_added_whatever_caches_do() {
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
