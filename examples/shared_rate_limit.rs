//! Two instances of an app that share one limit in Redis or Valkey.
//!
//! `cargo run --example shared_rate_limit --features rate-limit-redis`
//!
//! `REDIS_URL` selects the server; without it, the example starts its own.

use std::{
    env,
    error::Error,
    net::SocketAddr,
    num::NonZeroU32,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{Router, routing::get};
use tokio::net::{TcpListener, TcpStream};
use wythe::{
    ConfigError, Quota, compose,
    rate_limit::redis::{OnFailure, RedisStore},
    with_rate_limit,
};

const INSTANCES: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// What each instance runs. In production it is a process of its own, so it has its own store.
fn instance(name: &'static str, redis: &str) -> Result<Router, ConfigError> {
    let on_failure = OnFailure::Local {
        instances: INSTANCES,
    };
    let store = RedisStore::open(redis, on_failure)?.prefix("example")?;
    let limit = Quota::per_minute(3).by_peer()?;
    let stack = compose((with_rate_limit(limit.in_redis(store.limit("hello"))?),));
    if name == "one" {
        print!("{stack}");
    }
    Ok(Router::new().route(
        "/",
        get(stack.handler(async move || format!("instance {name}\n"))),
    ))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (redis, _server) = match env::var("REDIS_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let port = free_port().await?;
            let mut server = start_redis(port)?;
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                if server.try_wait()?.is_some() {
                    return Err("there is no redis-server or valkey-server to start".into());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (format!("redis://127.0.0.1:{port}"), Some(server))
        }
    };
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let first = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let second = TcpListener::bind("127.0.0.1:0").await?;
    let (one, two) = (first.local_addr()?, second.local_addr()?);
    let serve = |listener, app: Router| {
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, app).into_future()
    };
    let both = (
        serve(first, instance("one", &redis)?),
        serve(second, instance("two", &redis)?),
    );
    println!("\nListening on http://{one} and http://{two}; counting in {redis}");
    println!("Three requests a minute, whichever instance they reach:");
    for address in [one, two, one, two, one] {
        println!("  curl -i 'http://{address}/'");
    }
    tokio::try_join!(both.0, both.1)?;
    Ok(())
}

/// A server that ends when this program does, however that happens: the shell then reads the end of
/// its input.
fn start_redis(port: u16) -> std::io::Result<Child> {
    let script = "redis=$(command -v redis-server || command -v valkey-server) || exit 1
        \"$redis\" --port \"$0\" --bind 127.0.0.1 --save '' >/dev/null &
        read -r _; kill $!";
    Command::new("sh")
        .args(["-c", script, &port.to_string()])
        .stdin(Stdio::piped())
        .spawn()
}

async fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.port())
}
