//! The admin's account: the one that the configuration names, and no other.
//!
//! Not the account that registers first or with a certain address: anybody can do that, because
//! addresses are not verified here. So the account is created before the first request, under an id
//! that no other account can get.

use std::fmt;

use crate::{auth::Credentials, error::ServerError, users::UserId};

/// The admin's email address and password.
pub struct Admin {
    email: String,
    password: String,
}

impl Admin {
    /// The rules are the same as for registering.
    pub fn new(
        email: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, &'static str> {
        let (email, password) = (email.into(), password.into());
        if wythe::validation::email(&email, &()).is_err() {
            return Err("ADMIN_EMAIL is not an email address");
        }
        if !(8..=128).contains(&password.chars().count()) {
            return Err("ADMIN_PASSWORD needs 8 to 128 characters");
        }
        Ok(Self { email, password })
    }

    /// The email address.
    pub fn email(&self) -> &str {
        &self.email
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// Creates the account in the configuration, or removes it. Its logins continue if neither its
/// address nor its password has changed.
pub(crate) async fn settle(
    admin: Option<&Admin>,
    credentials: &Credentials,
) -> Result<(), ServerError> {
    let Credentials {
        users, passwords, ..
    } = credentials;
    let Some(Admin { email, password }) = admin else {
        users.delete(UserId::ADMIN, None).await?;
        return Ok(());
    };
    let account = users.account(email).await?;
    let account = account.filter(|account| account.profile.id == UserId::ADMIN);
    let hash = account.map(|account| account.hash);
    if passwords.verify(password.clone(), hash).await? {
        return Ok(());
    }
    let hash = passwords.hash(password.clone()).await?;
    users.set_admin(email, &hash).await
}
