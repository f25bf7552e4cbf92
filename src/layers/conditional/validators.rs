//! The current state of a resource, and what a client says about it: the evaluation of preconditions.

use std::{fmt, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::{
    support::clock::Clock,
    wire::field::{
        entity_tag::{ETag, Syntax, TagList},
        http_date::HttpDate,
        only_line,
    },
};

/// When a representation was last changed, the value of `Last-Modified` (RFC 9110, section 8.8.2).
///
/// A handler returns it beside its response, `(modified, Json(user))`; without axum, it goes into the
/// header fields with [`insert_into`](Self::insert_into). It counts whole seconds, so two changes within
/// one second look the same: prefer an [`ETag`].
///
/// # Example
///
/// ```
/// use wythe::LastModified;
///
/// let modified = LastModified::unix(784_111_777);
/// assert_eq!(modified.to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LastModified(HttpDate);

impl LastModified {
    /// The last change was at this time; the fraction of the second is dropped.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        Self(HttpDate::from_time(time))
    }

    /// The last change was this many seconds after the beginning of 1970, UTC.
    #[must_use]
    pub fn unix(seconds: i64) -> Self {
        Self(HttpDate::from_unix(seconds))
    }

    /// The date in the value of a field, in one of the three formats of RFC 9110, section 5.6.7; `None` if
    /// it is not one.
    #[must_use]
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let now = || HttpDate::from_time(Clock::system().now());
        HttpDate::parse(value.as_bytes(), now).map(Self)
    }

    /// The seconds since the beginning of 1970, UTC.
    #[must_use]
    pub const fn to_unix(self) -> i64 {
        self.0.to_unix()
    }

    /// Sets the field `Last-Modified`.
    pub fn insert_into(self, headers: &mut HeaderMap) {
        headers.insert(header::LAST_MODIFIED, self.0.to_value());
    }
}

impl From<SystemTime> for LastModified {
    fn from(time: SystemTime) -> Self {
        Self::at(time)
    }
}

impl From<LastModified> for HeaderValue {
    fn from(modified: LastModified) -> Self {
        modified.0.to_value()
    }
}

impl fmt::Display for LastModified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_value().to_str().unwrap_or_default())
    }
}

impl fmt::Debug for LastModified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LastModified({self})")
    }
}

/// What distinguishes one version of a resource from another: its tag, the time of its last change, or
/// both (RFC 9110, section 8.8).
///
/// # Example
///
/// ```
/// use wythe::{ETag, LastModified, conditional::Validators};
///
/// let only_tag = Validators::from(ETag::version(7));
/// let both = only_tag.last_modified(LastModified::unix(784_111_777));
/// assert_eq!(both.etag(), Some(&ETag::version(7)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<ETag>,
    last_modified: Option<LastModified>,
}

impl Validators {
    /// The same with the time of the last change.
    #[must_use]
    pub const fn last_modified(mut self, time: LastModified) -> Self {
        self.last_modified = Some(time);
        self
    }

    /// The tag.
    #[must_use]
    pub const fn etag(&self) -> Option<&ETag> {
        self.etag.as_ref()
    }

    /// The time of the last change.
    #[must_use]
    pub const fn modified(&self) -> Option<LastModified> {
        self.last_modified
    }

    /// Those of a response. A field that is malformed or repeated does not count.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            etag: ETag::of(headers),
            last_modified: date(headers, header::LAST_MODIFIED),
        }
    }
}

impl From<ETag> for Validators {
    fn from(etag: ETag) -> Self {
        Self {
            etag: Some(etag),
            last_modified: None,
        }
    }
}

impl From<LastModified> for Validators {
    fn from(time: LastModified) -> Self {
        Self::default().last_modified(time)
    }
}

/// The preconditions of a request, RFC 9110, section 13.1.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    if_match: Option<TagList>,
    if_none_match: Option<TagList>,
    if_modified_since: Option<LastModified>,
    if_unmodified_since: Option<LastModified>,
}

/// What the preconditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Perform the request.
    Perform,
    /// 304
    NotModified,
    /// 412
    Failed,
}

impl Fields {
    /// The preconditions of a request, if it has any that can be evaluated.
    pub(super) fn of(headers: &HeaderMap, method: &Method) -> Option<Self> {
        let fields = Self {
            if_match: TagList::of(headers, header::IF_MATCH),
            if_none_match: TagList::of(headers, header::IF_NONE_MATCH),
            // Section 13.1.3: to other methods, it says nothing.
            if_modified_since: if is_read(method) {
                date(headers, header::IF_MODIFIED_SINCE)
            } else {
                None
            },
            if_unmodified_since: date(headers, header::IF_UNMODIFIED_SINCE),
        };
        let is_any = fields.if_match.is_some()
            || fields.if_none_match.is_some()
            || fields.if_modified_since.is_some()
            || fields.if_unmodified_since.is_some();
        is_any.then_some(fields)
    }

    /// Whether a list of tags can't be read. A write is not performed then.
    pub(super) fn are_malformed(&self) -> bool {
        let mut lists = self.if_match.iter().chain(&self.if_none_match);
        lists.any(|list| list.syntax() == Syntax::Malformed)
    }

    /// Evaluates them in the order of section 13.2.2. `current` is `None` if there is no current
    /// representation.
    pub(super) fn evaluate(&self, is_read: bool, current: Option<&Validators>) -> Outcome {
        let etag = current.and_then(Validators::etag).map(ETag::as_ref);
        let modified = current.and_then(Validators::modified);
        // Steps 1 and 2. Section 13.1.4: without a time of modification, the field is ignored.
        let holds = match (&self.if_match, self.if_unmodified_since, modified) {
            (Some(list), ..) => match list.syntax() {
                Syntax::Any => current.is_some(),
                _ => etag.is_some_and(|tag| list.tags().any(|listed| listed.strong_eq(tag))),
            },
            (None, Some(limit), Some(modified)) => modified <= limit,
            (None, ..) => true,
        };
        if !holds {
            return Outcome::Failed;
        }
        // Steps 3 and 4.
        let is_new = match (&self.if_none_match, self.if_modified_since, modified) {
            (Some(list), ..) => match list.syntax() {
                Syntax::Any => current.is_none(),
                _ => !etag.is_some_and(|tag| list.tags().any(|listed| listed.weak_eq(tag))),
            },
            (None, Some(limit), Some(modified)) if is_read => modified > limit,
            (None, ..) => true,
        };
        match (is_new, is_read) {
            (true, _) => Outcome::Perform,
            (false, true) => Outcome::NotModified,
            (false, false) => Outcome::Failed,
        }
    }

    /// What must still hold when the handler writes, after an evaluation that said `Perform`. `None` if
    /// no precondition could be evaluated.
    pub(super) fn expected(&self, current: Option<&Validators>) -> Option<Expected> {
        let is_any = |list: &TagList| list.syntax() == Syntax::Any;
        let names_tags = |list: &Option<TagList>| list.as_ref().is_some_and(|list| !is_any(list));
        let Some(current) = current else {
            return self.if_none_match.as_ref().map(|_| Expected::Absent);
        };
        let by_date = self.if_match.is_none()
            && self.if_unmodified_since.is_some()
            && current.modified().is_some();
        if names_tags(&self.if_match) || names_tags(&self.if_none_match) || by_date {
            return Some(Expected::Unchanged(current.clone()));
        }
        self.if_match.as_ref().map(|_| Expected::Present)
    }
}

/// What must still hold when a handler writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Anything,
    Absent,
    Present,
    Unchanged(Validators),
}

/// GET and HEAD, which get a representation.
pub(super) const fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A date that is neither malformed nor repeated; otherwise the field is ignored (sections 13.1.3 and
/// 13.1.4).
fn date(headers: &HeaderMap, name: HeaderName) -> Option<LastModified> {
    LastModified::parse(only_line(headers, name).ok().flatten()?)
}
