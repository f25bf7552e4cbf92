//! One route, without its types.

use std::{any::Any, borrow::Cow, convert::Infallible, sync::Arc};

use axum::{Router, body::Body, extract::MatchedPath};
use http::Method;
use tower_service::Service;

use super::{
    documentation::RouteTypes,
    mount::{Mount, Mounted, answer},
};
use crate::{
    compose::{Describe, Nil, rows},
    contract::{
        Description,
        description::{Bypass, Security, VersionCarrier, VersionPolicy},
        log_passing,
    },
    integrations::axum::{
        Concern, Erased, HANDLER_STAGE, HandlerFacts, Inner, PathUse, RouteOptions, Stateful,
    },
    request::{PathParams, same_route},
    wire::Problem,
};

/// The name of the stage and the description of each layer, outermost first.
pub(super) type Layers = Vec<(&'static str, Description)>;

/// A route whose state is still to come.
pub(super) struct Route {
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
    pub(super) build: Build,
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
pub(super) type Build = Arc<dyn Fn(&State, Params, &str) -> Mounted + Send + Sync>;

/// The state of an `Api`, without its type, so that what reads its routes is compiled once.
pub(super) type State = dyn Any;

/// Makes a handler of the state, which has the type that the `Api` of the route has.
pub(super) fn with_state<S: 'static>(state: &State, make: impl FnOnce(&S) -> Erased) -> Erased {
    state.downcast_ref().map_or_else(wrong_state, make)
}

#[cold]
fn wrong_state() -> Erased {
    answer(|_| {
        let problem = Problem::misconfigured("the state of the route has another type");
        problem.into_response().map(Body::from)
    })
}

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

impl Route {
    /// A handler in its stack, inside `guard`, inside `around`.
    pub(super) fn handled<L, S, A, D, R>(
        head: RouteStart<'_>,
        handled: Arc<Inner<L, S>>,
        (around, guard): (&A, &D),
    ) -> Self
    where
        L: Mount<A, D, R> + Describe,
        S: Clone + Send + Sync + 'static,
        A: Describe + Clone + Send + Sync + 'static,
        D: Describe + Clone + Send + Sync + 'static,
    {
        // It is compiled for each stack, and leaves to `new` what does not depend on the types.
        let facts = handled.facts.clone();
        let stack = StackOf {
            handled,
            around: around.clone(),
            guard: guard.clone(),
            mount: L::mount,
        };
        Self::new(head, facts, Arc::new(stack))
    }

    fn new(head: RouteStart<'_>, facts: HandlerFacts, stack: Arc<dyn HandlerInStack>) -> Self {
        let RouteStart {
            matches,
            path,
            access,
            types,
            around,
        } = head;
        let [outer, guard, own] = stack.lists();
        let mut layers = rows(outer);
        layers.extend(rows(guard));
        // The compiler has proven what the route assumes.
        let own = rows(own).into_iter();
        layers.extend(own.map(|(stage, layer)| (stage, layer.proven())));
        let HandlerFacts {
            description,
            path_use,
            name,
            options,
        } = facts;
        layers.extend(description.map(|description| (HANDLER_STAGE, description)));
        let needs_axum = path_use.may_read_axum_params && !options.direct;
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
                handler_name: name,
                ..DocumentedRoute::default()
            },
            around: around.clone(),
            build: Arc::new(move |state, params, path| {
                let mut handler = stack.handler().bind(state);
                if needs_axum && params == Params::Own {
                    let router = Router::new();
                    handler = through_axum(if is_fallback {
                        router.fallback_service(handler)
                    } else {
                        router.route_service(path, handler)
                    });
                }
                stack.mount(handler)
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

/// What an `Api` knows of a route, beside its handler.
pub(super) struct RouteStart<'a> {
    pub(super) matches: Matches,
    pub(super) path: &'a str,
    pub(super) access: Access,
    pub(super) types: RouteTypes,
    /// The layers of the `Api`, around the answers that the path gives itself.
    pub(super) around: &'a Around,
}

/// A handler in its stack, without their types.
trait HandlerInStack: Send + Sync {
    /// The layers around the `Api`, those that guard it, and those of the route.
    fn lists(&self) -> [&dyn Describe; 3];

    fn handler(&self) -> &dyn BindState;

    fn mount(&self, handler: Erased) -> Mounted;
}

/// A handler whose state is still to come.
trait BindState {
    fn bind(&self, state: &State) -> Erased;
}

impl<S: Clone + Send + Sync + 'static> BindState for Stateful<S> {
    fn bind(&self, state: &State) -> Erased {
        with_state(state, |state: &S| self.with(state.clone()))
    }
}

struct StackOf<L, S, A, D> {
    handled: Arc<Inner<L, S>>,
    around: A,
    guard: D,
    mount: fn(&L, &A, &D, Erased) -> Mounted,
}

impl<L, S, A, D> HandlerInStack for StackOf<L, S, A, D>
where
    L: Describe + Send + Sync,
    S: Clone + Send + Sync + 'static,
    A: Describe + Send + Sync,
    D: Describe + Send + Sync,
{
    fn lists(&self) -> [&dyn Describe; 3] {
        [&self.around, &self.guard, &self.handled.list]
    }

    fn handler(&self) -> &dyn BindState {
        &self.handled.handler
    }

    fn mount(&self, handler: Erased) -> Mounted {
        (self.mount)(&self.handled.list, &self.around, &self.guard, handler)
    }
}

impl Route {
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

    /// Whether the route says that this is intended.
    pub(super) fn allows(&self, concern: Option<Concern>) -> bool {
        let mut allowed = self.options.allowed.iter();
        allowed.any(|(allowed, _)| Some(*allowed) == concern)
    }

    /// Whether both are for one version, or one is for all.
    pub(super) fn shares_version(&self, other: &Self) -> bool {
        let (ours, others) = (&self.options.versions, &other.options.versions);
        ours.is_empty() || others.is_empty() || ours.iter().any(|version| others.contains(version))
    }

    /// Whether requests to this route may change something (RFC 9110, section 9.2.1).
    pub(super) fn is_unsafe(&self) -> bool {
        match &self.matches {
            Matches::Method(method) => !method.is_safe() && *method != "QUERY",
            // The routes of another router are not known.
            Matches::AnyMethod | Matches::Prefix | Matches::Nothing => false,
        }
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

/// Whether a route is one of these. The names of parameters do not matter.
fn lists(routes: &[String], path: &str) -> bool {
    routes.iter().any(|route| same_route(route, path))
}

/// A handler that axum's router calls, so that it can read what only that router leaves in a request.
pub(super) fn through_axum(router: Router) -> Erased {
    Erased::new(move |mut request| {
        let extensions = request.extensions_mut();
        // The router would append its route to this one.
        extensions.remove::<MatchedPath>();
        // It leaves all parameters, including those of routes further in, which these would hide.
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

    /// The layers that let pages of other origins in.
    pub(super) fn cors(&self) -> impl Iterator<Item = &Description> {
        let layers = self.layers.iter().map(|(_, layer)| layer);
        layers.filter(|layer| layer.cors().is_some())
    }

    /// Whether these layers and others let in the same origins.
    pub(super) fn has_cors_of(&self, other: &Self) -> bool {
        self.cors().eq(other.cors())
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
