//! One route: its method and path, its handler in its stack, and how to call it with curl.

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodRouter, delete, get, post, put},
};
use wythe::{
    Description,
    types::{Describe, Handled},
};

use crate::state::AppState;

/// One route.
pub struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<AppState>,
    /// The layers around the handler, outermost first, and the table of what they answer.
    pub(crate) layers: Vec<(&'static str, Description)>,
    pub(crate) table: String,
    /// What curl asks for, with which body, and what it does with the cookie.
    target: String,
    body: Vec<String>,
    jar: Option<&'static str>,
}

macro_rules! methods {
    ($($name:ident $method:ident,)*) => {$(
        #[doc = concat!("A `", stringify!($method), "` route: a handler in its stack.")]
        pub fn $name<L, T>(path: &'static str, handler: Handled<L, AppState>) -> Self
        where
            L: Describe,
            Handled<L, AppState>: Handler<T, AppState>,
            T: 'static,
        {
            Self {
                method: Method::$method,
                path,
                layers: handler.describe(),
                table: handler.to_string(),
                handler: $name(handler),
                target: path.to_owned(),
                body: Vec::new(),
                jar: None,
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

    /// A path that fits, for curl.
    pub(crate) fn example(mut self, path: &str) -> Self {
        self.target = path.to_owned();
        self
    }

    /// A query, for curl.
    pub(crate) fn query(mut self, query: &str) -> Self {
        self.target = format!("{}?{query}", self.target);
        self
    }

    /// A JSON body, for curl.
    pub(crate) fn json(mut self, body: &str) -> Self {
        let body = format!("-H 'Content-Type: application/json' -d '{body}'");
        self.body.push(body);
        self
    }

    /// The fields of a form, for curl.
    pub(crate) fn form(mut self, fields: &[&str]) -> Self {
        let fields = fields
            .iter()
            .map(|field| format!("--data-urlencode '{field}'"));
        self.body.extend(fields);
        self
    }

    /// Curl keeps the cookie that comes back.
    pub(crate) fn keeps_cookie(mut self) -> Self {
        self.jar = Some("-c");
        self
    }

    /// Curl sends the cookie that it has kept.
    pub(crate) fn sends_cookie(mut self) -> Self {
        self.jar = Some("-b");
        self
    }

    /// A line for the shell; `jar` is the file that keeps the cookie.
    pub(crate) fn curl(&self, base: &str, jar: &str) -> String {
        let mut words = vec!["curl -i".to_owned()];
        // With a body, curl takes POST by itself.
        let implied = match self.body[..] {
            [] => Method::GET,
            _ => Method::POST,
        };
        if self.method != implied {
            words.push(format!("-X {}", self.method));
        }
        if let Some(option) = self.jar {
            words.push(format!("{option} '{jar}'"));
        }
        words.extend_from_slice(&self.body);
        words.push(format!("'{base}{}'", self.target));
        words.join(" ")
    }
}
