//! What has changed in texts, examples and extensions: everything that the other comparisons do not
//! read.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{
    difference::{Change, ChangeKind, Difference, Location},
    operations::is_operation,
};

/// Members that the other comparisons read; here their values are searched. Everything else is compared
/// as it is.
const READ_ELSEWHERE: &str = "\
    $defs $dynamicRef $ref additionalOperations additionalProperties allowEmptyValue \
    allowReserved allOf anyOf callbacks components const contains content contentEncoding \
    contentMediaType contentSchema delete dependentRequired dependentSchemas else encoding enum \
    exclusiveMaximum exclusiveMinimum explode format get head headers if in items \
    jsonSchemaDialect maxContains maximum maxItems maxLength maxProperties minContains minimum \
    minItems minLength minProperties multipleOf name not nullable oneOf openIdConnectUrl \
    operationId options parameters patch pathItems paths pattern patternProperties post \
    prefixItems properties propertyNames put query readOnly requestBodies requestBody required \
    responses schema schemas scheme security securitySchemes servers style then trace type \
    unevaluatedItems unevaluatedProperties uniqueItems url webhooks writeOnly x-checks \
    x-max-body-bytes x-rate-limit x-roles";

/// Members whose values have names of the application as members.
const MAPS: &str = "\
    $defs additionalOperations callbacks content dependentSchemas encoding headers parameters \
    pathItems paths patternProperties properties requestBodies responses schemas securitySchemes \
    webhooks";

/// Members whose values are data.
const DATA: &str = "\
    const dependentRequired enum required security x-checks x-max-body-bytes x-rate-limit x-roles";

/// Whether a list has a word.
fn has(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

pub(super) fn compare(old: &Value, new: &Value) -> Vec<Difference> {
    let mut search = Search {
        path: Vec::new(),
        found: Vec::new(),
    };
    search.value(old, new);
    search.found
}

struct Search<'d> {
    path: Vec<Cow<'d, str>>,
    found: Vec<Difference>,
}

impl<'d> Search<'d> {
    fn value(&mut self, old: &'d Value, new: &'d Value) {
        match (old, new) {
            _ if old == new => {}
            (Value::Object(old), Value::Object(new)) => self.members(old, new),
            (Value::Array(old), Value::Array(new)) => self.items(old, new),
            // The other comparisons have seen it.
            _ => {}
        }
    }

    fn members(&mut self, old: &'d Map<String, Value>, new: &'d Map<String, Value>) {
        let names: BTreeSet<&'d String> = old.keys().chain(new.keys()).collect();
        for name in names {
            self.path.push((&**name).into());
            let is_method =
                |value: Option<&Value>| name.starts_with("x-") && value.is_some_and(is_operation);
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) if has(MAPS, name) => self.map(old, new),
                (Some(_), Some(_)) if has(DATA, name) => {}
                (Some(old), Some(new)) if name == "info" => self.value(old, new),
                (old, new) if has(READ_ELSEWHERE, name) || is_method(old.or(new)) => {
                    if let (Some(old), Some(new)) = (old, new) {
                        self.value(old, new);
                    }
                }
                (old, new) => self.leaf(old, new),
            }
            self.path.pop();
        }
    }

    fn map(&mut self, old: &'d Value, new: &'d Value) {
        let (Value::Object(old), Value::Object(new)) = (old, new) else {
            // `parameters` is a map in `components`, and a list in an operation.
            return self.value(old, new);
        };
        for (name, old) in old {
            if let Some(new) = new.get(name) {
                self.path.push((&**name).into());
                self.value(old, new);
                self.path.pop();
            }
        }
    }

    fn items(&mut self, old: &'d [Value], new: &'d [Value]) {
        // Parameters and servers have names; a new one in front does not change those behind it.
        let name = |value: &'d Value| {
            let member = |name| value.get(name).and_then(Value::as_str);
            (member("name"), member("in"), member("url"), member("$ref"))
        };
        let is_named = |value: &'d Value| name(value) != (None, None, None, None);
        for (index, one) in old.iter().enumerate() {
            let (at, other) = if is_named(one) {
                let mut others = new.iter().enumerate();
                let Some((at, other)) = others.find(|(_, other)| name(other) == name(one)) else {
                    continue;
                };
                (at, other)
            } else if let (Some(other), true) = (new.get(index), old.len() == new.len()) {
                (index, other)
            } else {
                continue;
            };
            self.path.push(at.to_string().into());
            self.value(one, other);
            self.path.pop();
        }
    }

    /// A text, an example, an extension, or a keyword that is not known.
    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        let path: Vec<&str> = self.path.iter().map(|part| &**part).collect();
        let (operation, rest) = match &*path {
            ["paths", path, method, rest @ ..] if !rest.is_empty() && *method != "parameters" => {
                let method = method.strip_prefix("x-").unwrap_or(method);
                (Some(format!("{} {path}", method.to_uppercase())), rest)
            }
            rest => (None, rest),
        };
        let mut pointer = "#".to_owned();
        for part in rest {
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
        let change = Change::new(ChangeKind::Documentation, false).at(pointer);
        let change = change.values(old.map(Value::to_string), new.map(Value::to_string));
        let difference = Difference::new(operation.as_deref(), Location::Document, change);
        self.found.push(difference);
    }
}
