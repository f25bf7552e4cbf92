//! Decides by a request's head whether a page of this origin sent it, or nobody's page at all.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use super::{CsrfRefusal, host, policy::Policy};
use crate::wire::field::{only_line, origin::Origin};

/// Set by browsers and by nothing that a page can do (Fetch Metadata, section 2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// No token is asked for: the method is safe, or it is a handshake, on which a script can't
    /// set a field.
    Free,
    /// It says where it comes from, and that is right.
    Known,
    /// It does not say where it comes from, as no browser of today does.
    Unknown,
}

/// What is looked at in a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

impl Asked<'_> {
    pub(super) fn check(self, policy: &Policy) -> Result<Passed, CsrfRefusal> {
        let handshake = self.is_handshake();
        if !handshake && is_safe(self.method) {
            return Ok(Passed::Free);
        }
        let origin = self.only(header::ORIGIN)?;
        let trusted = || origin.is_some_and(|one| policy.trusted.find(one.as_bytes()).is_some());
        let passed = match self.only(SEC_FETCH_SITE)?.map(HeaderValue::as_bytes) {
            Some(b"same-origin" | b"none") => Passed::Known,
            Some(_) if trusted() => Passed::Known,
            // `same-site` is another origin too, and whoever takes over a subdomain is one.
            Some(_) => return Err(CsrfRefusal::CrossSite),
            None => match origin {
                None => Passed::Unknown,
                Some(_) if trusted() => Passed::Known,
                Some(origin) => self.check_origin(policy, origin)?,
            },
        };
        Ok(if handshake { Passed::Free } else { passed })
    }

    /// Whether the origin is the one that the request was sent to.
    fn check_origin(self, policy: &Policy, origin: &HeaderValue) -> Result<Passed, CsrfRefusal> {
        if origin == "null" {
            return Err(CsrfRefusal::NullOrigin);
        }
        if let Some(own) = &policy.own {
            let found = own.find(origin.as_bytes());
            return found.map(|_| Passed::Known).ok_or(CsrfRefusal::OtherOrigin);
        }
        let asked = host::of(self.uri, self.headers).ok_or(CsrfRefusal::NoHost)?;
        // A browser writes an origin; what only looks like one is not compared with anything.
        let origin = origin.to_str().ok().map(Origin::parse);
        match origin {
            Some(Ok(origin)) if host::is_same(&origin, asked) => Ok(Passed::Known),
            _ => Err(CsrfRefusal::OtherOrigin),
        }
    }

    /// A browser opens a WebSocket for any page, with the user's cookies, and no CORS keeps the
    /// page from using it. Over HTTP/1.1 that is a GET (RFC 6455, section 4.1), over HTTP/2 a
    /// CONNECT (RFC 8441, section 5).
    fn is_handshake(self) -> bool {
        const NAME: &[u8] = b"websocket";
        *self.method == Method::CONNECT
            || self.headers.get_all(header::UPGRADE).iter().any(|line| {
                // Wherever it stands in the line: no handler reads more than that as a WebSocket.
                let mut windows = line.as_bytes().windows(NAME.len());
                windows.any(|part| part.eq_ignore_ascii_case(NAME))
            })
    }

    /// The field's line, if there is one. Browsers send one; several are someone's trick.
    fn only(&self, name: HeaderName) -> Result<Option<&HeaderValue>, CsrfRefusal> {
        only_line(self.headers, name).or(Err(CsrfRefusal::SeveralFields))
    }
}

/// The safe methods (RFC 9110, section 9.2.1) that a browser sends across sites without asking.
/// TRACE is safe as well, but no browser sends it; QUERY (RFC 10008) is, but has a content, and
/// CORS asks for it first.
const fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
