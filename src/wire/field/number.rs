//! A number that is written as in JSON.

/// Whether a text is a number of JSON (RFC 8259, section 6), except that it may begin with zeros.
pub(crate) fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    let mut parts = [Some(whole), fraction, exponent].into_iter().flatten();
    parts.all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_are_those_of_json_and_may_begin_with_zeros() {
        for text in ["0", "-0", "007", "1.50", "-1.5e3", "1E+2", "1e-02"] {
            assert!(is_number(text), "{text}");
        }
        for text in [
            "", "-", "+1", "--1", ".5", "5.", "1e", "1e+", "e1", "1.e1", "1.5.5", "1e1e1", "inf",
            "NaN", " 1", "1_000", "0x1", "\u{663}",
        ] {
            assert!(!is_number(text), "{text}");
        }
    }
}
