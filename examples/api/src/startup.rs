//! What the program prints when it starts.

use std::{env, fmt, net::SocketAddr};

use wythe::Description;

use crate::{
    app::{ORIGIN, Routes},
    config::Config,
    curl::{self, Curl},
};

/// The base URL, the routes with their stacks, and a curl line for each.
pub struct Startup<'a> {
    pub config: &'a Config,
    pub address: SocketAddr,
    pub operation: SocketAddr,
    pub api: &'a Routes,
}

impl fmt::Display for Startup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = format!("http://{}", self.address);
        let database = match &self.config.database_url {
            Some(url) => &*url.to_string(),
            None => "in memory; set DATABASE_URL=api.db to use a file, or postgres://..",
        };
        let secret = if self.config.secret.is_random() {
            "signed with a random secret; set JWT_SECRET=.. to keep them valid"
        } else {
            "signed with JWT_SECRET"
        };
        writeln!(f, "Listening on {base}")?;
        writeln!(f, "  database  {database}")?;
        writeln!(f, "  tokens    {secret}")?;
        let admin = match &self.config.admin {
            Some(admin) => admin.email(),
            None => "none; set ADMIN_EMAIL=.. and ADMIN_PASSWORD=.. to create one",
        };
        let cookies = if self.config.secure_cookies {
            "over HTTPS only"
        } else {
            "over HTTP too, on this machine; set SECURE_COOKIES=true for HTTPS only"
        };
        let webhooks = match self.config.stripe_secret.generated() {
            Some(secret) => &*format!("signed with {secret} for now; set STRIPE_WEBHOOK_SECRET=.."),
            None => "signed with STRIPE_WEBHOOK_SECRET",
        };
        writeln!(f, "  webhooks  {webhooks}")?;
        writeln!(f, "  cookies   {cookies}")?;
        writeln!(f, "  admin     {admin}")?;
        writeln!(f, "  CORS      {ORIGIN}, with credentials")?;
        match self.config.web_dir {
            Some(_) => writeln!(f, "  page      {base}/")?,
            None => writeln!(
                f,
                "  page      none; build examples/api/web, and set WEB_DIR=.."
            )?,
        }

        writeln!(f, "  metrics   curl http://{}/metrics", self.operation)?;
        for check in ["live", "ready"] {
            writeln!(
                f,
                "  health    curl http://{}/health/{check}",
                self.operation
            )?;
        }

        let audit = self.api.audit();
        let around = audit.around.len();
        writeln!(f, "\nAround every route: {}", names(&audit.around))?;

        let jar = env::temp_dir().join("example-api");
        let jar = jar.display().to_string();
        let calls = curl::calls(&self.config.stripe_secret);
        let width = calls.iter().map(|call| call.path.len()).max();
        let width = width.unwrap_or_default();
        for calls in calls.chunk_by(|call, next| call.route() == next.route()) {
            let [Curl { method, path, .. }, ..] = calls else {
                continue;
            };
            let route = audit
                .routes
                .iter()
                .find(|route| route.method() == Some(method) && route.path() == *path);
            let stack = route.map_or_else(String::new, |route| names(&route.layers()[around..]));
            writeln!(f, "\n{:6} {path:width$}  {stack}", method.as_str())?;
            for call in calls {
                if call.by_admin && self.config.admin.is_none() {
                    continue;
                }
                if let Some(reason) = call.refused {
                    writeln!(f, "  # {reason}")?;
                }
                writeln!(f, "  {}", call.line(&base, &jar))?;
            }
        }
        writeln!(
            f,
            "\nThe lines work in this order, once. `-- --audit` prints who may call each route, \
             and more; `-- --openapi` prints the OpenAPI document, which {base}/docs shows."
        )
    }
}

fn names(layers: &[(&'static str, Description)]) -> String {
    let names: Vec<_> = layers.iter().map(|(_, layer)| layer.name()).collect();
    names.join(" > ")
}
