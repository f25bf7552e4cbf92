//! `Vary`, RFC 9110, section 12.5.5.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, Entry},
};

/// Adds field names to `Vary`, those that are not there yet.
///
/// `names` is a comma-separated list, as it is written in the field. Existing lines are not changed,
/// and nothing is added to a `Vary: *`, which stands for every name.
#[inline]
pub(crate) fn add(headers: &mut HeaderMap, names: &'static str) {
    if let Entry::Vacant(none) = headers.entry(header::VARY) {
        none.insert(HeaderValue::from_static(names));
    } else {
        merge(headers, names);
    }
}

fn merge(headers: &mut HeaderMap, names: &'static str) {
    if holds(headers, "*") {
        return;
    }
    for name in names.split(',').map(str::trim_ascii) {
        if !name.is_empty() && !holds(headers, name) {
            headers.append(header::VARY, HeaderValue::from_static(name));
        }
    }
}

/// Adds one field name to `Vary`, if it is not there yet.
pub(crate) fn add_name(headers: &mut HeaderMap, name: &HeaderName) {
    if !holds(headers, "*") && !holds(headers, name.as_str()) {
        headers.append(header::VARY, HeaderValue::from(name.clone()));
    }
}

/// The field may have several lines, each of them a list (RFC 9110, section 5.3).
fn holds(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(header::VARY).iter().any(|line| {
        let mut members = line.as_bytes().split(|byte| *byte == b',');
        // Field names are case-insensitive (section 5.1).
        members.any(|member| member.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(headers: &HeaderMap) -> Vec<&[u8]> {
        let lines = headers.get_all(header::VARY).iter();
        lines.map(HeaderValue::as_bytes).collect()
    }

    #[test]
    fn adds_only_the_names_that_are_missing() {
        type Case = (
            &'static str,
            &'static [&'static str],
            &'static [&'static str],
        );
        let cases: &[Case] = &[
            ("no line", &[], &["Origin, Accept"]),
            ("another name", &["Cookie"], &["Cookie", "Origin", "Accept"]),
            ("one of two", &["Origin"], &["Origin", "Accept"]),
            (
                "both, other case",
                &["oRIGIN ,\taccept"],
                &["oRIGIN ,\taccept"],
            ),
            ("in two lines", &["Accept", "Origin"], &["Accept", "Origin"]),
            (
                "a longer name",
                &["X-Origin, Accept"],
                &["X-Origin, Accept", "Origin"],
            ),
            ("a star", &["*"], &["*"]),
            (
                "a star in a later line",
                &["Cookie", " * "],
                &["Cookie", "*"],
            ),
            ("a star among names", &["Cookie, *"], &["Cookie, *"]),
            ("empty members", &[",,Origin,"], &[",,Origin,", "Accept"]),
            ("an empty line", &[""], &["", "Origin", "Accept"]),
            (
                "not ASCII",
                &["Origin\u{e9}"],
                &["Origin\u{e9}", "Origin", "Accept"],
            ),
        ];
        for (name, before, after) in cases {
            let mut headers = HeaderMap::new();
            for line in *before {
                let value = HeaderValue::from_bytes(line.trim().as_bytes()).unwrap();
                headers.append(header::VARY, value);
            }
            add(&mut headers, "Origin, Accept");
            let after: Vec<&[u8]> = after.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(lines(&headers), after, "{name}");
        }
    }

    #[test]
    fn adding_twice_is_adding_once() {
        let mut headers = HeaderMap::new();
        add(&mut headers, "Origin");
        add(&mut headers, "Origin");
        assert_eq!(lines(&headers), [b"Origin"]);
    }
}
