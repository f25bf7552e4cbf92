//! What a handler function may return.

use bytes::Bytes;
use http::Response;

use crate::wire::Problem;

/// What a handler function may return: a response, or a result with one.
#[diagnostic::on_unimplemented(
    message = "a handler can't return `{Self}`",
    label = "not a response, and not a result with one",
    note = "return `Response<R>`, or `Result<Response<R>, E>` where `Problem: From<E>` and \
            `R: From<Bytes>`, which holds for `Full<Bytes>`"
)]
pub trait Reply<R> {
    /// The response.
    fn into_reply(self) -> Response<R>;
}

impl<R> Reply<R> for Response<R> {
    fn into_reply(self) -> Self {
        self
    }
}

impl<R, E> Reply<R> for Result<Response<R>, E>
where
    R: From<Bytes>,
    E: Into<Problem>,
{
    fn into_reply(self) -> Response<R> {
        self.unwrap_or_else(|error| error.into().into_response().map(R::from))
    }
}
