//! Signed tokens that are bound to one session, for browsers that send no origin.

mod signature;

use std::{borrow::Cow, error::Error, fmt, iter, sync::Arc, time::Duration};

use hmac::Hmac;
use http::{HeaderName, HeaderValue};
use sha2::Sha256;

use self::signature::{Nonces, SignedToken, error};
use super::{check::Passed, refusal::CsrfRefusal};
use crate::{
    contract::{Description, description::CsrfProtection},
    request::RequestHead,
    support::clock::Clock,
    wire::{ConfigError, field::only_line},
};

/// Issues tokens for the pages of a session, and verifies them: see
/// [`Csrf::fallback_token`](crate::Csrf::fallback_token).
///
/// A token consists of the time, a random number, and the HMAC-SHA256 of both and the session id.
/// Nothing is stored, a token is not valid in another session, and two tokens of one session share
/// nothing that compression could reveal.
///
/// # Example
///
/// ```
/// use wythe::{CsrfTokens, csrf::CsrfRefusal};
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
/// Keys are wiped when dropped and never printed, and there is no default key. Signatures are
/// compared in constant time.
#[derive(Clone)]
#[must_use]
pub struct CsrfTokens(Arc<TokenPolicy>);

#[derive(Clone)]
struct TokenPolicy {
    /// The key that signs, and the other keys.
    keys: (Hmac<Sha256>, Vec<Hmac<Sha256>>),
    nonces: Arc<Nonces>,
    lifetime: Duration,
    header: HeaderName,
    clock: Clock,
}

impl CsrfTokens {
    /// Signs and verifies with this key. Instances that share sessions must share the key.
    ///
    /// # Errors
    ///
    /// The key is shorter than 32 bytes, or one byte repeated.
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::keys([key])
    }

    /// Signs with the first key and verifies with all of them, to rotate keys.
    ///
    /// If several instances issue tokens, all of them must verify with the new key before any of them
    /// signs with it: first add it at the end of the list everywhere, then move it to the front.
    ///
    /// # Errors
    ///
    /// The list is empty, or a key is shorter than 32 bytes, or one byte repeated.
    pub fn keys<I>(keys: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        let mut keys = keys
            .into_iter()
            .map(|key| signature::parse_key(key.as_ref()));
        let first = keys.next();
        let first = first.ok_or_else(|| error("the list of keys is empty"))??;
        let others = keys.collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(TokenPolicy {
            keys: (first, others),
            nonces: Arc::new(Nonces::new()?),
            lifetime: Duration::from_secs(24 * 60 * 60),
            header: HeaderName::from_static("x-csrf-token"),
            clock: Clock::default(),
        })))
    }

    /// How long a token is valid; 24 hours by default. Longer sessions need new tokens.
    ///
    /// # Errors
    ///
    /// It is less than a second, which is the resolution of the time in a token.
    pub fn lifetime(self, lifetime: Duration) -> Result<Self, ConfigError> {
        if lifetime < Duration::from_secs(1) {
            return Err(error("the lifetime of a token must be at least one second"));
        }
        Ok(self.change(|policy| policy.lifetime = lifetime))
    }

    /// The header field of the token; `x-csrf-token` by default.
    ///
    /// # Errors
    ///
    /// It is not a field name, or it is a field that any page can make a browser send, such as
    /// `cookie`.
    pub fn header<N>(self, name: N) -> Result<Self, ConfigError>
    where
        N: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let name = parse_header(name)?;
        Ok(self.change(|policy| policy.header = name))
    }

    /// The clock; by default the system's.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|policy| policy.clock = clock.into())
    }

    /// Issues a token for the session, whose id must not be empty.
    ///
    /// Send it to the pages of the session: in a `meta` element, in the response to a request for it,
    /// or in a cookie that scripts can read. Do not put it into a URL, because URLs end up in logs.
    pub fn issue(&self, session: impl AsRef<[u8]>) -> CsrfToken {
        let nonce = self.0.nonces.next();
        let (first, _) = &self.0.keys;
        CsrfToken(signature::sign(first, self.now(), &nonce, session.as_ref()))
    }

    /// Verifies a token. The layer does this for every token that it requires.
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
        let token = SignedToken::parse(token.as_ref()).ok_or(CsrfRefusal::WrongToken)?;
        let (first, others) = &self.0.keys;
        let mut keys = iter::once(first).chain(others);
        // A token for an empty id would be valid for everyone without a session.
        if session.is_empty() || !keys.any(|key| token.is_signed_by(key, session)) {
            return Err(CsrfRefusal::WrongToken);
        }
        // A token from the future is valid: the clock of another instance may be ahead.
        if self.now().saturating_sub(token.time()) > self.0.lifetime.as_secs() {
            return Err(CsrfRefusal::ExpiredToken);
        }
        Ok(())
    }

    /// The header field of the token.
    #[must_use]
    pub fn header_name(&self) -> &HeaderName {
        &self.0.header
    }

    fn now(&self) -> u64 {
        self.0.clock.since_epoch().as_secs()
    }

    fn change(mut self, change: impl FnOnce(&mut TokenPolicy)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
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

/// A token for the pages of one session: 72 characters of base64url, which need no escaping in a
/// header field, a cookie or an HTML attribute.
///
/// It is issued by [`CsrfTokens::issue`], and `Debug` does not show it.
#[derive(Clone)]
#[must_use]
pub struct CsrfToken(String);

impl CsrfToken {
    /// The token's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<CsrfToken> for String {
    fn from(token: CsrfToken) -> Self {
        token.0
    }
}

impl From<CsrfToken> for HeaderValue {
    fn from(token: CsrfToken) -> Self {
        // Letters, digits, `-` and `_` are always a valid value.
        Self::try_from(token.0).unwrap_or_else(|_| Self::from_static(""))
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(..)")
    }
}

type Session = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync;

/// Which requests need a token, and how the session of a request is found.
#[derive(Clone)]
pub(super) struct TokenGuard {
    tokens: CsrfTokens,
    session: Arc<Session>,
    /// Whether requests with a known origin need a token too.
    always: bool,
}

impl TokenGuard {
    pub(super) fn new<F>(tokens: CsrfTokens, session: F, always: bool) -> Self
    where
        F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        Self {
            tokens,
            session: Arc::new(session),
            always,
        }
    }

    /// Checks the token of a request that has passed the other checks, if it needs one.
    pub(super) fn check(
        &self,
        head: &RequestHead<'_>,
        passed: Result<Passed, CsrfRefusal>,
    ) -> Result<Passed, CsrfRefusal> {
        let needs_token = match passed {
            Err(_) | Ok(Passed::NoTokenNeeded) => false,
            Ok(Passed::OriginKnown) => self.always,
            Ok(Passed::OriginUnknown) => true,
        };
        if !needs_token {
            return passed;
        }
        self.check_head(head).and(passed)
    }

    pub(super) fn describe(&self, layer: Description, protection: CsrfProtection) -> Description {
        let when = if self.always {
            "without a valid token of its session"
        } else {
            "without an origin and without a valid token of its session"
        };
        layer
            .protects_from_csrf(protection.token(self.tokens.header_name().clone()))
            .answer(CsrfRefusal::of_tokens().when(when))
    }

    fn check_head(&self, head: &RequestHead<'_>) -> Result<(), CsrfRefusal> {
        let session = (self.session)(head).filter(|id| !id.is_empty());
        let Some(session) = session else {
            // Without a session there are no credentials that could be abused. But a closure that has
            // asked for an unknown route can't tell whether there is one.
            return if self.always || head.take_route_missed() {
                Err(CsrfRefusal::NoSession)
            } else {
                Ok(())
            };
        };
        let token = only_line(head.headers(), self.tokens.header_name())
            .or(Err(CsrfRefusal::SeveralTokens))?
            .ok_or(CsrfRefusal::NoToken)?;
        self.tokens.verify(session.as_bytes(), token)
    }
}

impl fmt::Debug for TokenGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenGuard")
            .field("tokens", &self.tokens)
            .field("always", &self.always)
            .finish_non_exhaustive()
    }
}

/// Fields that a page can set in a cross-site request without a preflight, and fields that browsers
/// set.
const SAFELISTED: &[&str] = &[
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

/// A field that only scripts can set, and in a cross-site request only after a preflight.
fn parse_header<N>(name: N) -> Result<HeaderName, ConfigError>
where
    N: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let name: HeaderName = name
        .try_into()
        .map_err(|source| error("this is not a header name").because(source))?;
    if SAFELISTED.contains(&name.as_str()) || name.as_str().starts_with("sec-") {
        return Err(error(
            "any page can make a browser send this field: use a field of your own, such as \
             `x-csrf-token`",
        ));
    }
    Ok(name)
}
