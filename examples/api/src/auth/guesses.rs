//! Counts wrong passwords for an account, from any client.

use std::time::Duration;

use axum::http::{StatusCode, header::RETRY_AFTER};
use wythe::{
    ConfigError, Problem,
    api::openapi::{DocumentResponse, ResponseTypes},
    description::Answer,
    rate_limit::Handle,
};

use crate::{error::ServerError, rate_limits::RateLimits};

/// How many wrong passwords an account has left. Only the handler knows which account, because its
/// name is in the body.
#[derive(Clone)]
pub(crate) struct Guesses(Handle<String>);

impl Guesses {
    pub(crate) fn new(limits: RateLimits) -> Result<Self, ConfigError> {
        let quota = limits.per(5, Duration::from_secs(15 * 60)).named("guesses");
        Ok(Self(quota.in_handler::<String>()?.handle()))
    }

    /// Takes one attempt before the password is checked: otherwise a thousand guesses sent at once
    /// would all be checked before the first is counted.
    pub(crate) async fn take(&self, email: &str) -> Result<(), TooManyGuesses> {
        let taken = self.0.take(&account(email), 1).await;
        taken.map_err(TooManyGuesses)
    }

    /// Gives the attempt back, because the password was not checked.
    pub(crate) async fn give_back(&self, email: &str) -> Result<(), ServerError> {
        Ok(self.0.give_back(&account(email), 1).await?)
    }

    /// Resets the attempts, because the password was correct.
    pub(crate) async fn forget(&self, email: &str) -> Result<(), ServerError> {
        Ok(self.0.reset(&account(email)).await?)
    }
}

/// An account has had too many wrong passwords.
pub(crate) struct TooManyGuesses(Problem);

impl From<TooManyGuesses> for Problem {
    fn from(error: TooManyGuesses) -> Self {
        error.0
    }
}

impl DocumentResponse for TooManyGuesses {
    fn document(responses: &mut ResponseTypes<'_>) {
        let too_many = Answer::new(StatusCode::TOO_MANY_REQUESTS)
            .kind("https://iana.org/assignments/http-problem-types#quota-exceeded")
            .field(RETRY_AFTER)
            .member("violated-policies");
        responses.problem(too_many.when("after too many wrong passwords for the account"));
    }
}

/// The database treats `ADA@example.com` as the same account.
fn account(email: &str) -> String {
    email.to_ascii_lowercase()
}
