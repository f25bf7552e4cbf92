//! What has changed between two documents: operations, and their parts other than schemas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    difference::{Change, ChangeKind, Difference, Location},
    documentation,
    expand::{Direction, Document},
    operations::{Operation, by_name, limits, operations, parameters, schema_of, text},
    schema, security,
};

pub(super) fn compare(old: &Value, new: &Value) -> Vec<Difference> {
    if old == new {
        return Vec::new();
    }
    let (old, new) = (Document::new(old), Document::new(new));
    let mut list = Vec::new();
    compare_document(&old, &new, &mut list);
    let (in_old, in_new) = (operations(&old), operations(&new));
    let keys: BTreeSet<_> = in_old.keys().chain(in_new.keys()).collect();
    for key in keys {
        let operation = match (in_old.get(key), in_new.get(key)) {
            (Some(old_one), Some(new_one)) => {
                let mut comparison = Comparison {
                    old: &old,
                    new: &new,
                    operation: new_one.name(key.method),
                    list: &mut list,
                };
                comparison.operation(old_one, new_one);
                continue;
            }
            (old, new) => old.or(new),
        };
        let Some(operation) = operation else { continue };
        let kind = match in_new.contains_key(key) {
            true => ChangeKind::Added,
            false => ChangeKind::Removed,
        };
        let change = Change::new(kind, kind == ChangeKind::Removed);
        let name = operation.name(key.method);
        list.push(Difference::new(Some(&name), Location::Operation, change));
    }
    list.extend(documentation::compare(old.root, new.root));
    if list.is_empty() {
        // The same, written in another way.
        let change = Change::new(ChangeKind::Documentation, false);
        let change = change
            .at("#")
            .of("written in another way, with the same meaning");
        list.push(Difference::new(None, Location::Document, change));
    }
    list
}

/// What belongs to no operation.
fn compare_document(old: &Document<'_>, new: &Document<'_>, differences: &mut Vec<Difference>) {
    let servers = |document: &Document<'_>| -> BTreeSet<String> {
        let servers = document.root.get("servers").and_then(Value::as_array);
        let urls = servers
            .into_iter()
            .flatten()
            .filter_map(|server| server.get("url"));
        let urls: BTreeSet<String> = urls.map(text).collect();
        match urls.is_empty() {
            // OpenAPI 3.1, section 4.8.1.1
            true => BTreeSet::from(["/".to_owned()]),
            false => urls,
        }
    };
    let (before, after) = (servers(old), servers(new));
    let mut push = |location, change| differences.push(Difference::new(None, location, change));
    for url in before.difference(&after) {
        let change = Change::new(ChangeKind::Removed, true)
            .at("#/servers")
            .of("server");
        push(Location::Document, change.values(Some(url.clone()), None));
    }
    for url in after.difference(&before) {
        let change = Change::new(ChangeKind::Added, false)
            .at("#/servers")
            .of("server");
        push(Location::Document, change.values(None, Some(url.clone())));
    }
    for member in ["webhooks", "jsonSchemaDialect"] {
        if old.root.get(member) != new.root.get(member) {
            let change = Change::new(ChangeKind::Unclear, true).at(format!("#/{member}"));
            push(Location::Document, change.of("changed"));
        }
    }
    // Generated clients name types after them.
    let schemas = |document: &Document<'_>| -> BTreeSet<String> {
        let schemas = document.root.pointer("/components/schemas");
        let schemas = schemas.and_then(Value::as_object).into_iter().flatten();
        schemas.map(|(name, _)| name.clone()).collect()
    };
    let (before, after) = (schemas(old), schemas(new));
    for name in before.symmetric_difference(&after) {
        let kind = match after.contains(name) {
            true => ChangeKind::Added,
            false => ChangeKind::Removed,
        };
        let change = Change::new(kind, kind == ChangeKind::Removed);
        push(Location::Schema { name: name.clone() }, change);
    }
}

fn format_bool(value: bool) -> Option<String> {
    Some(if value { "required" } else { "optional" }.to_owned())
}

struct Comparison<'c, 'd> {
    old: &'c Document<'d>,
    new: &'c Document<'d>,
    operation: String,
    list: &'c mut Vec<Difference>,
}

impl<'d> Comparison<'_, 'd> {
    fn operation(&mut self, old: &Operation<'d>, new: &Operation<'d>) {
        let id = |operation: &Operation<'d>| operation.value.get("operationId").map(text);
        let (before, after) = (id(old), id(new));
        if before != after {
            // Nobody uses one that was not there before.
            let change = Change::new(ChangeKind::Renamed, before.is_some());
            self.push(
                Location::Operation,
                change.of("operationId").values(before, after),
            );
        }
        if old.value.get("callbacks") != new.value.get("callbacks") {
            let change = Change::new(ChangeKind::Unclear, true).of("callbacks");
            self.push(Location::Operation, change);
        }
        self.parameters(old, new);
        self.request_body(old.value.get("requestBody"), new.value.get("requestBody"));
        let was_open = self.security(old.value, new.value);
        self.limits(old.value, new.value);
        self.responses(old.value, new.value, was_open);
    }

    fn push(&mut self, location: Location, change: Change) {
        self.list
            .push(Difference::new(Some(&self.operation), location, change));
    }

    fn schema(
        &mut self,
        location: &Location,
        direction: Direction,
        schemas: (&'d Value, &'d Value),
    ) {
        for change in schema::compare(self.old, self.new, direction, schemas) {
            self.push(location.clone(), change);
        }
    }

    fn parameters(&mut self, old: &Operation<'d>, new: &Operation<'d>) {
        let in_old = parameters(self.old, old);
        let in_new = parameters(self.new, new);
        let keys: BTreeSet<_> = in_old.keys().chain(in_new.keys()).cloned().collect();
        for key in keys {
            let (before, after) = (in_old.get(&key), in_new.get(&key));
            let Some(any) = after.or(before) else {
                continue;
            };
            let location = Location::Parameter {
                place: key.0.to_owned(),
                name: any.get("name").map(text).unwrap_or_default(),
            };
            let is_required = |parameter: &Value| {
                key.0 == "path" || parameter.get("required") == Some(&Value::Bool(true))
            };
            match (before.copied(), after.copied()) {
                (Some(old), Some(new)) => {
                    self.parameter(key.0, &location, old, new);
                    let (before, after) = (is_required(old), is_required(new));
                    self.presence(&location, before, after);
                }
                (None, Some(new)) => {
                    let is_required = is_required(new);
                    let change = Change::new(ChangeKind::Added, is_required);
                    self.push(location, change.values(None, format_bool(is_required)));
                }
                (Some(old), None) => {
                    let change = Change::new(ChangeKind::Removed, true);
                    self.push(location, change.values(format_bool(is_required(old)), None));
                }
                (None, None) => {}
            }
        }
    }

    fn parameter(&mut self, place: &str, location: &Location, old: &'d Value, new: &'d Value) {
        let (before, after) = (old.get("name").map(text), new.get("name").map(text));
        if before != after && place == "path" {
            let change = Change::new(ChangeKind::Renamed, true).of("name");
            self.push(location.clone(), change.values(before, after));
        }
        // OpenAPI 3.1, section 4.8.12.2.1
        let style = |parameter: &Value| {
            let default = match place {
                "path" | "header" => "simple",
                _ => "form",
            };
            let style = parameter.get("style").and_then(Value::as_str);
            let style = style.unwrap_or(default).to_owned();
            let explode = parameter.get("explode").and_then(Value::as_bool);
            let explode = explode.unwrap_or(style == "form");
            let is_set = |name: &str| parameter.get(name) == Some(&Value::Bool(true));
            let mut text = format!("{style}, explode {explode}");
            for name in ["allowReserved", "allowEmptyValue"] {
                if is_set(name) {
                    text = format!("{text}, {name}");
                }
            }
            Some(text)
        };
        let (before, after) = (style(old), style(new));
        if before != after {
            let change = Change::new(ChangeKind::Unclear, true).of("style");
            self.push(location.clone(), change.values(before, after));
        }
        self.schema(location, Direction::Input, (schema_of(old), schema_of(new)));
    }

    /// Whether an input is required.
    fn presence(&mut self, location: &Location, old: bool, new: bool) {
        if old != new {
            let kind = if new {
                ChangeKind::Narrowed
            } else {
                ChangeKind::Widened
            };
            let change = Change::new(kind, new).values(format_bool(old), format_bool(new));
            self.push(location.clone(), change);
        }
    }

    fn request_body(&mut self, old: Option<&'d Value>, new: Option<&'d Value>) {
        let old = old.map(|body| self.old.resolve(body));
        let new = new.map(|body| self.new.resolve(body));
        let is_required = |body: &Value| body.get("required") == Some(&Value::Bool(true));
        let location = Location::RequestBody { media_type: None };
        let (old, new) = match (old, new) {
            (None, None) => return,
            (Some(old), Some(new)) => (old, new),
            (Some(old), None) => {
                let change = Change::new(ChangeKind::Removed, true);
                return self.push(location, change.values(format_bool(is_required(old)), None));
            }
            (None, Some(new)) => {
                let change = Change::new(ChangeKind::Added, is_required(new));
                return self.push(location, change.values(None, format_bool(is_required(new))));
            }
        };
        self.presence(&location, is_required(old), is_required(new));
        self.content(old, new, Direction::Input, |media_type| {
            Location::RequestBody {
                media_type: Some(media_type.to_owned()),
            }
        });
    }

    /// The media types of a body.
    fn content(
        &mut self,
        old: &'d Value,
        new: &'d Value,
        direction: Direction,
        location: impl Fn(&str) -> Location,
    ) {
        let (in_old, in_new) = (by_name(old, "content"), by_name(new, "content"));
        let names: BTreeSet<&String> = in_old.keys().chain(in_new.keys()).collect();
        for name in names {
            let location = location(name);
            match (in_old.get(name), in_new.get(name)) {
                (Some(old), Some(new)) => {
                    if old.get("encoding") != new.get("encoding") {
                        let change = Change::new(ChangeKind::Unclear, true).of("encoding");
                        self.push(location.clone(), change);
                    }
                    self.schema(&location, direction, (schema_of(old), schema_of(new)));
                }
                (Some(_), None) => self.push(location, Change::new(ChangeKind::Removed, true)),
                (None, _) => self.push(location, Change::new(ChangeKind::Added, false)),
            }
        }
    }

    /// Returns whether the old operation could be called without credentials.
    fn security(&mut self, before: &'d Value, after: &'d Value) -> bool {
        let old = security::alternatives(self.old, before);
        let new = security::alternatives(self.new, after);
        let mut changes = security::compare(&old, &new);
        changes.extend(security::permissions(before, after));
        for change in changes {
            self.push(Location::Security, change);
        }
        security::is_open(&old)
    }

    fn limits(&mut self, old: &'d Value, new: &'d Value) {
        const BYTES: &str = "x-max-body-bytes";
        let bytes = |document: &Document<'d>, operation: &'d Value| {
            let body = operation
                .get("requestBody")
                .map(|body| document.resolve(body));
            operation.get(BYTES).or_else(|| body?.get(BYTES))
        };
        let (before, after) = (bytes(self.old, old), bytes(self.new, new));
        self.limit(BYTES.to_owned(), BYTES, before, after);
        let (before, after) = (limits(old), limits(new));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let subject = format!("x-rate-limit `{name}`");
            let (before, after) = (before.get(name), after.get(name));
            let (Some(before), Some(after)) = (before, after) else {
                let (kind, is_breaking) = match after {
                    Some(_) => (ChangeKind::Narrowed, true),
                    None => (ChangeKind::Widened, false),
                };
                let change = Change::new(kind, is_breaking).of(subject);
                let shown = |limit: &Value| {
                    let number = |name: &str| limit.get(name).and_then(Value::as_f64);
                    match (number("limit"), number("period-seconds")) {
                        (Some(count), Some(seconds)) => format!("{count} in {seconds} s"),
                        (Some(count), None) => format!("{count} at once"),
                        _ => limit.to_string(),
                    }
                };
                let change = change.values(before.copied().map(shown), after.copied().map(shown));
                self.push(Location::Limit, change);
                continue;
            };
            match (before.as_object(), after.as_object()) {
                (Some(before), Some(after)) => {
                    let members: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                    for member in members
                        .into_iter()
                        // The name has brought the two together, or is made of the numbers.
                        .filter(|member| !["description", "name"].contains(&member.as_str()))
                    {
                        let subject = format!("{subject} {member}");
                        self.limit(subject, member, before.get(member), after.get(member));
                    }
                }
                _ => self.limit(subject, "", Some(before), Some(after)),
            }
        }
    }

    /// One member of a limit: the lower, the narrower, except for the time in which a count holds, and
    /// for a condition, without which the limit always holds.
    fn limit(&mut self, subject: String, member: &str, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        let is_condition = member == "conditional";
        let is_time = ["period", "window", "second", "interval"];
        let is_time = is_time.iter().any(|word| member.contains(word));
        let number = |value: Option<&Value>| match value {
            value if is_condition => Some(f64::from(value == Some(&Value::Bool(true)))),
            // Without a limit, everything is possible.
            None if !is_time => Some(f64::INFINITY),
            value => value.and_then(Value::as_f64),
        };
        let kind = match (number(old), number(new)) {
            (Some(old), Some(new)) if (new < old) != is_time => ChangeKind::Narrowed,
            (Some(_), Some(_)) => ChangeKind::Widened,
            _ => ChangeKind::Unclear,
        };
        let change = Change::new(kind, kind != ChangeKind::Widened).of(subject);
        self.push(Location::Limit, change.values(old.map(text), new.map(text)));
    }

    fn responses(&mut self, old: &'d Value, new: &'d Value, was_open: bool) {
        let (in_old, in_new) = (by_name(old, "responses"), by_name(new, "responses"));
        let statuses: BTreeSet<&String> = in_old.keys().chain(in_new.keys()).collect();
        for status in statuses {
            let location = Location::Response {
                status: status.clone(),
                media_type: None,
            };
            let (old, new) = (in_old.get(status), in_new.get(status));
            match (old, new) {
                (Some(old), Some(new)) => {
                    self.response(status, self.old.resolve(old), self.new.resolve(new));
                }
                (Some(old), None) => {
                    let is_breaking = status.starts_with('2');
                    self.push(location, Change::new(ChangeKind::Removed, is_breaking));
                    if let Some(new) = covering(status, &in_new) {
                        self.response(status, self.old.resolve(old), self.new.resolve(new));
                    }
                }
                (None, Some(new)) => {
                    let covered = covering(status, &in_old);
                    let is_breaking = covered.is_none() && is_new_to_clients(status, was_open);
                    self.push(location, Change::new(ChangeKind::Added, is_breaking));
                    if let Some(old) = covered {
                        self.response(status, self.old.resolve(old), self.new.resolve(new));
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn response(&mut self, status: &str, old: &'d Value, new: &'d Value) {
        self.content(old, new, Direction::Output, |media_type| {
            Location::Response {
                status: status.to_owned(),
                media_type: Some(media_type.to_owned()),
            }
        });
        let lower = |response: &'d Value| -> BTreeMap<String, (&'d str, &'d Value)> {
            let headers = response.get("headers").and_then(Value::as_object);
            let headers = headers.into_iter().flatten();
            headers
                .map(|(name, header)| (name.to_lowercase(), (&**name, header)))
                .collect()
        };
        let (in_old, in_new) = (lower(old), lower(new));
        let names: BTreeSet<&String> = in_old.keys().chain(in_new.keys()).collect();
        for name in names {
            let (old, new) = (in_old.get(name), in_new.get(name));
            // Whatever its case: the same name, whichever document is the old one.
            let written = [old, new].into_iter().flatten().map(|(name, _)| *name);
            let Some(written) = written.max() else {
                continue;
            };
            let location = Location::ResponseHeader {
                status: status.to_owned(),
                name: written.to_owned(),
            };
            match (old, new) {
                (Some((_, old)), Some((_, new))) => {
                    let (old, new) = (self.old.resolve(old), self.new.resolve(new));
                    let is_required =
                        |header: &Value| header.get("required") == Some(&Value::Bool(true));
                    let (before, after) = (is_required(old), is_required(new));
                    if before != after {
                        let kind = match after {
                            true => ChangeKind::Narrowed,
                            false => ChangeKind::Widened,
                        };
                        let change = Change::new(kind, before);
                        let change = change.values(format_bool(before), format_bool(after));
                        self.push(location.clone(), change);
                    }
                    let schemas = (schema_of(old), schema_of(new));
                    self.schema(&location, Direction::Output, schemas);
                }
                (Some(_), None) => self.push(location, Change::new(ChangeKind::Removed, true)),
                (None, _) => self.push(location, Change::new(ChangeKind::Added, false)),
            }
        }
    }
}

/// The response that stands for a status that is not listed: its range, such as `4XX`, or the default.
fn covering<'d>(status: &str, responses: &BTreeMap<String, &'d Value>) -> Option<&'d Value> {
    let range = status.chars().next().map(|first| format!("{first}XX"));
    let range = range.and_then(|range| responses.get(&range));
    range.or_else(|| responses.get("default")).copied()
}

/// Whether a client that sends what the old document allows can receive the status, and must be able to
/// handle it.
fn is_new_to_clients(status: &str, was_open: bool) -> bool {
    /// Answers to requests that are invalid in a way that the document shows elsewhere, to slow ones,
    /// and to conditions (304): nothing else comes from valid requests.
    const CLIENT_ERRORS: &[&str] = &[
        "304", "400", "405", "406", "408", "411", "413", "414", "415", "416", "417", "421", "431",
    ];
    match status {
        // Only a client that had no credentials until now.
        "401" => was_open,
        // Any server can fail.
        _ => !CLIENT_ERRORS.contains(&status) && !status.starts_with(['1', '5']),
    }
}
