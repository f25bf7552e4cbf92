//! Issues and verifies tokens.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderName;
use sha2::Sha256;

use super::{
    CsrfToken,
    nonce::{self, Nonces},
};
use crate::{clock::Clock, config_error::ConfigError, csrf::CsrfRefusal};

/// Parts the tokens of this crate from whatever else is signed with the same key.
const PURPOSE: &[u8] = b"wythe csrf token 1\0";

/// Seconds since 1970 in 6 bytes, a nonce, an HMAC-SHA256.
const TIME: usize = 6;
const LENGTH: usize = TIME + nonce::LENGTH + 32;
/// No padding and no stray bits: each token has one spelling.
const TEXT_LENGTH: usize = LENGTH / 3 * 4;

/// Issues tokens for the pages of a session, and verifies them: see
/// [`Csrf::fallback_token`](super::super::Csrf::fallback_token).
///
/// A token is the time, a random number, and the HMAC-SHA256 of both and of the session's id. So
/// nothing is stored, a token of one session is worth nothing in another, and two tokens of one
/// session share nothing that compression could give away.
///
/// # Example
///
/// ```
/// use wythe::{CsrfRefusal, CsrfTokens};
///
/// let tokens = CsrfTokens::new(b"thirty-two bytes of a secret, or more")?;
/// let token = tokens.issue("session 17");
/// assert_eq!(tokens.verify("session 17", token.as_str()), Ok(()));
/// assert_eq!(tokens.verify("session 18", token.as_str()), Err(CsrfRefusal::WrongToken));
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Security
///
/// Keys are wiped when dropped and never printed; there is no default one. Signatures are compared
/// in constant time.
#[derive(Clone)]
#[must_use]
pub struct CsrfTokens(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    /// The first signs.
    keys: Vec<Hmac<Sha256>>,
    nonces: Arc<Nonces>,
    lifetime: Duration,
    header: HeaderName,
    clock: Clock,
}

impl CsrfTokens {
    /// Signs and verifies with this key. Instances that share sessions share the key.
    ///
    /// # Errors
    ///
    /// If the key is shorter than 32 bytes, or one byte repeated.
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::keys([key])
    }

    /// Signs with the first key and verifies with each, while the key is being changed.
    ///
    /// Where several instances issue tokens, let all of them verify with the new key before one
    /// signs with it: list it last, and then first.
    ///
    /// # Errors
    ///
    /// If there is no key, or one is shorter than 32 bytes, or one byte repeated.
    pub fn keys<I>(keys: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        let keys = keys.into_iter().map(|key| parse(key.as_ref()));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(error("without a key nothing can be signed"));
        }
        Ok(Self(Arc::new(Settings {
            keys,
            nonces: Arc::new(Nonces::new()?),
            lifetime: Duration::from_secs(24 * 60 * 60),
            header: HeaderName::from_static("x-csrf-token"),
            clock: Clock::default(),
        })))
    }

    /// How long a token is good for; 24 hours, unless said. A session that lasts longer needs new
    /// ones.
    ///
    /// # Errors
    ///
    /// If it is less than a second: tokens count whole ones.
    pub fn lifetime(self, lifetime: Duration) -> Result<Self, ConfigError> {
        if lifetime < Duration::from_secs(1) {
            return Err(error("a token must be good for a second at least"));
        }
        Ok(self.change(|settings| settings.lifetime = lifetime))
    }

    /// The header field that brings the token; `x-csrf-token`, unless said.
    ///
    /// # Errors
    ///
    /// If it is no name of a field, or one that a form can make a browser send, such as `cookie`.
    pub fn header<N>(self, name: N) -> Result<Self, ConfigError>
    where
        N: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let name: HeaderName = name
            .try_into()
            .map_err(|source| error("not the name of a header").because(source))?;
        // A browser sends these without a script that asks it to (Fetch, "CORS-safelisted").
        if SENT_BY_ANYONE.contains(&name.as_str()) || name.as_str().starts_with("sec-") {
            return Err(error(
                "any page can make a browser send this field: choose a name of your own, \
                 `x-csrf-token` for example",
            ));
        }
        Ok(self.change(|settings| settings.header = name))
    }

    /// The clock; the system's, unless said.
    pub fn clock(self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.clock = Clock::new(now))
    }

    /// A token for the session, which must not be an empty text.
    ///
    /// Give it to the pages of the session: in a `meta` element, in the answer to a request for
    /// it, or in a cookie that scripts can read. Not in an address, which is seen and kept by
    /// others.
    pub fn issue(&self, session: impl AsRef<[u8]>) -> CsrfToken {
        let seconds = self.now().to_be_bytes();
        // The two bytes left away count 8.9 million years.
        let [_, _, time @ ..] = seconds;
        let nonce = self.0.nonces.next();
        let mut token = [time.as_slice(), &nonce].concat();
        if let Some(key) = self.0.keys.first() {
            let signature = message(key, &token, session.as_ref()).finalize();
            token.extend_from_slice(&signature.into_bytes());
        }
        CsrfToken(URL_SAFE_NO_PAD.encode(token))
    }

    /// Checks a token by hand. The layer does so with every token that it asks for.
    ///
    /// # Errors
    ///
    /// [`CsrfRefusal::WrongToken`] or [`CsrfRefusal::ExpiredToken`].
    pub fn verify(
        &self,
        session: impl AsRef<[u8]>,
        token: impl AsRef<[u8]>,
    ) -> Result<(), CsrfRefusal> {
        let session = session.as_ref();
        let bytes = decode(token.as_ref()).ok_or(CsrfRefusal::WrongToken)?;
        // A token for nobody would be one for everybody without a session.
        if session.is_empty() {
            return Err(CsrfRefusal::WrongToken);
        }
        let (signed, signature) = bytes.split_at(LENGTH - 32);
        let mut keys = self.0.keys.iter();
        // `verify_slice` takes the same time wherever the two differ.
        if !keys.any(|key| {
            message(key, signed, session)
                .verify_slice(signature)
                .is_ok()
        }) {
            return Err(CsrfRefusal::WrongToken);
        }
        let time = signed.iter().take(TIME);
        let issued = time.fold(0_u64, |time, byte| (time << 8) | u64::from(*byte));
        // One that another instance issues by a clock ahead of this one is new.
        if self.now().saturating_sub(issued) > self.0.lifetime.as_secs() {
            return Err(CsrfRefusal::ExpiredToken);
        }
        Ok(())
    }

    /// The header field that brings the token.
    #[must_use]
    pub fn header_name(&self) -> &HeaderName {
        &self.0.header
    }

    fn now(&self) -> u64 {
        self.0.clock.since_epoch().as_secs()
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

/// Fields that a page can set in a request to another site without asking, and those that a
/// browser sets.
const SENT_BY_ANYONE: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "connection",
    "content-language",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "origin",
    "range",
    "referer",
    "user-agent",
];

/// All of fixed length but the session, which stands last: no two meanings have one text.
fn message(key: &Hmac<Sha256>, signed: &[u8], session: &[u8]) -> Hmac<Sha256> {
    let mut hmac = key.clone();
    hmac.update(PURPOSE);
    hmac.update(signed);
    hmac.update(session);
    hmac
}

fn decode(token: &[u8]) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    if token.len() != TEXT_LENGTH {
        return None;
    }
    let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
    (length == LENGTH).then_some(bytes)
}

fn parse(key: &[u8]) -> Result<Hmac<Sha256>, ConfigError> {
    if key.len() < 32 {
        let found = key.len();
        let message = format!("a key has 32 bytes or more, not {found}");
        return Err(ConfigError::new("CsrfTokens", message));
    }
    if key.iter().all(|byte| key.first() == Some(byte)) {
        return Err(error("the key is one byte repeated"));
    }
    hmac(key)
}

pub(super) fn hmac(key: &[u8]) -> Result<Hmac<Sha256>, ConfigError> {
    Hmac::new_from_slice(key).map_err(|source| error("the key can't be used").because(source))
}

pub(super) fn error(message: &'static str) -> ConfigError {
    ConfigError::new("CsrfTokens", message)
}

impl fmt::Debug for CsrfTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfTokens")
            .field("keys", &self.0.keys.len())
            .field("lifetime", &self.0.lifetime)
            .field("header", &self.0.header)
            .field("clock", &self.0.clock)
            .finish_non_exhaustive()
    }
}
