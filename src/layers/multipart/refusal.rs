//! The answers to forms that are not accepted.

use http::{HeaderValue, StatusCode, header};

use crate::wire::{Problem, field::Excerpt};

pub(super) fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("malformed")
        .detail(detail.into())
}

pub(super) fn no_body() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("no_body")
        .detail("The request has no body; expected: multipart/form-data.")
}

pub(super) fn no_boundary() -> Problem {
    malformed("The `Content-Type` has no `boundary` of 1 to 70 characters.")
}

pub(super) fn large_part(name: &str, max_bytes: u64) -> Problem {
    let name = Excerpt(name.as_bytes());
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
        .reason("part_too_large")
        .detail(format!(
            "The field `{name}` must not be larger than {max_bytes} bytes."
        ))
        .extension("field", name.to_string())
        .extension("max_bytes", max_bytes)
}

pub(super) fn large_header(max_header_bytes: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
        .reason("header_too_large")
        .detail(format!(
            "The header of a part must not be larger than {max_header_bytes} bytes."
        ))
        .extension("max_header_bytes", max_header_bytes)
}

pub(super) fn many_fields(max_fields: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
        .reason("too_many_fields")
        .detail(format!(
            "The form must not have more than {max_fields} fields without a file."
        ))
        .extension("max_fields", max_fields)
}

pub(super) fn many_files(max_files: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
        .reason("too_many_files")
        .detail(format!(
            "The form must not have more than {max_files} files."
        ))
        .extension("max_files", max_files)
}

pub(super) fn wrong_type(name: &str, accepted: &[String]) -> Problem {
    let name = Excerpt(name.as_bytes());
    let list = accepted.join(", ");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .reason("file_type")
        .detail(format!(
            "The content, the declared type and the name of the file `{name}` must agree on one of \
             these types: {list}."
        ))
        .extension("accepted", accepted.to_vec())
        .extension("field", name.to_string())
}

pub(super) fn other_media_type() -> Problem {
    // RFC 9110, section 15.5.16: tells the client what is accepted.
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .reason("media_type")
        .detail("The `Content-Type` is not supported; accepted: multipart/form-data.")
        .header(
            header::ACCEPT,
            HeaderValue::from_static("multipart/form-data"),
        )
}
