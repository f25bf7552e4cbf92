//! Checks an email address and a password, for the routes that require them.

use tokio::task;

use super::{Guesses, Passwords, TooManyGuesses};
use crate::{
    error::{ServerError, one_of},
    users::{Account, Users},
};

one_of! {
    /// Why a password was not checked.
    pub(crate) enum CheckError {
        TooManyGuesses,
        ServerError,
    }
}

/// The accounts, and how often a wrong password for each is checked.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) users: Users,
    pub(crate) passwords: Passwords,
    pub(crate) guesses: Guesses,
}

impl Credentials {
    /// The account with this address, if this is its password.
    pub(crate) async fn check(
        &self,
        email: &str,
        password: String,
    ) -> Result<Option<Account>, CheckError> {
        let account = self.users.account(email).await?;
        let check = self
            .clone()
            .check_account(email.to_owned(), password, account);
        // In a task of its own, it ends even if the client disconnects: the correct password of one that did
        // would stay counted as a guess.
        task::spawn(check).await.map_err(ServerError::internal)?
    }

    async fn check_account(
        self,
        email: String,
        password: String,
        account: Option<Account>,
    ) -> Result<Option<Account>, CheckError> {
        self.guesses.take(&email).await?;
        let hash = account.as_ref().map(|account| account.hash.clone());
        match self.passwords.verify(password, hash).await {
            Ok(true) => {
                self.guesses.forget(&email).await?;
                Ok(account)
            }
            Ok(false) => Ok(None),
            Err(busy) => {
                self.guesses.give_back(&email).await?;
                Err(busy.into())
            }
        }
    }
}
