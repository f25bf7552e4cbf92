//! Stores users.

use sqlx::{AnyPool, FromRow, Row, any::AnyRow};
use wythe::ETag;

use super::{EmailTaken, NewUser, Page, User, UserId, email_taken};
use crate::error::ServerError;

/// All users.
#[derive(Clone)]
pub(crate) struct Users(pub(super) AnyPool);

/// Whether a user may be changed, and by whom.
pub(crate) enum Owner {
    /// A user with an account: only by themselves.
    Themselves,
    /// A user created by others: by anyone who is signed in.
    Anyone,
}

impl Users {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    /// Adds a user who can't log in.
    pub(crate) async fn create(
        &self,
        user: &NewUser,
    ) -> Result<Result<UserId, EmailTaken>, ServerError> {
        let add = "INSERT INTO users (name, email, age) VALUES ($1, $2, $3) RETURNING id";
        let id = sqlx::query_scalar(add).bind(&user.name).bind(&user.email);
        let id = id.bind(user.age.map(i16::from)).fetch_one(&self.0).await;
        Ok(email_taken(id)?.map(UserId))
    }

    /// The user with this id, and the tag of its version.
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<(ETag, User)>, ServerError> {
        let find = "SELECT id, name, email, age, version FROM users WHERE id = $1";
        let row = sqlx::query(find).bind(id.0).fetch_optional(&self.0).await?;
        Ok(row.as_ref().map(tagged).transpose()?)
    }

    /// Who may change the user with this id, if there is one, and the tag of the version.
    pub(super) async fn owner(&self, id: UserId) -> Result<Option<(Owner, ETag)>, ServerError> {
        let find = "SELECT password_hash, version FROM users WHERE id = $1";
        let row = sqlx::query(find).bind(id.0);
        let Some(row) = row.fetch_optional(&self.0).await? else {
            return Ok(None);
        };
        let owner = match row.try_get::<Option<String>, _>("password_hash")? {
            Some(_) => Owner::Themselves,
            None => Owner::Anyone,
        };
        Ok(Some((owner, ETag::version(row.try_get("version")?))))
    }

    /// A page of them, oldest first, and how many there are.
    pub(crate) async fn list(&self, page: &Page) -> Result<(Vec<User>, u32), ServerError> {
        let find = "SELECT id, name, email, age FROM users ORDER BY id LIMIT $1 OFFSET $2";
        let users = sqlx::query_as(find)
            .bind(i64::from(page.per_page))
            .bind(page.before());
        Ok((users.fetch_all(&self.0).await?, self.count().await?))
    }

    /// How many there are.
    pub(super) async fn count(&self) -> Result<u32, ServerError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
            .fetch_one(&self.0)
            .await?;
        Ok(count.try_into().unwrap_or(u32::MAX))
    }

    /// Replaces the user with this id, if it has this version, or any if there is none.
    pub(crate) async fn replace(
        &self,
        id: UserId,
        version: Option<i64>,
        user: &NewUser,
    ) -> Result<Result<Option<(ETag, User)>, EmailTaken>, ServerError> {
        let change = "UPDATE users SET name = $1, email = $2, age = $3, version = version + 1
                      WHERE id = $4 AND version = coalesce($5, version)
                      RETURNING id, name, email, age, version";
        let row = sqlx::query(change).bind(&user.name).bind(&user.email);
        let row = row.bind(user.age.map(i16::from)).bind(id.0).bind(version);
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
        let delete = "DELETE FROM users WHERE id = $1 AND version = coalesce($2, version)";
        let delete = sqlx::query(delete).bind(id.0).bind(version);
        Ok(delete.execute(&self.0).await?.rows_affected() > 0)
    }
}

/// A user with the tag of its version.
fn tagged(row: &AnyRow) -> Result<(ETag, User), sqlx::Error> {
    let version = row.try_get("version")?;
    Ok((ETag::version(version), User::from_row(row)?))
}

impl FromRow<'_, AnyRow> for User {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let age: Option<i16> = row.try_get("age")?;
        let age = age.map(u8::try_from).transpose();
        Ok(Self {
            id: UserId(row.try_get("id")?),
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            age: age.map_err(|error| sqlx::Error::Decode(error.into()))?,
        })
    }
}
