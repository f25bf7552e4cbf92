//! A strict reader of structured fields (RFC 9651): Lists of Strings with Integers as parameters,
//! as the `RateLimit` fields are.

/// A String and its parameters.
#[derive(Debug, PartialEq)]
pub struct Item {
    pub name: String,
    pub parameters: Vec<(String, i64)>,
}

/// Reads a List (section 4.2.1); nothing if it is not well-formed.
pub fn list(field: &str) -> Option<Vec<Item>> {
    let mut rest = field.trim_matches(' ');
    let mut items = Vec::new();
    loop {
        let (item, after) = item(rest)?;
        items.push(item);
        let after = after.trim_start_matches([' ', '\t']);
        if after.is_empty() {
            return Some(items);
        }
        rest = after.strip_prefix(',')?.trim_start_matches([' ', '\t']);
    }
}

fn item(text: &str) -> Option<(Item, &str)> {
    let (name, mut rest) = string(text)?;
    let mut parameters = Vec::new();
    while let Some(after) = rest.strip_prefix(';') {
        let (key, after) = key(after.trim_start_matches(' '))?;
        let (value, after) = integer(after.strip_prefix('=')?)?;
        parameters.push((key.to_owned(), value));
        rest = after;
    }
    Some((Item { name, parameters }, rest))
}

/// Section 4.2.5.
fn string(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '\\' => out.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            '"' => return Some((out, chars.as_str())),
            c @ ' '..='~' => out.push(c),
            _ => return None,
        }
    }
}

/// Section 4.2.3.3.
fn key(text: &str) -> Option<(&str, &str)> {
    let is_first = |c: char| c.is_ascii_lowercase() || c == '*';
    let is_key = |c: char| is_first(c) || c.is_ascii_digit() || "_-.".contains(c);
    let (key, rest) = text.split_at(text.find(|c| !is_key(c)).unwrap_or(text.len()));
    key.starts_with(is_first).then_some((key, rest))
}

/// Section 4.2.4, without decimals.
fn integer(text: &str) -> Option<(i64, &str)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let count = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    if !(1..=15).contains(&count) || digits[count..].starts_with('.') {
        return None;
    }
    let (number, rest) = text.split_at(text.len() - digits.len() + count);
    Some((number.parse().ok()?, rest))
}
