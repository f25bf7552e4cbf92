//! `with_decompression`: what comes out, and how much.

use std::io::Write;

use axum::{Router, body::Body, extract::Request, routing::post};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use futures_util::stream;
use http::{HeaderMap, Response, StatusCode};
use proptest::prelude::*;
use tower::ServiceExt;
use wythe::{
    BodyLimit, Decompression, Json, Valid, compose, with_body_limit, with_decompression,
    with_validation,
};

use crate::common;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// `hello` in Brotli.
const BROTLI: &[u8] = b"\x0b\x02\x80hello\x03";

/// Reads the body, and says how long it is and which fields describe it.
async fn length(request: Request) -> String {
    let (head, body) = request.into_parts();
    let described = |headers: &HeaderMap| {
        headers.contains_key("content-encoding") || headers.contains_key("content-length")
    };
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => format!("{} {}", body.len(), described(&head.headers)),
        // Whatever it says: nobody reads it.
        Err(error) => error.to_string(),
    }
}

fn app(policy: Decompression) -> Router {
    let stack = compose(with_decompression(policy));
    Router::new().route("/", post(stack.handler(length)))
}

fn all() -> Decompression {
    Decompression::gzip().deflate().br()
}

/// In frames of this size.
fn split(bytes: &[u8], size: usize) -> Body {
    let frames: Vec<_> = bytes
        .chunks(size.max(1))
        .map(|frame| Ok::<_, std::convert::Infallible>(Bytes::copy_from_slice(frame)))
        .collect();
    Body::from_stream(stream::iter(frames))
}

async fn send(app: Router, codings: &[&str], body: Body) -> Response<Bytes> {
    let mut request = http::Request::post("/").header("content-length", "1");
    for coding in codings {
        request = request.header("content-encoding", *coding);
    }
    let response = app.oneshot(request.body(body).unwrap()).await.unwrap();
    common::read(response).await
}

#[tokio::test]
async fn each_coding_is_decompressed_in_any_frames() {
    let plain = b"hello".repeat(1_000);
    let cases: [(&[&str], Vec<u8>, &str); 7] = [
        (&["gzip"], gzip(&plain), "5000 false"),
        (&["X-GZip"], gzip(&plain), "5000 false"),
        (&["identity", "gzip, identity"], gzip(&plain), "5000 false"),
        (&["deflate"], deflate(&plain), "5000 false"),
        (&["br"], BROTLI.to_vec(), "5 false"),
        (&["gzip"], gzip(b""), "0 false"),
        (&[], plain.clone(), "5000 true"),
    ];
    for (codings, body, expected) in cases {
        for size in [1, 2, 7, body.len().saturating_sub(1), body.len()] {
            let response = send(app(all()), codings, split(&body, size)).await;
            assert_eq!(response.status(), StatusCode::OK, "{codings:?} {size}");
            assert_eq!(response.body(), expected, "{codings:?} {size}");
        }
    }
}

#[tokio::test]
async fn other_codings_are_415_with_those_that_are_accepted() {
    let cases: [&[&str]; 7] = [
        &["br"],
        &["compress"],
        &["zstd"],
        &["gzip, gzip"],
        &["gzip", "gzip"],
        &["gzip;q=1"],
        &["*"],
    ];
    for codings in cases {
        let app = app(Decompression::gzip().deflate());
        let response = send(app, codings, Body::from(gzip(b"hello"))).await;
        let problem = common::problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(response.headers()["accept-encoding"], "gzip, deflate");
        assert_eq!(
            problem["detail"],
            "The body must have no content coding, or one of these: gzip, deflate.",
            "{codings:?}"
        );
    }
}

#[tokio::test]
async fn a_broken_body_is_400_whatever_the_handler_says() {
    let good = gzip(&b"hello".repeat(1_000));
    let followed = |more: &[u8]| [&good[..], more].concat();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let mut checksum = good.clone();
    let at = checksum.len() - 5;
    checksum[at] ^= 1;
    let cases = [
        ("not gzip", b"hello, world, hello".to_vec()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("cut in the middle", good[..middle].to_vec()),
        ("only the first byte", good[..1].to_vec()),
        ("changed", flipped),
        ("another checksum", checksum),
        ("followed by a byte", followed(b"x")),
        ("followed by some", followed(&[0; 100])),
        ("two members", followed(&good)),
    ];
    for (case, body) in cases {
        for size in [1, 16, body.len()] {
            let response = send(app(all()), &["gzip"], split(&body, size)).await;
            assert_eq!(
                response.status(),
                400,
                "{case} {size}: {:?}",
                response.body()
            );
            let problem = common::problem(&response, StatusCode::BAD_REQUEST);
            let detail = "The body could not be decompressed completely.";
            assert_eq!(problem["detail"], detail, "{case} {size}");
        }
    }
    for (coding, mut body) in [("deflate", deflate(b"hello")), ("br", BROTLI.to_vec())] {
        body.push(b'x');
        let response = send(app(all()), &[coding], Body::from(body.clone())).await;
        assert_eq!(response.status(), 400, "{coding}");
        body.truncate(body.len() - 2);
        let response = send(app(all()), &[coding], Body::from(body)).await;
        assert_eq!(response.status(), 400, "{coding}");
    }
}

#[tokio::test]
async fn more_than_the_limits_is_413() {
    let zeros = |bytes| gzip(&vec![0; bytes]);
    let mut state = 1_u64;
    let random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let noise: Vec<u8> = std::iter::repeat_with(random).take(200_000).collect();
    let policy = || {
        Decompression::gzip()
            .max_bytes(200_000)
            .max_ratio(20, 10_000)
            .unwrap()
    };
    let cases = [
        ("zeros up to the floor", zeros(10_000), None),
        (
            "zeros beyond the floor",
            zeros(20_000),
            Some("more than 20 times"),
        ),
        ("noise up to the limit", gzip(&noise), None),
        ("a bomb", zeros(50_000_000), Some("must not be")),
    ];
    for (case, body, detail) in cases {
        for size in [100, body.len()] {
            let response = send(app(policy()), &["gzip"], split(&body, size)).await;
            match detail {
                None => assert_eq!(response.status(), StatusCode::OK, "{case} {size}"),
                Some(expected) => {
                    let problem = common::problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
                    let detail = problem["detail"].as_str().unwrap();
                    assert!(detail.contains(expected), "{case} {size}: {detail}");
                    assert_eq!(problem["max_body_bytes"], 200_000, "{case}");
                    assert_eq!(response.headers()["connection"], "close", "{case}");
                }
            }
        }
    }
    let mut more = noise;
    more.push(1);
    let response = send(app(policy()), &["gzip"], Body::from(gzip(&more))).await;
    let problem = common::problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
    let detail = "The decompressed body must not be larger than 200000 bytes.";
    assert_eq!(problem["detail"], detail);
}

#[tokio::test]
async fn the_limit_of_bytes_outside_counts_what_is_sent() {
    #[derive(serde::Deserialize, garde::Validate)]
    struct Text {
        #[garde(length(max = 2_000))]
        text: String,
    }

    let stack = compose((
        with_body_limit(BodyLimit::bytes(100)),
        with_decompression(Decompression::gzip()),
        with_validation::<Json<Text>>(),
    ));
    let handler = stack.handler(async |text: Valid<Json<Text>>| text.text.len().to_string());
    let app: Router = Router::new().route("/", post(handler));
    let send = |body: Body| {
        let request = http::Request::post("/")
            .header("content-type", "application/json")
            .header("content-encoding", "gzip");
        app.clone().oneshot(request.body(body).unwrap())
    };
    let json = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000));
    let response = common::read(send(Body::from(gzip(json.as_bytes()))).await.unwrap()).await;
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::OK, &b"1000"[..])
    );

    let mixed: String = (0..400_u32)
        .map(|n| n.wrapping_mul(7_919).to_string())
        .collect();
    let long = gzip(format!(r#"{{"text":"{mixed}"}}"#).as_bytes());
    let response = common::read(send(split(&long, 50)).await.unwrap()).await;
    let problem = common::problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["max_body_bytes"], 100);
}

#[test]
fn a_ratio_of_nothing_is_an_error() {
    let error = Decompression::gzip().max_ratio(0, 10).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Decompression: a ratio of 0 would reject every compressed body larger than the floor"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_was_compressed_comes_out(plain in prop::collection::vec(any::<u8>(), 0..2_000), size in 1_usize..64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let expected = format!("{} false", plain.len());
        let response = runtime.block_on(send(app(all()), &["gzip"], split(&gzip(&plain), size)));
        prop_assert_eq!(response.body(), expected.as_bytes());
    }
}

/// A bomb that is sent over a socket, in chunks and with a length, is answered 413 before all of it has been
/// read, and the server answers the next client.
#[tokio::test]
async fn a_bomb_on_a_socket_is_answered() {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    let limits = BodyLimit::bytes(1_000_000);
    let policy = Decompression::gzip().max_bytes(1_000_000);
    let stack = compose((with_body_limit(limits), with_decompression(policy)));
    let handler = stack.handler(async |body: Bytes| format!("{} bytes", body.len()));
    let app: Router = Router::new().route("/", post(handler));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let bomb = gzip(&vec![0; 100_000_000]);
    let small = gzip(b"hello");
    for is_chunked in [false, true] {
        for (body, start) in [(&bomb, "HTTP/1.1 413"), (&small, "HTTP/1.1 200")] {
            let mut socket = TcpStream::connect(address).await.unwrap();
            let length = if is_chunked {
                "transfer-encoding: chunked".to_owned()
            } else {
                format!("content-length: {}", body.len())
            };
            let head = format!(
                "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-encoding: gzip\r\n{length}\r\n\r\n"
            );
            let mut sent = head.into_bytes();
            if is_chunked {
                for chunk in body.chunks(1_000) {
                    sent.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    sent.extend_from_slice(chunk);
                    sent.extend_from_slice(b"\r\n");
                }
                sent.extend_from_slice(b"0\r\n\r\n");
            } else {
                sent.extend_from_slice(body);
            }
            // The server may close before it has read everything.
            let (mut reader, mut writer) = socket.split();
            let write = async { drop(writer.write_all(&sent).await) };
            let mut answer = [0; 12];
            let (_, read) = tokio::join!(write, reader.read_exact(&mut answer));
            read.unwrap();
            assert_eq!(String::from_utf8_lossy(&answer), start, "{is_chunked}");
        }
    }
}
