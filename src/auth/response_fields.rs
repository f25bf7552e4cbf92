//! Adds what a scheme wants to say to a client whose credentials are right.

use http::{
    HeaderMap, HeaderValue,
    header::{Entry, SET_COOKIE},
};

/// Appends the fields to those of the response. A cookie that is set or taken back there already
/// stays as it is.
pub(super) fn add(fields: HeaderMap, headers: &mut HeaderMap) {
    let mut last = None;
    for (name, value) in fields {
        // Only the first of several values comes with the name.
        last = name.or(last);
        let Some(name) = &last else { continue };
        if *name == SET_COOKIE && sets_cookie(headers, &value) {
            continue;
        }
        match headers.entry(name) {
            Entry::Occupied(mut entry) => entry.append(value),
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
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
    use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

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
            let mut headers = fields(&Vec::from(set));
            super::add(fields(&Vec::from(added)), &mut headers);
            let all: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
            assert_eq!(all, expected);
        }
    }
}
