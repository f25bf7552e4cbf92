//! How a sender writes its signatures: [`SignatureFormat`].

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::refusal::Refusal;
use crate::wire::{ConfigError, field::only_line};

const POLICY: &str = "SignatureFormat";

/// How a sender writes its signatures, and what it signs: for [your own
/// scheme](super::WebhookScheme::custom).
///
/// The signature field consists of elements, or of a single one if there is no
/// [separator](Self::separator). An element that begins with the [prefix](Self::prefix) is a
/// signature, and one that begins with the prefix of the [timestamp](Self::timestamp_element) is the
/// timestamp. All others are ignored.
///
/// # Example
///
/// A sender that writes `X-Acme-Signature: t=1767225600;s=5f3c..`:
///
/// ```
/// use wythe::webhook::{SignatureFormat, WebhookScheme};
///
/// let format = SignatureFormat::hex("x-acme-signature")?
///     .separator(';')?
///     .prefix("s=")
///     .timestamp_element("t=")
///     .id_field("x-acme-delivery")?
///     .signs("{id}.{timestamp}.{body}")?;
/// let scheme = WebhookScheme::custom("acme", format, "a secret that only the two of us know")?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SignatureFormat {
    field: HeaderName,
    encoding: Encoding,
    separator: Option<u8>,
    pub(super) prefix: Cow<'static, str>,
    /// The signed parts before and after the body.
    before: Vec<Part>,
    after: Vec<Part>,
    id: Option<HeaderName>,
    timestamp: Option<TimestampSource>,
    event_id_member: Option<Cow<'static, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Hex,
    Base64,
}

/// A part of the signed message other than the body.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Id,
    Timestamp,
    Text(Cow<'static, str>),
}

#[derive(Clone, Debug)]
enum TimestampSource {
    Field(HeaderName),
    /// In the signature field, after this prefix.
    Element(Cow<'static, str>),
}

impl SignatureFormat {
    /// Signatures in this header field, in lowercase hexadecimal.
    ///
    /// # Errors
    ///
    /// If this is not the name of a header field.
    pub fn hex(field: &str) -> Result<Self, ConfigError> {
        Self::new(field, Encoding::Hex)
    }

    /// Signatures in this header field, in base64 with padding.
    ///
    /// # Errors
    ///
    /// If this is not the name of a header field.
    pub fn base64(field: &str) -> Result<Self, ConfigError> {
        Self::new(field, Encoding::Base64)
    }

    fn new(field: &str, encoding: Encoding) -> Result<Self, ConfigError> {
        Ok(Self {
            field: header_name(field)?,
            encoding,
            separator: None,
            prefix: Cow::Borrowed(""),
            before: Vec::new(),
            after: Vec::new(),
            id: None,
            timestamp: None,
            event_id_member: None,
        })
    }

    /// Separates the elements of the signature field. By default the field is a single signature.
    ///
    /// # Errors
    ///
    /// If it is not a space or ASCII punctuation, or if it can occur in signatures: `+`, `/` and `=`.
    pub fn separator(mut self, separator: char) -> Result<Self, ConfigError> {
        let byte = u8::try_from(separator).ok();
        let usable = |byte: &u8| *byte == b' ' || byte.is_ascii_punctuation();
        let Some(byte) = byte.filter(|byte| usable(byte) && !b"+/=".contains(byte)) else {
            return Err(error(format!(
                "{separator:?} can't separate signatures: use a space, `,` or `;`"
            )));
        };
        self.separator = Some(byte);
        Ok(self)
    }

    /// The prefix of a signature, for example `sha256=`. None by default.
    pub fn prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The header field with the time of sending, in seconds since 1970, without leading zeros.
    ///
    /// # Errors
    ///
    /// If this is not the name of a header field.
    pub fn timestamp_field(mut self, field: &str) -> Result<Self, ConfigError> {
        self.timestamp = Some(TimestampSource::Field(header_name(field)?));
        Ok(self)
    }

    /// The time of sending is an element of the signature field that begins with this prefix.
    pub fn timestamp_element(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.timestamp = Some(TimestampSource::Element(prefix.into()));
        self
    }

    /// The header field with the id of the event, of at most 256 bytes.
    ///
    /// # Errors
    ///
    /// If this is not the name of a header field.
    pub fn id_field(mut self, field: &str) -> Result<Self, ConfigError> {
        self.id = Some(header_name(field)?);
        Ok(self)
    }

    /// The signed message: a text with `{body}`, and with `{id}` and `{timestamp}` if they are signed.
    /// By default only the body.
    ///
    /// # Errors
    ///
    /// If `{body}` does not occur exactly once, if one of the others occurs more than once, if there
    /// is another name in braces, if the id comes after the body, or without a separator before the
    /// next part, or if only digits separate the body from a timestamp after it.
    pub fn signs(mut self, template: &'static str) -> Result<Self, ConfigError> {
        let (before, after) = template
            .split_once("{body}")
            .ok_or_else(|| error(format!("{template:?} does not contain `{{body}}`")))?;
        self.before = parts(before)?;
        self.after = parts(after)?;
        for part in [Part::Id, Part::Timestamp] {
            if self.parts().filter(|other| **other == part).count() > 1 {
                return Err(error(format!("{template:?} contains a name twice")));
            }
        }
        if self.after.contains(&Part::Id) {
            return Err(error(
                "write `{id}` before `{body}`: otherwise the end of a body can pass for an id",
            ));
        }
        let id = self.before.iter().position(|part| *part == Part::Id);
        let next = id.and_then(|id| self.before.get(id.saturating_add(1)));
        if id.is_some() && !matches!(next, Some(Part::Text(_))) {
            return Err(error(
                "write a character between `{id}` and what follows it: otherwise one signature is \
                 valid for several messages",
            ));
        }
        let separates = |part: &Part| matches!(part, Part::Text(text) if !is_all_digits(text));
        let mut separators = self
            .after
            .iter()
            .take_while(|part| **part != Part::Timestamp);
        if self.after.contains(&Part::Timestamp) && !separators.any(separates) {
            return Err(error(
                "write a character that is not a digit between `{body}` and `{timestamp}`: \
                 otherwise one signature is valid for several messages",
            ));
        }
        Ok(self)
    }

    /// The id of an event is this member of a JSON body, a string that is not empty.
    /// [`once`](super::Webhook::once) compares it if there is no [signed id](Self::id_field).
    pub fn event_id_member(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.event_id_member = Some(name.into());
        self
    }

    /// Checks what depends on several settings.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let signs = |part: Part| self.parts().any(|other| *other == part);
        let pairs = [
            ("id", self.id.is_some(), signs(Part::Id)),
            (
                "timestamp",
                self.timestamp.is_some(),
                signs(Part::Timestamp),
            ),
        ];
        for (name, is_sent, is_signed) in pairs {
            if is_sent && !is_signed {
                return Err(error(format!(
                    "the {name} is not signed, so anybody can change it: add `{{{name}}}` to \
                     `signs(..)`, or leave the {name} out"
                )));
            }
            if is_signed && !is_sent {
                return Err(error(format!(
                    "`{{{name}}}` is signed: say in which field it is sent"
                )));
            }
        }
        if let Some(TimestampSource::Element(prefix)) = &self.timestamp
            && (self.separator.is_none()
                || prefix.starts_with(&*self.prefix)
                || self.prefix.starts_with(&**prefix))
        {
            return Err(error(
                "a timestamp in the signature field needs a separator, and a prefix other than \
                 that of the signatures",
            ));
        }
        Ok(())
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.before.iter().chain(&self.after)
    }

    pub(super) const fn has_timestamp(&self) -> bool {
        self.timestamp.is_some()
    }

    pub(super) fn event_id_in_body(&self) -> Option<&str> {
        self.event_id_member.as_deref()
    }

    /// The header fields that a request needs, and their descriptions.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&HeaderName, &'static str)> {
        let timestamp = match &self.timestamp {
            Some(TimestampSource::Field(name)) => Some(name),
            _ => None,
        };
        let id = self.id.as_ref();
        let id = id.map(|name| (name, "The id of the event."));
        let timestamp = timestamp.map(|name| (name, "The time of sending, in seconds since 1970."));
        let signature = [(&self.field, "The signature of the event.")];
        id.into_iter().chain(timestamp).chain(signature)
    }

    /// Parses the header fields of a request.
    pub(super) fn read(&self, headers: &HeaderMap) -> Result<SignedFields, Refusal> {
        let id = match &self.id {
            Some(name) => Some(self.read_id(only(headers, name)?, name)?),
            None => None,
        };
        let mut timestamp = match &self.timestamp {
            Some(TimestampSource::Field(name)) => {
                Some(Timestamp::parse(only(headers, name)?.as_bytes(), name)?)
            }
            _ => None,
        };
        let value = only(headers, &self.field)?;
        let mut elements = 0_usize;
        let separator = |byte: &u8| Some(*byte) == self.separator;
        for element in value.as_bytes().split(separator) {
            elements = elements.saturating_add(1);
            if elements > MAX_ELEMENTS {
                return Err(Refusal::Malformed(self.field.clone()));
            }
            if let Some(TimestampSource::Element(prefix)) = &self.timestamp
                && let Some(text) = element.trim_ascii().strip_prefix(prefix.as_bytes())
                && timestamp
                    .replace(Timestamp::parse(text, &self.field)?)
                    .is_some()
            {
                return Err(Refusal::Malformed(self.field.clone()));
            }
        }
        if self.timestamp.is_some() && timestamp.is_none() {
            return Err(Refusal::Malformed(self.field.clone()));
        }
        Ok(SignedFields {
            id,
            timestamp,
            signatures: value.clone(),
        })
    }

    fn read_id(&self, value: &HeaderValue, name: &HeaderName) -> Result<String, Refusal> {
        const MAX_ID_BYTES: usize = 256;

        let malformed = || Refusal::Malformed(name.clone());
        let id = value.to_str().map_err(|_not_ascii| malformed())?;
        // If the id could contain the text that follows it in the signed message, one signature would
        // be valid for several messages.
        let mut following = self.parts().skip_while(|part| **part != Part::Id).skip(1);
        let is_ambiguous = match following.next() {
            Some(Part::Text(text)) => id.contains(&**text),
            _ => false,
        };
        if id.is_empty() || id.len() > MAX_ID_BYTES || is_ambiguous {
            return Err(malformed());
        }
        Ok(id.to_owned())
    }

    /// The signatures that begin with this prefix. `None` stands for a signature that can't be
    /// decoded.
    pub(super) fn signatures<'a, const LENGTH: usize>(
        &'a self,
        fields: &'a SignedFields,
        prefix: &'a str,
    ) -> impl Iterator<Item = Option<[u8; LENGTH]>> + 'a {
        let separator = |byte: &u8| Some(*byte) == self.separator;
        let elements = fields.signatures.as_bytes().split(separator);
        elements.filter_map(move |element| {
            let text = element.trim_ascii().strip_prefix(prefix.as_bytes())?;
            let mut bytes = [0; LENGTH];
            let decoded = match self.encoding {
                Encoding::Hex => decode_hex(text, &mut bytes),
                Encoding::Base64 => decode_base64(text, &mut bytes),
            };
            Some(decoded.map(|()| bytes))
        })
    }

    /// Feeds the signed parts before the body.
    pub(super) fn feed_before(&self, fields: &SignedFields, feed: impl FnMut(&[u8])) {
        Self::feed(&self.before, fields, feed);
    }

    /// Feeds the signed parts after the body.
    pub(super) fn feed_after(&self, fields: &SignedFields, feed: impl FnMut(&[u8])) {
        Self::feed(&self.after, fields, feed);
    }

    fn feed(parts: &[Part], fields: &SignedFields, mut feed: impl FnMut(&[u8])) {
        for part in parts {
            match part {
                Part::Id => feed(fields.id.as_deref().unwrap_or_default().as_bytes()),
                Part::Timestamp => {
                    if let Some(timestamp) = &fields.timestamp {
                        feed(timestamp.text.as_bytes());
                    }
                }
                Part::Text(text) => feed(text.as_bytes()),
            }
        }
    }

    /// The fields of a message that is being signed; they do not have a signature yet.
    pub(super) fn fields_of(&self, id: &str, seconds: u64) -> Option<SignedFields> {
        let id = match &self.id {
            Some(name) => {
                let value = HeaderValue::from_str(id).ok()?;
                Some(self.read_id(&value, name).ok()?)
            }
            None => None,
        };
        let timestamp = self.timestamp.as_ref().map(|_| Timestamp {
            text: seconds.to_string(),
            seconds,
        });
        Some(SignedFields {
            id,
            timestamp,
            signatures: HeaderValue::from_static(""),
        })
    }

    /// Encodes a signature after its prefix.
    pub(super) fn encode(&self, prefix: &str, signature: &[u8]) -> String {
        let mut text = prefix.to_owned();
        match self.encoding {
            Encoding::Hex => {
                for byte in signature {
                    for digit in [byte >> 4, byte & 0xf] {
                        text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
                    }
                }
            }
            Encoding::Base64 => STANDARD.encode_string(signature, &mut text),
        }
        text
    }

    /// Writes the header fields of a signed message.
    pub(super) fn write(&self, fields: &SignedFields, signatures: &[String]) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let (Some(name), Some(id)) = (&self.id, &fields.id) {
            headers.insert(name.clone(), HeaderValue::from_str(id).ok()?);
        }
        let mut elements = Vec::new();
        match (&self.timestamp, &fields.timestamp) {
            (Some(TimestampSource::Field(name)), Some(timestamp)) => {
                headers.insert(name.clone(), HeaderValue::from_str(&timestamp.text).ok()?);
            }
            (Some(TimestampSource::Element(prefix)), Some(timestamp)) => {
                elements.push(format!("{prefix}{}", timestamp.text));
            }
            _ => {}
        }
        elements.extend_from_slice(signatures);
        let separator = self.separator.map_or(' ', char::from).to_string();
        let value = HeaderValue::from_str(&elements.join(&separator)).ok()?;
        headers.insert(self.field.clone(), value);
        Some(headers)
    }
}

/// The maximum number of elements in a signature field: each signature is compared with each key.
const MAX_ELEMENTS: usize = 16;

/// The signature, timestamp and id in a request's header fields.
pub(super) struct SignedFields {
    pub(super) id: Option<String>,
    pub(super) timestamp: Option<Timestamp>,
    signatures: HeaderValue,
}

pub(super) struct Timestamp {
    /// As it was sent, because this text is what was signed.
    text: String,
    pub(super) seconds: u64,
}

impl Timestamp {
    fn parse(text: &[u8], field: &HeaderName) -> Result<Self, Refusal> {
        // More digits are not needed for millions of years, and this number never overflows.
        const MAX_DIGITS: usize = 15;

        let malformed = || Refusal::Malformed(field.clone());
        let text = str::from_utf8(text).map_err(|_not_utf8| malformed())?;
        // With leading zeros, a time would have several texts.
        let has_leading_zero = text.len() > 1 && text.starts_with('0');
        if text.len() > MAX_DIGITS || !is_all_digits(text) || has_leading_zero {
            return Err(malformed());
        }
        let seconds = text.parse().map_err(|_no_digits| malformed())?;
        Ok(Self {
            text: text.to_owned(),
            seconds,
        })
    }
}

fn is_all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The only line of a field.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a HeaderValue, Refusal> {
    let line = only_line(headers, name).map_err(|_repeated| Refusal::Malformed(name.clone()))?;
    line.ok_or_else(|| Refusal::Missing(name.clone()))
}

/// Only lowercase digits, so that each signature has a single text.
fn decode_hex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for ([high, low], byte) in pairs.iter().zip(bytes) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(())
}

/// With padding and without trailing bits, so that each signature has a single text.
fn decode_base64(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    // The base64 engine rejects a buffer that is smaller than its estimate of the length.
    let mut buffer = [0; 66];
    let length = STANDARD.decode_slice(text, &mut buffer).ok()?;
    let decoded = buffer.get(..length)?;
    (length == bytes.len()).then(|| bytes.copy_from_slice(decoded))
}

fn parts(template: &'static str) -> Result<Vec<Part>, ConfigError> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('{') {
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        parts.push(match name {
            "id" => Part::Id,
            "timestamp" => Part::Timestamp,
            _ => {
                return Err(error(format!(
                    "`{{{name}}}` is not known: write `{{id}}`, `{{timestamp}}`, and `{{body}}` once"
                )));
            }
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(parts)
}

fn header_name(name: &str) -> Result<HeaderName, ConfigError> {
    HeaderName::try_from(name).map_err(|cause| {
        error(format!(
            "{name:?} is not the name of a header field: use letters, digits and `-`"
        ))
        .because(cause)
    })
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(POLICY, message)
}
