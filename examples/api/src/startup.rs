//! What the program prints when it starts.

use std::{env, fmt, net::SocketAddr};

use wythe::Description;

use crate::{
    app::{Api, ORIGIN},
    config::Config,
    route::Route,
};

/// The base URL, the routes with their stacks, and a curl line for each.
pub struct Startup<'a> {
    pub config: &'a Config,
    pub address: SocketAddr,
    pub api: &'a Api,
    pub routes: &'a [Route],
}

impl fmt::Display for Startup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = format!("http://{}", self.address);
        let database = match &self.config.database_url {
            Some(url) => url,
            None => "in memory; set DATABASE_URL=api.db to use a file",
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
        writeln!(f, "  cookies   {cookies}")?;
        writeln!(f, "  admin     {admin}")?;
        writeln!(f, "  CORS      {ORIGIN}, with credentials")?;
        let around = names(&self.api.around);
        writeln!(f, "\nAround every route: {around} > with_methods")?;

        let jar = env::temp_dir().join("example-api");
        let jar = jar.display().to_string();
        let width = self.routes.iter().map(|route| route.path.len()).max();
        let width = width.unwrap_or_default();
        for route in self.routes {
            let (method, path) = (route.method.as_str(), route.path);
            let stack = names(&route.layers);
            writeln!(f, "\n{method:6} {path:width$}  {stack}")?;
            for curl in &route.curls {
                if curl.by_admin && self.config.admin.is_none() {
                    continue;
                }
                if let Some(why) = curl.refused {
                    writeln!(f, "  # {why}")?;
                }
                writeln!(f, "  {}", curl.line(&base, &jar))?;
            }
        }
        writeln!(
            f,
            "\nThe lines work in this order, once. `-- --stacks` prints the responses of each layer."
        )
    }
}

/// The stacks as tables of what each layer can answer.
pub struct Stacks<'a> {
    pub api: &'a Api,
    pub routes: &'a [Route],
}

impl fmt::Display for Stacks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Around every route\n\n{}", self.api.table)?;
        writeln!(
            f,
            "Around every path, with_methods: 204 to OPTIONS, 405 to a method that the"
        )?;
        writeln!(f, "path does not have, 501 to an unknown one")?;
        for route in self.routes {
            write!(f, "\n{} {}\n\n{}", route.method, route.path, route.table)?;
        }
        Ok(())
    }
}

fn names(layers: &[(&'static str, Description)]) -> String {
    let names: Vec<_> = layers.iter().map(|(_, layer)| layer.name()).collect();
    names.join(" > ")
}
