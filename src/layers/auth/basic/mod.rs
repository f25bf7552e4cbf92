//! Verifies users and passwords: [`Basic`].

mod check;
mod credentials;
#[cfg(feature = "basic-argon2")]
mod hashed;
mod refusal;
mod settings;
mod turns;

use std::{fmt, future::Future, num::NonZero, sync::Arc, thread, time::Duration};

use http::{HeaderValue, StatusCode, request::Parts};

pub use refusal::BasicRefusal;

use self::{
    check::{Check, Checked},
    settings::Settings,
    turns::Turns,
};
use super::{Authenticate, Verdict};
use crate::{
    contract::Description,
    wire::{BoxError, ConfigError, Secret},
};

/// Verifies a user and a password (RFC 7617) and finds out who it is, as a `P`: a scheme for
/// [`with_auth`](crate::with_auth).
///
/// They pass if all of this holds:
///
/// 1. the request has one `Authorization` field, and it holds base64 with padding;
/// 2. that is at most 1,024 bytes of UTF-8 without control characters, with a colon in it. What
///    stands before the first is the user, who may be empty; all after it is the password;
/// 3. the check says that the password is the user's.
///
/// There are three checks: [`argon2`](Self::argon2) looks the hash up and verifies it,
/// [`verify_blocking`](Self::verify_blocking) is for other hashes, and [`verify`](Self::verify)
/// asks somebody else. Those that compute do it off the async threads, as many at a time as there
/// are cores.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{Layer, ServiceExt, service_fn};
/// use wythe::{Auth, Basic, Secret, with_auth};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct User(String);
///
/// async fn sign_in(user: String, password: Secret) -> Result<Option<User>, Infallible> {
///     // A directory is asked here.
///     let right = user == "Aladdin" && password.matches("open sesame");
///     Ok(right.then_some(User(user)))
/// }
///
/// let service = with_auth(Basic::verify("WallyWorld", sign_in)?)
///     .layer(service_fn(|request: Request<Full<Bytes>>| async move {
///         let Auth(User(name)) = request.extensions().get::<Auth<User>>().cloned().unwrap();
///         Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(name)))
///     }));
///
/// let request = Request::get("/").header("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// let response = service.clone().oneshot(request.body(Full::default())?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
///
/// let response = service.oneshot(Request::get("/").body(Full::default())?).await?;
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// let challenge = &response.headers()["www-authenticate"];
/// assert_eq!(challenge, r#"Basic realm="WallyWorld", charset="UTF-8""#);
/// # Ok(()) }
/// ```
///
/// # Responses
///
/// | status | when | headers |
/// |---|---|---|
/// | 400 | several `Authorization` fields, or one that can't be read | |
/// | 401 | no user and password, or wrong ones | `WWW-Authenticate`, as above |
/// | 503 | no turn to check the password came in time | `Retry-After: 1` |
/// | 503 | the check fails | |
///
/// The cause of the `Problem` is a [`BasicRefusal`]; for a check that fails, its error.
///
/// # Order
///
/// Put a rate limit outside: a guess costs the server much more than it costs the client.
///
/// # Security
///
/// - The password is sent with every request and protected by nothing but TLS.
/// - It is wiped when the check is done, but the field stays in the request's head, where handlers
///   and layers further in see it, and where a log of all fields would write it.
/// - A browser that knows the password sends it unasked, from other sites' pages too: what changes
///   something needs protection against CSRF.
/// - A password is taken as it was sent. RFC 7617 asks the client for Unicode's normalization form
///   C, which not all clients heed; a check that is to accept other forms normalizes, when the
///   password is set and when it is verified.
/// - A machine is better off with an `ApiKey`: as it is random, it needs no slow hash.
///
/// # Compared with
///
/// tower-http's `validate_request` with basic credentials compares with `==` and knows one user.
/// Most examples hash on an async thread, where each guess keeps all other requests waiting, and
/// answer at once if there is no such user, which tells who is one.
#[must_use]
pub struct Basic<P> {
    settings: Arc<Settings>,
    check: Check<P>,
}

impl<P: Send + 'static> Basic<P> {
    /// Asks somebody else, such as a directory, whether the password is the user's: `None` if it is
    /// not, or if there is no such user. An error is answered 503.
    ///
    /// A check that computes belongs in [`verify_blocking`](Self::verify_blocking). Whichever it
    /// is, let it take as long for a user that is not there: the time of an answer tells otherwise.
    ///
    /// # Errors
    ///
    /// If the realm holds anything but visible ASCII characters and spaces.
    pub fn verify<F, A, E>(realm: &str, check: F) -> Result<Self, ConfigError>
    where
        F: Fn(String, Secret) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<P>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::new(realm, Turns::unbounded(), check::asked(check))
    }

    /// Computes whether the password is the user's, on a thread where that may take long: `None` if
    /// it is not, or if there is no such user, for whom as much should be computed. An error is
    /// answered 503, and so is a panic.
    ///
    /// It needs tokio's runtime, with its timer.
    ///
    /// # Errors
    ///
    /// If the realm holds anything but visible ASCII characters and spaces.
    pub fn verify_blocking<F, E>(realm: &str, check: F) -> Result<Self, ConfigError>
    where
        F: Fn(&str, &Secret) -> Result<Option<P>, E> + Send + Sync + 'static,
        E: Into<BoxError>,
    {
        Self::new(realm, Turns::new(cores()), check::blocking(check))
    }

    /// Looks up the user's argon2 hash and who it is, and verifies the password with it.
    ///
    /// The hash is a PHC string, `$argon2id$v=19$..`, as the crate `argon2` makes it. For a user
    /// that is not there, as much is computed with a [decoy](Self::decoy). It needs tokio's
    /// runtime, with its timer.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Basic, ConfigError};
    /// # #[derive(Clone)] struct User;
    /// # #[derive(Clone)] struct Store;
    /// # impl Store {
    /// #     async fn user(&self, _: &str) -> Result<Option<(String, User)>, std::io::Error> {
    /// #         Ok(None)
    /// #     }
    /// # }
    ///
    /// fn scheme(store: Store) -> Result<Basic<User>, ConfigError> {
    ///     Basic::argon2("staff", move |user: String| {
    ///         let store = store.clone();
    ///         // SELECT password_hash, .. FROM users WHERE name = $1
    ///         async move { store.user(&user).await }
    ///     })
    /// }
    /// # let _ = scheme(Store);
    /// ```
    ///
    /// # Errors
    ///
    /// If the realm holds anything but visible ASCII characters and spaces.
    ///
    /// # Security
    ///
    /// Each check takes the memory that the hash says, 19 MiB by default; a bound on
    /// [concurrent checks](Self::max_concurrent) bounds it. A stored hash that can't be read is
    /// answered 503, and the log says so.
    #[cfg(feature = "basic-argon2")]
    pub fn argon2<F, A, E>(realm: &str, lookup: F) -> Result<Self, ConfigError>
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<(String, P)>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::new(realm, Turns::new(cores()), check::argon2(lookup))
    }

    /// The most passwords that are checked at a time; as many as there are cores for those checks
    /// that compute, unless said, and no bound for [`verify`](Self::verify).
    ///
    /// A client that goes away does not end the check of its password, which counts until it is
    /// done.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn max_concurrent(self, count: usize) -> Result<Self, ConfigError> {
        if count == 0 {
            let message = "0 checks at a time would refuse every password";
            return Err(ConfigError::new("Basic", message));
        }
        Ok(self.change(|settings| {
            let wait = settings.turns.wait;
            settings.turns = Turns::new(count);
            settings.turns.wait = wait;
        }))
    }

    /// How long a request waits for its turn before it is answered 503; a second, unless said.
    pub fn max_wait(self, wait: Duration) -> Self {
        self.change(|settings| settings.turns.wait = wait)
    }

    /// The hash with which the password of an unknown user is compared: give it the parameters of
    /// those that you store, if they are not `m=19456,t=2,p=1`. Otherwise the time of an answer
    /// tells who is a user.
    ///
    /// # Errors
    ///
    /// If it is not an argon2 hash in PHC form.
    #[cfg(feature = "basic-argon2")]
    pub fn decoy(self, hash: &str) -> Result<Self, ConfigError> {
        hashed::check(hash)?;
        Ok(self.change(|settings| settings.decoy = hash.into()))
    }

    fn new(realm: &str, turns: Turns, check: Check<P>) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Arc::new(Settings::new(realm, turns)?),
            check,
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

/// As many checks as this may run at a time: more would only make each slower.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

impl<P: Send + 'static> Authenticate for Basic<P> {
    type Principal = P;

    fn challenge(&self) -> HeaderValue {
        self.settings.challenge.clone()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<P> {
        let (user, password) = match credentials::read(&head.headers) {
            Ok(None) => return Verdict::Missing,
            Ok(Some(credentials)) => credentials,
            Err(reason) => return Verdict::Refused(self.settings.refusals.of(reason)),
        };
        let settings = Arc::clone(&self.settings);
        let checking = (self.check)(user, password, Arc::clone(&self.settings));
        Verdict::wait(async move {
            match checking.await {
                Checked::Right(principal) => Verdict::Verified(principal),
                Checked::Wrong => Verdict::Refused(settings.refusals.of(BasicRefusal::Wrong)),
                Checked::Busy => Verdict::Refused(settings.refusals.of(BasicRefusal::Busy)),
                Checked::Failed(cause) => Verdict::unchecked("Basic", cause),
            }
        })
    }

    fn describe(&self, layer: Description) -> Description {
        layer
            .answers(
                StatusCode::BAD_REQUEST,
                "with a user and a password that can't be read",
            )
            .answers(
                StatusCode::SERVICE_UNAVAILABLE,
                "when the password can't be checked",
            )
    }
}

impl<P> Clone for Basic<P> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            check: Arc::clone(&self.check),
        }
    }
}

impl<P> fmt::Debug for Basic<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic")
            .field("challenge", &self.settings.challenge)
            .finish_non_exhaustive()
    }
}
