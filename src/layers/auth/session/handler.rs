//! What handlers do with sessions: begin, change and end them, and answer with a [`SessionCookie`].

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Session, SessionRefusal, Sessions, Stored,
    lifetime::Times,
    store::{SessionId, SessionOwner},
    text::Text,
};
use crate::wire::{Problem, cookies::set_cookie::SetCookie};

impl<D: Serialize + Send + Sync + 'static, S> Sessions<D, S> {
    /// Begins a session: the response must carry the cookie.
    ///
    /// The session is always a new one: an id that somebody has planted in the browser beforehand is
    /// never adopted (session fixation). If the browser may already have a session, end it with
    /// [`replace`](Self::replace).
    ///
    /// # Errors
    ///
    /// A 503 if the store fails. A 500 if the data cannot be serialized as JSON, or is too long: for a
    /// cookie, which holds about 2,800 bytes of JSON, or for the limit of
    /// [`MemorySessions`](super::MemorySessions) or `RedisSessions`.
    pub async fn login(&self, data: &D) -> Result<SessionCookie, Problem> {
        let times = Times::starting(self.options.now());
        let owner = self.owner.as_ref().map(|owner| owner(data));
        let (_, cookie) = self.begin(times, owner, data).await?;
        Ok(cookie)
    }

    /// Ends a session and begins another one in its place, for a browser that signs in again as the
    /// same or another user. The lifetime starts over.
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login), and a 401 if the old session has ended in the store in the meantime.
    /// After a 503 the old session may not have ended.
    pub async fn replace(&self, old: &Session<D>, data: &D) -> Result<SessionCookie, Problem> {
        let times = Times::starting(self.options.now());
        let owner = self.owner.as_ref().map(|owner| owner(data));
        self.begin_instead_of(old, times, owner, data).await
    }

    /// Continues a session under another id and with other data, for example when the user's rights
    /// change. The lifetime does not start over.
    ///
    /// If sessions are stored, concurrent requests with the old cookie may be answered 401; for data
    /// that grants no rights, such as a language, use [`update`](Sessions::update) instead. Encrypted
    /// sessions have no other way to change their data. Of two concurrent changes to an encrypted
    /// session, the last one wins, and a concurrent renewal of the cookie can undo a change. Keep data
    /// that changes often in a database.
    ///
    /// # Errors
    ///
    /// As [`replace`](Self::replace).
    pub async fn renew(&self, session: &Session<D>, data: &D) -> Result<SessionCookie, Problem> {
        let times = session.times().seen(self.options.now());
        self.begin_instead_of(session, times, session.owner(), data)
            .await
    }

    /// Begins a session and ends the old one. If the old one has ended already, it must not continue
    /// under another id.
    async fn begin_instead_of(
        &self,
        old: &Session<D>,
        times: Times,
        owner: Option<SessionOwner>,
        data: &D,
    ) -> Result<SessionCookie, Problem> {
        let (new, cookie) = self.begin(times, owner, data).await?;
        let ended = self.backend.end(&old.id()).await;
        if matches!(ended, Ok(true)) {
            return Ok(cookie);
        }
        // If this fails too, a session is left over, but nobody has its cookie.
        drop(self.backend.end(&new).await);
        ended?;
        Err(self.options.refused(SessionRefusal::Unknown))
    }

    async fn begin(
        &self,
        times: Times,
        owner: Option<SessionOwner>,
        data: &D,
    ) -> Result<(SessionId, SessionCookie), Problem> {
        let options = &*self.options;
        let data = to_json(data)?;
        let (id, value) = self
            .backend
            .begin(&options.cookie, times, options.lifetime, owner, &data)
            .await?;
        let max_age = self.backend.max_age(options.lifetime, times);
        Ok((id, options.cookie(value, max_age)?))
    }
}

impl<D, S> Sessions<D, S> {
    /// Ends a session: the response must carry the returned cookie, which removes the session's
    /// cookie.
    ///
    /// An encrypted session ends only in this browser: see [`Sessions`] for what this means.
    /// `Clear-Site-Data` is left to the handler, because it removes more than the session.
    ///
    /// # Errors
    ///
    /// A 503 if the store fails: the session may not have ended, so the user must not be told that it
    /// has.
    pub async fn logout(&self, session: &Session<D>) -> Result<SessionCookie, Problem> {
        self.backend.end(&session.id()).await?;
        Ok(self.removal())
    }

    /// Removes the session's cookie from the browser, but does not end a session.
    pub fn removal(&self) -> SessionCookie {
        let removal = self.options.cookie.clone().into_removal();
        SessionCookie::new(removal, &self.options.removals)
    }
}

/// How often a change is retried. Each time, another request has changed the session.
const MAX_CHANGES: usize = 100;

impl<D: DeserializeOwned + Serialize + Send + Sync + 'static> Sessions<D, Stored> {
    /// Changes only the data of a session, and returns the session with its new data. When the user's
    /// rights change, [`renew`](Self::renew) the session instead.
    ///
    /// The closure gets the current data from the store, which other requests may have changed since
    /// this request began. No change is lost: if the session is changed in between, the closure is
    /// called again with the new data.
    ///
    /// Encrypted sessions do not have this method: each response carries a cookie with all data, and
    /// the last one wins.
    ///
    /// # Example
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use wythe::{Auth, Problem, Session, StoredSessions};
    ///
    /// #[derive(Deserialize, Serialize)]
    /// struct Cart {
    ///     items: Vec<u64>,
    /// }
    ///
    /// async fn add(
    ///     sessions: &StoredSessions<Cart>,
    ///     Auth(session): Auth<Session<Cart>>,
    ///     item: u64,
    /// ) -> Result<usize, Problem> {
    ///     let session = sessions.update(&session, |cart| cart.items.push(item)).await?;
    ///     Ok(session.items.len())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// A 401 if the session has ended in the meantime. A 503 if the store fails, or if other requests
    /// changed the session a hundred times in between. A 500 as for [`login`](Self::login).
    pub async fn update(
        &self,
        session: &Session<D>,
        mut change: impl FnMut(&mut D) + Send,
    ) -> Result<Session<D>, Problem> {
        let (id, options) = (session.id(), &*self.options);
        for _ in 0..MAX_CHANGES {
            let Some(record) = self.store.find(&id).await? else {
                return Err(options.refused(SessionRefusal::Unknown));
            };
            let text = str::from_utf8(&record.data).ok().and_then(Text::parse);
            let Some(text) = text.filter(|text| text.id == id) else {
                return Err(options.refused(SessionRefusal::Unreadable));
            };
            let Ok(mut data) = serde_json::from_str(text.data) else {
                return Err(options.refused(SessionRefusal::Data));
            };
            change(&mut data);
            let changed = Text {
                data: &to_json(&data)?,
                ..text
            };
            let changed = changed.write().into();
            if changed == record.data || self.store.update(&id, &record.data, changed).await? {
                return Ok(Session::new(id, session.times(), session.owner(), data));
            }
        }
        let cause = "other requests changed the session at each attempt";
        Err(Problem::unavailable(cause))
    }
}

/// The cookie of a session, and the removals of [retired](Sessions::retired) cookies. In axum it is
/// part of a response; in other frameworks, [append](Self::append_to) it to the header fields.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::HeaderMap;
/// use wythe::{Sessions, auth::MemorySessions};
///
/// let sessions = Sessions::stored(MemorySessions::default())?;
/// let cookie = sessions.login(&"alice".to_owned()).await?;
/// assert_eq!(cookie.name(), "__Host-session");
///
/// let mut headers = HeaderMap::new();
/// cookie.append_to(&mut headers);
/// assert!(headers["set-cookie"].to_str()?.starts_with("__Host-session="));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionCookie {
    cookie: SetCookie,
    removals: Arc<[HeaderValue]>,
}

impl SessionCookie {
    pub(super) fn new(cookie: SetCookie, removals: &Arc<[HeaderValue]>) -> Self {
        let removals = Arc::clone(removals);
        Self { cookie, removals }
    }

    /// The name of the session's cookie.
    #[must_use]
    pub fn name(&self) -> &str {
        self.cookie.name()
    }

    /// The value of the session's cookie, which gives access to the session; empty if the session's
    /// cookie is to be removed.
    #[must_use]
    pub fn value(&self) -> &str {
        self.cookie.value()
    }

    /// Appends the cookies to the header fields of a response.
    pub fn append_to(self, headers: &mut HeaderMap) {
        self.cookie.append_to(headers);
        for removal in &*self.removals {
            headers.append(SET_COOKIE, removal.clone());
        }
    }
}

fn to_json<D: Serialize>(data: &D) -> Result<String, Problem> {
    serde_json::to_string(data).map_err(Problem::internal)
}
