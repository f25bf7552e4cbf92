//! The document as a whole: names, tags, options, modes.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use garde::Validate;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wythe::{
    Api, Created, FinishedApi, Form, NoContent, Path, Problem, Query, SessionCookie, SetCookie,
    Valid,
    api::{
        Concern,
        openapi::{DocumentResponse, Documented, Parameter, ResponseTypes},
    },
    compose,
    description::Answer,
    layer, with_presentation, with_presentation_as, with_validation,
};

use super::assert_references_resolve;

#[derive(Serialize, JsonSchema)]
struct User {
    id: u64,
}

async fn list() -> Json<Vec<User>> {
    Json(Vec::new())
}

async fn show(Path(id): Path<u64>) -> Json<User> {
    Json(User { id })
}

mod admin {
    use axum::Json;

    use super::User;

    pub(super) async fn list() -> Json<Vec<User>> {
        Json(Vec::new())
    }
}

fn operation<'a>(document: &'a Value, path: &str, method: &str) -> &'a Value {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} in {document:#}");
    operation
}

#[test]
fn an_operation_is_named_after_its_handler() {
    let document = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users/{id}", compose(()).handler(show))
        .openapi()
        .to_value();
    let show = operation(&document, "/users/{id}", "get");
    assert_eq!(show["operationId"], "show");
    assert_eq!(show["summary"], "Show");
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["info"],
        json!({ "title": "Users", "version": "1.0.0" })
    );
}

#[test]
fn handlers_of_the_same_name_are_told_apart_by_their_modules() {
    let empty = compose(());
    let document = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users", empty.handler(list))
        .get("/admin/users", empty.handler(admin::list))
        .get("/users/all", empty.handler(list))
        .get("/closure", empty.handler(|| async { "closure" }))
        .openapi()
        .to_value();
    let id = |path: &str| {
        operation(&document, path, "get")["operationId"]
            .as_str()
            .unwrap()
    };
    assert_eq!(id("/admin/users"), "admin_list");
    // The same function twice: only the paths differ.
    assert_eq!(id("/users"), "get_users");
    assert_eq!(id("/users/all"), "get_users_all");
    assert_eq!(id("/closure"), "get_closure");
}

#[test]
fn routes_whose_paths_have_the_same_words_have_different_ids() {
    let empty = compose(());
    let document = Api::<()>::new("Users", "1.0.0")
        .get("/users/{id}", empty.handler(|| async { "one" }))
        .get("/users/id", empty.handler(|| async { "two" }))
        .get("/users/id/2", empty.handler(|| async { "three" }))
        .get("/posts/{id}", empty.handler(list))
        .get("/posts/id", empty.handler(list))
        .get("/given", empty.handler(list).operation_id("get_posts_id"))
        .get("/named", empty.handler(show).operation_id("list"))
        .openapi()
        .to_value();
    let id = |path: &str| {
        operation(&document, path, "get")["operationId"]
            .as_str()
            .unwrap()
    };
    assert_eq!(id("/users/{id}"), "get_users_id");
    assert_eq!(id("/users/id"), "get_users_id_3");
    assert_eq!(id("/users/id/2"), "get_users_id_2");
    // The ids that the application gives are kept.
    assert_eq!((id("/given"), id("/named")), ("get_posts_id", "list"));
    assert_eq!(id("/posts/{id}"), "get_posts_id_2");
    assert_eq!(id("/posts/id"), "get_posts_id_3");
}

#[test]
fn a_route_says_what_no_type_tells() {
    async fn create(State(()): State<()>) -> Result<Created<User>, Problem> {
        Err(Problem::new(StatusCode::CONFLICT))
    }
    let create = compose(())
        .handler(create)
        .operation_id("createUser")
        .summary("Create a user")
        .description("Names are unique.")
        .tag("Users")
        .deprecated()
        .answers(Answer::new(StatusCode::CONFLICT).when("when the name is taken"))
        .parameter(
            Parameter::header::<String>("x-tenant")
                .required()
                .description("The tenant."),
        )
        .parameter(Parameter::query::<bool>("dry_run"))
        .request_body::<User2>("application/json");
    let document = Api::<()>::new("Users", "1.0.0")
        .documented()
        .put("/users", create)
        .openapi()
        .to_value();
    let create = operation(&document, "/users", "put");
    assert_eq!(create["operationId"], "createUser");
    assert_eq!(create["summary"], "Create a user");
    assert_eq!(create["description"], "Names are unique.");
    assert_eq!(create["tags"], json!(["Users"]));
    assert_eq!(create["deprecated"], true);
    assert_eq!(
        create["parameters"],
        json!([
            { "in": "query", "name": "dry_run", "schema": { "type": "boolean" } },
            {
                "in": "header", "name": "x-tenant", "required": true,
                "description": "The tenant.", "schema": { "type": "string" }
            }
        ])
    );
    let conflict = &create["responses"]["409"];
    assert_eq!(conflict["description"], "Conflict, when the name is taken.");
    let schema = &conflict["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/ConflictProblem");
    assert!(
        create["responses"]["default"].is_object(),
        "it may be any problem"
    );
    assert!(create["responses"]["201"]["headers"]["Location"].is_object());
    assert!(create["requestBody"]["content"]["application/json"].is_object());
    assert_eq!(document["tags"], json!([{ "name": "Users" }]));
    assert_references_resolve(&document);
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct User2 {
    name: String,
}

#[test]
fn a_nested_api_is_a_tag() {
    fn admin() -> FinishedApi<(), (), Documented> {
        Api::new("Administration", "1.0.0")
            .documented()
            .get("/users", compose(()).handler(admin::list))
            .finish()
    }
    let document = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users", compose(()).handler(list))
        .nest("/admin", admin())
        .openapi()
        .tag_description("Administration", "For staff.")
        .server("https://api.example.com", "production")
        .license("MIT", "MIT")
        .contact("Us", "https://example.com")
        .description("All about users.")
        .to_value();
    let nested = operation(&document, "/admin/users", "get");
    assert_eq!(nested["tags"], json!(["Administration"]));
    assert_eq!(operation(&document, "/users", "get").get("tags"), None);
    assert_eq!(
        document["tags"],
        json!([{ "name": "Administration", "description": "For staff." }])
    );
    assert_eq!(
        document["servers"],
        json!([{ "url": "https://api.example.com", "description": "production" }])
    );
    assert_eq!(
        document["info"]["license"],
        json!({ "name": "MIT", "identifier": "MIT" })
    );
}

#[test]
fn parameters_of_the_path_have_the_types_of_the_handler() {
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Names {
        team: String,
        number: u8,
    }
    async fn by_names(Path(_): Path<Names>) {}
    async fn in_order(Path(_): Path<(String, u8)>) {}
    async fn nothing() {}
    let empty = compose(());
    let document = Api::<()>::new("Teams", "1.0.0")
        .documented()
        .get("/a/{team}/{number}", empty.handler(by_names))
        .get("/b/{team}/{number}", empty.handler(in_order))
        .get("/c/{team}/{*rest}", empty.handler(nothing))
        .openapi()
        .to_value();
    let number = json!({
        "in": "path", "name": "number", "required": true,
        "schema": { "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255 }
    });
    for path in ["/a/{team}/{number}", "/b/{team}/{number}"] {
        let operation = operation(&document, path, "get");
        assert_eq!(operation["parameters"][1], number, "{path}");
        assert!(operation["responses"]["400"].is_object(), "{path}");
    }
    let rest = &operation(&document, "/c/{team}/{rest}", "get")["parameters"][1];
    assert_eq!(rest["name"], "rest");
    assert_eq!(
        rest["description"],
        "The rest of the path: it may contain `/`."
    );
}

#[test]
fn parameters_of_an_undocumented_route_have_the_types_that_parse() {
    async fn in_order(Path(_): Path<(String, u8)>) {}
    let document = Api::<()>::new("Teams", "1.0.0")
        .undocumented("its types have no schemas", |api| {
            api.get("/{team}/{number}", compose(()).handler(in_order))
        })
        .openapi()
        .to_value();
    let parameters = &operation(&document, "/{team}/{number}", "get")["parameters"];
    assert_eq!(parameters[0]["schema"], json!({ "type": "string" }));
    let byte = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
    assert_eq!(parameters[1]["schema"], byte);
}

#[test]
fn a_method_that_openapi_does_not_know_is_an_extension() {
    #[derive(Deserialize, Validate, JsonSchema)]
    struct Filter {
        #[garde(skip)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        text: Option<String>,
    }
    async fn search(_: Valid<Query<Filter>>) -> Json<Vec<User>> {
        Json(Vec::new())
    }
    let query = Method::from_bytes(b"QUERY").unwrap();
    let search = compose(with_validation::<Query<Filter>>()).handler(search);
    let document = Api::<()>::new("Users", "1.0.0")
        .documented()
        .route(query, "/users", search)
        .openapi()
        .to_value();
    let operation = operation(&document, "/users", "x-query");
    assert_eq!(operation["operationId"], "search");
}

#[test]
fn nested_keys_and_rejected_names_are_documented() {
    #[derive(Deserialize, Validate, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Place {
        #[garde(skip)]
        city: String,
    }
    #[derive(Deserialize, Validate, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Filter {
        #[garde(dive)]
        place: Option<Place>,
        #[garde(skip)]
        text: String,
    }
    async fn search(_: Valid<Query<Filter>>) -> NoContent {
        NoContent
    }
    async fn create(_: Valid<Form<Filter>>) -> NoContent {
        NoContent
    }
    let search = compose(with_validation::<Query<Filter>>().nested_keys()).handler(search);
    let form = with_validation::<Form<Filter>>();
    let create = compose(form.nested_keys().reject_unknown_names()).handler(create);
    let document = Api::<()>::new("Places", "1.0.0")
        .documented()
        .get("/places", search)
        .post("/places", create)
        .openapi()
        .to_value();
    let parameters = &operation(&document, "/places", "get")["parameters"];
    assert_eq!(parameters[0]["name"], "place");
    assert_eq!(parameters[0]["style"], "deepObject");
    assert_eq!(parameters[0]["explode"], true);
    assert_eq!(parameters[1]["style"], Value::Null);
    let body = &operation(&document, "/places", "post")["requestBody"];
    let form = &body["content"]["application/x-www-form-urlencoded"];
    assert_eq!(
        form["encoding"],
        json!({ "place": { "style": "deepObject", "explode": true } })
    );
    assert_eq!(form["schema"]["unevaluatedProperties"], false);
}

#[test]
fn what_is_not_documented_says_why() {
    async fn opaque() -> Response {
        Response::default()
    }
    let empty = compose(());
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users", empty.handler(list))
        .undocumented("it streams", |api| {
            api.get("/opaque", empty.handler(opaque))
        })
        .public("files", |open| {
            open.undocumented("the router has its own page", |open| {
                open.router("/files", axum::Router::new())
            })
        });
    let document = api.openapi().to_value();
    let opaque = operation(&document, "/opaque", "get");
    assert_eq!(opaque["x-undocumented"], "it streams");
    assert!(opaque["responses"]["default"].is_object());
    let audit = api.audit();
    let reasons: Vec<_> = audit
        .routes
        .iter()
        .map(|route| route.undocumented_reason())
        .collect();
    assert_eq!(
        reasons,
        [
            None,
            Some("it streams"),
            Some("the router has its own page")
        ]
    );
    let printed = audit.to_string();
    assert!(printed.contains("`GET /opaque`"), "{printed}");
    assert!(printed.contains("it streams"), "{printed}");
}

#[test]
fn without_documented_an_api_takes_any_type_and_the_audit_says_so() {
    async fn opaque() -> Response {
        Response::default()
    }
    let api = Api::<()>::new("Users", "1.0.0").get("/opaque", compose(()).handler(opaque));
    let document = api.openapi().to_value();
    assert_eq!(
        operation(&document, "/opaque", "get")["x-undocumented"],
        true
    );
    let audit = api.audit();
    assert!(!audit.routes[0].is_documented());
}

#[test]
fn an_empty_reason_and_a_repeated_id_are_findings() {
    let empty = compose(());
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/a", empty.handler(list).operation_id("same"))
        .get("/b", empty.handler(list).operation_id("same"))
        .undocumented(" ", |api| api);
    let findings: Vec<_> = api.check().iter().map(ToString::to_string).collect();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(
        findings.iter().any(|finding| finding.contains("`same`")),
        "{findings:?}"
    );
}

/// `allow` and the options of the document go together.
#[test]
fn options_do_not_replace_each_other() {
    let handler = compose(())
        .handler(list)
        .summary("All users")
        .allow(Concern::NoLimit, "it is cheap")
        .tag("Users");
    let document = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users", handler)
        .openapi()
        .to_value();
    let list = operation(&document, "/users", "get");
    assert_eq!(
        (&list["summary"], &list["tags"]),
        (&json!("All users"), &json!(["Users"]))
    );
}

/// Of the parts of a response that the type does not tell, and of layers that say nothing of themselves.
#[test]
fn what_is_not_known_is_not_denied() {
    async fn csv() -> ([(HeaderName, &'static str); 1], &'static str) {
        ([(header::CONTENT_TYPE, "text/csv")], "a,b")
    }
    async fn any_status() -> StatusCode {
        StatusCode::IM_A_TEAPOT
    }
    async fn any_problem() -> Problem {
        Problem::new(StatusCode::GONE)
    }
    async fn plain() -> Result<(), NotDescribed> {
        Err(NotDescribed)
    }
    let problem = "application/problem+json";
    let bare = compose(());
    let foreign = compose(layer(tower::layer::util::Identity::new()));
    let own = compose(with_presentation_as(|_, _| {
        (HeaderValue::from_static("text/plain"), Bytes::new())
    }));
    let document = Api::<()>::new("Unknown", "1.0.0")
        .documented()
        .get("/csv", bare.handler(csv))
        .get("/status", bare.handler(any_status))
        .get(
            "/status/problem",
            compose(with_presentation()).handler(any_status),
        )
        .get("/problem", bare.handler(any_problem))
        .get("/problem/own", own.handler(any_problem))
        .get("/plain", bare.handler(plain))
        .get("/foreign", foreign.handler(list))
        .get("/{{brace}}", bare.handler(list))
        .openapi()
        .to_value();
    let content = |path: &str, status: &str| {
        let content = operation(&document, path, "get")["responses"][status].get("content");
        let types = content
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|types| types.keys());
        types.map(String::as_str).collect::<Vec<_>>()
    };
    assert_eq!(content("/csv", "200"), ["*/*", "text/plain"]);
    assert_eq!(content("/status", "default"), Vec::<&str>::new());
    assert_eq!(content("/status/problem", "default"), [problem]);
    assert_eq!(content("/problem", "default"), [problem]);
    assert_eq!(content("/problem/own", "default"), ["*/*"]);
    assert_eq!(content("/plain", "409"), ["*/*"]);
    assert_eq!(content("/foreign", "default"), ["*/*"]);
    // A template has no way to write a brace.
    assert_eq!(document["paths"].as_object().unwrap().len(), 7);
}

#[test]
fn a_cookie_of_a_response_is_a_field_of_it() {
    async fn set() -> SetCookie {
        SetCookie::removal("theme").unwrap()
    }
    async fn set_with_content() -> (SetCookie, Json<User>) {
        (SetCookie::removal("theme").unwrap(), Json(User { id: 1 }))
    }
    async fn sign_out() -> Result<SessionCookie, Problem> {
        Err(Problem::new(StatusCode::GONE))
    }
    let bare = compose(());
    let document = Api::<()>::new("Cookies", "1.0.0")
        .documented()
        .get("/set", bare.handler(set))
        .get("/set/content", bare.handler(set_with_content))
        .get("/sign-out", bare.handler(sign_out))
        .openapi()
        .to_value();
    for path in ["/set", "/set/content", "/sign-out"] {
        let response = &operation(&document, path, "get")["responses"]["200"];
        let fields = response["headers"].as_object().unwrap();
        assert!(fields.contains_key("Set-Cookie"), "{path}: {response}");
    }
}

struct NotDescribed;

impl IntoResponse for NotDescribed {
    fn into_response(self) -> Response {
        (StatusCode::CONFLICT, "taken").into_response()
    }
}

impl DocumentResponse for NotDescribed {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.problem(Answer::new(StatusCode::CONFLICT).plain());
    }
}

/// [`with_presentation`] makes problems of errors that are empty or in plain text, and of no others.
#[test]
fn errors_inside_a_presentation_are_what_the_client_gets() {
    struct Errors;
    impl IntoResponse for Errors {
        fn into_response(self) -> Response {
            (StatusCode::CONFLICT, "taken").into_response()
        }
    }
    impl DocumentResponse for Errors {
        fn document(responses: &mut ResponseTypes<'_>) {
            responses.content(
                StatusCode::CONFLICT,
                "text/plain",
                json!({ "type": "string" }),
            );
            responses.empty(StatusCode::GONE);
            responses.json::<u8>(StatusCode::IM_A_TEAPOT);
        }
    }
    async fn fail() -> Result<String, Errors> {
        Err(Errors)
    }
    let own = with_presentation_as(|_, _| (HeaderValue::from_static("text/html"), Bytes::new()));
    let document = Api::<()>::new("Errors", "1.0.0")
        .documented()
        .get("/as-sent", compose(()).handler(fail))
        .get("/problems", compose(with_presentation()).handler(fail))
        .get("/own", compose(own).handler(fail))
        .openapi()
        .to_value();
    let content = |path: &str, status: &str| {
        let content = operation(&document, path, "get")["responses"][status].get("content");
        let types = content
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|types| types.keys());
        types.map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    for (path, conflict, gone) in [
        ("/as-sent", "text/plain", ""),
        (
            "/problems",
            "application/problem+json",
            "application/problem+json",
        ),
        ("/own", "*/*", "*/*"),
    ] {
        assert_eq!(content(path, "200"), "text/plain", "{path}");
        assert_eq!(content(path, "409"), conflict, "{path}");
        assert_eq!(content(path, "410"), gone, "{path}");
        assert_eq!(content(path, "418"), "application/json", "{path}");
    }
}

/// By the names of their types, which a move would change.
#[cfg(feature = "cookies")]
#[test]
fn extractors_that_take_every_request_are_known() {
    use http::{HeaderMap, Uri};

    async fn takes_all(_: State<()>, _: Method, _: Uri, _: HeaderMap, _: wythe::Cookies) {}
    async fn may_refuse(_: axum::extract::Query<u8>) {}
    let empty = compose(());
    let document = Api::<()>::new("Extractors", "1.0.0")
        .documented()
        .get("/takes-all", empty.handler(takes_all))
        .get("/may-refuse", empty.handler(may_refuse))
        .openapi()
        .to_value();
    let default = |path: &str| operation(&document, path, "get")["responses"].get("default");
    assert_eq!(default("/takes-all"), None);
    assert!(default("/may-refuse").is_some());
}

#[test]
fn queries_and_forms_have_no_null() {
    #[derive(Deserialize, Validate, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Filter {
        #[garde(skip)]
        sort: Option<Sort>,
        #[garde(skip)]
        tags: Option<Vec<u8>>,
    }
    #[derive(Deserialize, JsonSchema)]
    enum Sort {
        Up,
        Down,
    }
    async fn by_query(_: Valid<Query<Filter>>) {}
    async fn by_form(_: Valid<Form<Filter>>) {}
    let document = Api::<()>::new("Filters", "1.0.0")
        .documented()
        .get(
            "/query",
            compose(with_validation::<Query<Filter>>()).handler(by_query),
        )
        .get(
            "/form",
            compose(with_validation::<Form<Filter>>()).handler(by_form),
        )
        .openapi()
        .to_value();
    let query = operation(&document, "/query", "get")["parameters"].to_string();
    let form = operation(&document, "/form", "get")["requestBody"].to_string();
    for part in [query, form] {
        assert!(part.contains("#/components/schemas/Sort"), "{part}");
        assert!(!part.contains("null"), "{part}");
    }
}

#[test]
fn the_route_of_the_document_has_a_name() {
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/users", compose(()).handler(list));
    let document = api.openapi();
    let document = api
        .get("/openapi.json", compose(()).handler(document.handler()))
        .openapi()
        .to_value();
    let id = &operation(&document, "/openapi.json", "get")["operationId"];
    assert_eq!(id, "get_openapi_json");
}

#[test]
fn types_of_problems_are_listed_with_their_texts() {
    const TAKEN: &str = "https://api.example.com/problems#name-taken";
    let taken = Answer::new(StatusCode::CONFLICT)
        .kind(TAKEN)
        .when("when the name is taken");
    let document = Api::<()>::new("<Users>", "1.0.0")
        .documented()
        .get("/users", compose(()).handler(list).answers(taken))
        .openapi();
    assert_eq!(
        document.to_value()["x-problem-types"],
        json!([{ "type": TAKEN, "statuses": [409], "when": ["when the name is taken"] }])
    );
    let types = document
        .problem_types()
        .describe(TAKEN, "Names are unique & short.");
    assert_eq!(types.uris().collect::<Vec<_>>(), [TAKEN]);
    let page = types.to_string();
    for part in [
        "<title>&lt;Users&gt;: problems</title>",
        "<section id=\"name-taken\">",
        "<p>Names are unique &amp; short.</p>",
        "<li>when the name is taken</li>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

/// `TimeoutLayer` sends an empty 408, and `with_presentation` makes a problem of it.
#[cfg(all(feature = "presentation", feature = "tower-http"))]
#[test]
fn errors_inside_with_presentation_are_problems() {
    use std::time::Duration;

    use tower_http::timeout::TimeoutLayer;
    use wythe::with_presentation;

    let timeout = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::MAX);
    let document = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get(
            "/inside",
            compose((with_presentation(), timeout)).handler(list),
        )
        .get("/alone", compose(timeout).handler(admin::list))
        .openapi()
        .to_value();
    let content = |path| &operation(&document, path, "get")["responses"]["408"]["content"];
    assert!(content("/inside")["application/problem+json"].is_object());
    assert!(content("/alone").is_null());
}

#[test]
fn a_handler_of_the_whole_request_has_a_body_where_the_method_gives_it_a_meaning() {
    async fn forward(_: axum::extract::Request) -> NoContent {
        NoContent
    }
    async fn remove(_: Bytes) -> NoContent {
        NoContent
    }
    let stack = compose(());
    let document = Api::<()>::new("Forwarding", "1.0.0")
        .documented()
        .get("/", stack.clone().handler(forward))
        .delete("/", stack.clone().handler(forward))
        .delete("/by-body", stack.clone().handler(remove))
        .put("/", stack.clone().handler(forward))
        .post("/", stack.handler(forward))
        .openapi()
        .to_value();
    for (method, has_body) in [
        ("get", false),
        ("delete", false),
        ("put", true),
        ("post", true),
    ] {
        let operation = operation(&document, "/", method);
        let body = operation.get("requestBody");
        assert_eq!(body.is_some(), has_body, "{method}: {operation:#}");
    }
    // An extractor reads it, whatever the method means.
    let by_body = operation(&document, "/by-body", "delete");
    assert!(by_body.get("requestBody").is_some(), "{by_body:#}");
}
