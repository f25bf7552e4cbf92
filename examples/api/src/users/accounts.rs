//! Stores the accounts of users who can log in.

use sqlx::{FromRow, Row, any::AnyRow};

use super::{EmailTaken, Profile, UserId, Users, email_taken};
use crate::error::ServerError;

/// The users who can log in.
pub(crate) struct Account {
    pub(crate) profile: Profile,
    /// The hash of the password.
    pub(crate) hash: String,
}

impl Users {
    /// Adds a user who can log in.
    pub(crate) async fn register(
        &self,
        email: &str,
        hash: &str,
    ) -> Result<Result<UserId, EmailTaken>, ServerError> {
        let add = "INSERT INTO users (email, password_hash) VALUES ($1, $2) RETURNING id";
        let id = sqlx::query_scalar(add).bind(email).bind(hash);
        Ok(email_taken(id.fetch_one(&self.0).await)?.map(UserId))
    }

    /// Creates the admin's account, or updates it.
    pub(crate) async fn set_admin(&self, email: &str, hash: &str) -> Result<(), ServerError> {
        let set = "INSERT INTO users (id, email, password_hash) VALUES ($1, $2, $3)
                   ON CONFLICT (id) DO UPDATE
                   SET email = excluded.email, password_hash = excluded.password_hash,
                       version = users.version + 1";
        let set = sqlx::query(set).bind(UserId::ADMIN.0).bind(email);
        set.bind(hash).execute(&self.0).await?;
        Ok(())
    }

    /// The account with this email address. The letters A to Z in lowercase, as here and in the index, do not
    /// tell accounts apart; `lower($1)` would be that of the server's locale, which knows more letters.
    pub(crate) async fn account(&self, email: &str) -> Result<Option<Account>, ServerError> {
        let find = "SELECT id, email, password_hash FROM users
                    WHERE lower(email) = $1 AND password_hash IS NOT NULL";
        let account = sqlx::query_as(find).bind(email.to_ascii_lowercase());
        Ok(account.fetch_optional(&self.0).await?)
    }

    /// Changes a password, which ends all logins; `None` if it changed after it was checked.
    pub(crate) async fn change_password(
        &self,
        account: Account,
        hash: String,
    ) -> Result<Option<Account>, ServerError> {
        let change = "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
        let change = sqlx::query(change).bind(&hash).bind(account.profile.id.0);
        let change = change.bind(&account.hash).execute(&self.0).await?;
        Ok((change.rows_affected() > 0).then_some(Account { hash, ..account }))
    }

    /// The account with this id.
    pub(crate) async fn profile(&self, id: UserId) -> Result<Option<Profile>, ServerError> {
        let find = "SELECT id, email FROM users WHERE id = $1 AND password_hash IS NOT NULL";
        let profile = sqlx::query_as(find).bind(id.0);
        Ok(profile.fetch_optional(&self.0).await?)
    }
}

impl FromRow<'_, AnyRow> for Account {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            profile: Profile::from_row(row)?,
            hash: row.try_get("password_hash")?,
        })
    }
}

impl FromRow<'_, AnyRow> for Profile {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: UserId(row.try_get("id")?),
            email: row.try_get("email")?,
        })
    }
}
