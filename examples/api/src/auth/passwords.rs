//! Hashes and verifies passwords, outside the async threads and only a few at a time.

use std::{sync::Arc, thread, time::Duration};

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::Error};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::error::ServerError;

/// How long a request waits for a permit.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Each hash takes a core for some tens of milliseconds, and 19 MiB of memory.
#[derive(Clone)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
}

/// A hash of no password, which takes as long to verify as one that `hash` has made. It is written here because
/// the program should start fast.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$bm9ib2R5IGhhcyBhIHBhc3N3b3JkIHdpdGggdGhpcyA";

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let permits = Arc::new(Semaphore::new(cores));
        Self { permits }
    }

    /// The hash of a new password: argon2id, with its own salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ServerError> {
        let hash = move || Argon2::default().hash_password(password.as_bytes());
        let hash = self
            .with_permit(hash)
            .await?
            .map_err(ServerError::internal)?;
        Ok(hash.to_string())
    }

    /// Whether the password is the one that was hashed.
    ///
    /// Without a hash the result is false, but it takes just as long: the time of the response does
    /// not reveal who has an account.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, ServerError> {
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| DUMMY_HASH.to_owned());
        let verify = move || Argon2::default().verify_password(password.as_bytes(), hash.as_str());
        match self.with_permit(verify).await? {
            Ok(()) => Ok(exists),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(ServerError::internal(error)),
        }
    }

    async fn with_permit<T, F>(&self, work: F) -> Result<T, ServerError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = timeout(TIMEOUT, permit).await.map_err(|_| busy())?;
        let permit = permit.map_err(ServerError::internal)?;
        let done = spawn_blocking(move || {
            let done = work();
            // Not earlier: the work continues even if the client has disconnected.
            drop(permit);
            done
        });
        done.await.map_err(ServerError::internal)
    }
}

fn busy() -> ServerError {
    ServerError::busy("Too many people are signing in at the moment. Try again shortly.")
}

#[cfg(test)]
mod tests {
    use super::{DUMMY_HASH, Passwords};

    #[tokio::test]
    async fn the_dummy_hash_takes_as_long_as_any() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(cost(DUMMY_HASH), cost(&hash));
        let verify = |hash: Option<String>| passwords.verify("correct horse".to_owned(), hash);
        assert!(verify(Some(hash)).await.unwrap());
        assert!(!verify(None).await.unwrap());
    }
}
