//! What every layer of the crate says of itself, as data.
//!
//! `lines` writes the data of a layer in lines, so that a table can show them.

mod policies;
mod provoked;
mod schemes;

use http::HeaderName;
use wythe::{
    Description, Place,
    description::{Security, SecurityScheme},
};

/// The data of a layer, a line for each part.
fn lines(layer: &Description) -> Vec<String> {
    let mut lines = vec![layer.name().to_owned()];
    for answer in layer.answers() {
        lines.push(answer.to_string());
        let kind = answer.kind_uri().filter(|kind| *kind != "about:blank");
        let parts = [
            ("kind", kind.unwrap_or_default().to_owned()),
            ("reasons", answer.reasons().join(" ")),
            ("fields", names(answer.fields())),
            ("members", answer.members().join(" ")),
        ];
        let parts = parts.into_iter().filter(|(_, list)| !list.is_empty());
        lines.extend(parts.map(|(what, list)| format!("  {what} {list}")));
    }
    if !layer.fields().is_empty() {
        lines.push(format!("sets {}", names(layer.fields())));
    }
    lines.extend(layer.security().into_iter().flat_map(schemes));
    for requirement in layer.requirements() {
        lines.push(format!("requires {requirement:?}"));
    }
    for limit in layer.limits() {
        let window = limit.window();
        let window = window.map(|window| format!(", q={};w={window:?}", limit.most_at_once()));
        let (plan, key) = (
            if limit.is_of_plan() { " of a plan" } else { "" },
            limit.key().join(" and "),
        );
        lines.push(format!(
            "limit {}{plan}: {limit} by [{key}]{}",
            limit.name(),
            window.unwrap_or_default()
        ));
        if let Some((max_waiting, max_wait)) = limit.waiting() {
            lines.push(format!("queue {max_waiting} for {max_wait:?}"));
        }
    }
    if !layer.path_parameters().is_empty() {
        lines.push(format!(
            "path parameters {}",
            layer.path_parameters().join(" ")
        ));
    }
    if let Some(methods) = layer.methods() {
        lines.push(format!("methods {methods:?}"));
    }
    for input in layer.inputs() {
        lines.push(format!(
            "reads {:?} {} {:?} {:?}",
            input.source(),
            input.type_name(),
            input.media_types(),
            input.max_body_bytes()
        ));
    }
    if let Some(csrf) = layer.csrf() {
        let exempt = csrf.exempt_routes().join(" ");
        lines.push(format!(
            "csrf, exempt [{exempt}], trusts [{}], token {:?}",
            csrf.trusted_origins().join(" "),
            csrf.token_field()
        ));
    }
    if let Some(cors) = layer.cors() {
        let credentials = if cors.allows_credentials() {
            " with credentials"
        } else {
            ""
        };
        lines.push(format!(
            "shares with {}, listed [{}]{credentials}, methods {:?}",
            cors.origins(),
            cors.listed_origins().join(" "),
            cors.allowed_methods()
        ));
    }
    if let Some(cache) = layer.cache() {
        lines.push(format!(
            "caches {:?} ({}), authenticated {:?} ({})",
            cache.directives(),
            cache.scope(),
            cache.directives_when_authenticated(),
            cache.scope_when_authenticated()
        ));
    }
    for bypass in layer.bypasses() {
        lines.push(format!("bypassed by {bypass:?}"));
    }
    lines
}

/// The schemes that a layer accepts.
fn schemes(security: &Security) -> Vec<String> {
    let required = if security.is_required() {
        "required"
    } else {
        "optional"
    };
    let line = |scheme: &SecurityScheme| {
        let carriers: Vec<_> = scheme.carriers().iter().map(ToString::to_string).collect();
        let place = if carriers.is_empty() {
            "an unknown place".to_owned()
        } else {
            carriers.join(" or ")
        };
        let (kind, name) = (scheme.kind(), scheme.name());
        let mut line = format!("{required} {kind:?} {name} in {place}");
        if let Some(format) = scheme.token_format() {
            line += &format!(" as {format}");
        }
        if scheme.is_sent_by_browser() == Some(true) {
            line += ", sent by browsers";
        }
        if let Some(scopes) = scheme.granted_scopes() {
            line += &format!(", grants {}", scopes.join(" "));
        }
        for url in scheme.discovery_urls() {
            line += &format!(", see {url}");
        }
        line
    };
    security.schemes().iter().map(line).collect()
}

fn names(fields: &[HeaderName]) -> String {
    let fields: Vec<_> = fields.iter().map(HeaderName::as_str).collect();
    fields.join(" ")
}

#[track_caller]
fn check(layer: &impl Place, expected: &[&str]) {
    let description = lines(&layer.describe());
    assert_eq!(description, expected, "{description:#?}");
}
