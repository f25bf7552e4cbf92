//! How an input is encoded, and which part of a request it is.

use std::borrow::Cow;

use crate::contract::description::InputSource;

/// Where an [`Input`](super::input::Input) is in a request, and its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A body of `application/json`, or of any `application/*+json`.
    Json,
    /// A body of `application/x-www-form-urlencoded`.
    Form,
    /// Either of these, by `Content-Type`.
    JsonOrForm,
    /// A body of `text/plain`.
    Text,
    /// A body of any content type.
    Binary,
    /// A body of `multipart/form-data`, which only [`with_multipart`](crate::with_multipart) reads.
    #[cfg(feature = "multipart")]
    Upload,
    /// The query of the URI, in the format of a form.
    Query,
    /// The parameters of the path.
    Path,
    /// Header fields.
    Header,
    /// Cookies.
    Cookie,
}

impl Format {
    pub(super) const fn is_body(self) -> bool {
        matches!(Encoding::only(self).source(), InputSource::Body)
    }

    /// The content types of a body; for JSON, all others that end in `+json` as well.
    pub(super) const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            Self::Form => &["application/x-www-form-urlencoded"],
            Self::JsonOrForm => &["application/json", "application/x-www-form-urlencoded"],
            Self::Text => &["text/plain"],
            #[cfg(feature = "multipart")]
            Self::Upload => &["multipart/form-data"],
            Self::Binary | Self::Query | Self::Path | Self::Header | Self::Cookie => &[],
        }
    }
}

/// The encoding of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Form,
    Query,
    Path,
    Header,
    Cookie,
    Text,
    Binary,
    #[cfg_attr(
        not(feature = "multipart"),
        expect(dead_code, reason = "no input has it")
    )]
    Multipart,
}

impl Encoding {
    /// The encoding of an input that has only one.
    pub(super) const fn only(format: Format) -> Self {
        match format {
            Format::Json | Format::JsonOrForm => Self::Json,
            Format::Form => Self::Form,
            Format::Query => Self::Query,
            Format::Path => Self::Path,
            Format::Header => Self::Header,
            Format::Cookie => Self::Cookie,
            Format::Text => Self::Text,
            Format::Binary => Self::Binary,
            #[cfg(feature = "multipart")]
            Format::Upload => Self::Multipart,
        }
    }

    pub(super) fn is_accepted_by(self, format: Format) -> bool {
        self == Self::only(format) || (self, format) == (Self::Form, Format::JsonOrForm)
    }

    /// The part of the request.
    pub(super) const fn source(self) -> InputSource {
        match self {
            Self::Json | Self::Form | Self::Text | Self::Binary | Self::Multipart => {
                InputSource::Body
            }
            Self::Query => InputSource::Query,
            Self::Path => InputSource::Path,
            Self::Header => InputSource::Header,
            Self::Cookie => InputSource::Cookie,
        }
    }

    /// Whether the part of the request also has what other programs put there.
    pub(super) const fn is_shared(self) -> bool {
        matches!(self, Self::Header | Self::Cookie)
    }

    /// Whether a field of this name is meant by a name that was sent.
    pub(super) fn is_named(self, sent: &str, field: &str) -> bool {
        let is_same_character = |(sent, field): (u8, u8)| {
            sent.eq_ignore_ascii_case(&field) || (sent, field) == (b'-', b'_')
        };
        match self {
            Self::Header => {
                sent.len() == field.len() && sent.bytes().zip(field.bytes()).all(is_same_character)
            }
            _ => sent == field,
        }
    }

    /// The name that a client has to send for a field.
    pub(super) fn name_of(self, field: &str) -> Cow<'_, str> {
        match self {
            Self::Header if field.contains('_') => Cow::Owned(field.replace('_', "-")),
            _ => Cow::Borrowed(field),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Form | Self::Multipart => "form",
            Self::Query => "query",
            Self::Path => "path",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Json | Self::Text | Self::Binary => "body",
        }
    }
}
