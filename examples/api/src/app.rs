//! Assembles the routes, and the layers around all of them.

use std::collections::BTreeMap;

use axum::{
    Router,
    http::{Method, StatusCode, header},
    routing::MethodRouter,
};
use tower_http::{timeout::TimeoutLayer, trace::TraceLayer};
use wythe::{
    ConfigError, Cors, Csrf, Description, Methods, compose, with_cors, with_csrf, with_methods,
    with_presentation,
};

use crate::{
    admin,
    auth::{login, logout, logout_everywhere, password, protected, refresh, register},
    contact,
    public::{docs, hello, posts, search},
    route::Route,
    serve::TimeLimits,
    state::AppState,
    users::{by_id, create, list},
};

/// The only web page whose scripts may call this API.
pub(crate) const ORIGIN: &str = "http://localhost:5173";

/// All routes, in an order in which they can be tried.
pub fn routes(state: &AppState) -> Result<Vec<Route>, ConfigError> {
    let tokens = &state.tokens;
    let [show, replace, delete] = by_id::routes(tokens);
    Ok(vec![
        hello::route(),
        register::route()?,
        login::route()?,
        protected::route(tokens),
        refresh::route()?,
        password::route(tokens)?,
        create::route(tokens)?,
        list::route(tokens),
        show,
        replace,
        delete,
        posts::route(),
        docs::route(),
        search::route(),
        contact::route()?,
        admin::list::route(tokens)?,
        admin::delete::route(tokens)?,
        logout_everywhere::route(tokens),
        logout::route()?,
    ])
}

/// The API: its routes, and the layers around them.
pub struct Api {
    /// The service.
    pub router: Router,
    /// The layers around every route, outermost first.
    pub around: Vec<(&'static str, Description)>,
    /// The layers as a table.
    pub table: String,
}

impl Api {
    /// Assembles the routes into a router.
    pub fn new(
        routes: &[Route],
        state: AppState,
        limits: &TimeLimits,
    ) -> Result<Self, ConfigError> {
        let cors = Cors::origins([ORIGIN])?
            .credentials()
            .methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])?
            .headers([header::CONTENT_TYPE, header::AUTHORIZATION])?;
        // The page that may read responses may also act as its user; no other page may.
        let csrf = Csrf::same_origin().trust_origins(cors.named_origins())?;
        let stack = compose((
            TraceLayer::new_for_http(),
            with_cors(cors),
            // Renders axum's own rejections, and panics, as problems too.
            with_presentation(),
            TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limits.answer),
            // Around every route, so that none is forgotten.
            with_csrf(csrf),
        ));
        let (around, table) = (stack.describe(), stack.to_string());
        let router = paths(routes)?.layer(stack).with_state(state);
        Ok(Self {
            router,
            around,
            table,
        })
    }
}

/// A router with these routes. Each path answers `OPTIONS`, and 405 to methods that it does not
/// have.
fn paths(routes: &[Route]) -> Result<Router<AppState>, ConfigError> {
    let mut by_path: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in routes {
        by_path.entry(route.path).or_default().push(route);
    }
    let mut router = Router::new();
    for (path, routes) in by_path {
        let methods = Methods::list(routes.iter().map(|route| route.method.clone()))?;
        let handlers = routes.iter().map(|route| route.handler.clone());
        let handlers = handlers.fold(MethodRouter::new(), MethodRouter::merge);
        let stack = compose((with_methods(methods),));
        router = router.route(path, handlers.layer(stack));
    }
    Ok(router)
}
