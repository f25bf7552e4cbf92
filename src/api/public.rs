//! Routes that anybody may call: [`PublicRoutes`].

use std::{convert::Infallible, fmt, marker::PhantomData, sync::Arc};

use axum::{body::Body, response::IntoResponse};
use http::{Method, Request};
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use super::{
    builder::Api,
    documentation::{Documents, Nests, RouteTypes, TakesServices, Undocumented},
    finding::Finding,
    mount::Mount,
    proof::{Enclose, InOrder, Nothing},
    route::{
        Access, DocumentedRoute, Matches, Params, Route, RouteStart, through_axum, with_state,
    },
    routes::Routes,
};
use crate::{
    compose::{Describe, Nil},
    contract::log_passing,
    integrations::axum::{Erased, Inner, PathUse, RouteHandler, RouteOptions},
};

/// Takes routes that anybody may call; see [`Api::public`].
///
/// They are inside the layers [around](Api::around) the `Api`, but not inside those that
/// [guard](Api::guard) it.
#[must_use]
pub struct PublicRoutes<S, A, M = Undocumented> {
    routes: Routes,
    around: A,
    reason: Arc<str>,
    types: PhantomData<fn(S) -> M>,
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("Adds a public route for `", stringify!($method), "`.")]
        ///
        /// See [`Api::route`].
        pub fn $name<H, I, R>(self, path: &str, handler: H) -> Self
        where
            H: RouteHandler<S>,
            H::Layers: InOrder<<A as Enclose<Nothing>>::Out, I> + Mount<A, Nil, R> + Describe,
            A: Enclose<Nothing>,
            M: Documents<H>,
        {
            // Nothing else in here is compiled again for each handler.
            self.add(Method::$method, path, handler.into_handled().inner, M::types())
        }
    )*};
}

impl<S, A, M> PublicRoutes<S, A, M>
where
    S: Clone + Send + Sync + 'static,
    A: Describe + Clone + Send + Sync + 'static,
{
    methods! {
        get GET
        post POST
        put PUT
        patch PATCH
        delete DELETE
    }

    /// Adds a public route for a method.
    ///
    /// See [`Api::route`].
    pub fn route<H, I, R>(self, method: Method, path: &str, handler: H) -> Self
    where
        H: RouteHandler<S>,
        H::Layers: InOrder<<A as Enclose<Nothing>>::Out, I> + Mount<A, Nil, R> + Describe,
        A: Enclose<Nothing>,
        M: Documents<H>,
    {
        self.add(method, path, handler.into_handled().inner, M::types())
    }

    fn add<L, R>(
        mut self,
        method: Method,
        path: &str,
        handler: Arc<Inner<L, S>>,
        types: RouteTypes,
    ) -> Self
    where
        L: Mount<A, Nil, R> + Describe,
    {
        let route = self.handled(Matches::Method(method), path, handler, types);
        self.routes.list.push(route);
        self
    }

    /// Answers requests whose path has no route, instead of 404.
    pub fn fallback<H, I, R>(mut self, handler: H) -> Self
    where
        H: RouteHandler<S>,
        H::Layers: InOrder<<A as Enclose<Nothing>>::Out, I> + Mount<A, Nil, R> + Describe,
        A: Enclose<Nothing>,
    {
        let handler = handler.into_handled().inner;
        // No path of a document leads here.
        let route = self.handled(Matches::Nothing, "/", handler, RouteTypes::default());
        self.add_fallback(route);
        self
    }

    /// Forwards requests whose path has no route to a service, instead of answering 404: for example,
    /// to the router of an application whose routes move into the `Api` one by one.
    pub fn fallback_service<T>(mut self, service: T) -> Self
    where
        M: TakesServices,
        T: Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        let route = self.foreign(Matches::Nothing, "/", service);
        self.add_fallback(route);
        self
    }

    /// Forwards all requests to a path, whatever their method, to a service.
    pub fn service<T>(mut self, path: &str, service: T) -> Self
    where
        M: TakesServices,
        T: Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        let route = self.foreign(Matches::AnyMethod, path, service);
        self.routes.list.push(route);
        self
    }

    /// Adds a router of axum under a prefix, as `Router::nest_service` does: the router answers for
    /// every path under it. Its routes are not checked.
    pub fn router(self, prefix: &str, router: axum::Router<S>) -> Self
    where
        M: TakesServices,
    {
        self.add_router(prefix, router, None)
    }

    /// The same in any mode; `undocumented` says why a documented `Api` has no schemas for it.
    pub(super) fn add_router(
        mut self,
        prefix: &str,
        router: axum::Router<S>,
        undocumented: Option<&str>,
    ) -> Self {
        if let Some(fault) = Finding::of_prefix(prefix) {
            self.routes.faults.push(fault);
            return self;
        }
        let around = self.routes.around.clone();
        let route = Route {
            matches: Matches::Prefix,
            path: prefix.to_owned(),
            nested_under: String::new(),
            access: Access::Public(Arc::clone(&self.reason)),
            layers: around.layers.clone(),
            options: RouteOptions::default(),
            path_use: PathUse::default(),
            document: DocumentedRoute {
                undocumented: undocumented.map(Arc::from),
                ..DocumentedRoute::default()
            },
            around: around.clone(),
            build: Arc::new(move |state, params, path| {
                around.put(with_state(state, |state: &S| {
                    let router = router.clone().with_state(state.clone());
                    through_axum(match params {
                        Params::Own => axum::Router::new().nest_service(path, router),
                        // axum has removed the prefix.
                        Params::Axum => router,
                    })
                }))
            }),
        };
        self.routes.list.push(route);
        self
    }

    /// Adds the routes of an `Api` with another demand under a prefix.
    ///
    /// See [`Api::nest`].
    pub fn nest<G, A2, D2, M2>(mut self, prefix: &str, mut api: Api<G, S, A2, D2, M2>) -> Self
    where
        M: Nests<M2>,
    {
        for route in &mut api.routes.list {
            if !matches!(route.access, Access::Public(_)) {
                route.access = Access::Public(Arc::clone(&self.reason));
            }
        }
        self.routes.add_all(Some(prefix), api.routes);
        self
    }

    /// Adds routes whose types the document does not describe, in a documented `Api`, and says why.
    /// The audit shows the reason.
    ///
    /// It is the only way to add a service or a router of another crate there.
    #[cfg(feature = "openapi")]
    pub fn undocumented<F>(self, reason: &str, add: F) -> Self
    where
        F: FnOnce(PublicRoutes<S, A>) -> PublicRoutes<S, A>,
    {
        let before = self.routes.list.len();
        let added = add(PublicRoutes {
            routes: self.routes,
            around: self.around,
            reason: self.reason,
            types: PhantomData,
        });
        let mut routes = added.routes;
        routes.mark_undocumented(before, reason);
        Self {
            routes,
            around: added.around,
            reason: added.reason,
            types: PhantomData,
        }
    }

    fn handled<L, R>(
        &self,
        matches: Matches,
        path: &str,
        handler: Arc<Inner<L, S>>,
        types: RouteTypes,
    ) -> Route
    where
        L: Mount<A, Nil, R> + Describe,
    {
        let start = RouteStart {
            matches,
            path,
            access: Access::Public(Arc::clone(&self.reason)),
            types,
            around: &self.routes.around,
        };
        Route::handled(start, handler, (&self.around, &Nil))
    }

    fn foreign<T>(&self, matches: Matches, path: &str, service: T) -> Route
    where
        T: Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        let service = service.map_response(IntoResponse::into_response);
        let service = BoxCloneSyncService::new(service);
        let around = self.routes.around.clone();
        Route {
            matches,
            path: path.to_owned(),
            nested_under: String::new(),
            access: Access::Public(Arc::clone(&self.reason)),
            layers: around.layers.clone(),
            options: RouteOptions::default(),
            path_use: PathUse::default(),
            document: DocumentedRoute::default(),
            around: around.clone(),
            build: Arc::new(move |_, params, path| {
                let service = service.clone();
                if params == Params::Own && path.contains('{') {
                    // A handler of axum in there may read the parameters.
                    let router = axum::Router::new().route_service(path, service);
                    return around.put(through_axum(router));
                }
                around.put(Erased::new(move |request| {
                    let service = service.clone();
                    Box::pin(async move {
                        let response = service.oneshot(request).await;
                        let mut response = response.unwrap_or_else(|never| match never {});
                        log_passing(&mut response);
                        response
                    })
                }))
            }),
        }
    }

    fn add_fallback(&mut self, route: Route) {
        if self.routes.fallback.replace(route).is_some() {
            self.routes.faults.push(Finding::second_fallback());
        }
    }
}

impl<S, A, M> PublicRoutes<S, A, M> {
    pub(super) fn new(routes: Routes, around: A, reason: &str) -> Self {
        Self {
            routes,
            around,
            reason: reason.trim().into(),
            types: PhantomData,
        }
    }

    pub(super) fn into_parts(self) -> (Routes, A) {
        (self.routes, self.around)
    }
}

impl<S, A, M> fmt::Debug for PublicRoutes<S, A, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicRoutes")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
