//! What to send to get an answer of a layer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::{
    Credentials, ProvokeOutcome,
    request::{Draft, SEC_FETCH_SITE, Sample, is_form, media_type_of},
};
use crate::contract::{
    Description,
    description::{
        Answer, BodyBound, Carrier, InputSource, NameList, RequestInput, Requirement,
        VersionCarrier, VersionPolicy,
    },
};

/// The most requests that are sent for one answer.
const MAX_REQUESTS: u64 = 1_000;

/// The largest body that is sent.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How to get an answer.
pub(super) struct Plan {
    /// One request of each list gets it: there is a list for each part of a request that a layer reads.
    pub(super) drafts: Vec<Vec<Draft>>,
    /// How often each is sent.
    pub(super) times: u64,
    /// The description says that one of them gets it.
    pub(super) is_certain: bool,
}

impl Plan {
    pub(super) fn new(drafts: Vec<Draft>, is_certain: bool) -> Self {
        Self {
            drafts: vec![drafts],
            times: 1,
            is_certain,
        }
    }
}

/// An answer of a layer of a route.
pub(super) struct Target<'a> {
    pub(super) layers: &'a [Description],
    pub(super) index: usize,
    pub(super) layer: &'a Description,
    pub(super) answer: &'a Answer,
    pub(super) sample: &'a Sample,
    pub(super) credentials: &'a [Credentials],
}

impl Target<'_> {
    /// How to get the answer, or why no request is sent for it.
    pub(super) fn plan(&self) -> Result<Plan, ProvokeOutcome> {
        let answer = self.answer;
        if let Some(reason) = answer.why_not_provoked() {
            return Err(ProvokeOutcome::Impossible(reason.to_owned()));
        }
        if let Some(change) = answer.provocation() {
            let mut draft = self.base()?;
            draft.change = Some(change);
            return Ok(self.certain([draft]));
        }
        let layer = self.layer;
        let status = answer.status();
        if let Some(policy) = layer.version_policy() {
            return self.wrong_version(policy);
        }
        let mut inputs = layer.inputs().iter();
        let body = inputs.find(|input| input.source() == InputSource::Body);
        match status {
            StatusCode::UNAUTHORIZED if layer.security().is_some() => self.unauthenticated(),
            StatusCode::BAD_REQUEST if layer.security().is_some() => self.malformed_credentials(),
            StatusCode::FORBIDDEN if !layer.requirements().is_empty() => self.unauthorized(),
            StatusCode::FORBIDDEN if layer.is_csrf_protection() => self.cross_site(),
            StatusCode::FORBIDDEN => self.other_addresses(),
            // The layer knows the date, and its clock.
            StatusCode::GONE if layer.deprecation().is_some() => Ok(uncertain([self.base()?])),
            StatusCode::TOO_MANY_REQUESTS if !layer.limits().is_empty() => self.too_often(),
            StatusCode::PAYLOAD_TOO_LARGE if body.is_some() => {
                self.too_large(body.and_then(RequestInput::max_body_bytes))
            }
            StatusCode::PAYLOAD_TOO_LARGE if layer.body_bound().is_some() => {
                self.too_large(layer.body_bound().and_then(BodyBound::max_body_bytes))
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE if body.is_some() => {
                let other = self
                    .base()?
                    .field(header::CONTENT_TYPE, "application/x-other");
                let coded = self.base()?.field(header::CONTENT_ENCODING, "x-other");
                Ok(self.certain([other, coded]))
            }
            StatusCode::BAD_REQUEST if !layer.inputs().is_empty() => self.malformed(),
            StatusCode::UNPROCESSABLE_ENTITY if !layer.inputs().is_empty() => self.invalid(),
            StatusCode::NO_CONTENT if layer.cors().is_some() => self.preflight(),
            _ if layer.methods().is_some() => self.by_method(status),
            StatusCode::REQUEST_TIMEOUT => impossible("no request in a test is that slow"),
            _ if status.is_server_error() => impossible("it is not caused by the request"),
            _ => Err(ProvokeOutcome::Incomplete(
                "its layer does not say how: `Answer::provoked_by`".to_owned(),
            )),
        }
    }

    /// A valid request that reaches the layer. Credentials are added if layers further out need them.
    fn base(&self) -> Result<Draft, ProvokeOutcome> {
        let outer = self.layers.get(..self.index).unwrap_or_default();
        let reads = |layer: &Description| !layer.inputs().is_empty();
        if let Some(missing) = self
            .sample
            .missing
            .as_ref()
            .filter(|_| outer.iter().any(reads))
        {
            return Err(ProvokeOutcome::Incomplete(missing.clone()));
        }
        let mut draft = self.sample.draft.clone();
        draft.credentials = self.credentials_for(outer, |_| true)?;
        Ok(draft)
    }

    /// The first credentials that these layers accept and that are fit for the purpose; `None` if no
    /// layer needs any.
    fn credentials_for(
        &self,
        layers: &[Description],
        is_fit: impl Fn(&Credentials) -> bool,
    ) -> Result<Option<usize>, ProvokeOutcome> {
        if !layers.iter().any(needs_credentials) {
            return Ok(None);
        }
        let requirements: Vec<_> = layers.iter().flat_map(Description::requirements).collect();
        let are_met = |credentials: &Credentials| {
            requirements.iter().all(|needed| meets(credentials, needed))
        };
        let found = self
            .credentials
            .iter()
            .position(|credentials| are_met(credentials) && is_fit(credentials));
        let missing = || {
            let lists = requirements
                .iter()
                .filter_map(|requirement| names(requirement));
            let names: Vec<_> = lists.flat_map(NameList::names).cloned().collect();
            ProvokeOutcome::Incomplete(format!(
                "credentials that pass: `credentials(.., {names:?}, ..)`"
            ))
        };
        found.map(Some).ok_or_else(missing)
    }

    fn certain(&self, drafts: impl IntoIterator<Item = Draft>) -> Plan {
        Plan::new(drafts.into_iter().collect(), !self.layer.is_conditional())
    }

    /// Without a version that is supported, in each way that the answer is for.
    fn wrong_version(&self, policy: &VersionPolicy) -> Result<Plan, ProvokeOutcome> {
        /// No version has such a name, because it is too long.
        const UNKNOWN: &str = "a-version-that-is-not-supported-by-any-api";

        let base = self.base()?;
        let mut without = base.clone();
        let mut drafts = Vec::new();
        match policy.carrier() {
            // Another path is that of another route.
            VersionCarrier::Path(_) => {
                return impossible("the path of the route names a version that is supported");
            }
            VersionCarrier::Field(name) => {
                without.headers.remove(name);
                drafts.push(base.clone().version(policy, UNKNOWN));
                drafts.push(base.line(name.clone(), UNKNOWN));
            }
            VersionCarrier::MediaType(subtype) => {
                let content = |draft: Draft, version: &str| {
                    let mut draft = draft;
                    draft.headers.remove(header::CONTENT_TYPE);
                    draft.line(header::CONTENT_TYPE, &media_type_of(subtype, version))
                };
                without.headers.remove(header::ACCEPT);
                match self.answer.status() {
                    StatusCode::NOT_ACCEPTABLE => drafts.push(base.version(policy, UNKNOWN)),
                    StatusCode::UNSUPPORTED_MEDIA_TYPE => drafts.push(content(base, UNKNOWN)),
                    _ => {
                        if let [first, .., last] = policy.names() {
                            drafts.push(content(base.version(policy, first), last));
                        }
                    }
                }
            }
        }
        let is_missing = self
            .answer
            .reasons()
            .iter()
            .any(|reason| reason == "no_version");
        if is_missing && policy.default_name().is_none() {
            drafts.push(without);
        }
        if drafts.is_empty() {
            return impossible("there is only one version");
        }
        Ok(Plan {
            drafts: drafts.into_iter().map(|draft| vec![draft]).collect(),
            ..self.certain([])
        })
    }

    fn unauthenticated(&self) -> Result<Plan, ProvokeOutcome> {
        let draft = self.base()?;
        let security = self.layer.security();
        if security.is_some_and(crate::contract::description::Security::is_required) {
            return Ok(self.certain([draft]));
        }
        let invalid = self
            .carriers()
            .map(|carrier| with_value(draft.clone(), carrier, "invalid"));
        Ok(uncertain(invalid))
    }

    fn carriers(&self) -> impl Iterator<Item = &Carrier> + Clone {
        let security = self.layer.security().into_iter();
        let schemes = security.flat_map(|security| security.schemes());
        schemes.flat_map(|scheme| scheme.carriers())
    }

    /// Credentials without a value, twice, as five cookies, in two places, and of two schemes.
    fn malformed_credentials(&self) -> Result<Plan, ProvokeOutcome> {
        let base = self.base()?;
        let mut drafts = Vec::new();
        for carrier in self.carriers() {
            if let Carrier::Authorization(scheme) = carrier {
                drafts.push(base.clone().line(header::AUTHORIZATION, scheme));
                let malformed = format!("{scheme} !!!");
                drafts.push(base.clone().line(header::AUTHORIZATION, &malformed));
            }
            let once = with_value(base.clone(), carrier, "one");
            let twice = with_value(once, carrier, "two");
            if matches!(carrier, Carrier::Cookie(_)) {
                // If there are only a few, each is tried.
                let more = ["three", "four", "five"].into_iter();
                drafts.push(more.fold(twice.clone(), |draft, value| {
                    with_value(draft, carrier, value)
                }));
            }
            drafts.push(twice);
        }
        let carriers = self.carriers();
        for (at, first) in carriers.clone().enumerate() {
            for second in carriers.clone().skip(at + 1) {
                let once = with_value(base.clone(), first, "one");
                drafts.push(with_value(once, second, "two"));
            }
        }
        Ok(uncertain(drafts))
    }

    /// Credentials without what is required.
    fn unauthorized(&self) -> Result<Plan, ProvokeOutcome> {
        let condition = self.answer.condition();
        let mut requirements = self.layer.requirements().iter();
        let requirement = requirements.find(|requirement| requirement.to_string() == condition);
        let Some(list) = requirement.and_then(names) else {
            return impossible("a check of the application decides");
        };
        let outer = self.layers.get(..self.index).unwrap_or_default();
        let mut draft = self.base()?;
        let lacks = |credentials: &Credentials| !allows(credentials, list);
        let missing = |_| {
            ProvokeOutcome::Incomplete(format!(
                "credentials without one of {:?}: `credentials(.., [..], ..)`",
                list.names()
            ))
        };
        draft.credentials = self.credentials_for(outer, lacks).map_err(missing)?;
        Ok(self.certain([draft]))
    }

    fn cross_site(&self) -> Result<Plan, ProvokeOutcome> {
        let is_of_tokens = {
            let mut answers = self.layer.answers().iter();
            let first = answers.find(|answer| answer.status() == self.answer.status());
            first != Some(self.answer)
        };
        let base = self.base()?;
        if is_of_tokens {
            // It depends on the session, of which only the application knows.
            let mut drafts = Vec::new();
            for index in 0..=self.credentials.len() {
                let mut draft = base.clone();
                draft.credentials = index.checked_sub(1);
                let mut unknown = draft.clone();
                unknown.headers.remove(SEC_FETCH_SITE);
                drafts.extend([draft, unknown]);
            }
            return Ok(uncertain(drafts));
        }
        let cross_site = base.field(SEC_FETCH_SITE, "cross-site");
        let cross_site = cross_site.field(header::ORIGIN, "https://attacker.example");
        Ok(self.certain([cross_site]))
    }

    /// Which addresses a layer rejects is not described.
    fn other_addresses(&self) -> Result<Plan, ProvokeOutcome> {
        const ADDRESSES: [IpAddr; 4] = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
            IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ];
        let base = self.base()?;
        Ok(uncertain(ADDRESSES.map(|address| Draft {
            address: Some(address),
            ..base.clone()
        })))
    }

    fn too_often(&self) -> Result<Plan, ProvokeOutcome> {
        let limits = self.layer.limits().iter();
        let counted = limits.filter(|limit| limit.period().is_some() && !limit.is_of_plan());
        let least = counted.min_by_key(|limit| limit.most_at_once());
        let Some(limit) = least else {
            return impossible("it is the plan or the number of requests in progress that decides");
        };
        let times = limit.most_at_once().saturating_add(1);
        if times > MAX_REQUESTS {
            return Err(ProvokeOutcome::Impossible(format!(
                "more than {MAX_REQUESTS} requests are needed"
            )));
        }
        Ok(Plan {
            drafts: vec![vec![self.rejected_further_in(self.base()?)]],
            // Some of the quota comes back meanwhile.
            times: times.saturating_mul(2),
            is_certain: !limit.is_weighted() && !self.layer.is_conditional(),
        })
    }

    /// The same request, made so that a layer further in rejects it if one can: the handler is not
    /// called over and over again.
    fn rejected_further_in(&self, draft: Draft) -> Draft {
        let inner = self.layers.iter().skip(self.index + 1);
        for layer in inner {
            if needs_credentials(layer) {
                return draft;
            }
            if layer.is_csrf_protection() && !draft.method.is_safe() {
                return draft.field(SEC_FETCH_SITE, "cross-site");
            }
            if reads(layer, InputSource::Body) {
                return draft.field(header::CONTENT_TYPE, "application/x-other");
            }
            if reads(layer, InputSource::Query) {
                let query = "%".to_owned();
                return Draft { query, ..draft };
            }
        }
        draft
    }

    fn too_large(&self, limit: Option<u64>) -> Result<Plan, ProvokeOutcome> {
        let bytes = limit
            .filter(|bytes| *bytes < MAX_BYTES)
            .map(|bytes| bytes + 1);
        let Some(bytes) = bytes.and_then(|bytes| usize::try_from(bytes).ok()) else {
            return impossible("the body would be too large for a test");
        };
        Ok(self.certain([self.base()?.body(vec![b' '; bytes])]))
    }

    /// What can't be parsed, in each part that has a syntax.
    fn malformed(&self) -> Result<Plan, ProvokeOutcome> {
        let base = self.base()?;
        let mut lists = Vec::new();
        if self.reads(InputSource::Body) {
            let is_form = self.sample.media_type.as_deref().is_some_and(is_form);
            let bodies = if is_form { ["%zz", "a=%ff"] } else { ["{", ""] };
            lists.push(bodies.map(|body| base.clone().body(body)).into());
        }
        if self.reads(InputSource::Query) {
            let queries = ["%zz", "a=%ff"].map(str::to_owned);
            lists.push(
                queries
                    .map(|query| Draft {
                        query,
                        ..base.clone()
                    })
                    .into(),
            );
        }
        if self.reads(InputSource::Path) {
            let path = self.sample.malformed_path.iter().cloned();
            lists.push(
                path.map(|path| Draft {
                    path,
                    ..base.clone()
                })
                .collect(),
            );
        }
        if lists.is_empty() {
            lists.push(self.without_a_field(&base));
        }
        self.in_each_part(lists)
    }

    /// What the schemas reject, in each part.
    fn invalid(&self) -> Result<Plan, ProvokeOutcome> {
        let base = self.base()?;
        let sample = self.sample;
        let mut lists = Vec::new();
        if self.reads(InputSource::Body) {
            let bodies = sample.invalid_bodies.iter();
            lists.push(bodies.map(|body| base.clone().body(body.clone())).collect());
        }
        if self.reads(InputSource::Query) {
            let queries = sample.invalid_queries.iter().cloned();
            lists.push(
                queries
                    .map(|query| Draft {
                        query,
                        ..base.clone()
                    })
                    .collect(),
            );
        }
        if self.reads(InputSource::Path) {
            let paths = sample.invalid_paths.iter().cloned();
            lists.push(
                paths
                    .map(|path| Draft {
                        path,
                        ..base.clone()
                    })
                    .collect(),
            );
        }
        if self.reads(InputSource::Header) {
            let fields = sample.invalid_fields.iter();
            let drafts = fields.map(|fields| {
                let mut draft = base.clone();
                for (name, value) in fields {
                    draft.headers.remove(name);
                    draft
                        .headers
                        .extend(value.clone().map(|value| (name.clone(), value)));
                }
                draft
            });
            lists.push(drafts.collect());
        }
        if self.reads(InputSource::Cookie) {
            let cookies = sample.invalid_cookies.iter();
            lists.push(
                cookies
                    .map(|cookies| base.clone().cookies(cookies))
                    .collect(),
            );
        }
        self.in_each_part(lists)
    }

    fn in_each_part(&self, mut lists: Vec<Vec<Draft>>) -> Result<Plan, ProvokeOutcome> {
        lists.retain(|drafts| !drafts.is_empty());
        if lists.is_empty() {
            return impossible("the schema of the input allows every value");
        }
        Ok(Plan {
            drafts: lists,
            ..self.certain([])
        })
    }

    /// Without the single fields that the layer reads.
    fn without_a_field(&self, base: &Draft) -> Vec<Draft> {
        let inputs = self.layer.inputs().iter();
        let fields = inputs.filter(|input| input.source() == InputSource::Header);
        let names = fields.filter_map(|input| HeaderName::try_from(input.name()?).ok());
        let drafts = names.map(|name| {
            let mut draft = base.clone();
            draft.headers.remove(name);
            draft
        });
        drafts.collect()
    }

    /// Whether the layer reads this part, and not only a single text of it.
    fn reads(&self, source: InputSource) -> bool {
        let mut inputs = self.layer.inputs().iter();
        inputs.any(|input| input.source() == source && input.name().is_none())
    }

    fn preflight(&self) -> Result<Plan, ProvokeOutcome> {
        let access = self.layer.cors();
        let origins = access
            .map(|access| access.listed_origins())
            .unwrap_or_default();
        let origin = origins
            .first()
            .map_or("https://app.example.com", String::as_str);
        let mut draft = self.base()?;
        let method = draft.method.to_string();
        draft.method = Method::OPTIONS;
        let draft = draft.line(header::ORIGIN, origin);
        Ok(uncertain([
            draft.line(header::ACCESS_CONTROL_REQUEST_METHOD, &method)
        ]))
    }

    /// A method that the layer answers with this status.
    fn by_method(&self, status: StatusCode) -> Result<Plan, ProvokeOutcome> {
        const CANDIDATES: [Method; 5] = [
            Method::PATCH,
            Method::PUT,
            Method::DELETE,
            Method::POST,
            Method::GET,
        ];
        let listed = self.layer.methods().unwrap_or_default();
        let method = match status {
            StatusCode::NOT_IMPLEMENTED => Method::from_bytes(b"UNKNOWN").ok(),
            StatusCode::METHOD_NOT_ALLOWED => CANDIDATES
                .into_iter()
                .find(|method| !listed.contains(method)),
            _ => Some(Method::OPTIONS),
        };
        let Some(method) = method else {
            return impossible("the layer lists all methods");
        };
        let base = self.base()?;
        Ok(uncertain([Draft { method, ..base }]))
    }
}

fn impossible<T>(reason: &str) -> Result<T, ProvokeOutcome> {
    Err(ProvokeOutcome::Impossible(reason.to_owned()))
}

/// The description does not say whether one of them gets the answer.
fn uncertain(drafts: impl IntoIterator<Item = Draft>) -> Plan {
    Plan::new(drafts.into_iter().collect(), false)
}

fn needs_credentials(layer: &Description) -> bool {
    let is_required = layer
        .security()
        .is_some_and(|security| security.is_required());
    is_required || !layer.requirements().is_empty()
}

const fn names(requirement: &Requirement) -> Option<&NameList> {
    match requirement {
        Requirement::Scopes(list) | Requirement::Roles(list) => Some(list),
        Requirement::Check(_) => None,
    }
}

fn meets(credentials: &Credentials, requirement: &Requirement) -> bool {
    names(requirement).is_none_or(|list| allows(credentials, list))
}

fn allows(credentials: &Credentials, list: &NameList) -> bool {
    let is_granted = |name: &String| credentials.grants.contains(name);
    match list {
        NameList::AllOf(names) => names.iter().all(is_granted),
        NameList::AnyOf(names) => names.iter().any(is_granted),
    }
}

/// The same request with this credential.
fn with_value(mut draft: Draft, carrier: &Carrier, value: &str) -> Draft {
    match carrier {
        Carrier::Authorization(scheme) => {
            draft.line(header::AUTHORIZATION, &format!("{scheme} {value}"))
        }
        Carrier::Header(name) => draft.line(name.clone(), value),
        Carrier::Cookie(name) => {
            // One line, as browsers send it.
            let cookie = HeaderValue::from_str(&format!("{name}={value}"));
            let field: HeaderName = header::COOKIE;
            let before = draft
                .headers
                .get(&field)
                .and_then(|line| line.to_str().ok());
            let joined =
                before.map(|before| HeaderValue::from_str(&format!("{before}; {name}={value}")));
            if let Ok(line) = joined.unwrap_or(cookie) {
                draft.headers.insert(field, line);
            }
            draft
        }
        Carrier::Query(name) => {
            let separator = if draft.query.is_empty() { "" } else { "&" };
            draft.query = format!("{}{separator}{name}={value}", draft.query);
            draft
        }
        Carrier::ClientCertificate => draft,
    }
}

/// Whether a layer reads this part of a request.
fn reads(layer: &Description, source: InputSource) -> bool {
    let mut inputs = layer.inputs().iter();
    inputs.any(|input| input.source() == source)
}
