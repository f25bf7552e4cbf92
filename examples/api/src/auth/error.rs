//! Why a user is not let in.

use axum::http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use wythe::Problem;

use crate::error::problem;

problem! {
    /// The same for an unknown address and a wrong password.
    pub(crate) struct WrongLogin = "when the email address or the password is wrong";
    unauthorized("The email address or the password is wrong.", r#"Bearer realm="api""#)
}

problem! {
    /// Not a 401, because the token is valid.
    pub(crate) struct WrongPassword = "when the current password is wrong";
    Problem::new(StatusCode::FORBIDDEN).detail("The current password is wrong.")
}

problem! {
    /// The login was ended by its user, has lasted too long, or its refresh token was used twice.
    pub(crate) struct LoginEnded = "when the login has ended";
    unauthorized("This login has ended: log in again.", r#"Bearer realm="api""#)
}

problem! {
    /// The token is valid, but the user has been deleted.
    pub(crate) struct AccountGone = "when the account of the token no longer exists";
    unauthorized(
        "The account of this token no longer exists.",
        r#"Bearer realm="api", error="invalid_token", error_description="The account no longer exists""#,
    )
}

problem! {
    /// Another tab was first.
    pub(crate) struct JustRefreshed = "when another request has just refreshed this login";
    Problem::new(StatusCode::CONFLICT)
        .detail("Another request has just refreshed this login: use the cookies that it has set.")
}

/// A 401 needs a challenge (RFC 9110, section 15.5.2): it is that of the routes that require a token.
fn unauthorized(detail: &'static str, challenge: &'static str) -> Problem {
    let challenge = HeaderValue::from_static(challenge);
    let problem = Problem::new(StatusCode::UNAUTHORIZED).detail(detail);
    problem.header(WWW_AUTHENTICATE, challenge)
}
