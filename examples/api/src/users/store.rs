//! Stores users in SQLite.

use sqlx::{FromRow, Row, SqlitePool, sqlite::SqliteRow};

use super::{NewUser, Page, Profile, User, UserId};
use crate::database::StoreError;

/// All users.
#[derive(Clone)]
pub(crate) struct Users(pub(super) SqlitePool);

/// Whoever can log in.
pub(crate) struct Account {
    pub(crate) profile: Profile,
    /// Of the password.
    pub(crate) hash: String,
}

/// Whether a user may be changed, and by whom.
pub(crate) enum Owner {
    /// They have an account: only by themselves.
    Themselves,
    /// Others have entered them: by anyone who is signed in.
    Anyone,
}

impl Users {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self(pool)
    }

    /// Adds a user who can log in.
    pub(crate) async fn register(&self, email: &str, hash: &str) -> Result<UserId, StoreError> {
        let add = "INSERT INTO users (email, password_hash) VALUES (?, ?) RETURNING id";
        let row = sqlx::query(add).bind(email).bind(hash);
        id_of(&row.fetch_one(&self.0).await?)
    }

    /// Adds a user who can't.
    pub(crate) async fn create(&self, user: &NewUser) -> Result<UserId, StoreError> {
        let add = "INSERT INTO users (name, email, age) VALUES (?, ?, ?) RETURNING id";
        let row = sqlx::query(add).bind(&user.name).bind(&user.email);
        id_of(&row.bind(user.age).fetch_one(&self.0).await?)
    }

    /// Makes the admin's account, or changes it.
    pub(crate) async fn set_admin(&self, email: &str, hash: &str) -> Result<(), StoreError> {
        let set = "INSERT INTO users (id, email, password_hash) VALUES (?, ?, ?)
                   ON CONFLICT (id) DO UPDATE
                   SET email = excluded.email, password_hash = excluded.password_hash";
        let set = sqlx::query(set).bind(UserId::ADMIN.0).bind(email);
        set.bind(hash).execute(&self.0).await?;
        Ok(())
    }

    /// The account of an email address.
    pub(crate) async fn account(&self, email: &str) -> Result<Option<Account>, StoreError> {
        let find = "SELECT id, email, password_hash FROM users
                    WHERE email = ? AND password_hash IS NOT NULL";
        let account = sqlx::query_as(find).bind(email);
        Ok(account.fetch_optional(&self.0).await?)
    }

    /// Changes a password, which ends all logins; `None` if it was changed since it was checked.
    pub(crate) async fn change_password(
        &self,
        account: Account,
        hash: String,
    ) -> Result<Option<Account>, StoreError> {
        let change = "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?";
        let change = sqlx::query(change).bind(&hash).bind(account.profile.id.0);
        let change = change.bind(&account.hash).execute(&self.0).await?;
        Ok((change.rows_affected() > 0).then_some(Account { hash, ..account }))
    }

    /// The account with this id.
    pub(crate) async fn profile(&self, id: UserId) -> Result<Option<Profile>, StoreError> {
        let find = "SELECT id, email FROM users WHERE id = ? AND password_hash IS NOT NULL";
        let profile = sqlx::query_as(find).bind(id.0);
        Ok(profile.fetch_optional(&self.0).await?)
    }

    /// The user with this id.
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let find = "SELECT id, name, email, age FROM users WHERE id = ?";
        let user = sqlx::query_as(find).bind(id.0);
        Ok(user.fetch_optional(&self.0).await?)
    }

    /// Who may change the user with this id, if there is one.
    pub(crate) async fn owner(&self, id: UserId) -> Result<Option<Owner>, StoreError> {
        let find = "SELECT password_hash IS NOT NULL AS has_account FROM users WHERE id = ?";
        let row = sqlx::query(find).bind(id.0);
        let Some(row) = row.fetch_optional(&self.0).await? else {
            return Ok(None);
        };
        let has_account: bool = row.try_get("has_account")?;
        Ok(Some(if has_account {
            Owner::Themselves
        } else {
            Owner::Anyone
        }))
    }

    /// A page of them, oldest first, and how many there are.
    pub(crate) async fn list(&self, page: &Page) -> Result<(Vec<User>, u32), StoreError> {
        let count = sqlx::query_scalar("SELECT count(*) FROM users");
        let total = count.fetch_one(&self.0).await?;
        let find = "SELECT id, name, email, age FROM users ORDER BY id LIMIT ? OFFSET ?";
        let users = sqlx::query_as(find).bind(page.per_page).bind(page.before());
        Ok((users.fetch_all(&self.0).await?, total))
    }

    /// Replaces a user, if there is one with this id.
    pub(crate) async fn replace(
        &self,
        id: UserId,
        user: &NewUser,
    ) -> Result<Option<User>, StoreError> {
        let change = "UPDATE users SET name = ?, email = ?, age = ? WHERE id = ?
                      RETURNING id, name, email, age";
        let row = sqlx::query_as(change).bind(&user.name).bind(&user.email);
        let row = row.bind(user.age).bind(id.0);
        Ok(row.fetch_optional(&self.0).await?)
    }

    /// Deletes a user; says whether there was one.
    pub(crate) async fn delete(&self, id: UserId) -> Result<bool, StoreError> {
        let delete = sqlx::query("DELETE FROM users WHERE id = ?").bind(id.0);
        Ok(delete.execute(&self.0).await?.rows_affected() > 0)
    }
}

fn id_of(row: &SqliteRow) -> Result<UserId, StoreError> {
    Ok(UserId(row.try_get("id")?))
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

impl FromRow<'_, SqliteRow> for Account {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            profile: Profile::from_row(row)?,
            hash: row.try_get("password_hash")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for Profile {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: UserId(row.try_get("id")?),
            email: row.try_get("email")?,
        })
    }
}
