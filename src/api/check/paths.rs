//! The paths of the routes, together and each by itself.

use std::collections::{HashMap, HashSet};

use crate::{
    api::{
        finding::Finding,
        route::{Matches, Route},
        routes::{Routes, Scope},
    },
    integrations::axum::Concern,
    request::{Routes as List, parameter_names},
};

/// Paths that are not valid, and routes that collide.
pub(super) fn check_paths(routes: &Routes, findings: &mut Vec<Finding>) {
    let mut tree = matchit::Router::new();
    let mut by_path: HashMap<&str, Vec<&Route>> = HashMap::new();
    for route in &routes.list {
        let path = &*route.path;
        if let Err(reason) = List::default().add(path) {
            findings.push(Finding::fault(route.name(), reason, "correct the path"));
            continue;
        }
        let same = by_path.entry(path).or_default();
        if let Some(other) = same.iter().find(|other| other.collides(route)) {
            findings.push(Finding::fault(
                route.name(),
                format!(
                    "the route{} collides with `{}`{}",
                    route.nested_in(),
                    other.name(),
                    other.nested_in()
                ),
                "remove one of them",
            ));
        } else if same.is_empty() {
            for path in route.paths() {
                if let Err(matchit::InsertError::Conflict { with }) = tree.insert(path, ()) {
                    let mut routes = routes.list.iter();
                    let other = routes.find(|route| route.paths().contains(&with));
                    findings.push(Finding::fault(
                        route.name(),
                        format!(
                            "the path{} collides with `{with}`{}",
                            route.nested_in(),
                            other.map(Route::nested_in).unwrap_or_default()
                        ),
                        "give their parameters the same names, or change one of the paths",
                    ));
                }
            }
        }
        same.push(route);
    }
}

/// Routes that a layer lists and that do not exist. A layer around several routes is reported
/// once, and not at all if one of these routes allows it.
pub(super) fn check_named_routes(routes: &Routes, scope: Scope, findings: &mut Vec<Finding>) {
    let mut all = List::default();
    for route in &routes.list {
        // A path that is not valid is a finding of its own.
        drop(all.add(&route.path));
    }
    let is_known = |named: &str| {
        let prefixes = routes
            .list
            .iter()
            .filter(|route| route.matches == Matches::Prefix);
        all.contains(named)
            || prefixes.clone().any(|prefix| is_inside(named, &prefix.path))
            // The router around this one may have a prefix.
            || scope == Scope::Part && suffixes(named).any(|suffix| all.contains(suffix))
    };
    // What one route allows is allowed wherever the same layer lists the same route.
    let (allowing, others): (Vec<_>, Vec<_>) = routes
        .list
        .iter()
        .chain(&routes.fallback)
        .partition(|route| route.allows(Some(Concern::UnknownRoute)));
    let mut seen: HashSet<_> = allowing
        .into_iter()
        .flat_map(Route::named_routes)
        .map(|(layer, _, named)| (layer, named))
        .collect();
    for route in others {
        for (layer, setter, named) in route.named_routes() {
            if !seen.insert((layer, named)) || is_known(named) {
                continue;
            }
            findings.push(Finding::concern(
                Concern::UnknownRoute,
                route.name(),
                format!("`{layer}` names the route `{named}`, which does not exist"),
                &format!("write the path as the `Api` has it, or remove it from `{setter}`"),
            ));
        }
    }
}

/// Whether a route is a prefix itself, or a path below it.
fn is_inside(route: &str, prefix: &str) -> bool {
    let rest = route.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The route without its first segment, without its first two, and so on.
fn suffixes(route: &str) -> impl Iterator<Item = &str> {
    let starts = route.match_indices('/').skip(1);
    starts.filter_map(|(start, _)| route.get(start..))
}

/// Parameters of the path that the handler, an input or the key of a limit asks for, and the path lacks.
pub(super) fn check_parameters(route: &Route, findings: &mut Vec<Finding>) {
    let names = parameter_names(&route.path);
    let mut find = |reason, remedy: &str| {
        let concern = Concern::MissingPathParameter;
        findings.push(Finding::concern(concern, route.name(), reason, remedy));
    };
    for takes in &route.path_use.takes {
        if let Err(reason) = takes(&names) {
            find(
                reason,
                "change the path, or the type in the handler's `Path<..>`",
            );
        }
    }
    for layer in route.acting_layers() {
        for name in layer.path_parameters() {
            if !names.contains(&&**name) {
                let reason = format!(
                    "`{}` reads the path parameter `{name}`, which the route lacks",
                    layer.name()
                );
                find(reason, "put the layer around the routes that have it");
            }
        }
        for input in layer.inputs() {
            if let Err(reason) = input.fits_path(&names) {
                find(
                    format!("`{}` reads `{}`: {reason}", layer.name(), input.type_name()),
                    "change the path, or the type in the layer's `Path<..>`",
                );
            }
        }
    }
}

impl Route {
    /// Whether one of the two would never be called. Their paths are the same.
    fn collides(&self, other: &Self) -> bool {
        let is_method = |route: &Self| matches!(route.matches, Matches::Method(_));
        let same = self.matches == other.matches && self.shares_version(other);
        same || !is_method(self) || !is_method(other)
    }

    /// The nested `Api` that the route comes from, in words that follow the route.
    fn nested_in(&self) -> String {
        match &*self.nested_under {
            "" => String::new(),
            prefix => format!(" (of the `Api` nested under `{prefix}`)"),
        }
    }

    /// The name of each layer that names routes, its setter, and the route.
    fn named_routes(&self) -> impl Iterator<Item = (&str, &'static str, &str)> {
        self.layers.iter().flat_map(|(_, layer)| {
            let named = layer.named_routes();
            named.map(|(setter, route)| (layer.name(), setter, route))
        })
    }
}
