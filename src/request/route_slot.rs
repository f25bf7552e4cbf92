//! A place for the route of a request, for layers around what finds it.

use std::sync::{Arc, OnceLock};

use http::Extensions;

/// Where a layer outside of the router reads the route afterwards. It is in the extensions of requests that
/// have no route yet.
#[derive(Clone, Default)]
pub(crate) struct RouteSlot(Arc<OnceLock<Box<str>>>);

impl RouteSlot {
    /// The slot of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The route, if it has been found.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(|route| &**route)
    }

    /// Notes the route that was found.
    pub(crate) fn note(&self, route: &str) {
        self.0.get_or_init(|| route.into());
    }
}
