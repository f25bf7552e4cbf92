//! A list of origins to look one up in.

use std::cmp::Ordering;

use http::{HeaderValue, header::InvalidHeaderValue};

/// Exact origins, in lower case, sorted by [`order`].
#[derive(Clone, Debug, Default)]
pub(crate) struct OriginList(Vec<HeaderValue>);

impl OriginList {
    /// Adds a value that is compared as a whole.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), InvalidHeaderValue> {
        let value = HeaderValue::from_str(&text.to_ascii_lowercase())?;
        let found = self
            .0
            .binary_search_by(|known| order(known, value.as_bytes()));
        if let Err(index) = found {
            self.0.insert(index, value);
        }
        Ok(())
    }

    /// What the list has for an origin that was sent, in whatever case.
    pub(crate) fn find(&self, origin: &[u8]) -> Option<&HeaderValue> {
        let index = self.0.binary_search_by(|known| order(known, origin)).ok()?;
        self.0.get(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        // Each was added as text.
        self.0.iter().filter_map(|origin| origin.to_str().ok())
    }

    pub(crate) fn as_slice(&self) -> &[HeaderValue] {
        &self.0
    }
}

/// By length, then by bytes; the origin that was sent is compared in lower case (RFC 6454, section 4).
fn order(allowed: &HeaderValue, origin: &[u8]) -> Ordering {
    let allowed = allowed.as_bytes();
    // Browsers send lower case.
    if allowed == origin {
        return Ordering::Equal;
    }
    let by_length = allowed.len().cmp(&origin.len());
    by_length.then_with(|| {
        let origin = origin.iter().map(u8::to_ascii_lowercase);
        allowed.iter().copied().cmp(origin)
    })
}

#[cfg(test)]
mod tests {
    use super::OriginList;

    #[test]
    fn finds_what_was_added_in_any_case_and_nothing_else() {
        let mut list = OriginList::default();
        let added = [
            "https://b.example",
            "https://A.example",
            "http://c.example:81",
        ];
        for text in added.iter().chain(&added) {
            list.add(text).unwrap();
        }
        assert_eq!(list.0.len(), added.len());
        for (origin, found) in [
            ("https://a.example", true),
            ("HTTPS://A.EXAMPLE", true),
            ("https://b.example", true),
            ("http://c.example:81", true),
            ("http://c.example", false),
            ("https://b.exampl", false),
            ("https://b.example.", false),
            ("https://b.example, https://a.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(list.find(origin.as_bytes()).is_some(), found, "{origin}");
        }
    }
}
