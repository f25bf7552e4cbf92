//! The health service of gRPC by tonic, with API keys and a limit for each client.
//!
//! The layers are those of any HTTP API. `.grpc()` answers what they refuse as gRPC clients read it, and
//! the feature `tonic` tells them the address of the peer.

use std::error::Error;

use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};
use wythe::{
    ApiKey, ClientIpSource, Quota, compose, with_auth, with_body_adapter, with_client_ip,
    with_presentation, with_rate_limit,
};

/// How many calls a client may make in a minute.
pub const CALLS_PER_MINUTE: u32 = 6;

/// Who calls.
#[derive(Clone)]
pub struct Partner(pub &'static str);

/// Serves until the listener fails.
///
/// # Errors
///
/// If a policy is not valid, or the server fails.
pub async fn serve(listener: TcpListener, keys: ApiKey<Partner>) -> Result<(), Box<dyn Error>> {
    let layers = compose((
        with_presentation().grpc(),
        with_client_ip(ClientIpSource::peer()),
        with_rate_limit(Quota::per_minute(CALLS_PER_MINUTE).by_client_ip()?),
        with_auth(keys),
        // tonic's bodies are not made from bytes, with which the layers answer.
        with_body_adapter(),
    ));
    let (_reporter, health) = tonic_health::server::health_reporter();
    Server::builder()
        .layer(layers)
        .add_service(health)
        .serve_with_incoming(TcpIncoming::from(listener))
        .await?;
    Ok(())
}
