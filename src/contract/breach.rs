//! What a layer finds wrong with a body while the handler reads it: [`Breach`].

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};

use super::{ReplyBody, finish, mark_as_logged};
use crate::wire::Problem;

/// A note that the stream around a body leaves for the layer that has put it there.
///
/// The handler gets an error from the body and may answer anything. The layer then answers in the
/// handler's place, with what the stream has noted.
#[derive(Debug)]
pub struct Breach {
    noted: Arc<OnceLock<Problem>>,
    head_only: bool,
    version: Version,
}

impl Breach {
    pub(crate) fn new<B>(request: &Request<B>) -> Self {
        Self {
            noted: Arc::default(),
            head_only: request.method() == Method::HEAD,
            version: request.version(),
        }
    }

    /// Where the stream notes the answer. The first one stays.
    pub(crate) fn note(&self) -> Arc<OnceLock<Problem>> {
        Arc::clone(&self.noted)
    }

    /// Replaces the response, if something was noted. A problem of the same status has been logged
    /// already; it may state another limit.
    pub(crate) fn replace<R: ReplyBody>(self, layer: &'static str, response: &mut Response<R>) {
        let Some(problem) = self.noted.get() else {
            return;
        };
        let given = response.extensions().get::<Problem>();
        let is_logged = given.is_some_and(|given| given.status() == problem.status());
        let mut own = problem.clone().into_response();
        if is_logged {
            mark_as_logged(own.extensions_mut());
        }
        *response = finish(layer, own, self.head_only).map(R::from);
        close(self.version, response.headers_mut());
    }
}

/// Closes the connection after this response, because the rest of the body is not read (RFC 9110,
/// section 15.5.14). In HTTP/2 a stream ends by itself, and the field is forbidden (RFC 9113, section
/// 8.2.2).
pub(crate) fn close(version: Version, headers: &mut HeaderMap) {
    if version <= Version::HTTP_11 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
