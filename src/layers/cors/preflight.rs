//! Answers a preflight: the question of a browser whether a request may be sent.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::{Cors, builder::CorsBuilder};
use crate::wire::field::only_line;

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The fields of both answers, built once.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    allowed: HeaderMap,
    refused: HeaderMap,
}

impl Fields {
    pub(super) fn new<T>(builder: &CorsBuilder<T>) -> Self {
        let vary = if builder.in_private_network {
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, \
             Access-Control-Request-Private-Network"
        } else {
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        };
        let mut refused = HeaderMap::new();
        refused.insert(header::VARY, HeaderValue::from_static(vary));

        let mut allowed = refused.clone();
        let credentials = builder.with_credentials.then_some(TRUE);
        let optional = [
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials),
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                builder.methods.value(),
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                builder.headers.value(),
            ),
            (header::ACCESS_CONTROL_MAX_AGE, builder.max_age.clone()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                allowed.insert(name, value);
            }
        }
        Self { allowed, refused }
    }
}

impl Cors {
    /// The answer, to an origin whose value of `Access-Control-Allow-Origin` is given if it is
    /// allowed. A refusal is an answer without the fields that allow, so that it says nothing.
    pub(super) fn answer(&self, origin: Option<HeaderValue>, asked: &HeaderMap) -> Response<Bytes> {
        let policy = &*self.0;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let Some(origin) = origin.filter(|_| self.allows(asked)) else {
            response.headers_mut().clone_from(&policy.preflight.refused);
            return response;
        };
        let headers = response.headers_mut();
        headers.clone_from(&policy.preflight.allowed);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if policy.headers.are_mirrored() {
            for line in asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, line.clone());
            }
        }
        // Private Network Access, section 3.1.
        if policy.private_network && asked.get(REQUEST_PRIVATE_NETWORK) == Some(&TRUE) {
            headers.insert(ALLOW_PRIVATE_NETWORK, TRUE);
        }
        response
    }

    /// Whether the policy allows the method and the headers that the preflight asks for.
    fn allows(&self, asked: &HeaderMap) -> bool {
        let one_method = only_line(asked, header::ACCESS_CONTROL_REQUEST_METHOD)
            .is_ok_and(|method| method.is_some_and(|method| self.0.methods.allow(method)));
        let names = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
        one_method && self.0.headers.allow(names.iter())
    }
}
