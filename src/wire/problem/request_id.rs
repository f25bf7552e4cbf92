//! The id of the request, as a member of the problem that answers it.
//!
//! The member is added to the body of a response, not to the [`Problem`], which may be built once for
//! all requests.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use http_body::Body;

use super::{Extensions, PROBLEM_JSON, Problem};

/// The name of the member.
const REQUEST_ID: &str = "request_id";

/// Adds the id to the body of a response that is a problem, unless it has a member of this name. The id
/// needs no escapes.
///
/// A body that is no longer the rendered problem is not changed: it was compressed, has a digest, or
/// has another form.
pub(crate) fn add_request_id<R: Body + From<Bytes>>(response: &mut Response<R>, id: &str) {
    const BODY_FIELDS: [HeaderName; 3] = [
        header::CONTENT_ENCODING,
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("repr-digest"),
    ];

    let headers = response.headers();
    let Some(problem) = response.extensions().get::<Problem>() else {
        return;
    };
    let is_json = headers.get(header::CONTENT_TYPE) == Some(&PROBLEM_JSON);
    let is_own = is_json && !BODY_FIELDS.iter().any(|field| headers.contains_key(field));
    if problem.is_body_final || !is_own || problem.has_request_id() {
        return;
    }
    let json = problem.to_json();
    let length = response.body().size_hint().exact();
    // The answer to a HEAD has no body, and the length of the one that a GET would get.
    let is_empty = length == Some(0);
    if !is_empty && length.and_then(|length| usize::try_from(length).ok()) != Some(json.len()) {
        return;
    }
    let json = with_request_id(&json, id);
    if let Some(length) = response.headers_mut().get_mut(header::CONTENT_LENGTH) {
        *length = HeaderValue::from(json.len());
    }
    if !is_empty {
        *response.body_mut() = R::from(json);
    }
    if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
        problem.keep_body();
    }
}

impl Problem {
    /// The body with the id, unless it has a member of this name.
    pub(crate) fn to_json_with_request_id(&self, id: &str) -> Bytes {
        let json = self.to_json();
        if self.has_request_id() {
            return json;
        }
        with_request_id(&json, id)
    }

    /// With the id as an extension member, unless it has one of this name: for an application that
    /// renders the problem.
    pub(crate) fn with_request_id(&self, id: &str) -> Self {
        let problem = self.clone();
        if problem.has_request_id() {
            return problem;
        }
        problem.extension(REQUEST_ID, id)
    }

    /// Marks the problem of a response whose body must stay as it is.
    pub(crate) const fn keep_body(&mut self) {
        self.is_body_final = true;
    }

    fn has_request_id(&self) -> bool {
        match &self.inner.extensions {
            Extensions::Values(members) => members.contains_key(REQUEST_ID),
            // Those that layers of this crate write have no member of this name.
            Extensions::Written(..) => false,
        }
    }
}

/// A JSON object with one more member.
fn with_request_id(json: &[u8], id: &str) -> Bytes {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    let parts = [
        open,
        b",\"",
        REQUEST_ID.as_bytes(),
        b"\":\"",
        id.as_bytes(),
        b"\"}",
    ];
    Bytes::from(parts.concat())
}
