//! Starts the function.

use example_lambda::{answer, api};
use lambda_http::{Error, run, service_fn};

// One request at a time: more threads would only take longer to start.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let secret = std::env::var("JWT_SECRET").map_err(|error| format!("JWT_SECRET: {error}"))?;
    let api = api(secret.as_bytes())?;
    run(service_fn(move |event| answer(api.clone(), event))).await
}
