//! The policy, [`Deprecation`], and the layer.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header,
};

use crate::{
    contract::{
        Description, Later, Middleware, Place, ReplyBody, Step, With,
        description::{Answer, DeprecationNotice},
        stage, with,
    },
    request::{Auth, RequestHead},
    support::clock::Clock,
    wire::{ConfigError, Problem, field::http_date::HttpDate},
};

const NAME: &str = "with_deprecation";

/// RFC 9745.
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// RFC 8594.
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// Announces that everything inside is deprecated; see the [module](super).
pub const fn with_deprecation(deprecation: Deprecation) -> With<Deprecation> {
    with(deprecation)
}

/// Since when something is deprecated, when it ends, and what to use instead: the policy of
/// [`with_deprecation`].
///
/// # Example
///
/// ```
/// use wythe::Deprecation;
///
/// let old = Deprecation::since("2026-07-01")?.sunset("2027-07-01")?.successor("/api/v2/users")?;
/// // A sunset must not be earlier than the deprecation (RFC 9745, section 4).
/// assert!(Deprecation::since("2026-07-01")?.sunset("2026-06-30").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Deprecation(Arc<Options>);

#[derive(Clone)]
struct Options {
    since: HttpDate,
    sunset: Option<HttpDate>,
    successor: Option<String>,
    links: Vec<HeaderValue>,
    gone: Option<Problem>,
    clock: Clock,
    on_use: Option<OnUse>,
    principal: Option<Principal>,
}

type OnUse = Arc<dyn Fn(&RequestHead<'_>) + Send + Sync>;
type Principal = Arc<dyn Fn(&Extensions) -> Option<String> + Send + Sync>;

/// A time of a [`Deprecation`]: a date such as `2026-07-01`, which stands for its start in UTC, an HTTP
/// date such as `Wed, 01 Jul 2026 00:00:00 GMT`, or a [`SystemTime`].
pub trait IntoDate {
    /// The time, in whole seconds.
    ///
    /// # Errors
    ///
    /// It is not a date.
    fn into_date(self) -> Result<SystemTime, ConfigError>;
}

impl IntoDate for SystemTime {
    fn into_date(self) -> Result<SystemTime, ConfigError> {
        Ok(self)
    }
}

impl IntoDate for &str {
    fn into_date(self) -> Result<SystemTime, ConfigError> {
        let date = HttpDate::of_day(self).or_else(|| {
            let now = || HttpDate::from_time(Clock::system().now());
            HttpDate::parse(self.as_bytes(), now)
        });
        let seconds = date.map(|date| Duration::from_secs(date.to_unix().unsigned_abs()));
        let time = match date {
            Some(date) if date.to_unix() < 0 => {
                seconds.and_then(|seconds| UNIX_EPOCH.checked_sub(seconds))
            }
            _ => seconds.and_then(|seconds| UNIX_EPOCH.checked_add(seconds)),
        };
        time.ok_or_else(|| error(format!("{self:?} is not a date: write `2026-07-01`")))
    }
}

impl Deprecation {
    /// Deprecated since this time, which may be in the future.
    ///
    /// # Errors
    ///
    /// It is not a date.
    pub fn since(time: impl IntoDate) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Options {
            since: HttpDate::from_time(time.into_date()?),
            sunset: None,
            successor: None,
            links: Vec::new(),
            gone: None,
            clock: Clock::system(),
            on_use: None,
            principal: None,
        })))
    }

    /// When it is expected to end: the field `Sunset`.
    ///
    /// # Errors
    ///
    /// It is not a date, or is earlier than the deprecation (RFC 9745, section 4).
    pub fn sunset(self, time: impl IntoDate) -> Result<Self, ConfigError> {
        let sunset = HttpDate::from_time(time.into_date()?);
        if sunset < self.0.since {
            return Err(error("the sunset is earlier than the deprecation"));
        }
        Ok(self.change(|options| options.sunset = Some(sunset)))
    }

    /// What to use instead: a `Link` with the relation `successor-version` (RFC 5829, section 3.3).
    ///
    /// # Errors
    ///
    /// It is not a URI or a path.
    pub fn successor(self, uri: &str) -> Result<Self, ConfigError> {
        let linked = self.link(uri, "successor-version")?;
        let uri = uri.to_owned();
        Ok(linked.change(|options| options.successor = Some(uri)))
    }

    /// A page about the deprecation: a `Link` with the relation `deprecation` (RFC 9745, section 3).
    ///
    /// # Errors
    ///
    /// It is not a URI or a path.
    pub fn documentation(self, uri: &str) -> Result<Self, ConfigError> {
        self.link(uri, "deprecation")
    }

    /// A page about when and how routes end: a `Link` with the relation `sunset` (RFC 8594, section 6).
    ///
    /// # Errors
    ///
    /// It is not a URI or a path.
    pub fn sunset_policy(self, uri: &str) -> Result<Self, ConfigError> {
        self.link(uri, "sunset")
    }

    /// From the sunset on, requests are answered with 410.
    ///
    /// # Errors
    ///
    /// There is no sunset yet: call [`sunset`](Self::sunset) first.
    pub fn gone_after_sunset(self) -> Result<Self, ConfigError> {
        if self.0.sunset.is_none() {
            return Err(error(
                "`gone_after_sunset()` needs a sunset: call `sunset(..)` first",
            ));
        }
        Ok(self.change(|options| options.gone = Some(Problem::new(StatusCode::GONE))))
    }

    /// Calls a function for each request, before the handler: to count who still calls.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    ///
    /// use wythe::Deprecation;
    ///
    /// let calls = Arc::new(AtomicU64::new(0));
    /// let counter = Arc::clone(&calls);
    /// let old = Deprecation::since("2026-07-01")?.on_use(move |_| {
    ///     counter.fetch_add(1, Ordering::Relaxed);
    /// });
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn on_use(self, count: impl Fn(&RequestHead<'_>) + Send + Sync + 'static) -> Self {
        self.change(|options| options.on_use = Some(Arc::new(count)))
    }

    /// Adds a part of the principal to the event of each request, if the layer is inside `with_auth`.
    /// Choose one that may be in the log: an id.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::Deprecation;
    ///
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// let old = Deprecation::since("2026-07-01")?.by_principal(|claims: &Claims| claims.sub.clone());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn by_principal<C, V>(self, part: impl Fn(&C) -> V + Send + Sync + 'static) -> Self
    where
        C: Send + Sync + 'static,
        V: ToString,
    {
        let principal: Principal = Arc::new(move |extensions| {
            let Auth(principal) = extensions.get::<Auth<C>>()?;
            Some(part(principal).to_string())
        });
        self.change(|options| options.principal = Some(principal))
    }

    /// The clock that decides whether the sunset has passed.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        self.change(|options| options.clock = clock)
    }

    fn link(self, uri: &str, relation: &str) -> Result<Self, ConfigError> {
        let not_a_uri = || error(format!("{uri:?} is not a URI or a path"));
        let parsed: Uri = uri.parse().map_err(|source| not_a_uri().because(source))?;
        // `Uri` takes `example.com` for a host, and `*` for the server.
        if parsed.scheme().is_none() && !uri.starts_with('/') || uri.contains(['<', '>', '"']) {
            return Err(not_a_uri());
        }
        let value = HeaderValue::try_from(format!("<{uri}>; rel=\"{relation}\""));
        let value = value.map_err(|source| not_a_uri().because(source))?;
        Ok(self.change(|options| options.links.push(value)))
    }

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        let options = Arc::make_mut(&mut self.0);
        change(options);
        if options.gone.is_some() {
            options.gone = Some(options.gone());
        }
        self
    }
}

fn error(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Deprecation", message)
}

impl Options {
    fn gone(&self) -> Problem {
        let detail = match &self.successor {
            Some(uri) => format!("This is no longer available. Use `{uri}` instead."),
            None => "This is no longer available.".to_owned(),
        };
        let problem = Problem::new(StatusCode::GONE)
            .reason("sunset")
            .detail(detail);
        let mut fields = HeaderMap::new();
        self.announce(&mut fields);
        fields.iter().fold(problem, |problem, (name, value)| {
            problem.header(name.clone(), value.clone())
        })
    }

    fn announce(&self, headers: &mut HeaderMap) {
        headers.entry(DEPRECATION).or_insert_with(|| {
            // A Date of RFC 9651, section 3.3.7.
            HeaderValue::try_from(format!("@{}", self.since.to_unix()))
                .unwrap_or_else(|_| HeaderValue::from_static("@0"))
        });
        if let Some(sunset) = self.sunset {
            headers.entry(SUNSET).or_insert_with(|| sunset.to_value());
        }
        for link in &self.links {
            headers.append(header::LINK, link.clone());
        }
    }

    /// Logs that a client still calls.
    fn note<B>(&self, request: &Request<B>, is_gone: bool) {
        let head = RequestHead::from(request);
        if let Some(on_use) = &self.on_use {
            on_use(&head);
        }
        self.log(&head, is_gone);
    }

    #[cfg(feature = "tracing")]
    fn log(&self, head: &RequestHead<'_>, is_gone: bool) {
        use tracing::field::display;

        use crate::request::{ClientIp, peer_addr};

        if !tracing::enabled!(target: "wythe", tracing::Level::INFO) {
            return;
        }
        let extensions = head.extensions();
        let client = extensions.get().map(|ClientIp(address)| *address);
        let client = client.or_else(|| peer_addr(extensions).map(|peer| peer.ip()));
        let client = client.map(display);
        let principal = self.principal.as_ref();
        let principal = principal.and_then(|principal| principal(extensions));
        let method = head.method().as_str();
        let route = head.known_route();
        tracing::info!(
            target: "wythe",
            layer = NAME,
            method,
            route,
            client,
            principal,
            gone = is_gone,
            "deprecated"
        );
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "there is no log")]
    const fn log(&self, _: &RequestHead<'_>, _: bool) {}

    fn is_over(&self) -> bool {
        let now = HttpDate::from_time(self.clock.now());
        self.sunset.is_some_and(|sunset| sunset <= now)
    }
}

impl Place for Deprecation {
    type Stage = stage::Any;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let options = &*self.0;
        let mut notice = DeprecationNotice::of(options.since, options.sunset);
        if let Some(uri) = &options.successor {
            notice = notice.successor(uri.clone());
        }
        let mut layer = Description::new(self.name())
            .deprecates(notice)
            .field(DEPRECATION);
        if options.sunset.is_some() {
            layer = layer.field(SUNSET);
        }
        if !options.links.is_empty() {
            layer = layer.field(header::LINK);
        }
        match &options.gone {
            Some(gone) => layer.answer(Answer::of(gone).when("after the sunset")),
            None => layer,
        }
    }
}

impl<B> Middleware<B> for Deprecation {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let gone = self.0.gone.as_ref().filter(|_| self.0.is_over());
        self.0.note(&request, gone.is_some());
        match gone {
            Some(gone) => Step::reply(gone.clone()),
            None => Step::next(request, ()),
        }
    }

    fn after<R: ReplyBody>(&self, (): (), response: &mut Response<R>) {
        self.0.announce(response.headers_mut());
    }
}

impl fmt::Debug for Deprecation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notice = DeprecationNotice::of(self.0.since, self.0.sunset);
        write!(f, "Deprecation({notice})")
    }
}
