//! The details of users that only the admin may see.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{FromRow, Row, any::AnyRow};

use super::{Page, User, Users};
use crate::{clock::Clock, error::ServerError};

/// A user, and the number of their logins.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Overview {
    #[serde(flatten)]
    user: User,
    /// Whether the user can log in.
    has_account: bool,
    /// How many logins have not ended.
    logins: u32,
}

impl Users {
    /// A page of them, oldest first, and how many there are.
    pub(crate) async fn overview(
        &self,
        page: &Page,
        clock: &Clock,
    ) -> Result<(Vec<Overview>, u32), ServerError> {
        let find = "SELECT id, name, email, age, password_hash,
                        (SELECT count(*) FROM logins WHERE user_id = users.id AND ends_at > $1)
                            AS logins
                    FROM users ORDER BY id LIMIT $2 OFFSET $3";
        let users = sqlx::query_as(find).bind(clock.seconds());
        let users = users.bind(i64::from(page.per_page)).bind(page.before());
        Ok((users.fetch_all(&self.0).await?, self.count().await?))
    }
}

impl FromRow<'_, AnyRow> for Overview {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            user: User::from_row(row)?,
            has_account: row.try_get::<Option<String>, _>("password_hash")?.is_some(),
            logins: row
                .try_get::<i64, _>("logins")?
                .try_into()
                .unwrap_or(u32::MAX),
        })
    }
}
