//! Starts the API, and sends it HTTP requests.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

pub mod answer;
pub mod call;
pub mod clock;
pub mod database;
pub mod postgres;
pub mod raw;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use example_api::{
    App, AppState, Clock, Config, RateLimits, Secret, TimeLimits, WebhookSecret, app, serve,
};
use http::{Method, Version};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::json;
use tokio::net::TcpListener;

use self::{
    answer::{Answer, Jar},
    call::Call,
    clock::TestClock,
};

/// The secret with which Stripe signs events, in the test's own process.
pub const STRIPE_SECRET: &str = "whsec_test_secret";

/// The key that signs the tokens of a started program.
pub const SECRET: &str = "the secret of these tests: 32 bytes and more";

/// A page that may call.
pub const ORIGIN: &str = "http://localhost:5173";

/// A running API, and a client for it.
pub struct Api {
    /// `127.0.0.1:<port>`
    pub address: String,
    /// What the program printed when it started.
    pub printed: Vec<String>,
    pub program: Option<Child>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    /// Starts the program on a free port, and uses this version of HTTP.
    pub fn start(version: Version) -> Self {
        Self::launch(version, &[])
    }

    /// Starts it with these variables set.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::launch(Version::HTTP_11, variables)
    }

    fn launch(version: Version, variables: &[(&str, &str)]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_example-api"))
            .env("PORT", "0")
            .env("JWT_SECRET", SECRET)
            .env_remove("HOST")
            .env_remove("DATABASE_URL")
            .env_remove("ADMIN_EMAIL")
            .env_remove("ADMIN_PASSWORD")
            .env_remove("SECURE_COOKIES")
            .env_remove("WEB_DIR")
            .env_remove("WEATHER_URL")
            .env_remove("WEATHER_KEY")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut printed = Vec::new();
        let stdout = program.stdout.take().expect("it is piped");
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("what is printed is text");
            let last = line.starts_with("The lines work in this order");
            printed.push(line);
            if last {
                break;
            }
        }
        let first = printed.first().expect("it prints its address first");
        let address = first.trim_start_matches("Listening on http://");
        let address = address.replace("0.0.0.0", "127.0.0.1");
        Self {
            address,
            program: Some(program),
            printed,
            client: client(version),
        }
    }

    /// Runs the API in the test's own process, with other limits.
    pub async fn with(time_limits: TimeLimits) -> Self {
        let config = Config {
            time_limits,
            ..config()
        };
        Self::run(config).await
    }

    /// Runs it in the test's own process, with this configuration.
    pub async fn run(config: Config) -> Self {
        let state = AppState::new(&config).await.unwrap();
        let app = app(&state, &config.time_limits).unwrap();
        let drain = state.drain.clone();
        let api = app.routes.service(state).unwrap();
        let listener = TcpListener::bind(config.address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let never = std::future::pending();
            serve(listener, api, &config.time_limits, &drain, never).await;
        });
        Self {
            address,
            printed: Vec::new(),
            program: None,
            client: client(Version::HTTP_11),
        }
    }

    /// The same, with a clock that only advances when the test says so.
    pub async fn with_test_clock() -> (Self, TestClock) {
        let clock = TestClock::new();
        let config = Config {
            clock: clock.reader(),
            ..config()
        };
        (Self::run(config).await, clock)
    }

    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        let uri = format!("http://{}{path}", self.address);
        Call::new(self.client.clone(), method, &uri)
    }

    pub async fn register(&self, email: &str) -> Answer {
        let account = json!({ "email": email, "password": "correct horse" });
        self.post("/api/register").json(&account).send().await
    }

    pub async fn log_in(&self, email: &str) -> Answer {
        let account = json!({ "email": email, "password": "correct horse" });
        self.post("/api/auth/login").json(&account).send().await
    }

    /// Registers and logs in; returns the cookies.
    pub async fn browser(&self, email: &str) -> Jar {
        self.register(email).await.is(201);
        self.log_in(email).await.is(200).jar()
    }

    pub async fn refresh(&self, jar: &Jar) -> Answer {
        self.post("/api/auth/refresh").jar(jar).send().await
    }

    /// Refreshes; returns the new cookies.
    pub async fn refreshed(&self, jar: &Jar) -> Jar {
        let answer = self.refresh(jar).await.is(204);
        assert_eq!(answer.field("cache-control"), "no-store");
        answer.jar()
    }

    /// Registers and logs in; returns the access token.
    pub async fn token(&self, email: &str) -> String {
        self.register(email).await.is(201);
        self.log_in(email).await.token()
    }
}

/// The API with the configuration of these tests.
pub async fn application() -> App {
    let config = config();
    let state = AppState::new(&config).await.unwrap();
    app(&state, &config.time_limits).unwrap()
}

/// The configuration of an API in the test's own process.
pub fn config() -> Config {
    Config {
        address: "127.0.0.1:0".parse().unwrap(),
        operation: "127.0.0.1:0".parse().unwrap(),
        reuse_port: false,
        hosts: example_api::hosts(None).unwrap(),
        proxies: Vec::new(),
        database_url: None,
        secret: Secret::given(SECRET),
        stripe_secret: WebhookSecret::given(STRIPE_SECRET),
        admin: None,
        secure_cookies: false,
        web_dir: None,
        weather_url: None,
        weather_key: None,
        rate_limits: RateLimits::default(),
        clock: Clock::system(),
        time_limits: TimeLimits::default(),
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

fn client(version: Version) -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build_http()
}
