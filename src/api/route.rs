//! One route, without its types.

use std::{borrow::Cow, convert::Infallible, sync::Arc};

use axum::{Router, extract::MatchedPath};
use http::Method;
use tower_service::Service;

use super::{
    documentation::RouteTypes,
    mount::{Mount, Mounted},
};
use crate::{
    compose::{Describe, Nil, rows},
    contract::{
        Description,
        description::{VersionCarrier, VersionPolicy},
        log_passing,
    },
    integrations::axum::{Erased, HANDLER_STAGE, Inner, PathUse, RouteOptions},
    request::PathParams,
};

/// The name of the stage and the description of each layer, outermost first.
pub(super) type Layers = Vec<(&'static str, Description)>;

/// A route with its state still to come.
pub(super) struct Route<S> {
    pub(super) matches: Matches,
    pub(super) path: String,
    /// The prefix of the nested `Api` that the route comes from; empty if there is none.
    pub(super) nested_under: String,
    pub(super) access: Access,
    pub(super) layers: Layers,
    pub(super) options: RouteOptions,
    pub(super) path_use: PathUse,
    pub(super) document: DocumentedRoute,
    /// Around the answers that the path gives itself.
    pub(super) around: Around,
    pub(super) build: Build<S>,
}

/// What a document says of a route.
#[cfg_attr(
    not(feature = "openapi"),
    expect(dead_code, reason = "only the document reads it")
)]
#[derive(Clone, Default)]
pub(super) struct DocumentedRoute {
    pub(super) types: RouteTypes,
    /// The path of the function.
    pub(super) handler_name: &'static str,
    /// The title of the nested `Api` that it comes from.
    pub(super) group: Option<Cow<'static, str>>,
    /// Why its types are not documented, where the types of others are.
    pub(super) undocumented: Option<Arc<str>>,
}

impl DocumentedRoute {
    /// Whether the types of the route have schemas.
    #[cfg_attr(
        not(feature = "openapi"),
        expect(
            clippy::unused_self,
            reason = "no route has schemas without the feature"
        )
    )]
    pub(super) const fn is_documented(&self) -> bool {
        #[cfg(feature = "openapi")]
        return self.types.documented.is_some();
        #[cfg(not(feature = "openapi"))]
        false
    }
}

/// Puts the stack around the handler, with this state, for the route of this path.
pub(super) type Build<S> = Arc<dyn Fn(&S, Params, &str) -> Mounted + Send + Sync>;

/// The requests to its path that a route answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matches {
    Method(Method),
    AnyMethod,
    /// Every method, and every path that starts with it.
    Prefix,
    /// What no other route answers.
    Nothing,
}

/// Who may call a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Who meets the demand of the `Api`.
    Guarded,
    /// Anybody: the `Api` demands nothing.
    Open,
    /// Anybody, for this reason.
    Public(Arc<str>),
}

/// Who has matched the path of a request, and has its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Params {
    /// The `Api`.
    Own,
    /// axum's router.
    Axum,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// A handler in its stack, inside `guard`, inside `around`.
    pub(super) fn handled<L, A, D, R>(
        matches: Matches,
        path: &str,
        access: Access,
        handled: Arc<Inner<L, S>>,
        types: RouteTypes,
        (around, guard, outer): (&A, &D, &Around),
    ) -> Self
    where
        L: Mount<A, D, R> + Describe,
        A: Describe + Clone + Send + Sync + 'static,
        D: Describe + Clone + Send + Sync + 'static,
    {
        let mut layers = rows(around);
        layers.extend(rows(guard));
        // The compiler has proven what the route assumes.
        let own = rows(&handled.list).into_iter();
        layers.extend(own.map(|(stage, layer)| (stage, layer.proven())));
        let handler = handled.description.clone();
        layers.extend(handler.map(|description| (HANDLER_STAGE, description)));
        let options = handled.options.clone();
        let path_use = handled.path_use.clone();
        let needs_axum = path_use.may_read_axum_params && !options.direct;
        let (around, guard) = (around.clone(), guard.clone());
        let is_fallback = matches == Matches::Nothing;
        Self {
            matches,
            path: path.to_owned(),
            nested_under: String::new(),
            access,
            layers,
            options,
            path_use,
            document: DocumentedRoute {
                types,
                handler_name: handled.name,
                ..DocumentedRoute::default()
            },
            around: outer.clone(),
            build: Arc::new(move |state, params, path| {
                let mut handler = handled.handler(state.clone());
                if needs_axum && params == Params::Own {
                    let router = Router::new();
                    handler = through_axum(if is_fallback {
                        router.fallback_service(handler)
                    } else {
                        router.route_service(path, handler)
                    });
                }
                handled.list.mount(&around, &guard, handler)
            }),
        }
    }

    /// The same route inside the layers of an outer `Api`.
    pub(super) fn nested(self, prefix: &str, outer: &Around) -> Self {
        let Self { build, around, .. } = self;
        let mut layers = outer.layers.clone();
        layers.extend(self.layers);
        let path = match &*self.path {
            "/" if !prefix.is_empty() => prefix.to_owned(),
            path => format!("{prefix}{path}"),
        };
        Self {
            matches: self.matches,
            path,
            nested_under: format!("{prefix}{}", self.nested_under),
            access: self.access,
            layers,
            options: self.options,
            path_use: self.path_use,
            document: self.document,
            around: outer.outside(around),
            build: {
                let outer = outer.clone();
                Arc::new(move |state, params, path| {
                    outer.put(build(state, params, path).into_handler())
                })
            },
        }
    }
}

impl<S> Route<S> {
    /// The method and the path, and the versions if it is for some only.
    pub(super) fn name(&self) -> String {
        let Self { matches, path, .. } = self;
        match matches {
            Matches::Method(method) => match &*self.options.versions {
                [] => format!("{method} {path}"),
                [one] => format!("{method} {path} (version {one})"),
                several => format!("{method} {path} (versions {})", several.join(", ")),
            },
            Matches::AnyMethod => format!("* {path}"),
            Matches::Prefix => format!("* {path}/{{*rest}}"),
            Matches::Nothing => "fallback".to_owned(),
        }
    }

    /// How a request names the version that the route depends on.
    pub(super) fn version_policy(&self) -> Option<&VersionPolicy> {
        self.acting_layers().find_map(Description::version_policy)
    }

    /// The versions that the route is for; all if there are none.
    pub(super) fn versions(&self) -> Vec<&str> {
        if !self.options.versions.is_empty() {
            return self.options.versions.iter().map(String::as_str).collect();
        }
        let in_path = self.version_policy().and_then(|policy| {
            let VersionCarrier::Path(prefix) = policy.carrier() else {
                return None;
            };
            let index = policy.of_path(prefix, &self.path).ok()?;
            policy.names().get(index)
        });
        in_path.map(String::as_str).into_iter().collect()
    }

    /// The paths, as they are written in a router: three for a prefix.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = vec![self.path.clone()];
        if self.matches == Matches::Prefix {
            let prefix = &self.path;
            paths.extend([format!("{prefix}/"), format!("{prefix}/{{*rest}}")]);
        }
        paths
    }
}

/// A handler that axum's router calls, so that it can read what only that router leaves in a request.
pub(super) fn through_axum(router: Router) -> Erased {
    Erased::new(move |mut request| {
        let extensions = request.extensions_mut();
        // The router would append its route to this one.
        extensions.remove::<MatchedPath>();
        // It leaves all parameters, also those of routes further in, which these would hide.
        extensions.remove::<PathParams>();
        let mut router = router.clone();
        let response = router.call(request);
        Box::pin(async move {
            let response = response.await;
            let mut response = response.unwrap_or_else(|never: Infallible| match never {});
            log_passing(&mut response);
            response
        })
    })
}

/// The layers around all routes, without their types.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) layers: Layers,
    put: Arc<dyn Fn(Erased) -> Mounted + Send + Sync>,
}

impl Around {
    pub(super) fn new<A, R>(around: &A) -> Self
    where
        A: Describe + Clone + Send + Sync + 'static,
        Nil: Mount<A, Nil, R>,
    {
        let layers = rows(around);
        let around = around.clone();
        Self {
            layers,
            put: Arc::new(move |handler| Nil.mount(&around, &Nil, handler)),
        }
    }

    /// Puts the layers around a handler.
    pub(super) fn put(&self, handler: Erased) -> Mounted {
        (self.put)(handler)
    }

    /// These layers around others.
    fn outside(&self, inner: Self) -> Self {
        let mut layers = self.layers.clone();
        layers.extend(inner.layers);
        let outer = Arc::clone(&self.put);
        let inner = inner.put;
        Self {
            layers,
            put: Arc::new(move |handler| outer(inner(handler).into_handler())),
        }
    }
}

/// Whether requests of this method may have a body that means something (RFC 9110, section 9.3).
pub(super) fn takes_body(method: &Method) -> bool {
    ![
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ]
    .contains(method)
}
