//! Functions whose response body no layer can make.

use http::{Request, Response};
use wythe::{CacheControl, Problem, compose, with_cache_control};

async fn text(_: Request<()>) -> Response<&'static str> {
    Response::new("hello")
}

async fn fallible(_: Request<()>) -> Result<Response<()>, Problem> {
    Ok(Response::new(()))
}

fn main() {
    let stack = compose(with_cache_control(CacheControl::no_store()));
    let _service = stack.service_fn(text);
    let _service = stack.service_fn(fallible);
}
