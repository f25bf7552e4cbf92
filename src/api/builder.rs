//! [`Api`]: routes with their stacks and handlers, in one value.

use std::{any::type_name, borrow::Cow, fmt, marker::PhantomData, sync::Arc};

use http::Method;

#[cfg(feature = "testing")]
use super::routes::DescribedRoute;
use super::{
    audit::Audit,
    documentation::{Documents, Nests, RouteTypes, Undocumented},
    finding::Finding,
    mount::Mount,
    proof::{Enclose, Guarded, InOrder, Nothing},
    public::PublicRoutes,
    route::{Access, Around, Matches, Route, RouteStart},
    routes::{Routes, Scope, TrailingSlash},
    service::ApiService,
};
#[cfg(feature = "openapi")]
use super::{documentation::Documented, openapi::OpenApi};
use crate::{
    compose::{Cons, Describe, IntoList, Nil, Stack},
    integrations::axum::{Inner, RouteHandler},
    wire::ConfigError,
};

/// Routes, each with its stack and its handler; see the [page](crate::api).
///
/// `G` is what every route has to provide, such as [`Auth<Claims>`](crate::Auth); a route that does
/// not provide it does not compile, unless it is [public](Self::public). `S` is the state. `A` and `D`
/// are the layers [around](Self::around) all routes and [guarding](Self::guard) them; a function that
/// returns an `Api` calls [`finish`](Self::finish) and returns a [`FinishedApi`].
#[must_use]
pub struct Api<G, S = (), A = NotSet, D = NotSet, M = Undocumented> {
    pub(super) routes: Routes,
    around_layers: A,
    guard_layers: D,
    types: PhantomData<fn(S) -> (G, M)>,
}

/// Nothing is set yet: [`Api::around`] or [`Api::guard`] can be called.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NotSet;

/// Implemented by [`NotSet`], and not by layers that are set.
#[diagnostic::on_unimplemented(
    message = "`.around(..)` and `.guard(..)` must be called at most once each, in this order, \
               before the first route and before `.documented()`",
    label = "called too late, or twice",
    note = "move it to the start: `Api::new(..).around(..).guard(..).get(..)`",
    note = "several layers go into one stack: `.around(compose((first, second)))`"
)]
pub trait BeforeRoutes {}

impl BeforeRoutes for NotSet {}

/// The `Api` takes no more routes; see [`Api::finish`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Finished;

/// An [`Api`] that takes no more routes, whatever the layers around it are: what a function returns
/// after [`Api::finish`].
pub type FinishedApi<G, S = (), M = Undocumented> = Api<G, S, Finished, Finished, M>;

/// Settings of an `Api` that still takes routes: all but [`Finished`].
#[diagnostic::on_unimplemented(
    message = "this `Api` takes no more routes: `.finish()` has been called on it",
    label = "`.finish()` has been called",
    note = "call `.finish()` after the last route",
    note = "to add more routes, merge it into another `Api`: \
            `Api::new(..).merge(finished).get(..)`"
)]
pub trait TakesRoutes {}

impl TakesRoutes for NotSet {}
impl TakesRoutes for Nil {}
impl<H, T> TakesRoutes for Cons<H, T> {}

/// The layers around the routes of an `Api`, or [`NotSet`], which stands for none.
pub trait Outer {
    /// The list of layers.
    type List: Describe + Clone + Send + Sync + 'static;

    /// The layers, which can't be set again.
    fn fix(self) -> Self::List;
}

/// The layers are around its routes already, and it [takes](TakesRoutes) no more routes.
impl Outer for Finished {
    type List = Nil;

    fn fix(self) -> Nil {
        Nil
    }
}

impl Outer for NotSet {
    type List = Nil;

    fn fix(self) -> Nil {
        Nil
    }
}

impl Outer for Nil {
    type List = Self;

    fn fix(self) -> Self {
        self
    }
}

impl<H, T> Outer for Cons<H, T>
where
    Self: Describe + Clone + Send + Sync + 'static,
{
    type List = Self;

    fn fix(self) -> Self {
        self
    }
}

/// The surroundings of a route of an `Api`, inside the layers around it.
pub type InsideAround<A> = <<A as Outer>::List as Enclose<Nothing>>::Out;

/// The surroundings of a guarded route.
pub type InsideGuard<A, D> = <<D as Outer>::List as Enclose<InsideAround<A>>>::Out;

impl<G, S> Api<G, S> {
    /// An `Api` without routes. The title and the version are those of the API, as its clients know
    /// them.
    pub fn new(title: impl Into<Cow<'static, str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self {
            routes: Routes {
                title: title.into(),
                version: version.into(),
                list: Vec::new(),
                fallback: None,
                trailing_slash: TrailingSlash::default(),
                not_found: false,
                around: Around::new(&Nil),
                faults: Vec::new(),
            },
            around_layers: NotSet,
            guard_layers: NotSet,
            types: PhantomData,
        }
    }
}

impl<G, S, A, D, M> Api<G, S, A, D, M> {
    /// Puts a stack around everything: all routes, public ones too, and the answers that the `Api`
    /// gives itself (preflights, `OPTIONS`, 404, 405).
    ///
    /// It is the outer part of the stack of each route: the compiler checks the order over both
    /// parts, and an `assume::<..>()` of a route is met by it. It comes before the routes, once.
    /// A layer that requires authentication belongs in [`guard`](Api::guard), or in the stacks of the
    /// routes.
    ///
    /// As with axum's `Router::layer`, each route has its own copy of the layers. Those of this crate
    /// share their state between copies.
    pub fn around<L, I, R>(self, stack: Stack<L>) -> Api<G, S, L, D, M>
    where
        A: BeforeRoutes,
        L: Describe + Clone + Send + Sync + 'static + InOrder<Nothing, I>,
        Nil: Mount<L, Nil, R>,
    {
        let around = stack.into_list();
        let mut routes = self.routes;
        routes.around = Around::new(&around);
        Api {
            routes,
            around_layers: around,
            guard_layers: self.guard_layers,
            types: PhantomData,
        }
    }

    /// Puts a stack around all guarded routes, inside [`around`](Api::around): around those that are
    /// added to this `Api` with [`get`](Api::get), [`post`](Api::post) and so on, but not around
    /// public routes, the answers that the `Api` gives itself, and the routes of a nested `Api`.
    ///
    /// What it provides counts for what the `Api` demands. It comes before the routes, once.
    pub fn guard<L, I>(self, stack: Stack<L>) -> Api<G, S, A::List, L, M>
    where
        A: Outer<List: Enclose<Nothing>>,
        D: BeforeRoutes,
        L: Describe + Clone + Send + Sync + 'static + InOrder<InsideAround<A>, I>,
    {
        Api {
            routes: self.routes,
            around_layers: self.around_layers.fix(),
            guard_layers: stack.into_list(),
            types: PhantomData,
        }
    }
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("Adds a route for `", stringify!($method), "`: its path, and a handler in its stack.")]
        ///
        /// See [`route`](Self::route).
        pub fn $name<H, I, J, R>(
            self,
            path: &str,
            handler: H,
        ) -> Api<G, S, A::List, D::List, M>
        where
            A: Outer<List: Enclose<Nothing>> + TakesRoutes,
            D: Outer<List: Enclose<InsideAround<A>>>,
            H: RouteHandler<S>,
            H::Layers: Guarded<G, D::List, I> + InOrder<InsideGuard<A, D>, J>,
            H::Layers: Mount<A::List, D::List, R> + Describe,
            M: Documents<H>,
        {
            // Nothing else in here is compiled again for each handler.
            self.fix().add(Method::$method, path, handler.into_handled().inner, M::types())
        }
    )*};
}

impl<G, S, A, D, M> Api<G, S, A, D, M>
where
    S: Clone + Send + Sync + 'static,
{
    methods! {
        get GET
        post POST
        put PUT
        patch PATCH
        delete DELETE
    }

    /// Adds a route for a method: its path, and a handler in its stack.
    ///
    /// The path is written as in axum 0.8: `/users/{id}`, `/files/{*rest}`. The route of `GET` also
    /// answers `HEAD`.
    ///
    /// The compiler checks that the stack of the route, with the layers of the `Api` around it,
    /// provides `G`, is in order, and has around it what it assumes.
    pub fn route<H, I, J, R>(
        self,
        method: Method,
        path: &str,
        handler: H,
    ) -> Api<G, S, A::List, D::List, M>
    where
        A: Outer<List: Enclose<Nothing>> + TakesRoutes,
        D: Outer<List: Enclose<InsideAround<A>>>,
        H: RouteHandler<S>,
        H::Layers: Guarded<G, D::List, I> + InOrder<InsideGuard<A, D>, J>,
        H::Layers: Mount<A::List, D::List, R> + Describe,
        M: Documents<H>,
    {
        let handler = handler.into_handled();
        self.fix().add(method, path, handler.inner, M::types())
    }

    fn add<L, R>(
        mut self,
        method: Method,
        path: &str,
        handler: Arc<Inner<L, S>>,
        types: RouteTypes,
    ) -> Self
    where
        A: Describe + Clone + Send + Sync + 'static,
        D: Describe + Clone + Send + Sync + 'static,
        L: Mount<A, D, R> + Describe,
    {
        // `()` alone has this name.
        let access = if type_name::<G>() == "()" {
            Access::Open
        } else {
            Access::Guarded
        };
        let start = RouteStart {
            matches: Matches::Method(method),
            path,
            access,
            types,
            around: &self.routes.around,
        };
        let route = Route::handled(start, handler, (&self.around_layers, &self.guard_layers));
        self.routes.list.push(route);
        self
    }

    /// Adds routes that anybody may call, and says why. The audit shows the reason.
    ///
    /// It is the only way to add a route that does not provide what the `Api` demands, a router or a
    /// service of another crate, or a fallback.
    pub fn public<F>(self, reason: &str, add: F) -> Api<G, S, A::List, D::List, M>
    where
        A: Outer + TakesRoutes,
        D: Outer,
        F: FnOnce(PublicRoutes<S, A::List, M>) -> PublicRoutes<S, A::List, M>,
    {
        let api = self.fix();
        let mut routes = api.routes;
        if reason.trim().is_empty() {
            routes.faults.push(Finding::without_reason());
        }
        let public = add(PublicRoutes::new(routes, api.around_layers, reason));
        let (routes, around) = public.into_parts();
        Api {
            routes,
            around_layers: around,
            guard_layers: api.guard_layers,
            types: PhantomData,
        }
    }

    /// Adds the routes of another `Api` with the same demand, under a prefix: `/users` becomes
    /// `/admin/users`, and `/` becomes `/admin`.
    ///
    /// The layers [around](Api::around) this `Api` are around these routes too; those that
    /// [guard](Api::guard) it do not: the nested routes meet the demand by themselves. The prefix may
    /// have parameters. The title and the settings, such as [`trailing_slash`](Self::trailing_slash),
    /// are those of the outermost `Api`.
    pub fn nest<A2, D2, M2>(
        self,
        prefix: &str,
        api: Api<G, S, A2, D2, M2>,
    ) -> Api<G, S, A::List, D::List, M>
    where
        A: Outer + TakesRoutes,
        D: Outer,
        M: Nests<M2>,
    {
        let mut outer = self.fix();
        outer.routes.add_all(Some(prefix), api.routes);
        outer
    }

    /// Adds the routes of another `Api` with the same demand, with their own paths. Everything else is
    /// as with [`nest`](Self::nest). If both have routes of one path, what that path answers by itself,
    /// such as preflights and 405, is inside the layers around the route that was added first.
    pub fn merge<A2, D2, M2>(self, api: Api<G, S, A2, D2, M2>) -> Api<G, S, A::List, D::List, M>
    where
        A: Outer + TakesRoutes,
        D: Outer,
        M: Nests<M2>,
    {
        let mut outer = self.fix();
        outer.routes.add_all(None, api.routes);
        outer
    }

    /// From here on, the types of all routes have schemas, for the [document](Self::openapi): those
    /// of inputs and answers derive `schemars::JsonSchema`.
    ///
    /// It comes after [`around`](Self::around) and [`guard`](Self::guard), and before the routes.
    #[cfg(feature = "openapi")]
    pub fn documented(self) -> Api<G, S, A::List, D::List, Documented>
    where
        A: Outer + TakesRoutes,
        D: Outer,
    {
        let api = self.fix();
        Api {
            routes: api.routes,
            around_layers: api.around_layers,
            guard_layers: api.guard_layers,
            types: PhantomData,
        }
    }

    /// Adds routes whose types the document does not describe, in a [documented](Self::documented)
    /// `Api`, and says why. The audit shows the reason.
    #[cfg(feature = "openapi")]
    pub fn undocumented<F>(self, reason: &str, add: F) -> Api<G, S, A::List, D::List, M>
    where
        A: Outer + TakesRoutes,
        D: Outer,
        F: FnOnce(Api<G, S, A::List, D::List>) -> Api<G, S, A::List, D::List>,
    {
        let api = self.fix();
        let before = api.routes.list.len();
        let added = add(Api {
            routes: api.routes,
            around_layers: api.around_layers,
            guard_layers: api.guard_layers,
            types: PhantomData,
        });
        let mut routes = added.routes;
        routes.mark_undocumented(before, reason);
        Api {
            routes,
            around_layers: added.around_layers,
            guard_layers: added.guard_layers,
            types: PhantomData,
        }
    }

    /// The routes as an OpenAPI 3.1 [document](crate::api::openapi).
    #[cfg(feature = "openapi")]
    pub fn openapi(&self) -> OpenApi {
        OpenApi::new(&self.routes, None)
    }

    /// The routes of one version of the API as an OpenAPI 3.1 [document](crate::api::openapi), whose own
    /// version is that name: routes [for this version](crate::Handled::in_versions), those with this version
    /// in their path, and those that are for all versions.
    ///
    /// The document of [`openapi`](Self::openapi) has the routes of all versions. Of a method and a path that
    /// several versions have, it has the newest.
    #[cfg(feature = "openapi")]
    pub fn openapi_of(&self, version: &str) -> OpenApi {
        OpenApi::new(&self.routes, Some(version))
    }

    /// The layers of each route in the document.
    #[cfg(feature = "testing")]
    pub(crate) fn described_routes(&self) -> Vec<DescribedRoute> {
        let routes = self.routes.list.iter().filter_map(|route| {
            let Matches::Method(method) = &route.matches else {
                return None;
            };
            Some(DescribedRoute {
                method: method.clone(),
                path: route.path.clone(),
                layers: route.acting_layers().cloned().collect(),
                versions: route.options.versions.clone(),
            })
        });
        routes.collect()
    }

    /// Whether another route answers where no route is.
    #[cfg(feature = "testing")]
    pub(crate) const fn has_fallback(&self) -> bool {
        self.routes.fallback.is_some()
    }

    /// Sets the answer to a request whose path has a slash at the end that the route does not have, or
    /// lacks the one that the route has: 404 by default.
    pub const fn trailing_slash(mut self, answer: TrailingSlash) -> Self {
        self.routes.trailing_slash = answer;
        self
    }

    /// Lets the [`router`](Self::router) answer 404 to paths without a route, inside the layers
    /// [around](Self::around) it, as the [`service`](Self::service) always does.
    ///
    /// Without it, the router has no fallback, and can be merged into a router that has one.
    pub const fn not_found(mut self) -> Self {
        self.routes.not_found = true;
        self
    }

    /// Ends the list of routes, and forgets the types of the layers around them. A function returns the
    /// result, to be [nested](Self::nest) or served.
    pub fn finish(self) -> FinishedApi<G, S, M> {
        Api {
            routes: self.routes,
            around_layers: Finished,
            guard_layers: Finished,
            types: PhantomData,
        }
    }

    fn fix(self) -> Api<G, S, A::List, D::List, M>
    where
        A: Outer + TakesRoutes,
        D: Outer,
    {
        Api {
            routes: self.routes,
            around_layers: self.around_layers.fix(),
            guard_layers: self.guard_layers.fix(),
            types: PhantomData,
        }
    }

    /// What is wrong with the routes, as data for tests: the reasons why [`service`](Self::service) and
    /// [`router`](Self::router) fail. What a route [allows](crate::Handled::allow) is left out.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        self.routes.check(Scope::Whole)
    }

    /// Who may call which route, and within which limits, as data and as a document.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(&self.routes)
    }

    /// The routes as a service for hyper and tower.
    ///
    /// # Errors
    ///
    /// All [findings](Self::check) at once, each with its route, the reason, and what to do.
    pub fn service(self, state: S) -> Result<ApiService, ConfigError> {
        self.routes.service(&state)
    }

    /// The routes as a router of axum, which can be merged and nested.
    ///
    /// A path belongs to one router: axum panics if a router that has the same path, even with other
    /// methods, is merged with it, or if both have a fallback.
    ///
    /// # Errors
    ///
    /// As for [`service`](Self::service).
    pub fn router(self, state: S) -> Result<axum::Router, ConfigError> {
        self.routes.router(&state)
    }
}

/// Shows the routes.
impl<G, S, A, D, M> fmt::Debug for Api<G, S, A, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.list.iter().map(Route::name);
        f.debug_struct("Api")
            .field("title", &self.routes.title)
            .field("version", &self.routes.version)
            .field("routes", &routes.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
