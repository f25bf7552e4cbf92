//! Reads a `Cache-Control` value, strictly: what this module writes is what it reads.

use http::HeaderName;

use super::directives::{Argument, Directives, MOST_SECONDS, Name, error};
use crate::wire::ConfigError;

/// Reads a list of directives (RFC 9111, section 5.2) and checks that they fit together.
pub(super) fn parse(text: &str) -> Result<Directives, ConfigError> {
    let mut directives = Directives::default();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (one, after) = split_at_comma(text)?;
        let (name, argument) = directive(one)?;
        if !directives.set(name, argument) {
            return Err(error(format!("{} stands twice", name.as_str())));
        }
        rest = after;
    }
    directives.check()?;
    Ok(directives)
}

/// What stands before the first comma outside quotes, and what after it, if there is one.
fn split_at_comma(text: &str) -> Result<(&str, Option<&str>), ConfigError> {
    let mut quoted = false;
    let comma = text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == ',' && !quoted).then_some(at)
    });
    let Some(comma) = comma else {
        return if quoted {
            Err(error("a quoted string has no end"))
        } else {
            Ok((text, None))
        };
    };
    let (one, rest) = text.split_at(comma);
    Ok((one, rest.strip_prefix(',')))
}

fn directive(text: &str) -> Result<(Name, Argument), ConfigError> {
    // RFC 9110, section 5.6.1: OWS around the elements, and no empty element is sent.
    let text = text.trim_matches([' ', '\t']);
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    // RFC 9111, section 5.2: names are case-insensitive.
    let known = Name::ALL
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(name))
        .ok_or_else(|| error(format!("{name:?} is not a response directive")))?;
    let argument = match (known, value) {
        (
            Name::MaxAge | Name::SMaxage | Name::StaleWhileRevalidate | Name::StaleIfError,
            Some(value),
        ) => Argument::Seconds(seconds(known, value)?),
        (Name::MaxAge | Name::SMaxage | Name::StaleWhileRevalidate | Name::StaleIfError, None) => {
            return Err(error(format!("{} needs a number", known.as_str())));
        }
        (Name::Private | Name::NoCache, Some(value)) => Argument::Fields(fields(known, value)?),
        (_, None) => Argument::Nothing,
        (_, Some(_)) => return Err(error(format!("{} takes no value", known.as_str()))),
    };
    Ok((known, argument))
}

/// RFC 9111, section 1.2.2: digits only, and section 5.2.2.1: never quoted.
fn seconds(name: Name, value: &str) -> Result<u32, ConfigError> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let seconds = value.parse().ok().filter(|n| digits && *n <= MOST_SECONDS);
    seconds.ok_or_else(|| {
        let name = name.as_str();
        error(format!(
            "{name} needs a number of seconds from 0 to {MOST_SECONDS}, not {value:?}"
        ))
    })
}

/// RFC 9111, section 5.2.2.4: a quoted list of field names.
fn fields(name: Name, value: &str) -> Result<Vec<HeaderName>, ConfigError> {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .ok_or_else(|| {
            let name = name.as_str();
            error(format!("the fields of {name} stand in quotes: {value:?}"))
        })?;
    let mut fields = Vec::new();
    for field in inner.split(',') {
        let field = field.trim_matches([' ', '\t']);
        let field = HeaderName::from_bytes(field.as_bytes())
            .map_err(|source| error(format!("{field:?} is not a field name")).because(source))?;
        if fields.contains(&field) {
            return Err(error(format!("{field} stands twice in {}", name.as_str())));
        }
        fields.push(field);
    }
    Ok(fields)
}
