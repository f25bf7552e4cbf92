//! User names and passwords: [`Basic`].

#[cfg(feature = "basic-bcrypt")]
mod bcrypt;
mod check;
mod credentials;
mod refusal;

use std::{fmt, future::Future, num::NonZero, sync::Arc, thread, time::Duration};

use http::{HeaderValue, StatusCode, request::Parts};

#[cfg(feature = "basic-bcrypt")]
pub use self::bcrypt::HashUpgrade;
pub use self::refusal::BasicRefusal;
use self::{
    check::{Check, CheckOptions, ComparedHashes},
    refusal::Refusals,
};
use super::{Authenticate, Verdict};
use crate::{
    contract::{
        Description, Later,
        description::{Answer, Carrier, SchemeKind, SecurityScheme},
    },
    wire::{BoxError, ConfigError, Problem, Secret, field::Challenge},
};

/// Verifies a user name and a password (RFC 7617) and determines the user, as a `P`: a scheme for
/// [`with_auth`](crate::with_auth).
///
/// The credentials are valid if all of these conditions hold:
///
/// 1. The request has one `Authorization` field, which contains base64 with padding.
/// 2. Decoded, it is at most 1,024 bytes of UTF-8 without control characters, and contains a colon.
///    The user name is the part before the first colon, and may be empty; the password is the part
///    after it.
/// 3. The check accepts the password for this user.
///
/// There are three kinds of checks: [`argon2`](Self::argon2) looks up a hash and verifies the password
/// with it (with the feature `basic-bcrypt`, `argon2_or_bcrypt` also verifies the bcrypt hashes of an
/// existing application, and replaces them), [`verify_blocking`](Self::verify_blocking) is for other
/// hashes, and [`verify`](Self::verify) is for an async check, such as a request to a directory. The
/// first two compute outside the async threads, at most one check per core at a time.
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
///     // A real check asks a directory here.
///     let is_valid = user == "Aladdin" && password.matches("open sesame");
///     Ok(is_valid.then_some(User(user)))
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
/// | 400 | several `Authorization` fields | |
/// | 401 | no credentials, or invalid or malformed ones | `WWW-Authenticate`, as above |
/// | 503 | too many passwords are being checked | `Retry-After: 1` |
/// | 503 | the check fails | |
///
/// The cause of the `Problem` is a [`BasicRefusal`], or the error of the check that failed.
///
/// # Order
///
/// Put a rate limit outside: a guess costs the server much more than it costs the client.
///
/// # Security
///
/// - The password is sent with every request, protected only by TLS.
/// - The layer wipes its copy of the password after the check, but the field stays in the request's
///   head, where handlers and inner layers see it, and a log of all fields would contain it.
/// - A browser that knows the password sends it automatically, even with requests caused by other
///   sites: routes with side effects need protection against CSRF.
/// - A password is compared exactly as it was sent. RFC 7617 asks clients for Unicode normalization
///   form C, which not all of them apply. To accept other forms as well, normalize both when the
///   password is set and when it is verified.
/// - For machine clients, use an `ApiKey` instead: it is random, so it needs no slow hash.
///
/// # Compared with
///
/// tower-http's `validate_request` compares Basic credentials with `==` and supports a single user.
/// Most examples hash on an async thread, where each guess delays all other requests, and answer
/// immediately if the user does not exist, which reveals which users exist.
#[must_use]
pub struct Basic<P> {
    challenge: HeaderValue,
    refusals: Refusals,
    options: Arc<CheckOptions>,
    check: Check<P>,
}

impl<P: Send + 'static> Basic<P> {
    /// Calls an async function, which may ask a directory, to check the password: it returns the
    /// principal, or `None` if the password is wrong or the user does not exist. An error is answered
    /// 503.
    ///
    /// A CPU-bound check belongs in [`verify_blocking`](Self::verify_blocking). Any check should take
    /// equally long for users that do not exist: otherwise its time reveals which users exist.
    ///
    /// # Errors
    ///
    /// If the realm contains anything but visible ASCII characters and spaces.
    pub fn verify<F, A, E>(realm: &str, check: F) -> Result<Self, ConfigError>
    where
        F: Fn(String, Secret) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<P>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let options = CheckOptions::new(usize::MAX, ComparedHashes::None);
        Self::new(realm, options, check::asynchronous(check))
    }

    /// Calls a function that computes, on a thread that may block, whether the password is right: it
    /// returns the principal, or `None` if the password is wrong or the user does not exist. Do the
    /// same work for unknown users. An error or a panic is answered 503.
    ///
    /// It requires a tokio runtime with its timer enabled.
    ///
    /// # Errors
    ///
    /// If the realm contains anything but visible ASCII characters and spaces.
    pub fn verify_blocking<F, E>(realm: &str, check: F) -> Result<Self, ConfigError>
    where
        F: Fn(&str, &Secret) -> Result<Option<P>, E> + Send + Sync + 'static,
        E: Into<BoxError>,
    {
        let options = CheckOptions::new(cores(), ComparedHashes::None);
        Self::new(realm, options, check::blocking(check))
    }

    /// Looks up the user and the user's argon2 hash, and verifies the password against the hash.
    ///
    /// The hash is a PHC string, `$argon2id$v=19$..`, as the crate `argon2` produces it. For a user
    /// that does not exist, the same work is done with a [decoy](Self::decoy). It requires a tokio
    /// runtime with its timer enabled.
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
    /// If the realm contains anything but visible ASCII characters and spaces.
    ///
    /// # Security
    ///
    /// Without compiler optimization, a check takes a second or more: in `Cargo.toml`, set
    /// `opt-level = 3` for `argon2` and `blake2`, in `[profile.dev.package.argon2]` and
    /// `[profile.dev.package.blake2]`.
    ///
    /// Each check takes as much memory as the hash demands, 19 MiB by default, which is kept for later
    /// checks; limit [concurrent checks](Self::max_concurrent) to limit the total. A malformed hash in
    /// the store is answered 503, with the cause in the log.
    #[cfg(feature = "basic-argon2")]
    pub fn argon2<F, A, E>(realm: &str, look_up: F) -> Result<Self, ConfigError>
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<(String, P)>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let options = CheckOptions::new(cores(), ComparedHashes::Argon2);
        Self::new(realm, options, check::argon2(look_up))
    }

    /// As [`argon2`](Self::argon2), for a store that also has bcrypt hashes, which are gradually
    /// replaced by argon2 hashes: `replace` is called when a user with a bcrypt hash has sent the
    /// right password.
    ///
    /// 1. A stored hash that begins with `$2a$`, `$2b$` or `$2y$` is a bcrypt hash, such as those of
    ///    PHP, Spring, Node, Go, Ruby and Python. `$2x$`, which marks hashes of a faulty
    ///    implementation, and costs above 16 are answered 503, with the cause in the log.
    /// 2. Only the first 72 bytes of the password are compared, as in the program that created the
    ///    hash. The new hash covers the whole password. A NUL, at which bcrypt would stop, is rejected
    ///    like every other control character.
    /// 3. The new hash has the parameters of the [decoy](Self::decoy), and a random salt.
    /// 4. If `replace` fails, the request still succeeds, and a warning is logged. The user's next
    ///    request tries again.
    ///
    /// The hashes of users who never return are not replaced. When few are left, delete them, let
    /// those users set a new password, and go back to `argon2`.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Basic, ConfigError, auth::HashUpgrade};
    /// # #[derive(Clone)] struct User;
    /// # #[derive(Clone)] struct Store;
    /// # impl Store {
    /// #     async fn user(&self, _: &str) -> Result<Option<(String, User)>, std::io::Error> {
    /// #         Ok(None)
    /// #     }
    /// #     async fn replace(&self, _: HashUpgrade) -> Result<(), std::io::Error> { Ok(()) }
    /// # }
    ///
    /// fn scheme(store: Store) -> Result<Basic<User>, ConfigError> {
    ///     let look_up = {
    ///         let store = store.clone();
    ///         move |user: String| {
    ///             let store = store.clone();
    ///             // SELECT password_hash, .. FROM users WHERE name = $1
    ///             async move { store.user(&user).await }
    ///         }
    ///     };
    ///     let replace = move |upgrade: HashUpgrade| {
    ///         let store = store.clone();
    ///         // UPDATE users SET password_hash = $3 WHERE name = $1 AND password_hash = $2
    ///         async move { store.replace(upgrade).await }
    ///     };
    ///     Basic::argon2_or_bcrypt("staff", look_up, replace)?.bcrypt_cost(10)
    /// }
    /// # let _ = scheme(Store);
    /// ```
    ///
    /// The repository's `examples/bcrypt_upgrade.rs` is a complete program.
    ///
    /// # Errors
    ///
    /// If the realm contains anything but visible ASCII characters and spaces.
    ///
    /// # Security
    ///
    /// Every wrong password, and every password of an unknown user, costs one hash of each kind, so
    /// that the response time does not reveal which users exist. Set the [cost](Self::bcrypt_cost) of
    /// your hashes. The right password of a user with an argon2 hash costs only that hash.
    #[cfg(feature = "basic-bcrypt")]
    pub fn argon2_or_bcrypt<F, A, E, G, B, D>(
        realm: &str,
        look_up: F,
        replace: G,
    ) -> Result<Self, ConfigError>
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<(String, P)>, E>> + Send + 'static,
        E: Into<BoxError>,
        G: Fn(HashUpgrade) -> B + Send + Sync + 'static,
        B: Future<Output = Result<(), D>> + Send + 'static,
        D: Into<BoxError>,
    {
        let options = CheckOptions::new(cores(), ComparedHashes::Argon2OrBcrypt);
        let check = bcrypt::argon2_or_bcrypt(look_up, replace);
        Self::new(realm, options, check)
    }

    /// The maximum number of passwords that are checked at a time; by default the number of cores for
    /// checks on a blocking thread, and unlimited for [`verify`](Self::verify).
    ///
    /// If a client disconnects, its check still counts until it is done.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn max_concurrent(self, count: usize) -> Result<Self, ConfigError> {
        if count == 0 {
            let message = "0 concurrent checks would refuse every password";
            return Err(ConfigError::new("Basic", message));
        }
        Ok(self.change(|options| options.max_concurrent(count)))
    }

    /// How long a request waits for its password to be checked before it is answered 503; by
    /// default one second.
    pub fn max_wait(self, wait: Duration) -> Self {
        self.change(|options| options.max_wait = wait)
    }

    /// The hash that the password of an unknown user is compared with. Give it the parameters of the
    /// hashes that you store, if they are not `m=19456,t=2,p=1`: otherwise the response time reveals
    /// which users exist.
    ///
    /// # Errors
    ///
    /// If it is not an argon2 hash in PHC format, or the check is one of your own, which compares with
    /// no decoy.
    #[cfg(feature = "basic-argon2")]
    pub fn decoy(self, hash: &str) -> Result<Self, ConfigError> {
        self.options.compared.check_decoy()?;
        check::check_decoy(hash)?;
        Ok(self.change(|options| options.decoy = hash.into()))
    }

    /// The cost of the bcrypt hashes in the store, for [`argon2_or_bcrypt`](Self::argon2_or_bcrypt);
    /// by default 12. If the costs vary, use the most common one. Each step doubles the time.
    ///
    /// # Errors
    ///
    /// If it is not between 4 and 16, or the check is not `argon2_or_bcrypt`.
    #[cfg(feature = "basic-bcrypt")]
    pub fn bcrypt_cost(self, cost: u32) -> Result<Self, ConfigError> {
        self.options.compared.check_bcrypt_cost()?;
        bcrypt::check_cost(cost)?;
        Ok(self.change(|options| options.bcrypt_cost = cost))
    }

    /// Checks a user name and a password that did not come in an `Authorization` field but, for
    /// example, from a sign-in form: returns the principal, or `None` if there is no such user or the
    /// password is wrong. It takes just as long for a user that does not exist, and counts towards
    /// [`max_concurrent`](Self::max_concurrent).
    ///
    /// What no `Authorization` field could contain is not checked and returns `None`: control
    /// characters, and more than 1,023 bytes of name and password together.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Basic, Problem, Secret};
    ///
    /// #[derive(Clone)]
    /// struct User(u64);
    ///
    /// async fn sign_in(passwords: &Basic<User>, name: &str, password: Secret) -> Result<User, Problem> {
    ///     let user = passwords.check(name, password).await?;
    ///     user.ok_or_else(|| {
    ///         Problem::new(http::StatusCode::UNPROCESSABLE_ENTITY)
    ///             .detail("The name or the password is wrong.")
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = |user: String, password: Secret| async move {
    /// #     let is_valid = user == "Aladdin" && password.matches("open sesame");
    /// #     Ok::<_, std::convert::Infallible>(is_valid.then_some(User(7)))
    /// # };
    /// let passwords = Basic::verify("sign-in", directory)?;
    /// let password = Secret::new("open sesame".to_owned());
    /// assert_eq!(sign_in(&passwords, "Aladdin", password).await?.0, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// 503, with `Retry-After`, if too many passwords are being checked; and 503 if the check fails,
    /// with the cause in the log.
    pub async fn check(
        &self,
        user: impl Into<String>,
        password: Secret,
    ) -> Result<Option<P>, Problem> {
        let user = user.into();
        if !credentials::are_valid(&user, password.expose()) {
            return Ok(None);
        }
        match (self.check)(user, password, Arc::clone(&self.options)).await {
            Ok(Ok(principal)) => Ok(Some(principal)),
            Ok(Err(BasicRefusal::Busy)) => {
                Err(self.refusals.of(BasicRefusal::Busy).problem().clone())
            }
            Ok(Err(_)) => Ok(None),
            Err(cause) => Err(Problem::unavailable(cause)),
        }
    }

    fn new(realm: &str, options: CheckOptions, check: Check<P>) -> Result<Self, ConfigError> {
        // RFC 7617, sections 2 and 2.1.
        let challenge = Challenge::new("Basic")?
            .parameter("realm", realm)?
            .parameter("charset", "UTF-8")?;
        Ok(Self {
            challenge: challenge.into(),
            refusals: Refusals::new(),
            options: Arc::new(options),
            check,
        })
    }

    fn change(mut self, change: impl FnOnce(&mut CheckOptions)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

/// More concurrent checks than this would only make each of them slower.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

impl<P: Clone + Send + Sync + 'static> Authenticate for Basic<P> {
    type Principal = P;

    fn challenge(&self) -> HeaderValue {
        self.challenge.clone()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<P>> {
        let (user, password) = match credentials::of(&head.headers) {
            Ok(Some(credentials)) => credentials,
            Ok(None) => return Later::Ready(Verdict::Missing),
            Err(reason) => return Later::Ready(Verdict::Refused(self.refusals.of(reason))),
        };
        let refusals = self.refusals.clone();
        let checking = (self.check)(user, password, Arc::clone(&self.options));
        Later::pending(async move {
            match checking.await {
                Ok(Ok(principal)) => Verdict::Verified(principal),
                Ok(Err(reason)) => Verdict::Refused(refusals.of(reason)),
                Err(cause) => Verdict::failed("Basic", cause),
            }
        })
    }

    fn describe(&self, layer: Description) -> Description {
        let scheme = SecurityScheme::new(SchemeKind::Basic, "Basic")
            .carrier(Carrier::Authorization("Basic".into()));
        let several = self.refusals.of(BasicRefusal::Several);
        let several = Answer::of(several.problem()).when("with several `Authorization` fields");
        let busy = self.refusals.of(BasicRefusal::Busy);
        let unchecked = Answer::of(busy.problem())
            .when("when the password cannot be checked")
            .reason("unavailable");
        layer
            .scheme(scheme)
            .reasons(StatusCode::UNAUTHORIZED, BasicRefusal::INVALID)
            .answer(several)
            .answer(unchecked)
    }
}

impl<P> Clone for Basic<P> {
    fn clone(&self) -> Self {
        Self {
            challenge: self.challenge.clone(),
            refusals: self.refusals.clone(),
            options: Arc::clone(&self.options),
            check: Arc::clone(&self.check),
        }
    }
}

impl<P> fmt::Debug for Basic<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic")
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}
