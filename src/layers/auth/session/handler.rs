//! What handlers do with sessions: begin, change and end them.

use std::error::Error;

use serde::Serialize;

use super::{
    Kind, Session, Sessions,
    secret::{Secret, random},
    shelf::Shelf,
    store::{SessionId, SessionOwner, SessionRecord, SessionStoreError},
    text::Text,
    times::Times,
};
use crate::wire::{Problem, cookies::SetCookie};

impl<D: Serialize + Send + Sync + 'static> Sessions<D> {
    /// Begins a session: the answer must carry the cookie.
    ///
    /// It is always a new one. An id that somebody has planted in the browser before is not
    /// continued (session fixation). Where a session of the same browser may be going on, end it
    /// with [`replace`](Self::replace).
    ///
    /// # Errors
    ///
    /// A 503 if the store fails. A 500 if the data can't be written as JSON, or are too long: for a
    /// cookie, where about 2,800 bytes of JSON have room, or for what [`MemorySessions`] or
    /// `RedisSessions` were told.
    ///
    /// [`MemorySessions`]: super::MemorySessions
    pub async fn login(&self, data: &D) -> Result<SetCookie, Problem> {
        let times = Times::starting(self.settings.now());
        let owner = self.owner.as_ref().map(|owner| owner(data));
        let (_, cookie) = self.begin(times, owner, data).await?;
        Ok(cookie)
    }

    /// Ends a session and begins another in its place: when somebody signs in again, as the same
    /// or as another. Its time starts anew.
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login), and a 401 if a store has ended the old session meanwhile. After a
    /// 503 it may still go on.
    pub async fn replace(&self, old: &Session<D>, data: &D) -> Result<SetCookie, Problem> {
        let times = Times::starting(self.settings.now());
        let owner = self.owner.as_ref().map(|owner| owner(data));
        self.instead_of(old, times, owner, data).await
    }

    /// Continues a session under another id and with other data, when somebody may do more or less
    /// than before. The time since the login counts on.
    ///
    /// Requests that are under way with the old cookie meanwhile are answered 401 by a store; for
    /// what gives nobody rights, a language say, there is [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// As [`replace`](Self::replace).
    pub async fn renew(&self, session: &Session<D>, data: &D) -> Result<SetCookie, Problem> {
        let times = session.times().seen(self.settings.now());
        self.instead_of(session, times, session.owner(), data).await
    }

    /// Changes the data of a session, which stays the same otherwise. When somebody may do more or
    /// less than before, [`renew`](Self::renew) it instead.
    ///
    /// There is a cookie if the session is an encrypted one; the answer must carry it. The last of
    /// two changes at once wins, and of an encrypted session a cookie that is renewed meanwhile for
    /// having been used counts as one: what changes often belongs in a database.
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login), and a 401 if a store has ended the session meanwhile.
    pub async fn update(
        &self,
        session: &Session<D>,
        data: &D,
    ) -> Result<Option<SetCookie>, Problem> {
        let (id, times) = (session.id(), session.times());
        let text = write(id, times, data)?;
        let shelf = match &self.kind {
            Kind::Encrypted(_) => return self.sealed(text, times).map(Some),
            Kind::Stored(shelf) => shelf,
        };
        match shelf.update(&id, text.into()).await {
            Ok(true) => Ok(None),
            Ok(false) => Err(self.settings.ended()),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Begins a session and ends this one, unless it has ended already: then it must not go on
    /// under another id.
    async fn instead_of(
        &self,
        old: &Session<D>,
        times: Times,
        owner: Option<SessionOwner>,
        data: &D,
    ) -> Result<SetCookie, Problem> {
        let (new, cookie) = self.begin(times, owner, data).await?;
        let ended = self.end(&old.id()).await;
        if matches!(ended, Ok(true)) {
            return Ok(cookie);
        }
        // If this fails, too, there is a session whose cookie nobody has.
        drop(self.end(&new).await);
        ended?;
        Err(self.settings.ended())
    }

    async fn begin(
        &self,
        times: Times,
        owner: Option<SessionOwner>,
        data: &D,
    ) -> Result<(SessionId, SetCookie), Problem> {
        let settings = &*self.settings;
        match &self.kind {
            Kind::Encrypted(_) => {
                let id = SessionId::from_bytes(*random()?);
                Ok((id, self.sealed(write(id, times, data)?, times)?))
            }
            Kind::Stored(shelf) => {
                let secret = Secret::generate()?;
                let id = secret.id();
                let text = write(id, times, data)?;
                let record = SessionRecord {
                    owner,
                    ..SessionRecord::new(text.into(), settings.lifetime.ends(times))
                };
                shelf.insert(id, record).await.map_err(failed)?;
                Ok((id, settings.cookie(secret.write(), times)?))
            }
        }
    }
}

impl<D> Sessions<D> {
    /// Ends a session: the answer must carry the cookie, which takes the session's own back.
    ///
    /// An encrypted session ends in the browser alone; see the page of [`Sessions`] for what that
    /// means. `Clear-Site-Data` is left to the handler: it takes more away than a session.
    ///
    /// # Errors
    ///
    /// A 503 if the store fails: the session may still go on, and nobody may be told otherwise.
    pub async fn logout(&self, session: &Session<D>) -> Result<SetCookie, Problem> {
        self.end(&session.id()).await?;
        Ok(self.removal())
    }

    /// Takes the session's cookie back, whatever it holds, and ends nothing.
    pub fn removal(&self) -> SetCookie {
        self.settings.cookie.clone().into_removal()
    }

    /// Ends a session, and says whether it was going on until then, as far as can be known.
    async fn end(&self, id: &SessionId) -> Result<bool, Problem> {
        match &self.kind {
            Kind::Encrypted(_) => Ok(true),
            Kind::Stored(shelf) => Shelf::remove(&**shelf, id).await.map_err(failed),
        }
    }

    fn sealed(&self, text: String, times: Times) -> Result<SetCookie, Problem> {
        let settings = &*self.settings;
        let sealed = match &self.kind {
            Kind::Encrypted(keys) => keys.seal(&settings.cookie, text),
            Kind::Stored(_) => None,
        };
        let sealed = sealed.ok_or_else(|| Problem::internal("the session was not encrypted"))?;
        Ok(settings.cookie(sealed, times)?)
    }
}

fn write<D: Serialize>(id: SessionId, times: Times, data: &D) -> Result<String, Problem> {
    let data = serde_json::to_string(data).map_err(Problem::internal)?;
    let data = &data;
    Ok(Text { id, times, data }.write())
}

/// The answer when a store does not do what it should: a 503, unless trying again can't help.
fn failed(cause: Box<dyn Error + Send + Sync>) -> Problem {
    let store = cause.downcast_ref::<SessionStoreError>();
    if store.is_some_and(SessionStoreError::is_too_long) {
        return Problem::internal(cause);
    }
    Problem::unavailable(cause)
}
