//! All routes of an [`Api`](crate::Api), without its types.

use std::borrow::Cow;

#[cfg(feature = "testing")]
use http::Method;

use super::{
    finding::Finding,
    route::{Around, Route},
};
#[cfg(feature = "testing")]
use crate::contract::Description;

/// What an `Api` holds, whatever its types are.
pub(super) struct Routes {
    pub(super) title: Cow<'static, str>,
    pub(super) version: Cow<'static, str>,
    pub(super) list: Vec<Route>,
    pub(super) fallback: Option<Route>,
    pub(super) trailing_slash: TrailingSlash,
    pub(super) not_found: bool,
    pub(super) around: Around,
    /// What is wrong, and can't be allowed.
    pub(super) faults: Vec<Finding>,
}

/// A route of a method, and the layers that act on it, outermost first.
#[cfg(feature = "testing")]
#[derive(Debug)]
pub(crate) struct DescribedRoute {
    pub(crate) method: Method,
    /// As it is written in a router.
    pub(crate) path: String,
    pub(crate) layers: Vec<Description>,
    /// The versions that the handler is for; all if there are none.
    pub(crate) versions: Vec<String>,
}

/// Whether the routes are all there is, or are added to a router that may have a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Whole,
    Part,
}

/// The answer to a request whose path differs from a route only by a slash at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrailingSlash {
    /// 404, as from axum's router.
    #[default]
    NotFound,
    /// 308 to the path of the route, with the query.
    Redirect,
}

impl Routes {
    /// Adds the routes of another `Api`, under a prefix if there is one.
    pub(super) fn add_all(&mut self, prefix: Option<&str>, inner: Self) {
        let fault = prefix.and_then(Finding::of_prefix);
        let prefix = prefix.unwrap_or_default();
        let group = inner.title;
        let faults = inner.faults.into_iter();
        self.faults.extend(faults.map(|fault| fault.inside(prefix)));
        if let Some(fault) = fault {
            // Each of the routes would be a finding again.
            self.faults.push(fault);
        } else {
            let routes = inner.list.into_iter();
            let routes = routes.map(|mut route| {
                let document = &mut route.document;
                document.group.get_or_insert_with(|| group.clone());
                route.nested(prefix, &self.around)
            });
            self.list.extend(routes);
        }
        if inner.fallback.is_some() {
            self.faults.push(Finding::nested_fallback(prefix));
        }
    }

    /// The routes from this place on are not documented, for this reason.
    #[cfg(feature = "openapi")]
    pub(super) fn mark_undocumented(&mut self, from: usize, reason: &str) {
        let reason = reason.trim();
        if reason.is_empty() {
            self.faults.push(Finding::undocumented_without_reason());
        }
        for route in self.list.iter_mut().skip(from) {
            let undocumented = &mut route.document.undocumented;
            undocumented.get_or_insert_with(|| reason.into());
        }
    }
}
