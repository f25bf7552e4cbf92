//! A list of routes, written as in axum's router and checked when it is built.

use std::{cmp::Ordering, fmt};

/// Routes as they are written in the router, sorted.
///
/// The name of a parameter does not matter: `/users/{id}` and `/users/{user}` are one route.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Routes(Vec<Box<str>>);

impl Routes {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The routes as they are written, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|route| &**route)
    }

    /// Adds a route; `false` if it is listed already.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what to write instead.
    pub(crate) fn add(&mut self, route: &str) -> Result<bool, String> {
        check(route)?;
        let index = self.find(route);
        if let Err(index) = index {
            self.0.insert(index, route.into());
        }
        Ok(index.is_err())
    }

    /// Whether the route, which a router has matched, is one of them.
    pub(crate) fn contains(&self, route: &str) -> bool {
        self.find(route).is_ok()
    }

    /// Whether the path is written exactly as one of them, byte by byte.
    pub(crate) fn contains_path(&self, path: &str) -> bool {
        let index = self.find(path).ok();
        index
            .and_then(|index| self.0.get(index))
            .is_some_and(|route| **route == *path)
    }

    fn find(&self, route: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|known| compare(known, route))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

/// Whether two routes are the same. The names of their parameters do not matter.
pub(crate) fn same_route(one: &str, other: &str) -> bool {
    compare(one, other).is_eq()
}

/// Compares two routes without the names of their parameters.
fn compare(one: &str, other: &str) -> Ordering {
    without_names(one).cmp(without_names(other))
}

/// The bytes of a route: `/users/{id}` and `/{*rest}` become `/users/{}` and `/{*}`.
fn without_names(route: &str) -> impl Iterator<Item = u8> {
    let mut in_name = false;
    let mut bytes = route.bytes().peekable();
    std::iter::from_fn(move || {
        loop {
            let byte = bytes.next()?;
            match byte {
                // `{{` stands for a brace in the path.
                b'{' if !in_name => in_name = bytes.next_if_eq(&b'{').is_none(),
                b'}' if in_name => in_name = false,
                b'*' => {}
                _ if in_name => continue,
                _ => {}
            }
            return Some(byte);
        }
    })
}

/// Checks a route against the syntax of axum 0.8.
fn check(route: &str) -> Result<(), String> {
    let wrong = |reason: &str| Err(format!("the route `{route}` {reason}"));
    if !route.starts_with('/') {
        return wrong("must start with `/`");
    }
    if route.contains(['?', '#']) {
        return wrong("must be a path without query and fragment");
    }
    let mut segments = route.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if let Some(name) = segment.strip_prefix(':') {
            return wrong(&format!("has a parameter `:{name}`: write `{{{name}}}`"));
        }
        let Some(parameter) = parameter(segment) else {
            return wrong(
                "has unpaired braces, or a parameter without a name or with text after it: write \
                 `{name}` at the end of a segment, and `{{` and `}}` for braces in the path",
            );
        };
        let before = parameter.and_then(|name| segment.strip_suffix('}')?.strip_suffix(name));
        if before.unwrap_or(segment).contains('*') {
            return wrong(
                "is not written as in the router: write `{*rest}` for the rest of a path",
            );
        }
        if parameter.is_some_and(|name| name.starts_with('*')) && segments.peek().is_some() {
            return wrong("has a parameter for the rest of the path that is not at its end");
        }
    }
    Ok(())
}

/// The names of the parameters of a valid route, in order.
pub(crate) fn parameter_names(route: &str) -> Vec<&str> {
    let named = route.split('/').filter_map(|segment| parameter(segment)?);
    named
        .map(|name| name.strip_prefix('*').unwrap_or(name))
        .collect()
}

/// The name of the parameter at the end of a segment, with its star; `None` if it is not valid.
#[expect(clippy::option_option, reason = "no parameter is valid too")]
fn parameter(segment: &str) -> Option<Option<&str>> {
    let mut rest = segment;
    while let Some(at) = rest.find(['{', '}']) {
        let (_, braces) = rest.split_at(at);
        let literal = braces.strip_prefix("{{");
        if let Some(literal) = literal.or_else(|| braces.strip_prefix("}}")) {
            rest = literal;
            continue;
        }
        let name = braces.strip_prefix('{')?.strip_suffix('}')?;
        let plain = name.strip_prefix('*').unwrap_or(name);
        let valid = !plain.is_empty() && !plain.contains(['{', '}', '*']);
        return valid.then_some(Some(name));
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::Routes;

    #[test]
    fn the_syntax_of_a_route_is_that_of_the_router() {
        let cases = [
            ("", "must start with `/`"),
            ("health", "must start with `/`"),
            ("https://example.com/health", "must start with `/`"),
            ("/health?full", "without query and fragment"),
            ("/health#full", "without query and fragment"),
            ("/users/:id", "write `{id}`"),
            ("/:", "has a parameter `:`"),
            ("/files/*", "write `{*rest}`"),
            ("/files/*rest", "write `{*rest}`"),
            ("/files*", "write `{*rest}`"),
            ("/*/{id}", "write `{*rest}`"),
            ("/*{id}", "write `{*rest}`"),
            ("/*{*rest}", "write `{*rest}`"),
            ("/{*rest}/log", "not at its end"),
            ("/{*rest}/", "not at its end"),
            ("/{}", "without a name"),
            ("/{*}", "without a name"),
            ("/{id", "unpaired braces"),
            ("/id}", "unpaired braces"),
            ("/{a}{b}", "text after it"),
            ("/{a}-b", "text after it"),
            ("/{a/b}", "unpaired braces"),
            ("/{a*}", "without a name"),
        ];
        for (route, says) in cases {
            let fault = Routes::default().add(route).expect_err(route);
            assert!(fault.contains(says), "{route}: {fault}");
            assert!(
                fault.starts_with(&format!("the route `{route}` ")),
                "{fault}"
            );
        }
        let valid = [
            "/",
            "/health",
            "/health/",
            "//",
            "/users/{id}",
            "/a/file-{name}",
            "/{*rest}",
            "/v1/documents:batch",
            "/a{{b}}c",
            "/a%20b",
            "/{a}/{b}/{*c}",
        ];
        for route in valid {
            assert_eq!(Routes::default().add(route), Ok(true), "{route}");
        }
    }

    #[test]
    fn the_name_of_a_parameter_does_not_matter() {
        let mut routes = Routes::default();
        for route in [
            "/users/{id}",
            "/files/{*rest}",
            "/a{{b}}",
            "/z",
            "/file-{name}",
        ] {
            assert_eq!(routes.add(route), Ok(true), "{route}");
        }
        let again = ["/users/{user_id}", "/files/{*path}", "/file-{n}", "/z"];
        for route in again {
            assert_eq!(routes.add(route), Ok(false), "{route}");
            assert!(routes.contains(route), "{route}");
        }
        let others = [
            "/users/{*id}",
            "/users/id",
            "/files/{rest}",
            "/a{b}",
            "/a{{c}}",
            "/",
            "/users/{id}/",
        ];
        for route in others {
            assert!(!routes.contains(route), "{route}");
        }
        assert!(routes.contains_path("/z"));
        assert!(!routes.contains_path("/users/{other}"));
    }
}
