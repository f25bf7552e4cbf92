//! Sends requests that provoke the answers which layers declare: [`Provoke`].

mod expected;
mod plan;
mod report;
mod request;
mod sample;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, StatusCode, header, request::Parts};
use http_body::Body as _;
use serde_json::Value;
use tower_service::Service;

pub use self::report::{ProvokeOutcome, ProvokeReport, ProvokedAnswer};
use self::{
    expected::{Expected, Received},
    plan::{Plan, Target},
    request::{Draft, Sample},
};
use super::hold::{Content, Operations, Violation};
use crate::{
    api::{
        ApiService,
        builder::Api,
        openapi::{OpenApi, operation_key, template},
        routes::DescribedRoute,
    },
    contract::{
        Description,
        description::{Answer, InputSource},
    },
};

/// The largest body of a response that is read.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Provokes every answer that the layers of an [`Api`](crate::Api) declare, in a test; made by
/// [`Api::provoke`](crate::Api::provoke).
///
/// For each route and each answer, it makes a valid request, breaks what the layer looks at, sends it
/// through the service, and compares the answer with what the layer declares: the status, the type of
/// the problem, its members, `Retry-After`, `WWW-Authenticate` and `Allow`, and the rest with the
/// [document](crate::testing::Holding). The request comes from the layer's
/// [`Description`](crate::Description):
///
/// | answer | request |
/// |---|---|
/// | 401 | without credentials, or with invalid ones if they are optional |
/// | 400 of a scheme | credentials that are malformed, repeated, or of two schemes |
/// | 403 of a scope or role | [credentials](Self::credentials) without it |
/// | 403 of CSRF protection | `Sec-Fetch-Site: cross-site` |
/// | 400, 413, 415, 422 of inputs | not JSON, one byte too many, another type, against the schema; 400 and 422 in each part |
/// | 429 | the same request until the quota is spent: up to twice as often as it allows at once; not for quotas of 1,000 or more |
/// | 400 of the path | a parameter that its schema rejects |
/// | 400, 406, 415 of versions | none, one that is not supported, two |
/// | 410 | as the others: it comes if the sunset has passed by the clock of the layer |
/// | 404, 405 of the `Api` | no route, another method |
/// | of a layer of your own | [`Answer::provoked_by`](crate::description::Answer::provoked_by) |
///
/// Answers to what is not in a request (a store is down, a handler panics, time runs out) are listed as
/// such. Valid values come from the schemas: `examples`, `default`, or else the smallest value. What
/// can't be made from a schema must be supplied by the test, and
/// [`assert_all`](ProvokeReport::assert_all) fails until it is.
///
/// A handler [for some versions](crate::Handled::in_versions) is sent requests of each of them, and the
/// answers are compared with [the document of the version](crate::Api::openapi_of). Where requests name
/// the version, those to all other handlers name the newest one.
///
/// Each answer is provoked by requests of another address, so that limits by address do not
/// interfere. Requests that spend a quota come last. Handlers may be called, so run it against a test
/// database.
///
/// # Example
///
/// ```
/// use wythe::{Api, Auth, Jwt, Quota, compose, with_auth, with_rate_limit};
///
/// # #[derive(Clone, serde::Deserialize)]
/// # struct Claims {}
/// async fn hello(_: Auth<Claims>) -> &'static str {
///     "hello"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), wythe::ConfigError> {
/// let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?
///     .issuer("https://id.example.com")
///     .audience("api");
/// let stack = compose((with_rate_limit(Quota::per_hour(5).by_peer()?), with_auth(jwt)));
/// let api = Api::<Auth<Claims>>::new("Hello", "1.0.0")
///     .documented()
///     .get("/hello", stack.handler(hello));
///
/// let provoke = api.provoke();
/// let report = provoke.run(api.service(())?).await;
/// report.assert_all();
/// // All but the 500 of a server that does not know the address of the peer.
/// assert!(report.to_string().starts_with("5 of 6 declared answers came"));
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until `run` is called"]
pub struct Provoke {
    routes: Vec<DescribedRoute>,
    has_fallback: bool,
    /// The document of all versions first.
    documents: Vec<VersionDocument>,
    credentials: Vec<Credentials>,
    supplied: Supplied,
    address: fn(u32) -> IpAddr,
}

/// A document with which responses are compared.
struct VersionDocument {
    /// `None` is all of them.
    version: Option<String>,
    document: Value,
    operations: Operations,
}

impl VersionDocument {
    fn new(version: Option<String>, document: &OpenApi) -> Self {
        Self {
            version,
            operations: Operations::new(document),
            document: document.to_value(),
        }
    }
}

/// What the application supplies.
#[derive(Debug, Default)]
struct Supplied {
    path_parameters: BTreeMap<String, String>,
    /// By `operationId`, as are the bodies.
    queries: BTreeMap<String, String>,
    bodies: BTreeMap<String, Value>,
}

/// Credentials of the application.
struct Credentials {
    name: String,
    /// Scopes and roles.
    grants: Vec<String>,
    add: AddCredentials,
}

type AddCredentials = Arc<dyn Fn(&mut Parts) + Send + Sync>;

impl<G, S, A, D, M> Api<G, S, A, D, M>
where
    S: Clone + Send + Sync + 'static,
{
    /// For a test that [provokes](Provoke) every answer that the layers declare.
    pub fn provoke(&self) -> Provoke {
        let routes = self.described_routes();
        let versions: BTreeSet<_> = routes.iter().flat_map(|route| &route.versions).collect();
        let of_versions = versions.into_iter().map(|version| {
            let document = self.openapi_of(version);
            VersionDocument::new(Some(version.clone()), &document)
        });
        let all = VersionDocument::new(None, &self.openapi());
        let documents = std::iter::once(all).chain(of_versions).collect();
        Provoke {
            routes,
            has_fallback: self.has_fallback(),
            documents,
            credentials: Vec::new(),
            supplied: Supplied::default(),
            // Addresses for tests of networks (RFC 2544, section C.2.2).
            address: |number| {
                let [.., c, d] = number.to_be_bytes();
                IpAddr::V4(Ipv4Addr::new(198, 18, c, d))
            },
        }
    }
}

impl Provoke {
    /// Adds credentials, and the scopes and roles that they grant: a closure that adds them to a
    /// request. The first that a route accepts are used.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderValue, header};
    /// use wythe::Api;
    ///
    /// let api = Api::<()>::new("Users", "1.0.0");
    /// let bearer = |token: &str| {
    ///     let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    ///     move |request: &mut http::request::Parts| {
    ///         request.headers.insert(header::AUTHORIZATION, value.clone());
    ///     }
    /// };
    /// let provoke = api
    ///     .provoke()
    ///     .credentials("member", [], bearer("a token"))
    ///     .credentials("admin", ["users:admin"], bearer("another token"));
    /// ```
    pub fn credentials<const N: usize>(
        mut self,
        name: &str,
        grants: [&str; N],
        add: impl Fn(&mut Parts) + Send + Sync + 'static,
    ) -> Self {
        self.credentials.push(Credentials {
            name: name.to_owned(),
            grants: grants.map(str::to_owned).to_vec(),
            add: Arc::new(add),
        });
        self
    }

    /// The value of the parameters of this name, in all paths.
    pub fn path_parameter(mut self, name: &str, value: impl fmt::Display) -> Self {
        let parameters = &mut self.supplied.path_parameters;
        parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// A valid query of the operation with this `operationId`: `page=2&per_page=10`.
    pub fn query(mut self, operation_id: &str, query: impl Into<String>) -> Self {
        self.supplied
            .queries
            .insert(operation_id.to_owned(), query.into());
        self
    }

    /// A valid body of the operation with this `operationId`. It is written as JSON or as a form; for
    /// another media type, it is a text.
    pub fn body(mut self, operation_id: &str, body: Value) -> Self {
        self.supplied.bodies.insert(operation_id.to_owned(), body);
        self
    }

    /// The address of the peer by the number of the attempt. By default they are in 198.18.0.0/16.
    pub const fn addresses(mut self, address: fn(u32) -> IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Sends the requests, and reports which answers were given.
    ///
    /// The service is that of the same `Api`.
    pub async fn run(&self, service: ApiService) -> ProvokeReport {
        let Some(all_versions) = self.documents.first() else {
            return ProvokeReport::default();
        };
        let mut run = Run {
            provoke: self,
            version_document: all_versions,
            service,
            attempts: 0,
            violations: Vec::new(),
            answers: Vec::new(),
        };
        let mut last = Vec::new();
        for route in &self.routes {
            for version_document in &self.documents {
                let is_for = match &version_document.version {
                    Some(version) => route.versions.contains(version),
                    None => route.versions.is_empty(),
                };
                if is_for {
                    run.version_document = version_document;
                    run.route(route, &mut last).await;
                }
            }
        }
        run.version_document = all_versions;
        run.answers_of_api().await;
        // A spent quota would also reject other requests.
        for (index, version_document, expected, plan) in last {
            run.version_document = version_document;
            let outcome = run.outcome(&expected, plan).await;
            if let Some(answer) = run.answers.get_mut(index) {
                answer.outcome = outcome;
            }
        }
        ProvokeReport {
            answers: run.answers,
            violations: run.violations,
        }
    }
}

impl fmt::Debug for Provoke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = self.credentials.iter().map(|credentials| &credentials.name);
        f.debug_struct("Provoke")
            .field("routes", &self.routes.len())
            .field("credentials", &credentials.collect::<Vec<_>>())
            .field("supplied", &self.supplied)
            .finish_non_exhaustive()
    }
}

/// The requests that are sent.
struct Run<'a> {
    provoke: &'a Provoke,
    /// Of the version that the requests name.
    version_document: &'a VersionDocument,
    service: ApiService,
    attempts: u32,
    violations: Vec<Violation>,
    answers: Vec<ProvokedAnswer>,
}

impl<'a> Run<'a> {
    async fn route(
        &mut self,
        route: &'a DescribedRoute,
        last: &mut Vec<(usize, &'a VersionDocument, Expected<'a>, Plan)>,
    ) {
        let provoke = self.provoke;
        let version_document = self.version_document;
        let template = template(&route.path);
        let name = match &version_document.version {
            Some(version) => format!("{} {template} in version {version}", route.method),
            None => format!("{} {template}", route.method),
        };
        let operation = version_document
            .document
            .get("paths")
            .and_then(|paths| paths.get(&template));
        let operation = operation.and_then(|item| item.get(operation_key(&route.method)));
        let Some(operation) = operation else { return };
        let mut sample = Sample::new(
            route,
            operation,
            &version_document.document,
            &provoke.supplied,
        );
        sample.draft = self.in_version(sample.draft, &route.layers);
        for (index, layer) in route.layers.iter().enumerate() {
            if layer.is_csrf_protection() && route.method.is_safe() {
                continue;
            }
            let answers = layer.answers().iter();
            for answer in answers.filter(|answer| answer.is_given_to(&route.method)) {
                let target = Target {
                    layers: &route.layers,
                    index,
                    layer,
                    answer,
                    sample: &sample,
                    credentials: &provoke.credentials,
                };
                let expected = Expected::new(route, layer, answer);
                let outcome = match target.plan() {
                    Ok(plan) if plan.times > 1 => {
                        last.push((self.answers.len(), version_document, expected, plan));
                        ProvokeOutcome::Incomplete(String::new())
                    }
                    Ok(plan) => self.outcome(&expected, plan).await,
                    Err(outcome) => outcome,
                };
                self.add(&name, layer.name(), answer, outcome);
            }
        }
        self.path_parameters(route, &name, &sample).await;
    }

    /// The request in the version of the edition, or in the newest, if these layers read one.
    fn in_version(&self, draft: Draft, layers: &[Description]) -> Draft {
        let Some(policy) = layers.iter().find_map(Description::version_policy) else {
            return draft;
        };
        let version = self.version_document.version.as_ref();
        match version.or_else(|| policy.names().last()) {
            Some(version) => draft.version(policy, version),
            None => draft,
        }
    }

    /// A parameter of the path that its schema rejects: the route answers it, inside all layers.
    async fn path_parameters(&mut self, route: &DescribedRoute, name: &str, sample: &Sample) {
        let is_input = |layer: &Description| {
            let mut inputs = layer.inputs().iter();
            inputs.any(|input| input.source() == InputSource::Path)
        };
        let Some(path) = &sample.invalid_path else {
            return;
        };
        if route.layers.iter().any(is_input) {
            return;
        }
        let answer = Answer::new(StatusCode::BAD_REQUEST);
        let answer = answer
            .when("when a parameter of the path is invalid")
            .provoked_by(|_| {});
        let layer = Description::new("Path");
        let target = Target {
            layers: &route.layers,
            index: route.layers.len(),
            layer: &layer,
            answer: &answer,
            sample,
            credentials: &self.provoke.credentials,
        };
        let outcome = match target.plan() {
            Ok(mut plan) => {
                for draft in plan.drafts.iter_mut().flatten() {
                    draft.path.clone_from(path);
                }
                self.outcome(
                    &Expected::of_api(answer.clone(), &self.provoke.routes),
                    plan,
                )
                .await
            }
            Err(outcome) => outcome,
        };
        self.add(name, layer.name(), &answer, outcome);
    }

    /// What the `Api` answers itself.
    async fn answers_of_api(&mut self) {
        const METHODS: [Method; 5] = [
            Method::PATCH,
            Method::PUT,
            Method::DELETE,
            Method::POST,
            Method::GET,
        ];
        let routes = &self.provoke.routes;
        let is_rendered = |route: &DescribedRoute| {
            let mut layers = route.layers.iter();
            layers.any(Description::is_refusal_renderer)
        };
        let mut paths = BTreeSet::new();
        for route in routes {
            if !paths.insert(&*route.path) || is_rendered(route) {
                continue;
            }
            let has = |method: &Method| {
                let mut same = routes.iter().filter(|other| other.path == route.path);
                same.any(|other| other.method == *method)
            };
            let Some(method) = METHODS.into_iter().find(|method| !has(method)) else {
                continue;
            };
            let path = route.path.replace("{*", "{");
            let values = path
                .split('/')
                .map(|segment| match segment.split_once('{') {
                    Some((literal, _)) => format!("{literal}1"),
                    None => segment.to_owned(),
                });
            let draft = Draft::new(method.clone(), values.collect::<Vec<_>>().join("/"));
            let draft = self.in_version(draft, &route.layers);
            let answer = Answer::new(StatusCode::METHOD_NOT_ALLOWED).field(header::ALLOW);
            let name = format!("{method} {}", template(&route.path));
            self.answer_of_api(&name, answer, draft).await;
        }
        let unknown = "/no-route-of-the-api-has-this-path";
        let is_answered =
            self.provoke.has_fallback || self.version_document.operations.has_path(unknown);
        if !is_answered && !routes.iter().any(is_rendered) {
            let draft = Draft::new(Method::GET, unknown.to_owned());
            // The layers around all routes are layers of each.
            let layers = routes.first().map_or(&[][..], |route| &route.layers);
            let draft = self.in_version(draft, layers);
            let answer = Answer::new(StatusCode::NOT_FOUND);
            self.answer_of_api("GET of an unknown path", answer, draft)
                .await;
        }
    }

    async fn answer_of_api(&mut self, name: &str, answer: Answer, draft: Draft) {
        let plan = Plan::new(vec![draft], true);
        let outcome = self
            .outcome(
                &Expected::of_api(answer.clone(), &self.provoke.routes),
                plan,
            )
            .await;
        self.add(name, "Api", &answer, outcome);
    }

    fn add(&mut self, operation: &str, layer: &str, answer: &Answer, outcome: ProvokeOutcome) {
        self.answers.push(ProvokedAnswer {
            operation: operation.to_owned(),
            layer: layer.to_owned(),
            status: answer.status(),
            condition: answer.condition().to_owned(),
            outcome,
        });
    }

    async fn outcome(&mut self, expected: &Expected<'_>, plan: Plan) -> ProvokeOutcome {
        for drafts in &plan.drafts {
            let outcome = self.outcome_of(expected, drafts, plan.times, plan.is_certain);
            match outcome.await {
                ProvokeOutcome::AsDeclared => {}
                other => return other,
            }
        }
        ProvokeOutcome::AsDeclared
    }

    async fn outcome_of(
        &mut self,
        expected: &Expected<'_>,
        drafts: &[Draft],
        times: u64,
        is_certain: bool,
    ) -> ProvokeOutcome {
        let mut came = BTreeSet::new();
        let mut differs = None;
        for draft in drafts {
            self.attempts += 1;
            for _ in 0..times {
                let Some(received) = self.send(draft).await else {
                    return ProvokeOutcome::Incomplete("a path that is valid in a URI".to_owned());
                };
                match expected.is_met_by(&received) {
                    Ok(true) => return ProvokeOutcome::AsDeclared,
                    Ok(false) => {
                        came.insert(received.head.status.as_u16());
                    }
                    Err(text) => {
                        differs = Some(text);
                        break;
                    }
                }
            }
        }
        if let Some(text) = differs {
            return ProvokeOutcome::NotAsDeclared(text);
        }
        if times > 1 && came.contains(&expected.answer.status().as_u16()) {
            return ProvokeOutcome::Impossible("another limit is spent first".to_owned());
        }
        let is_gone = came
            .iter()
            .all(|status| *status == StatusCode::GONE.as_u16());
        if expected.has_sunset && is_gone {
            return ProvokeOutcome::Impossible("the sunset of the route has passed".to_owned());
        }
        let came: Vec<_> = came.iter().map(u16::to_string).collect();
        let came = came.join(", ");
        if is_certain {
            ProvokeOutcome::NotAsDeclared(format!("{came} came"))
        } else {
            ProvokeOutcome::Impossible(format!(
                "it depends on more than the description says ({came} came)"
            ))
        }
    }

    /// Sends a request, and compares the response with the document.
    async fn send(&mut self, draft: &Draft) -> Option<Received> {
        let request = draft.request(&self.provoke.credentials)?;
        let address = draft
            .address
            .unwrap_or_else(|| (self.provoke.address)(self.attempts));
        let mut service = self
            .service
            .clone()
            .connected(SocketAddr::new(address, 50_000));
        let path = request.uri().path().to_owned();
        let response = match service.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (head, body) = response.into_parts();
        let body = read(body).await;
        let operation = self.version_document.operations.find(&draft.method, &path);
        if let Some(operation) = operation {
            let content = Content::Whole(body.clone());
            for violation in operation.violations(&draft.method, &head, &content) {
                let is_same = |other: &Violation| {
                    (other.operation(), other.text()) == (violation.operation(), violation.text())
                };
                if !self.violations.iter().any(is_same) {
                    self.violations.push(violation);
                }
            }
        }
        Some(Received { head, body })
    }
}

async fn read(mut body: Body) -> Bytes {
    let mut whole = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > MAX_BODY_BYTES {
            break;
        }
    }
    whole.into()
}
