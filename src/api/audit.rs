//! Who may call which route, and within which limits: [`Audit`].

use std::{borrow::Cow, collections::BTreeSet, fmt};

use http::Method;

use super::{
    route::{Access, Matches, Route, takes_body},
    routes::Routes,
};
use crate::{
    contract::{
        Description,
        description::{
            Answer, Carrier, DeprecationNotice, InputSource, Limit, NameList, RequestInput,
            Requirement, Security, SecurityScheme,
        },
    },
    integrations::axum::Concern,
};

/// Who may do what in an [`Api`](crate::Api); made by [`Api::audit`](crate::Api::audit).
///
/// It prints itself as a document in Markdown, to be kept in a repository: a change of a stack is then
/// a change of the document, which a reviewer sees.
///
/// What a layer does is `(conditional)` if a closure lets requests bypass it (`when`, `except`,
/// `exempt`); the credentials that such a layer asks for are optional.
///
/// # Example
///
/// ```
/// use wythe::{Api, CacheControl, compose, with_cache_control};
///
/// async fn health() -> &'static str {
///     "ok"
/// }
///
/// let no_store = compose(with_cache_control(CacheControl::no_store()));
/// let api = Api::<()>::new("Users", "1.0.0")
///     .public("probes have no credentials", |open| open.get("/health", no_store.handler(health)));
///
/// let audit = api.audit();
/// assert_eq!(audit.routes[0].public_reason(), Some("probes have no credentials"));
/// assert!(audit.to_string().contains("| `GET /health` | anybody (1) |"));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Audit {
    /// The title of the API.
    pub title: String,
    /// The version of the API.
    pub version: String,
    /// The name of the stage and the description of each layer around everything, outermost first.
    pub around: Vec<(&'static str, Description)>,
    /// The routes, in the order in which they were added; the fallback is the last one.
    pub routes: Vec<AuditedRoute>,
}

/// One route of an [`Audit`].
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct AuditedRoute {
    name: String,
    method: Option<Method>,
    path: String,
    public_reason: Option<String>,
    allowed: Vec<(Concern, String)>,
    layers: Vec<(&'static str, Description)>,
    is_documented: bool,
    undocumented_reason: Option<String>,
    /// Without those that requests to this route bypass.
    acting_layers: Vec<Description>,
    csrf_protections: Vec<String>,
    versions: Vec<String>,
    is_open: bool,
}

impl Audit {
    pub(super) fn new(routes: &Routes) -> Self {
        let all = routes.list.iter().chain(&routes.fallback);
        Self {
            title: routes.title.clone().into_owned(),
            version: routes.version.clone().into_owned(),
            around: routes.around.layers.clone(),
            routes: all.map(AuditedRoute::new).collect(),
        }
    }
}

impl AuditedRoute {
    fn new(route: &Route) -> Self {
        Self {
            method: match &route.matches {
                Matches::Method(method) => Some(method.clone()),
                Matches::AnyMethod | Matches::Prefix | Matches::Nothing => None,
            },
            path: route.path.clone(),
            public_reason: match &route.access {
                Access::Guarded | Access::Open => None,
                Access::Public(reason) => Some(String::from(&**reason)),
            },
            allowed: route.options.allowed.clone(),
            is_documented: route.document.is_documented(),
            undocumented_reason: route.document.undocumented.as_deref().map(str::to_owned),
            layers: route.layers.clone(),
            name: route.name(),
            is_open: route.access != Access::Guarded,
            csrf_protections: route
                .csrf_protections()
                .map(|layer| layer.name().to_owned())
                .collect(),
            acting_layers: route.acting_layers().cloned().collect(),
            versions: route.versions().into_iter().map(str::to_owned).collect(),
        }
    }

    /// The method; `None` if the route answers every method.
    #[must_use]
    pub const fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The path, as it is written in the `Api`, with its prefixes.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Why anybody may call the route; `None` if it provides what the `Api` demands.
    #[must_use]
    pub fn public_reason(&self) -> Option<&str> {
        self.public_reason.as_deref()
    }

    /// Whether the [document](crate::Api::documented) has schemas of the types of the route.
    #[must_use]
    pub const fn is_documented(&self) -> bool {
        self.is_documented
    }

    /// Why the route has no schemas in a documented `Api`.
    #[must_use]
    pub fn undocumented_reason(&self) -> Option<&str> {
        self.undocumented_reason.as_deref()
    }

    /// The concerns that the route allows, and why.
    #[must_use]
    pub fn allowed(&self) -> &[(Concern, String)] {
        &self.allowed
    }

    /// The versions of the API that the route is for; empty if it is for all.
    #[must_use]
    pub fn versions(&self) -> &[String] {
        &self.versions
    }

    /// What is announced about the end of the route, if it is deprecated.
    #[must_use]
    pub fn deprecation(&self) -> Option<&DeprecationNotice> {
        let mut layers = self.acting_layers.iter();
        layers.find_map(Description::deprecation)
    }

    /// The name of the stage and the description of each layer, outermost first.
    pub fn layers(&self) -> &[(&'static str, Description)] {
        &self.layers
    }

    /// The authentication schemes.
    fn securities(&self) -> impl Iterator<Item = &Security> {
        self.acting_layers.iter().filter_map(Description::security)
    }

    fn callers(&self, reasons: &mut Reasons) -> String {
        let mut who = self.credentials();
        if let Some(reason) = &self.public_reason {
            who = format!("{who} ({})", reasons.number(reason));
        }
        who
    }

    /// The credentials that requests need: those of all layers that require some.
    fn credentials(&self) -> String {
        let layers = self.acting_layers.iter();
        let layers = layers.filter_map(|layer| Some((layer, layer.security()?)));
        let (required, optional): (Vec<_>, Vec<_>) = layers
            .partition(|(layer, security)| security.is_required() && !layer.may_be_bypassed());
        let is_several = required.len() > 1;
        let required: Vec<_> = required
            .iter()
            .map(|(_, security)| match &*alternatives(security) {
                "" => "authenticated".to_owned(),
                text if is_several && security.schemes().len() > 1 => format!("({text})"),
                text => text.to_owned(),
            })
            .collect();
        let optional: Vec<_> = optional
            .iter()
            .map(|(_, security)| alternatives(security))
            .filter(|text| !text.is_empty())
            .collect();
        match (&*required.join(" and "), &*optional.join(" or ")) {
            ("", "") if self.is_open => "anybody".to_owned(),
            ("", "") => "guarded".to_owned(),
            ("", optional) => format!("anybody, or {optional}"),
            (required, "") => required.to_owned(),
            (required, optional) => format!("{required}, optionally {optional}"),
        }
    }

    fn needs(&self) -> String {
        list(self.acting_layers.iter().flat_map(|layer| {
            let requirements = layer.requirements().iter();
            requirements.map(|requirement| {
                let need = match requirement {
                    Requirement::Scopes(names) => format!("scope {}", all_or_any(names)),
                    Requirement::Roles(names) => format!("role {}", all_or_any(names)),
                    Requirement::Check(name) => format!("check `{name}`"),
                };
                marked(layer, need)
            })
        }))
    }

    fn limits(&self) -> String {
        let layers = self.acting_layers.iter();
        let limits = layers.clone().flat_map(|layer| {
            let limits = layer.limits().iter();
            limits.map(|limit| marked(layer, limit_and_key(limit)))
        });
        let times = layers.filter_map(|layer| {
            let time = layer.time_limit()?;
            Some(marked(layer, format!("response within {time:?}")))
        });
        list(limits.chain(times))
    }

    fn input(&self) -> String {
        let method = self.method.as_ref();
        // Where no body is expected, a bound is of no interest.
        let is_shown = method.is_none_or(takes_body);
        let layers = self.acting_layers.iter();
        let bounds = layers.clone().filter(|_| is_shown).filter_map(|layer| {
            let bound = layer.body_bound()?;
            Some(marked(layer, format!("any body, {bound}")))
        });
        let inputs = layers.flat_map(|layer| {
            let inputs = layer.inputs().iter();
            let inputs =
                inputs.filter(|input| method.is_none_or(|method| input.is_read_of(method)));
            inputs.map(|input| marked(layer, input_words(input)))
        });
        list(bounds.chain(inputs))
    }

    fn caches(&self) -> String {
        let is_authenticated = self.securities().next().is_some();
        let policies = self.acting_layers.iter();
        list(policies.filter_map(|layer| {
            let policy = layer.cache()?;
            let directives = if is_authenticated {
                policy.directives_when_authenticated()
            } else {
                policy.directives()
            };
            Some(marked(layer, directives.to_owned()))
        }))
    }

    fn concerns(&self, reasons: &mut Reasons) -> String {
        let allowed = self.allowed.iter();
        list(allowed.map(|(concern, reason)| format!("{concern} ({})", reasons.number(reason))))
    }

    /// The statuses of the errors that the layers answer in the handler's place.
    fn refusals(&self) -> String {
        let answers = self.acting_layers.iter().flat_map(Description::answers);
        let is_given = |answer: &&Answer| {
            let method = self.method.as_ref();
            method.is_none_or(|method| answer.is_given_to(method))
        };
        let statuses = answers
            .filter(is_given)
            .map(|answer| answer.status().as_u16());
        let statuses: BTreeSet<_> = statuses.filter(|status| *status >= 400).collect();
        let statuses = statuses.iter().map(u16::to_string);
        statuses.collect::<Vec<_>>().join(" ")
    }
}

/// A scheme, and where its credentials travel.
fn scheme(scheme: &SecurityScheme) -> String {
    let carriers = scheme.carriers().iter();
    let carriers: Vec<_> = carriers.map(Carrier::to_string).collect();
    match &*carriers {
        [] => scheme.name().to_owned(),
        // `Bearer (Authorization: Bearer)` says it twice.
        [one] if one.ends_with(scheme.name()) => scheme.name().to_owned(),
        carriers => format!("{} ({})", scheme.name(), carriers.join(", ")),
    }
}

/// The schemes of one layer, one of which is enough.
fn alternatives(security: &Security) -> String {
    let schemes = security.schemes().iter().map(scheme);
    schemes.collect::<Vec<_>>().join(" or ")
}

/// What a layer does, and whether a closure lets requests bypass it.
fn marked(layer: &Description, text: String) -> String {
    match layer.may_be_bypassed() {
        true => format!("{text} (conditional)"),
        false => text,
    }
}

fn limit_and_key(limit: &Limit) -> String {
    let name = match limit.has_own_name() {
        false => String::new(),
        true => format!("`{}`: ", limit.name()),
    };
    match limit.key() {
        [] => format!("{name}{limit}"),
        key => format!("{name}{limit}, by {}", key.join(" and ")),
    }
}

fn input_words(input: &RequestInput) -> String {
    let part = match input.source() {
        InputSource::Body => "",
        InputSource::Cookie => "cookies",
        InputSource::Header => "header",
        InputSource::Path => "path",
        InputSource::Query => "query",
    };
    let mut words = match (part, input.name()) {
        ("", _) => input.media_types().to_vec(),
        (part, None) => vec![Cow::Borrowed(part)],
        (part, Some(name)) => vec![format!("{part} `{name}`").into()],
    };
    if words.is_empty() {
        words.push("body".into());
    }
    if input.is_optional() {
        words.push("optional".into());
    }
    if let Some(bytes) = input.max_body_bytes() {
        words.push(format!("at most {bytes} bytes").into());
    }
    words.join(", ")
}

fn all_or_any(names: &NameList) -> String {
    let quoted = names.names().iter().map(|name| format!("`{name}`"));
    let separator = match names {
        NameList::AllOf(_) => " and ",
        NameList::AnyOf(_) => " or ",
    };
    quoted.collect::<Vec<_>>().join(separator)
}

/// Texts in one cell.
fn list(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("; ")
}

/// The reasons that were given, each with a number.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    fn number(&mut self, reason: &str) -> usize {
        let index = self.0.iter().position(|known| known == reason);
        let index = index.unwrap_or_else(|| {
            self.0.push(reason.to_owned());
            self.0.len() - 1
        });
        index + 1
    }
}

/// A document in Markdown: a table of the routes, and the reasons for what is open.
impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {} {}: who may do what\n", self.title, self.version)?;
        writeln!(
            f,
            "| route | who | needs | limits | input | CSRF | cache | refusals | allowed |\n\
             |---|---|---|---|---|---|---|---|---|"
        )?;
        let mut reasons = Reasons::default();
        for route in &self.routes {
            let cells = [
                format!("`{}`", route.name),
                route.callers(&mut reasons),
                route.needs(),
                route.limits(),
                route.input(),
                list(
                    route
                        .csrf_protections
                        .iter()
                        .map(|layer| format!("`{layer}`")),
                ),
                route.caches(),
                route.refusals(),
                route.concerns(&mut reasons),
            ];
            for cell in cells {
                write!(f, "| {} ", cell.replace('|', "\\|"))?;
            }
            writeln!(f, "|")?;
        }
        // Of no interest where nothing is documented.
        let has_schemas = self.routes.iter().any(AuditedRoute::is_documented);
        let without_schemas: Vec<_> = self
            .routes
            .iter()
            .filter(|route| {
                !route.is_documented && (has_schemas || route.undocumented_reason.is_some())
            })
            .map(|route| match &route.undocumented_reason {
                Some(reason) => format!("`{}` ({})", route.name, reasons.number(reason)),
                None => format!("`{}`", route.name),
            })
            .collect();
        if !without_schemas.is_empty() {
            writeln!(f, "\nWithout schemas: {}.", without_schemas.join(", "))?;
        }
        let deprecated = self.routes.iter().filter_map(|route| {
            let notice = route.deprecation()?;
            Some(format!("- `{}` {notice}", route.name))
        });
        for (number, line) in (1..).zip(deprecated) {
            if number == 1 {
                writeln!(f, "\nDeprecated:\n")?;
            }
            writeln!(f, "{line}")?;
        }
        for (number, reason) in (1..).zip(&reasons.0) {
            if number == 1 {
                writeln!(f)?;
            }
            writeln!(f, "{number}. {reason}")?;
        }
        Ok(())
    }
}
