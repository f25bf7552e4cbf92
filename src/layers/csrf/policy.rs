//! Builds a policy: whom it trusts, and what it leaves unchecked.

use std::{borrow::Cow, fmt, sync::Arc};

use super::{error, exempt::Exempt};
#[cfg(feature = "csrf-token")]
use super::{token::CsrfTokens, token::Guard};
use crate::wire::{
    ConfigError,
    field::{origin::Origin, origin_list::OriginList},
};

/// Which requests are taken for a user's own.
///
/// It begins with [`Csrf::same_origin`]; the page of [`csrf`](super) says what passes.
#[derive(Clone)]
#[must_use]
pub struct Csrf(pub(super) Arc<Policy>);

#[derive(Clone, Default)]
pub(super) struct Policy {
    pub(super) trusted: OriginList,
    /// What the server is reached by, instead of what `Host` says.
    pub(super) own: Option<OriginList>,
    pub(super) exempt: Exempt,
    #[cfg(feature = "csrf-token")]
    pub(super) guard: Option<Guard>,
}

impl Csrf {
    /// Trusts the pages of the origin that a request is sent to, and no others.
    pub fn same_origin() -> Self {
        Self(Arc::default())
    }

    /// Trusts the pages of these origins as well: exact scheme, host and port, no patterns.
    ///
    /// What a CORS policy names one by one comes from its
    /// [`named_origins`](crate::cors::CorsBuilder::named_origins). Its patterns and closures are
    /// never taken over: they say who may read, and this is about who may act as the user.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Csrf, with_csrf};
    ///
    /// let layer = with_csrf(Csrf::same_origin().trust_origins(["https://app.example.com"])?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The list is empty, or one of it is no origin (it has a path, a `*`, or the default port), is
    /// `null`, or is plain `http` and not on this machine.
    pub fn trust_origins<I>(self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let trusted = self.0.trusted.clone();
        let trusted = extend(trusted, origins, |origin| {
            if origin.is_insecure() {
                return Err(
                    "anyone on the network can be a plain `http` origin: use `https`, or \
                     `dangerously_trust_insecure_origins`",
                );
            }
            Ok(())
        })?;
        Ok(self.change(|policy| policy.trusted = trusted))
    }

    /// Trusts the pages of these origins, plain `http` ones that are not on this machine too.
    ///
    /// # Security
    ///
    /// Whoever can change what users receive over plain `http`, on a public wireless network for
    /// example, can act as these origins, with the users' cookies.
    ///
    /// # Errors
    ///
    /// As for [`trust_origins`](Self::trust_origins), but for plain `http`.
    pub fn dangerously_trust_insecure_origins<I>(self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let trusted = extend(self.0.trusted.clone(), origins, |_| Ok(()))?;
        Ok(self.change(|policy| policy.trusted = trusted))
    }

    /// The origins that this server is reached by. An `Origin` is then held against these, scheme
    /// included, and not against the `Host` of the request.
    ///
    /// It is for a server behind a proxy that changes `Host`, and for one that wants to be sure of
    /// the scheme. It does not trust these origins with each other's requests: a browser that
    /// sends `Sec-Fetch-Site` still tells them apart.
    ///
    /// # Errors
    ///
    /// The list is empty, or one of it is not an origin of `https` or `http`.
    pub fn own_origins<I>(self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let own = self.0.own.clone().unwrap_or_default();
        let own = extend(own, origins, |origin| {
            let scheme = origin.scheme();
            let schemes = ["https", "http"];
            let known = schemes.iter().any(|one| scheme.eq_ignore_ascii_case(one));
            known
                .then_some(())
                .ok_or("a server is reached by `https` or `http`")
        })?;
        Ok(self.change(|policy| policy.own = Some(own)))
    }

    /// Leaves these routes unchecked: a webhook, whose sender signs what it sends.
    ///
    /// A route is named as the router has it, with its parameters: `/hooks/{name}`. Without axum,
    /// or around a whole router, it is one exact path, compared byte for byte with what was sent.
    ///
    /// # Security
    ///
    /// Any page can send a request to these routes with the user's cookies. What handles them must
    /// not go by cookies.
    ///
    /// # Errors
    ///
    /// A route does not start with `/`, has a query, or is a pattern of another kind, such as
    /// `/hooks/*`.
    pub fn exempt<I>(self, routes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut exempt = self.0.exempt.clone();
        for route in routes {
            exempt.add(route.as_ref())?;
        }
        Ok(self.change(|policy| policy.exempt = exempt))
    }

    /// Asks for a token where a request says nothing of where it comes from, and belongs to a
    /// session: for browsers that send neither `Sec-Fetch-Site` nor `Origin`.
    ///
    /// The closure finds what is the same for the whole session, and for no other: the id of the
    /// session, not the name of the user. It must find one whenever a browser sends credentials of
    /// its own accord, and may return `None` where none are sent: an API client with a bearer
    /// token passes.
    ///
    /// # Example
    ///
    /// ```
    /// use http::header::COOKIE;
    /// use wythe::{Csrf, CsrfTokens, with_csrf};
    ///
    /// # let key = b"thirty-two bytes of a secret, or more";
    /// let tokens = CsrfTokens::new(key)?; // a clone for the handlers, to issue tokens with
    /// let layer = with_csrf(Csrf::same_origin().fallback_token(tokens.clone(), |head| {
    ///     let cookies = head.headers.get(COOKIE)?.to_str().ok()?;
    ///     let session = cookies.split("; ").find_map(|one| one.strip_prefix("__Host-session="));
    ///     session.map(Into::into)
    /// }));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    #[cfg(feature = "csrf-token")]
    pub fn fallback_token<F>(self, tokens: CsrfTokens, session: F) -> Self
    where
        F: for<'a> Fn(&'a http::request::Parts) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        let guard = Guard::new(tokens, session, false);
        self.change(|policy| policy.guard = Some(guard))
    }

    /// Asks for a token with every request that is checked, beside the right origin; without a
    /// session there is none, so a request without one is refused. The handshake of a
    /// WebSocket, on which a script can't set a field, goes by its origin alone.
    ///
    /// A page that signs users in needs a session before they are: give each visitor one, and
    /// change its id at login.
    #[cfg(feature = "csrf-token")]
    pub fn required_token<F>(self, tokens: CsrfTokens, session: F) -> Self
    where
        F: for<'a> Fn(&'a http::request::Parts) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        let guard = Guard::new(tokens, session, true);
        self.change(|policy| policy.guard = Some(guard))
    }

    fn change(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

fn extend<I>(
    mut list: OriginList,
    origins: I,
    check: impl Fn(&Origin<'_>) -> Result<(), &'static str>,
) -> Result<OriginList, ConfigError>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    let mut named = false;
    for text in origins {
        let text = text.as_ref();
        let origin = parse(text).map_err(|fault| error(format!("`{text}`: {fault}")))?;
        check(&origin).map_err(|fault| error(format!("`{text}`: {fault}")))?;
        list.add(text)
            .map_err(|source| error(format!("`{text}` is no origin")).because(source))?;
        named = true;
    }
    if named {
        return Ok(list);
    }
    Err(error(
        "the list names no origin; the patterns and closures of a CORS policy are not taken over",
    ))
}

fn parse(text: &str) -> Result<Origin<'_>, Cow<'static, str>> {
    if text.contains('*') {
        return Err("name each origin: whoever matches a pattern could act as the user".into());
    }
    if text == "null" {
        return Err("it is the origin of every sandboxed frame, on any site".into());
    }
    Origin::parse_exact(text)
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &*self.0;
        let mut debug = f.debug_struct("Csrf");
        debug
            .field("trusted", &policy.trusted)
            .field("own", &policy.own)
            .field("exempt", &policy.exempt);
        #[cfg(feature = "csrf-token")]
        debug.field("guard", &policy.guard);
        debug.finish_non_exhaustive()
    }
}
