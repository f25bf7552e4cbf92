//! A curl command that calls a route.

use axum::http::Method;

/// One call with curl.
pub(crate) struct Curl {
    method: Method,
    target: String,
    body: Vec<String>,
    headers: Vec<String>,
    /// Whether it sends the stored cookies, and stores those in the response.
    sends: bool,
    keeps: bool,
    pub(crate) by_admin: bool,
    /// Why it is rejected, if it is.
    pub(crate) refused: Option<&'static str>,
}

impl Curl {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            target: path.to_owned(),
            body: Vec::new(),
            headers: Vec::new(),
            sends: false,
            keeps: false,
            by_admin: false,
            refused: None,
        }
    }

    /// A path that matches the route.
    pub(crate) fn example(mut self, path: &str) -> Self {
        self.target = path.to_owned();
        self
    }

    /// A query.
    pub(crate) fn query(mut self, query: &str) -> Self {
        self.target = format!("{}?{query}", self.target);
        self
    }

    /// A JSON body.
    pub(crate) fn json(mut self, body: &str) -> Self {
        let body = format!("-H 'Content-Type: application/json' -d '{body}'");
        self.body.push(body);
        self
    }

    /// The fields of a form.
    pub(crate) fn form(mut self, fields: &[&str]) -> Self {
        let fields = fields
            .iter()
            .map(|field| format!("--data-urlencode '{field}'"));
        self.body.extend(fields);
        self
    }

    /// A header field.
    pub(crate) fn header(mut self, field: &str) -> Self {
        self.headers.push(format!("-H '{field}'"));
        self
    }

    /// Stores the cookies in the response.
    pub(crate) fn keeps_cookies(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// Sends the stored cookies.
    pub(crate) fn sends_cookies(mut self) -> Self {
        self.sends = true;
        self
    }

    /// Called by the admin, if there is one, with the admin's own cookies.
    pub(crate) fn by_admin(mut self) -> Self {
        self.by_admin = true;
        self
    }

    /// Is rejected, to show this.
    pub(crate) fn refused(mut self, why: &'static str) -> Self {
        self.refused = Some(why);
        self
    }

    /// The command; `jar` is the start of the name of the cookie file.
    pub(crate) fn line(&self, base: &str, jar: &str) -> String {
        let mut words = vec!["curl -i".to_owned()];
        // With a body, curl uses POST by default.
        let implied = match self.body[..] {
            [] => Method::GET,
            _ => Method::POST,
        };
        if self.method != implied {
            words.push(format!("-X {}", self.method));
        }
        let owner = if self.by_admin { "admin" } else { "cookies" };
        for (option, is_set) in [("-b", self.sends), ("-c", self.keeps)] {
            if is_set {
                words.push(format!("{option} '{jar}.{owner}'"));
            }
        }
        words.extend_from_slice(&self.headers);
        words.extend_from_slice(&self.body);
        words.push(format!("'{base}{}'", self.target));
        words.join(" ")
    }
}
