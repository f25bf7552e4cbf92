//! The policy and the layer: which origins are trusted, and which routes are not checked.

use std::{borrow::Cow, fmt, sync::Arc};

use http::Request;

#[cfg(feature = "csrf-token")]
use super::token::{CsrfTokens, TokenGuard};
use super::{check::AllowedOrigins, refusal::CsrfRefusal};
use crate::{
    contract::{
        Description, Later, Middleware, Place, Step, With, description::CsrfProtection, stage, with,
    },
    request::{RequestHead, Routes},
    wire::{
        ConfigError,
        field::{origin::Origin, origin_list::OriginList, origin_pattern::OriginPattern},
    },
};

const NAME: &str = "with_csrf";

/// Rejects requests that a page of another site makes a browser send; see the [module](super).
///
/// # Example
///
/// ```
/// use wythe::{Csrf, with_csrf};
///
/// let layer = with_csrf(Csrf::same_origin());
/// ```
pub const fn with_csrf(csrf: Csrf) -> With<Csrf> {
    with(csrf)
}

/// The origins that may send requests with a user's cookies: the policy of [`with_csrf`].
///
/// It starts with [`Csrf::same_origin`]. The [module](super) lists the rules.
#[derive(Clone)]
#[must_use]
pub struct Csrf(Arc<CsrfPolicy>);

#[derive(Clone, Default)]
struct CsrfPolicy {
    origins: AllowedOrigins,
    exempt: Routes,
    #[cfg(feature = "csrf-token")]
    guard: Option<TokenGuard>,
}

impl Csrf {
    /// Trusts only pages of the origin that a request is sent to.
    pub fn same_origin() -> Self {
        Self(Arc::default())
    }

    /// Also trusts pages of these origins: exact scheme, host and port. A `*` may stand for a part of
    /// a label, as in `https://app-*.example.com`, for example for the preview deployments of one app.
    /// Other patterns are rejected, because a forgotten subdomain could act as the user.
    ///
    /// The exact origins of a CORS policy are its
    /// [`named_origins`](crate::cors::CorsBuilder::named_origins). Its patterns and closures are not
    /// included: they define who may read, but this list defines who may act as the user.
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
    /// The list is empty; or an element is not an origin (it has a path, or the default port), is
    /// `null`, is plain `http` and not on this machine, or is a pattern with a `*` for more than a
    /// part of a label, or with a [public suffix](crate::cors#security) after that label.
    pub fn trust_origins<I>(self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        const INSECURE: &str = "anyone on the network can impersonate a plain `http` origin: use `https`, \
                                or `dangerously_trust_insecure_origins`";

        let mut trusted = self.0.origins.trusted.clone();
        let mut patterns = Vec::new();
        let mut exact = Vec::new();
        for text in origins {
            let text = text.as_ref();
            if !text.contains('*') {
                exact.push(text.to_owned());
                continue;
            }
            let pattern = parse_pattern(text);
            let pattern = pattern.map_err(|fault| error(format!("`{text}`: {fault}")))?;
            if pattern.is_insecure() {
                return Err(error(format!("`{text}`: {INSECURE}")));
            }
            patterns.push(pattern);
        }
        if patterns.is_empty() || !exact.is_empty() {
            trusted.exact = extend(trusted.exact, exact, |origin| {
                (!origin.is_insecure()).then_some(()).ok_or(INSECURE)
            })?;
        }
        trusted.patterns.append(&mut patterns);
        Ok(self.change(|policy| policy.origins.trusted = trusted))
    }

    /// Also trusts pages of these origins, including plain `http` that is not on this machine.
    ///
    /// # Security
    ///
    /// An attacker who can modify plain `http` traffic, for example on a public wireless network, can
    /// act as these origins, with the users' cookies.
    ///
    /// # Errors
    ///
    /// As for [`trust_origins`](Self::trust_origins), except for plain `http`.
    pub fn dangerously_trust_insecure_origins<I>(self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let exact = extend(self.0.origins.trusted.exact.clone(), origins, |_| Ok(()))?;
        Ok(self.change(|policy| policy.origins.trusted.exact = exact))
    }

    /// The origins of this server. An `Origin` is then compared with these, including the scheme,
    /// instead of with the `Host` of the request.
    ///
    /// Use it behind a proxy that changes `Host`, and to check the scheme. It does not allow these
    /// origins to send requests to each other: browsers that send `Sec-Fetch-Site` still distinguish
    /// them.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not an `https` or `http` origin.
    pub fn own_origins<I>(self, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let own = self.0.origins.own.clone().unwrap_or_default();
        let own = extend(own, origins, |origin| {
            let scheme = origin.scheme();
            let schemes = ["https", "http"];
            let known = schemes
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known));
            known
                .then_some(())
                .ok_or("the origin of a server is `https` or `http`")
        })?;
        Ok(self.change(|policy| policy.origins.own = Some(own)))
    }

    /// Does not check these routes: for example a webhook whose sender signs its requests.
    ///
    /// Write a route as in the router, with the prefixes of nested routers and with its parameters,
    /// whose names do not matter: `/api/hooks/{name}`. Without axum, or around a whole router, it is
    /// an exact path, compared byte for byte with the full path of the request.
    ///
    /// # Security
    ///
    /// Any page can send requests to these routes with the user's cookies. Their handlers must not
    /// rely on cookies.
    ///
    /// # Errors
    ///
    /// A route is not written as in the router: it does not start with `/`, has a query, or has a
    /// parameter in another syntax, such as `/hooks/*` or `/hooks/:name`.
    pub fn exempt<I>(self, routes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut exempt = self.0.exempt.clone();
        for route in routes {
            exempt.add(route.as_ref()).map_err(error)?;
        }
        Ok(self.change(|policy| policy.exempt = exempt))
    }

    /// Requires a token if a request has no origin but has a session: for browsers that send neither
    /// `Sec-Fetch-Site` nor `Origin`.
    ///
    /// The closure returns a value that is unique to the session: the id of the session, not the name
    /// of the user. It must return a value whenever a browser adds credentials automatically, and may
    /// return `None` if there are none, so that an API client with a bearer token passes. If it asks
    /// for a [route](RequestHead::route) that is unknown, `None` is rejected.
    ///
    /// # Example
    ///
    /// `Cookies` (feature `cookies`) finds the cookie in every `Cookie` field line, among others in any
    /// encoding.
    ///
    /// ```
    /// # #[cfg(feature = "cookies")] {
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use wythe::{Cookies, Csrf, CsrfTokens, with_csrf};
    ///
    /// # let key = b"thirty-two bytes of a secret, or more";
    /// let tokens = CsrfTokens::new(key)?; // a clone for the handlers, to issue tokens with
    /// let layer = with_csrf(Csrf::same_origin().fallback_token(tokens.clone(), |head| {
    ///     match Cookies::of(head.headers()).find("__Host-session") {
    ///         Ok(session) => session.map(|id| id.to_owned().into()),
    ///         // Several cookies, or not text: no session has this id, so no token is valid.
    ///         Err(_) => Some("?".into()),
    ///     }
    /// }));
    /// # use http::{HeaderValue, Request, Response};
    /// # use http_body_util::Full;
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let service = layer.layer(service_fn(async |_: Request<Full<bytes::Bytes>>| {
    /// #     Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    /// # }));
    /// # for (lines, status) in [
    /// #     (vec!["a=b".as_bytes()], 200),
    /// #     (vec![b"a=b; __Host-session=17"], 403),
    /// #     (vec![b"a=b", b"__Host-session=17"], 403),
    /// #     (vec![b"a=\xe9; __Host-session=17"], 403),
    /// #     (vec![b"__Host-session=\xe9"], 403),
    /// #     (vec![b"__Host-session=17;__Host-session=18"], 403),
    /// # ] {
    /// #     let mut request = Request::post("/");
    /// #     for line in lines {
    /// #         request = request.header("cookie", HeaderValue::from_bytes(line)?);
    /// #     }
    /// #     let response = service.clone().oneshot(request.body(Full::default())?).await?;
    /// #     assert_eq!(response.status(), status);
    /// # }
    /// # Ok(()) }
    /// # main().unwrap(); }
    /// ```
    #[cfg(feature = "csrf-token")]
    pub fn fallback_token<F>(self, tokens: CsrfTokens, session: F) -> Self
    where
        F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        let guard = TokenGuard::new(tokens, session, false);
        self.change(|policy| policy.guard = Some(guard))
    }

    /// Requires a token for every checked request, in addition to an allowed origin. A request without
    /// a session is rejected, because it can't have a token. For a WebSocket handshake, on which a
    /// script can't set a field, only the origin is checked: that is a GET, or an extended CONNECT in
    /// HTTP/2 and later. With any other method, a token is required even if the request has an
    /// `Upgrade` field.
    ///
    /// A login page needs a session before the user has signed in: give each visitor a session, and
    /// change its id at login.
    #[cfg(feature = "csrf-token")]
    pub fn required_token<F>(self, tokens: CsrfTokens, session: F) -> Self
    where
        F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        let guard = TokenGuard::new(tokens, session, true);
        self.change(|policy| policy.guard = Some(guard))
    }

    fn change(mut self, change: impl FnOnce(&mut CsrfPolicy)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Place for Csrf {
    type Stage = stage::Origin;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let policy = &*self.0;
        let protection = policy
            .exempt
            .iter()
            .fold(CsrfProtection::new(), CsrfProtection::exempt);
        let own = policy.origins.own.iter().flat_map(OriginList::iter);
        let trusted = policy.origins.trusted.exact.iter().chain(own);
        let protection = trusted.fold(protection, CsrfProtection::trust);
        let patterns = policy.origins.trusted.patterns.iter();
        let protection = patterns.fold(protection, |protection, pattern| {
            protection.trust(pattern.to_string())
        });
        let forged = CsrfRefusal::of_origins().when("when a page of another site sent the request");
        let layer = Description::new(self.name()).answer(forged);
        #[cfg(feature = "csrf-token")]
        if let Some(guard) = &policy.guard {
            return guard.describe(layer, protection);
        }
        layer.protects_from_csrf(protection)
    }
}

impl<B> Middleware<B> for Csrf {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let policy = &*self.0;
        let head = RequestHead::from(&request);
        let passed = policy.origins.check(&head);
        #[cfg(feature = "csrf-token")]
        let passed = match &policy.guard {
            Some(guard) => guard.check(&head, passed),
            None => passed,
        };
        match passed {
            Err(reason) if !policy.is_exempt(&head) => Step::reply(reason.problem()),
            _ => Step::next(request, ()),
        }
    }
}

impl CsrfPolicy {
    /// Compares the route that the router has matched. Without a router, it compares the exact path of
    /// the request: other spellings and redirects further in are not exempt.
    fn is_exempt(&self, head: &RequestHead<'_>) -> bool {
        !self.exempt.is_empty()
            && match head.known_route() {
                Some(route) => self.exempt.contains(route),
                None => self.exempt.contains_path(head.path()),
            }
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
            .map_err(|source| error(format!("`{text}` is not an origin")).because(source))?;
        named = true;
    }
    if named {
        return Ok(list);
    }
    Err(error(
        "the list of origins is empty (the patterns and closures of a CORS policy are not included)",
    ))
}

/// A pattern whose matches belong to one owner.
fn parse_pattern(text: &str) -> Result<OriginPattern, &'static str> {
    const TOO_BROAD: &str = "list each origin: any origin that matches a pattern could act as the user; a \
                            `*` may only stand for a part of a label, as in `https://app-*.example.com`";

    let pattern = OriginPattern::parse(text).map_err(|fault| match text {
        "*" => TOO_BROAD,
        _ => fault,
    })?;
    pattern
        .is_inside_a_label()
        .then_some(pattern)
        .ok_or(TOO_BROAD)
}

fn parse(text: &str) -> Result<Origin<'_>, Cow<'static, str>> {
    if text.contains('*') {
        return Err("write the exact origin, without a `*`".into());
    }
    if text == "null" {
        return Err("it is the origin of sandboxed frames on every site".into());
    }
    Origin::parse_exact(text)
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &*self.0;
        let mut debug = f.debug_struct("Csrf");
        debug
            .field("trusted", &policy.origins.trusted)
            .field("own", &policy.origins.own)
            .field("exempt", &policy.exempt);
        #[cfg(feature = "csrf-token")]
        debug.field("guard", &policy.guard);
        debug.finish_non_exhaustive()
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Csrf", message)
}
