//! Turns the crate's answers into axum responses.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};

use crate::wire::Problem;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The inherent function, which has the same name.
        Self::into_response(self).map(Body::from)
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::Problem;

    #[test]
    fn a_problem_is_an_axum_response() {
        let response = IntoResponse::into_response(Problem::new(http::StatusCode::GONE));
        assert_eq!(response.status(), http::StatusCode::GONE);
        assert!(response.extensions().get::<Problem>().is_some());
    }
}
