//! Finds the session of a request, and judges it.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE, request::Parts};
use serde::de::DeserializeOwned;

use super::{
    Kind, Session, SessionRefusal, Sessions, check::Check, sealed::Keys, secret::Secret,
    shelf::Shelf, store::SessionId, text::Text,
};
use crate::{
    contract::Description,
    layers::auth::{Authenticate, Verdict},
    wire::field::cookie::{self, Cookie},
};

/// The most bytes that browsers keep of a cookie.
const LONGEST: usize = 4096;

impl<D> Authenticate for Sessions<D>
where
    D: DeserializeOwned + Send + Sync + 'static,
{
    type Principal = Session<D>;

    fn challenge(&self) -> HeaderValue {
        self.settings.challenge.clone()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<Session<D>> {
        let value = match self.value(&head.headers) {
            Ok(Some(value)) => value,
            Ok(None) => return Verdict::Missing,
            Err(reason) => return self.refused(reason),
        };
        match &self.kind {
            Kind::Encrypted(keys) => self.open(keys, value),
            Kind::Stored(shelf) => {
                let Some(secret) = Secret::parse(value) else {
                    return self.refused(SessionRefusal::Unreadable);
                };
                let (sessions, shelf) = (self.clone(), Arc::clone(shelf));
                Verdict::wait(async move { sessions.look_up(&*shelf, secret).await })
            }
        }
    }

    fn describe(&self, layer: Description) -> Description {
        let layer = layer.answers(StatusCode::BAD_REQUEST, "with several session cookies");
        let layer = layer.adds(SET_COOKIE);
        if matches!(
            (&self.kind, &self.check),
            (Kind::Encrypted(_), Check::None | Check::Now(_))
        ) {
            return layer;
        }
        layer.answers(
            StatusCode::SERVICE_UNAVAILABLE,
            "when the session can't be looked up",
        )
    }
}

impl<D> Sessions<D> {
    /// What the one cookie of the session holds.
    fn value<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a [u8]>, SessionRefusal> {
        match cookie::find(headers, self.settings.cookie.name()) {
            // Emptied is as good as taken back: many a logout does it so.
            Cookie::Absent | Cookie::Value(b"") => Ok(None),
            Cookie::Value(value) if value.len() > LONGEST => Err(SessionRefusal::TooLong),
            Cookie::Value(value) => Ok(Some(value)),
            Cookie::Repeated => Err(SessionRefusal::Repeated),
        }
    }

    /// The id of the session whose cookie a request has, whether it goes on or not.
    pub(super) fn id_in(&self, headers: &HeaderMap) -> Option<SessionId> {
        let value = self.value(headers).ok()??;
        match &self.kind {
            Kind::Encrypted(keys) => {
                let (text, _) = keys.open(&self.settings.cookie, value)?;
                Text::parse(&text).map(|text| text.id)
            }
            Kind::Stored(_) => Secret::parse(value).map(|secret| secret.id()),
        }
    }

    fn refused(&self, reason: SessionRefusal) -> Verdict<Session<D>> {
        Verdict::Refused(self.settings.refusal(reason))
    }

    /// The session, if it goes on by its times.
    fn judge(&self, text: &Text<'_>, now: u64) -> Result<Session<D>, SessionRefusal>
    where
        D: DeserializeOwned,
    {
        self.settings.lifetime.judge(text.times, now)?;
        let data = serde_json::from_str(text.data).or(Err(SessionRefusal::Data))?;
        Ok(Session::new(text.id, text.times, data))
    }
}

impl<D: DeserializeOwned + Send + Sync + 'static> Sessions<D> {
    /// An encrypted session.
    fn open(&self, keys: &Keys, value: &[u8]) -> Verdict<Session<D>> {
        let settings = &*self.settings;
        let Some((text, old_key)) = keys.open(&settings.cookie, value) else {
            return self.refused(SessionRefusal::Unreadable);
        };
        let Some(mut text) = Text::parse(&text) else {
            return self.refused(SessionRefusal::Unreadable);
        };
        let now = settings.now();
        let session = match self.judge(&text, now) {
            Ok(session) => session,
            Err(reason) => return self.refused(reason),
        };
        // What is asked later must not be sealed before, so it is sealed for both.
        let verdict = if old_key || settings.lifetime.is_due(text.times, now) {
            text.times = text.times.seen(now);
            let sealed = keys.seal(&settings.cookie, text.write());
            let cookie = sealed.and_then(|sealed| settings.cookie(sealed, text.times).ok());
            verified(session.clone().seen(now), cookie.map(HeaderValue::from))
        } else {
            Verdict::Verified(session.clone())
        };
        match &self.check {
            Check::None => verdict,
            Check::Now(check) if check(&session) => verdict,
            Check::Now(_) => self.refused(SessionRefusal::Check),
            Check::Later(check) => {
                let (answer, settings) = (check(session), Arc::clone(&self.settings));
                Verdict::wait(async move {
                    match answer.await {
                        Ok(true) => verdict,
                        Ok(false) => Verdict::Refused(settings.refusal(SessionRefusal::Check)),
                        Err(cause) => Verdict::unchecked("Cookie", cause),
                    }
                })
            }
        }
    }

    /// A session in the store.
    async fn look_up(&self, shelf: &dyn Shelf, secret: Secret) -> Verdict<Session<D>> {
        let id = secret.id();
        let record = match shelf.load(&id).await {
            Ok(Some(record)) => record,
            Ok(None) => return self.refused(SessionRefusal::Unknown),
            Err(cause) => return Verdict::unchecked("Cookie", cause),
        };
        let text = str::from_utf8(&record.data).ok().and_then(Text::parse);
        let Some(mut text) = text.filter(|text| text.id == id) else {
            return self.refused(SessionRefusal::Unreadable);
        };
        let settings = &*self.settings;
        let now = settings.now();
        text.times = settings.lifetime.noted(text.times, record.expires, now);
        let session = match self.judge(&text, now) {
            Ok(session) => session.owned(record.owner),
            Err(reason) => return self.refused(reason),
        };
        let passes = match &self.check {
            Check::None => Ok(true),
            Check::Now(check) => Ok(check(&session)),
            Check::Later(check) => check(session.clone()).await,
        };
        match passes {
            Ok(true) => {}
            Ok(false) => return self.refused(SessionRefusal::Check),
            Err(cause) => return Verdict::unchecked("Cookie", cause),
        }
        if !settings.lifetime.is_due(text.times, now) {
            return Verdict::Verified(session);
        }
        let times = text.times.seen(now);
        match shelf.touch(&id, settings.lifetime.ends(times)).await {
            Ok(true) => {
                let cookie = settings.cookie(secret.write(), times).ok();
                verified(session.seen(now), cookie.map(HeaderValue::from))
            }
            // It was ended while this request was under way.
            Ok(false) => self.refused(SessionRefusal::Unknown),
            Err(cause) => Verdict::unchecked("Cookie", cause),
        }
    }
}

fn verified<D>(session: Session<D>, cookie: Option<HeaderValue>) -> Verdict<Session<D>> {
    let Some(cookie) = cookie else {
        return Verdict::Verified(session);
    };
    let mut fields = HeaderMap::with_capacity(1);
    fields.insert(SET_COOKIE, cookie);
    Verdict::VerifiedWith(session, Box::new(fields))
}
