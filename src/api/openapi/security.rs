//! Who may call an operation: security schemes and requirements (OpenAPI 3.1, section 4.8.27).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::contract::{
    Description,
    description::{Carrier, NameList, Requirement, SchemeKind, SecurityScheme},
};

/// The schemes of a document, by name.
#[derive(Debug, Default)]
pub(super) struct Schemes(BTreeMap<String, Value>);

/// A combination of schemes whose credentials are all needed, with their scopes.
type SecurityRequirement = BTreeMap<String, Vec<String>>;

impl Schemes {
    /// The `security` of an operation: its combinations of schemes, one of which is
    /// enough. `None` if everybody is let in.
    pub(super) fn requirement<'a>(
        &mut self,
        layers: impl Iterator<Item = &'a Description> + Clone,
    ) -> Option<Value> {
        let mut combinations: Option<Vec<SecurityRequirement>> = None;
        for layer in layers.clone() {
            let Some(security) = layer.security() else {
                continue;
            };
            let mut own: Vec<SecurityRequirement> = security
                .schemes()
                .iter()
                .flat_map(|scheme| self.names(scheme))
                .map(|name| SecurityRequirement::from([(name, Vec::new())]))
                .collect();
            if !security.is_required() || layer.may_be_bypassed() {
                own.push(SecurityRequirement::new());
            }
            // A layer inside another: both want credentials.
            combinations = Some(match combinations {
                None => own,
                Some(outer) => combine(&outer, &own),
            });
        }
        let mut combinations = combinations?;
        for layer in layers {
            for requirement in layer.requirements() {
                if let Requirement::Scopes(scopes) = requirement {
                    let mut scoped = with_scopes(&combinations, scopes);
                    if layer.may_be_bypassed() {
                        // Requests that bypass it need no scopes.
                        scoped.append(&mut combinations);
                    }
                    combinations = scoped;
                }
            }
        }
        let mut alternatives: Vec<Value> = Vec::new();
        for combination in combinations {
            let combination = json!(combination);
            if !alternatives.contains(&combination) {
                alternatives.push(combination);
            }
        }
        Some(Value::Array(alternatives))
    }

    /// A name for each place where the credential may travel.
    fn names(&mut self, scheme: &SecurityScheme) -> Vec<String> {
        let mut found = Vec::new();
        if scheme.carriers().is_empty() {
            let unknown = json!({
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": format!("Credentials of the scheme {}.", scheme.name()),
            });
            found.push((scheme.name().to_owned(), unknown));
        }
        for carrier in scheme.carriers() {
            found.extend(objects(scheme, carrier));
        }
        let named = found.into_iter();
        named
            .map(|(name, object)| self.add(&name, object))
            .collect()
    }

    /// Adds a scheme, under a name that no other has.
    fn add(&mut self, name: &str, object: Value) -> String {
        let name: String = name
            .chars()
            .map(|c| match c {
                '-' | '.' | '_' => c,
                c if c.is_ascii_alphanumeric() => c,
                _ => '_',
            })
            .collect();
        let mut numbered = name.clone();
        let mut number = 2;
        while let Some(other) = self.0.get(&numbered) {
            if *other == object {
                return numbered;
            }
            numbered = format!("{name}_{number}");
            number += 1;
        }
        self.0.insert(numbered.clone(), object);
        numbered
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

/// The Security Scheme Objects of one carrier: one, or one for each identity provider.
fn objects(scheme: &SecurityScheme, carrier: &Carrier) -> Vec<(String, Value)> {
    let is_token = matches!(scheme.kind(), SchemeKind::Bearer);
    match carrier {
        Carrier::Authorization(_) if !scheme.discovery_urls().is_empty() => {
            let urls = scheme.discovery_urls().iter();
            urls.map(|url| {
                let object = json!({ "type": "openIdConnect", "openIdConnectUrl": url });
                ("openId".to_owned(), object)
            })
            .collect()
        }
        Carrier::Authorization(name) => {
            let mut object = json!({ "type": "http", "scheme": name.to_ascii_lowercase() });
            if let (Some(format), Some(object)) = (scheme.token_format(), object.as_object_mut()) {
                // Only `bearer` has a member for it (OpenAPI 3.1, section 4.8.27).
                if name.eq_ignore_ascii_case("bearer") {
                    object.insert("bearerFormat".into(), format.into());
                } else {
                    let text = format!("The token: a {format}.");
                    object.insert("description".into(), text.into());
                }
            }
            vec![(name.to_ascii_lowercase(), object)]
        }
        Carrier::Header(name) => vec![api_key("header", name.as_str())],
        Carrier::Cookie(name) => {
            let (key, mut object) = api_key("cookie", name);
            if let (true, Some(format), Some(object)) =
                (is_token, scheme.token_format(), object.as_object_mut())
            {
                object.insert(
                    "description".into(),
                    format!("The token: a {format}.").into(),
                );
            }
            vec![(key, object)]
        }
        Carrier::Query(name) => vec![api_key("query", name)],
        Carrier::ClientCertificate => {
            vec![("mutualTls".to_owned(), json!({ "type": "mutualTLS" }))]
        }
    }
}

fn api_key(location: &str, name: &str) -> (String, Value) {
    let object = json!({ "type": "apiKey", "in": location, "name": name });
    (format!("{location}-{name}"), object)
}

fn combine(
    outer: &[SecurityRequirement],
    inner: &[SecurityRequirement],
) -> Vec<SecurityRequirement> {
    let pairs = outer.iter().flat_map(|outer| {
        inner.iter().map(move |inner| {
            let mut both = outer.clone();
            both.extend(inner.clone());
            both
        })
    });
    pairs.collect()
}

/// The combinations with scopes. One without credentials grants none.
fn with_scopes(
    combinations: &[SecurityRequirement],
    scopes: &NameList,
) -> Vec<SecurityRequirement> {
    let combinations = combinations
        .iter()
        .filter(|combination| !combination.is_empty());
    let add = |combination: &SecurityRequirement, scopes: &[String]| {
        let mut combination = combination.clone();
        for needed in combination.values_mut() {
            needed.extend_from_slice(scopes);
        }
        combination
    };
    match scopes {
        NameList::AllOf(scopes) => combinations
            .map(|combination| add(combination, scopes))
            .collect(),
        NameList::AnyOf(scopes) => combinations
            .flat_map(|combination| {
                let one_of = scopes.chunks(1);
                one_of.map(move |scope| add(combination, scope))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenAPI 3.1, section 4.8.7: letters of ASCII, digits, `-`, `.` and `_`.
    #[test]
    fn names_of_schemes_have_only_the_characters_that_a_component_may_have() {
        let mut schemes = Schemes::default();
        for (name, expected) in [
            ("api-key_v1.2", "api-key_v1.2"),
            ("Schl\u{fc}ssel /~1", "Schl_ssel___1"),
            ("\u{663}", "_"),
        ] {
            assert_eq!(schemes.add(name, json!({ "type": "apiKey" })), expected);
        }
    }
}
