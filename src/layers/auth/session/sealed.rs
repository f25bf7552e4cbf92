//! Encrypts sessions into cookies, by the private jar of `cookie`: AES-256-GCM with a random nonce,
//! bound to the cookie's name.

use std::sync::Arc;

use cookie::{Cookie, CookieJar};
use zeroize::Zeroizing;

use super::key::SessionKey;
use crate::wire::cookies::SetCookie;

/// The first encrypts, all decrypt.
#[derive(Clone)]
pub(super) struct Keys(Arc<[SessionKey]>);

impl Keys {
    pub(super) fn new(keys: Vec<SessionKey>) -> Option<Self> {
        (!keys.is_empty()).then(|| Self(keys.into()))
    }

    /// The value of the cookie that holds this text.
    pub(super) fn seal(&self, cookie: &SetCookie, text: String) -> Option<String> {
        let mut jar = CookieJar::new();
        let name = cookie.name().to_owned();
        jar.private_mut(self.0.first()?.cipher())
            .add(Cookie::new(name, text));
        let sealed = jar.get(cookie.name())?;
        Some(sealed.value().to_owned())
    }

    /// The text in a cookie, and whether another key than the first has encrypted it.
    pub(super) fn open(
        &self,
        cookie: &SetCookie,
        value: &[u8],
    ) -> Option<(Zeroizing<String>, bool)> {
        let value = str::from_utf8(value).ok()?;
        let mut keys = self.0.iter().enumerate();
        keys.find_map(|(at, key)| {
            let sealed = Cookie::new(cookie.name().to_owned(), value.to_owned());
            let opened = CookieJar::new().private(key.cipher()).decrypt(sealed)?;
            Some((Zeroizing::new(opened.value().to_owned()), at > 0))
        })
    }
}
