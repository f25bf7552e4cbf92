//! Stores logins, each with the hash of the one refresh token that is valid.

use sqlx::{AnyPool, Row};

use super::RefreshToken;
use crate::{
    clock::Clock,
    error::ServerError,
    users::{Account, UserId},
};

/// How many seconds a login lasts, however often it is refreshed. After that, the user must enter
/// the password again.
pub(crate) const LIFETIME: i64 = 30 * 24 * 60 * 60;

/// How many seconds after a refresh the replaced token may be sent again, by a second tab of the
/// same browser. The second request gets no tokens, but is not treated as theft.
const GRACE: u64 = 10;

/// All logins that have not ended.
#[derive(Clone)]
pub(crate) struct LoginStore {
    pool: AnyPool,
    clock: Clock,
}

/// The result of using a refresh token.
pub(crate) enum Refreshed {
    /// It was valid and has been replaced; its login ends in this many seconds.
    Yes { user: UserId, ends_in: i64 },
    /// Another request has just replaced it.
    JustBefore,
    /// It was replaced earlier, so somebody has a copy of it: the login has ended.
    Twice { user: UserId },
    /// The login does not exist or has ended.
    No,
}

impl LoginStore {
    pub(crate) fn new(pool: AnyPool, clock: Clock) -> Self {
        Self { pool, clock }
    }

    /// Starts a login, unless the account was deleted or its password changed in the meantime.
    pub(crate) async fn begin(
        &self,
        account: &Account,
        token: &RefreshToken,
    ) -> Result<bool, ServerError> {
        let now = self.clock.seconds();
        let user = account.profile.id.0;
        let mut changes = self.pool.begin().await?;
        let over = sqlx::query("DELETE FROM logins WHERE ends_at <= $1").bind(now);
        over.execute(&mut *changes).await?;

        // Locks the account, so that its password does not change until the login is stored: the change
        // would not see it, and would leave it.
        let lock = "UPDATE users SET version = version WHERE id = $1 AND password_hash = $2";
        let lock = sqlx::query(lock).bind(user).bind(&account.hash);
        if lock.execute(&mut *changes).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let begin = "INSERT INTO logins (id, user_id, secret, ends_at) VALUES ($1, $2, $3, $4)";
        let begin = sqlx::query(begin)
            .bind(token.login().to_vec())
            .bind(user)
            .bind(token.secret().to_vec())
            .bind(now.saturating_add(LIFETIME));
        begin.execute(&mut *changes).await?;
        changes.commit().await?;
        Ok(true)
    }

    /// Replaces a token with the next one. This is one statement, so only one of several requests
    /// with the same token succeeds.
    pub(crate) async fn refresh(
        &self,
        token: &RefreshToken,
        next: &RefreshToken,
    ) -> Result<Refreshed, ServerError> {
        let now = self.clock.seconds();
        let refresh = "UPDATE logins SET secret = $1, previous = secret, refreshed_at = $2
                       WHERE id = $3 AND secret = $4 AND ends_at > $5 RETURNING user_id, ends_at";
        let refresh = sqlx::query(refresh)
            .bind(next.secret().to_vec())
            .bind(now)
            .bind(token.login().to_vec())
            .bind(token.secret().to_vec())
            .bind(now);
        match refresh.fetch_optional(&self.pool).await? {
            Some(row) => Ok(Refreshed::Yes {
                user: UserId(row.try_get("user_id")?),
                ends_in: row.try_get::<i64, _>("ends_at")?.saturating_sub(now),
            }),
            None => self.refuse(token, now).await,
        }
    }

    /// Only someone who has had a token of a login knows its name.
    async fn refuse(&self, token: &RefreshToken, now: i64) -> Result<Refreshed, ServerError> {
        let find =
            "SELECT user_id, previous, refreshed_at FROM logins WHERE id = $1 AND ends_at > $2";
        let find = sqlx::query(find).bind(token.login().to_vec()).bind(now);
        let Some(row) = find.fetch_optional(&self.pool).await? else {
            return Ok(Refreshed::No);
        };
        let previous: Option<Vec<u8>> = row.try_get("previous")?;
        let refreshed_at: Option<i64> = row.try_get("refreshed_at")?;
        let is_previous = previous.is_some_and(|previous| previous == token.secret());
        // A clock that was set back does not lengthen the time.
        let is_just_before = |at: i64| at.abs_diff(now) < GRACE;
        if is_previous && refreshed_at.is_some_and(is_just_before) {
            return Ok(Refreshed::JustBefore);
        }
        self.end(token).await?;
        let user = UserId(row.try_get("user_id")?);
        Ok(Refreshed::Twice { user })
    }

    /// Ends the login of this token, whether the token is current or old.
    pub(crate) async fn end(&self, token: &RefreshToken) -> Result<(), ServerError> {
        let end = sqlx::query("DELETE FROM logins WHERE id = $1").bind(token.login().to_vec());
        end.execute(&self.pool).await?;
        Ok(())
    }

    /// Ends all logins of an account.
    pub(crate) async fn end_all(&self, user: UserId) -> Result<(), ServerError> {
        let end = sqlx::query("DELETE FROM logins WHERE user_id = $1").bind(user.0);
        end.execute(&self.pool).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, LoginStore, RefreshToken};
    use crate::{database, users::Users};

    #[tokio::test]
    async fn a_password_that_changes_while_it_is_checked_starts_no_login() {
        let pool = database::open(None).await.unwrap();
        let users = Users::new(pool.clone());
        let logins = LoginStore::new(pool, Clock::system());
        let token = RefreshToken::first().unwrap();
        let email = "ada@example.com";
        users.register(email, "old").await.unwrap().unwrap();
        let account = async || users.account(email).await.unwrap().unwrap();

        let checked = account().await;
        let changed = users.change_password(account().await, "new".to_owned());
        let changed = changed.await.unwrap().unwrap();
        assert!(!logins.begin(&checked, &token).await.unwrap());
        assert!(logins.begin(&changed, &token).await.unwrap());
    }
}
