//! Reads how long a response is fresh (RFC 9111, section 4.2).

use std::time::Duration;

use http::{
    HeaderMap,
    header::{AGE, CACHE_CONTROL},
};

use crate::wire::field::cache_control::{Directive, UnclosedQuote, delta_seconds, directives};

/// `max-age` less `Age`; nothing if there is neither it nor a directive against keeping.
///
/// Of several, the shortest counts, and what can't be read is not fresh (RFC 9111, section 4.2.1).
/// `Expires` is not looked at: it would be compared with a clock on the wall.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .flat_map(|line| directives(line.as_bytes()))
        .filter_map(fresh_for)
        .min()?;
    // An age that can't be read is ignored (RFC 9111, section 5.1).
    let age = headers
        .get(AGE)
        .and_then(|age| delta_seconds(age.as_bytes()))
        .unwrap_or_default();
    Some(Duration::from_secs(seconds.saturating_sub(age).into()))
}

/// How many seconds a directive lets a response be fresh; `None` if it does not say.
fn fresh_for(directive: Result<Directive<'_>, UnclosedQuote>) -> Option<u32> {
    let Ok(directive) = directive else {
        return Some(0);
    };
    if directive.is("no-store") || directive.is("no-cache") {
        return Some(0);
    }
    if !directive.is("max-age") {
        return None;
    }
    let value = directive.argument.unwrap_or_default();
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    Some(delta_seconds(unquoted.unwrap_or(value)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, header};

    use super::max_age;

    #[test]
    fn reads_how_long_a_response_is_fresh() {
        let cases: &[(&[&str], Option<&str>, Option<u64>)] = &[
            (&[], None, None),
            (&["public"], None, None),
            (&["max-age=600"], None, Some(600)),
            (&["public, Max-Age=600, must-revalidate"], None, Some(600)),
            (&["max-age=\"600\""], None, Some(600)),
            (&["max-age=600", "max-age=60"], None, Some(60)),
            (&["max-age=600, no-cache"], None, Some(0)),
            (&["no-store"], None, Some(0)),
            (&["max-age=-1"], None, Some(0)),
            (&["max-age=1.5"], None, Some(0)),
            (&["max-age"], None, Some(0)),
            (&["max-age="], None, Some(0)),
            (
                &["max-age=99999999999999999999999"],
                None,
                Some(4_294_967_295),
            ),
            (&["s-maxage=600"], None, None),
            (&["x-max-age=600"], None, None),
            (&["max-age=600"], Some("100"), Some(500)),
            (&["max-age=600"], Some("700"), Some(0)),
            (&["max-age=600"], Some("yesterday"), Some(600)),
        ];
        for (values, age, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in *values {
                headers.append(header::CACHE_CONTROL, HeaderValue::from_static(value));
            }
            if let Some(age) = age {
                headers.insert(header::AGE, HeaderValue::from_static(age));
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(max_age(&headers), expected, "{values:?} {age:?}");
        }
    }
}
