//! The routes that are not checked.

use http::{Extensions, Uri};

use super::error;
use crate::wire::ConfigError;

/// Routes as the router names them, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Exempt(Vec<Box<str>>);

impl Exempt {
    pub(super) fn add(&mut self, route: &str) -> Result<(), ConfigError> {
        if !route.starts_with('/') {
            return Err(error(format!(
                "the exemption `{route}` must start with `/`"
            )));
        }
        if route.contains(['?', '#']) {
            return Err(error(format!(
                "the exemption `{route}` must end with the path"
            )));
        }
        // axum writes `{*rest}` where it means the rest of a path.
        let stars = route.match_indices('*');
        let mut before = stars.map(|(at, _)| route.get(..at).unwrap_or_default());
        if before.any(|before| !before.ends_with('{')) {
            return Err(error(format!(
                "the exemption `{route}` is no pattern: write the route as the router has it, \
                 `/hooks/{{name}}`, or one exact path"
            )));
        }
        if let Err(place) = self.find(route) {
            self.0.insert(place, route.into());
        }
        Ok(())
    }

    /// Whether the request is for one of them.
    pub(super) fn holds(&self, uri: &Uri, extensions: &Extensions) -> bool {
        !self.0.is_empty() && self.find(routed(uri, extensions)).is_ok()
    }

    fn find(&self, route: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|one| (**one).cmp(route))
    }
}

/// The route that the router has chosen. Without a router, the path byte for byte as it came:
/// whatever is made of it further in, a redirect or another spelling, was not named.
#[cfg(feature = "axum")]
fn routed<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a str {
    use axum::extract::{MatchedPath, OriginalUri};

    if let Some(matched) = extensions.get::<MatchedPath>() {
        return matched.as_str();
    }
    // A nested router takes the prefix away, and `/admin/hooks` would be `/hooks`.
    extensions
        .get()
        .map_or(uri, |OriginalUri(original)| original)
        .path()
}

#[cfg(not(feature = "axum"))]
fn routed<'a>(uri: &'a Uri, _: &'a Extensions) -> &'a str {
    uri.path()
}
