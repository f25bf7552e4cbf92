//! Deletes the oldest of what visitors without an account send, so that they can't fill the database.

use sqlx::AnyPool;
use wythe::Background;

/// What visitors send.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    Messages,
    Feedback,
    Files,
}

impl Kept {
    /// Deletes all but the latest, after the answer: the client does not wait for it. If too much is running
    /// already, the next visitor's request does it.
    pub(crate) fn delete_oldest(self, pool: AnyPool, background: &Background) {
        let (delete, kept) = match self {
            Self::Messages => (
                "DELETE FROM messages WHERE id <= (SELECT max(id) FROM messages) - $1",
                10_000,
            ),
            Self::Feedback => (
                "DELETE FROM feedback WHERE id <= (SELECT max(id) FROM feedback) - $1",
                10_000,
            ),
            // Of at most 5 MiB each.
            Self::Files => (
                "DELETE FROM files WHERE id <= (SELECT max(id) FROM files) - $1",
                100,
            ),
        };
        let deleting = async move {
            let done = sqlx::query(delete).bind(kept).execute(&pool).await;
            match done.map(|done| done.rows_affected()) {
                Ok(0) => {}
                Ok(deleted) => tracing::info!(what = ?self, deleted, "deleted the oldest"),
                Err(error) => tracing::error!(what = ?self, ?error, "can't delete the oldest"),
            }
        };
        if let Err(error) = background.spawn(deleting) {
            tracing::warn!(what = ?self, %error, "the oldest are deleted later");
        }
    }
}
