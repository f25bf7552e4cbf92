//! What has changed in the credentials that an operation requires.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use super::{
    difference::{Change, ChangeKind},
    expand::Document,
};

/// Credentials that are enough together: each scheme by what it is, with its name and its scopes.
/// Without any, anybody may call.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Credentials {
    schemes: BTreeMap<String, (String, BTreeSet<String>)>,
}

/// What an operation accepts.
pub(super) fn alternatives(document: &Document<'_>, operation: &Value) -> BTreeSet<Credentials> {
    let written = operation
        .get("security")
        .or_else(|| document.root.get("security"));
    let alternatives = written.and_then(Value::as_array).into_iter().flatten();
    let alternatives = alternatives
        .filter_map(Value::as_object)
        .map(|requirement| {
            let schemes = requirement.iter().map(|(name, scopes)| {
                let scopes = scopes
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                let scopes = scopes.map(str::to_owned).collect();
                (identity(document, name), (name.clone(), scopes))
            });
            Credentials {
                schemes: schemes.collect(),
            }
        });
    let alternatives: BTreeSet<_> = alternatives.collect();
    match alternatives.is_empty() {
        true => BTreeSet::from([Credentials::default()]),
        false => alternatives,
    }
}

/// What a client has to send: a scheme of another name can be the same.
fn identity(document: &Document<'_>, name: &str) -> String {
    let schemes = document.root.pointer("/components/securitySchemes");
    let Some(scheme) = schemes.and_then(|schemes| schemes.get(name)) else {
        return name.to_owned();
    };
    let scheme = document.resolve(scheme);
    let member = |name: &str| scheme.get(name).map(Value::to_string).unwrap_or_default();
    // Names of schemes and of fields are case-insensitive: RFC 9110, sections 5.1 and 11.1.
    let insensitive = match scheme.get("in").and_then(Value::as_str) {
        None | Some("header") => member("name").to_lowercase() + &member("scheme").to_lowercase(),
        _ => member("name"),
    };
    let flows = scheme
        .get("flows")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let flows: Vec<&str> = flows.map(|(name, _)| &**name).collect();
    [
        member("type"),
        member("in"),
        insensitive,
        member("openIdConnectUrl"),
        flows.join(" "),
    ]
    .join(" ")
}

/// Whether the operation can be called without credentials.
pub(super) fn is_open(alternatives: &BTreeSet<Credentials>) -> bool {
    alternatives
        .iter()
        .any(|credentials| credentials.schemes.is_empty())
}

pub(super) fn compare(old: &BTreeSet<Credentials>, new: &BTreeSet<Credentials>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut removed: Vec<_> = old
        .iter()
        .filter(|credentials| !new.contains(credentials))
        .collect();
    let mut added: Vec<_> = new
        .iter()
        .filter(|credentials| !old.contains(credentials))
        .collect();
    // The same schemes with other scopes or names.
    removed.retain(|before| {
        let Some(at) = added.iter().position(|after| before.has_schemes_of(after)) else {
            return true;
        };
        changes.extend(before.scopes(added.remove(at)));
        false
    });
    if let ([before], [after]) = (&*removed, &*added) {
        let kind = match (after.is_met_by(before), before.is_met_by(after)) {
            (true, _) => ChangeKind::Widened,
            (_, true) => ChangeKind::Narrowed,
            _ => ChangeKind::Replaced,
        };
        let change = Change::new(kind, kind != ChangeKind::Widened);
        changes.push(change.values(Some(before.to_string()), Some(after.to_string())));
        return changes;
    }
    for before in removed {
        // A client with these credentials may still call.
        let is_met = new.iter().any(|after| after.is_met_by(before));
        let change = Change::new(ChangeKind::Removed, !is_met).of("alternative");
        changes.push(change.values(Some(before.to_string()), None));
    }
    for after in added {
        let change = Change::new(ChangeKind::Added, false).of("alternative");
        changes.push(change.values(None, Some(after.to_string())));
    }
    changes
}

/// The changes of `x-roles` and `x-checks`, each of which must hold.
pub(super) fn permissions(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    for (member, subject) in [("x-roles", "role"), ("x-checks", "check")] {
        let required = |operation: &Value| -> BTreeSet<String> {
            let all = operation.get(member).and_then(Value::as_array);
            all.into_iter().flatten().map(permission).collect()
        };
        let (old, new) = (required(old), required(new));
        for permission in old.difference(&new) {
            let change = Change::new(ChangeKind::Widened, false).of(subject);
            changes.push(change.values(Some(permission.clone()), None));
        }
        for permission in new.difference(&old) {
            let change = Change::new(ChangeKind::Narrowed, true).of(subject);
            changes.push(change.values(None, Some(permission.clone())));
        }
    }
    changes
}

/// `admin or owner` for `{"anyOf": ["admin", "owner"]}`.
fn permission(written: &Value) -> String {
    let names = |member: &str, word: &str| {
        let names = written.get(member)?.as_array()?.iter();
        let names: Vec<&str> = names.filter_map(Value::as_str).collect();
        Some(names.join(word))
    };
    let names = names("allOf", " and ").or_else(|| names("anyOf", " or "));
    let name = || written.as_str().map(str::to_owned);
    names.or_else(name).unwrap_or_else(|| written.to_string())
}

impl Credentials {
    fn has_schemes_of(&self, other: &Self) -> bool {
        !self.schemes.is_empty() && self.schemes.keys().eq(other.schemes.keys())
    }

    /// Whether other credentials are enough for these.
    fn is_met_by(&self, other: &Self) -> bool {
        self.schemes.iter().all(|(identity, (_, scopes))| {
            let other = other.schemes.get(identity);
            other.is_some_and(|(_, more)| scopes.is_subset(more))
        })
    }

    /// The changes of the scopes of the same schemes.
    fn scopes(&self, new: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for ((before, old), (after, new)) in self.schemes.values().zip(new.schemes.values()) {
            if before != after {
                let change = Change::new(ChangeKind::Documentation, false).of("name of the scheme");
                changes.push(change.values(Some(before.clone()), Some(after.clone())));
            }
            let subject = format!("scope of `{after}`");
            for scope in old.difference(new) {
                let change = Change::new(ChangeKind::Widened, false).of(&*subject);
                changes.push(change.values(Some(scope.clone()), None));
            }
            for scope in new.difference(old) {
                let change = Change::new(ChangeKind::Narrowed, true).of(&*subject);
                changes.push(change.values(None, Some(scope.clone())));
            }
        }
        changes
    }
}

/// `bearer (users:read) and apiKey`, or `none`.
impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.schemes.is_empty() {
            return f.write_str("none");
        }
        for (index, (name, scopes)) in self.schemes.values().enumerate() {
            if index > 0 {
                f.write_str(" and ")?;
            }
            f.write_str(name)?;
            if !scopes.is_empty() {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                write!(f, " ({})", scopes.join(", "))?;
            }
        }
        Ok(())
    }
}
