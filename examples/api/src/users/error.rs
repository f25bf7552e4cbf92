//! What can be wrong with a request for a user.

use axum::http::StatusCode;
use wythe::{ExpectedVersion, Problem};

use crate::error::problem;

problem! {
    /// There is no user with this id.
    pub(crate) struct NoSuchUser = "when there is no user with this id";
    Problem::new(StatusCode::NOT_FOUND).detail("There is no user with this id.")
}

problem! {
    /// The user has an account, and it is that of somebody else.
    pub(crate) struct NotTheOwner = "when the user has an account, and is not you";
    Problem::new(StatusCode::FORBIDDEN)
        .detail("This user has an account: only its owner can change or delete it.")
}

problem! {
    /// Another request has changed or deleted the user since its version was checked.
    pub(crate) struct UserChanged = "when the user has changed meanwhile";
    ExpectedVersion::failed()
}

problem! {
    /// The email address of a user is unique.
    pub(crate) struct EmailTaken = "when another user has this email address";
    Problem::new(StatusCode::CONFLICT).detail("Another user has this email address.")
}

/// Finds out whether a user can't be stored because of the email address: it is the only unique
/// column that client input is written to.
pub(super) fn email_taken<T>(
    stored: Result<T, sqlx::Error>,
) -> Result<Result<T, EmailTaken>, sqlx::Error> {
    match stored {
        Ok(stored) => Ok(Ok(stored)),
        Err(error) => match error.as_database_error() {
            Some(database) if database.is_unique_violation() => Ok(Err(EmailTaken)),
            _ => Err(error),
        },
    }
}
