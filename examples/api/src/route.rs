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
    /// What curl asks for, instead of the path, and with which options.
    target: String,
    options: Vec<String>,
    cookie: Option<char>,
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
                options: Vec::new(),
                cookie: None,
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
        let option = format!("-H 'Content-Type: application/json' -d '{body}'");
        self.options.push(option);
        self
    }

    /// The fields of a form, for curl.
    pub(crate) fn form(mut self, fields: &[&str]) -> Self {
        let fields = fields
            .iter()
            .map(|field| format!("--data-urlencode '{field}'"));
        self.options.extend(fields);
        self
    }

    /// Curl keeps the cookie that comes back.
    pub(crate) fn keeps_cookie(mut self) -> Self {
        self.cookie = Some('c');
        self
    }

    /// Curl sends the cookie that it has kept.
    pub(crate) fn sends_cookie(mut self) -> Self {
        self.cookie = Some('b');
        self
    }

    /// A line for the shell; `jar` is the file that keeps the cookie.
    pub(crate) fn curl(&self, base: &str, jar: &str) -> String {
        let mut line = "curl -i".to_owned();
        // With a body, curl takes POST by itself.
        let implied = if self.options.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        if self.method != implied {
            line.push_str(&format!(" -X {}", self.method));
        }
        if let Some(option) = self.cookie {
            line.push_str(&format!(" -{option} {jar}"));
        }
        for option in &self.options {
            line.push_str(&format!(" {option}"));
        }
        line.push_str(&format!(" '{base}{}'", self.target));
        line
    }
}
