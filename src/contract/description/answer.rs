//! One answer that a layer can give in the handler's place: [`Answer`].

use std::{borrow::Cow, fmt, ptr::fn_addr_eq};

use http::{HeaderName, Method, StatusCode, request::Parts};

use crate::wire::Problem;

/// An answer that a layer can give in the handler's place.
///
/// # Example: the problem that the layer sends
///
/// ```
/// use http::{HeaderValue, StatusCode, header};
/// use wythe::{Problem, description::Answer};
///
/// let closed = Problem::new(StatusCode::SERVICE_UNAVAILABLE)
///     .reason("maintenance")
///     .header(header::RETRY_AFTER, HeaderValue::from_static("600"));
/// let answer = Answer::of(&closed).when("while the site is under maintenance");
/// assert_eq!(answer.to_string(), "503 while the site is under maintenance");
/// assert_eq!(answer.kind_uri(), Some("about:blank"));
/// assert_eq!(answer.reasons(), ["maintenance"]);
/// assert_eq!(answer.fields(), [header::RETRY_AFTER]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    status: StatusCode,
    condition: Cow<'static, str>,
    /// `None` for an answer that is not a problem.
    kind: Option<Cow<'static, str>>,
    /// Of the content of an answer that is not a problem.
    media_type: Option<Cow<'static, str>>,
    reasons: Vec<Cow<'static, str>>,
    fields: Vec<HeaderName>,
    members: Vec<Cow<'static, str>>,
    provocation: Provocation,
    methods: Methods,
}

/// What a test does to get the answer.
#[derive(Clone)]
enum Provocation {
    /// The other parts of the description say it.
    Described,
    /// It changes a valid request.
    Request(fn(&mut Parts)),
    /// Nothing, for this reason.
    Impossible(Cow<'static, str>),
}

impl Answer {
    /// An answer with this status. An error is a problem of type `about:blank`; any other answer is
    /// not a problem.
    pub fn new(status: StatusCode) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        Self {
            status,
            condition: Cow::Borrowed(""),
            kind: is_error.then_some(Cow::Borrowed("about:blank")),
            media_type: None,
            reasons: Vec::new(),
            fields: Vec::new(),
            members: Vec::new(),
            provocation: Provocation::Described,
            methods: Methods::ALL,
        }
    }

    /// An answer with this problem: its status, type, reason, header fields and extension members.
    pub fn of(problem: &Problem) -> Self {
        let answer = Self::new(problem.status()).kind(problem.kind_uri().to_owned());
        answer.or(problem)
    }

    /// The 503 of [`Problem::unavailable`]: something that the layer has to ask is down.
    pub fn unavailable() -> Self {
        let answer = Self::of(&Problem::unavailable("described"));
        answer.not_provoked("the service that the layer asks is not down")
    }

    /// Adds another problem of the same status and type: its reason, header fields and extension
    /// members.
    pub fn or(mut self, problem: &Problem) -> Self {
        if let Some(code) = problem.reason_code() {
            self.add_reason(Cow::Borrowed(code));
        }
        self = problem.headers().keys().cloned().fold(self, Self::field);
        let members = problem.extensions().keys().cloned();
        members.fold(self, Self::member)
    }

    /// When it is given, in words that follow the status: `when the body has more than 1024 bytes`.
    pub fn when(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        self.condition = words.into();
        self
    }

    /// The URI of the problem's type (RFC 9457, section 3.1.1).
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.kind = Some(uri.into());
        self
    }

    /// The answer is not a problem: it has another body, or none.
    pub fn plain(mut self) -> Self {
        self.kind = None;
        self
    }

    /// The answer is not a problem, and has content of this media type: an object, if that is
    /// `application/json`.
    pub fn content(mut self, media_type: impl Into<Cow<'static, str>>) -> Self {
        self.media_type = Some(media_type.into());
        self.plain()
    }

    /// Adds a reason of the problem, as it is logged: see [`Problem::reason`].
    pub fn reason(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.add_reason(code.into());
        self
    }

    /// Adds a header field that the answer has, or may have.
    pub fn field(mut self, name: HeaderName) -> Self {
        if !self.fields.contains(&name) {
            self.fields.push(name);
        }
        self
    }

    /// Adds an extension member of the problem (RFC 9457, section 3.2).
    pub fn member(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        if !self.members.contains(&name) {
            self.members.push(name);
        }
        self
    }

    /// How a test gets the answer: a change of a request that would pass. With the feature `testing`,
    /// `Api::provoke` sends such a request.
    ///
    /// It is not needed for what the description of the layer says: credentials, scopes, inputs, limits
    /// by count, protection from forged requests.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode};
    /// use wythe::description::Answer;
    ///
    /// let old_client = Answer::new(StatusCode::UPGRADE_REQUIRED)
    ///     .when("to version 1 of the app")
    ///     .provoked_by(|request| {
    ///         request.headers.insert("app-version", HeaderValue::from_static("1"));
    ///     });
    /// assert!(old_client.provocation().is_some());
    /// ```
    pub fn provoked_by(mut self, change: fn(&mut Parts)) -> Self {
        self.provocation = Provocation::Request(change);
        self
    }

    /// No request of a test gets the answer, for this reason: `the store is not down`.
    pub fn not_provoked(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.provocation = Provocation::Impossible(reason.into());
        self
    }

    /// The answer is given only to requests whose method the function accepts.
    pub const fn to_methods(mut self, accepts: fn(&Method) -> bool) -> Self {
        self.methods = Methods(accepts);
        self
    }

    /// Whether the answer can be given to requests of this method.
    #[must_use]
    pub fn is_given_to(&self, method: &Method) -> bool {
        self.methods.contain(method)
    }

    /// The change of a request that gets the answer, if there is one.
    #[must_use]
    pub const fn provocation(&self) -> Option<fn(&mut Parts)> {
        match self.provocation {
            Provocation::Request(change) => Some(change),
            _ => None,
        }
    }

    /// Why no request of a test gets the answer, if none does.
    #[must_use]
    pub fn why_not_provoked(&self) -> Option<&str> {
        match &self.provocation {
            Provocation::Impossible(reason) => Some(reason),
            _ => None,
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// When it is given, in words; may be empty.
    #[must_use]
    pub fn condition(&self) -> &str {
        &self.condition
    }

    /// The URI of the problem's type; `None` if the answer is not a problem.
    #[must_use]
    pub fn kind_uri(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The media type of the content of an answer that is not a problem; `None` if it has none.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The reasons of the problem, as they are logged. More are possible, from schemes and checks of an
    /// application.
    #[must_use]
    pub fn reasons(&self) -> &[Cow<'static, str>] {
        &self.reasons
    }

    /// The header fields that the answer has, or may have.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    /// The extension members of the problem.
    #[must_use]
    pub fn members(&self) -> &[Cow<'static, str>] {
        &self.members
    }

    pub(super) fn add_reason(&mut self, code: Cow<'static, str>) {
        if !self.reasons.contains(&code) {
            self.reasons.push(code);
        }
    }

    pub(super) fn set_condition(&mut self, words: String) {
        self.condition = words.into();
    }
}

impl PartialEq for Provocation {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Described, Self::Described) => true,
            (Self::Request(one), Self::Request(other)) => fn_addr_eq(*one, *other),
            (Self::Impossible(one), Self::Impossible(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Provocation {}

impl fmt::Debug for Provocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Described => f.write_str("Described"),
            Self::Request(_) => f.write_str("Request(..)"),
            Self::Impossible(reason) => f.debug_tuple("Impossible").field(reason).finish(),
        }
    }
}

/// The status, and when it is given.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.as_str())?;
        if self.condition.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.condition)
    }
}

/// The methods that a function accepts.
#[derive(Clone, Copy)]
pub(super) struct Methods(pub(super) fn(&Method) -> bool);

impl Methods {
    pub(super) const ALL: Self = Self(any);

    pub(super) fn contain(self, method: &Method) -> bool {
        let Self(accepts) = self;
        accepts(method)
    }
}

const fn any(_: &Method) -> bool {
    true
}

impl PartialEq for Methods {
    fn eq(&self, other: &Self) -> bool {
        fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Methods {}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Methods(..)")
    }
}
