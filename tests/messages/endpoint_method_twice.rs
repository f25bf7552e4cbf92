//! Two handlers for one method, and a setter after a list of methods at run time.

use axum::body::Body;
use http::{Method, Request, Response};
use wythe::{Endpoint, endpoint};

async fn list(_: Request<Body>) -> Response<Body> {
    Response::default()
}

fn main() {
    let _twice = endpoint().get(list).get(list);
    let _listed = Endpoint::list([(Method::GET, list)]).unwrap().post(list);
}
