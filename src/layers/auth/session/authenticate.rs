//! Finds the session of a request, checks it, and renews it.

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, COOKIE, SET_COOKIE},
    request::Parts,
};
use serde::de::DeserializeOwned;

use super::{
    Session, SessionRefusal, Sessions,
    backend::{LoadError, Loaded, LoadedSessions},
};
use crate::{
    contract::{
        Description, Later,
        description::{Answer, Carrier, SchemeKind, SecurityScheme},
    },
    layers::auth::{Authenticate, Details, Verdict},
    wire::{BoxError, field::cookie::values_in},
};

/// The maximum length of a cookie that browsers store, in bytes.
const MAX_COOKIE: usize = 4096;

/// How many session cookies of a request are tried. After a change of the cookie's domain or path,
/// browsers send two.
const MAX_TRIED: usize = 4;

impl<D, S> Authenticate for Sessions<D, S>
where
    D: DeserializeOwned + Send + Sync + 'static,
    S: Clone + Send + Sync + 'static,
{
    type Principal = Session<D>;

    fn challenge(&self) -> HeaderValue {
        self.options.challenge.clone()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Session<D>>> {
        let values = match self.cookie_values(&head.headers) {
            Ok(Some(values)) => values,
            Ok(None) => return Later::Ready(Verdict::Missing),
            Err(reason) => return self.refused(reason),
        };
        if !values.others.is_empty() {
            return self.authenticate_one_of(&values);
        }
        let loaded = self.backend.load(&self.options.cookie, values.first);
        self.then(loaded, |this, loaded| match loaded {
            Ok(loaded) => {
                let now = this.options.now();
                let accepted = this.accept(loaded, now);
                this.then(accepted, move |this, accepted| match accepted {
                    Ok((loaded, session)) => this.note_use(loaded, session, now, false),
                    Err(error) => this.not_loaded(error),
                })
            }
            Err(error) => this.not_loaded(error),
        })
    }

    fn describe(&self, layer: Description) -> Description {
        let options = &self.options;
        let cookie = options.cookie.name().to_owned();
        let scheme = SecurityScheme::new(SchemeKind::Session, "Cookie");
        let repeated = options.refusal(SessionRefusal::Repeated);
        let mut layer = layer
            .scheme(scheme.carrier(Carrier::Cookie(cookie.into())))
            .reasons(StatusCode::UNAUTHORIZED, SessionRefusal::ENDED)
            .answer(Answer::of(repeated.problem()).when("with the cookies of several sessions"));
        if self.renews_cookie() {
            layer = layer.field(SET_COOKIE).field(CACHE_CONTROL);
        }
        let check_can_fail = self.check.as_ref().is_some_and(|check| check.is_async);
        if !self.backend.is_stored() && !check_can_fail {
            return layer;
        }
        let unavailable = Answer::unavailable().when("when the session cannot be looked up");
        layer.answer(unavailable)
    }
}

/// The distinct values of a request's session cookies.
pub(super) struct CookieValues<'a> {
    pub(super) first: &'a [u8],
    pub(super) others: Vec<&'a [u8]>,
}

impl<D, S> Sessions<D, S> {
    /// The session cookies, if any of them can be a session of this server.
    pub(super) fn cookie_values<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<CookieValues<'a>>, SessionRefusal> {
        // An empty cookie counts as removed: many applications sign users out like this.
        let values = values_in(headers.get_all(COOKIE), self.options.cookie.name());
        let mut values = values.filter(|value| !value.is_empty());
        let Some(mut first) = values.next() else {
            return Ok(None);
        };
        let mut others = Vec::new();
        for value in values {
            if value == first || others.contains(&value) {
                continue;
            }
            if others.len().saturating_add(1) == MAX_TRIED {
                return Err(SessionRefusal::Repeated);
            }
            others.push(value);
        }
        let can_be_session = |value: &&[u8]| value.len() <= MAX_COOKIE;
        others.retain(can_be_session);
        if !can_be_session(&first) {
            first = others.pop().ok_or(SessionRefusal::TooLong)?;
        }
        Ok(Some(CookieValues { first, others }))
    }
}

impl<D, S> Sessions<D, S>
where
    D: DeserializeOwned + Send + Sync + 'static,
    S: Clone + Send + Sync + 'static,
{
    /// Finds the only valid session among several cookies.
    fn authenticate_one_of(&self, values: &CookieValues<'_>) -> Later<Verdict<Session<D>>> {
        let values = [&[values.first][..], &values.others].concat();
        let loaded = self.backend.load_all(&self.options.cookie, &values);
        let this = self.clone();
        Later::pending(async move {
            let loaded = match loaded.wait().await {
                Ok(loaded) => loaded,
                Err(cause) => return Verdict::failed("Cookie", cause),
            };
            let now = this.options.now();
            let valid = match this.only_valid(loaded, now).await {
                Ok(valid) => valid,
                Err(error) => return this.not_loaded(error).wait().await,
            };
            // If retired cookies are removed, set the current one as well: the session may have come
            // from one of them.
            let removes = !this.options.removals.is_empty();
            this.note_use(valid.0, valid.1, now, removes).wait().await
        })
    }

    async fn only_valid(
        &self,
        loaded: LoadedSessions,
        now: u64,
    ) -> Result<(Loaded, Session<D>), LoadError> {
        let mut valid: Option<(Loaded, Session<D>)> = None;
        let mut dead = None;
        for loaded in loaded {
            let accepted = match loaded {
                Ok(loaded) => self.accept(loaded, now).wait().await,
                Err(reason) => Err(LoadError::Refused(reason)),
            };
            match (accepted, &valid) {
                (Ok(found), None) => valid = Some(found),
                (Ok(found), Some((_, known))) if found.1.id() == known.id() => {
                    // Two copies of one encrypted session: the one used later has the newer data.
                    if found.1.times().seen > known.times().seen {
                        valid = Some(found);
                    }
                }
                (Ok(_), Some(_)) => return Err(LoadError::Refused(SessionRefusal::Repeated)),
                (Err(LoadError::Refused(reason)), _) => dead = dead.or(Some(reason)),
                (Err(failed), _) => return Err(failed),
            }
        }
        let dead = dead.unwrap_or(SessionRefusal::Unknown);
        valid.ok_or(LoadError::Refused(dead))
    }

    /// Checks that the session has not ended, and that the application accepts it.
    fn accept(&self, loaded: Loaded, now: u64) -> Later<Result<(Loaded, Session<D>), LoadError>> {
        let session = match self.parse(&loaded, now) {
            Ok(session) => session,
            Err(reason) => return Later::Ready(Err(LoadError::Refused(reason))),
        };
        let Some(check) = &self.check else {
            return Later::Ready(Ok((loaded, session)));
        };
        (check.ask)(&session).map(move |accepted| match accepted {
            Ok(true) => Ok((loaded, session)),
            Ok(false) => Err(LoadError::Refused(SessionRefusal::Check)),
            Err(cause) => Err(LoadError::Failed(cause)),
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

    /// Notes that the session was used if a quarter of its idle time has passed, it was encrypted with
    /// an old key, or its cookie has to be set. A session whose use cannot be noted is valid all the
    /// same.
    fn note_use(
        &self,
        loaded: Loaded,
        session: Session<D>,
        now: u64,
        sets_cookie: bool,
    ) -> Later<Verdict<Session<D>>> {
        let options = &self.options;
        let is_due = loaded.has_old_key() || options.lifetime.is_due(session.times(), now);
        if !sets_cookie && !is_due {
            return Later::Ready(Verdict::Verified(session));
        }
        let times = session.times().seen(now);
        let renewed = loaded.renew(&options.cookie, times, options.lifetime);
        self.then(renewed, move |this, renewed| {
            let value = match renewed {
                Ok(value) => value,
                Err(LoadError::Refused(reason)) => return this.refused(reason),
                Err(LoadError::Failed(cause)) => {
                    warn(&cause);
                    return Later::Ready(Verdict::Verified(session));
                }
            };
            let session = session.seen(now);
            let value = value.filter(|_| this.renews_cookie());
            let max_age = this.backend.max_age(this.options.lifetime, times);
            let cookie = value.and_then(|value| this.options.cookie(value, max_age).ok());
            Later::Ready(match cookie {
                None => Verdict::Verified(session),
                Some(cookie) => {
                    let mut fields = HeaderMap::with_capacity(1);
                    cookie.append_to(&mut fields);
                    Verdict::VerifiedWith(session, Details::new().fields(fields))
                }
            })
        })
    }

    /// Whether the cookie is set again when a use is noted. That of a stored session stays the same,
    /// unless it may still be in a retired place.
    fn renews_cookie(&self) -> bool {
        !self.backend.is_stored() || !self.options.removals.is_empty()
    }

    /// [`Later::then`], but clones `self` only if it has to wait.
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

#[cfg(feature = "tracing")]
fn warn(cause: &BoxError) {
    let message = "the use of a session could not be noted";
    tracing::warn!(target: "wythe", scheme = "Cookie", %cause, "{message}");
}

#[cfg(not(feature = "tracing"))]
const fn warn(_: &BoxError) {}
