//! Reads `Accept-Encoding`: RFC 9110, section 12.5.3.

use http::{HeaderMap, HeaderValue, header};

use super::accept::{MAX_ELEMENTS, elements, parse_weight};

/// Which of these content codings, written in lowercase, a client says that it accepts. Elements that are
/// malformed are ignored.
pub(crate) fn accepted<const N: usize>(headers: &HeaderMap, codings: [&str; N]) -> [bool; N] {
    let mut listed = [None; N];
    let mut others = None;
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let elements = lines.map(HeaderValue::as_bytes).flat_map(elements);
    for (coding, is_accepted) in elements.take(MAX_ELEMENTS).filter_map(parse) {
        if coding == b"*" {
            others.get_or_insert(is_accepted);
        }
        for (wanted, listed) in codings.iter().zip(&mut listed) {
            if is_same(coding, wanted) {
                listed.get_or_insert(is_accepted);
            }
        }
    }
    listed.map(|listed| listed.or(others).unwrap_or(false))
}

/// A coding, and whether it is accepted: `weight = OWS ";" OWS "q=" qvalue`, section 12.4.2.
fn parse(element: &[u8]) -> Option<(&[u8], bool)> {
    let Some(semicolon) = element.iter().position(|byte| *byte == b';') else {
        return Some((element, true));
    };
    let (coding, weight) = element.split_at_checked(semicolon)?;
    let weight = weight.strip_prefix(b";")?.trim_ascii();
    let (b"q=" | b"Q=", weight) = weight.split_at_checked(2)? else {
        return None;
    };
    Some((coding.trim_ascii(), parse_weight(weight)? > 0))
}

/// Names of codings are case-insensitive, and `x-gzip` is a name of gzip (section 8.4.1).
fn is_same(coding: &[u8], wanted: &str) -> bool {
    coding.eq_ignore_ascii_case(wanted.as_bytes())
        || wanted == "gzip" && coding.eq_ignore_ascii_case(b"x-gzip")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::accepted;

    #[test]
    fn a_coding_is_accepted_by_its_name_or_by_the_wildcard() {
        let cases: [(&[&str], [bool; 2]); 22] = [
            (&[], [false, false]),
            (&[""], [false, false]),
            (&["gzip"], [true, false]),
            (&["GZip"], [true, false]),
            (&["x-gzip"], [true, false]),
            (&["br, gzip"], [true, true]),
            (&["br", "gzip"], [true, true]),
            (&["*"], [true, true]),
            (&["*;q=0"], [false, false]),
            (&["gzip;q=0"], [false, false]),
            (&["gzip;q=0.000, *"], [false, true]),
            (&["*, gzip;q=0"], [false, true]),
            (&["gzip;q=0.001"], [true, false]),
            (&["gzip ; Q=1.0"], [true, false]),
            (&["gzip;q=2", "br"], [false, true]),
            (&["gzip;level=1", "br"], [false, true]),
            (&["gzip;", "br"], [false, true]),
            // The first one counts.
            (&["gzip, gzip;q=0"], [true, false]),
            (&["identity, deflate"], [false, false]),
            (&["gzip, deflate, br, zstd"], [true, true]),
            (&["br;q=1.0, GZIP ; q=0.5"], [true, true]),
            (&["gzip;q=x"], [false, false]),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                let value = HeaderValue::from_static(line);
                headers.append(header::ACCEPT_ENCODING, value);
            }
            let found = accepted(&headers, ["gzip", "br"]);
            assert_eq!(found, expected, "{lines:?}");
        }
    }
}
