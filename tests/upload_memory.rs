//! A large file takes no more memory than a small one. It is a program of its own, because the memory is
//! that of the process. `UPLOAD_MIB=1024 cargo test --all-features --test upload_memory -- --nocapture`
//! prints the figures that `with_multipart` documents.
#![cfg(all(feature = "multipart", target_os = "linux"))]

use std::{convert::Infallible, env, fs, iter};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Body, Multipart, Provided, Upload, UploadedFile, Valid, with_multipart};

#[derive(serde::Deserialize, garde::Validate)]
struct NewFile {
    #[garde(skip)]
    file: UploadedFile,
}

/// The most memory that the process has had.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let peak = line.and_then(|line| line.split_whitespace().nth(1));
    peak.unwrap().parse().unwrap()
}

/// Sends a file of this size in frames of 1 MiB.
async fn send(mebibytes: u64) -> u64 {
    const HEAD: &str =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let frame = Bytes::from(vec![b'x'; 1024 * 1024]);
    let frames = iter::once(Bytes::from_static(HEAD.as_bytes()))
        .chain((0..mebibytes).map(move |_| frame.clone()))
        .chain(iter::once(Bytes::from_static(b"\r\n--b--\r\n")))
        .map(Ok::<_, Infallible>);
    let body = axum::body::Body::from_stream(stream::iter(frames));
    let request = Request::post("/").header("content-type", "multipart/form-data; boundary=b");
    let request = request.body(Body::stream(body)).unwrap();
    let options = Multipart::temporary_files().unwrap();
    let options = options.max_body_bytes(2 << 30).unwrap();
    let options = options.max_file_bytes(2 << 30).unwrap();
    let layer = with_multipart::<NewFile>(options);
    let service = layer.layer(service_fn(async |mut request: Request<Body>| {
        let form = Valid::<Upload<NewFile>>::from_extensions(request.extensions_mut());
        let size = form.unwrap().file.size().to_string();
        Ok::<_, Infallible>(Response::new(Body::from(size)))
    }));
    let response = service.oneshot(request).await.unwrap();
    let size = axum::body::to_bytes(axum::body::Body::new(response.into_body()), 100);
    assert_eq!(size.await.unwrap(), (mebibytes << 20).to_string());
    peak_kib()
}

#[tokio::test]
async fn a_large_file_takes_no_more_memory_than_a_small_one() {
    let size: u64 = env::var("UPLOAD_MIB").map_or(96, |text| text.parse().unwrap());
    let idle = peak_kib();
    let small = send(32).await;
    let large = send(size).await;
    println!("idle {idle} KiB, after 32 MiB {small} KiB, after {size} MiB {large} KiB");
    assert!(large < small + 16 * 1024, "{small} KiB, {large} KiB");
}
