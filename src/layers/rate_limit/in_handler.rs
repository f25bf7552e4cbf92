//! Limits by what only a handler knows.

use std::{fmt, marker::PhantomData};

use super::{
    handle::Handle,
    limit::Limit,
    policy::{Options, Quotas, RateLimit},
    quota::Quota,
};
use crate::{request::key::KeyPart, wire::ConfigError};

/// Counts by a value that a handler gives; made by [`Quotas::in_handler`]. There is no layer for
/// it.
pub struct InHandler<V>(PhantomData<fn(V)>);

impl<V> fmt::Debug for InHandler<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InHandler")
    }
}

impl<V> Clone for InHandler<V> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl Quota {
    /// Counts by a value that a handler gives; see [`Quotas::in_handler`].
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    pub fn in_handler<V: KeyPart>(self) -> Result<RateLimit<InHandler<V>>, ConfigError> {
        Ok(RateLimit::of([self])?.in_handler())
    }
}

impl Quotas {
    /// Counts by a value that only a handler knows: the name of an account, which is in the body.
    /// No layer stands before the handler; it asks the [`Handle`] itself.
    ///
    /// # Example: three wrong passwords for one account
    ///
    /// ```
    /// use http::StatusCode;
    /// use wythe::{Problem, Quota, rate_limit::Handle};
    ///
    /// async fn login(
    ///     guesses: &Handle<String>,
    ///     account: String,
    ///     password: &str,
    /// ) -> Result<(), Problem> {
    ///     // Taken before the password is checked, or many guesses at once would all be let through.
    ///     guesses.take(&account, 1).await?;
    ///     if password != "correct horse" {
    ///         return Err(Problem::new(StatusCode::FORBIDDEN));
    ///     }
    ///     guesses.reset(&account).await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let guesses = Quota::per_hour(3).named("guesses").in_handler::<String>()?.handle();
    /// for _ in 0..3 {
    ///     let wrong = login(&guesses, "ada".into(), "12345678").await.unwrap_err();
    ///     assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    /// }
    /// let refused = login(&guesses, "ada".into(), "correct horse").await.unwrap_err();
    /// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    /// assert_eq!(refused.headers()["retry-after"], "1200");
    /// assert!(login(&guesses, "bob".into(), "correct horse").await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn in_handler<V: KeyPart>(self) -> RateLimit<InHandler<V>> {
        RateLimit {
            key: InHandler(PhantomData),
            options: Options::new(self.0),
        }
    }
}

impl<V: KeyPart> RateLimit<InHandler<V>> {
    /// A limit with counts of its own, which clones of the handle share.
    #[must_use]
    pub fn handle(self) -> Handle<V> {
        Handle::new(Limit::new(self.options).into())
    }
}
