//! The layers around tonic's server, called by tonic's client.

use std::{error::Error, net::SocketAddr};

use example_grpc::{CALLS_PER_MINUTE, Partner, serve};
use http_body_util::Empty;
use hyper::{
    Request,
    body::{Body, Bytes},
    client::conn::http2,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use wythe::{ApiKey, auth::ApiKeyFormat};

type Tested = Result<(), Box<dyn Error>>;

/// A server, and a key that it accepts.
async fn start() -> Result<(SocketAddr, String), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let key = ApiKeyFormat::new("wy_test")?.generate()?;
    let keys = ApiKey::list([(key.hash(), Partner("acme"))])?;
    tokio::spawn(async move { serve(listener, keys).await.unwrap() });
    Ok((address, key.secret().expose().to_owned()))
}

/// A client with this address of its own.
async fn client(
    server: SocketAddr,
    own: [u8; 4],
) -> Result<HealthClient<Channel>, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{server}"))?;
    let channel = endpoint.local_address(Some(own.into())).connect().await?;
    Ok(HealthClient::new(channel))
}

fn request(key: Option<&str>) -> tonic::Request<HealthCheckRequest> {
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    if let Some(key) = key {
        request
            .metadata_mut()
            .insert("x-api-key", key.parse().unwrap());
    }
    request
}

fn metadata<'a>(status: &'a Status, name: &str) -> Option<&'a str> {
    status.metadata().get(name)?.to_str().ok()
}

#[tokio::test]
async fn a_key_is_required() -> Tested {
    let (server, key) = start().await?;
    let mut client = client(server, [127, 0, 0, 1]).await?;

    let response = client.check(request(Some(&key))).await?;
    let limit = response.metadata().get("ratelimit").unwrap().to_str()?;
    assert!(limit.starts_with("\"6-per-minute\";r=5"), "{limit}");
    assert_eq!(response.into_inner().status(), ServingStatus::Serving);

    let refused = client.check(request(None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(refused.message(), "Authentication is required.");
    let limit = metadata(&refused, "ratelimit").unwrap();
    assert!(limit.starts_with("\"6-per-minute\";r=4"), "{limit}");
    assert!(metadata(&refused, "www-authenticate").is_some());

    let refused = client
        .check(request(Some("wy_test_wrong")))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // A stream that is refused has not begun.
    let refused = client.watch(request(None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut stream = client.watch(request(Some(&key))).await?.into_inner();
    let first = stream.message().await?.unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);

    // The service's own answers are not changed.
    let mut unknown = request(Some(&key));
    unknown.get_mut().service = "shop".to_owned();
    let missing = client.check(unknown).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    Ok(())
}

#[tokio::test]
async fn each_address_has_its_own_limit() -> Tested {
    let (server, key) = start().await?;
    let mut first = client(server, [127, 0, 0, 1]).await?;
    for _ in 0..CALLS_PER_MINUTE {
        first.check(request(Some(&key))).await?;
    }
    let refused = first.check(request(Some(&key))).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(!refused.message().is_empty());
    let seconds: u64 = metadata(&refused, "retry-after").unwrap().parse()?;
    let pushback = metadata(&refused, "grpc-retry-pushback-ms").unwrap();
    assert_eq!(pushback, (seconds * 1_000).to_string());
    let limit = metadata(&refused, "ratelimit").unwrap();
    assert!(limit.starts_with("\"6-per-minute\";r=0"), "{limit}");

    // The address is that of tonic's connection.
    let mut second = client(server, [127, 0, 0, 2]).await?;
    second.check(request(Some(&key))).await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_one_block_of_fields() -> Tested {
    let (server, _) = start().await?;
    let stream = TokioIo::new(TcpStream::connect(server).await?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    let request = Request::post(format!("http://{server}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(
        response.headers()["grpc-message"],
        "Authentication is required."
    );
    // The stream has ended with the fields.
    assert!(response.body().is_end_stream());
    Ok(())
}
