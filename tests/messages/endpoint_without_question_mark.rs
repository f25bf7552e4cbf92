//! A method of an endpoint that is known at run time, without `?`.

use axum::body::Body;
use http::{Method, Request, Response};
use wythe::endpoint;

async fn list(_: Request<Body>) -> Response<Body> {
    Response::default()
}

fn main() {
    let propfind = Method::from_bytes(b"PROPFIND").unwrap();
    let _users = endpoint().on(propfind, list).get(list);
}
