//! The session that a handler gets: [`Session`].

use std::{
    fmt,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    lifetime::Times,
    store::{SessionId, SessionOwner},
    text,
};

/// A session that has not ended, with its data: the principal of [`Sessions`](super::Sessions).
/// Cloning is cheap.
///
/// It dereferences to its data.
///
/// # Example
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use wythe::{Auth, Session};
///
/// #[derive(Deserialize, Serialize)]
/// struct User {
///     name: String,
/// }
///
/// async fn whoami(Auth(session): Auth<Session<User>>) -> String {
///     format!("You are {}.", session.name)
/// }
/// ```
pub struct Session<D> {
    data: Arc<D>,
    id: SessionId,
    times: Times,
    owner: Option<SessionOwner>,
}

impl<D> Session<D> {
    pub(super) fn new(id: SessionId, times: Times, owner: Option<SessionOwner>, data: D) -> Self {
        Self {
            data: Arc::new(data),
            id,
            times,
            owner,
        }
    }

    pub(super) const fn owner(&self) -> Option<SessionOwner> {
        self.owner
    }

    /// The data that was set at login, or changed since.
    #[must_use]
    pub fn data(&self) -> &D {
        &self.data
    }

    /// The id of the session. It is not secret: knowing it does not give access to the session.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The id as 43 characters, for the log, and for values that are bound to a session, such as a
    /// CSRF token.
    #[must_use]
    pub fn public_id(&self) -> String {
        text::encode(self.id.as_bytes())
    }

    /// When the user signed in, in whole seconds.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        let created = UNIX_EPOCH.checked_add(Duration::from_secs(self.times.created));
        created.unwrap_or(UNIX_EPOCH)
    }

    pub(super) const fn times(&self) -> Times {
        self.times
    }

    pub(super) fn seen(self, now: u64) -> Self {
        let times = self.times.seen(now);
        Self { times, ..self }
    }
}

impl<D> Deref for Session<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.data
    }
}

impl<D> Clone for Session<D> {
    fn clone(&self) -> Self {
        Self {
            data: Arc::clone(&self.data),
            ..*self
        }
    }
}

impl<D> fmt::Debug for Session<D> {
    /// Shows neither the data nor the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("created", &self.created())
            .finish_non_exhaustive()
    }
}
