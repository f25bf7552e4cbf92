//! Sessions in cookies: [`Sessions`].

mod authenticate;
mod backend;
mod handler;
mod lifetime;
mod options;
mod principal;
mod refusal;
mod store;
mod text;

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;

#[cfg(feature = "session-redis")]
pub use self::store::{RedisSessions, RedisSessionsMetrics};
use self::{
    backend::{Backend, Keys},
    options::{Check, SessionOptions},
};
pub use self::{
    backend::{SessionKey, Stored},
    handler::SessionCookie,
    principal::Session,
    refusal::SessionRefusal,
    store::{
        MemorySessions, SessionId, SessionOwner, SessionRecord, SessionStore, SessionStoreError,
        SessionsByOwner,
    },
};
use crate::wire::ConfigError;

/// Verifies sessions, each with data `D`, by their cookies: a scheme for
/// [`with_auth`](crate::with_auth) whose principal is a [`Session<D>`].
///
/// A handler that has verified the user, for example by a password, [begins](Self::login) a session
/// and answers with its cookie. From then on a request passes if all of these conditions hold:
///
/// 1. It has a cookie with the session's name. If it has [several](#several-cookies), exactly one
///    belongs to a valid session.
/// 2. The cookie was made by this server: it is [encrypted](Self::encrypted) with one of its keys for
///    this name, or is the secret of a session in [its store](Self::stored).
/// 3. The session began less than 12 hours ago ([`absolute`](Self::absolute)).
/// 4. It was last used less than 30 minutes ago ([`idle`](Self::idle)). When a quarter of this time
///    has passed, the next use is noted, if this prolongs the session: in the store, or for an
///    encrypted session by a renewed cookie in the response.
/// 5. Your own [check](Self::check) accepts it.
///
/// Behind [`optional`](crate::With::optional), a session that has ended counts as no credentials: a
/// browser sends its cookie even to the sign-in page.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "axum")] {
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Json, Router, body::Body, extract::State, http::Request, routing::{get, post}};
/// use serde::{Deserialize, Serialize};
/// use tower::ServiceExt;
/// use wythe::{
///     Auth, Problem, Session, SessionCookie, Sessions, auth::SessionKey, compose, with_auth,
/// };
///
/// #[derive(Deserialize, Serialize)]
/// struct User {
///     name: String,
/// }
///
/// async fn login(
///     State(sessions): State<Sessions<User>>,
///     Json(user): Json<User>, // and a password, to be checked here
/// ) -> Result<(SessionCookie, &'static str), Problem> {
///     Ok((sessions.login(&user).await?, "welcome"))
/// }
///
/// async fn whoami(Auth(session): Auth<Session<User>>) -> String {
///     session.name.clone()
/// }
///
/// async fn logout(
///     State(sessions): State<Sessions<User>>,
///     Auth(session): Auth<Session<User>>,
/// ) -> Result<(SessionCookie, &'static str), Problem> {
///     Ok((sessions.logout(&session).await?, "goodbye"))
/// }
///
/// let key = SessionKey::new(b"thirty-two bytes of a secret, or more")?;
/// let sessions = Sessions::<User>::encrypted([key])?;
/// let signed_in = compose((with_auth(sessions.clone()),));
/// let app = Router::new()
///     .route("/login", post(login))
///     .route("/logout", post(signed_in.handler(logout)))
///     .route("/whoami", get(signed_in.handler(whoami)))
///     .with_state(sessions);
///
/// let request = Request::post("/login").header("content-type", "application/json");
/// let request = request.body(Body::from(r#"{"name":"alice"}"#))?;
/// let response = app.clone().oneshot(request).await?;
/// let set = response.headers()["set-cookie"].to_str()?;
/// assert!(set.starts_with("__Host-session="));
/// assert!(set.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800"));
///
/// let cookie = set.split(';').next().unwrap_or_default();
/// let request = Request::get("/whoami").header("cookie", cookie).body(Body::empty())?;
/// assert_eq!(app.clone().oneshot(request).await?.status(), 200);
///
/// let request = Request::get("/whoami").header("cookie", format!("{cookie}x"));
/// let response = app.oneshot(request.body(Body::empty())?).await?;
/// assert_eq!(response.status(), 401);
/// let challenge = &response.headers()["www-authenticate"];
/// assert_eq!(challenge, r#"Cookie realm="api", cookie-name="__Host-session""#);
/// # Ok(()) }
/// # main().unwrap(); }
/// ```
///
/// # Responses
///
/// | status | when | headers |
/// |---|---|---|
/// | 400 | the cookies of several valid sessions, or more than four different ones | `Set-Cookie`, which removes [retired](Self::retired) ones |
/// | 401 | no session, or one that has ended | `WWW-Authenticate: Cookie realm="api", cookie-name="__Host-session"` |
/// | 503 | the store cannot look up the session, or the check fails | |
/// | the handler's | the last noted use of an encrypted session is at least a quarter of its idle time ago, and this request prolongs the session | `Set-Cookie`, and `Cache-Control: private` if the handler says nothing about caches |
///
/// The cause of the `Problem` is a [`SessionRefusal`]. No scheme is registered for cookies; this
/// challenge follows draft-broyer-http-cookie-auth, which has expired. Browsers ignore it.
///
/// Behind [`optional`](crate::With::optional), all of these 400 and 401 cases count as no credentials.
///
/// A response that shared caches may store never renews a cookie: the cache would hand the session to
/// other clients. A later response renews it instead. The cookie of a stored session need not be
/// renewed, because it lasts until the maximum lifetime of the session ends.
///
/// If a session was found in the store, but its use cannot be noted, the request passes. A warning is
/// logged, and the session is not prolonged.
///
/// A refusal does not remove the cookie of a session that has ended: the removal could overtake the
/// response that sets the next cookie, and during a change of keys it would end sessions that are valid
/// on other servers. The browser discards the cookie when it expires.
///
/// # Several cookies
///
/// After a change of the cookie's domain or path, browsers send the former cookie and the new one
/// until the former expires. Up to four different cookies are tried, in one query to the store, and
/// the only valid session counts; two cookies of the same session count as one. Two valid sessions are
/// a 400, because one of them may have been planted. List the former domain and path as
/// [retired](Self::retired): the former cookie is then removed when the user signs in, or as soon as a
/// request has both.
///
/// # Encrypted or stored
///
/// | | encrypted | stored |
/// |---|---|---|
/// | cost of a request | a decryption: 10,000 instructions, 7 allocations | a query to the store |
/// | the browser keeps the cookie | for the [idle](Self::idle) time | until the [maximum lifetime](Self::absolute) ends |
/// | the data | is sent with each request; 2,800 bytes of JSON | stays on the server |
/// | logout ends the session | in this browser | everywhere |
/// | concurrent changes of the data | the last one wins | [none is lost](Self::update) |
/// | needs | a key that all servers share | a store that all servers share |
///
/// # Security
///
/// - **Theft.** Anybody who has the cookie has the session until it ends. The cookie is `HttpOnly`,
///   which keeps scripts from reading it, and `Secure`. The store has only a hash of it, so a copy of
///   the store gives access to no session. The session is not bound to the client's address, which
///   also changes for honest clients.
/// - **Cross-site scripting** (XSS). Foreign scripts in your pages cannot read the cookie, but they do
///   not need to: they act as the user while the page is open. Nothing here prevents that.
/// - **Fixation.** Each login makes a new id, and no id is taken from a request. `__Host-` keeps
///   sibling hosts from planting a session of their own. When a user's rights change within a session,
///   [`renew`](Self::renew) it.
/// - **Forged requests** (CSRF). Browsers send the cookie with requests caused by other sites, in some
///   cases even with `SameSite=Lax`: put [`with_csrf`](crate::with_csrf) outside `with_auth`, and also
///   around the sign-in route. Otherwise an attacker can sign a user in to the attacker's account.
/// - **Revocation.** A stored session ends with its record, and all sessions of a user can be ended at
///   once if they are [owned](Self::owned_by); requests in progress continue, but not under another
///   id. The server cannot end an encrypted session: a copy of its cookie stays valid after a logout
///   until the session expires, and so does the cookie in the browser if a response that renews it
///   arrives after the logout. With [`check`](Self::check) you can refuse sessions that began before a
///   certain moment, such as the last change of the password.
/// - **Keys.** There is no default key. A cookie is encrypted with AES-256-GCM and a random nonce, and
///   bound to the cookie's name: a cookie with another name or with any modified bit is refused.
///   Change the key long before it has encrypted 2³² cookies.
/// - **Data** of an encrypted session is as old as the cookie: an old copy of the cookie restores old
///   data. Keep the user's identity in it, not a balance.
///
/// # Compared with
///
/// tower-sessions leaves the change of the id at login to the application, and answers a failing store
/// with 500. axum-login loads the user from the backend with each request, and answers a failing
/// backend as if the user were forbidden. The private jar of axum-extra encrypts in the same way, but
/// the cookie contains no expiry: a copy of it is valid forever.
///
/// # Types
///
/// [`stored`](Self::stored) returns [`StoredSessions<D>`], which is `Sessions<D, Stored>` and has the
/// method [`update`](Self::update). If your program chooses at run time between encrypted and stored
/// sessions, `into()` converts it into a `Sessions<D>`.
#[must_use]
pub struct Sessions<D, S = ()> {
    options: Arc<SessionOptions>,
    backend: Backend,
    check: Option<Check<D>>,
    owner: Option<OwnerOf<D>>,
    /// The store, if the type says that there is one.
    store: S,
}

/// Sessions in a store, whose data can be [changed](Sessions::update).
pub type StoredSessions<D> = Sessions<D, Stored>;

/// Computes the owner of a session from its data.
type OwnerOf<D> = Arc<dyn Fn(&D) -> SessionOwner + Send + Sync>;

impl<D> Sessions<D> {
    /// Keeps everything in the cookie. The first key encrypts, and all of them decrypt: a session that
    /// was encrypted with another key is re-encrypted when it is used.
    ///
    /// To change the key of several servers that share sessions, distribute it to all of them before
    /// any server encrypts with it: first add it at the end of the list everywhere, then move it to
    /// the front.
    ///
    /// # Errors
    ///
    /// If the list of keys is empty, or the system cannot provide random bytes.
    pub fn encrypted(keys: impl IntoIterator<Item = SessionKey>) -> Result<Self, ConfigError> {
        let keys = Keys::new(keys.into_iter().collect());
        let keys = keys.ok_or_else(|| error("encrypted sessions need at least one key"))?;
        Self::new(Backend::Encrypted(keys), ())
    }

    /// Keeps sessions in a store. The cookie contains 256 random bits, and the store their SHA-256
    /// hash.
    ///
    /// # Errors
    ///
    /// If the system cannot provide random bytes.
    pub fn stored(store: impl SessionStore) -> Result<StoredSessions<D>, ConfigError> {
        let store = Stored::new(store);
        Sessions::new(Backend::Stored(store.clone()), store)
    }
}

impl<D, S> Sessions<D, S> {
    fn new(backend: Backend, store: S) -> Result<Self, ConfigError> {
        // A system without random bytes is reported now rather than at the first login.
        getrandom::fill(&mut [0; 1])
            .map_err(|source| error("the system provides no random bytes").because(source))?;
        Ok(Self {
            options: Arc::new(SessionOptions::new()?),
            backend,
            check: None,
            owner: None,
            store,
        })
    }

    /// The [public id](Session::public_id) of a request's session, whether it has ended or not: for
    /// layers outside `with_auth`, such as [`with_csrf`](crate::with_csrf). `None` if the request has
    /// no session.
    ///
    /// If it has the cookies of several sessions, these are all of their ids, separated by commas:
    /// which of them have ended is not known yet. `with_csrf` then rejects a request that needs a
    /// token, because each token is issued for one id.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "csrf-token")] {
    /// use wythe::{Csrf, CsrfTokens, Sessions, auth::SessionKey, with_csrf};
    ///
    /// # let secret = b"thirty-two bytes of a secret, or more";
    /// let sessions = Sessions::<String>::encrypted([SessionKey::new(secret)?])?;
    /// // A clone for the handlers: `tokens.issue(session.public_id())`.
    /// let tokens = CsrfTokens::new(secret)?;
    /// let layer = with_csrf(Csrf::same_origin().fallback_token(tokens.clone(), move |head| {
    ///     sessions.public_id_in(head.headers()).map(Into::into)
    /// }));
    /// # }
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    #[must_use]
    pub fn public_id_in(&self, headers: &HeaderMap) -> Option<String> {
        let values = self.cookie_values(headers).ok()??;
        let values = [values.first].into_iter().chain(values.others);
        let ids = values.filter_map(|value| self.backend.id(&self.options.cookie, value));
        let mut ids = ids.map(|id| text::encode(id.as_bytes()));
        let mut all = ids.next()?;
        for id in ids {
            if !all.split(',').any(|known| known == id) {
                all.push(',');
                all.push_str(&id);
            }
        }
        Some(all)
    }
}

fn error(message: &'static str) -> ConfigError {
    ConfigError::new("Sessions", message)
}

impl<D> From<StoredSessions<D>> for Sessions<D> {
    fn from(stored: StoredSessions<D>) -> Self {
        Self {
            options: stored.options,
            backend: stored.backend,
            check: stored.check,
            owner: stored.owner,
            store: (),
        }
    }
}

impl<D, S: Clone> Clone for Sessions<D, S> {
    fn clone(&self) -> Self {
        Self {
            options: Arc::clone(&self.options),
            backend: self.backend.clone(),
            check: self.check.clone(),
            owner: self.owner.clone(),
            store: self.store.clone(),
        }
    }
}

impl<D, S> fmt::Debug for Sessions<D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &*self.options;
        let lifetime = options.lifetime;
        f.debug_struct("Sessions")
            .field("backend", &self.backend.name())
            .field("cookie", &options.cookie)
            .field("absolute", &Duration::from_secs(lifetime.absolute()))
            .field("idle", &Duration::from_secs(lifetime.idle()))
            .field("clock", &options.clock)
            .finish_non_exhaustive()
    }
}
