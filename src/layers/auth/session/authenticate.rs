//! Finds the session of a request, checks it, and renews it.

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, SET_COOKIE},
    request::Parts,
};
use serde::de::DeserializeOwned;

use super::{
    Session, SessionRefusal, Sessions,
    backend::{LoadError, Loaded},
};
use crate::{
    contract::{
        Description, Later,
        description::{Answer, Carrier, SchemeKind, SecurityScheme},
    },
    layers::auth::{Authenticate, Details, Verdict},
    wire::{
        BoxError,
        field::cookie::{self, Cookie},
    },
};

/// The maximum length of a cookie that browsers keep, in bytes.
const MAX_COOKIE: usize = 4096;

impl<D> Authenticate for Sessions<D>
where
    D: DeserializeOwned + Send + Sync + 'static,
{
    type Principal = Session<D>;

    fn challenge(&self) -> HeaderValue {
        self.options.challenge.clone()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Session<D>>> {
        let value = match self.cookie_value(&head.headers) {
            Ok(Some(value)) => value,
            Ok(None) => return Later::Ready(Verdict::Missing),
            Err(reason) => return self.refused(reason),
        };
        let loaded = self.backend.load(&self.options.cookie, value);
        self.then(loaded, |this, loaded| match loaded {
            Ok(loaded) => this.check_session(loaded),
            Err(error) => this.not_loaded(error),
        })
    }

    fn describe(&self, layer: Description) -> Description {
        let options = &self.options;
        let cookie = options.cookie.name().to_owned();
        let scheme = SecurityScheme::new(SchemeKind::Session, "Cookie");
        let repeated = options.refusal(SessionRefusal::Repeated);
        let layer = layer
            .scheme(scheme.carrier(Carrier::Cookie(cookie.into())))
            .reasons(StatusCode::UNAUTHORIZED, SessionRefusal::ENDED)
            .answer(Answer::of(repeated.problem()).when("with several session cookies"))
            .field(SET_COOKIE)
            .field(CACHE_CONTROL);
        let check_can_fail = self.check.as_ref().is_some_and(|check| check.is_async);
        if !self.backend.can_fail() && !check_can_fail {
            return layer;
        }
        let unavailable = Answer::unavailable().when("when the session cannot be looked up");
        layer.answer(unavailable)
    }
}

impl<D> Sessions<D> {
    /// The value of the only session cookie.
    pub(super) fn cookie_value<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a [u8]>, SessionRefusal> {
        match cookie::find(headers, self.options.cookie.name()) {
            // An empty cookie counts as removed: many applications log out like this.
            Cookie::Absent | Cookie::Value(b"") => Ok(None),
            Cookie::Value(value) if value.len() > MAX_COOKIE => Err(SessionRefusal::TooLong),
            Cookie::Value(value) => Ok(Some(value)),
            Cookie::Repeated => Err(SessionRefusal::Repeated),
        }
    }
}

impl<D: DeserializeOwned + Send + Sync + 'static> Sessions<D> {
    /// Checks that the session has not ended, and that the application accepts it.
    fn check_session(&self, loaded: Loaded) -> Later<Verdict<Session<D>>> {
        let now = self.options.now();
        let session = match self.parse(&loaded, now) {
            Ok(session) => session,
            Err(reason) => return self.refused(reason),
        };
        let Some(check) = &self.check else {
            return self.note_use(loaded, session, now);
        };
        let accepted = (check.ask)(&session);
        self.then(accepted, move |this, accepted| match accepted {
            Ok(true) => this.note_use(loaded, session, now),
            Ok(false) => this.refused(SessionRefusal::Check),
            Err(cause) => failed(cause),
        })
    }

    fn parse(&self, loaded: &Loaded, now: u64) -> Result<Session<D>, SessionRefusal> {
        let lifetime = self.options.lifetime;
        let text = loaded.parse(lifetime, now);
        let text = text.ok_or(SessionRefusal::Unreadable)?;
        lifetime.check(text.times, now)?;
        let data = serde_json::from_str(text.data).or(Err(SessionRefusal::Data))?;
        Ok(Session::new(text.id, text.times, loaded.owner(), data))
    }

    /// Notes that the session was used, if a quarter of its idle time has passed.
    fn note_use(
        &self,
        loaded: Loaded,
        session: Session<D>,
        now: u64,
    ) -> Later<Verdict<Session<D>>> {
        let options = &self.options;
        if !loaded.has_old_key() && !options.lifetime.is_due(session.times(), now) {
            return Later::Ready(Verdict::Verified(session));
        }
        let times = session.times().seen(now);
        let renewed = loaded.renew(&options.cookie, times, options.lifetime);
        self.then(renewed, move |this, renewed| {
            let value = match renewed {
                Ok(value) => value,
                Err(error) => return this.not_loaded(error),
            };
            let session = session.seen(now);
            let cookie = value.and_then(|value| this.options.cookie(value, times).ok());
            Later::Ready(match cookie {
                None => Verdict::Verified(session),
                Some(cookie) => {
                    let mut fields = HeaderMap::with_capacity(1);
                    fields.insert(SET_COOKIE, cookie.into());
                    Verdict::VerifiedWith(session, Details::new().fields(fields))
                }
            })
        })
    }

    /// [`Later::then`], which clones `self` only if it has to wait.
    fn then<T: Send + 'static>(
        &self,
        value: Later<T>,
        next: impl FnOnce(&Self, T) -> Later<Verdict<Session<D>>> + Send + 'static,
    ) -> Later<Verdict<Session<D>>> {
        match value {
            Later::Ready(value) => next(self, value),
            Later::Pending(value) => {
                let this = self.clone();
                Later::pending(async move {
                    let value = value.await;
                    next(&this, value).wait().await
                })
            }
        }
    }

    fn not_loaded(&self, error: LoadError) -> Later<Verdict<Session<D>>> {
        match error {
            LoadError::Refused(reason) => self.refused(reason),
            LoadError::Failed(cause) => failed(cause),
        }
    }

    fn refused(&self, reason: SessionRefusal) -> Later<Verdict<Session<D>>> {
        Later::Ready(Verdict::Refused(self.options.refusal(reason)))
    }
}

fn failed<D>(cause: BoxError) -> Later<Verdict<Session<D>>> {
    Later::Ready(Verdict::failed("Cookie", cause))
}
