//! Knows who has signed in: sessions in cookies.

mod authenticate;
mod check;
mod handler;
mod key;
mod options;
mod principal;
mod refusal;
mod sealed;
mod secret;
mod settings;
mod shelf;
mod store;
mod text;
mod times;

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;

pub use key::SessionKey;
pub use principal::Session;
pub use refusal::SessionRefusal;
pub use store::{
    MemorySessions, SessionId, SessionOwner, SessionRecord, SessionStore, SessionStoreError,
    SessionsByOwner,
};
#[cfg(feature = "session-redis")]
pub use store::{RedisSessions, RedisSessionsMetrics};

use self::{check::Check, sealed::Keys, settings::Settings, shelf::Shelf};
use crate::wire::ConfigError;

/// Knows by a cookie who has signed in, with data `D` of each: a scheme for
/// [`with_auth`](crate::with_auth), whose principal is a [`Session<D>`].
///
/// A handler that has checked a password, or what else it asks for, [begins](Self::login) a session
/// and answers with the cookie. From then on a request passes if all of this holds:
///
/// 1. it has one cookie of the session's name;
/// 2. the cookie is of this server: [encrypted](Self::encrypted) with one of its keys for this very
///    name, or the secret of a session in [its store](Self::stored);
/// 3. the session began less than 12 hours ago ([`absolute`](Self::absolute));
/// 4. it was last used less than 30 minutes ago ([`idle`](Self::idle)). When a quarter of that has
///    passed, the answer renews the cookie if the session lasts longer for it;
/// 5. your own [check](Self::check) has nothing against it.
///
/// Behind [`optional`](crate::With::optional), a session that has ended counts as none: a browser
/// sends its cookie to the page that signs in as well.
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
/// use wythe::{Auth, Problem, Session, SessionKey, Sessions, SetCookie, compose, with_auth};
///
/// #[derive(Deserialize, Serialize)]
/// struct User {
///     name: String,
/// }
///
/// async fn login(
///     State(sessions): State<Sessions<User>>,
///     Json(user): Json<User>, // and a password, which is checked here
/// ) -> Result<(SetCookie, &'static str), Problem> {
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
/// ) -> Result<(SetCookie, &'static str), Problem> {
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
/// | 400 | several cookies of the session's name | |
/// | 401 | no session, or one that has ended | `WWW-Authenticate: Cookie realm="api", cookie-name="__Host-session"` |
/// | 503 | the store, or a check, can't tell | |
/// | the handler's | the session was not noted as used for a quarter of its idle time, and lasts longer now | `Set-Cookie`, and `Cache-Control: private` if the handler says nothing of caches |
///
/// The cause of the `Problem` is a [`SessionRefusal`]. No scheme is registered for cookies; this
/// challenge is that of draft-broyer-http-cookie-auth, which has expired: browsers pass over it.
///
/// An answer that caches may share never renews a cookie, or the session would go to everybody
/// whom the cache serves. Nor does a refusal take a dead cookie back: it could overtake the answer
/// that brings the next one, and where servers do not all have the same keys yet it would end
/// sessions that are good elsewhere. The browser forgets the cookie when its time is over.
///
/// # Encrypted or stored
///
/// | | encrypted | stored |
/// |---|---|---|
/// | a request costs | a decryption: 10,000 instructions, 7 allocations | a question to the store |
/// | the data | travel with each request; 2,800 bytes of JSON | stay in the server |
/// | logout ends it | in this browser | everywhere |
/// | needs | a key that all servers share | a store that all servers share |
///
/// # Security
///
/// - **Theft.** Whoever has the cookie has the session until it ends. It is `HttpOnly`, which keeps
///   it from scripts, and `Secure`. The store has a hash of it, so a copy of the store opens no
///   session. It is not bound to the client's address, which changes for honest clients.
/// - **Scripts of others in your pages** (XSS) can't read the cookie and need not: they act as the
///   user while the page is open. Nothing here helps against that.
/// - **Fixation.** Each login makes a new id, and no id is taken from a request. `__Host-` keeps
///   neighbouring hosts from planting a session of their own. When rights change within a session,
///   [`renew`](Self::renew) it.
/// - **Forged requests** (CSRF). Browsers send the cookie with requests that other sites cause,
///   `SameSite=Lax` or not: put [`with_csrf`](crate::with_csrf) outside `with_auth`, and around the
///   route that signs in, or others can sign a user in as themselves.
/// - **Revocation.** A stored session ends with its record, and all of somebody's at once if they
///   are [owned](Self::owned_by); requests that are under way go on, but under no other id. An
///   encrypted one can't be ended by the server: who has kept a copy of the cookie can go on with
///   it after a logout until it ends by itself, and so does the browser if an answer that renews
///   the cookie arrives after the logout. [`check`](Self::check) refuses what was made before a
///   moment that you keep, such as the last change of the password.
/// - **Keys.** There is no default one. A cookie is AES-256-GCM under a random nonce, bound to the
///   cookie's name, so a cookie of another name or with any bit changed is refused. Change the key
///   long before it has encrypted 2³² cookies.
/// - **Data** of an encrypted session are as old as the cookie: a copy of it brings them back. Keep
///   in it who somebody is, not what they have left to spend.
///
/// # Compared with
///
/// tower-sessions leaves the change of the id at login to the application; a store that fails is a
/// 500. axum-login loads the user from the backend with each request, and answers a failing backend
/// as if the user were forbidden. The private jar of axum-extra encrypts in the same way, but
/// the cookie has no expiry inside: a kept copy is good for ever.
#[must_use]
pub struct Sessions<D> {
    settings: Arc<Settings>,
    kind: Kind,
    check: Check<D>,
    owner: Owner<D>,
}

/// Says whose session it is, by its data.
type Owner<D> = Option<Arc<dyn Fn(&D) -> SessionOwner + Send + Sync>>;

#[derive(Clone)]
enum Kind {
    Encrypted(Keys),
    Stored(Arc<dyn Shelf>),
}

impl<D> Sessions<D> {
    /// Keeps everything in the cookie, encrypted with the first key; each of them decrypts. A
    /// session of another key than the first is encrypted anew when it is used.
    ///
    /// To change the key where several servers share sessions, let all of them know the new one
    /// before one encrypts with it: list it last, and then first.
    ///
    /// # Errors
    ///
    /// Without a key, or if the system gives no random bytes.
    pub fn encrypted(keys: impl IntoIterator<Item = SessionKey>) -> Result<Self, ConfigError> {
        let keys = Keys::new(keys.into_iter().collect());
        let keys = keys.ok_or_else(|| error("without a key nothing can be encrypted"))?;
        Self::new(Kind::Encrypted(keys))
    }

    /// Keeps sessions in a store. The cookie holds 256 random bits, and the store their SHA-256.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn stored(store: impl SessionStore) -> Result<Self, ConfigError> {
        Self::new(Kind::Stored(Arc::new(store)))
    }

    /// The [public id](Session::public_id) of the session that a request names, whether it goes on
    /// or not: for layers outside `with_auth`, as [`with_csrf`](crate::with_csrf) is one.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "csrf-token")] {
    /// use wythe::{Csrf, CsrfTokens, SessionKey, Sessions, with_csrf};
    ///
    /// # let secret = b"thirty-two bytes of a secret, or more";
    /// let sessions = Sessions::<String>::encrypted([SessionKey::new(secret)?])?;
    /// // A clone for the handlers: `tokens.issue(session.public_id())`.
    /// let tokens = CsrfTokens::new(secret)?;
    /// let layer = with_csrf(Csrf::same_origin().fallback_token(tokens.clone(), move |head| {
    ///     sessions.public_id_in(&head.headers).map(Into::into)
    /// }));
    /// # }
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    #[must_use]
    pub fn public_id_in(&self, headers: &HeaderMap) -> Option<String> {
        let id = self.id_in(headers)?;
        Some(text::encode(id.as_bytes()))
    }

    fn new(kind: Kind) -> Result<Self, ConfigError> {
        // A system without random bytes is found out now and not at the first login.
        getrandom::fill(&mut [0; 1])
            .map_err(|source| error("the system gives no random bytes").because(source))?;
        Ok(Self {
            settings: Arc::new(Settings::new()?),
            kind,
            check: Check::None,
            owner: None,
        })
    }
}

fn error(message: &'static str) -> ConfigError {
    ConfigError::new("Sessions", message)
}

impl<D> Clone for Sessions<D> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            kind: self.kind.clone(),
            check: self.check.clone(),
            owner: self.owner.clone(),
        }
    }
}

impl<D> fmt::Debug for Sessions<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &*self.settings;
        let kind = match self.kind {
            Kind::Encrypted(_) => "encrypted",
            Kind::Stored(_) => "stored",
        };
        f.debug_struct("Sessions")
            .field("kind", &kind)
            .field("cookie", &settings.cookie)
            .field(
                "absolute",
                &Duration::from_secs(settings.lifetime.absolute()),
            )
            .field("idle", &Duration::from_secs(settings.lifetime.idle()))
            .field("clock", &settings.clock)
            .finish_non_exhaustive()
    }
}
