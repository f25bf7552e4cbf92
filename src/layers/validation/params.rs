//! Inputs that are lists of names and texts: forms, queries, parameters of paths, header fields and
//! cookies.
//!
//! The pairs become a tree, which serde reads. A text becomes a number where the type asks for one.

use std::{borrow::Cow, cell::Cell, collections::HashMap, mem};

use super::{
    encoding::Encoding,
    scalar::{Reading, Text},
};

/// How deep the keys of a form or a query can be nested.
pub(super) const MAX_DEPTH: usize = 16;

/// Names and texts of a request, as a tree.
pub(super) struct Params<'a> {
    pub(super) encoding: Encoding,
    pub(super) root: Node<'a>,
    /// Reading again will reveal more.
    pub(super) must_read_again: Cell<bool>,
    /// How often a text has been read in another way.
    pub(super) attempts: Cell<usize>,
    /// How often it may be.
    max_attempts: usize,
}

/// A text, a file, several of them, or members with names.
pub(super) enum Node<'a> {
    Text(Text<'a>),
    /// The file with this index, which a form brings with it.
    File(usize),
    List(Vec<Self>),
    Map(Vec<(Cow<'a, str>, Self)>),
}

/// What a pair has beside its name.
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    File(usize),
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

/// The name under which a type asks for a file: a text is never read as one.
pub(crate) const FILE: &str = "wythe::UploadedFile";

/// Keys that contradict each other.
pub(super) struct KeyConflict {
    pub(super) key: String,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

impl<'a> Params<'a> {
    /// The pairs, in the order in which they were sent. The values of a repeated name are a list.
    pub(super) fn new(
        encoding: Encoding,
        pairs: impl Iterator<Item = (Cow<'a, str>, impl Into<Value<'a>>)>,
    ) -> Self {
        /// Up to this number, names are compared one by one.
        const MAX_LINEAR_SEARCH: usize = 16;
        let mut members: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        let mut indexes: HashMap<Cow<'a, str>, usize> = HashMap::new();
        for (name, value) in pairs {
            if members.len() == MAX_LINEAR_SEARCH && indexes.is_empty() {
                let names = members.iter().map(|(name, _)| name.clone());
                indexes.extend(names.zip(0..));
            }
            let index = if indexes.is_empty() {
                members.iter().position(|(known, _)| *known == name)
            } else {
                indexes.get(&name).copied()
            };
            let leaf = Node::leaf(value.into());
            if let Some((_, node)) = index.and_then(|index| members.get_mut(index)) {
                node.push(leaf);
                continue;
            }
            if !indexes.is_empty() {
                indexes.insert(name.clone(), members.len());
            }
            members.push((name, leaf));
        }
        Self::of(encoding, Node::Map(members))
    }

    /// The pairs with nested keys: `items[0][price]`, `tags[]`.
    pub(super) fn nested(
        encoding: Encoding,
        pairs: impl Iterator<Item = (Cow<'a, str>, impl Into<Value<'a>>)>,
    ) -> Result<Self, KeyConflict> {
        let pairs = pairs.enumerate().map(|(order, (name, value))| Pair {
            path: segments(name),
            value: value.into(),
            order,
        });
        let pairs: Vec<_> = pairs.collect();
        if let Some(deep) = pairs.iter().find(|pair| pair.path.len() > MAX_DEPTH) {
            return Err(deep.fault("depth", "nested more than 16 levels deep"));
        }
        members(pairs, 0).map(|root| Self::of(encoding, root))
    }

    /// One text without a name.
    pub(super) fn text(encoding: Encoding, text: &'a str) -> Self {
        Self::of(encoding, Node::text(Cow::Borrowed(text)))
    }

    /// Whether a key is written with brackets, and was not taken apart.
    pub(super) fn has_bracketed_keys(&self) -> bool {
        let is_form = matches!(
            self.encoding,
            Encoding::Form | Encoding::Multipart | Encoding::Query
        );
        match &self.root {
            Node::Map(members) => is_form && members.iter().any(|(name, _)| name.contains('[')),
            _ => false,
        }
    }

    /// Whether a header field or a cookie was not UTF-8. The part that was not has been replaced: only a
    /// field of the type that reads it is a reason to reject it.
    pub(super) fn is_not_utf8(&self, text: &str) -> bool {
        self.encoding.is_shared() && text.contains(char::REPLACEMENT_CHARACTER)
    }

    fn of(encoding: Encoding, root: Node<'a>) -> Self {
        /// How many texts are read again in total. A few times all of them are.
        const MAX_TEXTS: usize = 64 * 1024;
        let max_attempts = MAX_TEXTS / root.texts().max(1);
        Self {
            encoding,
            root,
            must_read_again: Cell::new(false),
            attempts: Cell::new(0),
            max_attempts: max_attempts.clamp(4, 64),
        }
    }

    /// Whether reading again can succeed after this error.
    ///
    /// serde keeps the members of a flattened struct and of an untagged enum as texts, before it knows
    /// their types. If a type then asks for a number, the text is read as one; a text that a type takes
    /// as a text stays one.
    pub(super) fn can_retry_after(&self, error: &str) -> bool {
        let attempts = self.attempts.replace(self.attempts.get().saturating_add(1));
        if attempts >= self.max_attempts {
            return false;
        }
        if self.must_read_again.get() {
            return true;
        }
        if let Some(rest) = error.strip_prefix("invalid type: string ") {
            let wants_number = [
                "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
            ]
            .iter()
            .chain(&["u128", "usize", "f32", "f64", "a boolean", "a nonzero "])
            .any(|kind| {
                rest.ends_with(&format!("expected {kind}"))
                    || rest.contains(&format!("expected {kind}, "))
            });
            // A number has nothing to escape.
            let is_quoted = |text: &str| {
                let rest = rest
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_prefix(text));
                rest.is_some_and(|rest| rest.starts_with('"'))
            };
            let matches = |text: &Text<'_>| {
                text.reading.get() == Reading::Text
                    && is_quoted(&text.value)
                    && text.number().is_some()
            };
            if let Some(text) = self.root.find(&matches).filter(|_| wants_number) {
                text.reading.set(Reading::Number);
                return true;
            }
        }
        // The wrong one of two equal texts has been read as a number.
        let is_number = |text: &Text<'_>| text.reading.get() == Reading::Number;
        let wants_text = error.starts_with("invalid type: ")
            && (error.contains("expected a string")
                || error.contains("expected a borrowed string"));
        match self.root.find(&is_number).filter(|_| wants_text) {
            Some(text) => {
                text.reading.set(Reading::TextOnly);
                true
            }
            None => false,
        }
    }
}

impl<'a> Node<'a> {
    const fn text(value: Cow<'a, str>) -> Self {
        Self::Text(Text {
            value,
            reading: Cell::new(Reading::Text),
        })
    }

    fn leaf(value: Value<'a>) -> Self {
        match value {
            Value::Text(text) => Self::text(text),
            Value::File(index) => Self::File(index),
        }
    }

    /// Adds the value of a repeated name.
    fn push(&mut self, value: Self) {
        if let Self::List(items) = self {
            items.push(value);
            return;
        }
        let first = mem::replace(self, Self::List(Vec::with_capacity(2)));
        if let Self::List(items) = self {
            items.extend([first, value]);
        }
    }

    fn texts(&self) -> usize {
        match self {
            Self::Text(_) | Self::File(_) => 1,
            Self::List(items) => items.iter().map(Self::texts).sum(),
            Self::Map(members) => members.iter().map(|(_, node)| node.texts()).sum(),
        }
    }

    fn find(&self, matches: &impl Fn(&Text<'a>) -> bool) -> Option<&Text<'a>> {
        match self {
            Self::Text(text) => Some(text).filter(|text| matches(text)),
            Self::File(_) => None,
            Self::List(items) => items.iter().find_map(|item| item.find(matches)),
            Self::Map(members) => members.iter().find_map(|(_, node)| node.find(matches)),
        }
    }
}

// From keys to a tree

struct Pair<'a> {
    path: Vec<Segment<'a>>,
    pub(super) value: Value<'a>,
    order: usize,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Name(Cow<'a, str>),
    Index(usize),
    /// `[]`: the next item.
    Next(usize),
}

impl Pair<'_> {
    fn fault(&self, code: &'static str, message: &'static str) -> KeyConflict {
        let mut key = String::new();
        for (position, segment) in self.path.iter().enumerate() {
            let segment = match segment {
                Segment::Name(name) => name.to_string(),
                Segment::Index(index) => index.to_string(),
                Segment::Next(_) => String::new(),
            };
            if position == 0 {
                key.push_str(&segment);
            } else {
                key.push_str(&format!("[{segment}]"));
            }
        }
        KeyConflict { key, code, message }
    }
}

/// Takes a key apart: `items[0][price]`. A key whose brackets do not match is a plain name.
fn segments(key: Cow<'_, str>) -> Vec<Segment<'_>> {
    let parts = key.find('[').filter(|start| *start > 0).and_then(|start| {
        let (name, rest) = key.split_at(start);
        let inner = rest.strip_prefix('[')?.strip_suffix(']')?;
        let inner: Vec<&str> = inner.split("][").collect();
        let is_plain = |part: &&str| !part.contains(['[', ']']);
        inner.iter().all(is_plain).then_some((name, inner))
    });
    let Some((name, inner)) = parts else {
        return vec![Segment::Name(key)];
    };
    let inner = inner.into_iter().map(|part| match part.parse() {
        _ if part.is_empty() => Segment::Next(0),
        Ok(index) if part == "0" || !part.starts_with(['0', '+']) => Segment::Index(index),
        _ => Segment::Name(Cow::Owned(part.to_owned())),
    });
    let name = Segment::Name(Cow::Owned(name.to_owned()));
    std::iter::once(name).chain(inner).collect()
}

/// What the pairs say about one node, whose path has this length.
fn node(mut pairs: Vec<Pair<'_>>, depth: usize) -> Result<Node<'_>, KeyConflict> {
    let is_leaf = |pair: &Pair<'_>| pair.path.len() == depth;
    if pairs.iter().all(is_leaf) {
        if pairs.len() == 1 {
            return Ok(Node::leaf(pairs.swap_remove(0).value));
        }
        return Ok(Node::List(
            pairs
                .into_iter()
                .map(|pair| Node::leaf(pair.value))
                .collect(),
        ));
    }
    if let Some(leaf) = pairs.iter().find(|pair| is_leaf(pair)) {
        return Err(leaf.fault("conflict", "has a value, but other keys are nested in it"));
    }
    members(pairs, depth)
}

/// What is nested below a path of this length.
fn members(mut pairs: Vec<Pair<'_>>, depth: usize) -> Result<Node<'_>, KeyConflict> {
    for pair in &mut pairs {
        // Each `[]` is an item of its own.
        if let Some(Segment::Next(item)) = pair.path.get_mut(depth) {
            *item = pair.order;
        }
    }
    pairs.sort_by(|left, right| left.path.get(depth).cmp(&right.path.get(depth)));
    let mut groups: Vec<Vec<Pair<'_>>> = Vec::new();
    for pair in pairs {
        match groups.last_mut() {
            Some(group)
                if group.first().and_then(|first| first.path.get(depth))
                    == pair.path.get(depth) =>
            {
                group.push(pair);
            }
            _ => groups.push(vec![pair]),
        }
    }
    let firsts = || groups.iter().filter_map(|group| group.first());
    let kind = |pair: &Pair<'_>| match pair.path.get(depth) {
        None | Some(Segment::Name(_)) => 0_u8,
        Some(Segment::Index(_)) => 1,
        Some(Segment::Next(_)) => 2,
    };
    let has = |wanted: u8| firsts().any(|pair| kind(pair) == wanted);
    let (has_names, has_indexes, has_next) = (has(0), has(1), has(2));
    if has_next && (has_names || has_indexes) {
        let conflicting = firsts().find(|pair| kind(pair) == 2);
        let message = "the list also has keys with names or indexes";
        return conflicting.map_or_else(
            || Ok(Node::List(Vec::new())),
            |conflicting| Err(conflicting.fault("conflict", message)),
        );
    }
    let mut firsts = firsts().enumerate();
    let has_gap = firsts.any(|(position, first)| {
        matches!(first.path.get(depth), Some(Segment::Index(index)) if *index != position)
    });
    if (has_indexes || has_next) && !has_names && !has_gap {
        let items = groups.into_iter().map(|group| node(group, depth + 1));
        return items.collect::<Result<_, _>>().map(Node::List);
    }
    // Members stand in the order in which they were sent.
    groups.sort_by_key(|group| group.first().map(|first| first.order));
    let members = groups.into_iter().map(|group| {
        let name = match group.first().and_then(|first| first.path.get(depth)) {
            Some(Segment::Name(name)) => name.clone(),
            Some(Segment::Index(index)) => Cow::Owned(index.to_string()),
            _ => Cow::Borrowed(""),
        };
        Ok((name, node(group, depth + 1)?))
    });
    members.collect::<Result<_, _>>().map(Node::Map)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::{Encoding, Params};
    use crate::layers::validation::reader::Reader;

    #[derive(Debug, Deserialize)]
    struct Numbers {
        #[serde(flatten)]
        all: HashMap<String, u32>,
    }

    /// How often these parameters are read, and whether they became numbers.
    fn read(count: usize) -> (usize, bool) {
        let form: String = (0..count).map(|number| format!("n{number}=1&")).collect();
        let params = Params::new(Encoding::Form, form_urlencoded::parse(form.as_bytes()));
        for times in 1.. {
            match Numbers::deserialize(Reader::of(&params)) {
                Ok(numbers) => return (times, numbers.all.len() == count),
                Err(error) if params.can_retry_after(&error.to_string()) => {}
                Err(_) => return (times, false),
            }
        }
        unreachable!("the loop has no end");
    }

    #[test]
    fn many_parameters_are_not_read_often() {
        assert_eq!(read(1), (2, true));
        assert_eq!(read(64), (65, true));
        assert_eq!(read(65), (65, false));
        assert_eq!(read(4_096), (17, false));
        assert_eq!(read(99_000), (5, false));
    }

    #[test]
    fn repeated_names_are_lists_at_the_place_of_the_first() {
        for names in [3, 16, 17, 40] {
            let form: String = (0..2 * names)
                .map(|number| format!("n{}={number}&", number % names))
                .collect();
            let params = Params::new(Encoding::Form, form_urlencoded::parse(form.as_bytes()));
            let read = Vec::<(String, usize)>::deserialize(Reader::of(&params)).unwrap();
            let expected: Vec<_> = (0..names)
                .flat_map(|number| {
                    [number, number + names].map(|value| (format!("n{number}"), value))
                })
                .collect();
            assert_eq!(read, expected, "{names}");
        }
    }
}
