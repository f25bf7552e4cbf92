//! The curl commands that demonstrate the routes.

use axum::http::Method;

use crate::config::WebhookSecret;

const ADA: &str = r#"{"email":"ada@example.com","password":"correct horse"}"#;
// The shell has the variables: what is printed here may end up in logs.
const ADMIN: &str = r#"{"email":"'"$ADMIN_EMAIL"'","password":"'"$ADMIN_PASSWORD"'"}"#;
const PASSWORDS: &str = r#"{"current":"correct horse","new":"battery staple"}"#;
const GRACE: &str = r#"{"name":"Grace","email":"grace@example.com","age":36}"#;
const HOPPER: &str = r#"{"name":"Grace Hopper","email":"grace@example.com","age":37}"#;
const NOTE: &str = r#"{"name":"Ada","email":"ada@example.com","message":"Hello again"}"#;
const FEEDBACK: &str =
    r#"{"name":"Ada","email":"ada@example.com","message":"It works","rating":5}"#;
const PAYMENT: &str = r#"{"amount":1999,"currency":"EUR"}"#;
const EVENT: &str = r#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","amount":1099,"currency":"eur"}}}"#;
const LETTER: [&str; 3] = ["name=Ada", "email=ada@example.com", "message=Hello there"];

/// Calls of all routes, in an order in which they can be tried.
pub(crate) fn calls(stripe_secret: &WebhookSecret) -> Vec<Curl> {
    let refused = "403: Ada is not the admin";
    let user = "/api/users/{id}";
    // The first user who is created, even if others have registered before.
    let grace = "/api/users/2";
    let any_user = "/api/admin/users/{id}";
    let ada = "/api/admin/users/1";
    vec![
        Curl::get("/api/hello"),
        Curl::get("/api/hello")
            .header("Host: evil.example")
            .refused("421: not a name of this server"),
        Curl::get("/api/hello")
            .header("X-Forwarded-Proto: http")
            .refused("403: a proxy got it without TLS"),
        Curl::get("/api/v1/hello"),
        Curl::get("/api/v2/hello").header("Accept-Language: de-CH, en;q=0.5"),
        Curl::get("/api/v2/hello")
            .header("Accept: text/csv")
            .refused("406: there is only JSON"),
        Curl::get("/api/v1/hello")
            .header("Host: evil.example")
            .header("Accept: text/html")
            .refused("421: as a page, for browsers"),
        Curl::get("/api/openapi.json"),
        Curl::post("/api/register").json(ADA),
        Curl::post("/api/auth/login").json(ADA).keeps_cookies(),
        Curl::post("/api/auth/login")
            .json(ADMIN)
            .keeps_cookies()
            .by_admin(),
        Curl::get("/api/protected").sends_cookies(),
        Curl::post("/api/auth/refresh")
            .sends_cookies()
            .keeps_cookies(),
        Curl::post("/api/auth/password")
            .sends_cookies()
            .keeps_cookies()
            .json(PASSWORDS),
        Curl::post("/api/users").sends_cookies().json(GRACE),
        Curl::post("/api/users")
            .sends_cookies()
            .json(GRACE)
            .header("Origin: https://evil.example")
            .refused("403: sent by a page of another site"),
        Curl::get("/api/users")
            .query("page=1&per_page=20")
            .sends_cookies(),
        Curl::get(user).example(grace).sends_cookies(),
        Curl::get(user)
            .example(grace)
            .sends_cookies()
            .header("If-None-Match: \"1\"")
            .refused("304: not changed since version 1"),
        Curl::put(user)
            .example(grace)
            .sends_cookies()
            .json(HOPPER)
            .header("If-Match: \"1\""),
        Curl::put(user)
            .example(grace)
            .sends_cookies()
            .json(HOPPER)
            .header("If-Match: \"1\"")
            .refused("412: changed since version 1"),
        Curl::delete(user)
            .example(grace)
            .sends_cookies()
            .refused("428: without a version"),
        Curl::delete(user)
            .example(grace)
            .sends_cookies()
            .header("If-Match: \"2\""),
        Curl::post("/api/payments")
            .sends_cookies()
            .header("Idempotency-Key: order-7")
            .json(PAYMENT),
        Curl::post("/api/payments")
            .sends_cookies()
            .json(PAYMENT)
            .refused("400: without an idempotency key"),
        Curl::get("/api/posts/{user_id}/{post_id}").example("/api/posts/7/42"),
        Curl::get("/api/docs/{*path}").example("/api/docs/guide/first/steps"),
        Curl::get("/api/search").query("q=towers&tag=rust&tag=http"),
        Curl::get("/api/proxy/users/{id}").example("/api/proxy/users/7"),
        Curl::get("/api/proxy/users/{id}")
            .example("/api/proxy/users/..%2Fweather")
            .refused("400: another path"),
        Curl::get("/api/weather").query("city=Berlin"),
        Curl::post("/api/contact").form(&LETTER),
        Curl::post("/api/contact").gzipped_json(NOTE),
        Curl::post("/api/feedback").json(FEEDBACK),
        Curl::get("/api/data").header("Origin: https://anywhere.example"),
        Curl::post("/api/upload").multipart("Hello there", "hello.txt", "text/plain"),
        Curl::post("/api/upload")
            .multipart("Hello there", "hello.png", "image/png")
            .refused("415: not a picture"),
        Curl::post("/api/webhooks/stripe")
            .json(EVENT)
            .signed_by_stripe(EVENT, stripe_secret),
        Curl::post("/api/webhooks/stripe")
            .json(EVENT)
            .header("Stripe-Signature: t=1,v1=0")
            .refused("400: an old signature"),
        Curl::get("/api/admin/users")
            .sends_cookies()
            .refused(refused),
        Curl::get("/api/admin/users").sends_cookies().by_admin(),
        Curl::delete(any_user)
            .example(ada)
            .sends_cookies()
            .refused(refused),
        Curl::delete(any_user)
            .example(ada)
            .sends_cookies()
            .by_admin(),
        Curl::post("/api/auth/logout-everywhere").sends_cookies(),
        Curl::post("/api/auth/logout")
            .sends_cookies()
            .keeps_cookies(),
    ]
}

/// One call with curl.
pub(crate) struct Curl {
    pub(crate) method: Method,
    /// The path of the route.
    pub(crate) path: &'static str,
    /// The path and the query of the call.
    target: String,
    body: Vec<String>,
    /// The program whose output is the body.
    input: Option<String>,
    headers: Vec<String>,
    /// Whether it sends the stored cookies, and stores those in the response.
    sends: bool,
    keeps: bool,
    pub(crate) by_admin: bool,
    /// Why it is rejected, if it is.
    pub(crate) refused: Option<&'static str>,
}

impl Curl {
    fn get(path: &'static str) -> Self {
        Self::new(Method::GET, path)
    }

    fn post(path: &'static str) -> Self {
        Self::new(Method::POST, path)
    }

    fn put(path: &'static str) -> Self {
        Self::new(Method::PUT, path)
    }

    fn delete(path: &'static str) -> Self {
        Self::new(Method::DELETE, path)
    }

    fn new(method: Method, path: &'static str) -> Self {
        Self {
            method,
            path,
            target: path.to_owned(),
            body: Vec::new(),
            input: None,
            headers: Vec::new(),
            sends: false,
            keeps: false,
            by_admin: false,
            refused: None,
        }
    }

    /// A path that matches the route.
    fn example(mut self, path: &str) -> Self {
        self.target = path.to_owned();
        self
    }

    /// A query.
    fn query(mut self, query: &str) -> Self {
        self.target = format!("{}?{query}", self.target);
        self
    }

    /// A JSON body.
    fn json(mut self, body: &str) -> Self {
        let body = format!("-H 'Content-Type: application/json' -d '{body}'");
        self.body.push(body);
        self
    }

    /// A compressed JSON body, which another program makes.
    fn gzipped_json(mut self, body: &str) -> Self {
        self.input = Some(format!("printf '%s' '{body}' | gzip"));
        let body =
            "-H 'Content-Type: application/json' -H 'Content-Encoding: gzip' --data-binary @-";
        self.body.push(body.to_owned());
        self
    }

    /// The fields of a form.
    fn form(mut self, fields: &[&str]) -> Self {
        let fields = fields
            .iter()
            .map(|field| format!("--data-urlencode '{field}'"));
        self.body.extend(fields);
        self
    }

    /// A form with a file, whose content another program writes.
    fn multipart(mut self, content: &str, name: &str, kind: &str) -> Self {
        self.input = Some(format!("printf '%s' '{content}'"));
        let file = format!("file=@-;filename={name};type={kind}");
        let parts = ["name=Ada", "email=ada@example.com", &file];
        self.body.extend(parts.map(|part| format!("-F '{part}'")));
        self
    }

    /// A header field.
    fn header(mut self, field: &str) -> Self {
        self.headers.push(format!("-H '{field}'"));
        self
    }

    /// The signature of Stripe for this body, made by the shell.
    fn signed_by_stripe(mut self, body: &str, secret: &WebhookSecret) -> Self {
        // A secret that was set is in the shell: what is printed here may end up in logs.
        let secret = secret.generated().unwrap_or("$STRIPE_WEBHOOK_SECRET");
        let hmac = format!(
            "$(printf %s \"$t.$b\" | openssl dgst -sha256 -hmac \"{secret}\" -r | cut -c-64)"
        );
        let field =
            format!("Stripe-Signature: $(t=$(date +%s); b='{body}'; echo \"t=$t,v1={hmac}\")");
        self.headers.push(format!("-H \"{field}\""));
        self
    }

    /// Stores the cookies in the response.
    fn keeps_cookies(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// Sends the stored cookies.
    fn sends_cookies(mut self) -> Self {
        self.sends = true;
        self
    }

    /// Called by the admin, if there is one, with the admin's own cookies.
    fn by_admin(mut self) -> Self {
        self.by_admin = true;
        self
    }

    /// Is rejected, to show this.
    fn refused(mut self, reason: &'static str) -> Self {
        self.refused = Some(reason);
        self
    }

    /// The route that it calls.
    pub(crate) fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The command; `jar` is the start of the name of the cookie file.
    pub(crate) fn line(&self, base: &str, jar: &str) -> String {
        let input = self.input.iter().map(|program| format!("{program} |"));
        let mut words: Vec<_> = input.collect();
        words.push("curl -i".to_owned());
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
