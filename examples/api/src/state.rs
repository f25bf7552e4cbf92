//! Holds what the handlers share.

use axum::extract::FromRef;
use sqlx::AnyPool;
use wythe::{Background, ClientIpSource, Drain, Hosts, Problem, Transport, webhook::WebhookScheme};

use crate::{
    BoxError, admin,
    auth::{Cookies, Credentials, Guesses, LoginStore, Logins, Passwords, Tokens},
    backend,
    backend::Directory,
    clock::Clock,
    config::Config,
    contact::Messages,
    database,
    feedback::Feedback,
    payments::Payments,
    rate_limits::RateLimits,
    stripe::{self, StripePayments},
    upload::Files,
    users::Users,
    weather::Weather,
    web::WebPage,
};

/// What the handlers share. A handler takes the part that it needs: `State(users): State<Users>`.
#[derive(Clone, FromRef)]
pub struct AppState {
    pub(crate) users: Users,
    pub(crate) messages: Messages,
    pub(crate) feedback: Feedback,
    pub(crate) files: Files,
    pub(crate) payments: Payments,
    pub(crate) credentials: Credentials,
    pub(crate) tokens: Tokens,
    pub(crate) logins: Logins,
    pub(crate) clock: Clock,
    pub(crate) hosts: Hosts,
    /// Which client a request is from.
    pub(crate) client_ip: ClientIpSource,
    /// Whether a request came over TLS.
    pub(crate) transport: Transport,
    /// Whether the server is stopping.
    pub drain: Drain,
    /// What is done after the answer.
    pub background: Background,
    pub(crate) pool: AnyPool,
    pub(crate) web_page: Option<WebPage>,
    pub(crate) rate_limits: RateLimits,
    pub(crate) stripe_payments: StripePayments,
    pub(crate) stripe: WebhookScheme,
    pub(crate) directory: Directory,
    pub(crate) weather: Weather,
}

impl AppState {
    /// Opens the database, prepares the keys, creates the admin's account, and reads the web page.
    pub async fn new(config: &Config) -> Result<Self, BoxError> {
        // The servers behind this one, on this machine.
        let backend = backend::start().await?;
        let pool = database::open(config.database_url.as_ref()).await?;
        let clock = config.clock.clone();
        let users = Users::new(pool.clone());
        let credentials = Credentials {
            users: users.clone(),
            passwords: Passwords::new(),
            guesses: Guesses::new(config.rate_limits)?,
        };
        admin::settle(config.admin.as_ref(), &credentials)
            .await
            .map_err(|error| format!("the admin's account: {}", Problem::from(error)))?;

        let cookies = Cookies::new(config.secure_cookies);
        let tokens = Tokens::new(config.secret.bytes(), cookies.access(), clock.clone())?;
        let logins = Logins {
            store: LoginStore::new(pool.clone(), clock.clone()),
            users: users.clone(),
            tokens: tokens.clone(),
            cookies,
        };
        Ok(Self {
            users,
            messages: Messages::new(pool.clone()),
            feedback: Feedback::new(pool.clone()),
            files: Files::new(pool.clone()),
            payments: Payments::new(pool.clone()),
            credentials,
            tokens,
            logins,
            clock,
            hosts: config.hosts.clone(),
            client_ip: config.client_ip()?,
            transport: config.transport()?,
            drain: Drain::new(),
            background: Background::at_most(100)?,
            pool: pool.clone(),
            web_page: config.web_dir.as_deref().map(WebPage::read).transpose()?,
            rate_limits: config.rate_limits,
            stripe_payments: StripePayments::new(pool),
            stripe: stripe::scheme(&config.stripe_secret, &config.clock)?,
            directory: Directory::at(&backend)?,
            weather: Weather::of(config, &backend)?,
        })
    }
}
