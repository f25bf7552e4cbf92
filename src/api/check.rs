//! Finds what is wrong with the routes of an [`Api`](super::Api) before they serve a request.

use std::collections::{HashMap, HashSet};

use http::Method;

use super::{
    finding::Finding,
    route::{Access, Matches, Route, takes_body},
    routes::Routes,
};
use crate::{
    contract::{
        Description,
        description::{Bypass, CacheScope, CsrfProtection, Requirement, Security, VersionCarrier},
        stage,
    },
    integrations::axum::Concern,
    request::{Routes as List, parameter_names, same_route},
    wire::{
        ConfigError,
        field::{Origin, origin_pattern::OriginPattern},
    },
};

/// Whether the routes are all there is, or are added to a router that may have a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Whole,
    Part,
}

impl Routes {
    /// An error that lists the findings, if there are any.
    pub(super) fn refuse(&self, scope: Scope) -> Result<(), ConfigError> {
        let findings = self.check(scope);
        if findings.is_empty() {
            return Ok(());
        }
        Err(Finding::error(&findings))
    }

    /// All findings that no route allows.
    pub(super) fn check(&self, scope: Scope) -> Vec<Finding> {
        let mut findings = self.faults.clone();
        self.check_paths(&mut findings);
        for route in self.list.iter().chain(&self.fallback) {
            check_order(route, &mut findings);
            check_allowances(route, &mut findings);
            check_versions(route, &mut findings);
            let mut concerns = Vec::new();
            for check in [
                check_parameters,
                check_csrf,
                check_cache,
                check_limit,
                check_quota_names,
                check_body,
                check_scopes,
                check_cors,
                check_trusted_origins,
            ] {
                check(route, &mut concerns);
            }
            concerns.retain(|finding| !route.allows(finding.concern));
            findings.extend(concerns);
        }
        self.check_named_routes(scope, &mut findings);
        #[cfg(feature = "openapi")]
        super::openapi::check_operation_ids(self, &mut findings);
        findings
    }

    /// Paths that are not valid, and routes that collide.
    fn check_paths(&self, findings: &mut Vec<Finding>) {
        let mut tree = matchit::Router::new();
        let mut by_path: HashMap<&str, Vec<&Route>> = HashMap::new();
        for route in &self.list {
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
                        let mut routes = self.list.iter();
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
    fn check_named_routes(&self, scope: Scope, findings: &mut Vec<Finding>) {
        let mut all = List::default();
        for route in &self.list {
            // A path that is not valid is a finding of its own.
            drop(all.add(&route.path));
        }
        let is_known = |named: &str| {
            let prefixes = self
                .list
                .iter()
                .filter(|route| route.matches == Matches::Prefix);
            all.contains(named)
                || prefixes.clone().any(|prefix| is_inside(named, &prefix.path))
                // The router around this one may have a prefix.
                || scope == Scope::Part && suffixes(named).any(|suffix| all.contains(suffix))
        };
        // What one route allows is allowed wherever the same layer lists the same route.
        let (allowing, others): (Vec<_>, Vec<_>) = self
            .list
            .iter()
            .chain(&self.fallback)
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
}

impl Route {
    fn allows(&self, concern: Option<Concern>) -> bool {
        let mut allowed = self.options.allowed.iter();
        allowed.any(|(allowed, _)| Some(*allowed) == concern)
    }

    /// Whether both are for one version, or one is for all.
    pub(super) fn shares_version(&self, other: &Self) -> bool {
        let (ours, others) = (&self.options.versions, &other.options.versions);
        ours.is_empty() || others.is_empty() || ours.iter().any(|version| others.contains(version))
    }

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

    /// The layers that act on requests to this route, or may.
    pub(super) fn acting_layers(&self) -> impl Iterator<Item = &Description> {
        let layers = self.layers.iter().map(|(_, layer)| layer);
        layers.filter(|layer| self.is_acting(layer))
    }

    /// Whether this layer acts on requests to this route, or may.
    pub(super) fn is_acting(&self, layer: &Description) -> bool {
        layer.bypasses().iter().all(|bypass| match bypass {
            Bypass::OtherRoutes(routes) => lists(routes, &self.path),
            Bypass::Routes(routes) => !lists(routes, &self.path),
            _ => true,
        })
    }

    /// Whether requests to this route may change something (RFC 9110, section 9.2.1).
    fn is_unsafe(&self) -> bool {
        match &self.matches {
            Matches::Method(method) => !method.is_safe() && *method != "QUERY",
            // The routes of another router are not known.
            Matches::AnyMethod | Matches::Prefix | Matches::Nothing => false,
        }
    }

    pub(super) fn securities(&self) -> impl Iterator<Item = &Security> {
        self.acting_layers().filter_map(Description::security)
    }

    /// The layers that protect the route from forged requests.
    pub(super) fn csrf_protections(&self) -> impl Iterator<Item = &Description> {
        self.acting_layers().filter(|layer| {
            let protection = layer.csrf();
            protection.is_some_and(|protection| !lists(protection.exempt_routes(), &self.path))
        })
    }
}

/// Whether a route is one of these. The names of parameters do not matter.
fn lists(routes: &[String], path: &str) -> bool {
    routes.iter().any(|route| same_route(route, path))
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

/// A route that is for versions which no request can name.
fn check_versions(route: &Route, findings: &mut Vec<Finding>) {
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
    let is_chosen = |bypass: &Bypass| matches!(bypass, Bypass::Chosen(_));
    if layer.bypasses().iter().any(is_chosen) {
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

/// A layer of a nested `Api` that belongs outside one of the outer `Api`. Within one `Api` the
/// compiler proves the order.
fn check_order(route: &Route, findings: &mut Vec<Finding>) {
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

fn check_allowances(route: &Route, findings: &mut Vec<Finding>) {
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

/// Parameters of the path that the handler, an input or the key of a limit asks for, and the path lacks.
fn check_parameters(route: &Route, findings: &mut Vec<Finding>) {
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

fn check_csrf(route: &Route, findings: &mut Vec<Finding>) {
    let sent_by_browser = |security: &Security| security.is_sent_by_browser() == Some(true);
    if !route.is_unsafe()
        || !route.securities().any(sent_by_browser)
        || route
            .csrf_protections()
            .any(|layer| !may_be_bypassed(layer))
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

/// Whether a closure decides for each request whether the layer acts. What it decides is not known.
fn may_be_bypassed(layer: &Description) -> bool {
    let mut bypasses = layer.bypasses().iter();
    bypasses.any(|bypass| matches!(bypass, Bypass::Chosen(_)))
}

/// Pages that may send credentials to the route according to CORS, and whose requests are rejected
/// nevertheless. Patterns, closures and conditions are not known, so nothing is concluded from them.
fn check_trusted_origins(route: &Route, findings: &mut Vec<Finding>) {
    let Matches::Method(method) = &route.matches else {
        return;
    };
    // Their origin is not checked.
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return;
    }
    let sharing = route
        .acting_layers()
        .filter(|layer| !may_be_bypassed(layer));
    let allowed = sharing.filter_map(|layer| Some((layer, layer.cors()?)));
    let allowed = allowed.filter(|(_, access)| {
        access.allows_credentials() && (*method == Method::POST || access.allows_method(method))
    });
    for (cors, access) in allowed {
        for csrf in route
            .csrf_protections()
            .filter(|layer| !may_be_bypassed(layer))
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

fn check_cache(route: &Route, findings: &mut Vec<Finding>) {
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

fn check_limit(route: &Route, findings: &mut Vec<Finding>) {
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
fn check_quota_names(route: &Route, findings: &mut Vec<Finding>) {
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
fn check_body(route: &Route, findings: &mut Vec<Finding>) {
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
    layers.all(may_be_bypassed).then_some((reason, remedy))
}

fn check_scopes(route: &Route, findings: &mut Vec<Finding>) {
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

/// A CORS policy that does not let pages of other origins call the route, although it is around it.
fn check_cors(route: &Route, findings: &mut Vec<Finding>) {
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
