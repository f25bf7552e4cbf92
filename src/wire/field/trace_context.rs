//! `traceparent` and `tracestate`: W3C Trace Context, level 1.

use std::{
    fmt,
    num::{NonZeroU64, NonZeroU128},
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{only_line, trim_ows};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The id of a trace, which all its services share (section 3.2.2.3). It is displayed as 32 digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a part of a trace, such as a request (section 3.2.2.4). It is displayed as 16 digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// The id of this number, which is not 0.
    #[must_use]
    pub const fn new(id: NonZeroU128) -> Self {
        Self(id)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl SpanId {
    /// The id of this number, which is not 0.
    #[must_use]
    pub const fn new(id: NonZeroU64) -> Self {
        Self(id)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

/// The flag of a caller that may have recorded its part of the trace (section 3.2.2.5.1).
const SAMPLED: u8 = 0b1;

/// One part of a trace, as it is written in the field `traceparent`.
///
/// # Example
///
/// ```
/// use wythe::trace::TraceParent;
///
/// let field = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let caller = TraceParent::parse(field.as_bytes()).unwrap();
/// assert_eq!(caller.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert!(caller.is_sampled());
/// assert_eq!(caller.to_string(), field);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    sampled: bool,
}

/// `00-{trace-id}-{parent-id}-{trace-flags}` (section 3.2.2).
const LENGTH: usize = 55;

impl TraceParent {
    /// A part of a trace. `sampled` says that it may have been recorded.
    #[must_use]
    pub const fn new(trace: TraceId, span: SpanId, sampled: bool) -> Self {
        Self {
            trace,
            span,
            sampled,
        }
    }

    /// The only line of the field, if it is valid.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(only_line(headers, TRACEPARENT).ok()??.as_bytes())
    }

    /// Reads the field; `None` if it is invalid.
    #[must_use]
    pub fn parse(field: &[u8]) -> Option<Self> {
        let (known, rest) = field.split_at_checked(LENGTH)?;
        let mut parts = known.split(|byte| *byte == b'-');
        let mut number = |digits: usize| hex(parts.next().filter(|part| part.len() == digits)?);
        let version = number(2)?;
        let trace = TraceId(NonZeroU128::new(number(32)?)?);
        let span = SpanId(NonZeroU64::new(u64::try_from(number(16)?).ok()?)?);
        let flags = u8::try_from(number(2)?).ok()?;
        // Section 3.2.2.1: version `ff` is invalid. A later version is read as this one, and may have
        // more after another hyphen (section 3.2.4).
        let fits = match version {
            0xff => false,
            0 => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        fits.then_some(Self {
            trace,
            span,
            // The other flags are not known (section 3.2.2.5.2).
            sampled: flags & SAMPLED != 0,
        })
    }

    /// The id of the trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// The id of this part of it.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.span
    }

    /// Whether it may have been recorded.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The value of the field `traceparent` for a request of this part.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        // Digits and hyphens are allowed in a field.
        let field = self.to_string();
        HeaderValue::try_from(field).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// The field of version `00`.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace,
            span,
            sampled,
        } = self;
        write!(f, "00-{trace}-{span}-{:02x}", u8::from(*sampled))
    }
}

/// Lowercase hexadecimal digits (section 3.2.2), at most 32.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(value))
    })
}

/// The most members of `tracestate` (section 3.3.1.1).
const MAX_MEMBERS: usize = 32;

/// How much of `tracestate` is propagated (section 3.3.1.5).
const MAX_STATE_LENGTH: usize = 512;

/// The members of `tracestate`, as they are propagated: all lines in one, without empty members and
/// without spaces around them. `None` if there are none, or one of them is invalid (section 3.3.1).
///
/// If they are too long, those with more than 128 characters are dropped first, and then those at the end
/// (section 3.3.1.5).
pub(crate) fn trace_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut members: Vec<&[u8]> = Vec::new();
    let mut keys: Vec<&[u8]> = Vec::new();
    let lines = headers.get_all(TRACESTATE).iter();
    let listed = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    for member in listed.map(trim_ows).filter(|member| !member.is_empty()) {
        let key = valid_key(member)?;
        if keys.contains(&key) || keys.len() >= MAX_MEMBERS {
            return None;
        }
        keys.push(key);
        members.push(member);
    }
    if length(&members) > MAX_STATE_LENGTH {
        members.retain(|member| member.len() <= 128);
    }
    while length(&members) > MAX_STATE_LENGTH {
        members.pop();
    }
    let state = members.join(&b',');
    HeaderValue::from_bytes(&state)
        .ok()
        .filter(|state| !state.is_empty())
}

/// The length of a list, with its commas.
fn length(members: &[&[u8]]) -> usize {
    let text = members
        .iter()
        .map(|member| member.len())
        .fold(0, usize::saturating_add);
    text.saturating_add(members.len().saturating_sub(1))
}

/// The key of a member, if key and value are valid (sections 3.3.1.3.1 and 3.3.1.3.2).
fn valid_key(member: &[u8]) -> Option<&[u8]> {
    let equals = member.iter().position(|byte| *byte == b'=')?;
    let (key, value) = member.split_at_checked(equals)?;
    let value = value.get(1..)?;
    let is_value = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'=';
    let is_valid = (1..=256).contains(&value.len()) && value.iter().all(is_value);
    (is_valid && is_key(key)).then_some(key)
}

fn is_key(key: &[u8]) -> bool {
    let is_part = |byte: &u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'_' | b'-' | b'*' | b'/')
    };
    let is_name = |name: &[u8], longest: usize, may_start_with_digit: bool| {
        let starts = name.first().is_some_and(|first| {
            first.is_ascii_lowercase() || (may_start_with_digit && first.is_ascii_digit())
        });
        starts && name.len() <= longest && name.iter().all(is_part)
    };
    match key.iter().position(|byte| *byte == b'@') {
        None => is_name(key, 256, false),
        Some(at) => {
            let (tenant, system) = (key.get(..at), key.get(at.saturating_add(1)..));
            tenant.is_some_and(|tenant| is_name(tenant, 241, true))
                && system.is_some_and(|system| is_name(system, 14, false))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{TRACEPARENT, TRACESTATE, TraceParent, trace_state};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    /// Section 3.2.
    #[test]
    fn traceparent() {
        let field = |version: &str, rest: &str| format!("{version}-{TRACE}-{SPAN}-{rest}");
        let sampled = Some(true);
        let cases = [
            (field("00", "01"), sampled),
            (field("00", "00"), Some(false)),
            // Other flags are ignored (3.2.2.5.2).
            (field("00", "ff"), sampled),
            (field("00", "02"), Some(false)),
            // A later version (3.2.4).
            (field("01", "01"), sampled),
            (field("cc", "01-what-the-future-holds"), sampled),
            (field("cc", "01."), None),
            (field("cc", "01what"), None),
            // 3.2.2.1: version `ff`, and a longer version `00`.
            (field("ff", "01"), None),
            (field("00", "01-more"), None),
            (field("00", "01-"), None),
            (field("0", "01"), None),
            (field("0g", "01"), None),
            (field("00", "0"), None),
            (field("00", "0g"), None),
            (field("00", "0A"), None),
            (field(" 00", "01"), None),
            // 3.2.2.3 and 3.2.2.4: zeros, capitals, other lengths.
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{TRACE}-{}-01", SPAN.to_uppercase()), None),
            (format!("00-{TRACE}0-{SPAN}-01"), None),
            (format!("00-{TRACE}-0{SPAN}-01"), None),
            (format!("00_{TRACE}-{SPAN}-01"), None),
            (format!("00-{TRACE}-{SPAN}"), None),
            (String::new(), None),
        ];
        for (field, expected) in cases {
            let parsed = TraceParent::parse(field.as_bytes());
            assert_eq!(parsed.map(|parent| parent.sampled), expected, "{field}");
            if let Some(parsed) = parsed {
                let written = format!("00-{TRACE}-{SPAN}-0{}", u8::from(parsed.sampled));
                assert_eq!(parsed.to_string(), written);
            }
        }
    }

    #[test]
    fn several_lines_of_traceparent_are_invalid() {
        let mut headers = HeaderMap::new();
        let field = HeaderValue::try_from(format!("00-{TRACE}-{SPAN}-01")).unwrap();
        headers.append(TRACEPARENT, field.clone());
        assert!(TraceParent::of(&headers).is_some());
        headers.append(TRACEPARENT, field);
        assert!(TraceParent::of(&headers).is_none());
    }

    fn state(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACESTATE, HeaderValue::from_str(line).unwrap());
        }
        trace_state(&headers).map(|state| state.to_str().unwrap().to_owned())
    }

    /// Section 3.3.1.
    #[test]
    fn tracestate() {
        let max_members: Vec<_> = (0..32).map(|n| format!("k{n}=1")).collect();
        let (max_members, too_many) = (
            max_members.join(","),
            format!("{},z=1", max_members.join(",")),
        );
        let key = |length: usize| format!("{}=1", "k".repeat(length));
        let (longest, too_long) = (key(256), key(257));
        let value = format!("a={}", "v".repeat(257));
        let tenant = format!("{}@{}=1", "t".repeat(241), "s".repeat(14));
        let long_tenant = format!("{}@s=1", "t".repeat(242));
        let cases: [(&[&str], Option<&str>); 26] = [
            (&[], None),
            (&[""], None),
            (&[" , ,"], None),
            (&["foo=1,bar=2"], Some("foo=1,bar=2")),
            (&["foo=1", "bar=2"], Some("foo=1,bar=2")),
            (&[" foo=1 ,\t bar=2 ,"], Some("foo=1,bar=2")),
            (&["foo= 1"], Some("foo= 1")),
            (&["foo=a:b;c/d"], Some("foo=a:b;c/d")),
            (&["z0-_*/=1"], Some("z0-_*/=1")),
            (&["0t@v=1"], Some("0t@v=1")),
            (&[&max_members], Some(&max_members)),
            (&[&longest], Some(&longest)),
            (&[&tenant], Some(&tenant)),
            // Invalid.
            (&["foo=1,foo=1"], None),
            (&["foo=1", "bar=1,foo=2"], None),
            (&[&too_many], None),
            (&[&too_long], None),
            (&[&long_tenant], None),
            (&[&value], None),
            (&["foo"], None),
            (&["foo="], None),
            (&["=1"], None),
            (&["foo=1=2"], None),
            (&["Foo=1"], None),
            (&["foo =1"], None),
            (&["foo@=1"], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(state(lines).as_deref(), expected, "{lines:?}");
        }
        for invalid in ["@foo=1", "a@b@c=1", "a@0b=1", "0a=1", "a@12345678901234b=1"] {
            assert_eq!(state(&[invalid]), None, "{invalid}");
        }
    }

    /// Section 3.3.1.5.
    #[test]
    fn a_long_tracestate_loses_its_long_members_and_then_the_last() {
        let member = |key: char, length: usize| format!("{key}={}", "v".repeat(length - 2));
        let list = |members: &[String]| members.join(",");
        let (a, b) = (member('a', 128), member('b', 128));
        let (c, d, long) = (member('c', 128), member('d', 128), member('l', 129));
        let given = list(&[a.clone(), long, b.clone(), c.clone(), d]);
        assert_eq!(state(&[&given]), Some(list(&[a, b, c])));
    }
}
