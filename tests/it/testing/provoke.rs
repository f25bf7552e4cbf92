//! `Provoke` gets the answers that layers declare, and finds those that do not come as declared.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use garde::Validate;
use http::{HeaderValue, Method, Request, StatusCode, header, request::Parts};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use wythe::{
    Api, Auth, Cookie, Csrf, Description, Form, HasScopes, Header, Later, Middleware, NoContent,
    Path, Place, Problem, Query, Quota, Scopes, Step, Valid,
    api::openapi::{DocumentResponse, ResponseTypes},
    auth::{Authenticate, Verdict},
    compose,
    description::{Answer, Carrier, SchemeKind, SecurityScheme},
    stage,
    testing::{Provoke, ProvokeOutcome, ProvokeReport},
    with, with_auth, with_csrf, with_rate_limit, with_scopes, with_validation,
};

#[derive(Deserialize, Validate, JsonSchema)]
struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
}

#[derive(Deserialize, Validate, JsonSchema)]
struct Page {
    #[garde(range(min = 1))]
    page: u32,
}

/// The person named in a field.
#[derive(Clone)]
struct Badge;

#[derive(Clone)]
struct Person {
    is_admin: bool,
}

impl HasScopes for Person {
    fn has_scope(&self, scope: &str) -> bool {
        self.is_admin && scope == "users:write"
    }
}

impl Authenticate for Badge {
    type Principal = Person;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Person>> {
        match head.headers.get("x-badge").map(HeaderValue::as_bytes) {
            Some(b"admin") => Verdict::Verified(Person { is_admin: true }),
            Some(b"member") => Verdict::Verified(Person { is_admin: false }),
            _ => Verdict::Missing,
        }
        .into()
    }

    fn describe(&self, layer: Description) -> Description {
        let field = http::HeaderName::from_static("x-badge");
        let scheme = SecurityScheme::new(SchemeKind::ApiKey, "Badge");
        layer.scheme(scheme.carrier(Carrier::Header(field)))
    }
}

fn badge(name: &'static str) -> impl Fn(&mut Parts) + Send + Sync + 'static {
    move |request| {
        let name = HeaderValue::from_static(name);
        request.headers.insert("x-badge", name);
    }
}

/// Answers requests with a field, as it declares or not.
#[derive(Clone)]
struct Gate {
    declared: Answer,
    sent: Option<Problem>,
}

impl Place for Gate {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        "with_gate"
    }

    fn describe(&self) -> Description {
        Description::new("with_gate").answer(self.declared.clone())
    }
}

impl<B> Middleware<B> for Gate {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        match &self.sent {
            Some(problem) if request.headers().contains_key("x-old") => {
                Step::reply(problem.clone())
            }
            _ => Step::next(request, ()),
        }
    }
}

fn gone() -> Answer {
    Answer::new(StatusCode::GONE)
        .when("to an old client")
        .provoked_by(|request| {
            request
                .headers
                .insert("x-old", HeaderValue::from_static("1"));
        })
}

/// The report of an `Api` with one route behind a gate.
async fn behind(declared: Answer, sent: Option<Problem>) -> ProvokeReport {
    let stack = compose(with(Gate { declared, sent }));
    let api = Api::<()>::new("Gate", "1.0.0")
        .documented()
        .get("/", stack.handler(async || NoContent));
    let provoke = api.provoke();
    provoke.run(api.service(()).unwrap()).await
}

/// The outcome of the answer of the gate.
fn of_gate(report: &ProvokeReport) -> &ProvokeOutcome {
    let mut answers = report.answers().iter();
    answers
        .find(|answer| answer.layer() == "with_gate")
        .unwrap()
        .outcome()
}

async fn create(_: Auth<Person>, user: Valid<wythe::Json<NewUser>>) -> NoContent {
    assert!(!user.name.is_empty());
    NoContent
}

async fn list(page: Valid<Query<Page>>) -> Json<u32> {
    Json(page.page)
}

async fn subscribe(user: Valid<Form<NewUser>>) -> Json<usize> {
    Json(user.name.len())
}

#[tokio::test]
async fn every_answer_of_the_layers_of_this_crate_comes() {
    let quota = Quota::per_hour(3).by_peer().unwrap();
    let create_stack = compose((
        with_rate_limit(quota),
        with_csrf(Csrf::same_origin()),
        with_auth(Badge),
        with_scopes(Scopes::<Person>::all(["users:write"]).unwrap()),
        with_validation::<wythe::Json<NewUser>>().max_body_bytes(100),
    ));
    let list_stack = compose(with_validation::<Query<Page>>());
    let form_stack = compose(with_validation::<Form<NewUser>>());
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .post("/users", create_stack.handler(create))
        .get("/users", list_stack.handler(list))
        .post("/subscribers", form_stack.handler(subscribe))
        .get(
            "/users/{id}",
            compose(()).handler(async |Path(_): Path<u64>| NoContent),
        );
    let provoke = api
        .provoke()
        .credentials("member", [], badge("member"))
        .credentials("admin", ["users:write"], badge("admin"));
    let report = provoke.run(api.service(()).unwrap()).await;
    report.assert_all();
    let came: Vec<_> = report
        .answers()
        .iter()
        .map(|answer| {
            (
                answer.operation(),
                answer.layer(),
                answer.status().as_u16(),
                answer.outcome().clone(),
            )
        })
        .collect();
    let validation = "with_validation";
    let expected = [
        ("POST /users", "with_rate_limit", 429),
        ("POST /users", "with_rate_limit", 500),
        ("POST /users", "with_csrf", 403),
        ("POST /users", "with_auth", 401),
        ("POST /users", "with_scopes", 403),
        ("POST /users", validation, 400),
        ("POST /users", validation, 413),
        ("POST /users", validation, 415),
        ("POST /users", validation, 422),
        ("GET /users", validation, 400),
        ("GET /users", validation, 422),
        ("POST /subscribers", validation, 400),
        ("POST /subscribers", validation, 413),
        ("POST /subscribers", validation, 415),
        ("POST /subscribers", validation, 422),
        ("GET /users/{id}", "Path", 400),
        ("PATCH /users", "Api", 405),
        ("PATCH /subscribers", "Api", 405),
        ("PATCH /users/{id}", "Api", 405),
        ("GET of an unknown path", "Api", 404),
    ];
    let expected = expected.map(|(operation, layer, status)| {
        // Without the address of the peer, which the server has to provide.
        let outcome = match status {
            500 => ProvokeOutcome::Impossible("it is not caused by the request".to_owned()),
            _ => ProvokeOutcome::AsDeclared,
        };
        (operation, layer, status, outcome)
    });
    assert_eq!(came, expected);
}

#[tokio::test]
async fn what_the_test_has_to_supply_is_named_and_fails_it() {
    #[derive(Deserialize, Validate, JsonSchema)]
    struct Coupon {
        #[garde(pattern("^[X-Z]{3}-[7-9]{3}$"))]
        code: String,
    }

    async fn redeem(_: Auth<Person>, coupon: Valid<wythe::Json<Coupon>>) -> String {
        coupon.code.clone()
    }

    let late = Gate {
        declared: gone(),
        sent: None,
    };
    let stack = compose((
        with_auth(Badge),
        with_scopes(Scopes::<Person>::all(["users:write"]).unwrap()),
        with_validation::<wythe::Json<Coupon>>(),
    ));
    let api = Api::<()>::new("Shop", "1.0.0")
        .around(compose(with(late)))
        .documented()
        .post("/coupons", stack.handler(redeem));
    let provoke = api.provoke();
    let report = provoke.run(api.service(()).unwrap()).await;
    let outcome = |report: &ProvokeReport, status: u16| {
        let mut answers = report.answers().iter();
        answers
            .find(|answer| answer.status() == status)
            .unwrap()
            .outcome()
            .clone()
    };
    let names = r#"credentials that pass: `credentials(.., ["users:write"], ..)`"#;
    assert_eq!(
        outcome(&report, 422),
        ProvokeOutcome::Incomplete(names.to_owned())
    );
    assert_eq!(outcome(&report, 401), ProvokeOutcome::AsDeclared);
    let failed = std::panic::catch_unwind(|| report.assert_all()).unwrap_err();
    let text = failed.downcast_ref::<String>().unwrap();
    assert!(text.contains("to be supplied"), "{text}");
    assert!(
        text.contains("410 of `with_gate` to an old client: 401 came"),
        "{text}"
    );
}

#[tokio::test]
async fn a_layer_of_an_application_says_how_its_answer_is_provoked() {
    let report = behind(gone(), Some(Problem::new(StatusCode::GONE))).await;
    report.assert_all();
    assert_eq!(*of_gate(&report), ProvokeOutcome::AsDeclared);

    let report = behind(Answer::new(StatusCode::GONE), None).await;
    let missing = "its layer does not say how: `Answer::provoked_by`".to_owned();
    assert_eq!(*of_gate(&report), ProvokeOutcome::Incomplete(missing));

    let closed = Answer::unavailable();
    let report = behind(closed, None).await;
    report.assert_all();
    let reason = "the service that the layer asks is not down".to_owned();
    assert_eq!(*of_gate(&report), ProvokeOutcome::Impossible(reason));
}

#[tokio::test]
async fn an_answer_that_differs_from_the_declared_one_is_found() {
    let planted = [
        (gone(), None, "204 came"),
        (gone(), Some(Problem::new(StatusCode::CONFLICT)), "409 came"),
        (
            gone(),
            Some(
                Problem::new(StatusCode::GONE)
                    .kind("https://example.com/old")
                    .title("Old"),
            ),
            "the type of the problem is `https://example.com/old`, and not `about:blank`",
        ),
        (
            gone(),
            Some(Problem::new(StatusCode::GONE).extension("since", 2020)),
            "the problem has the undeclared member `since`",
        ),
        (
            gone().field(header::RETRY_AFTER),
            Some(Problem::new(StatusCode::GONE)),
            "it came without `retry-after`",
        ),
    ];
    for (declared, sent, text) in planted {
        let report = behind(declared, sent).await;
        assert_eq!(
            *of_gate(&report),
            ProvokeOutcome::NotAsDeclared(text.to_owned())
        );
        assert!(report.to_string().contains(text), "{report}");
        assert!(std::panic::catch_unwind(|| report.assert_all()).is_err());
    }
}

#[tokio::test]
async fn an_answer_that_is_not_in_the_document_is_found() {
    let report = behind(gone(), Some(Problem::new(StatusCode::CONFLICT))).await;
    let [violation] = report.violations() else {
        panic!("{report}");
    };
    assert_eq!(violation.operation(), "GET /");
    assert_eq!(violation.status(), StatusCode::CONFLICT);

    /// It documents another status than it has.
    struct WrongStatus;

    impl IntoResponse for WrongStatus {
        fn into_response(self) -> Response {
            StatusCode::IM_A_TEAPOT.into_response()
        }
    }

    impl DocumentResponse for WrongStatus {
        fn document(responses: &mut ResponseTypes<'_>) {
            responses.empty(StatusCode::OK);
        }
    }

    let stack = compose(with_rate_limit(Quota::per_hour(2).by_peer().unwrap()));
    let api = Api::<()>::new("Lies", "1.0.0").documented().route(
        Method::PUT,
        "/",
        stack.handler(async || WrongStatus),
    );
    let provoke = api.provoke();
    let report = provoke.run(api.service(()).unwrap()).await;
    assert_eq!(report.violations().len(), 1, "{report}");
    assert!(
        report
            .to_string()
            .contains("PUT / 418: the status is not declared")
    );
}

#[derive(Deserialize, Validate, JsonSchema)]
struct Id {
    #[garde(range(min = 1))]
    id: u32,
}

#[derive(Deserialize, Validate, JsonSchema)]
struct Client {
    #[garde(length(chars, min = 3, max = 20))]
    x_client_id: String,
    #[garde(range(min = 1))]
    x_build: Option<u32>,
}

#[derive(Deserialize, Validate, JsonSchema)]
struct Prefs {
    #[garde(length(chars, min = 2, max = 5))]
    theme: String,
}

type EveryPart = (
    Path<Id>,
    Query<Page>,
    Header<Client>,
    Cookie<Prefs>,
    wythe::Json<NewUser>,
);

#[tokio::test]
async fn each_part_of_a_request_is_provoked() {
    async fn save(
        id: Valid<Path<Id>>,
        page: Valid<Query<Page>>,
        client: Valid<Header<Client>>,
        prefs: Valid<Cookie<Prefs>>,
        user: Valid<wythe::Json<NewUser>>,
    ) -> String {
        format!(
            "{} {} {} {:?} {} {}",
            id.id, page.page, client.x_client_id, client.x_build, prefs.theme, user.name
        )
    }
    let every_part = compose(with_validation::<EveryPart>());
    let maybe = compose(with_validation::<Option<wythe::Json<NewUser>>>());
    let api = Api::<()>::new("Parts", "1.0.0")
        .documented()
        .put("/users/{id}", every_part.handler(save))
        .post(
            "/users",
            maybe.handler(async |_: Valid<Option<wythe::Json<NewUser>>>| NoContent),
        );
    let document = api.openapi().to_value();
    let operation = &document["paths"]["/users/{id}"]["put"];
    let parameters = operation["parameters"].as_array().unwrap();
    let parameters: Vec<_> = parameters
        .iter()
        .map(|parameter| {
            let text = |name: &str| parameter[name].as_str().unwrap();
            (
                text("in"),
                text("name"),
                parameter["required"] == json!(true),
            )
        })
        .collect();
    assert_eq!(
        parameters,
        [
            ("path", "id", true),
            ("query", "page", true),
            ("header", "x-build", false),
            ("header", "x-client-id", true),
            ("cookie", "theme", true),
        ]
    );
    assert_eq!(operation["requestBody"]["required"], true);
    let optional = &document["paths"]["/users"]["post"]["requestBody"];
    assert_eq!(optional["required"], false);

    let provoke = api.provoke();
    let report = provoke.run(api.service(()).unwrap()).await;
    report.assert_all();
    let came = report.answers().iter();
    let came = came.filter(|answer| answer.layer() == "with_validation");
    let came: Vec<_> = came
        .map(|answer| {
            (
                answer.operation(),
                answer.status().as_u16(),
                answer.outcome(),
            )
        })
        .collect();
    let expected = ["PUT /users/{id}", "POST /users"].map(|operation| {
        [400, 413, 415, 422].map(|status| (operation, status, &ProvokeOutcome::AsDeclared))
    });
    assert_eq!(came, expected.concat());
}

#[tokio::test]
async fn a_test_supplies_values_that_no_schema_tells() {
    async fn show(Path(_): Path<u64>, page: Valid<Query<Page>>) -> Result<Json<u32>, Problem> {
        Ok(Json(page.page))
    }
    let stack = compose(with_validation::<Query<Page>>());
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users/{id}", stack.handler(show).operation_id("showUser"));
    let provoke: Provoke = api
        .provoke()
        .path_parameter("id", 7)
        .query("showUser", "page=3")
        .body("other", json!({}))
        .addresses(|_| [127, 0, 0, 1].into());
    let text = format!("{provoke:?}");
    assert!(text.contains("page=3"), "{text}");
    let report = provoke.run(api.service(()).unwrap()).await;
    report.assert_all();
}

/// The outcomes, by operation, layer and status.
fn outcomes(report: &ProvokeReport) -> Vec<(&str, &str, u16, bool)> {
    let answers = report.answers().iter();
    let outcomes = answers.map(|answer| {
        let came = *answer.outcome() == ProvokeOutcome::AsDeclared;
        (
            answer.operation(),
            answer.layer(),
            answer.status().as_u16(),
            came,
        )
    });
    outcomes.collect()
}

#[cfg(feature = "version")]
#[tokio::test]
async fn each_version_is_sent_requests_of_its_own() {
    use wythe::{Versions, with_version};

    let gate = |sent| {
        let gate = compose(with(Gate {
            declared: gone(),
            sent,
        }));
        gate.handler(async || NoContent)
    };
    let new = Some(Problem::new(StatusCode::GONE));
    let of = async |versions: Versions| {
        let api = Api::<()>::new("Versions", "2")
            .around(compose(with_version(versions)))
            .documented()
            // It does not do what it declares.
            .get("/", gate(None).in_versions(["1"]))
            .get("/", gate(new.clone()).in_versions(["2", "3"]))
            .get("/all", compose(()).handler(async || NoContent));
        api.provoke().run(api.service(()).unwrap()).await
    };
    let gates = [
        ("GET / in version 1", "with_gate", 410, false),
        ("GET / in version 2", "with_gate", 410, true),
        ("GET / in version 3", "with_gate", 410, true),
        ("PATCH /", "Api", 405, true),
        ("PATCH /all", "Api", 405, true),
        ("GET of an unknown path", "Api", 404, true),
    ];

    let names = ["1", "2", "3"];
    let by_field = || Versions::by_field("api-version", names).unwrap();
    for versions in [by_field(), by_field().default_version("1").unwrap()] {
        let report = of(versions).await;
        let mut found = outcomes(&report);
        let (refusals, rest): (Vec<_>, Vec<_>) = found
            .drain(..)
            .partition(|answer| answer.1 == "with_version");
        let refused = [
            "GET / in version 1",
            "GET / in version 2",
            "GET / in version 3",
            "GET /all",
        ];
        assert_eq!(
            refusals,
            refused.map(|name| (name, "with_version", 400, true)),
            "{report}"
        );
        assert_eq!(rest, gates, "{report}");
        assert!(report.violations().is_empty(), "{report}");
    }

    let report = of(Versions::by_media_type("vnd.example", names).unwrap()).await;
    let mut found = outcomes(&report);
    let (refusals, rest): (Vec<_>, Vec<_>) = found
        .drain(..)
        .partition(|answer| answer.1 == "with_version");
    let of_all = refusals.iter().filter(|answer| answer.0 == "GET /all");
    let of_all: Vec<_> = of_all.map(|answer| (answer.2, answer.3)).collect();
    assert_eq!(of_all, [(406, true), (415, true), (400, true)], "{report}");
    assert!(refusals.iter().all(|answer| answer.3), "{report}");
    assert_eq!(rest, gates, "{report}");
}

#[cfg(feature = "deprecation")]
#[tokio::test]
async fn a_sunset_that_has_passed_is_the_answer_to_all_requests() {
    use wythe::{Deprecation, with_deprecation};

    for (sunset, is_over) in [("2024-01-31", true), ("2099-01-31", false)] {
        let old = Deprecation::since("2023-07-01")
            .and_then(|old| old.sunset(sunset))
            .and_then(Deprecation::gone_after_sunset)
            .unwrap();
        let stack = compose((with_deprecation(old), with_validation::<Query<Page>>()));
        let api = Api::<()>::new("Old", "1.0.0")
            .documented()
            .get("/", stack.handler(list));
        let report = api.provoke().run(api.service(()).unwrap()).await;
        report.assert_all();
        let found = outcomes(&report);
        let validation = "with_validation";
        let expected = [
            ("GET /", "with_deprecation", 410, is_over),
            ("GET /", validation, 400, !is_over),
            ("GET /", validation, 422, !is_over),
        ];
        assert_eq!(found[..3], expected, "{report}");
    }
}
