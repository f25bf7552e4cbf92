//! The options of `Sessions`: the cookie, the lifetime, the application's check, the owner.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use http::{HeaderValue, header::SET_COOKIE};

use super::{
    Session, SessionCookie, SessionOwner, SessionRefusal, Sessions, lifetime::Lifetime, refusal,
};
use crate::{
    contract::Later,
    layers::auth::Refusal,
    support::clock::Clock,
    wire::{BoxError, ConfigError, Problem, cookies::set_cookie::SetCookie, field::Challenge},
};

/// Options.
impl<D, S> Sessions<D, S> {
    /// The name of the cookie; by default `__Host-session`.
    ///
    /// If the name does not start with `__Host-`, other hosts of the domain can plant a second cookie
    /// with this name. If both belong to valid sessions, requests are answered 400 until the browser
    /// discards one of the cookies.
    ///
    /// # Errors
    ///
    /// If it is not a token, or if it starts with `__Host-` or `__Secure-` and the attributes do not
    /// satisfy that prefix.
    pub fn name(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        self.cookie(|cookie| cookie.renamed(name.into()))
    }

    /// The attributes of the cookie; by default those of [`SetCookie`]. Its value and its maximum age
    /// are set by the session. If the domain or the path changes, list the former ones as
    /// [retired](Self::retired). Other changes do not affect the cookies of stored sessions that have
    /// already begun.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Sessions, auth::SessionKey};
    ///
    /// # let key = b"thirty-two bytes of a secret, or more";
    /// let sessions = Sessions::<String>::encrypted([SessionKey::new(key)?])?
    ///     .cookie(|cookie| Ok(cookie.same_site_strict()))?;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the closure; if the cookie has no path, because each response would then set a
    /// different cookie; or if it has the domain and path of a [retired](Self::retired) one.
    pub fn cookie(
        self,
        change: impl FnOnce(SetCookie) -> Result<SetCookie, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let cookie = change(self.options.cookie.clone())?;
        self.try_change(|options| options.cookie = cookie)
    }

    /// A former domain and path of the cookie; without a domain, it was a host-only cookie. Call this
    /// once for each former place.
    ///
    /// A browser that still has the former cookie sends both. The former one is removed whenever the
    /// session's cookie is set or removed: when a user signs in or out, when the use of a session is
    /// noted, and when a request has several session cookies, because the session's cookie is then set
    /// again.
    /// Keep the entry for as long as a session lasts at most.
    ///
    /// # Example
    ///
    /// The cookie was for all subdomains, and is now for a single host:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use http::HeaderMap;
    /// use wythe::{Sessions, auth::SessionKey};
    ///
    /// # let key = b"thirty-two bytes of a secret, or more";
    /// let sessions = Sessions::<String>::encrypted([SessionKey::new(key)?])?
    ///     .name("__Secure-session")?
    ///     .retired(Some("example.com"), "/")?;
    ///
    /// let mut headers = HeaderMap::new();
    /// sessions.login(&"alice".to_owned()).await?.append_to(&mut headers);
    /// let set: Vec<_> = headers.get_all("set-cookie").iter().collect();
    /// assert!(set[0].to_str()?.ends_with("; Path=/; Max-Age=1800"));
    /// assert!(set[1].to_str()?.starts_with("__Secure-session=; "));
    /// assert!(set[1].to_str()?.contains("; Domain=example.com; Max-Age=0; "));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the cookie has this domain and path now; if they are not valid; or if the name starts with
    /// `__Host-`, because browsers accept such a cookie only with path `/` and without a domain.
    pub fn retired(self, domain: Option<&str>, path: &str) -> Result<Self, ConfigError> {
        let place = (domain.map(str::to_owned), path.to_owned());
        self.try_change(|options| options.retired.push(place))
    }

    /// Lets browsers send the cookie over plain HTTP, for a server on `localhost`: without `Secure`,
    /// and therefore without `__Host-` or another [prefix](SetCookie#prefixes) in its name.
    ///
    /// # Errors
    ///
    /// If an attribute of the cookie needs `Secure`.
    pub fn dangerously_insecure_for_development(self) -> Result<Self, ConfigError> {
        self.cookie(|cookie| {
            let name = cookie.name_without_prefix().to_owned();
            cookie.renamed(name.into())?.dangerously_insecure()
        })
    }

    /// The realm of the challenge; by default `api`.
    ///
    /// # Errors
    ///
    /// If it contains anything but visible ASCII characters and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ConfigError> {
        let realm = realm.into();
        self.try_change(|options| options.realm = realm)
    }

    /// The maximum lifetime of a session, in whole seconds; by default 12 hours.
    ///
    /// # Errors
    ///
    /// If it is less than a second, more than 400 days, or less than [`idle`](Self::idle).
    pub fn absolute(self, time: Duration) -> Result<Self, ConfigError> {
        let lifetime = self.options.lifetime.with_absolute(time)?;
        Ok(self.change(|options| options.lifetime = lifetime))
    }

    /// How long a session lasts without a request, in whole seconds; by default 30 minutes, or
    /// [`absolute`](Self::absolute) if that is less.
    ///
    /// The use of a session is noted when a quarter of this time has passed, so a session may end
    /// after three quarters of it without a request. If another server, with a longer idle time, has
    /// noted the use of a stored session, that longer time applies until the use is noted again.
    ///
    /// # Errors
    ///
    /// If it is less than a second, or more than [`absolute`](Self::absolute).
    pub fn idle(self, time: Duration) -> Result<Self, ConfigError> {
        let lifetime = self.options.lifetime.with_idle(time)?;
        Ok(self.change(|options| options.lifetime = lifetime))
    }

    /// The clock; by default the system's.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|options| options.clock = clock.into())
    }

    /// Refuses a session unless this returns `true`: for conditions that only the server knows. It is
    /// called with each request, and replaces a previous check.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{sync::{Arc, RwLock}, time::SystemTime};
    ///
    /// use wythe::{Sessions, auth::SessionKey};
    ///
    /// # let key = b"thirty-two bytes of a secret, or more";
    /// // Setting this to now ends all sessions.
    /// let since = Arc::new(RwLock::new(SystemTime::UNIX_EPOCH));
    /// let sessions = Sessions::<String>::encrypted([SessionKey::new(key)?])?.check({
    ///     let since = Arc::clone(&since);
    ///     move |session| since.read().is_ok_and(|since| session.created() >= *since)
    /// });
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn check(mut self, check: impl Fn(&Session<D>) -> bool + Send + Sync + 'static) -> Self {
        self.check = Some(Check {
            ask: Arc::new(move |session| Later::Ready(Ok(check(session)))),
            is_async: false,
        });
        self
    }

    /// An asynchronous [`check`](Self::check), for example against a database that knows when a
    /// password was changed. An error is answered 503.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use wythe::{Session, Sessions, auth::SessionKey};
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
        self.check = Some(Check {
            ask: Arc::new(move |session| {
                let answer = check(session.clone());
                Later::pending(async move { answer.await.map_err(Into::into) })
            }),
            is_async: true,
        });
        self
    }

    /// Tells the store the owner of a new session, so that all sessions of a user can be ended at
    /// once, for "sign out everywhere" or after a change of the password. An encrypted session has no
    /// owner.
    ///
    /// # Example
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use wythe::{Sessions, auth::{MemorySessions, SessionOwner, SessionsByOwner}};
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

    fn change(mut self, change: impl FnOnce(&mut SessionOptions)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    /// Changes an option that the answers depend on, and rebuilds the answers.
    fn try_change(self, change: impl FnOnce(&mut SessionOptions)) -> Result<Self, ConfigError> {
        let mut changed = self.change(change);
        let options = Arc::unwrap_or_clone(changed.options).with_answers()?;
        changed.options = Arc::new(options);
        Ok(changed)
    }
}

/// The application's own check of a session that has not ended.
pub(super) struct Check<D> {
    pub(super) ask: Arc<dyn Fn(&Session<D>) -> Later<Result<bool, BoxError>> + Send + Sync>,
    /// Whether it awaits something that can fail.
    pub(super) is_async: bool,
}

impl<D> Clone for Check<D> {
    fn clone(&self) -> Self {
        Self {
            ask: Arc::clone(&self.ask),
            is_async: self.is_async,
        }
    }
}

/// The cookie, the lifetime, and the answers of all sessions.
#[derive(Clone)]
pub(super) struct SessionOptions {
    /// Name and attributes of every cookie.
    pub(super) cookie: SetCookie,
    realm: String,
    pub(super) lifetime: Lifetime,
    pub(super) clock: Clock,
    pub(super) challenge: HeaderValue,
    refusals: Vec<(SessionRefusal, Refusal)>,
    /// Former domains and paths of the cookie.
    retired: Vec<(Option<String>, String)>,
    /// The `Set-Cookie` values that remove the cookies there.
    pub(super) removals: Arc<[HeaderValue]>,
}

impl SessionOptions {
    pub(super) fn new() -> Result<Self, ConfigError> {
        let options = Self {
            cookie: SetCookie::new("__Host-session", "")?,
            realm: "api".to_owned(),
            lifetime: Lifetime::default(),
            clock: Clock::default(),
            challenge: HeaderValue::from_static("Cookie"),
            refusals: Vec::new(),
            retired: Vec::new(),
            removals: Arc::default(),
        };
        options.with_answers()
    }

    /// The same options with the answers rebuilt for the realm and cookie name.
    fn with_answers(mut self) -> Result<Self, ConfigError> {
        // No scheme is registered for cookies. This challenge is that of an expired draft,
        // draft-broyer-http-cookie-auth, without the URL of a form.
        let challenge = Challenge::new("Cookie")?
            .parameter("realm", &self.realm)?
            .parameter("cookie-name", self.cookie.name())?;
        self.challenge = challenge.into();
        self.removals = self.build_removals()?;
        let built = refusal::ALL.map(|reason| {
            let refusal = reason.refusal(&self.challenge);
            // One cookie is left, so that the next request passes.
            let removals = self.removals.iter().cloned();
            let removals = removals.filter(|_| reason == SessionRefusal::Repeated);
            let refusal = removals.fold(refusal, |refusal, removal| {
                refusal.field(SET_COOKIE, removal)
            });
            (reason, refusal)
        });
        self.refusals = built.into();
        Ok(self)
    }

    fn build_removals(&self) -> Result<Arc<[HeaderValue]>, ConfigError> {
        let (domain, path) = self.cookie.place();
        let Some(path) = path else {
            let message = "the cookie needs a path: without one, browsers keep a separate cookie \
                           for each directory";
            return Err(ConfigError::new("Sessions", message));
        };
        let removals = self.retired.iter().map(|(retired, below)| {
            let retired = retired.as_deref();
            let is_same = match (domain, retired) {
                (Some(domain), Some(retired)) => domain.eq_ignore_ascii_case(retired),
                (domain, retired) => domain == retired,
            };
            if is_same && below == path {
                let message = "this is the cookie's current domain and path: retire only earlier \
                               ones";
                return Err(ConfigError::new("Sessions", message));
            }
            let removal = self.cookie.moved_to(retired, below)?.into_removal();
            Ok(HeaderValue::from(removal))
        });
        removals.collect()
    }

    /// The answer for this reason.
    pub(super) fn refusal(&self, reason: SessionRefusal) -> Refusal {
        let built = self.refusals.iter().find(|(built, _)| *built == reason);
        built.map_or_else(
            || reason.refusal(&self.challenge),
            |(_, refusal)| refusal.clone(),
        )
    }

    /// The answer of a handler whose session has ended in the meantime.
    pub(super) fn refused(&self, reason: SessionRefusal) -> Problem {
        self.refusal(reason).into_problem(&self.challenge)
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.clock.since_epoch().as_secs()
    }

    /// The cookie with this value.
    pub(super) fn cookie(
        &self,
        value: String,
        max_age: Duration,
    ) -> Result<SessionCookie, ConfigError> {
        let cookie = self.cookie.with_value(value)?.max_age(max_age);
        Ok(SessionCookie::new(cookie, &self.removals))
    }
}
