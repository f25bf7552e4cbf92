//! Finds the token in a request: `Authorization`, a dedicated header, or a cookie.

use http::{HeaderMap, HeaderName};

use super::refusal::{BEARER, JwtRefusal};
use crate::{
    contract::description::Carrier,
    layers::auth::{Refusal, credential_header},
    wire::{
        ConfigError,
        field::{
            Challenge,
            authorization::{Credentials, credentials, is_token68},
            cookie::{self, Cookie},
            only_line,
        },
    },
};

/// Where a request may carry its token. The query and the body are never read: queries end up in logs,
/// in the browser history and in `Referer` (RFC 6750, section 5.3).
#[derive(Clone, Debug)]
pub(super) struct TokenSource {
    /// The scheme of the token in `Authorization`, and of the challenges.
    pub(super) scheme: &'static str,
    authorization: bool,
    header: Option<HeaderName>,
    cookie: Option<String>,
}

impl Default for TokenSource {
    fn default() -> Self {
        Self {
            scheme: BEARER,
            authorization: true,
            header: None,
            cookie: None,
        }
    }
}

impl TokenSource {
    /// Removes all sources.
    pub(super) fn clear(&mut self) {
        self.authorization = false;
        self.header = None;
        self.cookie = None;
    }

    pub(super) fn set_scheme(&mut self, scheme: &'static str) -> Result<(), ConfigError> {
        /// Their credentials are not tokens, and browsers remember them.
        const BROWSER_SCHEMES: [&str; 4] = ["Basic", "Digest", "Negotiate", "NTLM"];

        if BROWSER_SCHEMES
            .iter()
            .any(|other| other.eq_ignore_ascii_case(scheme))
        {
            let message = format!("the credentials of `{scheme}` are not a token");
            return Err(ConfigError::new("Jwt", message));
        }
        let _is_a_token = Challenge::new(scheme)?;
        self.scheme = scheme;
        Ok(())
    }

    /// Adds a header that holds a token and nothing else.
    pub(super) fn add_header(&mut self, name: &str) -> Result<(), ConfigError> {
        let instead = "`Authorization` and `Cookie` hold more than a token: `Authorization` is read \
                       by default, and `cookie` reads a cookie";
        let name = credential_header("Jwt", name, instead)?;
        if let Some(known) = &self.header {
            return Err(second_place("header", known.as_str(), name.as_str()));
        }
        self.header = Some(name);
        Ok(())
    }

    pub(super) fn add_cookie(&mut self, name: String) -> Result<(), ConfigError> {
        if !cookie::is_name(&name) {
            let message = format!("`{}` is not a valid cookie name", name.escape_debug());
            return Err(ConfigError::new("Jwt", message));
        }
        if let Some(known) = &self.cookie {
            return Err(second_place("cookie", known, &name));
        }
        self.cookie = Some(name);
        Ok(())
    }

    pub(super) const fn reads_authorization(&self) -> bool {
        self.authorization
    }

    /// Where a token may be.
    pub(super) fn carriers(&self) -> impl Iterator<Item = Carrier> {
        let bearer = self
            .authorization
            .then_some(Carrier::Authorization(self.scheme.into()));
        let header = self.header.clone().map(Carrier::Header);
        let cookie = self.cookie.clone().map(|name| Carrier::Cookie(name.into()));
        [bearer, header, cookie].into_iter().flatten()
    }

    /// The only token of a request, if it has one, and who added it.
    ///
    /// A request with two tokens is rejected (RFC 6750, section 2), even if they are equal: another
    /// server on the path may have read the other one.
    pub(super) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(&'a [u8], AddedBy)>, (JwtRefusal, AddedBy)> {
        let cookie = match &self.cookie {
            Some(name) => cookie_token(headers, name),
            None => Ok(None),
        };
        match (self.find_in_fields(headers), cookie) {
            (Err(reason), _) => Err((reason, AddedBy::Client)),
            (Ok(Some(token)), Ok(None)) => Ok(Some((token, AddedBy::Client))),
            (Ok(Some(_)), _) => Err((JwtRefusal::SeveralTokens, AddedBy::Client)),
            (Ok(None), Ok(token)) => Ok(token.map(|token| (token, AddedBy::Browser))),
            (Ok(None), Err(reason)) => Err((reason, AddedBy::Browser)),
        }
    }

    fn find_in_fields<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a [u8]>, JwtRefusal> {
        let bearer = if self.authorization {
            authorization_token(headers, self.scheme)?
        } else {
            None
        };
        let Some(name) = &self.header else {
            return Ok(bearer);
        };
        match (bearer, header_token(headers, name)?) {
            (Some(_), Some(_)) => Err(JwtRefusal::SeveralTokens),
            (token, None) | (None, token) => Ok(token),
        }
    }

    /// The reason to report for a request whose token is refused for `reason`: the text after the
    /// scheme may not be a token at all. A valid token is always well-formed, so only refused ones are
    /// checked for this.
    pub(super) fn refusal(&self, headers: &HeaderMap, reason: JwtRefusal) -> JwtRefusal {
        if !self.authorization {
            return reason;
        }
        match credentials(headers, self.scheme) {
            Credentials::Token(token) if !is_token68(token) => JwtRefusal::Header,
            _ => reason,
        }
    }
}

/// Who added a token to a request.
#[derive(Clone, Copy)]
pub(super) enum AddedBy {
    /// The client, explicitly.
    Client,
    /// The browser, automatically: the token of a cookie.
    Browser,
}

impl AddedBy {
    /// The refusal of such a token. A cookie with a dead token must not keep a user from public pages,
    /// or from signing in again.
    pub(super) fn refusal(self, refusal: Refusal) -> Refusal {
        match self {
            Self::Client => refusal,
            Self::Browser => refusal.unless_optional(),
        }
    }
}

fn second_place(kind: &str, known: &str, name: &str) -> ConfigError {
    let message = format!(
        "tokens are already read from the {kind} `{known}`: to read `{name}` as well, combine two \
         `Jwt`s with `or`"
    );
    ConfigError::new("Jwt", message)
}

fn authorization_token<'a>(
    headers: &'a HeaderMap,
    scheme: &str,
) -> Result<Option<&'a [u8]>, JwtRefusal> {
    match credentials(headers, scheme) {
        Credentials::Absent => Ok(None),
        Credentials::Token(token) => Ok(Some(token)),
        Credentials::Repeated => Err(JwtRefusal::SeveralTokens),
    }
}

fn header_token<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, JwtRefusal> {
    let line = only_line(headers, name).or(Err(JwtRefusal::SeveralTokens))?;
    Ok(line.map(|line| line.as_bytes()))
}

fn cookie_token<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, JwtRefusal> {
    match cookie::find(headers, name) {
        // An empty cookie counts as removed: many logouts clear it that way.
        Cookie::Absent | Cookie::Value(b"") => Ok(None),
        Cookie::Value(token) => Ok(Some(token)),
        Cookie::Repeated => Err(JwtRefusal::SeveralTokens),
    }
}
