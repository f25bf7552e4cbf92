//! Entity tags: RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2.

use std::{error::Error, fmt, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::header_value::header_value;

/// A version of a representation, the value of `ETag` (RFC 9110, section 8.8.3).
///
/// A handler returns it beside its response, `(tag, Json(user))`; without axum, it goes into the header
/// fields with [`insert_into`](Self::insert_into). [`with_conditional`](crate::with_conditional) reads it
/// there.
///
/// A *strong* tag changes whenever the bytes of the representation change. A *weak* one (`W/"7"`) may
/// stay the same as long as nothing changes that matters to clients. In `If-Match`, only strong tags
/// can match.
///
/// # Example
///
/// ```
/// use wythe::ETag;
///
/// let tag = ETag::version(7);
/// assert_eq!(tag.to_string(), "\"7\"");
/// assert_eq!(tag.to_version(), Some(7));
///
/// let weak = ETag::weak("7")?;
/// assert!(weak.weak_eq(&tag) && !weak.strong_eq(&tag));
/// assert!(ETag::strong("a \"quoted\" text").is_err());
/// # Ok::<(), wythe::conditional::InvalidETag>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "conditional"),
    expect(unnameable_types, reason = "only that feature exports it")
)]
pub struct ETag(HeaderValue);

/// A text that can't be in an entity tag: it has a space, a `"` or a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    not(feature = "conditional"),
    expect(unnameable_types, reason = "only that feature exports it")
)]
pub struct InvalidETag;

impl fmt::Display for InvalidETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity tag must not contain spaces, `\"` or control characters")
    }
}

impl Error for InvalidETag {}

impl ETag {
    /// A strong tag with this text between the quotes.
    ///
    /// # Errors
    ///
    /// If the text has a space, a `"` or a control character.
    pub fn strong(opaque: impl AsRef<[u8]>) -> Result<Self, InvalidETag> {
        Self::write(b"\"", opaque.as_ref())
    }

    /// A weak tag with this text between the quotes.
    ///
    /// # Errors
    ///
    /// If the text has a space, a `"` or a control character.
    pub fn weak(opaque: impl AsRef<[u8]>) -> Result<Self, InvalidETag> {
        Self::write(b"W/\"", opaque.as_ref())
    }

    /// The strong tag of a version, such as a column that each write increments.
    ///
    /// It is strong only if the version alone decides the bytes of the representation. If the
    /// representation also depends on something else, such as the language of the client, add that to
    /// the text of a [`strong`](Self::strong) tag.
    #[must_use]
    pub fn version(version: i64) -> Self {
        let value = header_value(24, |out| {
            out.text(if version < 0 { "\"-" } else { "\"" });
            out.number(version.unsigned_abs());
            out.text("\"");
        });
        // Digits and quotes are a valid value.
        Self(value.unwrap_or_else(|| HeaderValue::from_static("\"\"")))
    }

    /// The version of a tag made by [`version`](Self::version).
    #[must_use]
    pub fn to_version(&self) -> Option<i64> {
        let version = std::str::from_utf8(self.opaque()).ok()?.parse().ok()?;
        // `"+7"` and `"07"` are other tags.
        (Self::version(version) == *self).then_some(version)
    }

    /// The tag in the value of an `ETag` field; `None` if it is not a single tag.
    #[must_use]
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let (_, rest) = TagRef::parse(value.as_bytes())?;
        rest.is_empty().then(|| Self(value.clone()))
    }

    /// The tag of a response, if it has a single valid one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        super::only_line(headers, header::ETAG)
            .ok()
            .flatten()
            .and_then(Self::parse)
    }

    /// Sets the field `ETag`.
    pub fn insert_into(self, headers: &mut HeaderMap) {
        headers.insert(header::ETAG, self.0);
    }

    /// Whether the tag is weak.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.as_ref().is_weak
    }

    /// The text between the quotes. It may have bytes that are not ASCII.
    #[must_use]
    pub fn opaque(&self) -> &[u8] {
        self.as_ref().opaque
    }

    /// The value of the field: `"7"`, `W/"7"`.
    #[must_use]
    pub const fn value(&self) -> &HeaderValue {
        &self.0
    }

    /// Whether both are strong and have the same text (RFC 9110, section 8.8.3.2).
    #[must_use]
    pub fn strong_eq(&self, other: &Self) -> bool {
        self.as_ref().strong_eq(other.as_ref())
    }

    /// Whether both have the same text, strong or weak (RFC 9110, section 8.8.3.2).
    #[must_use]
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.as_ref().weak_eq(other.as_ref())
    }

    pub(crate) fn as_ref(&self) -> TagRef<'_> {
        let bytes = self.0.as_bytes();
        let (is_weak, quoted) = match bytes.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, bytes),
        };
        let opaque = quoted.strip_prefix(b"\"");
        let opaque = opaque.and_then(|rest| rest.strip_suffix(b"\""));
        TagRef {
            is_weak,
            opaque: opaque.unwrap_or_default(),
        }
    }

    fn write(start: &[u8], opaque: &[u8]) -> Result<Self, InvalidETag> {
        if !opaque.iter().copied().all(is_opaque_byte) {
            return Err(InvalidETag);
        }
        let value = [start, opaque, b"\""].concat();
        let value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value));
        value.map(Self).map_err(|_not_visible| InvalidETag)
    }
}

impl FromStr for ETag {
    type Err = InvalidETag;

    /// Reads the value of a field: `"7"`, `W/"7"`.
    fn from_str(text: &str) -> Result<Self, InvalidETag> {
        let value = HeaderValue::from_str(text).map_err(|_not_visible| InvalidETag)?;
        Self::parse(&value).ok_or(InvalidETag)
    }
}

impl From<ETag> for HeaderValue {
    fn from(tag: ETag) -> Self {
        tag.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0.as_bytes()))
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ETag({self})")
    }
}

/// An entity tag in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagRef<'a> {
    pub(crate) is_weak: bool,
    pub(crate) opaque: &'a [u8],
}

impl<'a> TagRef<'a> {
    /// `entity-tag = [ weak ] opaque-tag`, and what follows it. `W/` is case-sensitive, and there is no
    /// escape in the quotes.
    fn parse(field: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_weak, quoted) = match field.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, field),
        };
        let text = quoted.strip_prefix(b"\"")?;
        let end = text.iter().position(|byte| !is_opaque_byte(*byte))?;
        let (opaque, rest) = text.split_at_checked(end)?;
        let rest = rest.strip_prefix(b"\"")?;
        Some((Self { is_weak, opaque }, rest))
    }

    pub(crate) fn strong_eq(self, other: Self) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }

    pub(crate) fn weak_eq(self, other: Self) -> bool {
        self.opaque == other.opaque
    }
}

/// `etagc` (RFC 9110, section 8.8.3).
const fn is_opaque_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'~' | 0x80..)
}

/// The value of `If-Match` or `If-None-Match`, which may have several lines.
#[derive(Clone, Debug)]
pub(crate) struct TagList {
    first: HeaderValue,
    more: Vec<HeaderValue>,
}

/// What a [`TagList`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `*`
    Any,
    /// At least one tag.
    Tags,
    /// Something else.
    Malformed,
}

impl TagList {
    pub(crate) fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        // Clones of values share their bytes.
        let mut lines = headers.get_all(name).iter().cloned();
        Some(Self {
            first: lines.next()?,
            more: lines.collect(),
        })
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = std::iter::once(&self.first).chain(&self.more);
        lines.map(HeaderValue::as_bytes)
    }

    /// The tags. A list that is malformed anywhere has none, because half of it is not what the client
    /// meant.
    pub(crate) fn tags(&self) -> impl Iterator<Item = TagRef<'_>> {
        let is_list = self.syntax() == Syntax::Tags;
        let lines = self.lines().filter(move |_| is_list);
        lines.flat_map(tags).filter_map(Result::ok)
    }

    pub(crate) fn syntax(&self) -> Syntax {
        if self.more.is_empty() && self.first.as_bytes().trim_ascii() == b"*" {
            return Syntax::Any;
        }
        let mut all = self.lines().flat_map(tags);
        match all.try_fold(0_usize, |count, tag| tag.map(|_| count.saturating_add(1))) {
            Ok(1..) => Syntax::Tags,
            Ok(0) | Err(MalformedTag) => Syntax::Malformed,
        }
    }
}

/// A member of a list is not an entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MalformedTag;

/// The members of one line of `#entity-tag` (RFC 9110, section 5.6.1). A tag may have commas in it.
pub(crate) fn tags(line: &[u8]) -> impl Iterator<Item = Result<TagRef<'_>, MalformedTag>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        // Empty members are skipped (section 5.6.1.2).
        let here = rest?.trim_ascii_start();
        let commas = here
            .iter()
            .take_while(|byte| matches!(byte, b',' | b' ' | b'\t'));
        let here = here.get(commas.count()..).filter(|here| !here.is_empty())?;
        let next = TagRef::parse(here).and_then(|(tag, after)| {
            let after = after.trim_ascii_start();
            (after.is_empty() || after.starts_with(b",")).then_some((tag, after))
        });
        rest = next.map(|(_, after)| after);
        Some(next.map(|(tag, _)| tag).ok_or(MalformedTag))
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use proptest::prelude::*;

    use super::{ETag, Syntax, TagList, tags};

    fn tag(text: &str) -> ETag {
        text.parse().unwrap()
    }

    #[test]
    fn compares_as_in_the_table_of_the_standard() {
        // RFC 9110, section 8.8.3.2.
        let cases = [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
        ];
        for (one, other, strong, weak) in cases {
            assert_eq!(tag(one).strong_eq(&tag(other)), strong, "{one} {other}");
            assert_eq!(tag(one).weak_eq(&tag(other)), weak, "{one} {other}");
        }
    }

    #[test]
    fn reads_tags_and_nothing_else() {
        // RFC 9110, section 8.8.3, has the first three.
        for text in [
            r#""xyzzy""#,
            r#"W/"xyzzy""#,
            r#""""#,
            r#"W/"""#,
            r#""a,b\""#,
            r#""W/""#,
        ] {
            assert_eq!(tag(text).to_string(), text);
        }
        let latin = HeaderValue::from_bytes(b"\"caf\xe9\"").unwrap();
        assert_eq!(ETag::parse(&latin).unwrap().opaque(), b"caf\xe9");
        for text in [
            "",
            "xyzzy",
            "\"",
            "\"a",
            "a\"",
            "w/\"a\"",
            "W/a",
            "W/ \"a\"",
            "\"a b\"",
            "\"a\"b\"",
            "\"a\" ",
            "\"a\", \"b\"",
            "*",
            "'a'",
        ] {
            assert!(text.parse::<ETag>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_version_is_read_back_and_no_other_text_is_one() {
        for version in [0, 7, -7, i64::MAX, i64::MIN] {
            let tag = ETag::version(version);
            assert_eq!(tag.to_string(), format!("\"{version}\""));
            assert_eq!(tag.to_version(), Some(version));
        }
        for text in [
            r#"W/"7""#, r#""07""#, r#""+7""#, r#""-0""#, r#""7x""#, r#""""#,
        ] {
            assert_eq!(tag(text).to_version(), None, "{text}");
        }
    }

    #[test]
    fn reads_lists_by_their_syntax() {
        let cases: [(&[&str], Syntax, usize); 17] = [
            (&["*"], Syntax::Any, 0),
            (&[" * "], Syntax::Any, 0),
            (&[r#""xyzzy""#], Syntax::Tags, 1),
            (&[r#""xyzzy", "r2d2xxxx", "c3piozzzz""#], Syntax::Tags, 3),
            (
                &[r#"W/"xyzzy", W/"r2d2xxxx", W/"c3piozzzz""#],
                Syntax::Tags,
                3,
            ),
            (&[r#""a,b" ,"c""#], Syntax::Tags, 2),
            (&[r#", ,"a",, "b" ,"#], Syntax::Tags, 2),
            (&[r#""a","b""#, r#"W/"c""#], Syntax::Tags, 3),
            (&[""], Syntax::Malformed, 0),
            (&[" , "], Syntax::Malformed, 0),
            (&["xyzzy"], Syntax::Malformed, 0),
            (&[r#""a" "b""#], Syntax::Malformed, 0),
            (&[r#""a", *"#], Syntax::Malformed, 0),
            (&["*", "*"], Syntax::Malformed, 0),
            (&["*, *"], Syntax::Malformed, 0),
            (&[r#""a", b, "c""#], Syntax::Malformed, 0),
            (&[r#""a""#, "*"], Syntax::Malformed, 0),
        ];
        for (lines, syntax, count) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_MATCH, HeaderValue::from_str(line).unwrap());
            }
            let list = TagList::of(&headers, header::IF_MATCH).unwrap();
            assert_eq!(list.syntax(), syntax, "{lines:?}");
            assert_eq!(list.tags().count(), count, "{lines:?}");
        }
        assert!(TagList::of(&HeaderMap::new(), header::IF_MATCH).is_none());
    }

    fn any_tag() -> impl Strategy<Value = ETag> {
        let opaque = prop::collection::vec(
            prop_oneof![Just(b'!'), 0x23..=0x7e_u8, 0x80..=0xff_u8],
            0..9,
        );
        (any::<bool>(), opaque).prop_map(|(is_weak, opaque)| {
            let make = if is_weak { ETag::weak } else { ETag::strong };
            make(opaque).unwrap()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(list in prop::collection::vec(any_tag(), 1..6)) {
            let line = list.iter().map(|tag| tag.value().as_bytes()).collect::<Vec<_>>();
            let line = line.join(&b", "[..]);
            let read: Vec<_> = tags(&line).map(Result::unwrap).collect();
            let written: Vec<_> = list.iter().map(ETag::as_ref).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn comparison_is_symmetric_and_strong_implies_weak(one in any_tag(), other in any_tag()) {
            prop_assert_eq!(one.strong_eq(&other), other.strong_eq(&one));
            prop_assert_eq!(one.weak_eq(&other), other.weak_eq(&one));
            prop_assert!(!one.strong_eq(&other) || one.weak_eq(&other));
            prop_assert!(one.weak_eq(&one));
            prop_assert_eq!(one.strong_eq(&one), !one.is_weak());
        }
    }
}
