//! The cost of the whole stack's refusals, compared with an accepted request.

use axum::{Router, http::StatusCode};
use wythe_bench_harness::{Case, request};

use crate::full_stack;

pub(crate) fn cases() -> Vec<Case> {
    let answer =
        |name, status, request, app: fn() -> Router| Case::answer(name, status, request, app);
    vec![
        answer(
            "201",
            StatusCode::CREATED,
            request::create_user,
            full_stack::app,
        ),
        answer(
            "204 to a preflight",
            StatusCode::NO_CONTENT,
            request::preflight,
            full_stack::app,
        ),
        answer(
            "429",
            StatusCode::TOO_MANY_REQUESTS,
            request::create_user,
            full_stack::exhausted_quota,
        ),
        answer(
            "401 without a token",
            StatusCode::UNAUTHORIZED,
            request::without_token,
            full_stack::app,
        ),
        answer(
            "401 to a forged token",
            StatusCode::UNAUTHORIZED,
            request::with_forged_token,
            full_stack::app,
        ),
        answer(
            "422, a rule broken",
            StatusCode::UNPROCESSABLE_ENTITY,
            request::with_broken_rule,
            full_stack::app,
        ),
    ]
}
