//! The admin's account: whom the configuration names, and nobody else.
//!
//! Not who registers first, nor who registers with a certain address: anybody can, for addresses
//! are not verified here. So the account is made before the first request, under an id that nobody
//! else can get.

use std::fmt;

use wythe::Problem;

use crate::{auth::Credentials, users::UserId};

/// The admin's email address and password.
pub struct Admin {
    email: String,
    password: String,
}

impl Admin {
    /// The rules are those of registering.
    pub fn new(
        email: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, &'static str> {
        let (email, password) = (email.into(), password.into());
        if wythe::validation::email(&email, &()).is_err() {
            return Err("ADMIN_EMAIL is no email address");
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

/// Makes the account that the configuration says, or removes it. Its logins go on if neither its
/// address nor its password has changed.
pub(crate) async fn settle(
    admin: Option<&Admin>,
    credentials: &Credentials,
) -> Result<(), Problem> {
    let Credentials {
        users, passwords, ..
    } = credentials;
    let Some(Admin { email, password }) = admin else {
        users.delete(UserId::ADMIN).await?;
        return Ok(());
    };
    let account = users.account(email).await?;
    let account = account.filter(|account| account.profile.id == UserId::ADMIN);
    let hash = account.map(|account| account.hash);
    if passwords.verify(password.clone(), hash).await? {
        return Ok(());
    }
    let hash = passwords.hash(password.clone()).await?;
    Ok(users.set_admin(email, &hash).await?)
}
