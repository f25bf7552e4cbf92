//! What a layer says about itself: [`Description`].

use std::{any::type_name, borrow::Cow, fmt, time::Duration};

use http::{HeaderName, Method, StatusCode};

use super::{
    answer::Answer,
    body_bound::BodyBound,
    limit::{self, Limit},
    policy::{CachePolicy, CrossOriginAccess, CsrfProtection, RequestInput},
    security::{Requirement, Security, SecurityScheme},
    version::{DeprecationNotice, VersionPolicy},
};
use crate::wire::without_paths;

/// What a layer does, as data: what it can answer in the handler's place, which header fields it sets,
/// which clients it accepts, and how many of their requests.
///
/// A setter adds one part, and a method with the name of the part reads it. Where the wording of an
/// answer repeats a part, it is made from that part.
///
/// # Example: a layer of your own
///
/// ```
/// use http::{StatusCode, header};
/// use wythe::{Description, description::Answer};
///
/// let closed = Answer::new(StatusCode::SERVICE_UNAVAILABLE)
///     .when("while the site is under maintenance")
///     .reason("maintenance")
///     .field(header::RETRY_AFTER);
/// let layer = Description::new("with_maintenance").answer(closed);
/// assert_eq!(layer.name(), "with_maintenance");
/// assert_eq!(layer.answers()[0].to_string(), "503 while the site is under maintenance");
/// ```
///
/// # Example: reading a stack
///
/// ```
/// # #[cfg(feature = "rate-limit")] {
/// use wythe::{Quota, compose, with_rate_limit};
///
/// let stack = compose(with_rate_limit(Quota::per_minute(10).by_peer()?));
/// let (stage, layer) = &stack.describe()[0];
/// assert_eq!(*stage, "Throttle");
/// let limit = &layer.limits()[0];
/// assert_eq!((limit.name(), limit.count(), limit.key().join(", ")), ("10-per-minute", 10, "peer address".into()));
/// # }
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Description {
    name: Cow<'static, str>,
    answers: Vec<Answer>,
    fields: Vec<HeaderName>,
    bypasses: Vec<Bypass>,
    security: Option<Security>,
    requirements: Vec<Requirement>,
    limits: Vec<Limit>,
    /// Where the limits that were added last begin, and their answer.
    last_limits: Option<(usize, usize)>,
    path_parameters: Vec<Cow<'static, str>>,
    methods: Option<Vec<Method>>,
    inputs: Vec<RequestInput>,
    body_bound: Option<BodyBound>,
    time_limit: Option<Duration>,
    csrf: Option<CsrfProtection>,
    cors: Option<CrossOriginAccess>,
    cache: Option<CachePolicy>,
    versions: Option<VersionPolicy>,
    deprecation: Option<DeprecationNotice>,
    renders_refusals: bool,
    problem_members: Vec<Cow<'static, str>>,
    is_known: bool,
    makes_problems: bool,
    makes_pages: bool,
    is_assumption: bool,
}

/// Which requests bypass a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bypass {
    /// Those that a closure chooses. With the name of the setter: `when`, `except`, `exempt`.
    Chosen(&'static str),
    /// Those to all routes but these: `only_routes`.
    OtherRoutes(Vec<String>),
    /// Those to these routes: `except_routes`.
    Routes(Vec<String>),
}

impl Description {
    /// A layer of this name that does nothing. If it is the name of a type, the paths of its modules
    /// are dropped.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        let mut name = name.into();
        if name.contains("::") {
            name = without_paths(&name).into();
        }
        Self {
            name,
            answers: Vec::new(),
            fields: Vec::new(),
            bypasses: Vec::new(),
            security: None,
            requirements: Vec::new(),
            limits: Vec::new(),
            last_limits: None,
            path_parameters: Vec::new(),
            methods: None,
            inputs: Vec::new(),
            body_bound: None,
            time_limit: None,
            csrf: None,
            cors: None,
            cache: None,
            versions: None,
            deprecation: None,
            renders_refusals: false,
            problem_members: Vec::new(),
            is_known: true,
            makes_problems: false,
            makes_pages: false,
            is_assumption: false,
        }
    }

    /// A layer of this name, about which nothing else is known: it may do anything.
    pub fn unknown(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            is_known: false,
            ..Self::new(name)
        }
    }

    /// A layer named as its type, without the paths.
    pub fn of<L: ?Sized>() -> Self {
        Self::new(type_name::<L>())
    }

    /// Adds words to the name: `with_auth`, then `with_auth.optional()`.
    pub fn suffix(mut self, words: &str) -> Self {
        self.name.to_mut().push_str(words);
        self
    }

    /// Adds an answer that the layer can give in the handler's place.
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Adds reasons to the answer of this status, or to the first of several.
    pub fn reasons(
        mut self,
        status: StatusCode,
        codes: impl IntoIterator<Item = impl Into<Cow<'static, str>>>,
    ) -> Self {
        let mut answers = self.answers.iter_mut();
        if let Some(answer) = answers.find(|answer| answer.status() == status) {
            for code in codes {
                answer.add_reason(code.into());
            }
        }
        self
    }

    /// Adds a header field that the layer sets, or may set, on responses from further in: those of the
    /// handler and of other layers. Those of the layer's own answers are parts of the answers: see
    /// [`Answer::field`].
    pub fn field(mut self, field: HeaderName) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds requests that bypass the layer, and extends the name by the setter, as it is written in a
    /// stack.
    pub fn bypass(mut self, bypass: Bypass) -> Self {
        self = self.suffix(&bypass.to_string());
        self.bypasses.push(bypass);
        self
    }

    /// Adds an authentication scheme that the layer accepts, as an alternative to those so far.
    pub fn scheme(mut self, scheme: SecurityScheme) -> Self {
        self.security.get_or_insert_default().add(scheme);
        self
    }

    /// Changes the schemes from this index on.
    pub(crate) fn change_schemes(
        mut self,
        from: usize,
        change: impl Fn(SecurityScheme) -> SecurityScheme,
    ) -> Self {
        if let Some(security) = &mut self.security {
            security.change(from, change);
        }
        self
    }

    /// Lets requests without credentials pass, and says so in the name.
    pub fn optional(mut self) -> Self {
        self.security.get_or_insert_default().make_optional();
        self.suffix(".optional()")
    }

    /// Adds something that a principal must have, and the answer otherwise. The words of the answer
    /// are made from the requirement.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use wythe::{Description, description::{Answer, NameList, Requirement}};
    ///
    /// let admins = Requirement::Roles(NameList::AllOf(vec!["admin".to_owned()]));
    /// let layer = Description::new("with_admins")
    ///     .requirement(admins, Answer::new(StatusCode::FORBIDDEN));
    /// assert_eq!(layer.answers()[0].to_string(), "403 without the role \"admin\"");
    /// ```
    pub fn requirement(mut self, requirement: Requirement, answer: Answer) -> Self {
        let answer = answer.when(requirement.to_string());
        self.requirements.push(requirement);
        self.answer(answer)
    }

    /// Adds limits of one key, and the answer to what exceeds them. The words of the answer are made
    /// from the limits.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use http::StatusCode;
    /// use wythe::{Description, description::{Answer, Limit}};
    ///
    /// let limit = Limit::requests("default", 60, Duration::from_secs(60));
    /// let layer = Description::new("with_gateway_limit")
    ///     .limit([limit], Answer::new(StatusCode::TOO_MANY_REQUESTS))
    ///     .counted_by("tenant");
    /// assert_eq!(
    ///     layer.answers()[0].condition(),
    ///     "when a quota is spent (\"default\": 60 requests per minute, one every 1 s)"
    /// );
    /// ```
    pub fn limit(mut self, limits: impl IntoIterator<Item = Limit>, answer: Answer) -> Self {
        self.last_limits = Some((self.limits.len(), self.answers.len()));
        self.limits.extend(limits);
        self.answers.push(answer);
        self.change_last_limits(|_| {})
    }

    /// Adds a part of the key by which the limits that were added last count, in words: `peer address`.
    pub fn counted_by(self, part: impl Into<Cow<'static, str>>) -> Self {
        let part = part.into();
        self.change_last_limits(|limit| limit.add_to_key(part.clone()))
    }

    /// Changes these limits, and makes the words of their answer from them.
    fn change_last_limits(mut self, change: impl Fn(&mut Limit)) -> Self {
        if let Some((first, answer)) = self.last_limits
            && let Some(limits) = self.limits.get_mut(first..)
            && let Some(answer) = self.answers.get_mut(answer)
            && !limits.is_empty()
        {
            limits.iter_mut().for_each(change);
            answer.set_condition(limit::when_exceeded(limits));
        }
        self
    }

    /// Adds a parameter that the path of each route must have.
    pub fn path_parameter(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.path_parameters.push(name.into());
        self
    }

    /// Lists the methods that pass, as `Allow` does, and the answer to others. The words of the answer
    /// are made from the list.
    pub fn supports(mut self, methods: impl IntoIterator<Item = Method>, answer: Answer) -> Self {
        let methods: Vec<_> = methods.into_iter().collect();
        let names: Vec<_> = methods.iter().map(Method::as_str).collect();
        let answer = answer.when(format!("to a method other than {}", names.join(", ")));
        self.methods = Some(methods);
        self.answer(answer)
    }

    /// The layer reads this input of a request, besides those that are listed already.
    pub fn reads(mut self, input: RequestInput) -> Self {
        self.inputs.push(input);
        self
    }

    /// The layer bounds the body, however it is read.
    pub const fn bounds_body(mut self, bound: BodyBound) -> Self {
        self.body_bound = Some(bound);
        self
    }

    /// The layer answers in the handler's place if there is no response within this time.
    pub const fn bounds_time(mut self, time: Duration) -> Self {
        self.time_limit = Some(time);
        self
    }

    /// The layer rejects requests that a page of another site makes a browser send.
    pub fn protects_from_csrf(mut self, protection: CsrfProtection) -> Self {
        self.csrf = Some(protection);
        self
    }

    /// The layer lets pages of other origins call, and answers their preflights.
    pub fn shares(mut self, access: CrossOriginAccess) -> Self {
        self.cors = Some(access);
        self
    }

    /// The layer tells caches what they may do.
    pub fn caches(mut self, policy: CachePolicy) -> Self {
        self.cache = Some(policy);
        self
    }

    /// The layer adds this member to every problem from further in.
    pub fn problem_member(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.problem_members.push(name.into());
        self
    }

    /// The layer determines which version of the API a request is for.
    pub fn versions(mut self, policy: VersionPolicy) -> Self {
        self.versions = Some(policy);
        self
    }

    /// The layer announces that everything inside it is deprecated.
    pub fn deprecates(mut self, notice: DeprecationNotice) -> Self {
        self.deprecation = Some(notice);
        self
    }

    /// The layer renders refusals from further in. Nothing is known here about their new form.
    pub const fn renders_refusals(mut self) -> Self {
        self.renders_refusals = true;
        self
    }

    /// The layer turns errors from further in that are not problems into problems.
    pub(crate) const fn makes_problems(mut self) -> Self {
        self.makes_problems = true;
        self
    }

    /// The layer renders errors from further in as HTML pages for some clients.
    pub(crate) const fn makes_pages(mut self) -> Self {
        self.makes_pages = true;
        self
    }

    /// The layer assumes that something is there, and this is the answer if it is not.
    pub(crate) fn assumption(mut self, missing: Answer) -> Self {
        self.is_assumption = true;
        self.answer(missing)
    }

    /// The same, once it is proven that what the layer assumes is there.
    #[cfg(feature = "api")]
    pub(crate) fn proven(mut self) -> Self {
        if self.is_assumption {
            self.answers.clear();
        }
        self
    }

    /// The layer's name, as it is written in a stack.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the layer can answer in the handler's place.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The header fields that the layer sets, or may set, on responses from further in.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    /// Which requests bypass the layer.
    #[must_use]
    pub fn bypasses(&self) -> &[Bypass] {
        &self.bypasses
    }

    /// Whether some requests bypass the layer.
    #[must_use]
    pub const fn is_conditional(&self) -> bool {
        !self.bypasses.is_empty()
    }

    /// Whether a closure decides for each request whether the layer acts. What it decides is not known.
    #[cfg(feature = "api")]
    pub(crate) fn may_be_bypassed(&self) -> bool {
        let mut bypasses = self.bypasses.iter();
        bypasses.any(|bypass| matches!(bypass, Bypass::Chosen(_)))
    }

    /// The routes that the layer names, each with the setter that names it: `only_routes`,
    /// `except_routes`, `exempt`.
    pub fn named_routes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let exempt = self.csrf.iter().flat_map(CsrfProtection::exempt_routes);
        let exempt = exempt.map(|route| ("exempt", route.as_str()));
        let listed = self.bypasses.iter().flat_map(|bypass| {
            let routes = bypass.routes().iter();
            routes.map(|route| (bypass.setter(), route.as_str()))
        });
        listed.chain(exempt)
    }

    /// How the layer authenticates clients.
    #[must_use]
    pub const fn security(&self) -> Option<&Security> {
        self.security.as_ref()
    }

    /// What a principal must have to pass.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// How many requests pass. A limit in shadow mode is not listed, because it rejects nothing.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The parameters that the path of each route must have.
    #[must_use]
    pub fn path_parameters(&self) -> &[Cow<'static, str>] {
        &self.path_parameters
    }

    /// The methods that pass, if the layer lists them.
    #[must_use]
    pub fn methods(&self) -> Option<&[Method]> {
        self.methods.as_deref()
    }

    /// The inputs that the layer reads.
    pub fn inputs(&self) -> &[RequestInput] {
        &self.inputs
    }

    /// How the layer bounds the body, however it is read.
    #[must_use]
    pub const fn body_bound(&self) -> Option<&BodyBound> {
        self.body_bound.as_ref()
    }

    /// The time within which there is a response, if the layer limits it.
    #[must_use]
    pub const fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    /// How the layer protects from forged requests.
    #[must_use]
    pub const fn csrf(&self) -> Option<&CsrfProtection> {
        self.csrf.as_ref()
    }

    /// Whether the layer protects from forged requests.
    #[must_use]
    pub const fn is_csrf_protection(&self) -> bool {
        self.csrf.is_some()
    }

    /// What pages of other origins may do.
    #[must_use]
    pub const fn cors(&self) -> Option<&CrossOriginAccess> {
        self.cors.as_ref()
    }

    /// Whether the layer says what it does; if not, it may do anything.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.is_known
    }

    /// The members that the layer adds to every problem from further in.
    #[must_use]
    pub fn problem_members(&self) -> &[Cow<'static, str>] {
        &self.problem_members
    }

    /// Whether the layer renders refusals from further in.
    #[must_use]
    pub const fn is_refusal_renderer(&self) -> bool {
        self.renders_refusals
    }

    /// Whether the layer turns errors from further in that are not problems into problems.
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "only the document reads it")
    )]
    pub(crate) const fn is_problem_renderer(&self) -> bool {
        self.makes_problems
    }

    /// Whether the layer renders errors from further in as HTML pages for some clients.
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "only the document reads it")
    )]
    pub(crate) const fn is_page_renderer(&self) -> bool {
        self.makes_pages
    }

    /// What caches may do.
    #[must_use]
    pub const fn cache(&self) -> Option<&CachePolicy> {
        self.cache.as_ref()
    }

    /// Which versions of the API there are, and how a request names one.
    #[must_use]
    pub const fn version_policy(&self) -> Option<&VersionPolicy> {
        self.versions.as_ref()
    }

    /// What the layer announces about the end of what is inside it.
    #[must_use]
    pub const fn deprecation(&self) -> Option<&DeprecationNotice> {
        self.deprecation.as_ref()
    }
}

impl Bypass {
    /// The setter, as it is written in a stack.
    #[must_use]
    pub const fn setter(&self) -> &'static str {
        match self {
            Self::Chosen(setter) => setter,
            Self::OtherRoutes(_) => "only_routes",
            Self::Routes(_) => "except_routes",
        }
    }

    /// The routes that it names.
    #[must_use]
    pub fn routes(&self) -> &[String] {
        match self {
            Self::Chosen(_) => &[],
            Self::OtherRoutes(routes) | Self::Routes(routes) => routes,
        }
    }
}

/// As it is written in a stack: `.when(..)`, `.only_routes(["/health"])`.
impl fmt::Display for Bypass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setter = self.setter();
        match self {
            Self::Chosen(_) => write!(f, ".{setter}(..)"),
            Self::OtherRoutes(routes) | Self::Routes(routes) => write!(f, ".{setter}({routes:?})"),
        }
    }
}
