//! The stack of a route: its order, and what its layers promise together.

use std::collections::HashMap;

use crate::{
    api::{
        finding::Finding,
        route::{Access, Matches, Route, takes_body},
    },
    contract::{
        Description,
        description::{CacheScope, Requirement, Security, VersionCarrier},
        stage,
    },
    integrations::axum::Concern,
};

/// A layer of a nested `Api` that belongs outside one of the outer `Api`. Within one `Api` the
/// compiler proves the order.
pub(super) fn check_order(route: &Route, findings: &mut Vec<Finding>) {
    let placed = route.layers.iter();
    let mut placed =
        placed.filter_map(|(stage, layer)| Some((stage::position(stage)?, stage, layer)));
    let Some(mut outer) = placed.next() else {
        return;
    };
    for inner in placed {
        if inner.0 < outer.0 {
            let (_, outer_stage, outer_layer) = outer;
            let (_, stage, layer) = inner;
            findings.push(Finding::fault(
                route.name(),
                format!(
                    "`{}` (stage {stage}) is inside `{}` (stage {outer_stage}) of an outer `Api`, \
                     but belongs outside it",
                    layer.name(),
                    outer_layer.name(),
                ),
                "move one of them to the other `Api`",
            ));
            return;
        }
        outer = inner;
    }
}

pub(super) fn check_allowances(route: &Route, findings: &mut Vec<Finding>) {
    for (concern, reason) in &route.options.allowed {
        if reason.trim().is_empty() {
            findings.push(Finding::fault(
                route.name(),
                format!("`.allow(Concern::{concern:?}, ..)` has an empty reason"),
                "say why it is intended",
            ));
        }
    }
}

/// A route that is for versions which no request can name.
pub(super) fn check_versions(route: &Route, findings: &mut Vec<Finding>) {
    let named = &route.options.versions;
    if named.is_empty() {
        return;
    }
    let mut fault = |reason: String, remedy: &str| {
        findings.push(Finding::fault(route.name(), reason, remedy));
    };
    let layer = route
        .acting_layers()
        .find(|layer| layer.version_policy().is_some());
    let Some((layer, policy)) = layer.and_then(|layer| Some((layer, layer.version_policy()?)))
    else {
        fault(
            "no layer determines which version a request is for".to_owned(),
            "put `with_version(..)` around the `Api`",
        );
        return;
    };
    if layer.may_be_bypassed() {
        fault(
            format!(
                "some requests bypass `{}`, and have no version",
                layer.name()
            ),
            "remove the condition",
        );
    }
    if matches!(policy.carrier(), VersionCarrier::Path(_)) {
        fault(
            "the version is part of the path".to_owned(),
            "remove `.in_versions(..)`, and write the version into the path",
        );
    }
    for name in named {
        if !policy.names().contains(name) {
            fault(
                format!("`{}` does not have the version `{name}`", layer.name()),
                "add it to the layer's list of versions, or remove it from `.in_versions(..)`",
            );
        }
    }
}

pub(super) fn check_cache(route: &Route, findings: &mut Vec<Finding>) {
    let is_public = |layer: &&Description| {
        let policy = layer.cache();
        policy.is_some_and(|policy| policy.scope_when_authenticated() == CacheScope::Public)
    };
    if route.securities().next().is_some()
        && let Some(layer) = route.acting_layers().find(is_public)
    {
        findings.push(Finding::concern(
            Concern::PublicCache,
            route.name(),
            format!(
                "the route authenticates its clients, and `{}` lets shared caches serve the \
                 response to others",
                layer.name()
            ),
            "make the policy `private` or `no-store`",
        ));
    }
}

pub(super) fn check_limit(route: &Route, findings: &mut Vec<Finding>) {
    let is_public = matches!(route.access, Access::Public(_));
    if !is_public || !route.is_unsafe() {
        return;
    }
    let limits = route.acting_layers();
    let limits = limits.filter(|layer| !layer.limits().is_empty());
    if let Some((reason, remedy)) = no_limit(
        limits,
        "the route changes something, and anybody may call it as often as they like",
        "add `with_rate_limit(..)`",
    ) {
        findings.push(Finding::concern(
            Concern::NoLimit,
            route.name(),
            reason,
            remedy,
        ));
    }
}

/// Quotas of different limits: those of one limit have different names, or are of different plans.
pub(super) fn check_quota_names(route: &Route, findings: &mut Vec<Finding>) {
    let names_quotas = |layer: &&Description| layer.fields().iter().any(|name| name == "ratelimit");
    let mut named = HashMap::new();
    for (index, layer) in route.acting_layers().filter(names_quotas).enumerate() {
        for quota in layer.limits() {
            let first = *named.entry(quota.name()).or_insert(index);
            if first == index {
                continue;
            }
            let finding = Finding::concern(
                Concern::QuotaNameRepeated,
                route.name(),
                format!(
                    "two of its limits have a quota named {:?}, so clients can't tell which one a \
                     response means",
                    quota.name()
                ),
                "give one of them another name: `.named(..)`",
            );
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
}

/// A body that the handler may read without a bound.
pub(super) fn check_body(route: &Route, findings: &mut Vec<Finding>) {
    let takes = match &route.matches {
        Matches::Method(method) => takes_body(method),
        _ => true,
    };
    if !takes || !route.path_use.may_read_unbounded {
        return;
    }
    let is_bounded = |layer: &&Description| {
        let mut inputs = layer.inputs().iter();
        layer.body_bound().is_some() || inputs.any(|input| input.max_body_bytes().is_some())
    };
    let bounding = route.acting_layers().filter(is_bounded);
    if let Some((reason, remedy)) = no_limit(
        bounding,
        "the handler may read a body of any size",
        "add `with_body_limit(..)` to the stack of the route",
    ) {
        findings.push(Finding::concern(
            Concern::NoBodyLimit,
            route.name(),
            reason,
            remedy,
        ));
    }
}

/// Why nothing is limited for sure, and what to do: `None` if one of these layers acts on every request.
fn no_limit<'a>(
    layers: impl Iterator<Item = &'a Description>,
    reason: &str,
    remedy: &'static str,
) -> Option<(String, &'static str)> {
    let mut layers = layers.peekable();
    let (reason, remedy) = match layers.peek() {
        None => (reason.to_owned(), remedy),
        Some(layer) => (
            format!(
                "{reason}; `{}` has a condition, so some requests may bypass it",
                layer.name()
            ),
            "remove the condition, or list routes instead: `.only_routes(..)`, `.except_routes(..)`",
        ),
    };
    layers
        .all(Description::may_be_bypassed)
        .then_some((reason, remedy))
}

pub(super) fn check_scopes(route: &Route, findings: &mut Vec<Finding>) {
    for requirement in route.acting_layers().flat_map(Description::requirements) {
        let Requirement::Scopes(scopes) = requirement else {
            continue;
        };
        let mut schemes = route.securities().flat_map(Security::schemes).peekable();
        if schemes.peek().is_some() && schemes.all(|scheme| scheme.can_grant(scopes) == Some(false))
        {
            findings.push(Finding::concern(
                Concern::ScopesNotGranted,
                route.name(),
                format!(
                    "the route rejects requests {requirement}, which none of its schemes can grant"
                ),
                "grant the scope, or require another",
            ));
        }
    }
}
