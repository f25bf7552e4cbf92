//! What handlers do with sessions: begin, change and end them.

use serde::Serialize;

use super::{
    Session, Sessions,
    backend::Updated,
    lifetime::Times,
    store::{SessionId, SessionOwner},
    text::Text,
};
use crate::wire::{Problem, cookies::set_cookie::SetCookie};

impl<D: Serialize + Send + Sync + 'static> Sessions<D> {
    /// Begins a session: the answer must carry the cookie.
    ///
    /// The session is always a new one: an id that somebody has planted in the browser before is
    /// not continued (session fixation). If the browser may already have a session, end it with
    /// [`replace`](Self::replace).
    ///
    /// # Errors
    ///
    /// A 503 if the store fails. A 500 if the data cannot be serialized as JSON, or are too long: for
    /// a cookie, which holds about 2,800 bytes of JSON, or for the limit of
    /// [`MemorySessions`](super::MemorySessions) or `RedisSessions`.
    pub async fn login(&self, data: &D) -> Result<SetCookie, Problem> {
        let times = Times::starting(self.options.now());
        let owner = self.owner.as_ref().map(|owner| owner(data));
        let (_, cookie) = self.begin(times, owner, data).await?;
        Ok(cookie)
    }

    /// Ends a session and begins another one in its place, when somebody signs in again, as the same
    /// user or as another. Its lifetime starts over.
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login), and a 401 if the old session has ended in the store meanwhile.
    /// After a 503 the old session may not have ended.
    pub async fn replace(&self, old: &Session<D>, data: &D) -> Result<SetCookie, Problem> {
        let times = Times::starting(self.options.now());
        let owner = self.owner.as_ref().map(|owner| owner(data));
        self.begin_instead_of(old, times, owner, data).await
    }

    /// Continues a session under another id and with other data, when the user's rights change. The
    /// time since the login keeps counting.
    ///
    /// Requests with the old cookie that are in progress meanwhile are answered 401 if sessions are
    /// stored; for data that grant no rights, such as a language, there is [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// As [`replace`](Self::replace).
    pub async fn renew(&self, session: &Session<D>, data: &D) -> Result<SetCookie, Problem> {
        let times = session.times().seen(self.options.now());
        self.begin_instead_of(session, times, session.owner(), data)
            .await
    }

    /// Changes the data of a session, and nothing else. When the user's rights change,
    /// [`renew`](Self::renew) the session instead.
    ///
    /// There is a cookie if the session is an encrypted one; the answer must carry it. Of two
    /// concurrent changes, the last one wins; for an encrypted session, a cookie that is renewed
    /// meanwhile because it was used counts as a change. Keep data that change often in a database.
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login), and a 401 if the session has ended in the store meanwhile.
    pub async fn update(
        &self,
        session: &Session<D>,
        data: &D,
    ) -> Result<Option<SetCookie>, Problem> {
        let text = Text {
            id: session.id(),
            times: session.times(),
            data: &to_json(data)?,
        };
        let options = &*self.options;
        match self.backend.update(&options.cookie, text).await? {
            Updated::Cookie(value) => Ok(Some(options.cookie(value, session.times())?)),
            Updated::Stored => Ok(None),
            Updated::Ended => Err(options.ended()),
        }
    }

    /// Begins a session and ends the old one. If the old one has ended already, it must not continue
    /// under another id.
    async fn begin_instead_of(
        &self,
        old: &Session<D>,
        times: Times,
        owner: Option<SessionOwner>,
        data: &D,
    ) -> Result<SetCookie, Problem> {
        let (new, cookie) = self.begin(times, owner, data).await?;
        let ended = self.backend.end(&old.id()).await;
        if matches!(ended, Ok(true)) {
            return Ok(cookie);
        }
        // If this fails, too, a session is left whose cookie nobody has.
        drop(self.backend.end(&new).await);
        ended?;
        Err(self.options.ended())
    }

    async fn begin(
        &self,
        times: Times,
        owner: Option<SessionOwner>,
        data: &D,
    ) -> Result<(SessionId, SetCookie), Problem> {
        let options = &*self.options;
        let data = to_json(data)?;
        let (id, value) = self
            .backend
            .begin(&options.cookie, times, options.lifetime, owner, &data)
            .await?;
        Ok((id, options.cookie(value, times)?))
    }
}

impl<D> Sessions<D> {
    /// Ends a session: the answer must carry the cookie, which removes the session's own.
    ///
    /// An encrypted session ends only in the browser: see [`Sessions`] for what this means.
    /// `Clear-Site-Data` is left to the handler, because it removes more than the session.
    ///
    /// # Errors
    ///
    /// A 503 if the store fails: the session may not have ended, and the user must not be told that
    /// it has.
    pub async fn logout(&self, session: &Session<D>) -> Result<SetCookie, Problem> {
        self.backend.end(&session.id()).await?;
        Ok(self.removal())
    }

    /// Removes the session's cookie from the browser, and does not end a session.
    pub fn removal(&self) -> SetCookie {
        self.options.cookie.clone().into_removal()
    }
}

fn to_json<D: Serialize>(data: &D) -> Result<String, Problem> {
    serde_json::to_string(data).map_err(Problem::internal)
}
