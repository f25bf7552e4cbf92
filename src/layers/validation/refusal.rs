//! Builds the refusals that never vary, once for each policy.

use http::{HeaderValue, StatusCode, header};

use super::input::Format;
use crate::wire::Problem;

/// The refusals of one policy.
#[derive(Clone)]
pub(super) struct Refusals {
    pub(super) too_large: Problem,
    pub(super) no_body: Problem,
    pub(super) no_type: Problem,
    pub(super) malformed_type: Problem,
    pub(super) wrong_type: Problem,
    pub(super) charset: Problem,
    pub(super) coding: Problem,
}

impl Refusals {
    pub(super) fn new(format: Format, max_body_bytes: usize) -> Self {
        let accepted = match format {
            Format::Json => "application/json",
            Format::Form => "application/x-www-form-urlencoded",
            Format::JsonOrForm | Format::Query => {
                "application/json, application/x-www-form-urlencoded"
            }
        };
        let media_type = |what: &str| {
            // RFC 9110, section 15.5.16: what would have been accepted.
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .reason("media_type")
                .detail(format!("{what}; accepted: {accepted}."))
                .header(header::ACCEPT, HeaderValue::from_static(accepted))
        };
        Self {
            too_large: Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
                .reason("too_large")
                .detail(format!("The body may have at most {max_body_bytes} bytes."))
                .extension("max_body_bytes", max_body_bytes),
            no_body: Problem::new(StatusCode::BAD_REQUEST)
                .reason("no_body")
                .detail(format!("The request has no body; expected: {accepted}.")),
            no_type: media_type("The request has no Content-Type"),
            malformed_type: media_type("Content-Type is not one well-formed media type"),
            wrong_type: media_type("The body has another Content-Type"),
            charset: media_type("The charset of the body must be UTF-8"),
            coding: Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .reason("content_coding")
                .detail("The body must not be compressed or otherwise coded.")
                .header(
                    header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                ),
        }
    }
}
