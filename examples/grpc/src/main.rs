//! `cargo run -p example-grpc`

use std::{env, error::Error};

use example_grpc::{CALLS_PER_MINUTE, Partner, serve};
use tokio::net::TcpListener;
use wythe::{ApiKey, auth::ApiKeyFormat};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    let key = ApiKeyFormat::new("wy_test")?.generate()?;

    println!("Listening on {address}, for {CALLS_PER_MINUTE} calls per minute of each client.");
    println!(
        "The status is in the field `grpc-status`: 0, 16 without a key, 8 after too many calls."
    );
    // An empty message: five bytes that say that it is not compressed and has no bytes.
    let call = "printf '\\0\\0\\0\\0\\0' | curl -si --http2-prior-knowledge --data-binary @- -o - \
                -H 'content-type: application/grpc' -H 'te: trailers'";
    let method = format!("http://{address}/grpc.health.v1.Health/Check");
    println!(
        "  {call} -H 'x-api-key: {}' {method}",
        key.secret().expose()
    );
    println!("  {call} {method}");
    let keys = ApiKey::list([(key.hash(), Partner("acme"))])?;
    serve(listener, keys).await
}
