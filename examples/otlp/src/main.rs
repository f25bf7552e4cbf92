//! Serves the API and exports its spans.

use std::{env, error::Error};

use example_otlp::{api, exporter, subscriber};
use tokio::{net::TcpListener, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let collector = env::var("OTEL_EXPORTER_OTLP_ENDPOINT");
    let collector = collector.unwrap_or_else(|_| "http://localhost:4318".to_owned());
    let provider = exporter(&collector)?;
    tracing::subscriber::set_global_default(subscriber(&provider))?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("Spans go to {collector}. Try curl -i http://127.0.0.1:3000/orders/7");
    let stopped = async {
        // Without the signal, the process is ended in another way.
        drop(signal::ctrl_c().await);
    };
    api(&["127.0.0.0/8"])?
        .serve(listener)
        .with_graceful_shutdown(stopped)
        .await?;
    // What has not been sent yet.
    provider.shutdown()?;
    Ok(())
}
