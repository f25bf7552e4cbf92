//! What handlers do with sessions: begin, change and end them.

use serde::Serialize;

use super::{
    Kind, Session, Sessions,
    secret::{Secret, random},
    shelf::Shelf,
    store::{SessionId, SessionRecord},
    text::Text,
    times::Times,
};
use crate::{cookies::SetCookie, problem::Problem};

impl<D: Serialize + Send + Sync + 'static> Sessions<D> {
    /// Begins a session: the answer must carry the cookie.
    ///
    /// It is always a new one. An id that somebody has planted in the browser before is not
    /// continued (session fixation). Where a session of the same browser may be going on, end it
    /// with [`replace`](Self::replace).
    ///
    /// # Errors
    ///
    /// A 503 if the store fails. A 500 if the data can't be written as JSON, or are too long for a
    /// cookie: encrypted, about 2,800 bytes of JSON.
    pub async fn login(&self, data: &D) -> Result<SetCookie, Problem> {
        self.begin(Times::starting(self.settings.now()), data).await
    }

    /// Ends a session and begins another in its place: when somebody signs in again, as the same
    /// or as another. Its time starts anew.
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login). After a 503 the old session may still go on.
    pub async fn replace(&self, old: &Session<D>, data: &D) -> Result<SetCookie, Problem> {
        let cookie = self.login(data).await?;
        self.end(old).await?;
        Ok(cookie)
    }

    /// Continues a session under another id and with other data, when somebody may do more or less
    /// than before. The time since the login counts on.
    ///
    /// Requests that are under way with the old cookie meanwhile are answered 401 by a store; for
    /// what gives nobody rights, a language say, there is [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login), and a 401 if the session was ended meanwhile.
    pub async fn renew(&self, session: &Session<D>, data: &D) -> Result<SetCookie, Problem> {
        let times = session.times().seen(self.settings.now());
        let Kind::Stored(shelf) = &self.kind else {
            return self.begin(times, data).await;
        };
        let old = shelf.load(&session.id()).await.map_err(unavailable)?;
        let old = old.ok_or_else(|| self.settings.ended())?;
        let secret = Secret::generate()?;
        let id = secret.id();
        // Whatever else the store knows of it stays.
        let record = SessionRecord {
            data: write(id, times, data)?.into(),
            expires: self.settings.lifetime.ends(times),
            ..old.clone()
        };
        shelf.insert(id, record).await.map_err(unavailable)?;
        // If it was ended meanwhile, it must not go on under another id.
        let goes_on = shelf.update(&session.id(), old).await;
        let ended = if matches!(goes_on, Ok(true)) {
            session.id()
        } else {
            id
        };
        shelf.remove(&ended).await.map_err(unavailable)?;
        if !goes_on.map_err(unavailable)? {
            return Err(self.settings.ended());
        }
        Ok(self.settings.cookie(secret.write(), times)?)
    }

    /// Changes the data of a session, which stays the same otherwise. When somebody may do more or
    /// less than before, [`renew`](Self::renew) it instead.
    ///
    /// There is a cookie if the session is an encrypted one; the answer must carry it. The last of
    /// two changes at once wins, and a cookie that is renewed meanwhile for having been used counts
    /// as one: what changes often belongs in a database.
    ///
    /// # Errors
    ///
    /// As [`renew`](Self::renew).
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
        let record = SessionRecord {
            owner: session.owner(),
            ..SessionRecord::new(text.into(), self.settings.lifetime.ends(times))
        };
        match shelf.update(&id, record).await {
            Ok(true) => Ok(None),
            Ok(false) => Err(self.settings.ended()),
            Err(cause) => Err(unavailable(cause)),
        }
    }

    async fn begin(&self, times: Times, data: &D) -> Result<SetCookie, Problem> {
        let settings = &*self.settings;
        match &self.kind {
            Kind::Encrypted(_) => {
                let id = SessionId::from_bytes(*random()?);
                self.sealed(write(id, times, data)?, times)
            }
            Kind::Stored(shelf) => {
                let secret = Secret::generate()?;
                let text = write(secret.id(), times, data)?;
                let record = SessionRecord {
                    owner: self.owner.as_ref().map(|owner| owner(data)),
                    ..SessionRecord::new(text.into(), settings.lifetime.ends(times))
                };
                let inserted = shelf.insert(secret.id(), record).await;
                inserted.map_err(unavailable)?;
                Ok(settings.cookie(secret.write(), times)?)
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
        self.end(session).await?;
        Ok(self.removal())
    }

    /// Takes the session's cookie back, whatever it holds, and ends nothing.
    pub fn removal(&self) -> SetCookie {
        self.settings.cookie.clone().into_removal()
    }

    async fn end(&self, session: &Session<D>) -> Result<(), Problem> {
        match &self.kind {
            Kind::Encrypted(_) => Ok(()),
            Kind::Stored(shelf) => Shelf::remove(&**shelf, &session.id())
                .await
                .map_err(unavailable),
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

fn unavailable(cause: Box<dyn std::error::Error + Send + Sync>) -> Problem {
    Problem::new(http::StatusCode::SERVICE_UNAVAILABLE).because(cause)
}
