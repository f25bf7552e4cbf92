//! Issues and verifies tokens.

use std::{error::Error, fmt, iter, sync::Arc, time::Duration};

use hmac::Hmac;
use http::HeaderName;
use sha2::Sha256;

use super::{
    CsrfToken, header,
    nonce::Nonces,
    signed::{self, Signed},
};
use crate::{layers::csrf::CsrfRefusal, support::clock::Clock, wire::ConfigError};

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
    /// The one that signs, and the others.
    keys: (Hmac<Sha256>, Vec<Hmac<Sha256>>),
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
        let mut keys = keys.into_iter().map(|key| signed::parse_key(key.as_ref()));
        let first = keys.next();
        let first = first.ok_or_else(|| error("without a key nothing can be signed"))??;
        let others = keys.collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Settings {
            keys: (first, others),
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
        let name = header::parse(name)?;
        Ok(self.change(|settings| settings.header = name))
    }

    /// The clock; by default the system's.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|settings| settings.clock = clock.into())
    }

    /// A token for the session, which must not be an empty text.
    ///
    /// Give it to the pages of the session: in a `meta` element, in the answer to a request for
    /// it, or in a cookie that scripts can read. Not in an address, which is seen and kept by
    /// others.
    pub fn issue(&self, session: impl AsRef<[u8]>) -> CsrfToken {
        let nonce = self.0.nonces.next();
        let (first, _) = &self.0.keys;
        CsrfToken(signed::write(first, self.now(), &nonce, session.as_ref()))
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
        let token = Signed::parse(token.as_ref()).ok_or(CsrfRefusal::WrongToken)?;
        let (first, others) = &self.0.keys;
        let mut keys = iter::once(first).chain(others);
        // A token for nobody would be one for everybody without a session.
        if session.is_empty() || !keys.any(|key| token.is_by(key, session)) {
            return Err(CsrfRefusal::WrongToken);
        }
        // One that another instance issues by a clock ahead of this one is new.
        if self.now().saturating_sub(token.time()) > self.0.lifetime.as_secs() {
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

pub(super) fn error(message: &'static str) -> ConfigError {
    ConfigError::new("CsrfTokens", message)
}

impl fmt::Debug for CsrfTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfTokens")
            .field("keys", &self.0.keys.1.len().saturating_add(1))
            .field("lifetime", &self.0.lifetime)
            .field("header", &self.0.header)
            .field("clock", &self.0.clock)
            .finish_non_exhaustive()
    }
}
