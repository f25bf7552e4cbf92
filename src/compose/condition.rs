//! Applies a layer to some requests only: `.when(..)`, `.except(..)`, and lists of routes.

use std::{
    fmt::{self, Display},
    sync::Arc,
};

use http::{Request, Response};

use crate::{
    contract::{
        Description, Later, Middleware, Place, Provision, ReplyBody, Step, With,
        description::Bypass, with,
    },
    request::{RequestHead, Routes},
    wire::ConfigError,
};

/// A middleware that is applied only to requests that meet a condition.
#[derive(Clone)]
pub struct When<M, F> {
    middleware: M,
    condition: F,
    holds: bool,
}

impl<M> With<M> {
    /// Applies the layer only to requests for which the condition holds; other requests bypass it.
    ///
    /// If the closure asks for a [route](RequestHead::route) that is not known, the layer is applied,
    /// whatever the closure returns. For a list of routes, see [`only_routes`](Self::only_routes).
    ///
    /// The values that the layer provides become optional: a handler asks for `Option<X>`.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{CacheControl, with_cache_control};
    ///
    /// let layer = with_cache_control(CacheControl::no_store())
    ///     .when(|head| head.headers().contains_key("authorization"));
    /// ```
    pub fn when<F>(self, condition: F) -> With<When<M, F>>
    where
        F: Fn(&RequestHead<'_>) -> bool + Clone,
    {
        self.conditional(condition, true)
    }

    /// Applies the layer to all requests except those for which the condition holds, which bypass it.
    ///
    /// If the closure asks for a [route](RequestHead::route) that is not known, the layer is applied,
    /// whatever the closure returns. For a list of routes, see [`except_routes`](Self::except_routes).
    ///
    /// The values that the layer provides become optional: a handler asks for `Option<X>`.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// let limit = Quota::per_minute(60).by_peer()?;
    /// let layer = with_rate_limit(limit).except(|head| head.method().is_safe());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn except<F>(self, condition: F) -> With<When<M, F>>
    where
        F: Fn(&RequestHead<'_>) -> bool + Clone,
    {
        self.conditional(condition, false)
    }

    /// Applies the layer only to these routes of axum's router; requests to other routes bypass it.
    ///
    /// A route is written as in the router, with the prefixes of the routers that nest it, and with
    /// its parameters: `/api/users/{id}`. The names of parameters do not matter. The methods of a route
    /// are not distinguished.
    ///
    /// Where no [route](RequestHead::route) is known (outside the router, in a fallback), the layer is
    /// applied.
    ///
    /// The values that the layer provides become optional: a handler asks for `Option<X>`.
    ///
    /// # Example
    ///
    /// ```
    /// use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
    /// use tower::ServiceExt;
    /// use wythe::{CacheControl, compose, with_cache_control};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let no_store = with_cache_control(CacheControl::no_store());
    /// let stack = compose((no_store.only_routes(["/account/orders/{id}"])?,));
    /// let account = Router::new()
    ///     .route("/orders/{id}", get(async || "an order"))
    ///     .route("/help", get(async || "help"));
    /// let app = Router::new().nest("/account", account).layer(stack);
    ///
    /// let ask = |path: &str| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    /// let order = ask("/account/orders/7").await?;
    /// assert_eq!(order.headers()["cache-control"], "no-store");
    /// assert!(!ask("/account/help").await?.headers().contains_key("cache-control"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Security
    ///
    /// A route with a spelling mistake is never matched, so the layer does not protect the intended
    /// route. To protect routes, put the layer around them, with
    /// [`Stack::handler`](crate::Stack::handler) or `Router::route_layer`, or name the routes that need
    /// no protection, with [`except_routes`](Self::except_routes).
    ///
    /// # Errors
    ///
    /// The list is empty, a route is listed twice, or a route is not written as in axum 0.8: it does not
    /// start with `/`, has a query, or has a parameter in another syntax, such as `:id` or `*`.
    pub fn only_routes<I>(self, routes: I) -> Result<With<When<M, RouteList>>, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let routes = RouteList::new("only_routes", routes)?;
        Ok(self.conditional(routes, true))
    }

    /// Applies the layer to all requests except those to these routes of axum's router, which bypass
    /// it. The routes are written as for [`only_routes`](Self::only_routes).
    ///
    /// Where no [route](RequestHead::route) is known (outside the router, in a fallback), the layer is
    /// applied.
    ///
    /// The values that the layer provides become optional: a handler asks for `Option<X>`.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// let limit = Quota::per_minute(60).by_peer()?;
    /// let layer = with_rate_limit(limit).except_routes(["/health", "/metrics"])?;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`only_routes`](Self::only_routes).
    pub fn except_routes<I>(self, routes: I) -> Result<With<When<M, RouteList>>, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let routes = RouteList::new("except_routes", routes)?;
        Ok(self.conditional(routes, false))
    }

    fn conditional<F>(self, condition: F, holds: bool) -> With<When<M, F>> {
        with(When {
            middleware: self.into_middleware(),
            condition,
            holds,
        })
    }
}

/// What a [`When`] depends on: a closure, or a list of routes.
pub trait Condition: Clone {
    /// Whether the request meets it.
    fn is_met(&self, head: &RequestHead<'_>) -> bool;

    /// Which requests bypass the layer. `holds` is whether it is applied to requests that meet the
    /// condition, or to the others.
    fn bypass(&self, holds: bool) -> Bypass;
}

impl<F: Fn(&RequestHead<'_>) -> bool + Clone> Condition for F {
    fn is_met(&self, head: &RequestHead<'_>) -> bool {
        self(head)
    }

    fn bypass(&self, holds: bool) -> Bypass {
        Bypass::Chosen(if holds { "when" } else { "except" })
    }
}

/// The routes of [`With::only_routes`] and [`With::except_routes`].
#[derive(Clone)]
pub struct RouteList(Arc<Routes>);

impl RouteList {
    fn new<I>(method: &'static str, routes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let error = |message| ConfigError::new(method, message);
        let mut list = Routes::default();
        for route in routes {
            let route = route.as_ref();
            if !list.add(route).map_err(error)? {
                return Err(error(format!("the route `{route}` is listed twice")));
            }
        }
        if list.is_empty() {
            return Err(error("the list of routes is empty".to_owned()));
        }
        Ok(Self(Arc::new(list)))
    }
}

impl Condition for RouteList {
    fn is_met(&self, head: &RequestHead<'_>) -> bool {
        self.0.contains(head.route())
    }

    fn bypass(&self, holds: bool) -> Bypass {
        let routes = self.0.iter().map(str::to_owned).collect();
        if holds {
            Bypass::OtherRoutes(routes)
        } else {
            Bypass::Routes(routes)
        }
    }
}

impl fmt::Debug for RouteList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<M: Place, F: Condition> Place for When<M, F> {
    type Stage = M::Stage;
    type Provides = <M::Provides as Provision>::Weak;
    type Needs = M::Needs;

    fn name(&self) -> &'static str {
        self.middleware.name()
    }

    fn describe(&self) -> Description {
        let bypass = self.condition.bypass(self.holds);
        self.middleware.describe().bypass(bypass)
    }
}

impl<M, F, B> Middleware<B> for When<M, F>
where
    M: Middleware<B>,
    M::Carry: Send + 'static,
    F: Condition,
    B: 'static,
{
    type Carry = Option<M::Carry>;

    fn before(&self, request: Request<B>) -> Later<Step<B, Self::Carry>> {
        let head = RequestHead::from(&request);
        let acts = self.condition.is_met(&head) == self.holds || head.take_route_missed();
        if !acts {
            return Step::next(request, None);
        }
        self.middleware.before(request).map(|step| match step {
            Step::Next(request, carry) => Step::Next(request, Some(carry)),
            Step::Reply(reply) => Step::Reply(reply),
        })
    }

    fn after<R>(&self, carry: Self::Carry, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        if let Some(carry) = carry {
            self.middleware.after(carry, response);
        }
    }
}

/// The middleware, and the condition as it is written in a stack.
impl<M: fmt::Debug, F: Condition> fmt::Debug for When<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.middleware.fmt(f)?;
        Display::fmt(&self.condition.bypass(self.holds), f)
    }
}
