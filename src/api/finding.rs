//! What is wrong with the routes of an [`Api`](super::Api), found when it is built.

use std::{collections::HashMap, fmt};

use super::{
    builder::Routes,
    route::{Access, Matches, Route},
};
use crate::{integrations::axum::Concern, request::Routes as Syntax, wire::ConfigError};

/// One thing that is wrong with the routes of an [`Api`](crate::Api), or not intended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What a route can [allow](crate::Handled::allow); `None` if no program can intend it.
    pub concern: Option<Concern>,
    /// The route: `POST /users`, for example. It is empty if it is not about one route.
    pub route: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// In one line.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            concern,
            route,
            reason,
            remedy,
        } = self;
        if !route.is_empty() {
            write!(f, "{route}: ")?;
        }
        write!(f, "{reason}; {remedy}")?;
        if let Some(concern) = concern {
            write!(
                f,
                " (or, if it is intended, `.allow(Concern::{concern:?}, \"why\")` on the handler)"
            )?;
        }
        Ok(())
    }
}

impl Finding {
    fn fault(route: impl Into<String>, reason: impl Into<String>, remedy: &str) -> Self {
        Self {
            concern: None,
            route: route.into(),
            reason: reason.into(),
            remedy: remedy.to_owned(),
        }
    }

    pub(super) fn without_reason() -> Self {
        Self::fault(
            "",
            "`.public(..)` has an empty reason",
            "say why anybody may call these routes",
        )
    }

    pub(super) fn second_fallback() -> Self {
        Self::fault("", "there are two fallbacks", "remove one of them")
    }

    pub(super) fn nested_fallback(prefix: &str) -> Self {
        Self::fault(
            prefix,
            "the nested `Api` has a fallback, which would never be called",
            "set the fallback on the outermost `Api`",
        )
    }

    /// What is wrong with the prefix of nested routes.
    pub(super) fn of_prefix(prefix: &str) -> Option<Self> {
        let remedy = "write it as `/admin`, for example";
        if let Err(reason) = Syntax::default().add(prefix) {
            return Some(Self::fault(prefix, reason, remedy));
        }
        let wrong = prefix.ends_with('/') || prefix.contains("{*");
        wrong.then(|| Self::fault(prefix, "a prefix can't end with `/` or `{*rest}`", remedy))
    }

    /// The finding about a route of an `Api` that is nested under this prefix.
    pub(super) fn inside(mut self, prefix: &str) -> Self {
        if self.route.is_empty() {
            prefix.clone_into(&mut self.route);
        } else if let Some((method, path)) = self.route.split_once(' ') {
            self.route = format!("{method} {prefix}{path}");
        }
        self
    }

    /// All findings as one error.
    pub(super) fn error(findings: &[Self]) -> ConfigError {
        let mut message = match findings.len() {
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        for finding in findings {
            message.push_str("\n- ");
            message.push_str(&finding.to_string());
        }
        ConfigError::new("Api", message)
    }
}

impl<S> Routes<S> {
    /// All findings that no route allows.
    pub(super) fn check(&self) -> Vec<Finding> {
        let mut findings = self.faults.clone();
        findings.extend(self.check_paths());
        for route in &self.list {
            findings.extend(check_parameters(route));
        }
        findings
    }

    /// Paths that are not valid, and routes that collide.
    fn check_paths(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut tree = matchit::Router::new();
        let mut seen: HashMap<&str, Vec<&Route<S>>> = HashMap::new();
        for route in &self.list {
            let path = &*route.path;
            if let Err(reason) = Syntax::default().add(path) {
                findings.push(Finding::fault(route.name(), reason, "correct the path"));
                continue;
            }
            let same = seen.entry(path).or_default();
            let collides = |other: &&&Route<S>| {
                other.matches == route.matches
                    || [&other.matches, &route.matches]
                        .iter()
                        .any(|one| !matches!(one, Matches::Method(_)))
            };
            if let Some(other) = same.iter().find(collides) {
                findings.push(Finding::fault(
                    route.name(),
                    format!("the route collides with `{}`", other.name()),
                    "remove one of them",
                ));
            } else if same.is_empty() {
                let mut paths = vec![path.to_owned()];
                if route.matches == Matches::Prefix {
                    paths.push(format!("{path}/"));
                    paths.push(format!("{path}/{{*rest}}"));
                }
                for path in paths {
                    if let Err(matchit::InsertError::Conflict { with }) = tree.insert(path, ()) {
                        findings.push(Finding::fault(
                            route.name(),
                            format!("the path collides with `{with}`"),
                            "give their parameters the same names, or change one of the paths",
                        ));
                    }
                }
            }
            same.push(route);
        }
        findings
    }
}

/// Parameters of the path that the handler takes and the path does not have.
fn check_parameters<S>(route: &Route<S>) -> Vec<Finding> {
    let names = names(&route.path);
    let takes = route.path_use.takes.iter();
    let wrong = takes.filter_map(|takes| takes(&names).err());
    wrong
        .map(|reason| {
            let remedy = "change the path, or the type in the handler's `Path<..>`";
            Finding::fault(route.name(), reason, remedy)
        })
        .collect()
}

/// The names of the parameters of a valid path, in order.
pub(super) fn names(path: &str) -> Vec<&str> {
    let segments = path.split('/');
    segments
        .filter_map(|segment| {
            let open = segment.replace("{{", "__").rfind('{')?;
            let name = segment.get(open + 1..)?.strip_suffix('}')?;
            Some(name.strip_prefix('*').unwrap_or(name))
        })
        .collect()
}

impl<S> Route<S> {
    /// The method and the path.
    pub(super) fn name(&self) -> String {
        let Self { matches, path, .. } = self;
        match matches {
            Matches::Method(method) => format!("{method} {path}"),
            Matches::AnyMethod => format!("* {path}"),
            Matches::Prefix => format!("* {path}/.."),
            Matches::Nothing => "fallback".to_owned(),
        }
    }

    /// Why the route is public, if it is.
    pub(super) fn public_reason(&self) -> Option<&str> {
        match &self.access {
            Access::Guarded => None,
            Access::Public(why) => Some(why),
        }
    }
}
