//! Reads `Accept-Language` and finds the language to answer in: RFC 9110, section 12.5.4, and RFC 4647.

use super::accept::{BEST, elements, parse_weight};

/// No client needs more; the others are ignored.
const MAX_ELEMENTS: usize = 64;

/// A language range with its weight: `de-CH;q=0.8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LanguageRange<'a> {
    /// Well-formed: letters, digits and hyphens, or `*`.
    pub(crate) range: &'a str,
    /// In thousandths; 0 is not acceptable.
    pub(crate) weight: u16,
}

/// The well-formed elements of all lines of the field, the best first. Equal ones stay in their order.
pub(crate) fn language_ranges<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<LanguageRange<'a>> {
    let elements = lines.into_iter().flat_map(elements).take(MAX_ELEMENTS);
    let mut ranges: Vec<_> = elements.filter_map(LanguageRange::parse).collect();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.weight));
    ranges
}

impl<'a> LanguageRange<'a> {
    fn parse(element: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(element).ok()?;
        let (range, weight) = match text.split_once(';') {
            None => (text, BEST),
            Some((range, weight)) => {
                let weight = weight.trim_ascii();
                let weight = weight
                    .strip_prefix("q=")
                    .or_else(|| weight.strip_prefix("Q="))?;
                (range, parse_weight(weight.as_bytes())?)
            }
        };
        let range = range.trim_ascii();
        (range == "*" || is_tag(range)).then_some(Self { range, weight })
    }

    /// Whether the range is the tag, or the beginning of it before a hyphen (RFC 4647, section 3.3.1).
    fn filters(&self, tag: &str) -> bool {
        let (start, rest) = tag.split_at_checked(self.range.len()).unwrap_or(("", tag));
        start.eq_ignore_ascii_case(self.range) && (rest.is_empty() || rest.starts_with('-'))
    }
}

/// Subtags of one to eight letters or digits, the first of letters (RFC 4647, section 2.1).
pub(crate) fn is_tag(text: &str) -> bool {
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let first = text.split('-').next().unwrap_or_default();
    text.split('-').all(is_subtag) && first.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The tag of a list that the client prefers, as an index; `None` if it accepts none.
///
/// Lookup (RFC 4647, section 3.4): for each range, the best first, the range itself, and then what is left
/// of it without its last subtags. What no lookup finds is filtered (section 3.3.1), so that `en` finds
/// `en-GB`. A tag with the weight 0 is never chosen.
pub(crate) fn best_language(ranges: &[LanguageRange<'_>], tags: &[String]) -> Option<usize> {
    let is_rejected = |tag: &str| {
        // The longest range that fits decides, and a `*` only if no other fits.
        let fitting = ranges.iter().filter(|range| range.filters(tag));
        let longest = fitting.max_by_key(|range| range.range.len());
        let any = || ranges.iter().find(|range| range.range == "*");
        let is_looked_up = || {
            let mut wanted = ranges.iter().filter(|range| range.weight > 0);
            wanted.any(|range| starts_with_tag(range.range, tag))
        };
        match longest {
            Some(range) => range.weight == 0,
            None => any().is_some_and(|range| range.weight == 0) && !is_looked_up(),
        }
    };
    let wanted = || ranges.iter().filter(|range| range.weight > 0);
    let find = |is_right: &dyn Fn(&str) -> bool| {
        let mut tags = tags.iter();
        tags.position(|tag| is_right(tag) && !is_rejected(tag))
    };
    for range in wanted().filter(|range| range.range != "*") {
        let mut rest = Some(range.range);
        while let Some(text) = rest {
            if let Some(found) = find(&|tag| tag.eq_ignore_ascii_case(text)) {
                return Some(found);
            }
            rest = truncated(text);
        }
    }
    for range in wanted() {
        let found = match range.range {
            "*" => find(&|_| true),
            _ => find(&|tag| range.filters(tag)),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Without the last subtag, and without a single letter or digit before it, which only introduces it.
fn truncated(range: &str) -> Option<&str> {
    let (rest, _) = range.rsplit_once('-')?;
    match rest.rsplit_once('-') {
        Some((shorter, single)) if single.len() == 1 => Some(shorter),
        None if rest.len() == 1 => None,
        _ => Some(rest),
    }
}

/// Whether a lookup of the range may find the tag.
fn starts_with_tag(range: &str, tag: &str) -> bool {
    let (start, rest) = range.split_at_checked(tag.len()).unwrap_or(("", range));
    start.eq_ignore_ascii_case(tag) && (rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{best_language, language_ranges, truncated};

    fn best<'t>(field: &str, tags: &[&'t str]) -> Option<&'t str> {
        let owned: Vec<String> = tags.iter().map(ToString::to_string).collect();
        let ranges = language_ranges([field.as_bytes()]);
        best_language(&ranges, &owned).map(|index| tags[index])
    }

    #[test]
    fn ranges_are_truncated_as_in_the_standard() {
        // RFC 4647, section 3.4.
        let mut text = "zh-Hant-CN-x-private1-private2";
        let mut steps = vec![text];
        while let Some(shorter) = truncated(text) {
            steps.push(shorter);
            text = shorter;
        }
        assert_eq!(
            steps,
            [
                "zh-Hant-CN-x-private1-private2",
                "zh-Hant-CN-x-private1",
                "zh-Hant-CN",
                "zh-Hant",
                "zh",
            ]
        );
        assert_eq!(truncated("i-klingon"), None);
    }

    #[test]
    fn the_best_language_is_found() {
        let tags = ["en", "de", "de-CH", "zh-Hant"];
        let cases = [
            ("de", Some("de")),
            ("DE-ch", Some("de-CH")),
            ("de-AT", Some("de")),
            ("de-CH-1996", Some("de-CH")),
            ("zh-Hant-TW", Some("zh-Hant")),
            // Filtering, where lookup finds nothing.
            ("zh", Some("zh-Hant")),
            ("zh, de;q=0.5", Some("de")),
            ("zh-Hans", None),
            // RFC 9110, section 12.5.4.
            ("da, en-gb;q=0.8, en;q=0.7", Some("en")),
            ("fr, de;q=0.5, en;q=0.9", Some("en")),
            ("fr", None),
            ("*", Some("en")),
            ("fr, *;q=0.1", Some("en")),
            ("*, en;q=0", Some("de")),
            ("de;q=0, de-CH", Some("de-CH")),
            ("de-AT, de;q=0", None),
            ("*;q=0, de", Some("de")),
            ("*;q=0, de-AT", Some("de")),
            ("*;q=0", None),
            // Malformed elements are ignored.
            ("de;q=2, en", Some("en")),
            ("de_CH, en", Some("en")),
            ("de--CH, en", Some("en")),
            ("toolonglanguage, en", Some("en")),
            ("en ; q=0.5, de", Some("de")),
            ("", None),
        ];
        for (field, expected) in cases {
            assert_eq!(best(field, &tags), expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let ranges = language_ranges([&*line]);
            prop_assert!(ranges.is_sorted_by_key(|range| 1000 - range.weight));
            best_language(&ranges, &["en".to_owned()]);
        }
    }
}
