//! What pages of other origins can do: forged requests, and cross-origin resource sharing.

use std::collections::HashMap;

use http::Method;

use crate::{
    api::{
        finding::Finding,
        route::{Matches, Route},
        routes::Routes,
    },
    contract::description::{CsrfProtection, Security},
    integrations::axum::Concern,
    wire::field::{Origin, origin_pattern::OriginPattern},
};

pub(super) fn check_csrf(route: &Route, findings: &mut Vec<Finding>) {
    let sent_by_browser = |security: &Security| security.is_sent_by_browser() == Some(true);
    if !route.is_unsafe()
        || !route.securities().any(sent_by_browser)
        || route
            .csrf_protections()
            .any(|layer| !layer.may_be_bypassed())
    {
        return;
    }
    let mut reason =
        "the route changes something, and accepts credentials that browsers attach automatically, \
         even to requests that other sites trigger"
            .to_owned();
    let mut remedy = "add `with_csrf(..)` (with `.trust_origins(cors.named_origins())`, if pages that \
                      CORS allows call the route), or accept the credentials in `Authorization: Bearer` \
                      only";
    if let Some(layer) = route.csrf_protections().next() {
        let name = layer.name();
        reason.push_str(&format!(
            "; `{name}` has a condition, so some requests may bypass it"
        ));
        remedy = "remove the condition, or list routes instead: `.only_routes(..)`, \
                  `.except_routes(..)`, `Csrf::exempt(..)`";
    }
    let concern = Concern::NoCsrf;
    findings.push(Finding::concern(concern, route.name(), reason, remedy));
}

/// A CORS policy that does not let pages of other origins call the route, although it is around it.
pub(super) fn check_cors(route: &Route, findings: &mut Vec<Finding>) {
    let around = route.around.layers.len();
    let inside = route.layers.iter().skip(around);
    if let Some((_, layer)) = inside.clone().find(|(_, layer)| layer.cors().is_some()) {
        findings.push(Finding::concern(
            Concern::CorsInsideRoute,
            route.name(),
            format!(
                "no preflight reaches `{}` in the stack of a route",
                layer.name()
            ),
            "move it into `.around(..)` of the `Api`",
        ));
    }
    let Matches::Method(method) = &route.matches else {
        return;
    };
    // Browsers never ask for these (Fetch, "CORS-safelisted method").
    if [Method::GET, Method::HEAD, Method::POST].contains(method) {
        return;
    }
    for layer in route.acting_layers() {
        if layer
            .cors()
            .is_some_and(|access| !access.allows_method(method))
        {
            findings.push(Finding::concern(
                Concern::MethodNotAllowedByCors,
                route.name(),
                format!(
                    "the preflight of `{}` does not allow `{method}`",
                    layer.name()
                ),
                "add the method to `Cors::methods(..)`",
            ));
        }
    }
}

/// Routes whose preflights are answered inside another CORS policy than their own, because a route of
/// another `Api` with the same path was added before them.
pub(super) fn check_cors_of_paths(routes: &Routes, findings: &mut Vec<Finding>) {
    let mut first_of_path: HashMap<&str, &Route> = HashMap::new();
    for route in &routes.list {
        let first = *first_of_path.entry(&route.path).or_insert(route);
        if first.around.has_cors_of(&route.around)
            || route.allows(Some(Concern::CorsOfAnotherRoute))
        {
            continue;
        }
        let policy = match first.around.cors().next() {
            Some(_) => "another CORS policy",
            None => "no CORS policy",
        };
        findings.push(Finding::concern(
            Concern::CorsOfAnotherRoute,
            route.name(),
            format!(
                "its preflights are answered by the `Api` of `{}`, whose `.around(..)` has {policy}",
                first.name()
            ),
            "put one CORS policy around all routes of the path",
        ));
    }
}

/// Pages that may send credentials to the route according to CORS, and whose requests are rejected
/// nevertheless. Patterns, closures and conditions are not known, so nothing is concluded from them.
pub(super) fn check_trusted_origins(route: &Route, findings: &mut Vec<Finding>) {
    let Matches::Method(method) = &route.matches else {
        return;
    };
    // Their origin is not checked.
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return;
    }
    let sharing = route
        .acting_layers()
        .filter(|layer| !layer.may_be_bypassed());
    let allowed = sharing.filter_map(|layer| Some((layer, layer.cors()?)));
    let allowed = allowed.filter(|(_, access)| {
        access.allows_credentials() && (*method == Method::POST || access.allows_method(method))
    });
    for (cors, access) in allowed {
        for csrf in route
            .csrf_protections()
            .filter(|layer| !layer.may_be_bypassed())
        {
            let trusted = csrf.csrf().map_or(&[][..], CsrfProtection::trusted_origins);
            let rejected = access
                .listed_origins()
                .iter()
                .filter(|origin| !trusted.iter().any(|trusted| is_trusted(trusted, origin)));
            let rejected: Vec<_> = rejected.map(|origin| format!("`{origin}`")).collect();
            if rejected.is_empty() {
                continue;
            }
            findings.push(Finding::concern(
                Concern::OriginNotTrustedByCsrf,
                route.name(),
                format!(
                    "`{}` lets pages of {} call the route with credentials, and `{}` rejects \
                     their requests with 403, because it does not trust them",
                    cors.name(),
                    rejected.join(", "),
                    csrf.name(),
                ),
                "trust them, for example with `.trust_origins(cors.named_origins())`, or remove \
                 them from the CORS policy",
            ));
        }
    }
}

/// Whether an element of a list of trusted origins, which may be a pattern, matches an origin.
fn is_trusted(trusted: &str, origin: &str) -> bool {
    if !trusted.contains('*') {
        return trusted.eq_ignore_ascii_case(origin);
    }
    let (pattern, origin) = (OriginPattern::parse(trusted), Origin::parse(origin));
    pattern.is_ok_and(|pattern| origin.is_ok_and(|origin| pattern.matches(&origin)))
}
