//! Reads how long a response is fresh (RFC 9111, section 4.2).

use std::time::Duration;

use http::{
    HeaderMap,
    header::{AGE, CACHE_CONTROL},
};

/// `max-age` less `Age`; nothing if there is neither it nor a directive against keeping.
///
/// Of several, the shortest counts, and what can't be read is not fresh (RFC 9111, section 4.2.1).
/// `Expires` is not looked at: it would be compared with a clock on the wall.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(seconds)
        .min()?;
    let age = headers.get(AGE).map(|age| number(age.as_bytes()));
    // An age that can't be read is none (RFC 9111, section 5.1).
    let age = age.flatten().unwrap_or_default();
    Some(Duration::from_secs(seconds.saturating_sub(age)))
}

/// How long a directive lets a response be fresh; nothing if it says nothing of that.
fn seconds(directive: &[u8]) -> Option<u64> {
    let directive = directive.trim_ascii();
    let mut parts = directive.splitn(2, |byte| *byte == b'=');
    let name = parts.next().unwrap_or_default();
    if name.eq_ignore_ascii_case(b"no-store") || name.eq_ignore_ascii_case(b"no-cache") {
        return Some(0);
    }
    if !name.eq_ignore_ascii_case(b"max-age") {
        return None;
    }
    let value = parts.next().unwrap_or_default();
    let quoted = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    Some(number(quoted.unwrap_or(value)).unwrap_or_default())
}

/// A number of seconds; one that is too large is very large (RFC 9111, section 1.2.2).
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    Some(digits.parse().unwrap_or(0xffff_ffff))
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
