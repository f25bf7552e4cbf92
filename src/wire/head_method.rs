//! Turns the response to a GET into the response to a HEAD, for the driver of middleware and for
//! `with_methods`.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::Body;

/// Removes the body and keeps the fields that describe it (RFC 9110, section 9.3.2).
pub(crate) fn strip<R>(response: &mut Response<R>)
where
    R: Body + From<Bytes>,
{
    let size = response.body().size_hint().exact();
    keep_length(response.status(), response.headers_mut(), size);
    *response.body_mut() = R::from(Bytes::new());
}

/// The same for a response in memory.
pub(crate) fn strip_bytes(response: &mut Response<Bytes>) {
    let size = u64::try_from(response.body().len()).ok();
    keep_length(response.status(), response.headers_mut(), size);
    *response.body_mut() = Bytes::new();
}

fn keep_length(status: StatusCode, headers: &mut HeaderMap, size: Option<u64>) {
    // RFC 9110, section 8.6: these have no Content-Length, or one with another meaning.
    let without = status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    // RFC 9112, section 6.2: never beside Transfer-Encoding.
    let set = headers.contains_key(header::CONTENT_LENGTH)
        || headers.contains_key(header::TRANSFER_ENCODING);
    // The handler may have omitted the body of a HEAD response itself. 0 would be wrong then, and
    // the field is optional.
    if let Some(size @ 1..) = size
        && !without
        && !set
    {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    }
}
