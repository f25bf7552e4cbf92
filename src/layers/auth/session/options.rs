//! The options of `Sessions`: the cookie, the times, what else is asked of a session, whose it is.

use std::{error::Error, sync::Arc, time::Duration};

use super::{Session, SessionOwner, Sessions, check::Check, settings::Settings};
use crate::{
    support::clock::Clock,
    wire::{ConfigError, cookies::SetCookie},
};

/// What is asked of sessions, and what their cookie is.
impl<D> Sessions<D> {
    /// The name of the cookie; `__Host-session`, unless said.
    ///
    /// Under a name without `__Host-` other hosts of the domain can plant a cookie beside it, and
    /// two are a 400 until the browser has forgotten one.
    ///
    /// # Errors
    ///
    /// If it is not a token, or starts with `__Host-` or `__Secure-` and the attributes do not fit.
    pub fn name(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        self.cookie(|cookie| cookie.renamed(name.into()))
    }

    /// The attributes of the cookie; those of [`SetCookie`], unless changed. Its value and its age
    /// are those of the session.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{SessionKey, Sessions};
    ///
    /// # let key = b"thirty-two bytes of a secret, or more";
    /// let sessions = Sessions::<String>::encrypted([SessionKey::new(key)?])?
    ///     .cookie(|cookie| Ok(cookie.same_site_strict()))?;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the closure.
    pub fn cookie(
        self,
        change: impl FnOnce(SetCookie) -> Result<SetCookie, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let cookie = change(self.settings.cookie.clone())?;
        self.answering(|settings| settings.cookie = cookie)
    }

    /// Lets the cookie go over plain http, for a server on `localhost`: without `Secure`, and so
    /// without `__Host-` in its name.
    ///
    /// # Errors
    ///
    /// If an attribute of the cookie needs `Secure`.
    pub fn dangerously_insecure_for_development(self) -> Result<Self, ConfigError> {
        self.cookie(|cookie| {
            let name = cookie.name();
            let bare = name.get("__Host-".len()..);
            let bare = bare.filter(|_| name.starts_with("__Host-"));
            let name = bare.unwrap_or(name).to_owned();
            cookie.renamed(name.into())?.dangerously_insecure()
        })
    }

    /// The realm of the challenge; `api`, unless said.
    ///
    /// # Errors
    ///
    /// If it holds anything but visible ASCII characters and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ConfigError> {
        let realm = realm.into();
        self.answering(|settings| settings.realm = realm)
    }

    /// How long a session lasts at most; 12 hours, unless said. Whole seconds count.
    ///
    /// # Errors
    ///
    /// If it is less than a second, more than 400 days, or less than [`idle`](Self::idle).
    pub fn absolute(self, time: Duration) -> Result<Self, ConfigError> {
        let lifetime = self.settings.lifetime.with_absolute(time)?;
        Ok(self.change(|settings| settings.lifetime = lifetime))
    }

    /// How long a session lasts without a request; 30 minutes, unless said, or what
    /// [`absolute`](Self::absolute) says if that is less. Whole seconds count.
    ///
    /// It is noted when a quarter of it has passed, so a session may end after three quarters of it
    /// without a request. A stored session keeps a longer time that it was noted with, by a server
    /// of other settings, until it is noted next.
    ///
    /// # Errors
    ///
    /// If it is less than a second, or more than [`absolute`](Self::absolute).
    pub fn idle(self, time: Duration) -> Result<Self, ConfigError> {
        let lifetime = self.settings.lifetime.with_idle(time)?;
        Ok(self.change(|settings| settings.lifetime = lifetime))
    }

    /// The clock; by default the system's.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|settings| settings.clock = clock.into())
    }

    /// Refuses a session unless this says `true`: for what the server knows and the cookie does
    /// not. It is asked with each request, and comes in the place of a check set before.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{sync::{Arc, RwLock}, time::SystemTime};
    ///
    /// use wythe::{SessionKey, Sessions};
    ///
    /// # let key = b"thirty-two bytes of a secret, or more";
    /// // Set to now, it ends all sessions.
    /// let since = Arc::new(RwLock::new(SystemTime::UNIX_EPOCH));
    /// let sessions = Sessions::<String>::encrypted([SessionKey::new(key)?])?.check({
    ///     let since = Arc::clone(&since);
    ///     move |session| since.read().is_ok_and(|since| session.created() >= *since)
    /// });
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn check(mut self, check: impl Fn(&Session<D>) -> bool + Send + Sync + 'static) -> Self {
        self.check = Check::Now(Arc::new(check));
        self
    }

    /// The same with a wait: for a database that knows when a password was changed. If it can't be
    /// asked, the answer is 503.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use wythe::{Session, SessionKey, Sessions};
    /// # #[derive(Clone)] struct Users;
    /// # impl Users {
    /// #     async fn password_since(&self, _: &str) -> Result<SystemTime, std::io::Error> {
    /// #         Ok(SystemTime::UNIX_EPOCH)
    /// #     }
    /// # }
    /// # let (key, users) = (b"thirty-two bytes of a secret, or more", Users);
    ///
    /// let sessions = Sessions::encrypted([SessionKey::new(key)?])?;
    /// let sessions = sessions.check_async(move |session: Session<String>| {
    ///     let users = users.clone();
    ///     async move {
    ///         let since = users.password_since(session.data()).await?;
    ///         Ok::<_, std::io::Error>(session.created() > since)
    ///     }
    /// });
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn check_async<F, A, E>(mut self, check: F) -> Self
    where
        F: Fn(Session<D>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<bool, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.check = Check::later(check);
        self
    }

    /// Tells the store whose a new session is, so that all sessions of somebody can be ended at
    /// once: "sign out everywhere", or a change of the password. An encrypted session has no owner.
    ///
    /// # Example
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use wythe::{MemorySessions, Sessions, auth::{SessionOwner, SessionsByOwner}};
    ///
    /// let store = MemorySessions::default();
    /// let sessions = Sessions::<String>::stored(store.clone())?
    ///     .owned_by(|user: &String| SessionOwner::new(user));
    ///
    /// let cookie = sessions.login(&"alice".to_owned()).await?;
    /// assert_eq!(store.remove_owned(&SessionOwner::new("alice")).await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn owned_by(mut self, owner: impl Fn(&D) -> SessionOwner + Send + Sync + 'static) -> Self {
        self.owner = Some(Arc::new(owner));
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// A change of what the answers depend on.
    fn answering(self, change: impl FnOnce(&mut Settings)) -> Result<Self, ConfigError> {
        let changed = self.change(change);
        let settings = Settings::clone(&changed.settings).answering()?;
        Ok(Self {
            settings: Arc::new(settings),
            ..changed
        })
    }
}
