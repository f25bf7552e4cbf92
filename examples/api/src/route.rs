//! One route: its method and path, its handler in its stack, and how to call it.

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodRouter, delete, get, post, put},
};
use wythe::{Describe, Description, Handled};

use crate::{curl::Curl, state::AppState};

/// One route.
pub struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<AppState>,
    /// The layers around the handler, outermost first, and the table of what they answer.
    pub(crate) layers: Vec<(&'static str, Description)>,
    pub(crate) table: String,
    /// Calls that demonstrate it.
    pub(crate) curls: Vec<Curl>,
}

macro_rules! methods {
    ($($name:ident $method:ident,)*) => {$(
        #[doc = concat!("A `", stringify!($method), "` route: a handler in its stack.")]
        pub fn $name<L, T, A, O>(path: &'static str, handler: Handled<L, AppState, A, O>) -> Self
        where
            L: Describe,
            Handled<L, AppState, A, O>: Handler<T, AppState>,
            T: 'static,
        {
            Self {
                method: Method::$method,
                path,
                layers: handler.describe(),
                table: handler.to_string(),
                handler: $name(handler),
                curls: Vec::new(),
            }
        }
    )*};
}

impl Route {
    methods! {
        get GET,
        post POST,
        put PUT,
        delete DELETE,
    }

    /// Adds a call, which is printed.
    pub(crate) fn curl(mut self, call: impl FnOnce(Curl) -> Curl) -> Self {
        let curl = Curl::new(self.method.clone(), self.path);
        self.curls.push(call(curl));
        self
    }
}
