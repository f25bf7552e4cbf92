//! `with_conditional`: 304, 412, 428, and what handlers are given.

mod body_tags;
mod neighbors;
mod precedence;
mod reads;
mod writes;

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Placed, conditional::ConditionalLayer};

use crate::common::{self, Body};

/// 784,111,777 seconds after 1970, and one second before and after it.
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn request(method: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(common::empty()).unwrap()
}

fn with_fields(status: u16, fields: &[(&'static str, &str)], body: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.try_into().unwrap();
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        response
            .headers_mut()
            .append(HeaderName::from_static(name), value);
    }
    response
}

/// What the layer makes of this response.
async fn answer<G>(
    layer: &Placed<ConditionalLayer<G>>,
    request: Request<Body>,
    response: Response<Body>,
) -> Response<Bytes>
where
    G: wythe::conditional::Given,
{
    let handler = service_fn(move |_: Request<Body>| {
        let response = response.clone();
        async move { Ok::<_, Infallible>(response) }
    });
    common::read(layer.layer(handler).oneshot(request).await.unwrap()).await
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}
