//! Stores users in SQLite.

use sqlx::{FromRow, Row, SqlitePool, sqlite::SqliteRow};
use wythe::ETag;

use super::{EmailTaken, NewUser, Page, User, UserId, email_taken};
use crate::error::ServerError;

/// All users.
#[derive(Clone)]
pub(crate) struct Users(pub(super) SqlitePool);

/// Whether a user may be changed, and by whom.
pub(crate) enum Owner {
    /// A user with an account: only by themselves.
    Themselves,
    /// A user created by others: by anyone who is signed in.
    Anyone,
}

impl Users {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self(pool)
    }

    /// Adds a user who can't log in.
    pub(crate) async fn create(
        &self,
        user: &NewUser,
    ) -> Result<Result<UserId, EmailTaken>, ServerError> {
        let add = "INSERT INTO users (name, email, age) VALUES (?, ?, ?) RETURNING id";
        let id = sqlx::query_scalar(add).bind(&user.name).bind(&user.email);
        let id = id.bind(user.age).fetch_one(&self.0).await;
        Ok(email_taken(id)?.map(UserId))
    }

    /// The user with this id, and the tag of its version.
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<(ETag, User)>, ServerError> {
        let find = "SELECT id, name, email, age, version FROM users WHERE id = ?";
        let row = sqlx::query(find).bind(id.0).fetch_optional(&self.0).await?;
        Ok(row.as_ref().map(tagged).transpose()?)
    }

    /// Who may change the user with this id, if there is one, and the tag of the version.
    pub(super) async fn owner(&self, id: UserId) -> Result<Option<(Owner, ETag)>, ServerError> {
        let find =
            "SELECT password_hash IS NOT NULL AS has_account, version FROM users WHERE id = ?";
        let row = sqlx::query(find).bind(id.0);
        let Some(row) = row.fetch_optional(&self.0).await? else {
            return Ok(None);
        };
        let has_account: bool = row.try_get("has_account")?;
        let owner = if has_account {
            Owner::Themselves
        } else {
            Owner::Anyone
        };
        Ok(Some((owner, ETag::version(row.try_get("version")?))))
    }

    /// A page of them, oldest first, and how many there are.
    pub(crate) async fn list(&self, page: &Page) -> Result<(Vec<User>, u32), ServerError> {
        let find = "SELECT id, name, email, age FROM users ORDER BY id LIMIT ? OFFSET ?";
        let users = sqlx::query_as(find).bind(page.per_page).bind(page.before());
        Ok((users.fetch_all(&self.0).await?, self.count().await?))
    }

    /// How many there are.
    pub(super) async fn count(&self) -> Result<u32, ServerError> {
        let count = sqlx::query_scalar("SELECT count(*) FROM users");
        Ok(count.fetch_one(&self.0).await?)
    }

    /// Replaces the user with this id, if it has this version, or any if there is none.
    pub(crate) async fn replace(
        &self,
        id: UserId,
        version: Option<i64>,
        user: &NewUser,
    ) -> Result<Result<Option<(ETag, User)>, EmailTaken>, ServerError> {
        let change = "UPDATE users SET name = ?, email = ?, age = ?, version = version + 1
                      WHERE id = ? AND version = coalesce(?, version)
                      RETURNING id, name, email, age, version";
        let row = sqlx::query(change).bind(&user.name).bind(&user.email);
        let row = row.bind(user.age).bind(id.0).bind(version);
        let row = email_taken(row.fetch_optional(&self.0).await)?;
        Ok(match row {
            Ok(row) => Ok(row.as_ref().map(tagged).transpose()?),
            Err(taken) => Err(taken),
        })
    }

    /// Deletes a user, if it has this version, or any if there is none; returns whether there was one.
    pub(crate) async fn delete(
        &self,
        id: UserId,
        version: Option<i64>,
    ) -> Result<bool, ServerError> {
        let delete = "DELETE FROM users WHERE id = ? AND version = coalesce(?, version)";
        let delete = sqlx::query(delete).bind(id.0).bind(version);
        Ok(delete.execute(&self.0).await?.rows_affected() > 0)
    }
}

/// A user with the tag of its version.
fn tagged(row: &SqliteRow) -> Result<(ETag, User), sqlx::Error> {
    let version = row.try_get("version")?;
    Ok((ETag::version(version), User::from_row(row)?))
}

impl FromRow<'_, SqliteRow> for User {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: UserId(row.try_get("id")?),
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            age: row.try_get("age")?,
        })
    }
}
