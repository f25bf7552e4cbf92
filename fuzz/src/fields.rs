//! Header fields, from text and to text.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The lines `name: value` of a message's head. What can't be one is left out.
pub fn fields(text: &[u8]) -> HeaderMap {
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter_map(field).collect()
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    let name = HeaderName::from_bytes(name).ok()?;
    let value = HeaderValue::from_bytes(value[1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// The members of a list, over all lines of the field, in lower case.
pub fn members(headers: &HeaderMap, name: HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    members
        .map(|member| {
            String::from_utf8_lossy(member)
                .trim_ascii()
                .to_ascii_lowercase()
        })
        .filter(|member| !member.is_empty())
        .collect()
}
