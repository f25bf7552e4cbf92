//! What has changed between two schemas: keyword by keyword, with references followed.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    ptr,
};

use serde_json::Value;

use super::{
    alternatives::{Alternative, Bound, Node, OtherMembers, Type},
    difference::{Change, ChangeKind},
    expand::{Direction, Document},
};

/// The schema of what has none.
static ANYTHING: Value = Value::Bool(true);

/// The changes from one schema to another, sorted by their place.
pub(super) fn compare<'d>(
    old: &Document<'d>,
    new: &Document<'d>,
    direction: Direction,
    schemas: (&'d Value, &'d Value),
) -> Vec<Change> {
    if is_same(old, new, schemas) {
        return Vec::new();
    }
    old.restart();
    new.restart();
    let mut comparison = Comparison {
        old,
        new,
        direction,
        queue: VecDeque::new(),
        seen: HashSet::new(),
        changes: Vec::new(),
        is_dry_run: false,
    };
    comparison.expect(vec![schemas.0], vec![schemas.1], String::new());
    comparison.run();
    let mut changes = comparison.changes;
    changes.sort_by(|left, right| left.pointer.cmp(&right.pointer));
    changes
}

impl Direction {
    /// Whether a change of the values that are possible breaks clients.
    pub(super) const fn breaks(self, kind: ChangeKind) -> bool {
        match kind {
            ChangeKind::Narrowed => matches!(self, Self::Input),
            ChangeKind::Widened => matches!(self, Self::Output),
            ChangeKind::Added | ChangeKind::Documentation => false,
            _ => true,
        }
    }
}

/// Whether two schemas, and all that they refer to, are written alike. It also holds for schemas that
/// are too large to be compared.
fn is_same<'d>(old: &Document<'d>, new: &Document<'d>, schemas: (&'d Value, &'d Value)) -> bool {
    let mut queue = vec![schemas];
    let mut seen = HashSet::new();
    while let Some((left, right)) = queue.pop() {
        if left != right {
            return false;
        }
        let mut references = Vec::new();
        collect_references(left, &mut references);
        for reference in references {
            if !seen.insert(reference) {
                continue;
            }
            match (old.find(reference), new.find(reference)) {
                (Some(left), Some(right)) => queue.push((left, right)),
                (None, None) => {}
                _ => return false,
            }
        }
    }
    true
}

fn collect_references<'d>(value: &'d Value, references: &mut Vec<&'d str>) {
    match value {
        Value::Object(map) => {
            let reference = map.get("$ref").and_then(Value::as_str);
            references.extend(reference);
            map.values()
                .for_each(|value| collect_references(value, references));
        }
        Value::Array(values) => {
            values
                .iter()
                .for_each(|value| collect_references(value, references));
        }
        _ => {}
    }
}

struct Comparison<'c, 'd> {
    old: &'c Document<'d>,
    new: &'c Document<'d>,
    direction: Direction,
    /// Pairs of schemas that are still to be compared, and their place. A queue, because types that
    /// refer to each other can be nested deeper than the stack is.
    queue: VecDeque<(Node<'d>, Node<'d>, String)>,
    /// The addresses of the pairs: each is compared once, which also ends recursive ones.
    seen: HashSet<(Vec<usize>, Vec<usize>)>,
    changes: Vec<Change>,
    /// Only finds out whether there is a change.
    is_dry_run: bool,
}

impl<'d> Comparison<'_, 'd> {
    fn expect(&mut self, old: Node<'d>, new: Node<'d>, pointer: String) {
        let addresses = |node: &Node<'d>| -> Vec<usize> {
            node.iter()
                .map(|schema| ptr::from_ref(*schema).addr())
                .collect()
        };
        if self.seen.insert((addresses(&old), addresses(&new))) {
            self.queue.push_back((old, new, pointer));
        }
    }

    fn run(&mut self) {
        while let Some((old, new, pointer)) = self.queue.pop_front() {
            if self.is_dry_run && !self.changes.is_empty() {
                return;
            }
            let old = self.old.alternatives(&old, self.direction);
            let new = self.new.alternatives(&new, self.direction);
            let (Some(old), Some(new)) = (old, new) else {
                let change = self.change(ChangeKind::Unclear);
                self.changes
                    .push(change.at(pointer).of("too complex to compare"));
                // The steps of this schema are spent.
                return;
            };
            self.types(&old, &new, &pointer);
            self.groups(&old, &new, &pointer);
        }
    }

    const fn change(&self, kind: ChangeKind) -> Change {
        Change::new(kind, self.direction.breaks(kind))
    }

    fn types(&mut self, old: &[Alternative<'d>], new: &[Alternative<'d>], pointer: &str) {
        let types = |all: &[Alternative<'d>]| -> BTreeSet<Type> {
            all.iter().map(|alternative| alternative.kind).collect()
        };
        let (old, new) = (types(old), types(new));
        let covers = |types: &BTreeSet<Type>, kind: &Type| {
            types.contains(kind)
                || types.contains(&Type::Any)
                || *kind == Type::Integer && types.contains(&Type::Number)
        };
        let is_narrower = old.iter().any(|kind| !covers(&new, kind));
        let is_wider = new.iter().any(|kind| !covers(&old, kind));
        let kind = match (is_narrower, is_wider) {
            (false, false) => return,
            (true, false) => ChangeKind::Narrowed,
            (false, true) => ChangeKind::Widened,
            (true, true) => ChangeKind::Replaced,
        };
        let written = |types: &BTreeSet<Type>| {
            let mut names: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
            // `string or null` reads better than `null or string`.
            names.sort_by_key(|name| *name == "null");
            if names.is_empty() {
                names.push("nothing");
            }
            Some(names.join(" or "))
        };
        let change = self.change(kind).at(pointer).of("type");
        self.changes
            .push(change.values(written(&old), written(&new)));
    }

    /// Compares the alternatives of each type that both have.
    fn groups(&mut self, old: &[Alternative<'d>], new: &[Alternative<'d>], pointer: &str) {
        if let ([old], [new]) = (old, new)
            && (old.kind == Type::Any) != (new.kind == Type::Any)
        {
            // Without a type, but with keywords for one: `{"properties": ..}`.
            if !old.is_unrestricted() && !new.is_unrestricted() {
                self.pair(old, new, pointer);
            }
            return;
        }
        let group = |kind: Type| {
            if kind == Type::Integer {
                Type::Number
            } else {
                kind
            }
        };
        let mut groups: BTreeMap<Type, [Vec<&Alternative<'d>>; 2]> = BTreeMap::new();
        for alternative in old {
            groups.entry(group(alternative.kind)).or_default()[0].push(alternative);
        }
        for alternative in new {
            groups.entry(group(alternative.kind)).or_default()[1].push(alternative);
        }
        for [old, new] in groups.into_values() {
            match (&*old, &*new) {
                // The type says it.
                ([], _) | (_, []) => {}
                ([old], [new]) => self.pair(old, new, pointer),
                _ => self.match_alternatives(old, new, pointer),
            }
        }
    }

    /// Finds out which alternatives belong together.
    fn match_alternatives(
        &mut self,
        old: Vec<&Alternative<'d>>,
        new: Vec<&Alternative<'d>>,
        pointer: &str,
    ) {
        let mut old = self.labelled(self.old, old);
        let mut new = self.labelled(self.new, new);
        let mut pairs = Vec::new();
        // By what is sent: a tag, such as `"type": "card"`, or the only member.
        pair_off(&mut old, &mut new, &mut pairs, |left, right| {
            left.tag.is_some() && left.tag == right.tag
        });
        // By the name of the type, if no tag says that they differ.
        pair_off(&mut old, &mut new, &mut pairs, |left, right| {
            let may = left.tag.is_none() || right.tag.is_none();
            may && left.alternative.name.is_some()
                && left.alternative.name == right.alternative.name
        });
        if !self.is_dry_run {
            pair_off(&mut old, &mut new, &mut pairs, |left, right| {
                self.is_equivalent(left.alternative, right.alternative)
            });
        }
        // By how many members they have in common; those of other types as they come.
        let mut candidates = Vec::new();
        for (at, left) in old.iter().enumerate() {
            for (other, right) in new.iter().enumerate() {
                let shared = left.alternative.properties.keys();
                let shared = shared.filter(|name| right.alternative.properties.contains_key(*name));
                let shared = shared.count();
                let may = left.tag.is_none() || right.tag.is_none();
                if may && (shared > 0 || left.alternative.kind != Type::Object) {
                    // The same pairs, whichever document is the old left.
                    let (less, more) = match left.key <= right.key {
                        true => (&left.key, &right.key),
                        false => (&right.key, &left.key),
                    };
                    candidates.push((Reverse(shared), less.clone(), more.clone(), at, other));
                }
            }
        }
        candidates.sort();
        let (mut taken, mut taken_new) = (BTreeSet::new(), BTreeSet::new());
        for (.., at, other) in candidates {
            if taken.contains(&at) || taken_new.contains(&other) {
                continue;
            }
            if let (Some(left), Some(right)) = (old.get(at), new.get(other)) {
                pairs.push((left.clone(), right.clone()));
                taken.insert(at);
                taken_new.insert(other);
            }
        }
        let rest = |all: Vec<Labelled<'_, 'd>>, taken: &BTreeSet<usize>| {
            let rest = all
                .into_iter()
                .enumerate()
                .filter(|(at, _)| !taken.contains(at));
            rest.map(|(_, alternative)| alternative.label)
                .collect::<Vec<_>>()
        };
        for label in rest(old, &taken) {
            let change = self
                .change(ChangeKind::Narrowed)
                .at(pointer)
                .of("alternative");
            self.changes.push(change.values(Some(label), None));
        }
        for label in rest(new, &taken_new) {
            let change = self
                .change(ChangeKind::Widened)
                .at(pointer)
                .of("alternative");
            self.changes.push(change.values(None, Some(label)));
        }
        for (left, right) in pairs {
            let label = (&left.label).min(&right.label);
            self.pair(
                left.alternative,
                right.alternative,
                &format!("{pointer}({label})"),
            );
        }
    }

    fn labelled<'a>(
        &self,
        document: &Document<'d>,
        all: Vec<&'a Alternative<'d>>,
    ) -> Vec<Labelled<'a, 'd>> {
        let mut labelled: Vec<_> = all
            .into_iter()
            .map(|alternative| {
                let tag = tag(document, alternative, self.direction);
                let name = tag.as_deref().or(alternative.name);
                Labelled {
                    label: name.unwrap_or_else(|| alternative.kind.name()).to_owned(),
                    key: format!(
                        "{tag:?} {:?} {:?}",
                        alternative.name,
                        alternative.properties.keys()
                    ),
                    tag,
                    alternative,
                }
            })
            .collect();
        labelled.sort_by(|left, right| left.key.cmp(&right.key));
        labelled
    }

    /// Whether the comparison of two alternatives finds nothing.
    fn is_equivalent(&self, old: &Alternative<'d>, new: &Alternative<'d>) -> bool {
        let mut dry_run = Comparison {
            old: self.old,
            new: self.new,
            direction: self.direction,
            queue: VecDeque::new(),
            seen: HashSet::new(),
            changes: Vec::new(),
            is_dry_run: true,
        };
        dry_run.pair(old, new, "");
        dry_run.run();
        dry_run.changes.is_empty()
    }

    /// Two alternatives of the same type.
    fn pair(&mut self, old: &Alternative<'d>, new: &Alternative<'d>, pointer: &str) {
        self.values(old, new, pointer);
        self.bounds(old, new, pointer);
        self.opaque(old, new, pointer);
        self.members(old, new, pointer);
        self.items(old, new, pointer);
    }

    fn values(&mut self, old: &Alternative<'d>, new: &Alternative<'d>, pointer: &str) {
        let listed = |values: &BTreeSet<String>| {
            Some(
                values
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
            )
        };
        match (&old.values, &new.values) {
            (None, None) => {}
            (None, Some(values)) => {
                let change = self.change(ChangeKind::Narrowed).at(pointer).of("enum");
                self.changes.push(change.values(None, listed(values)));
            }
            (Some(values), None) => {
                let change = self.change(ChangeKind::Widened).at(pointer).of("enum");
                self.changes.push(change.values(listed(values), None));
            }
            (Some(old), Some(new)) => {
                for value in old.difference(new) {
                    let change = self
                        .change(ChangeKind::Narrowed)
                        .at(pointer)
                        .of("enum value");
                    self.changes.push(change.values(Some(value.clone()), None));
                }
                for value in new.difference(old) {
                    let change = self
                        .change(ChangeKind::Widened)
                        .at(pointer)
                        .of("enum value");
                    self.changes.push(change.values(None, Some(value.clone())));
                }
            }
        }
    }

    fn bounds(&mut self, old: &Alternative<'d>, new: &Alternative<'d>, pointer: &str) {
        let names: BTreeSet<&str> = old
            .bounds
            .keys()
            .chain(new.bounds.keys())
            .copied()
            .collect();
        for name in names {
            let (old, new) = (old.bounds.get(name), new.bounds.get(name));
            let order = match (old, new) {
                (Some(old), Some(new)) => new.tightness(name, old),
                (old, new) => new.is_some().cmp(&old.is_some()),
            };
            let kind = match order {
                Ordering::Less => ChangeKind::Widened,
                Ordering::Equal => continue,
                Ordering::Greater => ChangeKind::Narrowed,
            };
            let written = |bound: Option<&Bound>| {
                let bound = bound?;
                let exclusive = if bound.is_exclusive {
                    " (exclusive)"
                } else {
                    ""
                };
                Some(format!("{}{exclusive}", bound.number))
            };
            let change = self.change(kind).at(pointer).of(name);
            self.changes.push(change.values(written(old), written(new)));
        }
    }

    fn opaque(&mut self, old: &Alternative<'d>, new: &Alternative<'d>, pointer: &str) {
        let none = BTreeSet::new();
        let keywords: BTreeSet<&str> = old
            .opaque
            .keys()
            .chain(new.opaque.keys())
            .copied()
            .collect();
        for keyword in keywords {
            let [old, new] =
                [old, new].map(|alternative| alternative.opaque.get(keyword).unwrap_or(&none));
            let kind = if old == new {
                continue;
            } else if old.is_subset(new) {
                ChangeKind::Narrowed
            } else if old.is_superset(new) {
                ChangeKind::Widened
            } else {
                match (&*Vec::from_iter(old), &*Vec::from_iter(new)) {
                    ([old], [new]) => replaced(keyword, old, new),
                    _ => ChangeKind::Unclear,
                }
            };
            let written = |texts: &BTreeSet<String>| {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                (!texts.is_empty()).then(|| texts.join(" and "))
            };
            let change = self.change(kind).at(pointer).of(keyword);
            self.changes.push(change.values(written(old), written(new)));
        }
    }

    fn members(&mut self, old: &Alternative<'d>, new: &Alternative<'d>, pointer: &str) {
        let names = |alternative: &Alternative<'d>| -> BTreeSet<&'d str> {
            alternative
                .properties
                .keys()
                .chain(&alternative.required)
                .copied()
                .collect()
        };
        let (in_old, in_new) = (names(old), names(new));
        let presence = |alternative: &Alternative<'d>, name: &str| {
            let is_required = alternative.required.contains(name);
            Some(if is_required { "required" } else { "optional" }.to_owned())
        };
        let node = |alternative: &Alternative<'d>, name: &str| {
            let node = alternative.properties.get(name).cloned();
            node.unwrap_or_else(|| vec![&ANYTHING])
        };
        for name in in_old.union(&in_new) {
            let pointer = format!("{pointer}/{name}");
            let (before, after) = (presence(old, name), presence(new, name));
            match (in_old.contains(name), in_new.contains(name)) {
                (true, true) => {
                    if before != after {
                        let kind = match new.required.contains(name) {
                            true => ChangeKind::Narrowed,
                            false => ChangeKind::Widened,
                        };
                        let change = self.change(kind).at(&*pointer).values(before, after);
                        self.changes.push(change);
                    }
                    self.expect(node(old, name), node(new, name), pointer);
                }
                (false, _) => {
                    let is_breaking =
                        self.direction == Direction::Input && new.required.contains(name);
                    let change = Change::new(ChangeKind::Added, is_breaking).at(pointer);
                    self.changes.push(change.values(None, after));
                }
                (true, false) => {
                    let change = self.change(ChangeKind::Removed).at(pointer);
                    self.changes.push(change.values(before, None));
                }
            }
        }
        self.other_members(&old.other_members, &new.other_members, pointer);
    }

    fn other_members(&mut self, old: &OtherMembers<'d>, new: &OtherMembers<'d>, pointer: &str) {
        use OtherMembers::{Allowed, Rejected, With};
        let kind = match (old, new) {
            (Allowed, Allowed) | (Rejected, Rejected) => return,
            (_, Rejected) => ChangeKind::Narrowed,
            (Rejected, _) => ChangeKind::Widened,
            (old, new) => {
                let node = |other_members: &OtherMembers<'d>| match other_members {
                    With(node) => node.clone(),
                    Allowed | Rejected => vec![&ANYTHING],
                };
                self.expect(node(old), node(new), format!("{pointer}/*"));
                return;
            }
        };
        let written = |other_members: &OtherMembers<'d>| {
            let is_allowed = !matches!(other_members, Rejected);
            Some(if is_allowed { "allowed" } else { "rejected" }.to_owned())
        };
        // A client ignores members that it does not know.
        let is_breaking = self.direction == Direction::Input && kind == ChangeKind::Narrowed;
        let change = Change::new(kind, is_breaking)
            .at(pointer)
            .of("other members");
        self.changes.push(change.values(written(old), written(new)));
    }

    fn items(&mut self, old: &Alternative<'d>, new: &Alternative<'d>, pointer: &str) {
        let rest = |alternative: &Alternative<'d>| match alternative.items.is_empty() {
            true => vec![&ANYTHING],
            false => alternative.items.clone(),
        };
        for index in 0..old.prefix.len().max(new.prefix.len()) {
            let item = |alternative: &Alternative<'d>| {
                let item = alternative.prefix.get(index).cloned();
                item.unwrap_or_else(|| rest(alternative))
            };
            self.expect(item(old), item(new), format!("{pointer}/{index}"));
        }
        if !(old.items.is_empty() && new.items.is_empty()) {
            self.expect(rest(old), rest(new), format!("{pointer}/*"));
        }
    }
}

/// An alternative, and what distinguishes it from others.
#[derive(Clone)]
struct Labelled<'a, 'd> {
    alternative: &'a Alternative<'d>,
    /// What distinguishes it from others when it is sent.
    tag: Option<String>,
    label: String,
    /// Sorts alternatives.
    key: String,
}

/// Moves the pairs that belong together from both lists.
fn pair_off<'a, 'd>(
    old: &mut Vec<Labelled<'a, 'd>>,
    new: &mut Vec<Labelled<'a, 'd>>,
    pairs: &mut Vec<(Labelled<'a, 'd>, Labelled<'a, 'd>)>,
    is_pair: impl Fn(&Labelled<'a, 'd>, &Labelled<'a, 'd>) -> bool,
) {
    old.retain(
        |left| match new.iter().position(|right| is_pair(left, right)) {
            Some(at) => {
                pairs.push((left.clone(), new.remove(at)));
                false
            }
            None => true,
        },
    );
}

/// The required members with one possible value, or the name of the only member: how enums of Rust are
/// told apart.
fn tag(
    document: &Document<'_>,
    alternative: &Alternative<'_>,
    direction: Direction,
) -> Option<String> {
    let required = alternative
        .properties
        .iter()
        .filter(|(name, _)| alternative.required.contains(*name));
    let constants = required.clone().filter_map(|(name, node)| {
        let all = document.alternatives(node, direction)?;
        let [value] = &*all else { return None };
        let values = value.values.as_ref()?;
        let first = values.first().filter(|_| values.len() == 1)?;
        Some(format!("{name}={first}"))
    });
    let constants: Vec<String> = constants.collect();
    if !constants.is_empty() {
        return Some(constants.join(" "));
    }
    let mut names = required.map(|(name, _)| (*name).to_owned());
    let only = names.next()?;
    (alternative.properties.len() == 1).then_some(only)
}

/// How one value of a keyword was replaced with another.
fn replaced(keyword: &str, old: &str, new: &str) -> ChangeKind {
    let kind = |narrower: bool, wider: bool| match (narrower, wider) {
        (true, _) => ChangeKind::Narrowed,
        (_, true) => ChangeKind::Widened,
        _ => ChangeKind::Unclear,
    };
    match keyword {
        "format" => match (old, new) {
            (r#""double""#, r#""float""#) => ChangeKind::Narrowed,
            (r#""float""#, r#""double""#) => ChangeKind::Widened,
            _ => {
                let (Some(old), Some(new)) = (format_range(old), format_range(new)) else {
                    return ChangeKind::Unclear;
                };
                let holds = |outer: (i128, i128), inner: (i128, i128)| {
                    outer.0 <= inner.0 && inner.1 <= outer.1
                };
                match (holds(old, new), holds(new, old)) {
                    (false, false) => ChangeKind::Replaced,
                    (narrower, wider) => kind(narrower, wider),
                }
            }
        },
        "multipleOf" => {
            let (Ok(old), Ok(new)) = (old.parse::<i128>(), new.parse::<i128>()) else {
                return ChangeKind::Unclear;
            };
            let divides = |divisor: i128, dividend: i128| dividend.checked_rem(divisor) == Some(0);
            kind(divides(old, new), divides(new, old))
        }
        _ => ChangeKind::Unclear,
    }
}

/// The integers of a format such as `"uint32"`.
fn format_range(format: &str) -> Option<(i128, i128)> {
    let format = format.trim_matches('"');
    let (is_signed, bits) = match format.strip_prefix('u') {
        Some(signed) => (false, signed.strip_prefix("int")?),
        None => (true, format.strip_prefix("int")?),
    };
    let bits: u32 = match bits {
        // `usize` on the machines of today.
        "" => 64,
        bits => bits.parse().ok().filter(|bits| (1..=64).contains(bits))?,
    };
    let count = 1_i128.checked_shl(bits)?;
    Some(match is_signed {
        true => (-count / 2, count / 2 - 1),
        false => (0, count - 1),
    })
}
