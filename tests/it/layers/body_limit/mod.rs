//! `with_body_limit`: bytes and time of every body.

mod readers;
mod size;
mod sockets;
mod time;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{BodyLimit, with_body_limit};

/// A body whose frames come one by one, each after this time.
fn frames(frames: Vec<(Duration, Bytes)>) -> Body {
    Body::from_stream(stream::iter(frames).then(|(time, frame)| async move {
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        Ok::<_, std::convert::Infallible>(frame)
    }))
}

/// A body whose frames are there at once.
fn chunks(sizes: &[usize]) -> Body {
    let frame = |size: &usize| (Duration::ZERO, Bytes::from(vec![b'x'; *size]));
    frames(sizes.iter().map(frame).collect())
}

fn post(body: Body) -> Request<Body> {
    Request::post("/").body(body).unwrap()
}

/// What became of a request: the response, and how many bytes its handler has had of the body.
async fn sent(limit: BodyLimit, request: Request<Body>) -> (Response<Body>, usize) {
    let (count, counted) = std::sync::mpsc::channel();
    let handler = service_fn(move |request: Request<Body>| {
        let count = count.clone();
        async move {
            let mut body = request.into_body();
            let mut failed = false;
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => count.send(frame.data_ref().map_or(0, Bytes::len)).unwrap(),
                    Err(_) => failed = true,
                }
            }
            // The handler does not care.
            Ok::<_, std::convert::Infallible>(Response::new(Body::from(failed.to_string())))
        }
    });
    let response = with_body_limit(limit).layer(handler).oneshot(request);
    let response = response.await.unwrap();
    (response, counted.try_iter().sum())
}
