//! Reads `Content-Encoding`: which coding the body has.

use http::{HeaderMap, header};

/// A content coding (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(all(feature = "decompression-br", feature = "decompression-deflate")),
    expect(dead_code, reason = "a coding without its feature is never listed")
)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

impl Coding {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
        }
    }

    /// Names are case-insensitive, and `x-gzip` is another name of `gzip` (section 8.4.1.3).
    fn is_named(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes())
            || self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip")
    }
}

/// The coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coded {
    /// There is none.
    Plain,
    With(Coding),
    /// There are several, or one that is not accepted.
    Unsupported,
}

impl Coded {
    /// Reads all lines of the field, which are one list (section 5.3).
    pub(super) fn of(headers: &HeaderMap, accepted: &[Coding]) -> Self {
        let mut found = Self::Plain;
        let lines = headers.get_all(header::CONTENT_ENCODING).iter();
        let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        for name in names.map(<[u8]>::trim_ascii) {
            // Empty elements are ignored (section 5.6.1.2).
            if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            let coding = accepted.iter().find(|coding| coding.is_named(name));
            found = match (found, coding) {
                (Self::Plain, Some(coding)) => Self::With(*coding),
                _ => return Self::Unsupported,
            };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{Coded, Coding};

    #[test]
    fn one_accepted_coding_is_found_in_any_notation() {
        let gzip = Coded::With(Coding::Gzip);
        let cases: &[(&[&str], Coded)] = &[
            (&[], Coded::Plain),
            (&[""], Coded::Plain),
            (&[" , ,"], Coded::Plain),
            (&["identity"], Coded::Plain),
            (&["Identity, IDENTITY"], Coded::Plain),
            (&["gzip"], gzip),
            (&["GZip"], gzip),
            (&["x-gzip"], gzip),
            (&["X-GZIP"], gzip),
            (&["\tgzip ,"], gzip),
            (&["identity, gzip"], gzip),
            (&["identity", "gzip"], gzip),
            (&["br"], Coded::With(Coding::Brotli)),
            // Not listed here.
            (&["deflate"], Coded::Unsupported),
            (&["x-br"], Coded::Unsupported),
            (&["gzip;q=1"], Coded::Unsupported),
            (&["\"gzip\""], Coded::Unsupported),
            (&["gzip gzip"], Coded::Unsupported),
            (&["*"], Coded::Unsupported),
            // Several.
            (&["gzip, gzip"], Coded::Unsupported),
            (&["gzip, br"], Coded::Unsupported),
            (&["gzip", "br"], Coded::Unsupported),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            let accepted = [Coding::Gzip, Coding::Brotli];
            assert_eq!(Coded::of(&headers, &accepted), *expected, "{lines:?}");
        }
    }
}
